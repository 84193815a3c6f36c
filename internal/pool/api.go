package pool

import (
	"net/netip"
	"time"

	"countersign/internal/store"
)

// Caller is who asks, as far as the wire knows. It never decides alone what is allowed.
type Caller struct {
	// Wire is the dialect ("cognito", "auth0"): codes and challenges of one are not good on another.
	Wire string
	// IP is the client's address: of the connection, or forwarded by a declared proxy. Invalid: unknown.
	IP        netip.Addr
	UserAgent string
	// Invocation is equal for the retries of one call (amz-sdk-invocation-id), or empty.
	Invocation string
	// Metadata is the user's ClientMetadata; Control are its countersign:* entries without the prefix, which user code never sees.
	Metadata, Control map[string]string
	// Language is the language asked for (x-request-language, else Accept-Language, as sent), Hostname the server's name in the request. Empty: unknown.
	Language, Hostname string
	// PoolID is the pool that the request's Host names (front.PoolOf). The flows of the Auth0 wire (oauth.go) refuse clients, tokens and tickets of
	// another pool as if they did not exist. Empty: any pool.
	PoolID string
	// BaseURL is the declared base URL that the request came by (front.BaseURLOf); with a slash it is the issuer of the Auth0 wire. Empty: the
	// pool's own (Config.BaseURL).
	BaseURL string
	// Admin is the id of the access key of a signed call, or empty for an end user's.
	Admin string

	// first is the Metadata of InitiateAuth, which few triggers see. asked is what triggers answered within this request.
	first map[string]string
	asked asked
}

// Attr is a user attribute. A list keeps the caller's order.
type Attr struct{ Name, Value string }

// Delivery says where a code went, masked.
type Delivery struct {
	// Destination is masked (+*******0100, j***@g***).
	Destination string
	// Medium is "SMS" or "EMAIL".
	Medium string
	// Attribute is "phone_number" or "email".
	Attribute string
	// VoiceKey is what a call asks to be pressed before it reads the code, two digits to be shown to the user; empty: no call takes the text's place.
	VoiceKey string
	// OptedOut: the number wants no texts, so none comes. It is said to nobody but those who have proven the first factor.
	OptedOut bool
}

// ClientAuth is how an app client proves itself: the hash over the name, or (for the calls that take it) the secret itself.
type ClientAuth struct {
	ClientID   string
	SecretHash *string
	Secret     *string
}

// SignUpInput: API reference, SignUp.
type SignUpInput struct {
	ClientAuth
	Username       string
	Password       string
	Attributes     []Attr
	ValidationData []Attr
}

// SignUpResult: API reference, SignUp.
type SignUpResult struct {
	UserSub   string
	Confirmed bool
	// Delivery is nil if no code was sent.
	Delivery *Delivery
	// Session allows one USER_AUTH sign-in without a further code, after confirmation. Empty if the client does not allow USER_AUTH.
	Session string
}

// ConfirmSignUpInput: API reference, ConfirmSignUp.
type ConfirmSignUpInput struct {
	ClientAuth
	Username   string
	Code       string
	ForceAlias bool
	Session    string
}

// NameInput is what ResendConfirmationCode and ForgotPassword ask with.
type NameInput struct {
	ClientAuth
	Username string
}

// ConfirmForgotPasswordInput: API reference, ConfirmForgotPassword.
type ConfirmForgotPasswordInput struct {
	ClientAuth
	Username, Code, Password string
}

// AuthInput begins a sign-in: InitiateAuth and AdminInitiateAuth.
type AuthInput struct {
	ClientID string
	// PoolID is set for admin calls and must be the client's pool.
	PoolID string
	// Flow is the AuthFlow as sent; Params the AuthParameters.
	Flow    string
	Params  map[string]string
	Session string
}

// RespondInput answers a challenge: RespondToAuthChallenge and AdminRespondToAuthChallenge.
type RespondInput struct {
	ClientID  string
	PoolID    string
	Challenge string
	Session   string
	Responses map[string]string
}

// AuthResult is a challenge, or tokens.
type AuthResult struct {
	Challenge  string
	Session    string
	Parameters map[string]string
	Available  []string
	Tokens     *Tokens

	// oauth is the result on the Auth0 wire, in place of all others.
	oauth *OAuthResult
}

// Tokens is the end of a sign-in.
type Tokens struct {
	Access, ID string
	// Refresh is empty on a refresh without rotation.
	Refresh string
	// ExpiresIn is the access token's life in seconds.
	ExpiresIn int
}

// RefreshInput: GetTokensFromRefreshToken and REFRESH_TOKEN_AUTH.
type RefreshInput struct {
	ClientAuth
	PoolID       string
	RefreshToken string
	DeviceKey    string
	// Legacy is set for REFRESH_TOKEN_AUTH, which rotation forbids.
	Legacy bool
}

// UserView is a user as administrators and the user see it.
type UserView struct {
	Username   string
	Sub        string
	Status     store.Status
	Enabled    bool
	Attributes []Attr
	CreatedAt  time.Time
	UpdatedAt  time.Time
	// Factors is UserMFASettingList; Preferred is PreferredMfaSetting or empty.
	Factors   []string
	Preferred string
	// FirstFactors is ConfiguredUserAuthFactors.
	FirstFactors []string
}

// FactorChange is one group of SetUserMFAPreference. A nil group leaves the factor as it is.
type FactorChange struct{ Enabled, Preferred bool }

// MFAPreference: API reference, SetUserMFAPreference.
type MFAPreference struct{ SMS, TOTP, Email *FactorChange }

// AdminCreateInput: API reference, AdminCreateUser.
type AdminCreateInput struct {
	PoolID, Username  string
	Attributes        []Attr
	ValidationData    []Attr
	TemporaryPassword string
	ForceAlias        bool
	// Action is "", "RESEND" or "SUPPRESS"; Mediums holds SMS and EMAIL, default SMS.
	Action  string
	Mediums []string
}

// UserFilter is a parsed ListUsers filter; see store.UserQuery.
type UserFilter struct {
	Field, Value string
	Prefix       bool
}

// Associated is the answer to AssociateSoftwareToken.
type Associated struct{ SecretCode, Session string }
