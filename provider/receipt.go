package provider

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// State is how far a message has come at a service.
type State string

const (
	// StateQueued: the service has it. StateSent: the carrier has it.
	StateQueued State = "queued"
	StateSent   State = "sent"
	// StateDelivered: the phone has it, or the call was answered.
	StateDelivered State = "delivered"
	// StateUndelivered: the carrier tried in vain. StateFailed: refused before or at the carrier. StateExpired: its validity ended.
	StateUndelivered State = "undelivered"
	StateFailed      State = "failed"
	StateExpired     State = "expired"
)

// Notice is what a service tells of a message afterwards, or a text that came in. It holds one of the two.
type Notice struct {
	// ProviderID is the service's id of the message, Reference what Message.Reference was; one of them is set.
	ProviderID, Reference string
	State                 State
	// Reason is set for undelivered and failed.
	Reason Reason
	// VendorCode and Text are the service's own, for people; without personal data.
	VendorCode, Text string
	// Segments and Price (in millionths of Currency, ISO 4217) are zero where the service does not say. Price is for the whole message.
	Segments int
	Price    int64
	Currency string
	// Network is the carrier's MCC and MNC ("26201"), or empty.
	Network string
	// At is when it happened, by the service's clock; zero if it does not say.
	At time.Time
	// ID is the notice's own id where the service gives one: a second one with the same is refused as a replay.
	ID string
	// Once says that the service's signature covers the ID and not what the notice says: whoever has seen one could sign another with it, so that each ID
	// is taken once.
	Once bool
	// Inbound is set for a text that came in; then all above but At, ID and Once are empty.
	Inbound *Inbound
}

// Inbound is a text from a phone.
type Inbound struct {
	// From is in E.164 form, To the origination identity it was sent to.
	From, To string
	Text     string
	// Keyword is what the service took it for (STOP, START, HELP), or empty.
	Keyword string
}

// Callback is a request of a service to its receipt URL, as it came.
type Callback struct {
	Method string
	// URL is the exact public URL that the service was given, with the query it came with.
	URL *url.URL
	// Header has canonical names.
	Header map[string][]string
	// Body is the whole body.
	Body []byte
	// Now is the time of the check.
	Now time.Time
}

// Reply is the answer to a callback. The zero value is 200 without a body.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

// ErrSignature is returned by ReadCallback when the service signs its callbacks and this one is not signed rightly, or is too old.
var ErrSignature = errors.New("provider: the callback is not signed rightly")

// CallbackReader is a Provider whose service calls back. ReadCallback checks the signature first, where the service has one.
type CallbackReader interface {
	// Signed reports whether callbacks are authenticated by more than their secret path. Those that are not only add evidence: what they say
	// ends no message until a Poller confirms it.
	Signed() bool
	// ReadCallback returns what a callback says. Errors: ErrSignature; any other error means that it cannot be understood (400).
	ReadCallback(ctx context.Context, c Callback) ([]Notice, Reply, error)
}

// ErrNotKnown is wrapped by Poll's errors if the service does not know the message, not yet or not any more: that says nothing of the service itself.
var ErrNotKnown = errors.New("provider: the service does not know the message")

// Poller is a Provider whose service can be asked what became of a message.
type Poller interface {
	// Poll returns the present state. Errors are classed as those of Send; ErrNotKnown, and Temporary, if the service does not know the message.
	Poll(ctx context.Context, providerID string) (Notice, error)
}

// Stream is a Provider that keeps a connection, over which notices come. Run keeps it until ctx ends.
type Stream interface {
	Run(ctx context.Context, tell func(Notice)) error
}

// Checker is a Provider that can test credentials and reach without sending to a real phone.
type Checker interface {
	// Check returns a sentence of what was found out, or an error as Send's.
	Check(ctx context.Context) (string, error)
}

// Feedback is a Provider that wants to know whether codes were typed in: the service's signal against pumping.
type Feedback interface {
	// Confirmed tells that the code of a message was used (or died unused). Errors are not repeated.
	Confirmed(ctx context.Context, providerID string, used bool) error
}

// CodeMaker is a Provider of a service that makes and checks codes by itself (Twilio Verify, Vonage Verify). Its Send starts a verification:
// Message.Text and Code are empty, and Receipt.ProviderID is the verification's id.
type CodeMaker interface {
	Provider
	// CheckCode asks the service whether a code is right. ok is false for a wrong one; ended says that the verification takes no more
	// answers (used, expired, too many). Errors as Send's.
	CheckCode(ctx context.Context, providerID, to, code string) (ok, ended bool, err error)
}

// KeyToken is the parameter in the query of Message.KeyURL that holds the token.
const KeyToken = "k"

// ErrWrongKey is returned by AnswerKeys, with a reply that ends the call, when the keys are not those of the message, or none came: the call has
// failed, whatever the service says of it later.
var ErrWrongKey = errors.New("provider: the call was not answered with its key")

// KeyedCaller is a Provider whose calls can ask for keys (Message.Key) before they read the code.
type KeyedCaller interface {
	// AskKey reports that calls with Message.Key set ask for it.
	AskKey() bool
	// AnswerKeys returns what the call goes on with after the keys that a callback brings. open returns the call's message by the token
	// that Message.KeyURL carried in its query (KeyToken). Errors are ErrWrongKey and those of ReadCallback.
	AnswerKeys(ctx context.Context, c Callback, open func(token string) (Message, error)) (Reply, error)
}
