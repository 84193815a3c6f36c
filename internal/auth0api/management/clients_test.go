package management

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
)

func TestClientLife(t *testing.T) {
	b := newBench(t)
	a := b.send("POST", "/clients", `{"name":"Shop","app_type":"regular_web","callbacks":["https://shop.example.com/cb"],
		"grant_types":["password","http://auth0.com/oauth/grant-type/mfa-oob","refresh_token"],"client_metadata":{"plan":"gold","countersign_require_mfa":"true"},
		"refresh_token":{"rotation_type":"rotating","expiration_type":"expiring","leeway":30,"token_lifetime":86400},"jwt_configuration":{"alg":"RS256","lifetime_in_seconds":3600}}`).
		is(201, `"require_mfa":true`, `"rotation_type":"rotating"`, `"leeway":30`, `"token_lifetime":86400`, `"lifetime_in_seconds":3600`,
			`"callbacks":["https://shop.example.com/cb"]`, `"token_endpoint_auth_method":"client_secret_post"`, `"tenant":"`+b.pool)
	id, secret := a.text("client_id"), a.text("client_secret")
	if len(secret) < 40 {
		t.Errorf("secret %q", secret)
	}
	c, err := b.Service.GetClient(t.Context(), b.pool, id)
	if err != nil {
		t.Fatal(err)
	}
	if g := c.Config; !g.RequireMFA || !g.HideExistence || !g.Rotation || slices.Contains(g.Flows, allowRefresh) || g.Metadata["plan"] != "gold" || len(g.Metadata) != 1 ||
		len(g.Grants) != 3 || len(g.Flows) != 0 {
		t.Errorf("config %+v", g)
	}
	b.send("GET", "/clients/"+id, "").is(200, secret)
	b.as("read:clients", "GET", "/clients/"+id, "").is(200, `!"client_secret":`, `"countersign_require_mfa":"true"`)
	b.as("read:clients", "GET", "/clients", "").is(200, id, `!"client_secret":`)
	b.as("read:client_keys", "GET", "/clients?fields=client_secret", "").exactly(200, `[{"client_secret":"`+secret+`"}]`)
	if got := b.events(eventlog.ManagementRead); len(got) != 2 || strings.Contains(strings.Join(got, ""), secret) {
		t.Errorf("reads of secrets: %q", got)
	}
	b.send("PATCH", "/clients/"+id, `{"name":"Shop 2","require_mfa":false,"client_metadata":{"plan":null,"x":"y"},"callbacks":[],"custom":{"a":1}}`).
		is(200, `"name":"Shop 2"`, `"require_mfa":false`, `"client_metadata":{"x":"y"}`, `"callbacks":[]`, `"custom":{"a":1}`, `"rotation_type":"rotating"`)
	b.send("PATCH", "/clients/"+id, `{"client_metadata":{"countersign_require_mfa":"true"}}`).is(200, `"require_mfa":true`)
	b.send("PATCH", "/clients/"+id, `{"custom":null,"grant_types":null}`).is(200, "!custom", `"grant_types":["refresh_token"]`)

	next := b.send("POST", "/clients/"+id+"/rotate-secret", "").is(200).text("client_secret")
	if next == secret {
		t.Error("the secret is the old one")
	}
	b.send("PATCH", "/clients/"+id, `{"token_endpoint_auth_method":"none"}`).is(200, `!"client_secret":`, `"token_endpoint_auth_method":"none"`)
	b.send("POST", "/clients/"+id+"/rotate-secret", "").is(400, "public client")
	b.send("PATCH", "/clients/"+id, `{"token_endpoint_auth_method":"client_secret_basic"}`).is(200, `"client_secret":"`, `"client_secret_basic"`)
	b.send("PATCH", "/clients/"+id, `{"client_secret":"0123456789abcdef"}`).is(200, `"client_secret":"0123456789abcdef"`)
	b.as("update:clients", "PATCH", "/clients/"+id, `{"client_secret":"0123456789abcdef"}`).is(403, "update:client_keys")
	b.as("update:client_keys", "PATCH", "/clients/"+id, `{"name":"x"}`).is(403)
	b.send("DELETE", "/clients/"+id, "").is(204)
	b.send("DELETE", "/clients/"+id, "").is(204)
	b.send("GET", "/clients/"+id, "").is(404, `"errorCode":"inexistent_client"`)
	b.send("PATCH", "/clients/"+id, `{"name":"x"}`).is(404)
}

