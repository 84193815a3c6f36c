package management

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/internal/hook"
	"countersign/internal/store"
)

// TestPlaceholdersAreNoSecrets: what stands in place of a secret, and is sent back, is stored nowhere.
func TestPlaceholdersAreNoSecrets(t *testing.T) {
	b := newBench(t)
	client := b.send("POST", "/clients", `{"name":"m","app_type":"non_interactive","client_secret":"0123456789abcdef0123"}`).is(201).text("client_id")
	for _, p := range []string{hook.Placeholder, "_VALUE_NOT_SHOWN"} {
		if p == hook.Placeholder { // the other one is too short for a secret
			b.send("PATCH", "/clients/"+client, `{"client_secret":"`+p+`","name":"n"}`).is(200, `"client_secret":"0123456789abcdef0123"`, `"name":"n"`)
			if a := b.send("POST", "/clients", `{"name":"o","app_type":"non_interactive","client_secret":"`+p+`"}`).is(201); a.text("client_secret") == p {
				t.Error("the placeholder is the secret of a new client")
			}
		}
		const sns, twilio = "/guardian/factors/push-notification/providers/sns", "/guardian/factors/sms/providers/twilio"
		b.send("PUT", sns, `{"aws_secret_access_key":"s3cret","aws_region":"eu-west-1"}`).is(200)
		b.send("PATCH", sns, `{"aws_secret_access_key":"`+p+`"}`).is(200, `"aws_secret_access_key":"s3cret"`)
		b.send("PUT", sns, `{"aws_secret_access_key":"`+p+`","aws_region":"eu-west-1"}`).is(200, `"aws_secret_access_key":"s3cret"`)
		b.send("PUT", twilio, `{"sid":"AC1","from":"+12025550100","auth_token":"s3cret"}`).is(200)
		b.send("PUT", twilio, `{"sid":"AC1","from":"+12025550100","auth_token":"`+p+`"}`).is(200, `"auth_token":"s3cret"`)
	}
}

// TestFieldsOfCheckpoints: a page of a checkpoint is a list, and fields are of its elements.
func TestFieldsOfCheckpoints(t *testing.T) {
	b := newBench(t)
	id := b.send("POST", "/clients", `{"name":"m","app_type":"non_interactive"}`).is(201).text("client_id")
	b.send("GET", "/clients?take=1&fields=client_id", "").exactly(200, `{"clients":[{"client_id":"`+id+`"}]}`)
	b.send("POST", "/clients", `{"name":"n","app_type":"non_interactive"}`).is(201)
	b.send("GET", "/clients?take=1&fields=name", "").is(200, `"next":"`, `"clients":[{"name":"`)
	b.send("GET", "/connections?take=10&fields=name,strategy&include_fields=true", "").is(200, `"connections":[{"name":"`, `!"options"`)
	b.send("GET", "/logs?take=1&fields=type", "").is(200, `[{"type":"`, `!"log_id"`)
}

// meddler does something once, before the next transaction that writes.
type meddler struct {
	store.Store
	before func()
}

func (m *meddler) Write(ctx context.Context, f func(store.Tx) error) error {
	if do := m.before; do != nil {
		m.before = nil
		do()
	}
	return m.Store.Write(ctx, f)
}

