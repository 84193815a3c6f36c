package mitto

import (
	"context"
	"net/http"

	"countersign/provider"
)

// Check asks for a text to a number that nobody has, as a test: Mitto looks at key, sender and address, and sends nothing.
func (p *Provider) Check(ctx context.Context) (string, error) {
	_, err := p.post(ctx, body{From: p.c.From, To: testNumber, Text: "Test", Type: "auto", Test: true}, provider.Message{})
	if err != nil && provider.ReasonOf(err) == provider.InvalidNumber {
		return "Mitto takes the key, and does not like the made-up number of the test.", nil
	}
	if err != nil {
		return "", err
	}
	return "Mitto takes key, address and sender (a test, nothing was sent).", nil
}

// Confirmed tells Mitto that a code was typed in. Unused codes are not told; nor is anything unless Config.Conversions is set.
func (p *Provider) Confirmed(ctx context.Context, providerID string, used bool) error {
	if !used || !p.c.Conversions || providerID == "" {
		return nil
	}
	a, err := p.call(ctx, p.base+"/converted", map[string]string{"messageId": providerID})
	if err != nil || a.Status == http.StatusOK {
		return err
	}
	return p.x.Refused(a, provider.Message{}, "", "", "")
}
