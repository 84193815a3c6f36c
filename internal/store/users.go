package store

import (
	"context"
	"encoding/json"
	"time"
)

// Status is a user's life-cycle state, in Cognito's spelling.
type Status string

const (
	Unconfirmed         Status = "UNCONFIRMED"
	Confirmed           Status = "CONFIRMED"
	ForceChangePassword Status = "FORCE_CHANGE_PASSWORD"
	ResetRequired       Status = "RESET_REQUIRED"
)

// User is one row of a pool.
type User struct {
	// ID is the user's sub, a UUID.
	ID     string
	PoolID string
	// Username is immutable; in pools whose users sign in with a phone number or e-mail it equals ID.
	Username string
	Status   Status
	Enabled  bool
	// PasswordHash is a PHC string: argon2id, or a foreign hash until the first success. Empty: no password.
	PasswordHash string
	// PasswordHistory holds earlier hashes, newest first, bounded by the pool's policy.
	PasswordHistory []string
	// SRPSalt and SealedVerifier are set where a client allows SRP.
	SRPSalt        []byte
	SealedVerifier []byte
	// TemporaryUntil is when a temporary password dies; zero for permanent passwords.
	TemporaryUntil time.Time
	// Attributes are the user's attributes by name, without sub; *_verified hold "true" or "false".
	Attributes map[string]string
	// Pending are new values that wait for a code (phone_number, email).
	Pending map[string]string
	MFA     MFA
	// SealedTOTP is the authenticator's secret, confirmed if MFA.TOTPReady; TOTPStep is the last time step used.
	SealedTOTP []byte
	TOTPStep   int64
	// SealedDataKey is the key that personal data of this user elsewhere is sealed with; it goes with the row.
	SealedDataKey []byte
	// TokensAfter: tokens of families begun before it are dead (global sign-out, password reset).
	TokensAfter time.Time
	// Meta is what the Auth0 dialect adds to a user; nil: nothing. It is read with the user, as nil if it holds nothing.
	Meta                 *Meta
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Meta is what the Auth0 dialect adds to a user.
type Meta struct {
	// Connection is "sms" or "email" for users who came by a passwordless code, else empty (the database connection).
	Connection string `json:"connection,omitempty"`
	// User and App are user_metadata and app_metadata: JSON objects, 16 KiB each at most.
	User json.RawMessage `json:"user_metadata,omitempty"`
	App  json.RawMessage `json:"app_metadata,omitempty"`
	// LastLogin, LastIP and Logins are of successful sign-ins on the Auth0 wire.
	LastLogin time.Time `json:"last_login,omitzero"`
	Logins    int       `json:"logins,omitempty"`
	// Language is what the user was last spoken to in, a tag like "en-US".
	Language string `json:"language,omitempty"`
}

// MFA is a user's second factors.
type MFA struct {
	SMS       bool `json:"sms,omitempty"`
	TOTP      bool `json:"totp,omitempty"`
	Email     bool `json:"email,omitempty"`
	TOTPReady bool `json:"totp_ready,omitempty"`
	// Preferred is SMS_MFA, SOFTWARE_TOKEN_MFA, EMAIL_OTP or empty.
	Preferred string `json:"preferred,omitempty"`
	// Phones are enrolled telephones that need not be the user's phone_number, oldest first, ten at most. While one of them is confirmed, SMS
	// codes of second factors go there (the first one, unless another is chosen) and not to phone_number.
	Phones []MFAPhone `json:"phones,omitempty"`
	// Recovery is the keyed hash (hex) of the recovery code; empty: there is none. RecoveryAt is when it was made.
	Recovery   string    `json:"recovery,omitempty"`
	RecoveryAt time.Time `json:"recovery_at,omitzero"`
	// TOTPID, TOTPAt and EmailID, EmailAt name the enrolments of the other factors on the Auth0 wire; empty until they are first shown.
	TOTPID  string `json:"totp_id,omitempty"`
	EmailID string `json:"email_id,omitempty"`
}

// MFAPhone is an enrolled telephone.
type MFAPhone struct {
	// ID is 16 letters and digits; the Auth0 wire shows it as "sms|dev_<ID>" and "voice|dev_<ID>".
	ID     string `json:"id"`
	Number string `json:"number"`
	Name   string `json:"name,omitempty"`
	// Preferred is sms or voice; empty means sms.
	Preferred string    `json:"preferred,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	// ConfirmedAt is zero until a code sent there came back. LastAuth is when it last proved somebody.
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`
	LastAuth    time.Time `json:"last_auth,omitzero"`
}

// Confirmed reports whether a code sent to the telephone came back.
func (p *MFAPhone) Confirmed() bool { return !p.ConfirmedAt.IsZero() }

// Attempt is a sign-up that owns nothing yet: in pools with separate attempts a name may have several, each with its own
// password and attributes, and a code confirms only its own.
type Attempt struct {
	// ID becomes the user's ID.
	ID       string
	PoolID   string
	ClientID string
	// NameKey is the alias key of the name that was signed up with.
	NameKey string
	// Network is the keyed hash of the network that signed up, or empty: a resend goes to the attempt of the one who asks.
	Network              string
	User                 User
	CreatedAt, ExpiresAt time.Time
}

// UserQuery selects users of one pool. Users come ordered by ID; those of a Prefix of anything but sub, status and
// enabled by value (its first 128 characters) and ID.
type UserQuery struct {
	PoolID string
	// Field is "", "username", "sub", "status", "enabled" ("true" or "false") or one of phone_number, email, name, given_name,
	// family_name, preferred_username. Empty: all users.
	Field string
	Value string
	// Prefix asks for values that begin with Value.
	Prefix bool
	// After is the last ID of the page before. AfterValue is that user's value of Field, for a Prefix; without it the value
	// is looked up, which fails with ErrNotFound if the user is gone.
	After, AfterValue string
	Limit             int
}

// Users reads and writes users, their sign-in names (aliases), pending attempts and the networks they were seen on.
type Users interface {
	// InsertUser stores a new user with Version 1. Names are claimed separately.
	InsertUser(ctx context.Context, u *User) error
	// User returns ErrNotFound if the pool has no such user.
	User(ctx context.Context, poolID, id string) (*User, error)
	// FindUser returns the user who owns the first of keys that is owned, and that key; ErrNotFound if none is.
	FindUser(ctx context.Context, poolID string, keys ...string) (*User, string, error)
	// UpdateUser writes the whole row where Version matches, sets UpdatedAt as given, adds one to Version and reports whether it did.
	UpdateUser(ctx context.Context, u *User) (bool, error)
	// DeleteUser removes the user, its aliases, codes, challenges, families, counters and queued messages.
	DeleteUser(ctx context.Context, poolID, id string) (bool, error)
	ListUsers(ctx context.Context, q UserQuery) ([]*User, error)
	// CountUsers counts up to limit users.
	CountUsers(ctx context.Context, poolID string, limit int) (int, error)

	// ClaimAlias makes userID the owner of key unless somebody else is; it returns the owner after the call.
	ClaimAlias(ctx context.Context, poolID, key, userID string) (owner string, err error)
	// ReleaseAlias frees key if userID owns it.
	ReleaseAlias(ctx context.Context, poolID, key, userID string) error

	// InsertAttempt stores an attempt and deletes the oldest of its NameKey beyond keep.
	InsertAttempt(ctx context.Context, a *Attempt, keep int) error
	// Attempts returns the unexpired attempts of a name, newest first.
	Attempts(ctx context.Context, poolID, nameKey string, now time.Time) ([]*Attempt, error)
	DeleteAttempts(ctx context.Context, poolID, nameKey string) error

	// SeeNetwork records a success of the user on a network or device (a keyed hash) until expires.
	SeeNetwork(ctx context.Context, poolID, userID string, network []byte, expires time.Time) error
	// ForgetNetworks deletes all marks of a user.
	ForgetNetworks(ctx context.Context, poolID, userID string) error
	// NetworkSeen reports whether the mark is there and unexpired.
	NetworkSeen(ctx context.Context, poolID, userID string, network []byte, now time.Time) (bool, error)
}