// TestDeletedWhileChanged: a change that was begun before a deletion does not bring a client grant or an API back.
func TestDeletedWhileChanged(t *testing.T) {
	var m *meddler
	b := newBench(t, func(o *Options) { m = &meddler{Store: o.Store}; o.Store = m })
	client := b.send("POST", "/clients", `{"name":"m","app_type":"non_interactive"}`).is(201).text("client_id")
	api := b.send("POST", "/resource-servers", `{"identifier":"https://api.example.com","scopes":[{"value":"a"}]}`).is(201).text("id")
	grant := b.send("POST", "/client-grants", `{"client_id":"`+client+`","audience":"https://api.example.com","scope":[]}`).is(201).text("id")
	for _, c := range [][2]string{{"/client-grants/" + grant, `{"scope":["a"]}`}, {"/resource-servers/" + api, `{"name":"x"}`}} {
		path, body := c[0], c[1]
		name := strings.NewReplacer("/client-grants/", settingGrant, "/resource-servers/", settingAPI).Replace(path)
		m.before = func() {
			err := m.Store.Write(t.Context(), func(tx store.Tx) error {
				_, err := tx.Settings().DeleteSetting(t.Context(), b.pool, name)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		b.send("PATCH", path, body).is(404)
		if m.before != nil {
			t.Error("nothing was deleted")
		}
		b.send("GET", path, "").is(404)
	}
}

// TestMetadataIsBounded: many small changes do not pile up more than one may set.
func TestMetadataIsBounded(t *testing.T) {
	b := newBench(t)
	id := b.send("POST", "/clients", `{"name":"m"}`).is(201).text("client_id")
	for i := range maxClientMetadata {
		b.send("PATCH", "/clients/"+id, fmt.Sprintf(`{"client_metadata":{"k%d":"v"}}`, i)).is(200)
	}
	b.send("PATCH", "/clients/"+id, `{"client_metadata":{"one more":"v"}}`).is(400, "maximum 50")
	b.send("PATCH", "/clients/"+id, `{"client_metadata":{"k0":null,"one more":"v"}}`).is(200)
}

// TestCallersWhoGoAway: what a call has begun to change is changed wholly.
func TestCallersWhoGoAway(t *testing.T) {
	var m *meddler
	b := newBench(t, func(o *Options) { m = &meddler{Store: o.Store}; o.Store = m })
	client := b.send("POST", "/clients", `{"name":"m","app_type":"non_interactive"}`).is(201).text("client_id")
	b.send("POST", "/resource-servers", `{"identifier":"https://api.example.com","scopes":[{"value":"a"}]}`).is(201)
	// leaves sends a request whose caller is gone by the time that the first transaction begins.
	leaves := func(method, path, body string) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		m.before = leave
		r := httptest.NewRequestWithContext(ctx, method, Prefix+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer all")
		b.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	audiences := func() string {
		c, err := b.Service.GetClient(t.Context(), b.pool, client)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(append(c.Config.Audiences, c.Config.Scopes...), " ")
	}
	leaves("POST", "/client-grants", `{"client_id":"`+client+`","audience":"https://api.example.com","scope":["a"]}`)
	if got := audiences(); got != "https://api.example.com a" {
		t.Errorf("after the grant: %q", got)
	}
	grant := b.send("GET", "/client-grants?include_totals=true", "").field("client_grants").([]any)[0].(map[string]any)["id"].(string)
	leaves("DELETE", "/client-grants/"+grant, "")
	b.send("GET", "/client-grants/"+grant, "").is(404)
	if got := audiences(); got != "" {
		t.Errorf("after the deletion: %q", got)
	}
	leaves("POST", "/branding/phone/providers", twilioJSON)
	p, err := b.Service.GetPool(t.Context(), b.pool)
	if err != nil || p.Config.Tenant == nil || p.Config.Tenant.BrandingProvider != "twilio" {
		t.Errorf("a provider that is not used: %+v %v", p.Config.Tenant, err)
	}
}

// TestTestsWithOtherCode: who may run an action, and not change it, does not give its secrets to code of their own.
func TestTestsWithOtherCode(t *testing.T) {
	b := newBench(t)
	id := b.send("POST", "/actions/actions", actionJSON).is(201).text("id")
	for _, body := range []string{`{"payload":{},"code":"exports.x = 1"}`, `{"payload":{},"dependencies":[{"name":"x","version":"1.0.0"}]}`} {
		b.as("create:actions", "POST", "/actions/actions/"+id+"/test", body).is(403, "update:actions")
	}
}

// TestPasswordlessSignUp: each passwordless connection has a switch of its own.
func TestPasswordlessSignUp(t *testing.T) {
	b := newBench(t)
	b.send("PATCH", "/connections/con_email", `{"options":{"disable_signup":true}}`).is(200, `"disable_signup":true`)
	b.send("GET", "/connections/con_sms", "").is(200, `"disable_signup":false`)
	p, err := b.Service.GetPool(t.Context(), b.pool)
	if err != nil || !p.Config.Tenant.PasswordlessEmailSignUpOff || p.Config.Tenant.PasswordlessSignUpOff {
		t.Errorf("%+v %v", p.Config.Tenant, err)
	}
}

// TestTrialsAreLimited: messages cost money, whoever holds a token.
func TestTrialsAreLimited(t *testing.T) {
	b := newBench(t)
	path := "/branding/phone/providers/" + b.send("POST", "/branding/phone/providers", twilioJSON).is(201).text("id") + "/try"
	for range 10 {
		b.send("POST", path, `{"to":"+12025550100"}`).is(202)
	}
	if a := b.send("POST", path, `{"to":"+12025550100"}`).is(429, "too_many_requests"); a.head.Get("Retry-After") != "6" || len(b.tried) != 10 {
		t.Errorf("%v, %d messages", a.head, len(b.tried))
	}
	b.Advance(6 * time.Second)
	b.send("POST", path, `{"to":"+12025550100"}`).is(202)
}
