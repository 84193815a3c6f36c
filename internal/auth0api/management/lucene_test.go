package management

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/auth0api/wire"
)

var testDoc = map[string]string{
	"type": "gd_send_sms", "client_id": "c1", "client_name": "My App", "user_id": "auth0|0193", "user_name": "+12025550100", "ip": "192.0.2.1",
	"date": "2026-11-21T12:30:15.123Z", "connection": "sms", "description": "A text was sent.",
}

func inDoc(f string) string { return testDoc[f] }

func TestSearch(t *testing.T) {
	for q, want := range map[string]bool{
		"":                                   true,
		"type:gd_send_sms":                   true,
		"type:gd_send":                       false, // the whole value
		"type:GD_SEND_SMS":                   false, // with its case
		"type:gd_*":                          true,
		"type:g*":                            true,
		"type:*_sms":                         true,
		"type:gd_*_sms":                      true,
		"type:*_voice":                       false,
		"type:*":                             true,
		"organization_id:*":                  false,
		`client_name:"My App"`:               true,
		`client_name:My\ App`:                true,
		"client_name:My App":                 false, // My, or App in any field
		`"My App"`:                           true,
		"gd_send_sms":                        true,  // a bare term
		"c1":                                 false, // client_id is not among the fields of bare terms
		"+12025550100":                       true,
		"type:f OR type:gd_send_sms":         true,
		"type:f type:gd_send_sms":            true,
		"type:f AND type:gd_send_sms":        false,
		"type:gd_send_sms NOT client_id:c1":  false,
		"type:gd_send_sms NOT client_id:c2":  true,
		"NOT type:f":                         true,
		"NOT NOT type:f":                     false,
		"type:(f OR gd_send_sms)":            true,
		"type:(f fp)":                        false,
		"(type:f OR ip:192.0.2.1) AND c1":    false,
		"NOT (type:f AND ip:192.0.2.1)":      true,
		"type:f OR ip:192.0.2.1 AND c1":      false, // AND binds closer
		"user_id:auth0|0193":                 true,
		`user_id:"sms|0193"`:                 true, // any prefix
		"user_id:0193":                       true,
		"date:2026-11-21":                    true,
		"date:2026-11-22":                    false,
		"date:2026-11":                       true,
		"date:2026-11-21T12:30":              true,
		"date:[2026-11-20 TO 2026-11-21]":    true,
		"date:[2026-11-20 TO 2026-11-21}":    false,
		"date:{2026-11-21 TO *]":             false,
		"date:[2026-11-21 TO *]":             true,
		"date:[* TO 2026-11-21T12:30:15Z]":   true,
		"date:[* TO 2026-11-21T12:30:15Z}":   false,
		`date:["2026-11-21T12:30Z" TO *}`:    true,
		"date:[* TO *]":                      true,
		"date:2026-11*":                      true,
		"ip:[192.0.2.0 TO 192.0.2.9]":        true,
		"ip:{192.0.2.1 TO 192.0.2.9]":        false,
		"(((((((((type:gd_send_sms)))))))))": true,
	} {
		n, err := parseSearch("q", q, logFields)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		if got := n.matches(inDoc); got != want {
			t.Errorf("%s: %v", q, got)
		}
	}
}

