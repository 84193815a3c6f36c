package facts

import (
	"encoding/json"
	"time"
)

// Purpose is why a message is sent.
type Purpose string

const (
	// Enroll confirms a telephone (an enrolment, a sign-up, a change of number). SecondFactor and FirstFactor sign in.
	Enroll       Purpose = "enroll"
	SecondFactor Purpose = "second_factor"
	FirstFactor  Purpose = "first_factor"
	// Recovery carries a code for a new password. Notice carries none: something changed, or was blocked.
	Recovery Purpose = "recovery"
	Notice   Purpose = "notice"
)

// Message is what user code is told of a message besides destination, text and code. It is Draft.Event of a message of a pool whose sender is user
// code in one of Auth0's forms.
type Message struct {
	Purpose Purpose `json:"purpose"`
	// Language is the locale that the text was rendered in, a tag like "en" or "pt-BR". Never empty.
	Language string `json:"language"`
	// Voice is the text for speech, where it differs from the message's text.
	Voice      string      `json:"voice,omitempty"`
	Request    Request     `json:"request"`
	Client     Client      `json:"client"`
	User       *User       `json:"user,omitempty"`
	Tenant     Tenant      `json:"tenant"`
	Connection *Connection `json:"connection,omitempty"`
	// Transaction relates the messages of one sign-in.
	Transaction string `json:"transaction,omitempty"`
}

// Request is who asked.
type Request struct {
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Method    string `json:"method,omitempty"`
	Hostname  string `json:"hostname,omitempty"`
	// Language is the Accept-Language header as sent.
	Language string `json:"language,omitempty"`
}

// Client is the application.
type Client struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// User is the account. ID is as the Auth0 wire shows it ("auth0|…").
type User struct {
	ID            string          `json:"id"`
	Name          string          `json:"name,omitempty"`
	Nickname      string          `json:"nickname,omitempty"`
	GivenName     string          `json:"given_name,omitempty"`
	FamilyName    string          `json:"family_name,omitempty"`
	Username      string          `json:"username,omitempty"`
	Email         string          `json:"email,omitempty"`
	EmailVerified bool            `json:"email_verified,omitempty"`
	Phone         string          `json:"phone,omitempty"`
	PhoneVerified bool            `json:"phone_verified,omitempty"`
	Picture       string          `json:"picture,omitempty"`
	UserMetadata  json.RawMessage `json:"user_metadata,omitempty"`
	AppMetadata   json.RawMessage `json:"app_metadata,omitempty"`
	CreatedAt     time.Time       `json:"created_at,omitzero"`
	UpdatedAt     time.Time       `json:"updated_at,omitzero"`
	// Factors are the enrolled second factors: phone, otp, email, recovery-code.
	Factors []string `json:"factors,omitempty"`
	// Logins counts successful sign-ins.
	Logins int `json:"logins,omitempty"`
}

// Tenant is the pool. ID is the pool's id.
type Tenant struct {
	ID           string `json:"id"`
	FriendlyName string `json:"friendly_name,omitempty"`
	HomeURL      string `json:"home_url,omitempty"`
	LogoURL      string `json:"logo_url,omitempty"`
	SupportEmail string `json:"support_email,omitempty"`
	SupportURL   string `json:"support_url,omitempty"`
}

// Connection is where the user belongs: the database, or sms or email for passwordless users.
type Connection struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Strategy string `json:"strategy"`
}

// Login is what rules and post-login actions are told of a sign-in whose first factor was right.
type Login struct {
	User       User       `json:"user"`
	Client     Client     `json:"client"`
	Request    Request    `json:"request"`
	Tenant     Tenant     `json:"tenant"`
	Connection Connection `json:"connection"`
	// Protocol is Auth0's word: "oauth2-password", "oauth2-refresh-token", "oauth2-otp" (passwordless).
	Protocol string   `json:"protocol"`
	Scopes   []string `json:"scopes,omitempty"`
	Audience string   `json:"audience,omitempty"`
	// Methods are the factors proved so far: pwd, sms, otp, mfa ...
	Methods []string `json:"methods,omitempty"`
	// NewNetwork says that the user had no success from this network in the last 30 days.
	NewNetwork bool `json:"new_network,omitempty"`
}

// Verdict is what rules and actions decided about a sign-in, all of them together.
type Verdict struct {
	// MFA: a second factor is owed (context.multifactor, api.multifactor.enable). Providers, if not empty, are the kinds it may be: any of
	// phone, otp, email, recovery-code.
	MFA       bool     `json:"mfa,omitempty"`
	Providers []string `json:"providers,omitempty"`
	// Denied, if not empty, refuses the sign-in with this sentence.
	Denied string `json:"denied,omitempty"`
	// AccessClaims and IDClaims are added to the tokens. Names that the server sets itself were left out already.
	AccessClaims map[string]any `json:"access_claims,omitempty"`
	IDClaims     map[string]any `json:"id_claims,omitempty"`
	// UserMetadata and AppMetadata, if set, are merged into the user's by their first level; a null removes.
	UserMetadata map[string]any `json:"user_metadata,omitempty"`
	AppMetadata  map[string]any `json:"app_metadata,omitempty"`
}
