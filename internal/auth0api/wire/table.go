package wire

import (
	"net/http"

	"countersign/internal/fault"
)

type row struct {
	status        int
	code, message string
}

// codes of the original that several rows share.
const (
	invalidBody  = "invalid_body"
	invalidToken = "invalid_token"
	unsupported  = "operation_not_supported"
)

// table words every fault as the Management API does. What end users alone can bring about stands here, too: an administrator's call that runs into
// it gets a status that is true.
var table = func() map[fault.Code]row {
	out := make(map[fault.Code]row, 100)
	for _, group := range []map[fault.Code]row{generalRows(), scriptRows(), userRows(), factorRows(), callerRows(), keyRows(), smsRows()} {
		for code, r := range group {
			out[code] = r
		}
	}
	return out
}()

func generalRows() map[fault.Code]row {
	return map[fault.Code]row{
		fault.InternalError:          {http.StatusInternalServerError, "", "Internal error"},
		fault.InvalidParameter:       {http.StatusBadRequest, invalidBody, "Invalid parameter."},
		fault.UnsupportedOperation:   {http.StatusBadRequest, unsupported, "This is not supported here."},
		fault.ConcurrentModification: {http.StatusConflict, "concurrent_modification", "The resource was changed at the same time, please try again."},
		fault.Overloaded:             {http.StatusTooManyRequests, "too_many_requests", "Too Many Requests"},
		fault.RateExceeded:           {http.StatusTooManyRequests, "too_many_requests", "Too Many Requests"},
		fault.PoolNotFound:           {http.StatusNotFound, "inexistent_tenant", "The tenant does not exist."},
		fault.ClientNotFound:         {http.StatusNotFound, "inexistent_client", "The client does not exist"},
		fault.ResourceNotFound:       {http.StatusNotFound, "", "Not Found"},
		fault.ResourceExists:         {http.StatusConflict, "", "A resource of this name exists already."},
		fault.PoolProtected:          {http.StatusBadRequest, unsupported, "The tenant is protected against deletion."},
		fault.TooMany:                {http.StatusForbidden, "too_many_entities", "You have reached the maximum number of entities of this kind."},
		fault.PayloadTooLarge:        {http.StatusRequestEntityTooLarge, "payload_too_large", "The request is too large."},
		fault.DestinationRefused:     {http.StatusBadRequest, "destination_refused", "Messages to this destination are refused."},
		fault.CodeCheckFailed:        {http.StatusServiceUnavailable, "code_check_failed", "The code cannot be checked now."},
		fault.DeliveryFailed:         {http.StatusBadRequest, "error_sending", "The message could not be sent."},
	}
}

func scriptRows() map[fault.Code]row {
	return map[fault.Code]row{
		fault.ScriptInvalid:        {http.StatusBadRequest, "script_invalid", "The code cannot be compiled."},
		fault.ModuleRefused:        {http.StatusBadRequest, "module_refused", "A module cannot be installed."},
		fault.ModulesUnavailable:   {http.StatusServiceUnavailable, "modules_unavailable", "Modules cannot be installed now."},
		fault.ConfirmationNeeded:   {http.StatusBadRequest, "confirmation_needed", "Modules that are only days old must be confirmed with confirm_modules."},
		fault.TemplateInvalid:      {http.StatusBadRequest, "invalid_template", "The template cannot be used."},
		fault.TriggerRefused:       {http.StatusBadRequest, "trigger_refused", "A trigger refused."},
		fault.TriggerFailed:        {http.StatusBadGateway, "trigger_failed", "A trigger failed."},
		fault.TriggerAnswerInvalid: {http.StatusBadGateway, "trigger_failed", "A trigger gave an answer that cannot be understood."},
	}
}

