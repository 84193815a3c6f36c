package eventlog

// Type is an event's code.
type Type string

// Auth0's codes (its log event type table), with its meanings.
const (
	LoginSucceeded          Type = "s"
	LoginFailed             Type = "f"
	WrongPassword           Type = "fp"
	UnknownUser             Type = "fu"
	SignUpSucceeded         Type = "ss"
	SignUpFailed            Type = "fs"
	PasswordChanged         Type = "scp"
	PasswordChangeFailed    Type = "fcp"
	PasswordChangeRequested Type = "scpr"
	PasswordRequestFailed   Type = "fcpr"
	NumberChanged           Type = "scpn"
	NumberChangeFailed      Type = "fcpn"
	EmailChanged            Type = "sce"
	EmailChangeFailed       Type = "fce"
	Verified                Type = "sv"
	VerifyFailed            Type = "fv"
	LoggedOut               Type = "slo"
	LogOutFailed            Type = "flo"
	UserDeleted             Type = "sdu"
	UserDeleteFailed        Type = "fdu"
	CodeSent                Type = "cs"
	LinkSent                Type = "cls"
	MFARequired             Type = "mfar"

	TokenRefreshed          Type = "sertft"
	TokenRefreshFailed      Type = "fertft"
	TokenReused             Type = "ferrt"
	TokenRevoked            Type = "srrt"
	CodeExchanged           Type = "seacft"
	CodeExchangeFailed      Type = "feacft"
	ClientCredentials       Type = "seccft"
	ClientCredentialsFailed Type = "feccft"
	OOBExchanged            Type = "seoobft"
	OOBExchangeFailed       Type = "feoobft"
	OTPExchanged            Type = "seotpft"
	OTPExchangeFailed       Type = "feotpft"
	RecoveryExchanged       Type = "sercft"
	RecoveryExchangeFailed  Type = "fercft"
	PasswordlessFailed      Type = "fepotpft"

	StartEnroll         Type = "gd_start_enroll"
	StartEnrollFailed   Type = "gd_start_enroll_failed"
	EnrollmentComplete  Type = "gd_enrollment_complete"
	Unenroll            Type = "gd_unenroll"
	UpdateDeviceAccount Type = "gd_update_device_account"
	StartAuth           Type = "gd_start_auth"
	AuthSucceeded       Type = "gd_auth_succeed"
	AuthFailed          Type = "gd_auth_failed"
	AuthRejected        Type = "gd_auth_rejected"
	CodeRateExceeded    Type = "gd_otp_rate_limit_exceed"
	RecoverySucceeded   Type = "gd_recovery_succeed"
	RecoveryFailed      Type = "gd_recovery_failed"
	RecoveryRate        Type = "gd_recovery_rate_limit_exceed"
	SendSMS             Type = "gd_send_sms"
	SendSMSFailure      Type = "gd_send_sms_failure"
	SendVoice           Type = "gd_send_voice"
	SendVoiceFailure    Type = "gd_send_voice_failure"
	SendEmail           Type = "gd_send_email"
	MFASettingsChanged  Type = "gd_tenant_update"
	TooManyRecords      Type = "too_many_records"

	LimitAccount    Type = "limit_wc"
	LimitSignUpRate Type = "limit_sul"
	LimitAddress    Type = "limit_mu"
	LimitPhone      Type = "limit_phone"
	APILimit        Type = "api_limit"
	APILimitWarning Type = "api_limit_warning"

	ManagementWrite       Type = "sapi"
	ManagementFailed      Type = "fapi"
	ManagementRead        Type = "mgmt_api_read"
	ActionFailed          Type = "actions_execution_failed"
	NotificationFailed    Type = "fn"
	NotificationWarning   Type = "wn"
	Deprecation           Type = "depnote"
	PreRegistrationFailed Type = "fpurh"
	PostChangePassFailed  Type = "fcph"
)