func TestSearchRefused(t *testing.T) {
	for q, want := range map[string]string{
		"type:":                                "a value is missing",
		"type:f AND":                           "a term is missing",
		"OR type:f":                            "a term is missing",
		"AND":                                  "a term is missing",
		"(type:f":                              "not closed",
		"type:f)":                              "unexpected",
		`"abc`:                                 "not closed",
		`abc\`:                                 "backslash",
		"type:g?":                              "? is not supported",
		"type:*ab":                             "at least 3",
		"type:a*b":                             "at least 3",
		"details.x:1":                          "there is no field details.x",
		"type:(client_id:x)":                   "inside the value",
		"date:[a]":                             "[a TO b]",
		"date:[2026 TO 2027":                   "not closed",
		"date:[ TO 2027]":                      "missing",
		"[a TO b]":                             "needs a field",
		"a\x00":                                "UTF-8",
		"\xff":                                 "UTF-8",
		strings.Repeat("(", 40):                "nested",
		strings.Repeat("a ", maxSearchNodes+1): "too many clauses",
		strings.Repeat("a", maxSearch+1):       "too long",
	} {
		_, err := parseSearch("q", q, logFields)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, not %q", q, err, want)
		}
		if e := wire.Of(err); e.Status != http.StatusBadRequest && (len(q) <= maxSearch || e.Status != http.StatusRequestURITooLong) {
			t.Errorf("%.40s: %v", q, e)
		}
	}
}

func TestSearchNeeds(t *testing.T) {
	known := []string{"f", "fp", "gd_send_sms", "gd_send_voice", "s"}
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	show := func(w need) string {
		hours := func(t time.Time) string {
			if t.IsZero() {
				return "-"
			}
			return fmt.Sprint(t.Sub(day).Hours())
		}
		return fmt.Sprintf("%q %s %s %s %s", w.types, w.clientID, w.userID, hours(w.from), hours(w.to))
	}
	for q, want := range map[string]string{
		"":                                 `[]   - -`,
		"type:f":                           `["f"]   - -`,
		"type:gd_*":                        `["gd_send_sms" "gd_send_voice"]   - -`,
		"type:none":                        `[]   - -`,
		"type:f OR type:s OR type:f":       `["f" "s"]   - -`,
		"type:(f OR s) AND type:(s OR fp)": `["s"]   - -`,
		"type:f OR client_id:c":            `[]   - -`,
		"NOT type:f":                       `[]   - -`,
		"type:f NOT type:s":                `["f"]   - -`,
		"type:f AND client_id:c AND user_id:auth0|u AND x": `["f"] c u - -`,
		"client_id:c*": `[]   - -`,
		"f":            `[]   - -`,
		"date:[2026-11-21 TO 2026-11-22] AND date:[* TO 2026-11-22}": `[]   0 24`,
		"date:2026-11-21 AND type:f":                                 `["f"]   0 24`,
		"date:2026-11-21 OR type:f":                                  `[]   - -`,
	} {
		n, err := parseSearch("q", q, logFields)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if got := show(n.needs(known)); got != want {
			t.Errorf("%s:\n%s\n%s", q, got, want)
		}
	}
	n, _ := parseSearch("q", "type:none", logFields)
	if w := n.needs(known); w.types == nil {
		t.Error("a type that there is not selects all")
	}
}

// FuzzSearch: whatever is sent, parsing and matching end, and what a match needs holds for each match.
func FuzzSearch(f *testing.F) {
	for _, q := range []string{`type:(f OR "gd_send_sms") AND NOT ip:[1 TO 9]`, `a\*b c:*def* "x`, "date:{2026-11-21 TO *]", "((NOT a) OR b) type:gd_*"} {
		f.Add(q)
	}
	known := []string{"f", "gd_send_sms", "s"}
	f.Fuzz(func(t *testing.T, q string) {
		n, err := parseSearch("q", q, logFields)
		if err != nil {
			if s := wire.Of(err).Status; s != http.StatusBadRequest && s != http.StatusRequestURITooLong {
				t.Fatal(err)
			}
			return
		}
		w := n.needs(known)
		if !n.matches(inDoc) {
			return
		}
		at, _ := time.Parse(logTime, testDoc["date"])
		if w.types != nil && !contains(w.types, testDoc["type"]) || w.clientID != "" && w.clientID != testDoc["client_id"] ||
			w.userID != "" && w.userID != userIDOf(testDoc["user_id"]) || at.Before(w.from) || !w.to.IsZero() && !at.Before(w.to) {
			t.Errorf("%q matches, but needs %+v", q, w)
		}
	})
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