func userRows() map[fault.Code]row {
	return map[fault.Code]row{
		fault.UserNotFound:             {http.StatusNotFound, "inexistent_user", "The user does not exist."},
		fault.ResetUserNotFound:        {http.StatusNotFound, "inexistent_user", "The user does not exist."},
		fault.UsernameTaken:            {http.StatusConflict, "auth0_idp_error", "The user already exists."},
		fault.SignInNameTaken:          {http.StatusConflict, "auth0_idp_error", "The user already exists."},
		fault.AliasTaken:               {http.StatusConflict, "auth0_idp_error", "The specified new email or phone number already exists"},
		fault.UserDisabled:             {http.StatusForbidden, unsupported, "The user is blocked."},
		fault.UserNotConfirmed:         {http.StatusBadRequest, unsupported, "The user is not confirmed."},
		fault.UserAlreadyConfirmed:     {http.StatusBadRequest, unsupported, "The user is confirmed already."},
		fault.ResendAlreadyConfirmed:   {http.StatusBadRequest, unsupported, "The user is confirmed already."},
		fault.NothingToVerify:          {http.StatusBadRequest, unsupported, "There is nothing to verify."},
		fault.UserStateUnsupported:     {http.StatusBadRequest, unsupported, "The user's status does not allow this."},
		fault.SignUpForbidden:          {http.StatusForbidden, unsupported, "Public sign-up is disabled."},
		fault.AttributeNotWritable:     {http.StatusBadRequest, invalidBody, "An attribute is not writable."},
		fault.WrongCredentials:         {http.StatusUnauthorized, "invalid_grant", "Wrong email or password."},
		fault.PasswordLocked:           {http.StatusTooManyRequests, "too_many_attempts", "The account has been blocked after too many login attempts."},
		fault.PasswordResetRequired:    {http.StatusBadRequest, unsupported, "The password must be changed."},
		fault.TemporaryPasswordExpired: {http.StatusBadRequest, unsupported, "The invitation has expired."},
		fault.PasswordPolicy:           {http.StatusBadRequest, invalidBody, "PasswordStrengthError: Password is too weak"},
		fault.PasswordReused:           {http.StatusBadRequest, invalidBody, "PasswordHistoryError: Password has previously been used"},
		fault.ResetNotPossible:         {http.StatusBadRequest, unsupported, "The user has no verified contact."},
		fault.ResetWrongState:          {http.StatusBadRequest, unsupported, "The user's status does not allow this."},
		fault.ResetByAdminOnly:         {http.StatusBadRequest, unsupported, "Only administrators reset passwords here."},
	}
}

func factorRows() map[fault.Code]row {
	return map[fault.Code]row{
		fault.CodeMismatch:          {http.StatusForbidden, "invalid_otp", "The code is wrong."},
		fault.ChallengeCodeMismatch: {http.StatusForbidden, "invalid_otp", "The code is wrong."},
		fault.CodeResent:            {http.StatusBadRequest, unsupported, "A new code was sent."},
		fault.CodeExpired:           {http.StatusForbidden, "transaction_expired", "The code has expired."},
		fault.AttemptLimit:          {http.StatusTooManyRequests, "too_many_attempts", "Too many attempts. Wait for some minutes before retrying."},
		fault.MFATokenInvalid:       {http.StatusForbidden, "invalid_grant", "Malformed mfa_token"},
		fault.MFATokenExpired:       {http.StatusForbidden, "expired_token", "mfa_token is expired"},
		fault.OOBCodeInvalid:        {http.StatusForbidden, "invalid_grant", "Malformed oob_code"},
		fault.OOBCodeExpired:        {http.StatusForbidden, "expired_token", "oob_code is expired"},
		fault.OTPWrong:              {http.StatusForbidden, "invalid_otp", "Invalid otp_code."},
		fault.RecoveryCodeWrong:     {http.StatusForbidden, "invalid_recovery_code", "The recovery code is wrong."},
		fault.ChallengeUnsupported:  {http.StatusBadRequest, "unsupported_challenge_type", "None of the challenge types is available."},
		fault.AssociationRequired:   {http.StatusBadRequest, "not_enrolled", "The user has no factor."},
		fault.AlreadyEnrolled:       {http.StatusConflict, "already_enrolled", "The user is already enrolled."},
		fault.SessionInvalid:        {http.StatusForbidden, "invalid_session", "The transaction is not known."},
		fault.SessionExpired:        {http.StatusForbidden, "transaction_expired", "The transaction has expired."},
		fault.SessionUsed:           {http.StatusForbidden, "invalid_session", "The transaction was completed before."},
		fault.TotpNotFound:          {http.StatusNotFound, "not_enrolled", "The user has no authenticator app."},
		fault.TotpNotEnabled:        {http.StatusBadRequest, "enrollment_method_disabled", "Authenticator apps are not enabled."},
		fault.TotpMismatch:          {http.StatusForbidden, "invalid_otp", "The code is wrong."},
		fault.MfaMethodNotFound:     {http.StatusNotFound, "method_not_found", "The factor does not exist."},
		fault.FactorNotReady:        {http.StatusBadRequest, "not_enrolled", "The user has not set up this factor."},
	}
}

