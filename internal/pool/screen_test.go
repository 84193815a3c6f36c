package pool_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/pool"
	"countersign/internal/registration"
	"countersign/internal/screen"
	"countersign/internal/store"
)

// screener answers as it is told, and remembers.
type screener struct {
	mu                sync.Mutex
	decide            func(screen.Ask) screen.Decision
	asked             []screen.Ask
	committed, undone int
	limits            guard.Limits
	committedMarks    []string
}

func (s *screener) Screen(_ context.Context, a screen.Ask) (screen.Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, a)
	if s.decide == nil {
		return screen.Decision{Mark: "m"}, nil
	}
	return s.decide(a), nil
}

func (s *screener) Committed(_ context.Context, _ string, d screen.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed++
	s.committedMarks = append(s.committedMarks, d.Mark)
}

func (s *screener) Undo(screen.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undone++
}

func (s *screener) Limits(context.Context, string) (guard.Limits, error) { return s.limits, nil }

func (s *screener) last() screen.Ask { return s.asked[len(s.asked)-1] }

func eachScreened(t *testing.T, f func(*testing.T, *world, *screener), change ...func(*pool.Config, *pool.ClientConfig)) {
	var sc *screener
	eachWith(t, func(o *pool.Options) { sc = &screener{}; o.Screener = sc }, func(t *testing.T, w *world) { f(t, w, sc) }, change...)
}

// refusals are the reasons of the refusals in the log, newest first.
func (w *world) refusals() []string {
	w.t.Helper()
	list, err := w.Log.List(w.t.Context(), w.Store, eventlog.Query{PoolID: w.pool, Types: []eventlog.Type{eventlog.GuardRefused}, Limit: 1000})
	w.must(err)
	var out []string
	for _, e := range list {
		var data struct{ Reason string }
		w.must(json.Unmarshal(e.Data, &data))
		out = append(out, data.Reason)
	}
	return out
}

func refuse(r screen.Reason, open bool) func(screen.Ask) screen.Decision {
	return func(screen.Ask) screen.Decision { return screen.Decision{Refused: r, Open: open} }
}

const stranger = "+12025550188"

// What depends on the request alone is an error, whoever the number belongs to; it leaves nothing but an event.
func TestScreenRefusesRequests(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		sc.decide = refuse(screen.Country, true)
		_, err := w.Service.SignUp(t.Context(), w.Caller(), pool.SignUpInput{ClientAuth: w.auth(), Username: stranger, Password: passw0rd})
		if fault.CodeOf(err) != fault.DestinationRefused {
			t.Fatalf("sign-up: %v", err)
		}
		if a := sc.last(); !a.Typed || a.Confirmed || a.Purpose != "sign_up" || a.To.String() != stranger {
			t.Errorf("asked %+v", a)
		}
		if got := w.refusals(); !slices.Equal(got, []string{"country"}) {
			t.Errorf("events %v", got)
		}
		if n := len(w.To(stranger)); n != 0 {
			t.Errorf("%d messages", n)
		}
		w.Read(func(tx store.Tx) error {
			if _, _, err := tx.Users().FindUser(t.Context(), w.pool, "phone_number:"+stranger); err == nil {
				t.Error("the user is there")
			}
			return nil
		})
		sc.decide = nil
		w.SignUp(w.client, stranger, passw0rd)
		if sc.committed != 1 || sc.committedMarks[0] != "m" {
			t.Errorf("%d committed, %v", sc.committed, sc.committedMarks)
		}
	})
}

// Where existence is hidden, a refusal that an account may have caused is answered as if the message had been sent, to a wrong code too.
func TestScreenHidesRefusals(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		ctx := t.Context()
		w.SignUp(w.client, stranger, passw0rd)
		before := len(w.To(stranger))
		sc.decide = refuse(screen.Pumping, false)
		var answers, wrong []string
		for _, name := range []string{stranger, "+12025550189"} {
			d, err := w.Service.ForgotPassword(ctx, w.Caller(), pool.NameInput{ClientAuth: w.auth(), Username: name})
			w.must(err)
			answers = append(answers, d.Medium+d.Attribute+d.Destination[:8])
			err = w.Service.ConfirmForgotPassword(ctx, w.Caller(), pool.ConfirmForgotPasswordInput{ClientAuth: w.auth(), Username: name, Code: "000000", Password: passw0rd + "x"})
			wrong = append(wrong, string(fault.CodeOf(err)))
		}
		if answers[0] != answers[1] || wrong[0] != wrong[1] {
			t.Errorf("answers %q, wrong codes %q", answers, wrong)
		}
		if n := len(w.To(stranger)); n != before {
			t.Errorf("%d messages were sent", n-before)
		}
		if got := w.refusals(); !slices.Equal(got, []string{"pumping", "pumping"}) {
			t.Errorf("events %v", got)
		}
		if sc.undone != 0 || sc.committed != 3 {
			t.Errorf("%d decisions were given back, %d kept: a refusal in silence costs what a message costs", sc.undone, sc.committed)
		}
	}, hidden)
}

