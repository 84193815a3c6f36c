package management

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/eventlog"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
)

func TestUserLife(t *testing.T) {
	b := newBench(t)
	client := b.Client(b.pool, pooltest.AppClient())
	a := b.send("POST", "/users", `{"connection":"Username-Password-Authentication","phone_number":"+12025550100","phone_verified":true,"password":"Passw0rd!",
		"email":"jane@example.com","name":"Jane","user_metadata":{"a":1.50,"b":"x"},"app_metadata":{"plan":"gold"},"verify_email":false}`).
		is(201, `"phone_verified":true`, `"email_verified":false`, `"user_metadata":{"a":1.50,"b":"x"}`, `"provider":"auth0"`, "!Passw0rd")
	id := a.text("user_id")
	path := "/users/" + url.PathEscape(id)
	b.SignIn(client, "+12025550100", "Passw0rd!")
	b.send("GET", path, "").is(200, `"name":"Jane"`)
	b.send("GET", path+"?fields=email,user_id", "").exactly(200, fmt.Sprintf(`{"email":"jane@example.com","user_id":%q}`, id))
	b.send("GET", "/users/sms%7C"+userIDOf(id), "").is(200, `"user_id":"`+id) // any prefix

	b.send("PATCH", path, `{"user_metadata":{"b":null,"c":{"d":2}},"app_metadata":{},"nickname":"jj","blocked":true,"email":"new@example.com","email_verified":true}`).
		is(200, `"user_metadata":{"a":1.50,"c":{"d":2}}`, "!app_metadata", `"blocked":true`, `"nickname":"jj"`, `"email":"new@example.com"`, `"email_verified":true`)
	if n := len(b.Messages()); n != 0 {
		t.Errorf("%d messages, though none was asked for", n)
	}
	b.send("PATCH", path, `{"blocked":false,"password":"An0ther!!"}`).is(200, "!blocked")
	b.SignIn(client, "+12025550100", "An0ther!!")
	b.send("PATCH", path, `{"phone_number":"+12025550101","verify_phone_number":true}`).is(200, `"phone_number":"+12025550101"`, `"phone_verified":false`)
	codes := slices.DeleteFunc(b.Messages(), func(m pooltest.Message) bool { return m.Code == "" }) // the others tell the owner of the change
	if len(codes) != 1 || codes[0].To != "+12025550101" {
		t.Errorf("codes, though one was asked for: %+v", codes)
	}
	b.send("PATCH", path, `{"name":null}`).is(200, `!"name"`)
	b.send("DELETE", path, "").is(204)
	b.send("DELETE", path, "").is(204)
	b.send("GET", path, "").is(404, `"errorCode":"inexistent_user"`)
	b.send("PATCH", path, `{"name":"x"}`).is(404)
	if got := b.events(eventlog.UserCreated, eventlog.UserDeleted); len(got) != 2 || strings.Contains(strings.Join(got, ""), "jane") {
		t.Errorf("events: %q", got)
	}
}

func TestUserRefused(t *testing.T) {
	b := newBench(t)
	client := b.Client(b.pool, pooltest.AppClient())
	sub := b.SignUp(client, "+12025550100", "Passw0rd!")
	const db = `"connection":"Username-Password-Authentication"`
	for body, want := range map[string]string{
		`{}`: "Missing required property: connection",
		`{"connection":"google","email":"a@example.com"}`:                                  "inexistent_connection",
		`{` + db + `,"phone_number":"+12025550102"}`:                                       "need a password",
		`{` + db + `,"email":"a@example.com","password":"Passw0rd!"}`:                      "sign in with: phone_number",
		`{` + db + `,"phone_number":"+12025550102","password":"weak"}`:                     "Password did not conform",
		`{` + db + `,"phone_number":"12025550102","password":"Passw0rd!"}`:                 "phone",
		`{` + db + `,"phone_number":"+12025550102","password":"Passw0rd!","username":"x"}`: "no username",
		`{` + db + `,"phone_number":"+12025550102","password":"Passw0rd!","user_id":"x"}`:  "user_id",
		`{` + db + `,"phone_number":"+12025550102","password":"Passw0rd!","unknown":"x"}`:  "Additional properties not allowed: unknown",
		`{"connection":"sms","phone_number":"+12025550102","password":"Passw0rd!"}`:        "neither a password",
		`{"connection":"sms"}`: "have a phone_number",
		`{` + db + `,"phone_number":"+12025550102","password":"Passw0rd!","user_metadata":[]}`:                                          "Expected type object",
		`{` + db + `,"phone_number":"+12025550102","password":"Passw0rd!","user_metadata":{"a":"` + strings.Repeat("x", 17<<10) + `"}}`: "16 KiB",
	} {
		b.send("POST", "/users", body).is(400, want)
	}
	b.send("POST", "/users", `{`+db+`,"phone_number":"+12025550100","password":"Passw0rd!"}`).is(409, "already exists", `"errorCode":"auth0_idp_error"`)
	path := "/users/auth0%7C" + sub
	for body, want := range map[string]string{
		`{}`:                                 "minimum 1",
		`{"username":"x"}`:                   "cannot be changed",
		`{"password":"weak","name":"Jane"}`:  "Password did not conform",
		`{"connection":"google","name":"x"}`: "No enum match",
		`{"phone_number":null}`:              "cannot be removed",
		`{"app_metadata":"x"}`:               "Expected type object",
		`{"user_metadata":{"a":"` + strings.Repeat("x", 17<<10) + `"},"name":"Jane"}`: "16 KiB",
	} {
		b.send("PATCH", path, body).is(400, want)
	}
	b.send("GET", path, "").is(200, "!Jane") // nothing of a refused change was done
	for _, id := range []string{"x", "auth0%7Cx", "auth0%7C" + strings.ToUpper(sub) + "0"} {
		b.send("GET", "/users/"+id, "").is(404)
	}
	for _, id := range []string{"%00", "%ff"} {
		b.send("GET", "/users/"+id, "").is(400, "invalid_uri")
		b.send("GET", "/clients/"+id, "").is(400)
		b.send("GET", "/users/"+id+"/logs", "").is(400)
	}
	b.as("update:users_app_metadata", "PATCH", path, `{"app_metadata":{"a":1}}`).is(200)
	b.as("update:users_app_metadata", "PATCH", path, `{"blocked":true}`).is(403, "update:users")
}

