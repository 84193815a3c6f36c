package countersign

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"countersign/internal/access"
	"countersign/internal/pool"
	"countersign/internal/secret"
)

// TestMachines: an app client with a client grant gets management tokens, which say no more than the grant says at the time.
func TestMachines(t *testing.T) {
	s := devServer(t)
	s.Start()
	h := s.Handler()
	object := func(code int, body string) map[string]any {
		t.Helper()
		var m map[string]any
		if err := json.Unmarshal([]byte(body), &m); err != nil || code/100 != 2 {
			t.Fatalf("%d %s", code, body)
		}
		return m
	}
	token := func(id, secret string) (int, string) {
		return ask(h, "POST", base+"/oauth/token", `{"grant_type":"client_credentials","client_id":"`+id+`","client_secret":"`+secret+`","audience":"`+base+`/api/v2/"}`,
			"Content-Type", "application/json")
	}
	api := func(bearer, method, path, body string) (int, string) {
		return ask(h, method, base+"/api/v2"+path, body, "Content-Type", "application/json", "Authorization", "Bearer "+bearer)
	}
	admin := object(token("countersign-dev", "countersign-dev-secret"))["access_token"].(string)
	made := object(api(admin, "POST", "/clients", `{"name":"machine","app_type":"non_interactive"}`))
	id, secret := made["client_id"].(string), made["client_secret"].(string)
	if code, body := token(id, secret); code != http.StatusUnauthorized {
		t.Errorf("without a grant: %d %s", code, body)
	}
	grant := object(api(admin, "POST", "/client-grants", `{"client_id":"`+id+`","audience":"`+base+`/api/v2/","scope":["read:users"]}`))["id"].(string)
	if code, body := token(id, "wrong"); code != http.StatusUnauthorized {
		t.Errorf("with a wrong secret: %d %s", code, body)
	}
	answer := object(token(id, secret))
	machine := answer["access_token"].(string)
	if answer["scope"] != "read:users" {
		t.Errorf("scope %v", answer["scope"])
	}
	if code, body := api(machine, "GET", "/users", ""); code != http.StatusOK {
		t.Errorf("what was granted: %d %s", code, body)
	}
	if code, body := api(machine, "GET", "/hooks", ""); code != http.StatusForbidden || !strings.Contains(body, "read:hooks") {
		t.Errorf("what was not granted: %d %s", code, body)
	}
	if code, body := ask(h, "GET", base+"/admin/v1/pools", "", "Authorization", "Bearer "+machine); code != http.StatusForbidden {
		t.Errorf("the admin API: %d %s", code, body)
	}
	if code, body := api(admin, "DELETE", "/client-grants/"+grant, ""); code != http.StatusNoContent {
		t.Errorf("%d %s", code, body)
	}
	if code, body := api(machine, "GET", "/users", ""); code != http.StatusUnauthorized {
		t.Errorf("after the grant: %d %s", code, body)
	}
}

// TestTicketsOfOperators: the link of a ticket that was made on the operators' listener is one that the user reaches.
func TestTicketsOfOperators(t *testing.T) {
	const operators = "http://localhost:9446"
	s := devServer(t, func(c *Config) { c.AdminBaseURLs = []string{operators} })
	s.Start()
	h, public := s.door(AdminDoor), s.door(PublicDoor)
	object := func(code int, body string) map[string]any {
		t.Helper()
		var m map[string]any
		if err := json.Unmarshal([]byte(body), &m); err != nil || code/100 != 2 {
			t.Fatalf("%d %s", code, body)
		}
		return m
	}
	token := object(ask(h, "POST", operators+"/oauth/token", `{"grant_type":"client_credentials","client_id":"countersign-dev","client_secret":"countersign-dev-secret"}`,
		"Content-Type", "application/json"))["access_token"].(string)
	api := func(base, method, path, body string) (int, string) {
		return ask(h, method, base+"/api/v2"+path, body, "Content-Type", "application/json", "Authorization", "Bearer "+token)
	}
	if code, body := api(operators, "PUT", "/guardian/factors/sms", `{"enabled":true}`); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	user := object(api(operators, "POST", "/users", `{"connection":"Username-Password-Authentication","email":"ann@example.com","password":"Correct-Horse-1"}`))["user_id"].(string)
	for _, at := range []string{operators, base} {
		link := object(api(at, "POST", "/guardian/enrollments/ticket", `{"user_id":"`+user+`"}`))["ticket_url"].(string)
		if code, _ := ask(public, "GET", link, ""); code != http.StatusOK || !strings.HasPrefix(link, base+"/") {
			t.Errorf("made at %s: %s answers %d", at, link, code)
		}
	}
}

// TestManagementByHost: a management client with grants for one pool calls on the hosts of all, and is let in on its own alone. What it makes there is
// the pool's of the host.
func TestManagementByHost(t *testing.T) {
	s := devServer(t)
	s.Start()
	h := s.Handler()
	p, err := s.parts.pool.CreatePool(t.Context(), pool.Caller{}, pool.NewPool{Name: "shop", Region: DevRegion, Config: pool.DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.parts.access.Create(t.Context(), access.NewCredential{Kind: access.Management, ID: "one-pool", Secret: secret.New("one-pool-secret-0001"), Name: "one pool",
		Grants: []access.Grant{{Service: access.ManagementAPI, Actions: []string{"*"}, Pools: []string{p.ID}}}})
	if err != nil {
		t.Fatal(err)
	}
	const shop = "http://shop.localhost:7446"
	for _, c := range []struct {
		name, id, secret    string
		shop, dev, shopMade int
	}{
		{"limited to a pool", "one-pool", "one-pool-secret-0001", 200, 403, 201},
		{"for all pools", "countersign-dev", "countersign-dev-secret", 200, 200, 409},
	} {
		var tokens []string
		for _, at := range []string{shop, base} {
			code, body := ask(h, "POST", at+"/oauth/token", `{"grant_type":"client_credentials","client_id":"`+c.id+`","client_secret":"`+c.secret+`","audience":"`+at+`/api/v2/"}`,
				"Content-Type", "application/json")
			var answer struct {
				Token string `json:"access_token"`
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK {
				t.Fatalf("%s: %d %s", c.name, code, body)
			}
			tokens = append(tokens, answer.Token)
		}
		for _, token := range tokens { // wherever it was got
			call := func(at, method, path, body string, want int) {
				t.Helper()
				if code, got := ask(h, method, at+"/api/v2"+path, body, "Content-Type", "application/json", "Authorization", "Bearer "+token); code != want {
					t.Errorf("%s: %s %s%s: %d %s", c.name, method, at, path, code, got)
				}
			}
			call(shop, "GET", "/hooks", "", c.shop)
			call(base, "GET", "/hooks", "", c.dev)
			call(base, "GET", "/users/auth0%7C00000000-0000-7000-8000-000000000000", "", map[int]int{200: 404, 403: 403}[c.dev])
			call(shop, "POST", "/resource-servers", `{"identifier":"https://api.example.com"}`, c.shopMade)
			c.shopMade = 409
		}
		if code, body := ask(h, "GET", "http://other.localhost:7446/api/v2/hooks", "", "Authorization", "Bearer "+tokens[0]); code != http.StatusMisdirectedRequest {
			t.Errorf("%s, on a host of no pool: %d %s", c.name, code, body)
		}
	}
}
