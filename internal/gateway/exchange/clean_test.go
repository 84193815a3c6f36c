package exchange

import (
	"strings"
	"testing"

	"countersign/internal/secret"
	"countersign/provider"
)

// Services that quote a whole request give nothing away by it.
func TestCleanQuotedRequest(t *testing.T) {
	c := Caller{Name: "acme", Hide: []secret.String{secret.New("kT3vJ9sQ2mX7wB4n")}}
	const door = "W-SQaJnngePZ8d1c5e9a7b4e2d6f1d0c5e9a7b4e2d6"
	for _, in := range []string{
		"Authorization: Basic YWJjZDEyMzQ6c2VjcmV0", "map[Authorization:[Bearer eyJhbGciOi.eyJzdWIi.c2ln]]", "key kT3vJ9sQ2mX7wB4n",
		"cannot call https://id.example.com/receipts/twilio/" + door + " now", "StatusCallback=https%3A%2F%2Fid.example.com%2Freceipts%2Fsinch%2F" + door,
	} {
		out := c.Clean(in, provider.Message{})
		for _, hidden := range []string{"YWJjZDEyMzQ6", "eyJ", "kT3v", door[:12]} {
			if strings.Contains(out, hidden) {
				t.Errorf("%q became %q", in, out)
			}
		}
	}
	if out := c.Clean("a basic plan has no receipts/day", provider.Message{}); out != "a basic plan has no receipts/day" {
		t.Errorf("a harmless text became %q", out)
	}
}
