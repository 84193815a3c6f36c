package cognito

import (
	"slices"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// Exceptions that several codes share.
const (
	notAuthorized    = "NotAuthorizedException"
	invalidParameter = "InvalidParameterException"
	notFound         = "ResourceNotFoundException"
	tooManyRequests  = "TooManyRequestsException"
	accessDenied     = "AccessDeniedException"
	totpNotFound     = "SoftwareTokenMFANotFoundException"
)

// Errors words every fault code as Cognito does. Applications match on the sentences. Status 400 answers every fault of
// the client: clients decide by name, and retry on 429 and 5xx.
func Errors() map[fault.Code]wire.ErrorShape {
	table := make(map[fault.Code]wire.ErrorShape, 80)
	for _, group := range []map[fault.Code]wire.ErrorShape{generalErrors(), userErrors(), passwordErrors(), codeErrors(), tokenErrors(), callerErrors(), otherErrors()} {
		for code, shape := range group {
			table[code] = shape
		}
	}
	return table
}

func generalErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.InternalError:          {Name: "InternalErrorException", Message: "Internal error, please try again."},
		fault.InvalidParameter:       {Name: invalidParameter, Message: "Invalid parameter."},
		fault.UnsupportedOperation:   {Name: "UnsupportedOperationException", Message: "This is not supported."},
		fault.ConcurrentModification: {Name: "ConcurrentModificationException", Message: "The resource was changed at the same time, please try again."},
		fault.Overloaded:             {Name: tooManyRequests, Message: "Rate exceeded"},
		fault.RateExceeded:           {Name: tooManyRequests, Message: "Rate exceeded"},
		fault.PoolNotFound:           {Name: notFound, Message: "User pool {field} does not exist."},
		fault.ClientNotFound:         {Name: notFound, Message: "User pool client {field} does not exist."},
		fault.ResourceNotFound:       {Name: notFound, Message: "The requested resource does not exist."},
		fault.ResourceExists:         {Name: invalidParameter, Message: "The resource already exists."},
		fault.PoolProtected: {Name: invalidParameter, Message: "The user pool cannot be deleted because deletion protection is activated. " +
			"Deletion protection must be inactivated first."},
		fault.TooMany:              {Name: "LimitExceededException", Message: "The maximum number of these resources is reached."},
		fault.TriggerRefused:       {Name: "UserLambdaValidationException", Message: "{field} failed with error."},
		fault.TriggerFailed:        {Name: "UnexpectedLambdaException", Message: "{field} invocation failed due to error."},
		fault.TriggerAnswerInvalid: {Name: "InvalidLambdaResponseException", Message: "Unrecognizable lambda output"},
		fault.KeyDisabled:          {Name: invalidParameter, Message: "The KMS key is disabled."},
		fault.KeyStateInvalid:      {Name: invalidParameter, Message: "The KMS key is pending deletion."},
		fault.KeyUsageWrong:        {Name: invalidParameter, Message: "The KMS key must be a symmetric encryption key."},
		fault.CiphertextInvalid:    {Name: invalidParameter, Message: "The ciphertext is invalid."},
		fault.KeyIncorrect:         {Name: invalidParameter, Message: "The KMS key is not the one of the ciphertext."},
		fault.PolicyMalformed:      {Name: invalidParameter, Message: "The policy is malformed."},
		fault.PayloadTooLarge:      {Name: invalidParameter, Message: "The request is too large."},
	}
}

func userErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.UserNotFound:           {Name: "UserNotFoundException", Message: "User does not exist."},
		fault.ResetUserNotFound:      {Name: "UserNotFoundException", Message: "Username/client id combination not found."},
		fault.UsernameTaken:          {Name: "UsernameExistsException", Message: "User already exists"},
		fault.SignInNameTaken:        {Name: "UsernameExistsException", Message: "An account with the given {field} already exists."},
		fault.AliasTaken:             {Name: "AliasExistsException", Message: "An account with the {field} already exists."},
		fault.UserDisabled:           {Name: notAuthorized, Message: "User is disabled."},
		fault.UserNotConfirmed:       {Name: "UserNotConfirmedException", Message: "User is not confirmed."},
		fault.UserAlreadyConfirmed:   {Name: notAuthorized, Message: "User cannot be confirmed. Current status is {field}"},
		fault.ResendAlreadyConfirmed: {Name: invalidParameter, Message: "User is already confirmed."},
		fault.NothingToVerify:        {Name: notAuthorized, Message: "Cannot resend codes. Auto verification not turned on."},
		fault.UserStateUnsupported:   {Name: "UnsupportedUserStateException", Message: "Resend not possible. The user's status is not FORCE_CHANGE_PASSWORD."},
		fault.SignUpForbidden:        {Name: notAuthorized, Message: "SignUp is not permitted for this user pool"},
		fault.AttributeNotWritable:   {Name: notAuthorized, Message: "A client attempted to write unauthorized attribute"},
	}
}

func passwordErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.WrongCredentials:         {Name: notAuthorized, Message: "Incorrect username or password."},
		fault.PasswordLocked:           {Name: notAuthorized, Message: "Password attempts exceeded"},
		fault.PasswordResetRequired:    {Name: "PasswordResetRequiredException", Message: "Password reset required for the user"},
		fault.TemporaryPasswordExpired: {Name: notAuthorized, Message: "Temporary password has expired and must be reset by an administrator."},
		fault.PasswordPolicy:           {Name: "InvalidPasswordException", Message: "Password did not conform with policy"},
		fault.PasswordReused:           {Name: "PasswordHistoryPolicyViolationException", Message: "Password has previously been used."},
		fault.ResetNotPossible: {Name: invalidParameter, Message: "Cannot reset password for the user as there is no registered/verified " +
			"email or phone_number"},
		fault.ResetWrongState:   {Name: notAuthorized, Message: "User password cannot be reset in the current state."},
		fault.ResetByAdminOnly:  {Name: notAuthorized, Message: "Contact administrator to reset password."},
		fault.SecretHashMissing: {Name: notAuthorized, Message: "Client {field} is configured with secret but SECRET_HASH was not received"},
		fault.SecretHashWrong:   {Name: notAuthorized, Message: "Unable to verify secret hash for client {field}"},
		fault.ClientSecretWrong: {Name: notAuthorized, Message: "Unable to verify the secret of client {field}"},
		fault.FlowNotEnabled:    {Name: invalidParameter, Message: "{field} flow not enabled for this client"},
		fault.FlowNotSupported:  {Name: invalidParameter, Message: "Initiate Auth method not supported"},
	}
}

func codeErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.CodeMismatch:          {Name: "CodeMismatchException", Message: "Invalid verification code provided, please try again."},
		fault.ChallengeCodeMismatch: {Name: "CodeMismatchException", Message: "Invalid code or auth state for the user."},
		fault.CodeResent:            {Name: "CodeMismatchException", Message: "A new code was sent."},
		fault.CodeExpired:           {Name: "ExpiredCodeException", Message: "Invalid code provided, please request a code again."},
		fault.AttemptLimit:          {Name: "LimitExceededException", Message: "Attempt limit exceeded, please try after some time."},
		fault.DestinationRefused:    {Name: invalidParameter, Message: "Messages to this destination are not allowed."},
		fault.DeliveryFailed:        {Name: "CodeDeliveryFailureException", Message: "The message could not be delivered."},
		fault.SessionInvalid:        {Name: notAuthorized, Message: "Invalid session for the user."},
		fault.SessionExpired:        {Name: notAuthorized, Message: "Invalid session for the user, session is expired."},
		fault.SessionUsed:           {Name: notAuthorized, Message: "Invalid session for the user, session can only be used once."},
		fault.TotpNotFound:          {Name: totpNotFound, Message: "The user has no software token."},
		fault.TotpNotEnabled:        {Name: totpNotFound, Message: "Software Token MFA has not been enabled by the userPool."},
		fault.TotpMismatch:          {Name: "EnableSoftwareTokenMFAException", Message: "Code mismatch"},
		fault.MfaMethodNotFound:     {Name: "MFAMethodNotFoundException", Message: "The chosen MFA method is not available to the user."},
		fault.FactorNotReady:        {Name: invalidParameter, Message: "User does not have delivery config set to turn on {field}"},
	}
}

func tokenErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.AccessTokenInvalid:   {Name: notAuthorized, Message: "Invalid Access Token"},
		fault.AccessTokenExpired:   {Name: notAuthorized, Message: "Access Token has expired"},
		fault.AccessTokenRevoked:   {Name: notAuthorized, Message: "Access Token has been revoked"},
		fault.AccessTokenScope:     {Name: notAuthorized, Message: "Access Token does not have required scopes"},
		fault.RefreshTokenInvalid:  {Name: notAuthorized, Message: "Invalid Refresh Token"},
		fault.RefreshTokenExpired:  {Name: notAuthorized, Message: "Refresh Token has expired"},
		fault.RefreshTokenRevoked:  {Name: notAuthorized, Message: "Refresh Token has been revoked"},
		fault.RefreshTokenReused:   {Name: "RefreshTokenReuseException", Message: "Refresh Token has already been used"},
		fault.TokenTypeUnsupported: {Name: "UnsupportedTokenTypeException", Message: "Unsupported token type"},
		fault.RevocationDisabled:   {Name: "UnsupportedOperationException", Message: "Revocation is not enabled for this client."},
	}
}

// callerErrors are AWS's common errors for signed calls.
func callerErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.AccessDenied:    {Name: accessDenied, Message: "User is not authorized to perform this action."},
		fault.Unauthenticated: {Name: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"},
		fault.SignatureWrong: {Name: "InvalidSignatureException", Message: "The request signature we calculated does not match the signature you " +
			"provided. Check your AWS Secret Access Key and signing method."},
		fault.AccessKeyUnknown: {Name: "UnrecognizedClientException", Message: "The security token included in the request is invalid."},
		fault.OriginForbidden:  {Name: accessDenied, Status: 403, Message: "Pages of other origins may not call this operation."},
	}
}

// ErrorsFor holds what single operations word otherwise:
//   - RevokeToken knows neither NotAuthorized nor ResourceNotFound, but Unauthorized (401);
//   - a name in use has exceptions of its own for four operations;
//   - the OAuth settings of app clients have two of their own;
//   - operations that declare no ConcurrentModification ask for a retry by TooManyRequests, which every client obeys;
//   - operations that declare no RefreshTokenReuse call a reused refresh token revoked.
func ErrorsFor() map[string]map[fault.Code]wire.ErrorShape {
	table := map[string]map[fault.Code]wire.ErrorShape{
		"RevokeToken":                {},
		"AdminCreateUser":            {fault.UsernameTaken: {Name: "UsernameExistsException", Message: "User account already exists"}},
		"CreateGroup":                {fault.ResourceExists: {Name: "GroupExistsException", Message: "A group with the name already exists."}},
		"CreateIdentityProvider":     {fault.ResourceExists: {Name: "DuplicateProviderException", Message: "The identity provider already exists."}},
		"CreateManagedLoginBranding": {fault.ResourceExists: {Name: "ManagedLoginBrandingExistsException", Message: "The branding style already exists."}},
		"CreateTerms":                {fault.ResourceExists: {Name: "TermsExistsException", Message: "The terms already exist."}},
	}
	for _, op := range []string{"CreateUserPoolClient", "UpdateUserPoolClient"} {
		table[op] = map[fault.Code]wire.ErrorShape{
			fault.ResourceNotFound: {Name: "ScopeDoesNotExistException", Message: "Invalid scope requested: {field}"},
			fault.FlowNotSupported: {Name: "InvalidOAuthFlowException", Message: "The OAuth flow {field} is not possible for this client."},
		}
	}
	for _, code := range []fault.Code{fault.ClientSecretWrong, fault.SecretHashMissing, fault.ClientNotFound, fault.RefreshTokenInvalid} {
		table["RevokeToken"][code] = wire.ErrorShape{Name: "UnauthorizedException", Message: "The token or the client's credentials are invalid."}
	}
	retry := Errors()[fault.RateExceeded]
	revoked := Errors()[fault.RefreshTokenRevoked]
	for _, op := range api.Operations {
		override(table, op, "ConcurrentModificationException", fault.ConcurrentModification, retry)
		if slices.Contains(op.Errors, notAuthorized) {
			override(table, op, "RefreshTokenReuseException", fault.RefreshTokenReused, revoked)
		}
	}
	return table
}

