package adminapi

import (
	"encoding/json"
	"net/http"
	"testing"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/keyring"
)

// TestWritesNameTheirAuthor: each change of numbers, registrations and guards is an event that says who made it.
func TestWritesNameTheirAuthor(t *testing.T) {
	x := start(t)
	x.who["owner"] = access.Principal{ID: "CSKEXAMPLE", Kind: access.AWS, Grants: access.Everything()}
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/originations", `{"value":"+12025550177"}`},
		{"PUT", "/origination-settings", `{"enforce":"off"}`},
		{"POST", "/destination-numbers", `{"number":"+12025550123"}`},
		{"PUT", "/sms-account", `{"monthly_spend_limit":"20"}`},
		{"PUT", "/sms-account/sandbox", `{"enabled":true}`},
		{"PUT", "/registrations/x", `{"country":"IN","kind":"dlt_entity","entity_id":"1001234567890123456"}`},
		{"PUT", "/guards", `{"policy":{"mode":"record"}}`},
		{"POST", "/guards/blocks", `{"key":"c:DE"}`},
		{"DELETE", "/guards/blocks?key=c:DE", ""},
	} {
		if w := x.do("owner", tt.method, tt.path, tt.body, nil); w.Code >= http.StatusMultipleChoices {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{keyring.Deployment, pool} {
		list, err := x.events.List(t.Context(), x.store, eventlog.Query{PoolID: id, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			var data struct{ By string }
			if err := json.Unmarshal(e.Data, &data); err != nil || data.By != "CSKEXAMPLE" {
				t.Errorf("%s says %q made it: %s", e.Type, data.By, e.Data)
			}
			seen[e.Type] = true
		}
	}
	for _, want := range []eventlog.Type{
		eventlog.OriginationChanged, eventlog.DestinationChanged, eventlog.SMSAccountChanged, eventlog.RegistrationChanged, eventlog.GuardBlocked, eventlog.GuardUnblocked,
	} {
		if !seen[string(want)] {
			t.Errorf("no event %s", want)
		}
	}
}