func callerRows() map[fault.Code]row {
	return map[fault.Code]row{
		fault.SecretHashMissing:    {http.StatusUnauthorized, "invalid_client", "Unauthorized"},
		fault.SecretHashWrong:      {http.StatusUnauthorized, "invalid_client", "Unauthorized"},
		fault.ClientSecretWrong:    {http.StatusUnauthorized, "invalid_client", "Unauthorized"},
		fault.FlowNotEnabled:       {http.StatusForbidden, "unauthorized_client", "The client may not use this flow."},
		fault.FlowNotSupported:     {http.StatusBadRequest, unsupported, "The flow is not supported."},
		fault.GrantNotAllowed:      {http.StatusForbidden, "unauthorized_client", "The client may not use this grant type."},
		fault.LoginRefused:         {http.StatusForbidden, "access_denied", "The sign-in was denied."},
		fault.AccessTokenInvalid:   {http.StatusUnauthorized, invalidToken, "Invalid token"},
		fault.AccessTokenExpired:   {http.StatusUnauthorized, invalidToken, "Expired token received for JSON Web Token validation"},
		fault.AccessTokenRevoked:   {http.StatusUnauthorized, invalidToken, "Invalid token"},
		fault.AccessTokenScope:     {http.StatusForbidden, "insufficient_scope", "Insufficient scope"},
		fault.RefreshTokenInvalid:  {http.StatusForbidden, "invalid_grant", "Unknown or invalid refresh token."},
		fault.RefreshTokenExpired:  {http.StatusForbidden, "invalid_grant", "Unknown or invalid refresh token."},
		fault.RefreshTokenRevoked:  {http.StatusForbidden, "invalid_grant", "Unknown or invalid refresh token."},
		fault.RefreshTokenReused:   {http.StatusForbidden, "invalid_grant", "Unknown or invalid refresh token."},
		fault.TokenTypeUnsupported: {http.StatusBadRequest, unsupported, "The token is not of this type."},
		fault.RevocationDisabled:   {http.StatusBadRequest, unsupported, "Revocation is disabled."},
		fault.AccessDenied:         {http.StatusForbidden, "insufficient_scope", "Insufficient scope"},
		fault.Unauthenticated:      {http.StatusUnauthorized, "", "Missing authentication"},
		fault.SignatureWrong:       {http.StatusUnauthorized, invalidToken, "Invalid token"},
		fault.AccessKeyUnknown:     {http.StatusUnauthorized, invalidToken, "Invalid token"},
		fault.OriginForbidden:      {http.StatusForbidden, "access_denied", "Other origins may not call this API."},
	}
}

// smsRows are of the SMS account, which this wire does not reach.
func smsRows() map[fault.Code]row {
	return map[fault.Code]row{
		fault.OptedOut:               {http.StatusBadRequest, "destination_refused", "The number does not want texts."},
		fault.DestinationNotVerified: {http.StatusBadRequest, "destination_refused", "The number is not verified."},
		fault.VerificationComplete:   {http.StatusConflict, unsupported, "The number is verified already."},
		fault.OriginationRefused:     {http.StatusBadRequest, "destination_refused", "No origination identity may send this."},
		fault.SpendLimitReached:      {http.StatusTooManyRequests, "too_many_requests", "The limit of this month is reached."},
		fault.PriceTooHigh:           {http.StatusBadRequest, invalidBody, "The message costs too much."},
		fault.TooSoon:                {http.StatusTooManyRequests, "too_many_requests", "This may be done later."},
	}
}

func keyRows() map[fault.Code]row {
	return map[fault.Code]row{
		fault.KeyDisabled:       {http.StatusBadRequest, unsupported, "The KMS key is disabled."},
		fault.KeyStateInvalid:   {http.StatusBadRequest, unsupported, "The KMS key is pending deletion."},
		fault.KeyUsageWrong:     {http.StatusBadRequest, unsupported, "The KMS key must be a symmetric encryption key."},
		fault.CiphertextInvalid: {http.StatusBadRequest, invalidBody, "The ciphertext is invalid."},
		fault.KeyIncorrect:      {http.StatusBadRequest, invalidBody, "The KMS key is not the one of the ciphertext."},
		fault.PolicyMalformed:   {http.StatusBadRequest, invalidBody, "The policy is malformed."},
	}
}