func TestUserExtras(t *testing.T) {
	b := newBench(t)
	_, path := b.person("+12025550100")
	tokens := b.SignIn(b.Client(b.pool, pooltest.AppClient()), "+12025550100", "Passw0rd!")
	b.Advance(time.Second)
	b.send("POST", path+"/revoke-access", "{}").is(202)
	if _, err := b.Service.User(t.Context(), b.Caller(), tokens.Access); err == nil {
		t.Error("the session is still alive")
	}
	b.send("POST", path+"/authentication-methods", `{"type":"totp"}`).is(201)
	b.send("DELETE", path+"/multifactor/duo", "").is(204)
	b.send("GET", path+"/authentication-methods", "").is(200, "totp")
	for range 2 {
		b.send("DELETE", path+"/multifactor/google-authenticator", "").is(204)
	}
	b.send("GET", path+"/authentication-methods", "").exactly(200, "[]")
	b.send("DELETE", path+"/multifactor/x", "").is(400)
	for _, what := range []string{"roles", "permissions", "organizations"} {
		b.send("GET", path+"/"+what, "").exactly(200, "[]")
		b.send("GET", path+"/"+what+"?include_totals=true", "").is(200, `"`+what+`":[]`)
		b.send("GET", "/users/x/"+what, "").is(404)
	}
}

// TestPasswordlessUsers: users of the connections sms and email have no password.
func TestPasswordlessUsers(t *testing.T) {
	b := newBench(t)
	id := b.send("POST", "/users", `{"connection":"sms","phone_number":"+12025550100","phone_verified":true}`).
		is(201, `"user_id":"sms|`, `"connection":"sms"`, `"provider":"sms"`, `"phone_verified":true`).text("user_id")
	b.send("PATCH", "/users/"+id, `{"password":"Passw0rd!"}`).is(400, "have no password")
	b.Reconfigure(b.pool, func(c *pool.Config) { c.UsernameAttributes, c.AutoVerified = []string{"phone_number", "email"}, nil })
	b.send("POST", "/users", `{"connection":"email","email":"a@example.com","email_verified":true}`).is(201, `"user_id":"email|`)
	b.send("GET", "/users?connection=sms", "").is(200, "+12025550100", "!example.com")
}

