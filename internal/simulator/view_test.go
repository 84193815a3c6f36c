package simulator

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign/provider"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		text, code string
		want       []part
	}{
		{"plain", "", []part{{"plain", false}}},
		{"code 12.", "12", []part{{"code ", false}, {"12", true}, {".", false}}},
		{"12 and 12", "12", []part{{"12", true}, {" and ", false}, {"12", true}}},
		{"1, 2", "12", []part{{"1, 2", false}}},
		{"", "12", nil},
	} {
		if diff := cmp.Diff(test.want, split(test.text, test.code)); diff != "" {
			t.Errorf("%q: %s", test.text, diff)
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"+12025550123": "+1 202 555 0123", "+447700900456": "+44 770 090 0456", "+33639980011": "+33 639 980 011",
		"ada@example.com": "ada@example.com", "COUNTERSGN": "COUNTERSGN", "+999": "+999",
	} {
		if got := display(in); got != want {
			t.Errorf("display(%q) = %q", in, got)
		}
	}
	for in, want := range map[string]string{"CustomSMSSender_Authentication": "Sign-in", "CustomEmailSender_SignUp": "Sign-up", "X_Other": "Other", "plain": "plain", "": ""} {
		if got := triggerLabel(in); got != want {
			t.Errorf("triggerLabel(%q) = %q", in, got)
		}
	}
	now := time.Date(2026, 11, 21, 0, 30, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{time.Minute: "Today", time.Hour: "Yesterday", 48 * time.Hour: "Thursday 19 November"} {
		if got := dayName(now.Add(-ago), now, time.UTC); got != want {
			t.Errorf("%v ago is %q", ago, got)
		}
	}
}

func TestFound(t *testing.T) {
	for query, want := range map[string]bool{"": true, "0123": true, "+1 202": true, "(202) 555-01": true, " 555": true, "999": false, "-": false, "ada": false} {
		if got := found(anna, query); got != want {
			t.Errorf("found(%q) = %v", query, got)
		}
	}
}

func TestViewIsBounded(t *testing.T) {
	b := emptyInbox(t)
	for i := range maxRows + 7 {
		mustSend(t, b, sms(fmt.Sprintf("+1202555%04d", i), "x", ""))
	}
	for i := range maxBubbles + 5 {
		mustSend(t, b, sms(anna, fmt.Sprint(i), ""))
	}
	mustSend(t, b, provider.Message{To: anna, Channel: provider.Email, Text: "odd, but no phone"})
	h := &handler{HandlerOptions: HandlerOptions{Inbox: b, Location: time.UTC}}
	v := h.buildView(request{})
	if len(v.Rows) != maxRows || v.Hidden != 8 {
		t.Errorf("%d rows, %d hidden", len(v.Rows), v.Hidden)
	}
	if v.Thread.Party != anna || len(v.Thread.Bubbles) != maxBubbles {
		t.Errorf("%d bubbles of %s", len(v.Thread.Bubbles), v.Thread.Party)
	}
}

// What a hook sent through a simulated provider says so by the provider's name.
func TestProviderIsNamed(t *testing.T) {
	for service, want := range map[string]string{"sns": "Amazon SNS", "twilio-verify": "Twilio Verify", "another": "another", "": ""} {
		b := emptyInbox(t)
		if _, err := b.accept(t.Context(), sms(anna, "1234", "1234"), service); err != nil {
			t.Fatal(err)
		}
		h := &handler{HandlerOptions: HandlerOptions{Inbox: b, Location: time.UTC}}
		if th := h.buildView(request{to: anna}).Thread; th.Bubbles[0].Via != want || th.Latest.Via != want {
			t.Errorf("%q: by %q, want %q", service, th.Bubbles[0].Via, want)
		}
	}
}

func TestLatestPrefersTheCode(t *testing.T) {
	b := emptyInbox(t)
	h := &handler{HandlerOptions: HandlerOptions{Inbox: b, Location: time.UTC}}
	latest := func() string { return h.buildView(request{to: anna}).Thread.Latest.Text }
	if got := latest(); got != "" {
		t.Errorf("nothing sent: %q", got)
	}
	for _, test := range []struct{ body, code, want string }{{"hi", "", "hi"}, {"1234", "1234", "1234"}, {"bye", "", "1234"}, {"5678", "5678", "5678"}} {
		mustSend(t, b, sms(anna, test.body, test.code))
		if _, err := b.Reply(anna, "ok"); err != nil {
			t.Fatal(err)
		}
		if got := latest(); got != test.want {
			t.Errorf("after %q: %q", test.body, got)
		}
	}
}
