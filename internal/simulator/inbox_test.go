package simulator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign/provider"
)

var _ provider.Provider = (*Inbox)(nil)

func sms(to, body, code string) provider.Message {
	return provider.Message{To: to, From: "COUNTERSGN", Text: body, Code: code}
}

func mustSend(t testing.TB, b *Inbox, m provider.Message) provider.Receipt {
	t.Helper()
	r, err := b.Send(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func texts(list []Message) []string {
	out := []string{}
	for _, m := range list {
		out = append(out, m.Text)
	}
	return out
}

func TestSendKeepsTheMessage(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 41, 0, 123456789, time.FixedZone("", 3600))
	b, err := Open(Options{Now: func() time.Time { return at }, Segments: func(string) int { return 2 }})
	if err != nil {
		t.Fatal(err)
	}
	r := mustSend(t, b, provider.Message{
		ID: "0199", To: anna, From: "X", Text: "code 1234", Code: "1234", Subject: "not for a text", PoolID: "p", TriggerSource: "CustomSMSSender_SignUp", ExpiresAt: at,
	})
	want := at.UTC().Truncate(time.Microsecond)
	got := b.List(Filter{})
	if diff := cmp.Diff([]Message{{
		ID: got[0].ID, To: anna, From: "X", Channel: provider.SMS, Text: "code 1234", Code: "1234", PoolID: "p", TriggerSource: "CustomSMSSender_SignUp",
		Segments: 2, At: want, ExpiresAt: &want, MessageID: "0199",
	}}, got); diff != "" {
		t.Error(diff)
	}
	if r.ProviderID != "sim-"+got[0].ID || r.Segments != 2 {
		t.Errorf("receipt %+v", r)
	}
}

func TestSendIsIdempotent(t *testing.T) {
	b := emptyInbox(t)
	m := sms(anna, "one", "")
	m.IdempotencyKey = "k"
	first := mustSend(t, b, m)
	if again := mustSend(t, b, m); again != first {
		t.Errorf("receipts %+v and %+v", first, again)
	}
	b.Clear("")
	if again := mustSend(t, b, m); again != first {
		t.Error("clearing the list forgot what was sent")
	}
	if n := len(b.List(Filter{})); n != 0 {
		t.Errorf("%d messages", n)
	}
	b.Reset()
	if again := mustSend(t, b, m); again == first {
		t.Error("a reset remembers")
	}
}

func TestSendRefuses(t *testing.T) {
	b := emptyInbox(t)
	for name, m := range map[string]provider.Message{
		"no destination": sms("", "x", ""),
		"channel":        {To: anna, Channel: "pigeon"},
		"long text":      sms(anna, strings.Repeat("x", maxText+1), ""),
		"long field":     {To: anna, PoolID: strings.Repeat("x", maxField+1)},
	} {
		_, err := b.Send(context.Background(), m)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if class, _ := provider.ClassOf(err); class != provider.ClassPermanent {
			t.Errorf("%s: class %s", name, class)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Send(ctx, sms(anna, "x", "")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	b.Close()
	if _, err := b.Send(context.Background(), sms(anna, "x", "")); err == nil {
		t.Error("a closed inbox accepts")
	}
	if n := len(b.List(Filter{})); n != 0 {
		t.Errorf("%d messages were kept", n)
	}
}

func TestBounds(t *testing.T) {
	b, err := Open(Options{Max: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		m := sms(anna, fmt.Sprint(i), "")
		m.IdempotencyKey = fmt.Sprint("k", i)
		mustSend(t, b, m)
	}
	if diff := cmp.Diff([]string{"17", "18", "19"}, texts(b.List(Filter{}))); diff != "" {
		t.Error(diff)
	}
	if len(b.keys) != 3*keysPerMessage || len(b.receipts) != len(b.keys) {
		t.Errorf("%d keys, %d receipts", len(b.keys), len(b.receipts))
	}
}

// Ids grow even when the clock stands still or goes back.
func TestIDsGrow(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	b, err := Open(Options{Now: func() time.Time { now = now.Add(-time.Hour); return now }})
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for range 5 {
		mustSend(t, b, sms(anna, "x", ""))
	}
	for _, m := range b.List(Filter{}) {
		if m.ID <= last || !idForm.MatchString(m.ID) {
			t.Errorf("%q after %q", m.ID, last)
		}
		last = m.ID
	}
}

func TestFilter(t *testing.T) {
	b := emptyInbox(t)
	mustSend(t, b, sms(anna, "a1", "1"))
	mustSend(t, b, sms("+447700900456", "b1", ""))
	mustSend(t, b, provider.Message{To: anna, Channel: provider.Voice, Text: "a2"})
	mustSend(t, b, provider.Message{To: "Grace@Example.com", Channel: provider.Email, Text: "m1"})
	if _, err := b.Reply(anna, "STOP"); err != nil {
		t.Fatal(err)
	}
	all := b.List(Filter{Replies: true})
	for name, test := range map[string]struct {
		f    Filter
		want []string
	}{
		"none":     {Filter{}, []string{"a1", "b1", "a2", "m1"}},
		"to":       {Filter{To: anna}, []string{"a1", "a2"}},
		"channel":  {Filter{To: anna, Channel: provider.Voice}, []string{"a2"}},
		"code":     {Filter{Code: true}, []string{"a1"}},
		"mail":     {Filter{To: "grace@example.com"}, []string{"m1"}},
		"replies":  {Filter{To: anna, Replies: true}, []string{"a1", "a2", "STOP"}},
		"after":    {Filter{After: all[1].ID}, []string{"a2", "m1"}},
		"at end":   {Filter{After: all[4].ID, Replies: true}, []string{}},
		"nobody":   {Filter{To: "+1999"}, []string{}},
		"no fancy": {Filter{To: "+12025550123 "}, []string{}},
	} {
		if diff := cmp.Diff(test.want, texts(b.List(test.f))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if reply := all[4]; reply.To != "COUNTERSGN" && reply.To != "" || reply.From != anna || reply.Direction != Inbound {
		t.Errorf("reply %+v", reply)
	}
	if n := b.Clear(anna); n != 3 {
		t.Errorf("%d cleared", n)
	}
	if diff := cmp.Diff([]string{"b1", "m1"}, texts(b.List(Filter{Replies: true}))); diff != "" {
		t.Error(diff)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyInbox(t)
		got := make(chan []Message)
		go func() { got <- b.Wait(t.Context(), Filter{To: anna}) }()
		synctest.Wait()
		mustSend(t, b, sms("+447700900456", "not this", ""))
		synctest.Wait()
		select {
		case list := <-got:
			t.Fatalf("returned %v too early", texts(list))
		default:
		}
		mustSend(t, b, sms(anna, "this", ""))
		if diff := cmp.Diff([]string{"this"}, texts(<-got)); diff != "" {
			t.Error(diff)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if list := b.Wait(ctx, Filter{To: "+1999"}); len(list) != 0 || ctx.Err() == nil {
			t.Errorf("%v, %v", texts(list), ctx.Err())
		}
		go func() { got <- b.Wait(t.Context(), Filter{To: "+1999"}) }()
		synctest.Wait()
		b.Close()
		if list := <-got; len(list) != 0 {
			t.Errorf("after Close: %v", texts(list))
		}
	})
}

func BenchmarkSend(b *testing.B) {
	for name, path := range map[string]string{"memory": "", "file": b.TempDir() + "/inbox.jsonl"} {
		b.Run(name, func(b *testing.B) {
			box, err := Open(Options{Path: path})
			if err != nil {
				b.Fatal(err)
			}
			defer box.Close()
			for b.Loop() {
				if _, err := box.Send(context.Background(), sms(anna, "Your code is 123456", "123456")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