// Our own types.
const (
	SendEmailFailure   Type = "cs_send_email_failure"
	MessageDelivered   Type = "cs_message_delivered"
	MessageUndelivered Type = "cs_message_undelivered"
	MessageSuppressed  Type = "cs_message_suppressed"
	OptedOut           Type = "cs_opt_out"
	OptedIn            Type = "cs_opt_in"
	GuardRefused       Type = "cs_guard_refused"
	CodeWrong          Type = "cs_code_wrong"
	CodeExpired        Type = "cs_code_expired"

	UserCreated     Type = "cs_user_created"
	UserConfirmed   Type = "cs_user_confirmed"
	UserChanged     Type = "cs_user_changed"
	UserEnabled     Type = "cs_user_enabled"
	UserDisabled    Type = "cs_user_disabled"
	UserErased      Type = "cs_user_erased"
	FactorsChanged  Type = "cs_factors_changed"
	SignedOutAll    Type = "cs_signed_out_everywhere"
	NameMoved       Type = "cs_name_moved"
	PersonalRead    Type = "cs_personal_read"
	AccessDenied    Type = "cs_access_denied"
	AccessKeyMade   Type = "cs_access_key_created"
	AccessKeyEnded  Type = "cs_access_key_revoked"
	PoolChanged     Type = "cs_pool_changed"
	ClientChanged   Type = "cs_client_changed"
	SenderChanged   Type = "cs_sender_changed"
	TemplateChanged Type = "cs_template_changed"
	HookDeployed    Type = "cs_hook_deployed"
	TriggerFailed   Type = "cs_trigger_failed"
	FunctionChanged Type = "cs_function_changed"
	FunctionRan     Type = "cs_function_invoked"
	FunctionFailed  Type = "cs_function_failed"
	KMSKeyChanged   Type = "cs_kms_key_changed"
	RiskNotified    Type = "cs_risk_notified"
	TestMessage     Type = "cs_test_message"
	KeysRotated     Type = "cs_keys_rotated"
	Restored        Type = "cs_restored"
	NumberVerified  Type = "cs_sandbox_number_verified"
	// What routes, receipts and canary texts have to tell; SenderChanged is a changed account, route or rate card.
	CircuitOpened  Type = "cs_circuit_opened"
	CircuitClosed  Type = "cs_circuit_closed"
	RouteDegraded  Type = "cs_route_degraded"
	RouteRecovered Type = "cs_route_recovered"
	InboundText    Type = "cs_inbound_text"
	ReceiptRefused Type = "cs_receipt_refused"
	CanaryFailed   Type = "cs_canary_failed"
	CanaryPassed   Type = "cs_canary_passed"
	TestNumberUsed Type = "cs_test_number_used"
	// What guards, numbers and registrations have to tell; GuardRefused is each refusal.
	GuardBlocked        Type = "cs_guard_blocked"
	GuardUnblocked      Type = "cs_guard_unblocked"
	GuardRecorded       Type = "cs_guard_recorded"
	GuardChanged        Type = "cs_guard_changed"
	SpendWarning        Type = "cs_spend_warning"
	SpendExceeded       Type = "cs_spend_exceeded"
	OriginationChanged  Type = "cs_origination_changed"
	RegistrationChanged Type = "cs_registration_changed"
	RegistrationExpires Type = "cs_registration_expires"
	DestinationChanged  Type = "cs_destination_number_changed"
	SMSAccountChanged   Type = "cs_sms_account_changed"
)

// Info describes a type, for documentation and the console.
type Info struct {
	Type Type
	// Failure says that something did not succeed.
	Failure bool
	// Own is set for types that Auth0 does not have.
	Own     bool
	Meaning string
}

// Types returns every type with its meaning, Auth0's first.
func Types() []Info { return append([]Info(nil), types[:]...) }