func TestUserSearch(t *testing.T) {
	b := newBench(t)
	b.Reconfigure(b.pool, func(c *pool.Config) { c.UsernameAttributes, c.AliasAttributes = nil, []string{"email"} })
	var ids []string
	for n := range 25 {
		a := b.send("POST", "/users", fmt.Sprintf(`{"connection":"Username-Password-Authentication","username":"user%02d","email":"u%02d@example.com","email_verified":%t,
			"phone_number":"+120255501%02d","name":"Name %02d","password":"Passw0rd!","blocked":%t}`, n, n, n%2 == 0, n, n%3, n%5 == 0)).is(201)
		ids = append(ids, a.text("user_id"))
	}
	names := func(q string) []string {
		t.Helper()
		var list []userBody
		a := b.send("GET", "/users?per_page=100&"+q, "").is(200)
		if err := json.Unmarshal([]byte(a.body), &list); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, u := range list {
			out = append(out, strings.TrimPrefix(u.Username, "user"))
		}
		slices.Sort(out)
		return out
	}
	where := func(f func(n int) bool) (out []string) {
		for n := range 25 {
			if f(n) {
				out = append(out, fmt.Sprintf("%02d", n))
			}
		}
		return out
	}
	for q, want := range map[string]func(n int) bool{
		"":                                func(int) bool { return true },
		`username:user07`:                 func(n int) bool { return n == 7 },
		`username:user1*`:                 func(n int) bool { return n/10 == 1 },
		`email:"u03@example.com"`:         func(n int) bool { return n == 3 },
		`email:U03@EXAMPLE.COM`:           func(n int) bool { return n == 3 },
		`email:u2*`:                       func(n int) bool { return n/10 == 2 },
		`email:*@example.com`:             func(int) bool { return true },
		`phone_number:"+12025550105"`:     func(n int) bool { return n == 5 },
		`phone_number:+120255501*`:        func(int) bool { return true },
		`name:"Name 01"`:                  func(n int) bool { return n%3 == 1 },
		`name:"Name 01" AND blocked:true`: func(n int) bool { return n%3 == 1 && n%5 == 0 },
		`blocked:true`:                    func(n int) bool { return n%5 == 0 },
		`email_verified:true AND NOT blocked:true`:       func(n int) bool { return n%2 == 0 && n%5 != 0 },
		`username:user01 OR username:user02`:             func(n int) bool { return n == 1 || n == 2 },
		`user_id:("` + ids[3] + `" OR "` + ids[4] + `")`: func(n int) bool { return n == 3 || n == 4 },
		`user07`: func(n int) bool { return n == 7 },
		`identities.connection:"Username-Password-Authentication"`: func(int) bool { return true },
		`identities.connection:sms`:                                func(int) bool { return false },
		`user_id:x`:                                                func(int) bool { return false },
		`created_at:[2026-11-21 TO *]`:                             func(int) bool { return true },
		`created_at:{2026-11-21 TO *]`:                             func(int) bool { return false },
		`logins_count:[0 TO 5]`:                                    func(int) bool { return true },
		`logins_count:[1 TO *]`:                                    func(int) bool { return false },
	} {
		if got, want := names("q="+url.QueryEscape(q)), where(want); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", q, got, want)
		}
	}
	a := b.send("GET", "/users?include_totals=true&per_page=10&page=1&sort=username:-1", "").is(200, `"start":10`, `"limit":10`, `"length":10`, `"total":25`)
	var page struct{ Users []userBody }
	json.Unmarshal([]byte(a.body), &page)
	if len(page.Users) != 10 || page.Users[0].Username != "user14" {
		t.Errorf("the second page: %s", a.body)
	}
	var seen []string
	next := ""
	for range 4 {
		a := b.send("GET", "/users?take=10&from="+next, "").is(200)
		var p struct {
			Users []userBody
			Next  string
		}
		json.Unmarshal([]byte(a.body), &p)
		for _, u := range p.Users {
			seen = append(seen, u.Username)
		}
		if next = p.Next; next == "" {
			break
		}
	}
	if slices.Sort(seen); len(slices.Compact(seen)) != 25 {
		t.Errorf("checkpoints went through %d users", len(seen))
	}
	b.send("GET", "/users-by-email?email=u03%40example.com", "").is(200, ids[3])
	b.send("GET", "/users-by-email?email=U03%40example.com", "").is(200, ids[3])
	b.send("GET", "/users-by-email?email=none%40example.com", "").exactly(200, "[]")
	b.send("GET", "/users-by-email", "").is(400, "email")
	b.send("GET", "/users?page=11&per_page=100", "").is(400, "first 1000")
	b.send("GET", "/users?q=app_metadata.x:1", "").is(400, "there is no field")
	b.send("GET", "/users?sort=x:1", "").is(400)
	b.send("GET", "/users?q=a%00", "").is(400)
	b.send("GET", "/users?fields=username&per_page=1&q=username:user07", "").exactly(200, `[{"username":"user07"}]`)
}

// FuzzUserSearch: whatever is searched for, the answer is a list or 4xx.
func FuzzUserSearch(f *testing.F) {
	b := newBench(f, func(o *Options) { o.Rate = wire.Rate{Burst: 1 << 30, Every: time.Nanosecond} })
	b.send("POST", "/users", `{"connection":"sms","phone_number":"+12025550100"}`).is(201)
	for _, q := range []string{"", `email:"x" AND NOT phone_number:+1*`, "user_id:auth0|1", "logins_count:[a TO 3]", "created_at:{* TO 2026]"} {
		f.Add(q, "email:1", "sms")
	}
	f.Fuzz(func(t *testing.T, q, sort, connection string) {
		v := url.Values{"q": {q}, "sort": {sort}, "connection": {connection}}
		r := httptest.NewRequestWithContext(t.Context(), "GET", Prefix+"/users?"+v.Encode(), nil)
		r.Header.Set("Authorization", "Bearer all")
		w := httptest.NewRecorder()
		if b.handler.ServeHTTP(w, r); w.Code != 200 && w.Code/100 != 4 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
