package account

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

// Spec describes a kind of account.
type Spec struct {
	// Kind is the name in configuration and API ("twilio"); Title is for people.
	Kind, Title string
	// Channels that an account of this kind can serve; a setting may narrow them.
	Channels []provider.Channel
	// Fields are its settings, in the order of a form.
	Fields []Field
	// SenderSets are the Fields by which the service itself chooses the sender of a text, among several.
	SenderSets []string
	// Receipts says in one line where receipts come from and how they are authenticated.
	Receipts string
	// Hosts are the public host names that are called, as far as they are fixed: dev mode answers them by the simulator.
	Hosts []string
	// New makes the provider, or says everything that is wrong with the settings: each error names its field. A provider that holds a connection
	// implements io.Closer.
	New func(a Account, d Deps) (provider.Provider, error)
}

// Field is one setting.
type Field struct {
	// Name is its key ("account_sid").
	Name string
	// Help is a sentence for people; Example a value that looks right.
	Help, Example string
	// Secret values are sealed and never shown again.
	Secret, Required bool
	// Values is the closed list of what it may be, or empty.
	Values []string
}

// Account is a configured account.
type Account struct {
	// Name is chosen by the operator ("twilio-eu"): what routes and timelines call it.
	Name string
	Kind string
	// Settings and Secrets by the names of the Spec's fields.
	Settings map[string]string
	Secrets  map[string]secret.String
}

// Deps is what a provider may use of the world.
type Deps struct {
	// Client makes the requests: it brings the rules for addresses, time and size, and follows no redirects.
	Client *http.Client
	// Dial makes TCP connections under the same rules; for SMPP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock.
	Now func() time.Time
	// Log is for what operators should know.
	Log *slog.Logger
}
