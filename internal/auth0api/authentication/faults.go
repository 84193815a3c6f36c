package authentication

import "countersign/internal/fault"

// row is the answer to a fault code. own: the fault's sentence, if it has one, replaces text.
type row struct {
	status     int
	name, text string
	own        bool
	retry      int // seconds, 0: none is named
}

// Sentences that come more than once. Clients compare some of them, full stop included.
const (
	descUnauthorized = "Unauthorized"
	descPassword     = "Wrong email or password."
	descPhoneCode    = "Wrong phone number or verification code."
	descEmailCode    = "Wrong email or verification code."
	descRefresh      = "Unknown or invalid refresh token."
	descBinding      = "Invalid binding_code."
	descRejected     = "MFA Authorization rejected."
	descInternal     = "Internal error"
	descRefused      = "The sign-in was refused."
	descManyRequests = "Too Many Requests"
	descManyTexts    = "Too many SMS sent by the user. Wait for some minutes before retrying."
	descManyCodes    = "Too many failed codes. Wait for some minutes before retrying."
	descMFAToken     = "Malformed mfa_token"
	descChallenge    = "The user does not support any of the requested challenge types."
	descFunction     = "A function of this pool failed."
)

var internalRow = row{status: 500, name: "server_error", text: descInternal}

// rows answer every fault code; a test walks fault.Codes. docs/auth0.md explains them.
var rows = map[fault.Code]row{
	// Requests.
	fault.InvalidParameter:       {status: 400, name: "invalid_request", text: "The request is malformed.", own: true},
	fault.PayloadTooLarge:        {status: 413, name: "invalid_request", text: "The body is too large.", own: true},
	fault.UnsupportedOperation:   {status: 400, name: "operation_not_supported", text: "This is not supported here.", own: true},
	fault.ConcurrentModification: {status: 503, name: "temporarily_unavailable", text: "Something else changed at the same time. Try again.", retry: 1},
	fault.Overloaded:             {status: 429, name: "too_many_requests", text: descManyRequests, retry: 1},
	fault.RateExceeded:           {status: 429, name: "too_many_requests", text: descManyRequests, retry: 1},
	fault.PoolNotFound:           {status: 404, name: "not_found", text: "There is no such pool.", own: true},
	fault.ResourceNotFound:       {status: 404, name: "not_found", text: "Not found.", own: true},
	fault.MfaMethodNotFound:      {status: 404, name: "not_found", text: "There is no such authenticator."},
	fault.TotpNotFound:           {status: 404, name: "not_found", text: "There is no such authenticator."},
	fault.OriginForbidden:        {status: 403, name: "access_denied", text: "A web page of another origin may not call this."},
	fault.TooMany:                {status: 403, name: "too_many_records", text: "There is no room for another one.", own: true},
	fault.ResourceExists:         {status: 409, name: "conflict", text: "That exists already.", own: true},

	// Clients.
	fault.ClientNotFound:     {status: 401, name: "access_denied", text: descUnauthorized},
	fault.SecretHashMissing:  {status: 401, name: "access_denied", text: descUnauthorized},
	fault.SecretHashWrong:    {status: 401, name: "access_denied", text: descUnauthorized},
	fault.ClientSecretWrong:  {status: 401, name: "access_denied", text: descUnauthorized},
	fault.Unauthenticated:    {status: 401, name: "access_denied", text: descUnauthorized},
	fault.AccessKeyUnknown:   {status: 401, name: "access_denied", text: descUnauthorized},
	fault.SignatureWrong:     {status: 401, name: "access_denied", text: descUnauthorized},
	fault.AccessDenied:       {status: 403, name: "access_denied", text: "Access denied.", own: true},
	fault.GrantNotAllowed:    {status: 403, name: "unauthorized_client", text: "Grant type not allowed for the client.", own: true},
	fault.FlowNotEnabled:     {status: 403, name: "unauthorized_client", text: "Grant type not allowed for the client.", own: true},
	fault.FlowNotSupported:   {status: 400, name: "invalid_request", text: "This flow cannot be used here.", own: true},
	fault.RevocationDisabled: {status: 403, name: "unauthorized_client", text: "The client may not revoke tokens."},

	// Sign-in.
	fault.WrongCredentials:         {status: 403, name: "invalid_grant", text: descPassword},
	fault.UserNotFound:             {status: 403, name: "invalid_grant", text: descPassword},
	fault.ResetUserNotFound:        {status: 403, name: "invalid_grant", text: descPassword},
	fault.TemporaryPasswordExpired: {status: 403, name: "invalid_grant", text: descPassword},
	fault.PasswordResetRequired:    {status: 403, name: "password_change_required", text: "The password has to be changed before the next sign-in."},
	fault.PasswordLocked:           {status: 429, name: "too_many_attempts", text: "Too many failed sign-ins. Wait for some minutes before retrying."},
	fault.UserDisabled:             {status: 401, name: "unauthorized", text: "user is blocked"},
	fault.UserNotConfirmed:         {status: 401, name: "unauthorized", text: "The user has not been confirmed."},
	fault.LoginRefused:             {status: 403, name: "access_denied", text: descRefused, own: true},
	fault.TriggerRefused:           {status: 403, name: "access_denied", text: descRefused, own: true},
	fault.CodeCheckFailed:          {status: 503, name: "temporarily_unavailable", text: "The code cannot be checked now. Try again."},
	fault.TriggerFailed:            {status: 503, name: "temporarily_unavailable", text: descFunction},
	fault.TriggerAnswerInvalid:     {status: 503, name: "temporarily_unavailable", text: descFunction},

	// Second factors.
	fault.MFATokenInvalid:       {status: 403, name: "invalid_grant", text: descMFAToken},
	fault.MFATokenExpired:       {status: 403, name: "expired_token", text: "mfa_token is expired"},
	fault.OOBCodeInvalid:        {status: 403, name: "invalid_grant", text: "Malformed oob_code"},
	fault.OOBCodeExpired:        {status: 403, name: "expired_token", text: "oob_code is expired"},
	fault.CodeMismatch:          {status: 403, name: "invalid_grant", text: descBinding},
	fault.ChallengeCodeMismatch: {status: 403, name: "invalid_grant", text: descBinding},
	fault.CodeExpired:           {status: 403, name: "expired_token", text: "oob_code is expired"},
	fault.OTPWrong:              {status: 403, name: "invalid_grant", text: "Invalid otp_code."},
	fault.TotpMismatch:          {status: 403, name: "invalid_grant", text: "Invalid otp_code."},
	fault.RecoveryCodeWrong:     {status: 403, name: "invalid_grant", text: descRejected},
	fault.ChallengeUnsupported:  {status: 401, name: "unsupported_challenge_type", text: descChallenge, own: true},
	fault.TotpNotEnabled:        {status: 401, name: "unsupported_challenge_type", text: "The pool does not offer authenticator apps."},
	fault.FactorNotReady:        {status: 401, name: "unsupported_challenge_type", text: "The user has no such factor."},
	fault.AssociationRequired:   {status: 403, name: "association_required", text: "The user has no factor yet. Enroll one with POST /mfa/associate."},
	fault.AlreadyEnrolled:       {status: 403, name: "access_denied", text: "User is already enrolled."},
	fault.AttemptLimit:          {status: 429, name: "too_many_attempts", text: descManyCodes},
	fault.DestinationRefused:    {status: 400, name: "invalid_phone_number", text: "Invalid phone number.", own: true},
	fault.DeliveryFailed:        {status: 400, name: "error_sending_sms", text: "The message could not be sent.", own: true},
	fault.SessionInvalid:        {status: 403, name: "invalid_grant", text: descMFAToken},
	fault.SessionUsed:           {status: 403, name: "invalid_grant", text: descMFAToken},
	fault.SessionExpired:        {status: 403, name: "expired_token", text: "mfa_token is expired"},

	// Tokens.
	fault.AccessTokenInvalid:   {status: 401, name: "invalid_token", text: "The access token is not valid."},
	fault.AccessTokenExpired:   {status: 401, name: "invalid_token", text: "The access token has expired."},
	fault.AccessTokenRevoked:   {status: 401, name: "invalid_token", text: "The access token has been revoked."},
	fault.AccessTokenScope:     {status: 403, name: "insufficient_scope", text: "The access token lacks a scope that this needs.", own: true},
	fault.RefreshTokenInvalid:  {status: 403, name: "invalid_grant", text: descRefresh},
	fault.RefreshTokenExpired:  {status: 403, name: "invalid_grant", text: descRefresh},
	fault.RefreshTokenRevoked:  {status: 403, name: "invalid_grant", text: descRefresh},
	fault.RefreshTokenReused:   {status: 403, name: "invalid_grant", text: descRefresh},
	fault.TokenTypeUnsupported: {status: 400, name: "unsupported_token_type", text: "Only refresh tokens can be revoked."},

	// Sign-up: no answer tells whose a name is.
	fault.UsernameTaken:          {status: 400, name: "invalid_signup", text: "Invalid sign up"},
	fault.SignInNameTaken:        {status: 400, name: "invalid_signup", text: "Invalid sign up"},
	fault.AliasTaken:             {status: 400, name: "invalid_signup", text: "Invalid sign up"},
	fault.UserAlreadyConfirmed:   {status: 400, name: "invalid_signup", text: "Invalid sign up"},
	fault.ResendAlreadyConfirmed: {status: 400, name: "invalid_signup", text: "Invalid sign up"},
	fault.UserStateUnsupported:   {status: 400, name: "invalid_signup", text: "Invalid sign up"},
	fault.SignUpForbidden:        {status: 403, name: "access_denied", text: "Sign-up is switched off."},
	fault.AttributeNotWritable:   {status: 400, name: "invalid_request", text: "The client may not write this attribute.", own: true},
	fault.NothingToVerify:        {status: 400, name: "invalid_request", text: "There is nothing to verify."},
	fault.PasswordPolicy:         {status: 400, name: "invalid_password", text: "The password is too weak.", own: true},
	fault.PasswordReused:         {status: 400, name: "invalid_password", text: "The password was used before."},
	fault.ResetNotPossible:       {status: 400, name: "invalid_request", text: "The password cannot be reset."},
	fault.ResetWrongState:        {status: 400, name: "invalid_request", text: "The password cannot be reset."},
	fault.ResetByAdminOnly:       {status: 403, name: "access_denied", text: "Only an administrator resets passwords."},
	fault.CodeResent:             {status: 400, name: "invalid_request", text: "A new code was sent."},

	// What no endpoint here can cause: if it comes, it is a fault of ours.
	fault.InternalError: internalRow, fault.PoolProtected: internalRow,
	fault.KeyDisabled: internalRow, fault.KeyStateInvalid: internalRow, fault.KeyUsageWrong: internalRow, fault.CiphertextInvalid: internalRow,
	fault.KeyIncorrect: internalRow, fault.PolicyMalformed: internalRow, fault.ScriptInvalid: internalRow, fault.ModuleRefused: internalRow,
	fault.OptedOut: internalRow, fault.DestinationNotVerified: internalRow, fault.VerificationComplete: internalRow, fault.OriginationRefused: internalRow,
	fault.SpendLimitReached: internalRow, fault.PriceTooHigh: internalRow, fault.TooSoon: internalRow,
	fault.ModulesUnavailable: internalRow, fault.ConfirmationNeeded: internalRow, fault.TemplateInvalid: internalRow,
}
