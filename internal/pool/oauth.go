package pool

import (
	"context"
	"time"

	"countersign/internal/facts"
)

// LoginJudge asks a pool's rules and post-login actions about sign-ins (package hook).
type LoginJudge interface {
	// Judges reports, from memory, whether the pool has any.
	Judges(ctx context.Context, poolID string) (bool, error)
	// Judge returns what they decided. An error means that one of them failed: the sign-in is refused.
	Judge(ctx context.Context, poolID string, in facts.Login) (*facts.Verdict, error)
	// Forget drops what is kept in memory of a pool that was deleted, and ends its code's workers.
	Forget(poolID string)
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
	// VoiceKey is as in Delivery.
	VoiceKey string
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
	// VoiceKey is as in Delivery.
	VoiceKey string
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
