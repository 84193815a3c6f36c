package route

import (
	"time"

	"countersign/internal/secret"
	"countersign/internal/store"
)

// Purposes of messages, as rules name them; each is a lane of the outbox.
const (
	SignIn   = "sign_in"
	Recovery = "recovery"
	SignUp   = "sign_up"
	Notice   = "notice"
)

// Purposes returns all purposes in the order of their lanes.
func Purposes() []string { return []string{SignIn, Recovery, SignUp, Notice} }

// PurposeOf is the purpose of a lane.
func PurposeOf(l store.Lane) string {
	if l < 0 || int(l) >= len(purposes) {
		return Notice
	}
	return purposes[l]
}

var purposes = [store.Lanes]string{SignIn, Recovery, SignUp, Notice}

// Plan says which accounts carry which messages of a pool.
type Plan struct {
	// Rules are asked in order; the first that fits decides. A message that none fits is not sent.
	Rules []Rule `json:"rules"`
	// Voice is what a call may do for a code whose text did not get through.
	Voice Voice `json:"voice,omitzero"`
	// SecondOpinion lets one more account try a number that a service calls invalid.
	SecondOpinion bool `json:"second_opinion,omitempty"`
}

// Rule is a choice of accounts for some messages. An empty list of conditions fits all.
type Rule struct {
	// Name is for people; it must be unique in the plan.
	Name string `json:"name"`
	// Countries are ISO 3166 regions of the destination.
	Countries []string `json:"countries,omitempty"`
	// Prefixes are beginnings of numbers in E.164 form ("+4479").
	Prefixes []string `json:"prefixes,omitempty"`
	// Channels are sms and voice.
	Channels []string `json:"channels,omitempty"`
	// Purposes are sign_in, recovery, sign_up and notice.
	Purposes []string `json:"purposes,omitempty"`
	// Clients are ids of app clients.
	Clients []string `json:"clients,omitempty"`
	// Use is the order of use. Neighbours with weights are drawn by weight.
	Use []Choice `json:"use"`
}

// Choice is an account within a rule.
type Choice struct {
	Account string `json:"account"`
	// Weight makes a lottery of this choice and its neighbours that have one too: who wins goes first. 0: it stands where it stands.
	Weight int `json:"weight,omitempty"`
	// From is the origination identity, in place of the account's. Senders is the same for single countries, and wins.
	From    string            `json:"from,omitempty"`
	Senders map[string]string `json:"senders,omitempty"`
	// TimeoutSeconds bounds one attempt. Defaults to 2.5 for a code that another account can still take, 10 otherwise.
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"`
}

// Voice is what a call may do for a code whose text did not get through.
type Voice struct {
	Fallback bool `json:"fallback,omitempty"`
	// Purposes default to sign_in and sign_up: whoever has stolen a voice mailbox must not get a recovery code.
	Purposes []string `json:"purposes,omitempty"`
	// Use are the accounts that call, in order.
	Use []Choice `json:"use,omitempty"`
	// WithoutKey allows calls that read the code without asking for a key first: voice mailboxes then hear codes too.
	WithoutKey bool `json:"without_key,omitempty"`
}

// AccountConfig is an account without its secrets.
type AccountConfig struct {
	// Name is chosen by the operator: 1 to 64 of a-z, 0-9, - and _.
	Name string `json:"name"`
	// Kind is an account.Spec's.
	Kind string `json:"kind"`
	// Settings are the fields of the Spec that are not secret.
	Settings map[string]string `json:"settings,omitempty"`
	// Channels narrow the Spec's; empty: all of them.
	Channels []string `json:"channels,omitempty"`
	// From is the origination identity where neither rule nor message has one. Senders is the same for single countries, and wins over the
	// message's.
	From    string            `json:"from,omitempty"`
	Senders map[string]string `json:"senders,omitempty"`
	// PerSecond bounds messages per second, SenderPerSecond those of one origination identity, CountryPerSecond those to a country. 0: no bound.
	PerSecond        float64            `json:"per_second,omitempty"`
	SenderPerSecond  float64            `json:"sender_per_second,omitempty"`
	CountryPerSecond map[string]float64 `json:"country_per_second,omitempty"`
	// MaxInFlight bounds calls of the service at once. 0: no bound.
	MaxInFlight int `json:"max_in_flight,omitempty"`
	// Disabled accounts are passed over.
	Disabled bool `json:"disabled,omitempty"`
	// TrustUnsigned takes reports at their word that nothing but the secret of their URL vouches for, where the service can neither sign them nor be
	// asked. Without it they are evidence, and texts that come in that way change no opt-out.
	TrustUnsigned bool `json:"trust_unsigned,omitempty"`
}

// Account is an account as it may be shown.
type Account struct {
	AccountConfig
	// SecretsSet names the secrets that are set.
	SecretsSet []string `json:"secrets_set"`
	// Static accounts come from the configuration file.
	Static    bool      `json:"static,omitempty"`
	Version   int64     `json:"version"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Static is what the configuration file says, for pools without a plan of their own.
type Static struct {
	Accounts []StaticAccount
	Plan     Plan
}

// StaticAccount is an account of the configuration file.
type StaticAccount struct {
	AccountConfig
	Secrets map[string]secret.String
}

// Question asks what would become of a message.
type Question struct {
	// To is in E.164 form.
	To string `json:"to"`
	// Channel defaults to sms, Purpose to sign_in.
	Channel string `json:"channel,omitempty"`
	Purpose string `json:"purpose,omitempty"`
	// Client is an app client's id, or empty.
	Client string `json:"client,omitempty"`
	// Text is counted for segments and price. Defaults to one segment.
	Text string `json:"text,omitempty"`
}

// Step is an account that would be asked, in order.
type Step struct {
	// Rule is the rule's name, "voice" for the calls that follow it.
	Rule    string `json:"rule"`
	Account string `json:"account"`
	Kind    string `json:"kind,omitempty"`
	Channel string `json:"channel"`
	// From is the origination identity, empty if the service chooses.
	From   string `json:"from,omitempty"`
	Weight int    `json:"weight,omitempty"`
	// PassedOver says why the account would not be asked now; empty: it would.
	PassedOver string `json:"passed_over,omitempty"`
	// Degraded says that the account stands behind others because its codes are not typed in.
	Degraded bool `json:"degraded,omitempty"`
	// Segments and Cost (in millionths of Currency) are what it would take; Estimated is set where no rate card knows the price.
	Segments  int    `json:"segments"`
	Cost      int64  `json:"cost"`
	Currency  string `json:"currency"`
	Estimated bool   `json:"estimated,omitempty"`
}

// Status is how an account does on this node.
type Status struct {
	Account string `json:"account"`
	// Circuit is closed, open or half_open; Reason, Since and Until are of an open one.
	Circuit string    `json:"circuit"`
	Reason  string    `json:"reason,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	// InFlight is how many calls of the service are under way, Waiting how many messages wait for the account's rate.
	InFlight int `json:"in_flight"`
	Waiting  int `json:"waiting"`
	// Fault says why the account cannot be used at all.
	Fault string `json:"fault,omitempty"`
}
