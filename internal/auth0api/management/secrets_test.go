package management

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/auth0api/wire"
)

// TestAdvisory_CVE_2026_40166_management: whoever has every scope, and not the grant ReadSecret, finds no secret behind any path, nor in the log.
func TestAdvisory_CVE_2026_40166_management(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Rate = wire.Rate{Burst: 100000, Every: time.Millisecond} })
	const secret = "hunter2-of-the-canary"
	hook := b.send("POST", "/hooks", hookJSON).text("id")
	action := b.send("POST", "/actions/actions", strings.ReplaceAll(actionJSON, "s3cret", secret)).text("id")
	for _, w := range []struct{ method, path, body string }{
		{"POST", "/hooks/" + hook + "/secrets", `{"A":"` + secret + `"}`},
		{"PATCH", "/hooks/" + hook + "/secrets", `{"A":"` + secret + `2"}`},
		{"POST", "/actions/actions/" + action + "/deploy", ""},
		{"PATCH", "/actions/triggers/send-phone-message/bindings", `{"bindings":[{"ref":{"type":"action_id","value":"` + action + `"}}]}`},
		{"PUT", "/rules-configs/A", `{"value":"` + secret + `"}`},
		{"PUT", "/guardian/factors/phone/providers/twilio", `{"sid":"AC1","auth_token":"` + secret + `"}`},
		{"PUT", "/guardian/factors/push-notification/providers/sns", `{"aws_secret_access_key":"` + secret + `"}`},
	} {
		if a := b.send(w.method, w.path, w.body); a.status >= 300 {
			t.Fatalf("%s %s: %d %s", w.method, w.path, a.status, a.body)
		}
	}
	provider := b.send("POST", "/branding/phone/providers", strings.ReplaceAll(twilioJSON, "s3cret", secret)).text("id")
	version := b.send("GET", "/actions/actions/"+action, "").text("deployed_version.id")

	var scopes []string
	for _, r := range routes() {
		scopes = append(scopes, strings.Fields(r.Scopes)...)
	}
	all := strings.Join(scopes, ",")
	b.as(all, "GET", "/guardian/factors/phone/providers/twilio", "").exactly(200, `{"sid":"AC1"}`)
	seen := 0
	for _, r := range routes() {
		if r.Method != "GET" {
			continue
		}
		for _, id := range []string{hook, action, provider, "A", "send-phone-message"} {
			path := strings.ReplaceAll(filled(strings.NewReplacer("{id}", id, "{trigger}", id, "{version}", version).Replace(r.Path)), "x%7Cy", id)
			a := b.as(all, "GET", path, "")
			if strings.Contains(a.body, secret) {
				t.Errorf("GET %s shows a secret: %s", path, a.body)
			}
			if a.status == 200 {
				seen++
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d paths answered", seen)
	}
	for _, e := range b.events() {
		if strings.Contains(e, secret) {
			t.Errorf("a secret in an event: %s", e)
		}
	}
}
