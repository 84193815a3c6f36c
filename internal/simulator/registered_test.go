package simulator_test

import (
	"slices"
	"testing"

	"countersign/internal/simulator"
)

// Each kind of account whose service has fields for it says what a text to India is registered under, and says nothing of it elsewhere.
func TestRegisteredTexts(t *testing.T) {
	fields := []string{"vonage-sms", "vonage", "infobip", "plivo", "aws-sms", "sns"}
	for _, k := range gateways() {
		inbox, err := simulator.Open(simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer inbox.Close()
		p := k.open(t, inbox)
		m := text("+919876543210")
		m.ReceiptURL, m.Country, m.EntityID, m.TemplateID = "", "IN", "1101456324675322134", "1107457532145798767"
		other := text("+12025550123")
		other.ReceiptURL = ""
		if _, err := p.Send(t.Context(), m); err != nil {
			t.Fatal(k.spec.Kind, err)
		}
		if _, err := p.Send(t.Context(), other); err != nil {
			t.Fatal(k.spec.Kind, err)
		}
		list := inbox.List(simulator.Filter{})
		entity, template := m.EntityID, m.TemplateID
		if !slices.Contains(fields, k.spec.Kind) {
			entity, template = "", ""
		}
		if len(list) != 2 || list[0].EntityID != entity || list[0].TemplateID != template || list[1].EntityID+list[1].TemplateID != "" {
			t.Errorf("%s: %+v", k.spec.Kind, list)
		}
	}
}