func TestClientsAreBothWires(t *testing.T) {
	b := newBench(t)
	id := b.Client(b.pool, pooltest.AppClient())
	b.send("GET", "/clients/"+id, "").is(200, `"grant_types":["password","http://auth0.com/oauth/grant-type/password-realm"`, `"refresh_token"]`, `"token_endpoint_auth_method":"none"`)
	b.send("PATCH", "/clients/"+id, `{"callbacks":["x:/y"]}`).is(200)
	c, err := b.Service.GetClient(t.Context(), b.pool, id)
	if err != nil {
		t.Fatal(err)
	}
	if c.Config.Grants != nil || len(c.Config.Flows) != 3 {
		t.Errorf("what was not asked for changed: %+v", c.Config)
	}
	_, err = b.Service.UpdateClient(t.Context(), pool.Caller{}, b.pool, id, func(c *pool.Client) error {
		c.Wire = json.RawMessage(strings.Replace(string(c.Wire), "{", `{"client":{"a":1},`, 1))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.send("PATCH", "/clients/"+id, `{"logo_uri":"https://x/"}`).is(200, `"callbacks":["x:/y"]`)
	if c, _ := b.Service.GetClient(t.Context(), b.pool, id); !strings.Contains(string(c.Wire), `"client":{"a":1}`) {
		t.Errorf("the other wire's document is gone: %s", c.Wire)
	}
}

func TestClientList(t *testing.T) {
	b := newBench(t)
	var ids []string
	for n := range 7 {
		ids = append(ids, b.send("POST", "/clients", fmt.Sprintf(`{"name":"c%d","app_type":"spa"}`, n)).is(201, `"token_endpoint_auth_method":"none"`, "!client_secret").text("client_id"))
	}
	slices.Sort(ids)
	b.send("GET", "/clients?page=1&per_page=3&include_totals=true&fields=client_id", "").
		exactly(200, fmt.Sprintf(`{"clients":[{"client_id":%q},{"client_id":%q},{"client_id":%q}],"length":3,"limit":3,"start":3,"total":7}`, ids[3], ids[4], ids[5]))
	var got []string
	for from := ""; ; {
		var p struct {
			Clients []struct {
				ID string `json:"client_id"`
			}
			Next string
		}
		a := b.send("GET", "/clients?take=3&from="+from, "").is(200)
		if err := json.Unmarshal([]byte(a.body), &p); err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Clients {
			got = append(got, c.ID)
		}
		if from = p.Next; from == "" {
			break
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("got %v, want %v", got, ids)
	}
	b.send("GET", "/clients?is_global=true", "").is(200, `"name":"All Applications"`, `"global":true`)
}

func TestClientRefused(t *testing.T) {
	b := newBench(t)
	for body, want := range map[string]string{
		`{}`: "Missing required property: name", `{"name":""}`: "too short", `{"name":"x","app_type":"toaster"}`: "No enum match",
		`{"name":"x","grant_types":["magic"]}`: "No enum match", `{"name":"x","refresh_token":{"leeway":61}}`: "between 0 and 60",
		`{"name":"x","refresh_token":{"token_lifetime":60}}`: "between 3600", `{"name":"x","client_metadata":{"a":1}}`: "Expected type string",
		`{"name":"x","client_metadata":{"countersign_require_mfa":"perhaps"}}`: "Expected", `{"name":"x","refresh_token":[]}`: "Expected type object",
		`{"name":"x","client_secret":"short"}`:                        "too short",
		`{"name":"x","addons":"` + strings.Repeat("y", 70<<10) + `"}`: "",
	} {
		a := b.send("POST", "/clients", body)
		if a.status != 400 && a.status != 413 || !strings.Contains(a.body, want) {
			t.Errorf("%.80s: %d %s", body, a.status, a.body)
		}
	}
}

func TestGrants(t *testing.T) {
	b := newBench(t)
	machine := b.send("POST", "/clients", `{"name":"machine","app_type":"non_interactive"}`).is(201)
	id, secret := machine.text("client_id"), machine.text("client_secret")
	public := b.send("POST", "/clients", `{"name":"spa","app_type":"spa"}`).is(201).text("client_id")
	m := &Machines{Pools: b.Service, Store: b.Store}
	code := func(secret string) fault.Code {
		_, err := m.Authenticate(t.Context(), id, secret)
		return fault.CodeOf(err)
	}
	if c := code(secret); c != fault.Unauthenticated {
		t.Errorf("a machine without a grant: %q", c)
	}
	const audience = `"audience":"http://localhost:7446/api/v2/"`
	body := `{"client_id":"` + id + `",` + audience + `,"scope":["read:users","read:logs"]}`
	b.as("create:client_grants,read:users", "POST", "/client-grants", body).is(403, "") // nobody grants more than they have
	grant := b.send("POST", "/client-grants", body).is(201, `"scope":["read:users","read:logs"]`).text("id")
	b.send("POST", "/client-grants", body).is(409)
	for bad, want := range map[string]string{
		`{"client_id":"none",` + audience + `,"scope":[]}`:                        "inexistent_client",
		`{"client_id":"` + public + `",` + audience + `,"scope":[]}`:              "without a secret",
		`{"client_id":"` + id + `","audience":"https://evil/api/v2/","scope":[]}`: "inexistent_resource_server",
		`{"client_id":"` + id + `","audience":"https://x","scope":[]}`:            "inexistent_resource_server",
		`{"client_id":"` + public + `",` + audience + `,"scope":["*"]}`:           "Not a scope",
		`{"client_id":"` + public + `",` + audience + `,"scope":["read:*"]}`:      "Not a scope",
		`{"client_id":"` + public + `"}`:                                          "audience",
	} {
		if a := b.send("POST", "/client-grants", bad); a.status/100 != 4 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
	}
	p, err := m.Authenticate(t.Context(), id, secret)
	if err != nil {
		t.Fatal(err)
	}
	for what, allowed := range map[access.Resource]bool{access.OnPool(b.pool): true, access.OnPool("other"): false, {}: false} {
		if got := access.Allow(p, access.ManagementAPI, "read:users", what) == nil; got != allowed {
			t.Errorf("on %+v: %v", what, got)
		}
	}
	if access.Allow(p, access.ManagementAPI, "update:users", access.OnPool(b.pool)) == nil || access.Allow(p, access.Admin, "read:users", access.OnPool(b.pool)) == nil {
		t.Error("the machine may do what was not granted")
	}
	if c := code("wrong"); c != fault.Unauthenticated {
		t.Errorf("a wrong secret: %q", c)
	}
	b.as("update:client_grants,read:users", "PATCH", "/client-grants/"+grant, `{"scope":["read:users","delete:users"]}`).is(403)
	b.send("PATCH", "/client-grants/"+grant, `{"scope":["read:users"]}`).is(200, `"scope":["read:users"]`)
	b.send("GET", "/client-grants?client_id="+id, "").is(200, grant)
	b.send("GET", "/client-grants?client_id=x&include_totals=true", "").is(200, `"total":0`)
	b.send("GET", "/client-grants?take=5", "").is(200, `{"client_grants":[{"id":"`+grant)
	b.send("GET", "/client-grants/"+grant, "").is(200, grant)
	// the secret of a machine is not for who may do less
	b.as("read:client_keys,read:users", "GET", "/clients/"+id, "").is(200, secret)
	b.as("read:client_keys", "GET", "/clients/"+id, "").is(200, "!"+secret)
	b.as("read:client_keys", "GET", "/clients", "").is(200, id, "!"+secret)
	b.as("update:client_keys", "POST", "/clients/"+id+"/rotate-secret", "").is(403)
	b.as("update:client_keys,update:clients", "PATCH", "/clients/"+id, `{"client_secret":"0123456789abcdef"}`).is(403)
	b.send("DELETE", "/client-grants/"+grant, "").is(204)
	b.send("DELETE", "/client-grants/"+grant, "").is(204)
	b.send("GET", "/client-grants/"+grant, "").is(404)
	if _, err := m.Principal(t.Context(), id); fault.CodeOf(err) != fault.AccessKeyUnknown {
		t.Errorf("after the grant was deleted: %v", err)
	}
	b.send("POST", "/client-grants", body).is(201)
	b.send("PATCH", "/clients/"+id, `{"grant_types":["password"]}`).is(200)
	if c := code(secret); c != fault.Unauthenticated {
		t.Errorf("without the grant type: %q", c)
	}
	b.send("DELETE", "/clients/"+id, "").is(204)
	b.send("GET", "/client-grants", "").exactly(200, "[]")
	for _, odd := range []string{"", "x", "\xff", "a\x00", strings.Repeat("x", 200)} {
		if _, err := m.Principal(t.Context(), odd); fault.CodeOf(err) != fault.AccessKeyUnknown {
			t.Errorf("%q: %v", odd, err)
		}
	}
}

func TestResourceServers(t *testing.T) {
	b := newBench(t)
	a := b.send("POST", "/resource-servers", `{"identifier":"https://api.example.com/","name":"API","scopes":[{"value":"read:it","description":"d"}],"token_lifetime":3600}`).
		is(201, `"token_lifetime":3600`, `"scopes":[{"value":"read:it","description":"d"}]`)
	id := a.text("id")
	b.send("POST", "/resource-servers", `{"identifier":"https://api.example.com/"}`).is(409)
	b.send("POST", "/resource-servers", `{"identifier":"http://localhost:7446/api/v2/"}`).is(409)
	b.send("GET", "/resource-servers/"+id, "").is(200, `"is_system":false`)
	b.send("GET", "/resource-servers/https%3A%2F%2Fapi.example.com%2F", "").is(200, id)
	b.send("GET", "/resource-servers?include_totals=true", "").is(200, `"total":1`)
	b.send("GET", "/resource-servers?identifiers=x", "").exactly(200, "[]")
	client := b.send("POST", "/clients", `{"name":"spa","app_type":"spa"}`).is(201).text("client_id")
	grant := `{"client_id":"` + client + `","audience":"https://api.example.com/","scope":["%s"]}`
	b.send("POST", "/client-grants", fmt.Sprintf(grant, "write:it")).is(400, "no scope write:it")
	made := b.send("POST", "/client-grants", fmt.Sprintf(grant, "read:it")).is(201).text("id")
	config := func() pool.ClientConfig {
		c, err := b.Service.GetClient(t.Context(), b.pool, client)
		if err != nil {
			t.Fatal(err)
		}
		return c.Config
	}
	if c := config(); !slices.Equal(c.Audiences, []string{"https://api.example.com/"}) || !slices.Equal(c.Scopes, []string{"read:it"}) {
		t.Errorf("the client may ask for %v %v", c.Audiences, c.Scopes)
	}
	b.send("PATCH", "/resource-servers/"+id, `{"scopes":[{"value":"write:it"}],"name":"API 2"}`).is(200, `"name":"API 2"`, "write:it", "!read:it", `"token_lifetime":3600`)
	b.send("PATCH", "/client-grants/"+made, `{"scope":["write:it"]}`).is(200)
	b.send("DELETE", "/client-grants/"+made, "").is(204)
	if c := config(); len(c.Audiences)+len(c.Scopes) != 0 {
		t.Errorf("after the grant: %v %v", c.Audiences, c.Scopes)
	}
	b.send("DELETE", "/resource-servers/"+id, "").is(204)
	b.send("DELETE", "/resource-servers/"+id, "").is(204)
	b.send("GET", "/resource-servers/"+id, "").is(404)
}

func TestConnections(t *testing.T) {
	b := newBench(t)
	client := b.Client(b.pool, pooltest.AppClient())
	b.send("GET", "/connections?fields=name,strategy", "").exactly(200, `[{"name":"Username-Password-Authentication","strategy":"auth0"},{"name":"sms","strategy":"sms"},{"name":"email","strategy":"email"}]`)
	b.send("GET", "/connections?strategy=sms&include_totals=true", "").is(200, `"total":1`, `"id":"con_sms"`, `"enabled_clients":["`+client+`"]`, "!Username")
	b.send("GET", "/connections?name=email&take=10", "").is(200, `{"connections":[{"id":"con_email"`)
	b.send("GET", "/connections/con_sms", "").is(200, `"syntax":"liquid"`, `"template":"`, `"totp":{"length":6,"time_step":300}`)
	b.send("PATCH", "/connections/con_sms", `{"options":{"template":"@@password@@ is yours","syntax":"md_with_macros","from":"Shop","disable_signup":true,"forward_req_info":true},"enabled_clients":[]}`).
		is(200, `"template":"@@password@@ is yours"`, `"syntax":"md_with_macros"`, `"from":"Shop"`, `"disable_signup":true`, `"forward_req_info":true`)
	p, err := b.Service.GetPool(t.Context(), b.pool)
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Config.Tenant; c.Passwordless != "@@password@@ is yours" || c.PasswordlessFrom != "Shop" || !c.PasswordlessSignUpOff {
		t.Errorf("tenant %+v", c)
	}
	for body, want := range map[string]string{
		`{"options":{"template":"{{ broken"}}`: "Template cannot be used", `{"options":{"syntax":"x"}}`: "No enum match", `{"options":{"totp":{"length":4}}}`: "6 digits",
		`{"options":{"twilio_token":"t"}}`: "Credentials", `{"options":[]}`: "Expected type object", `{"options":{"template":""}}`: "too short",
	} {
		b.send("PATCH", "/connections/con_sms", body).is(400, want)
	}
	b.send("PATCH", "/connections/con_database", `{"options":{"disable_signup":true,"import_mode":false}}`).is(200, `"disable_signup":true`)
	b.send("PATCH", "/connections/con_database", `{"options":{"enabledDatabaseCustomization":true}}`).is(400, "UserMigration")
	if p, _ := b.Service.GetPool(t.Context(), b.pool); !p.Config.AdminCreateOnly {
		t.Error("sign-up is still open")
	}
	b.send("POST", "/connections", `{"name":"sms","strategy":"sms"}`).is(409)
	b.send("POST", "/connections", `{"name":"google","strategy":"google-oauth2"}`).is(400, "operation_not_supported")
	b.send("GET", "/connections/con_x", "").is(404, "inexistent_connection")
	b.send("DELETE", "/connections/con_x", "").is(404)
	b.send("DELETE", "/connections/con_sms", "").is(400)
	b.send("GET", "/connections/con_sms/clients", "").is(200, client)
	b.send("PATCH", "/connections/con_sms/clients", `[{"client_id":"x","status":true}]`).is(204)
	b.send("PATCH", "/connections/con_sms/clients", `[`).is(400)
}
