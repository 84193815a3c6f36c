package countersign

import (
	"testing"

	"countersign/internal/fault"
	"countersign/internal/screen"
	"countersign/internal/smsaccount"
	"countersign/phone"
)

// What an application publishes passes the guards of the account's pool: countries, lines, numbers that reach nobody, the day's money.
func TestPublishIsGuarded(t *testing.T) {
	s := devServer(t)
	s.Start()
	send := func(to string, voice bool) error {
		n, err := phone.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.parts.smsAccount.Send(t.Context(), smsaccount.Message{To: n, Text: "hello", Voice: voice})
		return err
	}
	version := int64(0)
	policy := func(p screen.Policy) {
		var err error
		if version, err = s.parts.screen.PutPolicy(t.Context(), DevPool, p, version); err != nil {
			t.Fatal(err)
		}
	}
	if err := send("+447700900123", false); err != nil {
		t.Fatalf("in dev: %v", err)
	}
	policy(screen.Policy{Mode: screen.Enforce, Fictional: screen.Enforce, Countries: screen.Countries{Deny: []string{"FR"}}})
	for _, to := range []string{"+447700900123", "+33612345678", "+449098790123"} {
		if err := send(to, false); fault.CodeOf(err) != fault.DestinationRefused {
			t.Errorf("%s: %v", to, err)
		}
	}
	if err := send("+447400123456", false); err != nil {
		t.Errorf("an ordinary number: %v", err)
	}
	policy(screen.Policy{Mode: screen.Enforce, Spend: screen.SpendLimit{Day: "0.06"}})
	if err := send("+447400123456", false); fault.CodeOf(err) != fault.SpendLimitReached || fault.Of(err).Field != "text" {
		t.Errorf("beyond the day's money: %v", err)
	}
}
