package simulator

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/phone"
	"countersign/provider"
)

func share(f float64) *float64 { return &f }

func TestFaultFields(t *testing.T) {
	b := emptyInbox(t)
	for field, f := range map[string]Fault{
		"provider": {Provider: "pigeon", Reason: "temporary"}, "to": {To: "+1*2*", Reason: "temporary"}, "channel": {Channel: "fax", Reason: "temporary"},
		"share": {Share: share(1.5), Reason: "temporary"}, "reason": {}, "delay_ms": {Reason: "delay"}, "after": {Reason: "temporary", After: -1},
		"times": {Reason: "temporary", Times: maxFaultCount + 1},
	} {
		err := b.SetFaults([]Fault{{Reason: "temporary"}, f})
		if e, ok := errors.AsType[*FaultError](err); !ok || e.Field != "[1]."+field || e.Problem == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := b.SetFaults(make([]Fault, maxFaults+1)); err == nil || len(b.Faults()) != 0 {
		t.Error("a list without an end is kept")
	}
	for _, k := range kinds() {
		if err := b.SetFaults([]Fault{{Provider: "*", To: "+1202555*", Channel: "sms", Share: share(0.5), Reason: k, DelayMS: 1, After: 1, Times: 1}}); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
}

func TestFaultRules(t *testing.T) {
	for name, c := range map[string]struct {
		f    Fault
		want string // o for each send that went well, x for each that did not
	}{
		"all":            {Fault{Reason: "temporary"}, "xxxx"},
		"this number":    {Fault{To: anna, Reason: "temporary"}, "xxxx"},
		"its beginning":  {Fault{To: "+1202*", Reason: "temporary"}, "xxxx"},
		"other number":   {Fault{To: "+44*", Reason: "temporary"}, "oooo"},
		"other channel":  {Fault{Channel: "voice", Reason: "temporary"}, "oooo"},
		"this provider":  {Fault{Provider: "simulator", Reason: "temporary"}, "xxxx"},
		"other provider": {Fault{Provider: "twilio", Reason: "temporary"}, "oooo"},
		"after":          {Fault{Reason: "temporary", After: 2}, "ooxx"},
		"times":          {Fault{Reason: "temporary", Times: 2}, "xxoo"},
		"after, times":   {Fault{Reason: "temporary", After: 1, Times: 1}, "oxoo"},
		"none":           {Fault{Reason: "temporary", Share: share(0)}, "oooo"},
		"a whole share":  {Fault{Reason: "temporary", Share: share(1)}, "xxxx"},
	} {
		b := emptyInbox(t)
		if err := b.SetFaults([]Fault{c.f}); err != nil {
			t.Fatal(err)
		}
		got := ""
		for range 4 {
			_, err := b.Send(t.Context(), sms(anna, "hello", ""))
			if got += "o"; err != nil {
				got = got[:len(got)-1] + "x"
			}
		}
		if got != c.want || len(b.List(Filter{})) != strings.Count(got, "o") {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
		if f := b.Faults()[0]; f.Hit != strings.Count(got, "x") {
			t.Errorf("%s: counted %d", name, f.Hit)
		}
	}
	b := emptyInbox(t)
	if err := b.SetFaults([]Fault{{Reason: "temporary", Share: share(0.5)}}); err != nil {
		t.Fatal(err)
	}
	const n = 400
	for range n {
		_, _ = b.Send(t.Context(), sms(anna, "hello", "")) // counted below
	}
	if f := b.Faults()[0]; f.Seen != n || f.Hit < n/4 || f.Hit > 3*n/4 {
		t.Errorf("half of %d is %d", f.Seen, f.Hit)
	}
}

// What a caller of the plain simulator gets for each kind of fault.
func TestFaultKinds(t *testing.T) {
	for _, k := range kinds() {
		b := emptyInbox(t)
		if err := b.SetFaults([]Fault{{Reason: k, DelayMS: 1}}); err != nil {
			t.Fatal(err)
		}
		r, err := b.Send(t.Context(), sms(anna, "hello", ""))
		n := len(b.List(Filter{}))
		switch k {
		case FaultAcceptOnly:
			if err != nil || n != 0 || r.ProviderID == "" {
				t.Errorf("%s: %v, %d arrived", k, err, n)
			}
		case FaultDelay:
			if err != nil || n != 1 {
				t.Errorf("%s: %v, %d arrived", k, err, n)
			}
		case FaultAmbiguous:
			if class, _ := provider.ClassOf(err); class != provider.ClassAmbiguous || n != 1 {
				t.Errorf("%s: %v, %d arrived", k, err, n)
			}
		default:
			if class, _ := provider.ClassOf(err); provider.ReasonOf(err) != provider.Reason(k) || class != provider.Reason(k).Class() || n != 0 {
				t.Errorf("%s: %v, %d arrived", k, err, n)
			}
		}
	}
}

// A message that arrived although its answer was lost is not sent again.
func TestAmbiguousOnce(t *testing.T) {
	b := emptyInbox(t)
	if err := b.SetFaults([]Fault{{Reason: FaultAmbiguous}}); err != nil {
		t.Fatal(err)
	}
	m := sms(anna, "hello", "")
	m.IdempotencyKey = "k"
	if _, err := b.Send(t.Context(), m); err == nil {
		t.Error("the answer came")
	}
	if _, err := b.Send(t.Context(), m); err != nil || len(b.List(Filter{})) != 1 {
		t.Errorf("%v, %d arrived", err, len(b.List(Filter{})))
	}
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyInbox(t)
		if err := b.SetFaults([]Fault{{Reason: "temporary", DelayMS: 60000}}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := b.Send(t.Context(), sms(anna, "hello", "")); err == nil || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Send(ctx, sms(anna, "hello", "")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		began = time.Now()
		if err := b.SetFaults(nil); err != nil {
			t.Fatal(err)
		}
		slow := MagicNumbers()[slices.IndexFunc(MagicNumbers(), func(m MagicNumber) bool { return m.Reason == FaultDelay })]
		if _, err := b.Send(t.Context(), sms(slow.To, "hello", "")); err != nil || time.Since(began) != magicDelay {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// The table of docs/simulator.md.
func TestMagicTable(t *testing.T) {
	list := MagicNumbers()
	doc, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if !strings.Contains(string(doc), "| `"+m.To+"` | `"+m.Reason+"` |") {
			t.Errorf("%+v is not in the docs", m)
		}
	}
	for i, want := range []string{"invalid_number", "unreachable", "opted_out", "sender_rejected", "content_rejected", "auth_failed", "insufficient_funds",
		"rate_limited", "temporary", "permanent", "unknown", "ambiguous", "delay", "accept_only", "blocked"} {
		if n, err := phone.Parse(list[i].To); err != nil || !n.Fictional() || list[i].Reason != want || !strings.HasPrefix(list[i].To, "+1909555010") && !strings.HasPrefix(list[i].To, "+1909555011") {
			t.Errorf("%+v, not %s (%v)", list[i], want, err)
		}
	}
	b := emptyInbox(t)
	if _, err := b.Send(t.Context(), sms(list[2].To, "hello", "")); err == nil || provider.ReasonOf(err) != provider.OptedOut {
		t.Error(err)
	}
	if _, err := b.Send(t.Context(), sms("+19095550150", "hello", "")); err != nil {
		t.Errorf("a number that is not magic: %v", err)
	}
	if err := b.SetFaults([]Fault{{To: list[2].To, Reason: FaultAcceptOnly}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Send(t.Context(), sms(list[2].To, "hello", "")); err != nil {
		t.Errorf("a rule goes before the table: %v", err)
	}
}

func TestFaultsAPI(t *testing.T) {
	b := emptyInbox(t)
	h := Handler(HandlerOptions{Inbox: b})
	if w := call(h, "GET", "/simulator/faults", ""); w.Code != 200 || w.Body.String() != "[]\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := call(h, "PUT", "/simulator/faults", `[{"provider":"twilio","to":"+1202555*","channel":"sms","share":0.25,"reason":"opted_out","delay_ms":5,"after":1,"times":2}]`)
	const kept = `[{"provider":"twilio","to":"+1202555*","channel":"sms","share":0.25,"reason":"opted_out","delay_ms":5,"after":1,"times":2,"seen":0,"hit":0}]` + "\n"
	if w.Code != 200 || w.Body.String() != kept {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := call(h, "PUT", "/simulator/faults", kept); w.Code != 200 { // what is answered can be put back
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := call(h, "PUT", "/simulator/faults", `[{"reason":"x"}]`); w.Code != 400 || call(h, "GET", "/simulator/faults", "").Body.String() != kept {
		t.Error("a list with a mistake replaces the one before")
	}
	if w := call(h, "DELETE", "/simulator/faults", ""); w.Code != http.StatusNoContent || len(b.Faults()) != 0 {
		t.Errorf("%d %+v", w.Code, b.Faults())
	}
	if err := b.SetFaults([]Fault{{Reason: "temporary"}}); err != nil {
		t.Fatal(err)
	}
	if b.Reset(); len(b.Faults()) != 0 {
		t.Error("a reset keeps the faults")
	}
}

// Receipts that nobody takes do not heap up, and none is told after the end.
func TestReceiptsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		b, err := Open(Options{Callback: func(*http.Request) { n++ }, ReceiptDelay: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for range maxPending + 10 {
			b.tell(told{arrived: true}, "https://id.example.com/r", delivered("x"))
		}
		if len(b.pending) != maxPending {
			t.Errorf("%d wait", len(b.pending))
		}
		b.tell(told{arrived: false}, "https://id.example.com/r", delivered("x"))
		if b.Close() != nil {
			t.Error("not closed")
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n != 0 || len(b.pending) != 0 {
			t.Errorf("%d were told, %d wait", n, len(b.pending))
		}
	})
	b, err := Open(Options{Callback: func(*http.Request) { t.Error("told") }, ReceiptDelay: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"", "ftp://id.example.com", "/r", "https://" + strings.Repeat("x", maxReceiptURL)} {
		if b.tell(told{arrived: true}, to, delivered("x")); len(b.pending) != 0 {
			t.Errorf("%.40q is called", to)
		}
	}
	for i := range keysPerMessage*b.opt.Max + 5 {
		b.note(told{service: "x", id: decimal(i)})
	}
	if len(b.told) != keysPerMessage*b.opt.Max || len(b.toldIDs) != len(b.told) {
		t.Errorf("%d are known", len(b.told))
	}
}

// A list that is taken can be put back as it is answered, and every send ends.
func FuzzFaults(f *testing.F) {
	f.Add(`[{"provider":"twilio","to":"+1202555*","channel":"sms","share":0.25,"reason":"opted_out","delay_ms":5,"after":1,"times":2}]`)
	f.Add(`[{"reason":"ambiguous"},{"reason":"accept_only","share":1e-9}]`)
	f.Fuzz(func(t *testing.T, body string) {
		b, err := Open(Options{Max: 10})
		if err != nil {
			t.Fatal(err)
		}
		h := Handler(HandlerOptions{Inbox: b})
		w := call(h, "PUT", "/simulator/faults", body)
		if w.Code != http.StatusOK {
			if len(b.Faults()) != 0 {
				t.Errorf("%d, and the list is kept", w.Code)
			}
			return
		}
		if again := call(h, "PUT", "/simulator/faults", w.Body.String()); again.Code != http.StatusOK || again.Body.String() != w.Body.String() {
			t.Errorf("%s is not %s", again.Body, w.Body)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _ = b.Send(ctx, sms(anna, "hello", "")) // it ends
	})
}
