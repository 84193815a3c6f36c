package store

import (
	"context"
	"encoding/json"
	"time"
)

// Code is an outstanding code. The code itself is only in the sealed message.
type Code struct {
	ID     string
	PoolID string
	// SubjectID is the user or attempt that the code proves something about.
	SubjectID string
	// Purpose is one of the purposes of package otp (sign_up, reset, verify_phone ...).
	Purpose  string
	ClientID string
	// Wire is the dialect that asked ("cognito", "auth0").
	Wire string
	// Chain binds codes of one sign-in together through its steps and resends; empty without a session.
	Chain string
	// Target is the keyed hash of the destination that the code was sent to; a changed destination kills it.
	Target []byte
	Hash   []byte
	// Sent is set when a provider accepted the message.
	Sent                 bool
	CreatedAt, ExpiresAt time.Time
}

// Codes reads and writes codes.
type Codes interface {
	// InsertCode stores a code. Codes of the same pool, subject and purpose with an empty Chain beyond keep are deleted, oldest first.
	InsertCode(ctx context.Context, c *Code, keep int) error
	// LiveCodes returns unexpired codes, newest first: those of the chain if it is not empty, else those of pool, subject and purpose
	// without one.
	LiveCodes(ctx context.Context, poolID, subjectID, purpose, chain string, now time.Time) ([]*Code, error)
	// CodeSent marks a code as sent and deletes older codes of its chain, if it has one.
	CodeSent(ctx context.Context, id string) error
	// ConsumeCode deletes the code and reports whether this call did: exactly one caller wins.
	ConsumeCode(ctx context.Context, id string) (bool, error)
	// DeleteCodes deletes every code of a subject and purpose; an empty purpose means all of the subject.
	DeleteCodes(ctx context.Context, poolID, subjectID, purpose string) error
}

// Challenge is a step of a sign-in that waits for an answer. Its handle (Session on the Cognito wire) is shown once.
type Challenge struct {
	ID       string
	PoolID   string
	ClientID string
	// UserID is empty for simulated challenges of unknown names.
	UserID string
	// Wire and Audience keep the handles of dialects and of steps apart ("cognito", "auth0"; "session", "mfa_token" ...).
	Wire, Audience string
	// Kind is the challenge's name (SMS_MFA ...).
	Kind string
	// Chain is the sign-in that the challenge belongs to.
	Chain string
	// Hash is the keyed hash of the handle's secret.
	Hash []byte
	// Data is what the flow must remember; never a secret.
	Data json.RawMessage
	// Tries counts wrong answers.
	Tries                int
	CreatedAt, ExpiresAt time.Time
	// UsedAt is set once it was answered; zero before.
	UsedAt time.Time
}

// Challenges reads and writes challenges and single-use marks.
type Challenges interface {
	InsertChallenge(ctx context.Context, c *Challenge) error
	// Challenge returns ErrNotFound for unknown ids; used and expired ones are returned as they are.
	Challenge(ctx context.Context, id string) (*Challenge, error)
	// UseChallenge marks it used and reports whether this call did: exactly one caller wins.
	UseChallenge(ctx context.Context, id string, now time.Time) (bool, error)
	// AddTry adds one wrong answer and returns the new number.
	AddTry(ctx context.Context, id string) (int, error)
	// EndChallenges marks all open challenges of a user as used: a locked account has no open doors.
	EndChallenges(ctx context.Context, poolID, userID string, now time.Time) error
	// Spend records a single-use mark (a keyed hash) until expires and reports whether it was new.
	Spend(ctx context.Context, mark []byte, expires time.Time) (bool, error)
}

// CounterKey names a counter.
type CounterKey struct {
	PoolID string
	// Subject is a user id or the keyed hash (hex) of a name, number, address or client.
	Subject string
	// Purpose says what is counted (password, code, send ...).
	Purpose string
	// Bucket is "known" for networks with a recent success and "other" for the rest, or empty.
	Bucket string
}

// Counter is what happened lately. All fields are zero for a counter never saved.
type Counter struct {
	// N is the number of events in the present run or window; Total the consecutive failures without a success.
	N, Total int
	// Since is when the run or window began; Last when the last event was.
	Since, Last time.Time
	// LockedUntil is when attempts are judged again.
	LockedUntil time.Time
}