// Elsewhere the caller is told, and the event is there although its transaction is not.
func TestScreenTellsRefusals(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		sc.decide = refuse(screen.Spend, false)
		_, err := w.Service.SignUp(t.Context(), w.Caller(), pool.SignUpInput{ClientAuth: w.auth(), Username: stranger, Password: passw0rd})
		if fault.CodeOf(err) != fault.AttemptLimit {
			t.Errorf("sign-up: %v", err)
		}
		if got := w.refusals(); !slices.Equal(got, []string{"spend"}) {
			t.Errorf("events %v", got)
		}
	})
}

// A name that is a number is judged wherever the message would go: one that nobody has would be judged so.
func TestScreenJudgesNamesAlike(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		w.SignUp(w.client, stranger, passw0rd, pool.Attr{Name: "email", Value: "s@example.com"})
		sc.decide = refuse(screen.LineType, true)
		for _, name := range []string{stranger, "+12025550189"} {
			_, err := w.Service.ForgotPassword(t.Context(), w.Caller(), pool.NameInput{ClientAuth: w.auth(), Username: name})
			if fault.CodeOf(err) != fault.DestinationRefused {
				t.Errorf("%s: %v", name, err)
			}
		}
	}, hidden, func(p *pool.Config, _ *pool.ClientConfig) {
		p.Recovery = []string{"verified_email", "verified_phone_number"}
	})
}

// The limits of the pool hold in the place of the server's, and their refusals say which they were.
func TestScreenLimits(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		sc.limits = guard.Limits{SendsAccount: map[guard.Purpose]int{guard.SignUp: 1}}
		_, err := w.Service.SignUp(t.Context(), w.Caller(), pool.SignUpInput{ClientAuth: w.auth(), Username: stranger, Password: passw0rd})
		w.must(err)
		for i, want := range []fault.Code{"", fault.AttemptLimit} {
			_, err = w.Service.ResendSignUp(t.Context(), w.Caller(), pool.NameInput{ClientAuth: w.auth(), Username: stranger})
			if fault.CodeOf(err) != want {
				t.Fatalf("resend %d: %v", i, err)
			}
		}
		if got := w.refusals(); !slices.Equal(got, []string{"account_rate"}) {
			t.Errorf("events %v", got)
		}
	})
}

// A text that a country has on record is sent as it is: no template, no function, no further line.
func TestRegisteredText(t *testing.T) {
	opt := func(o *pool.Options) {
		o.Registered = func(_ context.Context, _, country, purpose, _ string) (registration.Choice, bool, error) {
			if country != "IN" || purpose != "sign_up" {
				return registration.Choice{}, false, nil
			}
			return registration.Choice{Text: "Dear user, {####} opens your account. -ACME", Sender: "ACMEIN", EntityID: "1101", TemplateID: "1107"}, true, nil
		}
	}
	eachWith(t, opt, func(t *testing.T, w *world) {
		const indian = "+919876543210"
		w.SignUp(w.client, indian, passw0rd)
		m := w.Last(indian)
		if !strings.HasPrefix(m.Text, "Dear user, ") || !strings.HasSuffix(m.Text, " opens your account. -ACME") {
			t.Errorf("text %q", m.Text)
		}
		if m.From != "ACMEIN" || m.EntityID != "1101" || m.TemplateID != "1107" {
			t.Errorf("draft %+v", m.Draft)
		}
		w.SignUp(w.client, stranger, passw0rd)
		if m := w.Last(stranger); strings.Contains(m.Text, "ACME") || m.EntityID != "" {
			t.Errorf("elsewhere %q", m.Text)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.Texts = &pool.TextConfig{Tail: true, Clients: map[string]pool.ClientText{"": {OriginHost: "login.example.com"}}}
	})
}
