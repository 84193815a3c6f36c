package providertest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"countersign/provider"
)

// Answer is what the scripted service answers. {echo} in Body becomes the number, the code, the text and Suite.Secrets.
type Answer struct {
	// Status defaults to 200.
	Status int
	// Header defaults to Content-Type: application/json.
	Header map[string]string
	Body   string
}

// Failure is a refusal of the service.
type Failure struct {
	Name string
	// Channel defaults to the first of Suite.Channels.
	Channel provider.Channel
	Answer  Answer
	Reason  provider.Reason
	// Class defaults to the reason's.
	Class provider.Class
	// After is how long the service wants to be left alone; not compared if zero.
	After time.Duration
	// Code is the vendor's code in the error; not compared if empty.
	Code string
}

// Suite describes a gateway and its service.
type Suite struct {
	// New makes a provider that calls base instead of the service's own host. It is called several times.
	New func(t *testing.T, base string) provider.Provider
	// Channels default to SMS.
	Channels []provider.Channel
	// Success is the service's answer when all is well, for each channel.
	Success map[provider.Channel]Answer
	// ProviderID is the message's id in all of Success.
	ProviderID string
	// AlsoOK are statuses beside the one of Success that mean success with the same body.
	AlsoOK []int
	// Failures are all shapes of refusals; at least one has {echo} in its sentence.
	Failures []Failure
	// Statuses are the reasons of HTTP statuses with an empty body that differ from the common ones.
	Statuses map[int]provider.Reason
	// StatusClasses are their classes, where they are not the reasons'.
	StatusClasses map[int]provider.Class
	// Secrets are the credentials that New uses.
	Secrets []string
	// Text returns the text of a request as the service understands it. Required, but for a provider.CodeMaker.
	Text func(r Request) string
	// Reference returns where Message.Reference is in a request; nil if the service has no field for it.
	Reference func(r Request) string
	// Message changes the message that is sent, where the service wants something special.
	Message func(m *provider.Message)
	// OwnText says that the service writes the text itself: Text returns the code that arrived.
	OwnText bool
	// AnyType says that answers have no fixed media type. Foreign says the same, and that answers are read by the vendor's own client, which may
	// not look at what follows a body.
	AnyType, Foreign bool
	// Empty says that the service's success may be an empty answer or any JSON object; then Receipt.ProviderID may be empty.
	Empty bool
	// Spec is the file of the service's description; all requests are checked against it. Empty if there is none.
	Spec string
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if len(s.Channels) == 0 {
		s.Channels = []provider.Channel{provider.SMS}
	}
	if s.New == nil || s.ProviderID == "" && !s.Empty || len(s.Failures) == 0 {
		t.Fatal("providertest: New, ProviderID and Failures are needed")
	}
	for _, channel := range s.Channels {
		if _, ok := s.Success[channel]; !ok {
			t.Fatalf("providertest: no answer for success by %s", channel)
		}
		t.Run(string(channel), func(t *testing.T) {
			c := &run{s: s, channel: channel}
			t.Run("success", c.success)
			t.Run("shape", c.shape)
			t.Run("statuses", c.statuses)
			t.Run("failures", c.failures)
			t.Run("connection", c.connection)
			t.Run("not sent", c.notSent)
			t.Run("text", c.text)
			t.Run("concurrent", c.concurrent)
		})
	}
	if !slices.ContainsFunc(s.Failures, func(f Failure) bool { return containsEcho(f.Answer.Body) }) {
		t.Error("providertest: no failure repeats what was sent: put {echo} into the sentence of one")
	}
}

// run is the suite for one channel.
type run struct {
	s       Suite
	channel provider.Channel
}

// Code is the code of the suite's messages, To their destination.
const (
	Code = "482913"
	To   = "+12025550123"
)

// Message returns the message that the suite sends, with a code that lives for three minutes.
func Message(channel provider.Channel) provider.Message {
	return provider.Message{
		ID: "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", IdempotencyKey: "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", Channel: channel, To: To,
		Text: "Your Example code is " + Code + ". It is good for 3 minutes.", Code: Code, PoolID: "eu-west-1_aBcDeFgHi",
		TriggerSource: "CustomSMSSender_SignUp", Locale: "en-GB", ExpiresAt: time.Now().Add(3 * time.Minute).UTC(),
		Reference: "0199a1b3c4d57e4f8a5b6c7d8e9f0a1b", Country: "US",
	}
}

func (c *run) message(p provider.Provider) provider.Message {
	m := Message(c.channel)
	if _, ok := p.(provider.CodeMaker); ok {
		m.Text, m.Code, m.ExpiresAt = "", "", time.Time{}
	}
	if c.s.Message != nil {
		c.s.Message(&m)
	}
	return m
}

// ok is the answer of success.
func (c *run) ok() Answer {
	a := c.s.Success[c.channel]
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	return a
}

// start makes a provider whose service answers as script says.
func (c *run) start(t *testing.T, script http.HandlerFunc) (provider.Provider, *Service) {
	t.Helper()
	s := Serve(t, script)
	return c.s.New(t, s.URL), s
}

// answered sends one message to a service that answers a.
func (c *run) answered(t *testing.T, a Answer) (provider.Receipt, error) {
	t.Helper()
	p, s := c.start(t, a.handler(c.s.Secrets))
	m := c.message(p)
	r, err := p.Send(t.Context(), m)
	c.one(t, s, m)
	if err != nil {
		c.private(t, err.Error(), m)
	}
	c.private(t, r.Raw, m)
	return r, err
}