// override words code as shape for op if op does not declare the exception.
func override(table map[string]map[fault.Code]wire.ErrorShape, op wire.Meta, exception string, code fault.Code, shape wire.ErrorShape) {
	if slices.Contains(op.Errors, exception) {
		return
	}
	if table[op.Name] == nil {
		table[op.Name] = make(map[fault.Code]wire.ErrorShape, 2)
	}
	table[op.Name][code] = shape
}

// otherErrors are of the Auth0 dialect and of the SMS account. Of these, only a rule's or action's refusal and its failures are met here.
func otherErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.OptedOut:               {Name: invalidParameter, Message: "The phone number does not want messages."},
		fault.DestinationNotVerified: {Name: invalidParameter, Message: "The phone number is not a verified destination number of the sandbox."},
		fault.VerificationComplete:   {Name: invalidParameter, Message: "The destination number is verified already."},
		fault.OriginationRefused:     {Name: invalidParameter, Message: "No origination identity may send the message."},
		fault.SpendLimitReached:      {Name: "LimitExceededException", Message: "The spend limit of this month is reached."},
		fault.PriceTooHigh:           {Name: invalidParameter, Message: "The message costs more than its maximum price."},
		fault.TooSoon:                {Name: "LimitExceededException", Message: "This may be done later."},
		fault.GrantNotAllowed:        {Name: invalidParameter, Message: "{field} is not enabled for this client"},
		fault.LoginRefused:           {Name: "UserLambdaValidationException", Message: "The sign-in was denied."},
		fault.MFATokenInvalid:        {Name: notAuthorized, Message: "Invalid session for the user."},
		fault.MFATokenExpired:        {Name: notAuthorized, Message: "Invalid session for the user, session is expired."},
		fault.OOBCodeInvalid:         {Name: notAuthorized, Message: "Invalid session for the user."},
		fault.OOBCodeExpired:         {Name: notAuthorized, Message: "Invalid session for the user, session is expired."},
		fault.OTPWrong:               {Name: "CodeMismatchException", Message: "Invalid code received for user"},
		fault.RecoveryCodeWrong:      {Name: "CodeMismatchException", Message: "Invalid code received for user"},
		fault.ChallengeUnsupported:   {Name: "MFAMethodNotFoundException", Message: "The challenge is not available to the user."},
		fault.AssociationRequired:    {Name: "MFAMethodNotFoundException", Message: "The user has no factor."},
		fault.AlreadyEnrolled:        {Name: invalidParameter, Message: "The user has a factor already."},
		fault.ScriptInvalid:          {Name: invalidParameter, Message: "The script is not valid."},
		fault.ModuleRefused:          {Name: invalidParameter, Message: "A module cannot be installed."},
		fault.ModulesUnavailable:     {Name: "UnexpectedLambdaException", Message: "Modules cannot be installed now."},
		fault.ConfirmationNeeded:     {Name: invalidParameter, Message: "This needs to be confirmed."},
		fault.TemplateInvalid:        {Name: invalidParameter, Message: "The template is not valid."},
		fault.CodeCheckFailed:        {Name: "CodeDeliveryFailureException", Message: "The code cannot be checked now, please try again."},
	}
}
