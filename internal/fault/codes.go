package fault

// Code is the stable name of one thing that can go wrong. Codes are documented in docs/errors.md.
type Code string

// Kind returns the kind that the code belongs to, Internal for an unknown code.
func (c Code) Kind() Kind { return kinds[c] }

// The codes, in groups. A comment says when each is returned.
const (
	// InternalError is any fault of ours.
	InternalError Code = "internal_error"
	// InvalidParameter carries its sentence in Public.
	InvalidParameter Code = "invalid_parameter"
	// UnsupportedOperation names an operation, flow or setting that is not implemented or is switched off.
	UnsupportedOperation Code = "unsupported_operation"
	// ConcurrentModification means that the record changed between reading and writing; the caller may retry.
	ConcurrentModification Code = "concurrent_modification"
	// Overloaded means that a bounded queue is full.
	Overloaded Code = "overloaded"
	// RateExceeded is a request quota of a pool or client.
	RateExceeded Code = "rate_exceeded"

	// PoolNotFound, ClientNotFound: unknown pool or app client. Field holds the id.
	PoolNotFound   Code = "pool_not_found"
	ClientNotFound Code = "client_not_found"
	// ResourceNotFound is any other named thing that does not exist.
	ResourceNotFound Code = "resource_not_found"
	// ResourceExists: a group, identifier or other named thing of that name is there already.
	ResourceExists Code = "resource_exists"
	// PoolProtected: DeletionProtection is active.
	PoolProtected Code = "pool_protected"
	// TooMany: a bound on the number of pools, clients, keys ... is reached.
	TooMany Code = "too_many"

	// UserNotFound: no such user, only where existence is not hidden.
	UserNotFound Code = "user_not_found"
	// ResetUserNotFound: as UserNotFound, asked through password recovery.
	ResetUserNotFound Code = "reset_user_not_found"
	// UsernameTaken: SignUp or AdminCreateUser with a username in use.
	UsernameTaken Code = "username_taken"
	// SignInNameTaken: the phone_number or email (Field) is another user's username attribute.
	SignInNameTaken Code = "sign_in_name_taken"
	// AliasTaken: the verified phone_number or email (Field) belongs to another user.
	AliasTaken Code = "alias_taken"
	// UserDisabled: an administrator disabled the user. Only after the password was right.
	UserDisabled Code = "user_disabled"
	// UserNotConfirmed: sign-in of an unconfirmed user with the right password.
	UserNotConfirmed Code = "user_not_confirmed"
	// UserAlreadyConfirmed: confirmation of a confirmed user. Field holds the status.
	UserAlreadyConfirmed Code = "user_already_confirmed"
	// ResendAlreadyConfirmed: resend for a confirmed user.
	ResendAlreadyConfirmed Code = "resend_already_confirmed"
	// NothingToVerify: resend in a pool that auto-verifies nothing.
	NothingToVerify Code = "nothing_to_verify"
	// UserStateUnsupported: RESEND of an invitation to a user that is not waiting for one.
	UserStateUnsupported Code = "user_state_unsupported"
	// SignUpForbidden: only administrators create users in this pool.
	SignUpForbidden Code = "sign_up_forbidden"
	// AttributeNotWritable: the client may not write the attribute in Field.
	AttributeNotWritable Code = "attribute_not_writable"

	// WrongCredentials: wrong name or password, failed SRP proof. One wording for all.
	WrongCredentials Code = "wrong_credentials"
	// PasswordLocked: too many wrong passwords; the attempt was not judged.
	PasswordLocked Code = "password_locked"
	// PasswordResetRequired: right password, but an administrator demands a new one.
	PasswordResetRequired Code = "password_reset_required"
	// TemporaryPasswordExpired: the invitation is too old.
	TemporaryPasswordExpired Code = "temporary_password_expired"
	// PasswordPolicy: a new password breaks the policy; Public says how.
	PasswordPolicy Code = "password_policy"
	// PasswordReused: the new password is among the remembered ones.
	PasswordReused Code = "password_reused"
	// ResetNotPossible: no verified contact to send a reset code to.
	ResetNotPossible Code = "reset_not_possible"
	// ResetWrongState: the user's status does not allow recovery.
	ResetWrongState Code = "reset_wrong_state"
	// ResetByAdminOnly: the pool's recovery setting is admin_only.
	ResetByAdminOnly Code = "reset_by_admin_only"
	// SecretHashMissing, SecretHashWrong: the client has a secret. Field holds the client id.
	SecretHashMissing Code = "secret_hash_missing"
	SecretHashWrong   Code = "secret_hash_wrong"
	// ClientSecretWrong: an operation that takes the client secret itself got another.
	ClientSecretWrong Code = "client_secret_wrong"
	// FlowNotEnabled: the client does not allow the flow in Field.
	FlowNotEnabled Code = "flow_not_enabled"
	// FlowNotSupported: the flow cannot be used with this operation.
	FlowNotSupported Code = "flow_not_supported"

	// CodeMismatch: a wrong confirmation, verification or reset code.
	CodeMismatch Code = "code_mismatch"
	// ChallengeCodeMismatch: a wrong code in a sign-in challenge.
	ChallengeCodeMismatch Code = "challenge_code_mismatch"
	// CodeResent: a new code was sent on request; the session is still good.
	CodeResent Code = "code_resent"
	// CodeExpired: expired, used up, or none outstanding.
	CodeExpired Code = "code_expired"
	// AttemptLimit: the allowance of sends or tries of this account is used up.
	AttemptLimit Code = "attempt_limit"
	// DestinationRefused: the guard refuses this destination for a reason that lies in the request alone.
	DestinationRefused Code = "destination_refused"
	// CodeCheckFailed: the service that made the code cannot be asked now; the code was not judged.
	CodeCheckFailed Code = "code_check_failed"
	// DeliveryFailed: the message could not be handed over, known within the request.
	DeliveryFailed Code = "delivery_failed"

	// OptedOut: the number does not want texts. Told to callers that are the operator's own alone (the SMS account), never to strangers.
	OptedOut Code = "opted_out"
	// DestinationNotVerified: the SMS account is in its sandbox, and the number is no verified destination number.
	DestinationNotVerified Code = "destination_not_verified"
	// VerificationComplete: the destination number is verified already.
	VerificationComplete Code = "verification_complete"
	// OriginationRefused: no origination identity may send the message. Field is the reason (origination.Reason), Public what to do.
	OriginationRefused Code = "origination_refused"
	// SpendLimitReached: the SMS account has spent what it may in this month. Field is text or voice.
	SpendLimitReached Code = "spend_limit_reached"
	// PriceTooHigh: the message costs more than its own ceiling.
	PriceTooHigh Code = "price_too_high"
	// TooSoon: this may be done later (a destination number deleted after a day, an opt-out lifted after a month); RetryAfter is when.
	TooSoon Code = "too_soon"

	// TriggerRefused: a trigger's function threw. Public is the sentence that the caller sees, Field the trigger's name.
	TriggerRefused Code = "trigger_refused"
	// TriggerFailed: a trigger timed out, is not permitted or broke. Field holds its name.
	TriggerFailed Code = "trigger_failed"
	// TriggerAnswerInvalid: a trigger's answer cannot be understood. Field holds its name.
	TriggerAnswerInvalid Code = "trigger_answer_invalid"

	// KeyDisabled: a KMS key is disabled. KeyStateInvalid: it waits for its deletion, or is not in a state for this call.
	KeyDisabled     Code = "key_disabled"
	KeyStateInvalid Code = "key_state_invalid"
	// KeyUsageWrong: a KMS key that is not for this operation (asymmetric, or for signatures).
	KeyUsageWrong Code = "key_usage_wrong"
	// CiphertextInvalid: a ciphertext of KMS that is damaged, foreign, or bound to another encryption context.
	CiphertextInvalid Code = "ciphertext_invalid"
	// KeyIncorrect: the named KMS key is not the one that made the ciphertext.
	KeyIncorrect Code = "key_incorrect"
	// PolicyMalformed: a policy document that cannot be read, or would lock everybody out.
	PolicyMalformed Code = "policy_malformed"
	// PayloadTooLarge: a request, package or answer beyond its bound.
	PayloadTooLarge Code = "payload_too_large"

	// GrantNotAllowed: the client may not use the grant type in Field.
	GrantNotAllowed Code = "grant_not_allowed"
	// LoginRefused: a rule or an action of the pool denied a sign-in. Public is its sentence.
	LoginRefused Code = "login_refused"
	// MFATokenInvalid, MFATokenExpired: the handle of a sign-in that owes a second factor.
	MFATokenInvalid Code = "mfa_token_invalid"
	MFATokenExpired Code = "mfa_token_expired"
	// OOBCodeInvalid, OOBCodeExpired: the handle of a message with a code; of another sign-in counts as invalid.
	OOBCodeInvalid Code = "oob_code_invalid"
	OOBCodeExpired Code = "oob_code_expired"
	// OTPWrong: a wrong code of an authenticator app. RecoveryCodeWrong: a wrong recovery code.
	OTPWrong          Code = "otp_wrong"
	RecoveryCodeWrong Code = "recovery_code_wrong"
	// ChallengeUnsupported: none of the asked kinds of challenge is available to the user.
	ChallengeUnsupported Code = "challenge_unsupported"
	// AssociationRequired: the user has no factor yet. AlreadyEnrolled: it has one, and must prove it before it adds another.
	AssociationRequired Code = "association_required"
	AlreadyEnrolled     Code = "already_enrolled"

	// ScriptInvalid: a hook, action or rule that cannot be compiled or has not the form of its kind. Public says where and why.
	ScriptInvalid Code = "script_invalid"
	// ModuleRefused: an npm module that cannot be had: unknown, too large, in need of a native build, not of the registry, misspelt.
	ModuleRefused Code = "module_refused"
	// ModulesUnavailable: modules cannot be installed here now (no npm, no registry).
	ModulesUnavailable Code = "modules_unavailable"
	// ConfirmationNeeded: what Public says needs the caller's explicit consent (modules released a few days ago).
	ConfirmationNeeded Code = "confirmation_needed"
	// TemplateInvalid: a Liquid template that does not parse, does not render, or lacks its code. Field names it.
	TemplateInvalid Code = "template_invalid"

	// SessionInvalid, SessionExpired, SessionUsed: the challenge session is garbled, too old, or was answered.
	SessionInvalid Code = "session_invalid"
	SessionExpired Code = "session_expired"
	SessionUsed    Code = "session_used"
	// TotpNotFound: no authenticator app is associated.
	TotpNotFound Code = "totp_not_found"
	// TotpNotEnabled: the pool does not offer authenticator apps.
	TotpNotEnabled Code = "totp_not_enabled"
	// TotpMismatch: a wrong authenticator code while enrolling.
	TotpMismatch Code = "totp_mismatch"
	// MfaMethodNotFound: the chosen factor is not available to the user.
	MfaMethodNotFound Code = "mfa_method_not_found"
	// FactorNotReady: a preference names a factor (Field) that the user has not set up.
	FactorNotReady Code = "factor_not_ready"

	// AccessTokenInvalid, AccessTokenExpired, AccessTokenRevoked, AccessTokenScope: the bearer's token.
	AccessTokenInvalid Code = "access_token_invalid"
	AccessTokenExpired Code = "access_token_expired"
	AccessTokenRevoked Code = "access_token_revoked"
	AccessTokenScope   Code = "access_token_scope"
	// RefreshTokenInvalid, RefreshTokenExpired, RefreshTokenRevoked, RefreshTokenReused: the refresh token.
	RefreshTokenInvalid Code = "refresh_token_invalid"
	RefreshTokenExpired Code = "refresh_token_expired"
	RefreshTokenRevoked Code = "refresh_token_revoked"
	RefreshTokenReused  Code = "refresh_token_reused"
	// TokenTypeUnsupported: revocation of something that is not a refresh token.
	TokenTypeUnsupported Code = "token_type_unsupported"
	// RevocationDisabled: the client has token revocation switched off.
	RevocationDisabled Code = "revocation_disabled"

	// AccessDenied: the caller is known but has no grant for this.
	AccessDenied Code = "access_denied"
	// Unauthenticated: no or unusable credentials on a call that needs them.
	Unauthenticated Code = "unauthenticated"
	// SignatureWrong: a signature that does not match.
	SignatureWrong Code = "signature_wrong"
	// AccessKeyUnknown: an access key that does not exist or was revoked.
	AccessKeyUnknown Code = "access_key_unknown"
	// OriginForbidden: a browser on another origin called a surface that answers none.
	OriginForbidden Code = "origin_forbidden"
)

