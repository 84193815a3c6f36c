package proof

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/browsertest"
)

const (
	devPool   = "us-local-1_countersign"
	devClient = "countersigndevclient"
	victim    = "+12025550142"
	hisSecret = "V1ctim-Horse-Battery!"
)

// route is one request of the dispatcher's table, as an attacker would make it: signed, well-formed, with an effect.
type route struct {
	Name   string            `json:"name"`
	Method string            `json:"method"`
	Path   string            `json:"path"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
	// Open routes answer pages of any origin.
	Open bool `json:"open"`
	// Page routes answer no scripts of other origins, but people may follow a link to them or load balancers probe them.
	Page bool `json:"page"`
}

// routes has a request for every row of the table of surfaces, and for every operation of user pools.
func routes(t testing.TB, base string) (list []route) {
	creds := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	signed := func(r route, service string) {
		req, err := http.NewRequest(r.Method, base+r.Path, strings.NewReader(r.Body))
		check(t, err)
		for k, v := range r.Header {
			req.Header.Set(k, v)
		}
		sign(t, req, creds, service)
		for _, k := range []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256"} {
			if v := req.Header.Get(k); v != "" {
				r.Header[k] = v
			}
		}
		list = append(list, r)
	}
	body, err := json.Marshal(obj{"UserPoolId": devPool, "ClientId": devClient, "Username": victim, "PoolName": "hostile", "ClientName": "hostile",
		"Password": "H0stile-Password!", "Permanent": true, "MfaConfiguration": "OFF", "UserAttributes": []obj{{"Name": "name", "Value": "hostile"}},
		"UserAttributeNames": []string{"name"}, "AccessToken": "x", "GroupName": "hostile", "MaxResults": 10,
		"AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": victim, "PASSWORD": hisSecret}})
	check(t, err)
	for _, op := range api.Operations {
		signed(route{Name: op.Name, Method: "POST", Path: "/", Body: string(body), Open: op.Auth != wire.AuthIAM, Header: map[string]string{
			"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSCognitoIdentityProviderService." + op.Name}}, "cognito-idp")
	}
	for _, target := range []string{"TrentService.Decrypt", "TrentService.CreateKey", "PinpointSMSVoiceV2.SendTextMessage"} {
		signed(route{Name: target, Method: "POST", Path: "/", Body: `{}`, Header: map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}}, "kms")
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for _, action := range []string{"GetCallerIdentity", "Publish", "SetSMSAttributes"} {
		signed(route{Name: action, Method: "POST", Path: "/", Body: "Action=" + action + "&Version=2011-06-15&PhoneNumber=%2B12025550142&Message=x", Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, "sts")
	}
	for _, r := range []route{
		{Method: "GET", Path: "/admin/v1/status"}, {Method: "GET", Path: "/admin/v1/access-keys"}, {Method: "GET", Path: "/admin/v1/events"},
		{Method: "GET", Path: "/admin/v1/openapi.json"}, {Method: "POST", Path: "/admin/v1/backup"},
		{Method: "POST", Path: "/admin/v1/access-keys", Body: `{"kind":"aws","name":"hostile","preset":"owner"}`, Header: map[string]string{"Content-Type": "application/json"}},
		{Method: "POST", Path: "/admin/v1/pools/" + devPool + "/users/%2B12025550142/erase"},
	} {
		if r.Header == nil {
			r.Header = map[string]string{}
		}
		r.Name = r.Method + " " + r.Path
		signed(r, "countersign")
	}
	asJSON := map[string]string{"Content-Type": "application/json"}
	for _, r := range []route{
		{Method: "POST", Path: "/oauth/token", Header: asJSON, Body: `{"grant_type":"client_credentials","client_id":"countersign-dev","client_secret":"countersign-dev-secret","audience":"` + base + `/admin/v1"}`},
		{Method: "POST", Path: "/oauth/token", Header: form, Body: "grant_type=client_credentials&client_id=countersign-dev&client_secret=countersign-dev-secret"},
		{Method: "GET", Path: "/api/v2/users"}, {Method: "POST", Path: "/api/v2/actions/actions", Header: asJSON, Body: `{"name":"x","code":"x"}`},
		{Method: "POST", Path: "/api/v2/hooks", Header: asJSON, Body: `{}`},
		{Method: "GET", Path: "/2015-03-31/functions/"}, {Method: "POST", Path: "/2015-03-31/functions", Header: asJSON, Body: `{"FunctionName":"x"}`},
		{Method: "POST", Path: "/2015-03-31/functions/x/invocations", Header: asJSON, Body: `{}`}, {Method: "GET", Path: "/2015-03-31/code/x/x.zip"},
		{Method: "PUT", Path: "/2015-03-31/functions/x/code", Header: asJSON, Body: `{}`}, {Method: "POST", Path: "/2015-03-31/functions/x/policy", Header: asJSON, Body: `{}`},
		{Method: "GET", Path: "/simulator/"}, {Method: "GET", Path: "/simulator/inbox"}, {Method: "GET", Path: "/simulator/inbox/events"},
		{Method: "DELETE", Path: "/simulator/inbox"}, {Method: "POST", Path: "/simulator/reset"},
		{Method: "POST", Path: "/simulator/inbound", Header: asJSON, Body: `{"from":"` + victim + `","text":"STOP"}`},
		{Method: "POST", Path: "/simulator/inbound", Header: map[string]string{"Content-Type": "text/plain"}, Body: `{"from":"` + victim + `","text":"STOP"}`},
		{Method: "PUT", Path: "/simulator/sandbox", Header: asJSON, Body: `{"enabled":true}`}, {Method: "PUT", Path: "/simulator/faults", Header: asJSON, Body: `{}`},
		{Method: "GET", Path: "/metrics"}, {Method: "GET", Path: "/console/"},
		{Method: "GET", Path: "/healthz", Page: true}, {Method: "GET", Path: "/readyz", Page: true}, {Method: "GET", Path: "/", Page: true},
		{Method: "POST", Path: "/mfa/challenge", Header: asJSON, Body: `{}`, Open: true}, {Method: "GET", Path: "/mfa/authenticators", Open: true},
		{Method: "POST", Path: "/oauth/token", Header: form, Body: "grant_type=password&client_id=" + devClient, Open: true},
		{Method: "POST", Path: "/passwordless/start", Header: asJSON, Body: `{}`, Open: true}, {Method: "GET", Path: "/userinfo", Open: true},
		{Method: "GET", Path: "/mfa/ticket?ticket=x", Page: true}, {Method: "POST", Path: "/mfa/ticket", Header: form, Body: "ticket=x&phone=x", Page: true},
		{Method: "GET", Path: "/oauth2/authorize", Page: true},
		{Method: "POST", Path: "/receipts/twilio/x", Header: form, Body: "x=y", Page: true},
		{Method: "GET", Path: "/" + devPool + "/.well-known/jwks.json", Open: true}, {Method: "GET", Path: "/" + devPool + "/.well-known/openid-configuration", Open: true},
		{Method: "GET", Path: "/.well-known/jwks.json", Open: true},
	} {
		r.Name = r.Method + " " + r.Path
		list = append(list, r)
	}
	return list
}

// dev runs `countersign dev` with one user, who has signed up.
func dev(t *testing.T) (base string, p *process) {
	t.Helper()
	base = fmt.Sprintf("http://127.0.0.1:%d", freePair(t))
	p = start(t, base, "dev", "--listen", strings.TrimPrefix(base, "http://"), "--data", filepath.Join(t.TempDir(), "data"))
	c := devCaller(t, base)
	c.ok(c.app("SignUp", obj{"ClientId": devClient, "Username": victim, "Password": hisSecret}))
	c.ok(c.back("AdminConfirmSignUp", obj{"UserPoolId": devPool, "Username": victim}))
	return base, p
}

func devCaller(t testing.TB, base string) *caller {
	return &caller{t: t, public: base, admin: base, creds: aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}}
}

// state is what a hostile page must not change.
func state(t *testing.T, base string) string {
	t.Helper()
	c := devCaller(t, base)
	out := &strings.Builder{}
	for _, q := range []answer{
		c.ok(c.back("AdminGetUser", obj{"UserPoolId": devPool, "Username": victim})), c.ok(c.back("ListUsers", obj{"UserPoolId": devPool})),
		c.ok(c.back("ListUserPools", obj{"MaxResults": 60})), c.ok(c.back("DescribeUserPool", obj{"UserPoolId": devPool})),
		c.ok(c.back("ListUserPoolClients", obj{"UserPoolId": devPool})), c.ok(c.back("DescribeUserPoolClient", obj{"UserPoolId": devPool, "ClientId": devClient})),
		c.ok(c.back("GetUserPoolMfaConfig", obj{"UserPoolId": devPool})),
		c.ok(c.app("InitiateAuth", obj{"ClientId": devClient, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": victim, "PASSWORD": hisSecret}})),
	} {
		if q.op == "InitiateAuth" {
			fmt.Fprintln(out, "the password is good")
			continue
		}
		fmt.Fprintf(out, "%s %s\n", q.op, q.raw)
	}
	req, err := http.NewRequest("GET", base+"/admin/v1/access-keys", nil)
	check(t, err)
	sign(t, req, c.creds, "countersign")
	keys, err := send(req)
	check(t, err)
	fmt.Fprintf(out, "access keys %s\n", keys.raw)
	inbox, err := http.Get(base + "/simulator/inbox?replies=true&to=%2B12025550142")
	check(t, err)
	defer inbox.Body.Close()
	raw, err := io.ReadAll(inbox.Body)
	check(t, err)
	fmt.Fprintf(out, "inbox %s\n", raw)
	return out.String()
}

// attack tries one route from a page: as a script that wants to read, then as requests that need no permission.
const attack = `(async (base, routes) => {
	const out = [];
	for (const r of routes) {
		const seen = {name: r.name, status: 0, opaque: 0};
		const init = {method: r.method, headers: r.header || {}, credentials: "omit", cache: "no-store"};
		if (r.method !== "GET") init.body = r.body;
		const end = new AbortController(), timer = setTimeout(() => end.abort(), 3000);
		init.signal = end.signal;
		try { seen.status = (await fetch(base + r.path, init)).status; } catch (e) {}
		if (base !== "") for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
			const simple = {method: r.method === "GET" ? "GET" : "POST", mode: "no-cors", credentials: "include", signal: end.signal};
			if (simple.method === "POST") { simple.headers = {"Content-Type": type}; simple.body = r.body || ""; }
			try { await fetch(base + r.path, simple); seen.opaque++; } catch (e) {}
		}
		clearTimeout(timer);
		out.push(seen);
	}
	return JSON.stringify(out);
})`

type sight struct {
	Name   string
	Status int
	Opaque int
}

func try(t *testing.T, p *browsertest.Page, base string, list []route) (out []sight) {
	t.Helper()
	for part := range slices.Chunk(list, 40) { // a step of the browser is bounded
		raw, err := json.Marshal(part)
		check(t, err)
		var seen []sight
		check(t, json.Unmarshal([]byte(browsertest.Eval[string](p, fmt.Sprintf("%s(%q, %s)", attack, base, raw))), &seen))
		if len(seen) != len(part) || seen[0].Name != part[0].Name {
			t.Fatalf("the page tried %v", seen)
		}
		out = append(out, seen...)
	}
	return out
}

// TestAdvisory_GHSA_67mh_4wv8_2f99_CVE_2025_24010: a web page drove developers' servers. A page of another port and one of another
// name try every route, signed and well-formed, with and without preflight.
func TestAdvisory_GHSA_67mh_4wv8_2f99_CVE_2025_24010(t *testing.T) {
	base, server := dev(t)
	list := routes(t, base)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><html lang="en"><head><title>evil</title><link rel="icon" href="data:,"></head><body><iframe name="away"></iframe></body></html>`)
	}))
	defer evil.Close()
	before := state(t, base)
	browser := browsertest.Start(t)
	for _, origin := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "evil.localhost", 1)} {
		t.Run(strings.Split(strings.TrimPrefix(origin, "http://"), ":")[0], func(t *testing.T) {
			p := browser.Page(t)
			p.AllowProblems()
			p.Open(origin)
			read := 0
			for i, s := range try(t, p, base, list) {
				switch r := list[i]; {
				case r.Open && s.Status == 0:
					t.Errorf("%s does not answer a page, and should", r.Name)
				case !r.Open && s.Status != 0:
					t.Errorf("a page of %s could read %s: status %d", origin, r.Name, s.Status)
				case r.Open:
					read++
				}
			}
			if read < 25 {
				t.Errorf("only %d routes answered the page: the attack is blunt", read)
			}
			for _, path := range []string{"/simulator/reset", "/simulator/inbound", "/admin/v1/access-keys", "/oauth/token", "/"} {
				browsertest.Eval[bool](p, fmt.Sprintf(`(() => { const f = document.createElement("form"); f.method = "POST"; f.target = "away"; f.enctype = "text/plain";
					f.action = %q; const i = document.createElement("input"); i.name = '{"from":"%s","text":"STOP","x":"'; i.value = '"}'; f.append(i); document.body.append(f); f.submit();
					return navigator.sendBeacon(%[1]q, "x") })()`, base+path, victim))
			}
		})
	}
	if after := state(t, base); after != before {
		t.Errorf("a page of another origin changed something:\n%s\nwas\n%s", after, before)
	}
	// The same requests do work from the server's own page: it is the origin that was refused, and nothing else.
	t.Run("own page", func(t *testing.T) {
		p := browser.Page(t)
		p.AllowProblems()
		p.Open(base + "/simulator/")
		own := slices.DeleteFunc(slices.Clone(list), func(r route) bool {
			return !slices.Contains([]string{"ListUsers", "AdminGetUser", "GetCallerIdentity", "GET /simulator/inbox", "GET /admin/v1/status", "GET /metrics"}, r.Name)
		})
		for _, s := range try(t, p, "", own) {
			if s.Status != http.StatusOK {
				t.Errorf("%s from the server's own page: %d", s.Name, s.Status)
			}
		}
	})
	server.stop(t)
}

