package pool

import (
	"context"
	"time"

	"countersign/internal/facts"
	"countersign/internal/fault"
)

// LoginJudge asks a pool's rules and post-login actions about sign-ins (package hook).
type LoginJudge interface {
	// Judges reports, from memory, whether the pool has any.
	Judges(ctx context.Context, poolID string) (bool, error)
	// Judge returns what they decided. An error means that one of them failed: the sign-in is refused.
	Judge(ctx context.Context, poolID string, in facts.Login) (*facts.Verdict, error)
}

// Kinds of factors in the Auth0 dialect.
const (
	FactorPhone    = "phone"
	FactorOTP      = "otp"
	FactorEmail    = "email"
	FactorRecovery = "recovery-code"
)

// OAuthClient is how a client of the Auth0 wire proves itself. Secret is nil if none was sent.
type OAuthClient struct {
	ID     string
	Secret *string
}

// Asked is what tokens are asked for.
type Asked struct {
	// Audience is an API's identifier, or empty. Scope is space-separated; offline_access brings a refresh token.
	Audience, Scope string
}

// OAuthTokens is the end of a sign-in on the Auth0 wire. ID is empty without the scope openid, Refresh without offline_access.
type OAuthTokens struct {
	Access, ID, Refresh string
	Scope               string
	// ExpiresIn is the access token's life in seconds.
	ExpiresIn int
	// RecoveryCode is the new recovery code where one was used, else empty.
	RecoveryCode string
}

// MFARequired is a sign-in that owes a second factor.
type MFARequired struct {
	// Token is the mfa_token, good for ten minutes.
	Token string
	// Challenge are the kinds of factors that may be asked for; Enroll, where there are none, those that can be enrolled.
	Challenge, Enroll []string
}

// OAuthResult is tokens, or what is owed. Exactly one is set.
type OAuthResult struct {
	Tokens *OAuthTokens
	MFA    *MFARequired
}

// PasswordGrantInput is the grants password and password-realm. Realm is "" or the database connection's name.
type PasswordGrantInput struct {
	OAuthClient
	Asked
	Username, Password, Realm string
}

// MFABearer is who manages factors: the holder of an mfa_token, or of an access token for the audience <base>/mfa/ with a scope (enroll,
// read:authenticators, remove:authenticators).
type MFABearer struct{ Token string }

// Authenticator is an enrolled factor as its owner sees it.
type Authenticator struct {
	// ID is "sms|dev_…", "voice|dev_…", "totp|dev_…", "email|dev_…" or "recovery-code|dev_…".
	ID string
	// Kind is one of the factors; Type is oob, otp or recovery-code; Channel sms, voice, email or empty.
	Kind, Type, Channel string
	// Name is the masked destination (XXXXXXXX8730).
	Name      string
	Active    bool
	CreatedAt time.Time
	LastAuth  time.Time
}

// AssociateInput enrols a factor. Types holds "oob" or "otp", Channels sms, voice or email; Phone or Email is the destination.
type AssociateInput struct {
	MFABearer
	// Client proves itself where it has a secret and sent it; optional.
	Client          *OAuthClient
	Types, Channels []string
	Phone, Email    string
}

// AssociateResult: OOBCode and Channel for messages, Secret and URI (otpauth://) for authenticator apps. RecoveryCodes are shown once, with the
// first factor.
type AssociateResult struct {
	Type, Channel, OOBCode string
	Secret, URI            string
	RecoveryCodes          []string
}

// ChallengeInput asks for a challenge. Types holds the accepted kinds (oob, otp); empty means both. Authenticator names one of the list.
type ChallengeInput struct {
	OAuthClient
	Token         string
	Types         []string
	Authenticator string
	Channel       string
}

// ChallengeResult: Type is oob (with OOBCode) or otp.
type ChallengeResult struct {
	Type, OOBCode, Channel string
}

// RedeemInput proves a second factor. OOBCode and Code are for mfa-oob, Code alone for mfa-otp and mfa-recovery-code.
type RedeemInput struct {
	OAuthClient
	Token         string
	OOBCode, Code string
}

// PasswordlessInput asks for a code as first factor.
type PasswordlessInput struct {
	OAuthClient
	// Connection is sms or email; Phone or Email the destination.
	Connection   string
	Phone, Email string
}

// PasswordlessStarted is its answer. ID is made up from the destination, alike for known and unknown ones.
type PasswordlessStarted struct {
	ID, Phone, Email string
	Verified         bool
	Language         string
}