var kinds = map[Code]Kind{
	InternalError: Internal, InvalidParameter: Invalid, UnsupportedOperation: Unsupported, ConcurrentModification: Conflict,
	Overloaded: Unavailable, RateExceeded: Throttled,
	PoolNotFound: NotFound, ClientNotFound: NotFound, ResourceNotFound: NotFound, ResourceExists: Conflict, PoolProtected: Invalid, TooMany: Throttled,
	UserNotFound: NotFound, ResetUserNotFound: NotFound, UsernameTaken: Conflict, SignInNameTaken: Conflict, AliasTaken: Conflict,
	UserDisabled: Denied, UserNotConfirmed: Denied, UserAlreadyConfirmed: Denied, ResendAlreadyConfirmed: Invalid,
	NothingToVerify: Denied, UserStateUnsupported: Invalid, SignUpForbidden: Denied, AttributeNotWritable: Denied,
	WrongCredentials: Denied, PasswordLocked: Denied, PasswordResetRequired: Denied, TemporaryPasswordExpired: Denied,
	PasswordPolicy: Invalid, PasswordReused: Invalid, ResetNotPossible: Invalid, ResetWrongState: Denied, ResetByAdminOnly: Denied,
	SecretHashMissing: Denied, SecretHashWrong: Denied, ClientSecretWrong: Denied, FlowNotEnabled: Invalid, FlowNotSupported: Invalid,
	CodeMismatch: Denied, ChallengeCodeMismatch: Denied, CodeResent: Denied, CodeExpired: Expired, AttemptLimit: Throttled,
	DestinationRefused: Invalid, DeliveryFailed: Unavailable, CodeCheckFailed: Unavailable,
	OptedOut: Denied, DestinationNotVerified: Denied, VerificationComplete: Conflict, OriginationRefused: Denied,
	SpendLimitReached: Throttled, PriceTooHigh: Invalid, TooSoon: Throttled,
	TriggerRefused: Denied, TriggerFailed: Unavailable, TriggerAnswerInvalid: Unavailable,
	KeyDisabled: Denied, KeyStateInvalid: Conflict, KeyUsageWrong: Invalid, CiphertextInvalid: Invalid, KeyIncorrect: Invalid,
	PolicyMalformed: Invalid, PayloadTooLarge: Invalid,
	GrantNotAllowed: Denied, LoginRefused: Denied, MFATokenInvalid: Denied, MFATokenExpired: Expired, OOBCodeInvalid: Denied, OOBCodeExpired: Expired,
	OTPWrong: Denied, RecoveryCodeWrong: Denied, ChallengeUnsupported: Invalid, AssociationRequired: Denied, AlreadyEnrolled: Conflict,
	ScriptInvalid: Invalid, ModuleRefused: Invalid, ModulesUnavailable: Unavailable, ConfirmationNeeded: Conflict, TemplateInvalid: Invalid,
	SessionInvalid: Denied, SessionExpired: Expired, SessionUsed: Denied,
	TotpNotFound: NotFound, TotpNotEnabled: Invalid, TotpMismatch: Denied, MfaMethodNotFound: NotFound, FactorNotReady: Invalid,
	AccessTokenInvalid: Denied, AccessTokenExpired: Expired, AccessTokenRevoked: Denied, AccessTokenScope: Denied,
	RefreshTokenInvalid: Denied, RefreshTokenExpired: Expired, RefreshTokenRevoked: Denied, RefreshTokenReused: Denied,
	TokenTypeUnsupported: Invalid, RevocationDisabled: Unsupported,
	AccessDenied: Denied, Unauthenticated: Denied, SignatureWrong: Denied, AccessKeyUnknown: Denied, OriginForbidden: Denied,
}

// Codes returns every code, in no particular order. Facades' tests walk it.
func Codes() []Code {
	out := make([]Code, 0, len(kinds))
	for c := range kinds {
		out = append(out, c)
	}
	return out
}