// TestAdvisory_CVE_2025_66414: a rebound name made a page same-origin with a local server. A name that was not declared gets nothing
// of any route, in a browser that believes it to be the page's own.
func TestAdvisory_CVE_2025_66414(t *testing.T) {
	base, server := dev(t)
	list := routes(t, base)
	before := state(t, base)
	p := browsertest.Start(t).Page(t)
	p.AllowProblems()
	p.Open(strings.Replace(base, "127.0.0.1", "rebound.localhost", 1) + "/healthz")
	for _, s := range try(t, p, "", list) {
		if s.Status != http.StatusMisdirectedRequest {
			t.Errorf("%s under a rebound name: %d", s.Name, s.Status)
		}
	}
	if after := state(t, base); after != before {
		t.Errorf("a rebound name changed something:\n%s\nwas\n%s", after, before)
	}
	server.stop(t)
}

// TestReboundHost is the same without a browser, for more names, and on both listeners of serve.
func TestReboundHost(t *testing.T) {
	base, _ := dev(t)
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	port := base[strings.LastIndexByte(base, ':'):]
	for _, server := range []string{base, n.public, n.admin} {
		for _, host := range []string{
			"attacker.example", "attacker.example" + port, "localhost.attacker.example" + port, "127.0.0.1.nip.io" + port, "localhost", "127.0.0.1:1", "0.0.0.0" + port,
			"127.1" + port, "2130706433" + port, "countersign.localhost.attacker.example" + port,
		} {
			for _, r := range routes(t, server) {
				if a := r.send(t, server, host, nil); a.status != http.StatusMisdirectedRequest || a.header.Get("Access-Control-Allow-Origin") != "" {
					t.Fatalf("%s at %s with Host %s: %d", r.Name, server, host, a.status)
				}
			}
		}
	}
}