// Taking says how TakeCounter counts.
type Taking struct {
	Now time.Time
	// Window holds up to Limit events, the day that ends at DayEnds up to DayLimit.
	Window          time.Duration
	DayEnds         time.Time
	Limit, DayLimit int
}

// Counters reads and writes counters.
type Counters interface {
	// LockCounter returns the counter and holds its row until the transaction ends, so that parallel attempts are counted one
	// after the other. Callers lock several counters in the order of their keys.
	LockCounter(ctx context.Context, k CounterKey) (Counter, error)
	// Counter returns the counter without locking it.
	Counter(ctx context.Context, k CounterKey) (Counter, error)
	// SaveCounter writes it; expires is when the row may be swept.
	SaveCounter(ctx context.Context, k CounterKey, c Counter, expires time.Time) error
	// BumpCounter adds one event to a counter of a fixed window in one statement, and returns the number of events in the present
	// window, this one included. A window that began at or before now minus window begins anew. Only N, Since and Last are used.
	BumpCounter(ctx context.Context, k CounterKey, now time.Time, window time.Duration) (int, error)
	// TakeCounter adds one event to a counter of two windows in one statement, unless one of them is full, and returns the counter after it and whether it
	// did. N and Since are of the window, as in BumpCounter, Total is of the day that ends at LockedUntil. A limit of 0 or less is none.
	TakeCounter(ctx context.Context, k CounterKey, t Taking) (Counter, bool, error)
	// ResetCounters deletes the counters of a subject and purpose, all buckets.
	ResetCounters(ctx context.Context, poolID, subject, purpose string) error
}

// Family is a sign-in and the refresh tokens descended from it.
type Family struct {
	// ID is in the refresh token; OriginJTI is in every token issued.
	ID        string
	OriginJTI string
	PoolID    string
	UserID    string
	ClientID  string
	// Hash is of the current refresh token; Previous of the one before, good until PreviousUntil. Older holds hashes of
	// superseded tokens, 16 bytes each, newest first, bounded.
	Hash          []byte
	Previous      []byte
	PreviousUntil time.Time
	Older         []byte
	// Name is the sign-in name that began the session, as typed: a secret hash may be made over it. Empty for clients without a secret.
	Name      string
	DeviceKey string
	// Wire is the dialect that the session was begun in ("cognito", "auth0"); empty means cognito. Its refresh tokens are good there alone.
	Wire string
	// Scope and Audience are what the Auth0 wire granted; empty on the other.
	Scope, Audience string
	// Methods are the factors that the session was begun with, space-separated (pwd sms otp email mfa), and mfa once it proved or switched on one.
	Methods                        string
	AuthTime, CreatedAt, ExpiresAt time.Time
	RevokedAt                      time.Time
	Version                        int64
}

// Bearer is what must be known of an access token's holder on every call, read in one query.
type Bearer struct {
	User *User
	// Revoked is set if the family was revoked, has expired or does not exist.
	Revoked bool
	// AuthTime is when the family began; zero if it does not exist. Methods are the family's.
	AuthTime time.Time
	Methods  string
}

// Families reads and writes families.
type Families interface {
	InsertFamily(ctx context.Context, f *Family) error
	Family(ctx context.Context, id string) (*Family, error)
	// UpdateFamily writes the token hashes, RevokedAt and ExpiresAt where Version matches.
	UpdateFamily(ctx context.Context, f *Family) (bool, error)
	// RevokeFamilies revokes every family of a user, except the one with the given OriginJTI if it is not empty.
	RevokeFamilies(ctx context.Context, poolID, userID, except string, now time.Time) error
	// SetMethods writes Methods of a user's family.
	SetMethods(ctx context.Context, poolID, userID, originJTI, methods string) error
	// Bearer reads user and family state; ErrNotFound if the user does not exist.
	Bearer(ctx context.Context, poolID, userID, originJTI string, now time.Time) (*Bearer, error)
	// ListFamilies returns up to limit unrevoked families of a user, newest first.
	ListFamilies(ctx context.Context, poolID, userID string, now time.Time, limit int) ([]*Family, error)
}
