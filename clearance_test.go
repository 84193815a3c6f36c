package countersign

import (
	"context"
	"errors"
	"testing"

	"countersign/internal/delivery"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// cleared sends a message through the clearance: what the sender got, or the name of what stopped it.
func cleared(t *testing.T, s *Server, m provider.Message) (got provider.Message, stopped string) {
	t.Helper()
	m.PoolID = DevPool
	if m.Channel == "" {
		m.Channel = provider.SMS
	}
	n, err := phone.Parse(m.To)
	if err != nil {
		t.Fatal(err)
	}
	m.Country = n.Region()
	next := delivery.SenderFunc(func(_ context.Context, m provider.Message) (provider.Receipt, string, error) {
		got = m
		return provider.Receipt{}, "next", nil
	})
	_, _, err = s.parts.cleared(next, &store.Message{Channel: string(m.Channel), PoolID: DevPool, Lane: store.LaneSignIn}).Send(t.Context(), m)
	if err == nil {
		return got, ""
	}
	said, ok := errors.AsType[*provider.VendorError](err)
	if !ok || !errors.Is(err, delivery.ErrSuppressed) || provider.ReasonOf(err) != provider.Withheld || said.Text == "" {
		t.Fatalf("stopped by %v", err)
	}
	return got, said.VendorCode
}

const (
	american = "+12024561111"
	indian   = "+919876543210"
	briton   = "+447400123456"
)

func TestClearance(t *testing.T) {
	s := devServer(t)
	ctx, p := t.Context(), s.parts
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(m provider.Message, stopped string) provider.Message {
		t.Helper()
		got, by := cleared(t, s, m)
		if by != stopped {
			t.Errorf("to %s from %q (%s): stopped by %q, want %q", m.To, m.From, m.TriggerSource, by, stopped)
		}
		return got
	}

	// Without anything set up, pools send as they did; the SMS account needs an identity where the country does.
	if got := want(provider.Message{To: american, Text: "x"}, ""); got.From != "" {
		t.Errorf("from %q", got.From)
	}
	want(provider.Message{To: american, Text: "x", TriggerSource: smsaccount.TriggerSource}, "no_origination_identity")
	want(provider.Message{To: american, Text: "x", From: "+14155550100"}, "") // a provider's own number
	want(provider.Message{To: american, Text: "x", From: "ACME"}, "sender_id_not_supported")
	want(provider.Message{To: briton, Text: "x", From: "ACME"}, "")

	// The country gets the identity that is for it.
	_, err := p.originations.Add(ctx, origination.Identity{Kind: origination.Number, Value: "+18005550123", Country: "US", Type: origination.TollFree})
	must(err)
	if got := want(provider.Message{To: american, Text: "x"}, ""); got.From != "+18005550123" {
		t.Errorf("from %q", got.From)
	}
	version, err := p.originations.PutSettings(ctx, origination.Settings{Enforce: origination.EnforceAll}, 0)
	must(err)
	want(provider.Message{To: indian, Text: "x"}, "no_origination_identity")
	want(provider.Message{To: indian, Text: "x", TriggerSource: sandbox.TriggerSource}, "")
	_, err = p.originations.PutSettings(ctx, origination.Settings{Enforce: origination.EnforceOff}, version)
	must(err)
	want(provider.Message{To: indian, Text: "x"}, "")

	// What is on record fills in sender and ids, and stops what is not as it is on record.
	entity, err := p.registrations.Put(ctx, registration.Registration{
		PoolID: DevPool, Name: "entity", Country: "IN", Kind: registration.DLTEntity, EntityID: "1101456789012345678", Status: registration.Approved,
	})
	must(err)
	_, err = p.registrations.Put(ctx, registration.Registration{
		PoolID: DevPool, Name: "otp", Country: "IN", Kind: registration.DLTTemplate, ParentID: entity.ID, TemplateID: "1107456789012345678", Sender: "ACMEIN",
		Text: "Your code is {#var#}. -ACME", Status: registration.Approved,
	})
	must(err)
	got := want(provider.Message{To: indian, Text: "Your code is 123456. -ACME"}, "")
	if got.From != "ACMEIN" || got.EntityID != "1101456789012345678" || got.TemplateID != "1107456789012345678" {
		t.Errorf("registered: from %q, %q, %q", got.From, got.EntityID, got.TemplateID)
	}
	want(provider.Message{To: indian, Text: "Buy now!"}, "registration_text_mismatch")
	want(provider.Message{To: indian, Text: "Your code is 1 2 3", Channel: provider.Voice}, "")

	// In the sandbox only verified numbers are sent to, whichever channel; codes that verify are exempt.
	must(p.sandbox.SetEnabled(ctx, true))
	want(provider.Message{To: american, Text: "x"}, notVerified)
	want(provider.Message{To: american, Text: "x", Channel: provider.Voice}, notVerified)
	want(provider.Message{To: american, Text: "x", TriggerSource: sandbox.TriggerSource}, "")
	must(p.sandbox.SetEnabled(ctx, false))
	want(provider.Message{To: american, Text: "x"}, "")
}