// TestForeignOrigin is the hostile page without a browser: forms of Origin and Sec-Fetch-Site that a browser would not send together.
func TestForeignOrigin(t *testing.T) {
	base, _ := dev(t)
	before := state(t, base)
	pages := []http.Header{
		{"Origin": {"https://evil.example"}}, {"Origin": {"null"}}, {"Origin": {strings.Replace(base, "http:", "https:", 1)}}, {"Origin": {base + ".evil.example"}},
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {base}, "Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}},
		{"Origin": {base, "https://evil.example"}},
	}
	for _, r := range routes(t, base) {
		for _, page := range pages {
			a := r.send(t, base, "", page)
			allowed := a.header.Get("Access-Control-Allow-Origin") != ""
			switch {
			case r.Open && a.status == http.StatusForbidden:
				t.Errorf("%s with %v: 403", r.Name, page)
			case !r.Open && !r.Page && a.status != http.StatusForbidden:
				t.Errorf("%s with %v: %d, want 403", r.Name, page, a.status)
			case !r.Open && allowed:
				t.Errorf("%s with %v lets pages read it", r.Name, page)
			}
		}
	}
	if after := state(t, base); after != before {
		t.Errorf("foreign requests changed something:\n%s\nwas\n%s", after, before)
	}
}

// send makes the request as it stands, under another Host and with further headers.
func (r route) send(t testing.TB, base, host string, more http.Header) answer {
	t.Helper()
	req, err := http.NewRequest(r.Method, base+r.Path, strings.NewReader(r.Body))
	check(t, err)
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	for k, v := range more {
		req.Header[k] = v
	}
	req.Host = host
	a, err := send(req)
	check(t, err)
	return a
}
