package smssender

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// Trigger is why Cognito sends: the part of triggerSource behind "CustomSMSSender_" or "CustomEmailSender_". Values that Cognito
// adds later are passed on as they are.
type Trigger string

// The triggers (Developer Guide, "Custom SMS sender Lambda trigger").
const (
	// SignUp, ResendCode: the code confirms a new account.
	SignUp     Trigger = "SignUp"
	ResendCode Trigger = "ResendCode"
	// ForgotPassword: the code resets the password.
	ForgotPassword Trigger = "ForgotPassword"
	// UpdateUserAttribute: the code verifies a new number or address, which is the message's destination.
	UpdateUserAttribute Trigger = "UpdateUserAttribute"
	// VerifyUserAttribute: the code verifies the present one.
	VerifyUserAttribute Trigger = "VerifyUserAttribute"
	// Authentication: the code signs in.
	Authentication Trigger = "Authentication"
	// AdminCreateUser: Code is a temporary password.
	AdminCreateUser Trigger = "AdminCreateUser"
	// AccountTakeOverNotification: a sign-in that looked risky. There is no code; Attributes tell time, place and device.
	AccountTakeOverNotification Trigger = "AccountTakeOverNotification"
)

// Channel is which of the two senders was called.
type Channel string

// The channels.
const (
	SMS   Channel = "sms"
	Email Channel = "email"
)

// Message is what the user is to be told. It prints and marshals without code and destination; its fields do not.
type Message struct {
	Trigger Trigger
	Channel Channel
	// Source is the whole triggerSource, for example "CustomSMSSender_SignUp".
	Source string
	// PoolID and ClientID say where from. ClientID is "CLIENT_ID_NOT_APPLICABLE" for calls of administrators.
	PoolID, ClientID string
	// Username is the user's name in the pool, often the sub.
	Username string
	// Phone is the destination in E.164 form. It is set for SMS, and for Email if the user has one.
	Phone string
	// Email is the destination of Email; it is set for SMS if the user has one.
	Email string
	// Code is the code, or for AdminCreateUser the temporary password. Empty for AccountTakeOverNotification.
	Code string
	// Attributes are the user's attributes.
	Attributes map[string]string
	// Metadata is the ClientMetadata of the app's call, nil if there was none.
	Metadata map[string]string
}

// shown is what may be seen of a message.
type shown struct {
	Source   string `json:"trigger_source"`
	PoolID   string `json:"pool_id"`
	ClientID string `json:"client_id"`
	To       string `json:"to"`
	Code     string `json:"code,omitempty"`
}

func (m Message) shown() shown {
	s := shown{m.Source, m.PoolID, m.ClientID, m.Masked(), ""}
	if m.Code != "" {
		s.Code = "[redacted]"
	}
	return s
}

// Masked is the destination, all but hidden: "+*******0100", "p***@example.com".
func (m Message) Masked() string {
	if m.Channel == Email {
		name, domain, _ := strings.Cut(m.Email, "@")
		_, n := utf8.DecodeRuneInString(name)
		return name[:n] + "***@" + domain
	}
	if len(m.Phone) < 8 {
		return strings.Repeat("*", len(m.Phone))
	}
	return "+" + strings.Repeat("*", len(m.Phone)-5) + m.Phone[len(m.Phone)-4:]
}

// Format implements fmt.Formatter for all verbs.
func (m Message) Format(f fmt.State, _ rune) {
	s := m.shown()
	_, _ = io.WriteString(f, fmt.Sprintf("%s of pool %s to %s", s.Source, s.PoolID, s.To))
}

// LogValue implements slog.LogValuer.
func (m Message) LogValue() slog.Value {
	s := m.shown()
	return slog.GroupValue(slog.String("trigger_source", s.Source), slog.String("pool_id", s.PoolID), slog.String("to", s.To))
}

// MarshalJSON implements json.Marshaler.
func (m Message) MarshalJSON() ([]byte, error) { return json.Marshal(m.shown()) }

// MarshalText implements encoding.TextMarshaler, which other encoders use.
func (m Message) MarshalText() ([]byte, error) { return fmt.Append(nil, m), nil }

// MarshalBinary implements encoding.BinaryMarshaler, for encoding/gob.
func (m Message) MarshalBinary() ([]byte, error) { return m.MarshalText() }
