package registration_test

import (
	"testing"

	"countersign/internal/registration"
	"countersign/internal/store/storetest"
)

func TestSenderID(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	_, template := w.india()
	w.put(registration.Registration{Name: "late", Country: "SG", Kind: registration.SenderID, Sender: "ACME", Status: registration.Submitted})
	for name, tt := range map[string]struct {
		pool, country, sender string
		want                  string
	}{
		"approved":          {template.PoolID, "IN", "ACMEIN", template.ID},
		"unknown sender":    {template.PoolID, "IN", "OTHER", ""},
		"other country":     {template.PoolID, "SG", "ACMEIN", ""},
		"another pool's":    {"q", "IN", "ACMEIN", ""},
		"not yet approved":  {template.PoolID, "SG", "ACME", ""},
		"no sender at all":  {template.PoolID, "IN", "", ""},
		"unlisted country ": {template.PoolID, "ZZ", "ACMEIN", ""},
	} {
		id, ok, err := w.SenderID(t.Context(), tt.pool, tt.country, tt.sender)
		if err != nil || id != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v, %v", name, id, ok, err)
		}
	}
}