// PasswordlessGrantInput redeems the code. Realm is sms or email, Username the destination.
type PasswordlessGrantInput struct {
	OAuthClient
	Asked
	Realm, Username, Code string
}

// RefreshGrantInput is the grant refresh_token. Scope, if not empty, must be among what was granted.
type RefreshGrantInput struct {
	OAuthClient
	RefreshToken, Scope string
}

var errOAuthNotYet = fault.New(fault.UnsupportedOperation)

// PasswordGrant signs in with a password. The caller's wire is "auth0".
func (s *Service) PasswordGrant(ctx context.Context, c Caller, in PasswordGrantInput) (*OAuthResult, error) {
	return nil, errOAuthNotYet
}

// RefreshGrant trades a refresh token of the Auth0 wire for new tokens.
func (s *Service) RefreshGrant(ctx context.Context, c Caller, in RefreshGrantInput) (*OAuthTokens, error) {
	return nil, errOAuthNotYet
}

// RevokeGrant ends the session of a refresh token (POST /oauth/revoke). Unknown tokens are no error.
func (s *Service) RevokeGrant(ctx context.Context, c Caller, client OAuthClient, refreshToken string) error {
	return errOAuthNotYet
}

// UserInfo returns the claims of the bearer of an access token of the Auth0 wire (GET /userinfo).
func (s *Service) UserInfo(ctx context.Context, c Caller, accessToken string) (map[string]any, error) {
	return nil, errOAuthNotYet
}

// Authenticators lists the bearer's factors; unconfirmed ones are not active.
func (s *Service) Authenticators(ctx context.Context, c Caller, b MFABearer) ([]Authenticator, error) {
	return nil, errOAuthNotYet
}

// DeleteAuthenticator removes a factor. An mfa_token is not enough.
func (s *Service) DeleteAuthenticator(ctx context.Context, c Caller, b MFABearer, id string) error {
	return errOAuthNotYet
}

// Associate begins the enrolment of a factor, and waits for the first attempt to send its code.
func (s *Service) Associate(ctx context.Context, c Caller, in AssociateInput) (*AssociateResult, error) {
	return nil, errOAuthNotYet
}

// ChallengeMFA asks for a second factor, and waits for the first attempt to send its code.
func (s *Service) ChallengeMFA(ctx context.Context, c Caller, in ChallengeInput) (*ChallengeResult, error) {
	return nil, errOAuthNotYet
}

// RedeemOOB, RedeemOTP and RedeemRecovery prove a second factor; the first two confirm an enrolment as well.
func (s *Service) RedeemOOB(ctx context.Context, c Caller, in RedeemInput) (*OAuthTokens, error) {
	return nil, errOAuthNotYet
}

// RedeemOTP: see RedeemOOB.
func (s *Service) RedeemOTP(ctx context.Context, c Caller, in RedeemInput) (*OAuthTokens, error) {
	return nil, errOAuthNotYet
}

// RedeemRecovery: see RedeemOOB. The tokens hold a new recovery code.
func (s *Service) RedeemRecovery(ctx context.Context, c Caller, in RedeemInput) (*OAuthTokens, error) {
	return nil, errOAuthNotYet
}

// StartPasswordless sends a code as first factor, and waits for the first attempt.
func (s *Service) StartPasswordless(ctx context.Context, c Caller, in PasswordlessInput) (*PasswordlessStarted, error) {
	return nil, errOAuthNotYet
}

// PasswordlessGrant signs in with that code; the first success makes the user.
func (s *Service) PasswordlessGrant(ctx context.Context, c Caller, in PasswordlessGrantInput) (*OAuthResult, error) {
	return nil, errOAuthNotYet
}

// EnrollmentTicket makes a one-time link token by which a user enrols a phone; good for five days. Errors: UserNotFound, AlreadyEnrolled (unless more),
// TooMany.
func (s *Service) EnrollmentTicket(ctx context.Context, c Caller, poolID, userID string, more bool) (token string, err error) {
	return "", errOAuthNotYet
}

// TicketEnroll sends a code to the number that the holder of a ticket typed; TicketConfirm redeems it and spends the ticket. It returns the recovery
// code of a first factor.
func (s *Service) TicketEnroll(ctx context.Context, c Caller, ticket, phone, channel string) (oobCode string, err error) {
	return "", errOAuthNotYet
}

// TicketConfirm: see TicketEnroll.
func (s *Service) TicketConfirm(ctx context.Context, c Caller, ticket, oobCode, code string) (recovery string, err error) {
	return "", errOAuthNotYet
}