var types = [...]Info{
	{LoginSucceeded, false, false, "A sign-in ended with tokens."},
	{LoginFailed, true, false, "A sign-in failed for another reason than a wrong password or an unknown user."},
	{WrongPassword, true, false, "Wrong password, or a failed SRP proof."},
	{UnknownUser, true, false, "Sign-in with a name that nobody has."},
	{SignUpSucceeded, false, false, "A user, or a sign-up attempt, was created."},
	{SignUpFailed, true, false, "A sign-up was refused."},
	{PasswordChanged, false, false, "A password was changed or set anew after recovery."},
	{PasswordChangeFailed, true, false, "A password change or recovery was refused."},
	{PasswordChangeRequested, false, false, "Recovery was asked for and a code queued."},
	{PasswordRequestFailed, true, false, "Recovery was asked for and refused, or answered without sending."},
	{NumberChanged, false, false, "A phone number was changed and verified."},
	{NumberChangeFailed, true, false, "A change of a phone number was refused."},
	{EmailChanged, false, false, "An e-mail address was changed and verified."},
	{EmailChangeFailed, true, false, "A change of an e-mail address was refused."},
	{Verified, false, false, "A phone number or e-mail address was verified by its code."},
	{VerifyFailed, true, false, "A verification was refused."},
	{LoggedOut, false, false, "A session was ended."},
	{LogOutFailed, true, false, "Ending a session was refused."},
	{UserDeleted, false, false, "A user was deleted."},
	{UserDeleteFailed, true, false, "Deleting a user was refused."},
	{CodeSent, false, false, "A code was issued and its message queued."},
	{LinkSent, false, false, "A passwordless code or link was issued and its message queued."},
	{MFARequired, false, false, "A password was right and a second factor is owed."},
	{TokenRefreshed, false, false, "A refresh token was exchanged."},
	{TokenRefreshFailed, true, false, "The exchange of a refresh token was refused."},
	{TokenReused, true, false, "A superseded refresh token came back: the session was revoked."},
	{TokenRevoked, false, false, "A refresh token was revoked."},
	{CodeExchanged, false, false, "An authorization code was exchanged for tokens."},
	{CodeExchangeFailed, true, false, "The exchange of an authorization code was refused."},
	{ClientCredentials, false, false, "Client credentials were exchanged for an access token."},
	{ClientCredentialsFailed, true, false, "Client credentials were refused."},
	{OOBExchanged, false, false, "A second factor by message was exchanged for tokens."},
	{OOBExchangeFailed, true, false, "The exchange of a second factor by message was refused."},
	{OTPExchanged, false, false, "A code of an authenticator app was exchanged for tokens."},
	{OTPExchangeFailed, true, false, "The exchange of a code of an authenticator app was refused."},
	{RecoveryExchanged, false, false, "A recovery code was exchanged for tokens."},
	{RecoveryExchangeFailed, true, false, "The exchange of a recovery code was refused."},
	{PasswordlessFailed, true, false, "The exchange of a passwordless code was refused."},
	{StartEnroll, false, false, "The enrolment of a factor began."},
	{StartEnrollFailed, true, false, "The enrolment of a factor could not begin."},
	{EnrollmentComplete, false, false, "A factor was enrolled and confirmed."},
	{Unenroll, false, false, "A factor was removed."},
	{UpdateDeviceAccount, false, false, "A factor was changed."},
	{StartAuth, false, false, "A second-factor step began."},
	{AuthSucceeded, false, false, "The code of a second factor was right."},
	{AuthFailed, true, false, "The code of a second factor was wrong, or the step failed."},
	{AuthRejected, true, false, "The user refused a second factor."},
	{CodeRateExceeded, true, false, "Too many wrong codes, or too many requests for codes, of one account."},
	{RecoverySucceeded, false, false, "A recovery code was right."},
	{RecoveryFailed, true, false, "A recovery code was wrong."},
	{RecoveryRate, true, false, "Too many wrong recovery codes."},
	{SendSMS, false, false, "A provider accepted an SMS; message_id leads to its timeline."},
	{SendSMSFailure, true, false, "An SMS was not sent; message_id leads to its timeline, provider_error says why."},
	{SendVoice, false, false, "A provider accepted a call."},
	{SendVoiceFailure, true, false, "A call was not placed."},
	{SendEmail, false, false, "An e-mail was accepted."},
	{MFASettingsChanged, false, false, "The MFA settings of a pool were changed."},
	{TooManyRecords, true, false, "The user has as many factors as are allowed."},
	{LimitAccount, true, false, "An account is locked for a while after too many failures."},
	{LimitSignUpRate, true, false, "Too many sign-ups or sign-ins of one account from one address."},
	{LimitAddress, true, false, "An address is slowed down after many failures on many accounts."},
	{LimitPhone, true, false, "Messages to a number are blocked for a while."},
	{APILimit, true, false, "A quota of API calls was exceeded."},
	{APILimitWarning, false, false, "A quota of API calls is nearly used up."},
	{ManagementWrite, false, false, "A management or signed call changed something."},
	{ManagementFailed, true, false, "A management or signed call failed."},
	{ManagementRead, false, false, "A management call read a secret."},
	{ActionFailed, true, false, "An action, hook or function failed."},
	{NotificationFailed, true, false, "A notification could not be sent."},
	{NotificationWarning, false, false, "A notification was sent with difficulties."},
	{Deprecation, false, false, "Something deprecated was used."},
	{PreRegistrationFailed, true, false, "A pre-registration hook failed."},
	{PostChangePassFailed, true, false, "A post-change-password hook failed."},

	{SendEmailFailure, true, true, "An e-mail was not sent."},
	{MessageDelivered, false, true, "A receipt said that a message was delivered."},
	{MessageUndelivered, true, true, "A receipt said that a message was not delivered."},
	{MessageSuppressed, true, true, "A queued message was held back for good: opt-out or guard."},
	{OptedOut, false, true, "A number answered STOP."},
	{OptedIn, false, true, "A number answered START."},
	{GuardRefused, true, true, "The guard refused a message, whether the caller was told or not."},
	{CodeWrong, true, true, "A wrong confirmation, verification or recovery code."},
	{CodeExpired, true, true, "A code that is dead, used or not outstanding."},
	{UserCreated, false, true, "An administrator created a user."},
	{UserConfirmed, false, true, "A user was confirmed, by code or by an administrator."},
	{UserChanged, false, true, "Attributes of a user were changed."},
	{UserEnabled, false, true, "A user was enabled."},
	{UserDisabled, false, true, "A user was disabled."},
	{UserErased, false, true, "A user was erased with the key of all personal data."},
	{FactorsChanged, false, true, "The MFA preference of a user was changed."},
	{SignedOutAll, false, true, "All sessions of a user were ended."},
	{NameMoved, false, true, "A sign-in name moved from one user to another."},
	{PersonalRead, false, true, "Somebody with the right to do so read personal data in clear."},
	{AccessDenied, true, true, "A credential lacks a grant for what it tried."},
	{AccessKeyMade, false, true, "An access key or management client was created."},
	{AccessKeyEnded, false, true, "An access key or management client was revoked."},
	{PoolChanged, false, true, "A pool was created, changed or deleted."},
	{ClientChanged, false, true, "An app client was created, changed or deleted."},
	{SenderChanged, false, true, "The sender, providers or routes of a pool were changed."},
	{TemplateChanged, false, true, "A message template was changed."},
	{HookDeployed, false, true, "A version of a hook, action or function was deployed."},
	{TriggerFailed, true, true, "A trigger failed or refused."},
	{FunctionChanged, false, true, "A function, its permissions, versions or aliases were changed."},
	{FunctionRan, false, true, "A function was invoked and answered."},
	{FunctionFailed, true, true, "A function threw, timed out or was stopped."},
	{KMSKeyChanged, false, true, "A KMS key, its aliases, grants or policy were changed."},
	{RiskNotified, false, true, "A user was told of a sign-in from a new network."},
	{TestMessage, false, true, "An operator sent a test message."},
	{KeysRotated, false, true, "Keys of a pool were rotated."},
	{Restored, false, true, "The database was restored from a backup: a new epoch began."},
	{NumberVerified, false, true, "A destination number was verified in the SMS sandbox."},
	{CircuitOpened, false, true, "An account with a provider is left alone for a while: it failed too often, or refuses our credentials."},
	{CircuitClosed, false, true, "An account that was left alone serves again."},
	{RouteDegraded, false, true, "Texts of an account are accepted and their codes are no longer typed in: other accounts go first. The evidence is in the data."},
	{RouteRecovered, false, true, "An account's codes are typed in again as they used to be."},
	{InboundText, false, true, "A text came in from a phone; only STOP, START and HELP are acted on."},
	{ReceiptRefused, false, true, "A callback of a provider was refused: its signature, its age, or a replay."},
	{CanaryFailed, false, true, "A canary text was not sent, or not confirmed in time."},
	{CanaryPassed, false, true, "A canary text arrived again after it had failed."},
	{TestNumberUsed, false, true, "The fixed code of a test number was typed in and accepted."},
	{GuardBlocked, true, true, "Codes to a country, a range of numbers or from a network are not typed in: nothing is sent there for a while. The event says which, and the figures."},
	{GuardUnblocked, false, true, "A block ended, or an operator lifted it."},
	{GuardRecorded, false, true, "A guard that only records would have refused a message."},
	{GuardChanged, false, true, "What a pool's guards allow was changed."},
	{SpendWarning, false, true, "A pool's messages of today have cost most of what they may."},
	{SpendExceeded, true, true, "A pool's messages of today have cost what they may: no more are sent until midnight UTC."},
	{OriginationChanged, false, true, "A sender ID or origination number was requested, changed or released."},
	{RegistrationChanged, false, true, "A registration of a sender or text was written, changed or removed."},
	{RegistrationExpires, true, true, "A registration ends in 30, 7 or 1 days, or has ended: texts under it are stopped then. The event says which and when."},
	{DestinationChanged, false, true, "A destination number was added to the sandbox or removed from it."},
	{SMSAccountChanged, false, true, "The settings of the SMS account (sandbox, spend limit, default sender) were changed."},
}
