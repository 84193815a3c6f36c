package vonage

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"

	"countersign/provider"
)

// Every error that Vonage's own descriptions list has a meaning here.
func TestEveryPublishedCode(t *testing.T) {
	reference := cmp.Or(os.Getenv("COUNTERSIGN_REFERENCE"), filepath.Join("..", "..", "..", "..", "shared"))
	for file, reasonOf := range map[string]func(string) provider.Reason{
		"vonage_messages_v0.1.yml": messagesReason,
		"vonage_sms.yml":           func(code string) provider.Reason { return smsReason(code, "") },
	} {
		raw, err := os.ReadFile(filepath.Join(reference, "specs", "sms", file))
		if err != nil {
			t.Fatalf("the provider's API description is missing: set COUNTERSIGN_REFERENCE to the folder that holds specs/sms (%v)", err)
		}
		var d struct {
			Errors map[string]any `yaml:"x-errors"`
		}
		if err := yaml.Unmarshal(raw, &d); err != nil || len(d.Errors) < 15 {
			t.Fatal(err, len(d.Errors))
		}
		for code := range d.Errors {
			if code != alreadySent && code != lifeEnded && reasonOf(code) == "" {
				t.Errorf("%s: no meaning for %s", file, code)
			}
		}
	}
}

func TestMessagesReason(t *testing.T) {
	for want, codes := range map[provider.Reason][]string{
		provider.RateLimited: {"1000", "1241"}, provider.BadRequest: {"1010", "1020", "1080", "1130", "1140", "1150", "1160", "1340"}, provider.Temporary: {"1030", "1100", "1230", "1331"},
		provider.InvalidNumber: {"1040", "1170", "1190", "1300"}, provider.OptedOut: {"1240"}, provider.Blocked: {"1050", "1280"}, provider.AuthFailed: {"1060"}, provider.InsufficientFunds: {"1070"},
		provider.ContentRejected: {"1090", "1210", "1270"}, provider.SenderRejected: {"1120"}, provider.Unreachable: {"1180", "1200", "1220", "1250", "1260", "1290", "1310"}, provider.Unknown: {"1330"},
		"": {"", "1", "9999", "low-balance"},
	} {
		for _, code := range codes {
			if got := messagesReason(code); got != want {
				t.Errorf("%s: %q, not %q", code, got, want)
			}
		}
	}
}
