package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// named is a user, or nobody, by an e-mail address and a number.
type named struct{ email, phone string }

// somebody are users of every kind, and two people who are not here.
type somebody struct {
	*tenant
	block  int
	people map[string]named
	nobody []named
}

func newSomebody(x *tenant, block int) *somebody {
	s := &somebody{tenant: x, block: block, people: map[string]named{}}
	i := 0
	next := func(name string) named {
		i++
		return named{fmt.Sprintf("%s%d@example.com", name, block), numbered(block, i)}
	}
	add := func(name string, more obj) {
		s.people[name] = next(name)
		in := obj{"connection": database, "email": s.people[name].email, "email_verified": true, "password": hisSecret, "phone_number": s.people[name].phone, "phone_verified": true}
		maps.Copy(in, more)
		x.api("POST", "/users", in, 201)
	}
	add("member", nil)
	add("blocked", obj{"blocked": true})
	add("claiming", obj{"phone_verified": false, "email_verified": false})
	s.people["byNumber"] = next("bynumber")
	x.api("POST", "/users", obj{"connection": "sms", "phone_number": s.people["byNumber"].phone, "phone_verified": true}, 201)
	s.nobody = []named{next("nobody"), next("none")}
	return s
}

var (
	ids24     = regexp.MustCompile(`\b[0-9a-f]{24}\b`)
	varying   = []string{"Date", "X-Request-Id", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Retry-After"}
	mailed    = regexp.MustCompile(`[a-z]+[0-9]*@example\.com`)
	phonelike = regexp.MustCompile(`\+[0-9]{11}`)
)

// shape is what can be compared of an answer: whom it was about is left out, and what is random.
func shape(a answer) string {
	header := http.Header{}
	for k, v := range a.header {
		header[k] = v
	}
	for _, k := range varying {
		if header.Get(k) != "" {
			header.Set(k, "…")
		}
	}
	header.Del("Content-Length") // addresses differ in length
	raw := string(a.raw)
	var v any
	if json.Unmarshal(a.raw, &v) == nil {
		out, _ := json.Marshal(handles("", v))
		raw = string(out)
	}
	for _, re := range []*regexp.Regexp{mailed, phonelike, ids24, uuids} {
		raw = re.ReplaceAllString(raw, "…")
	}
	return fmt.Sprintf("%d %s %v", a.status, raw, header)
}

// handles replaces handles by their lengths.
func handles(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, m := range v {
			out[k] = handles(k, m)
		}
		return out
	case []any:
		out := []any{}
		for _, m := range v {
			out = append(out, handles(name, m))
		}
		return out
	case string:
		if slices.Contains([]string{"mfa_token", "oob_code", "recovery_codes"}, name) {
			return fmt.Sprint(len(v))
		}
	}
	return v
}

// alike asks everybody the same, and demands one answer.
func (s *somebody) alike(what string, ask func(named) answer, except ...string) {
	s.t.Helper()
	want := shape(ask(s.nobody[0]))
	if got := shape(ask(s.nobody[1])); got != want {
		s.t.Fatalf("%s: two strangers are told apart, so that nothing is proved:\n%s\n%s", what, want, got)
	}
	for who, n := range s.people {
		if got := shape(ask(n)); got != want && !slices.Contains(except, who) {
			s.t.Errorf("%s tells of %s:\n%s\n%s", what, who, got, want)
		}
	}
}

// TestAuth0Existence: on the Auth0 wire, known and unknown names have one answer, whether the hook works or fails, and whether people may sign
// themselves up or not; and cost the same counters.
func TestAuth0Existence(t *testing.T) {
	to, slow := newReceiver(t), newVendor(t)
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"), fmt.Sprintf(`functions: {egress: {allow: ["localhost:%s", "localhost:%s"]}}`, to.port, slow.port))
	two := n.tenants("names", "slow")
	x, other := two[0], two[1]
	x.rec, other.rec = nil, nil
	hook := x.hook("slow", scriptOf(t, "auth0_slow.js"), map[string]string{"RECEIVER": to.url, "MODE": "well"})
	for i, c := range []struct {
		name, mode string
		closed     bool
	}{{"people sign themselves up", "well", false}, {"nobody signs up", "well", true}, {"the hook crashes", "crash", true}} {
		t.Run(c.name, func(t *testing.T) {
			one := *x.caller
			one.t = t
			y := *x.from(fmt.Sprintf("127.4.%d.1", i))
			y.caller = &one
			y.api("PATCH", "/hooks/"+hook+"/secrets", obj{"MODE": c.mode}, 201)
			for _, id := range []string{"con_sms", "con_email"} {
				y.api("PATCH", "/connections/"+id, obj{"options": obj{"disable_signup": c.closed}}, 200)
			}
			newSomebody(&y, 20+i).compare(c.mode == "well")
		})
	}
	x.api("PATCH", "/hooks/"+hook+"/secrets", obj{"MODE": "well"}, 201)
	x.counters()
	x.hurry(other, slow)
	n.stop(t)
}

// hurry: how long a start to a blocked user's number takes is what other starts of the same tenant take, and not those of a tenant with a slow provider.
func (x *tenant) hurry(other *tenant, slow *vendor) {
	x.t.Helper()
	start := func(y *tenant, number string) time.Duration {
		began := time.Now()
		y.ok(y.call("POST", y.public+"/passwordless/start", obj{"client_id": y.client, "connection": "sms", "phone_number": number}, ""))
		return time.Since(began)
	}
	for _, id := range []string{"con_sms", "con_email"} {
		x.api("PATCH", "/connections/"+id, obj{"options": obj{"disable_signup": false}}, 200)
	}
	x.api("POST", "/users", obj{"connection": "sms", "phone_number": numbered(41, 2), "phone_verified": true, "blocked": true}, 201)
	usual := start(x, numbered(41, 3))
	other.hook("slow", scriptOf(x.t, "auth0_slow.js"), map[string]string{"RECEIVER": slow.url, "MODE": "well"})
	slow.delay.Store(int64(3 * time.Second))
	if took := start(other, numbered(41, 1)); took < 2*time.Second {
		x.t.Fatalf("the slow tenant was answered after %v: nothing is proved", took)
	}
	if took := start(x, numbered(41, 2)); took > usual+500*time.Millisecond {
		x.t.Errorf("a blocked user's number took %v, others take %v", took, usual)
	}
}

func (s *somebody) compare(works bool) {
	const wrong = "Wr0ng-Horse!"
	for _, kind := range []string{"password", passwordRealm} {
		by := func(name func(named) string) func(named) answer {
			return func(p named) answer {
				return s.grant(kind, obj{"realm": database, "username": name(p), "password": wrong, "scope": "openid"})
			}
		}
		s.alike(kind+" by address", by(func(p named) string { return p.email }))
		s.alike(kind+" by number", by(func(p named) string { return p.phone }))
	}
	start := func(p named) answer {
		return s.call("POST", s.public+"/passwordless/start", obj{"client_id": s.client, "connection": "sms", "phone_number": p.phone}, "")
	}
	s.alike("passwordless/start", start)
	s.alike("passwordless/start again", start)
	s.alike("a wrong code", func(p named) answer {
		return s.grant(codeGrant, obj{"realm": "sms", "username": p.phone, "otp": "000000"})
	})
	s.alike("a code that nobody asked for", func(p named) answer {
		return s.grant(codeGrant, obj{"realm": "email", "username": p.email, "otp": "000000"})
	})
	s.alike("a code of letters", func(p named) answer {
		return s.grant(codeGrant, obj{"realm": "sms", "username": p.phone, "otp": "abcdef"})
	})

	// Somebody who owes a factor learns nothing about numbers, authenticators and tokens of others.
	name := "asking" + s.people["member"].email
	s.user(name, hisSecret, "")
	strict := *s.tenant
	strict.client = s.app("strict", obj{"app_type": "native", "token_endpoint_auth_method": "none", "require_mfa": true}).str("client_id")
	if works {
		s.alike("associate", func(p named) answer { return strict.associate(strict.owing(name, hisSecret), texts(p.phone)) })
	}
	s.alike("userinfo", func(p named) answer { return s.call("GET", s.public+"/userinfo", nil, "x."+p.email+".y") })
	s.alike("authenticators", func(p named) answer { return s.call("GET", s.public+"/mfa/authenticators", nil, p.email) })
	s.alike("challenge", func(p named) answer { return s.challenge(p.email) })
	s.alike("revoke", func(p named) answer {
		return s.call("POST", s.public+"/oauth/revoke", obj{"client_id": s.client, "token": p.email}, "")
	})
	s.alike("a ticket", func(p named) answer {
		return s.call("GET", s.public+"/mfa/ticket?ticket="+url.QueryEscape(p.email), nil, "")
	})
	s.others(&strict, name)
}

// others names authenticators of other people.
func (s *somebody) others(strict *tenant, name string) {
	id := s.user("enrolled"+name, hisSecret, numbered(30, s.block))
	list := s.api("GET", "/users/"+url.PathEscape(id)+"/authentication-methods", nil, 200)
	var methods []struct {
		ID      string `json:"id"`
		Methods []struct {
			ID string `json:"id"`
		} `json:"authentication_methods"`
	}
	check(s.t, json.Unmarshal(list.raw, &methods))
	if len(methods) == 0 || len(methods[0].Methods) == 0 {
		s.t.Fatalf("the methods are %s", list.raw)
	}
	theirs, none := methods[0].Methods[0].ID, "sms|dev_AAAAAAAAAAAAAAAA"
	mine := "own" + name
	s.user(mine, hisSecret, numbered(31, s.block))
	owed := s.owing(mine, hisSecret)
	ask := func(id string) string {
		return shape(s.call("POST", s.public+"/mfa/challenge", obj{"mfa_token": owed, "client_id": s.client, "challenge_type": "oob", "authenticator_id": id}, ""))
	}
	if a, b := ask(theirs), ask(none); a != b {
		s.t.Errorf("a challenge tells of an authenticator of somebody else:\n%s\n%s", a, b)
	}
	remove := func(id string) string {
		return shape(s.call("DELETE", s.public+"/mfa/authenticators/"+url.PathEscape(id), nil, owed))
	}
	if a, b := remove(theirs), remove(none); a != b {
		s.t.Errorf("a removal tells of an authenticator of somebody else:\n%s\n%s", a, b)
	}
}

// counters: the same tries cost known and unknown names the same, answer by answer.
func (x *tenant) counters() {
	x.t.Helper()
	member, gone := named{"counted@example.com", numbered(40, 1)}, named{"gone@example.com", numbered(40, 2)}
	x.api("POST", "/users", obj{"connection": database, "email": member.email, "email_verified": true, "phone_number": member.phone, "phone_verified": true, "password": hisSecret}, 201)
	for what, ask := range map[string]func(y *tenant, p named) answer{
		"wrong passwords": func(y *tenant, p named) answer { return y.signIn(p.email, "Wr0ng-Horse!") },
		"starts": func(y *tenant, p named) answer {
			return y.call("POST", y.public+"/passwordless/start", obj{"client_id": y.client, "connection": "sms", "phone_number": p.phone}, "")
		},
		"wrong codes": func(y *tenant, p named) answer {
			return y.grant(codeGrant, obj{"realm": "sms", "username": p.phone, "otp": "000000"})
		},
	} {
		sequences := map[string][]string{}
		for i, p := range []named{member, gone} {
			for try := range 24 {
				y := x.from(fmt.Sprintf("127.5.%d.%d", i*100+try/4+1, len(what)))
				sequences[p.email] = append(sequences[p.email], shape(ask(y, p)))
			}
		}
		if a, b := sequences[member.email], sequences[gone.email]; !slices.Equal(a, b) {
			x.t.Errorf("%s cost known and unknown names differently:\n%s\n\n%s", what, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
		if different := slices.Compact(slices.Clone(sequences[gone.email])); len(different) < 2 && what != "starts" {
			x.t.Errorf("24 %s were never limited: %s", what, different)
		}
	}
}

// TestAuth0Limits: wrong codes and texts of one user are limited, whatever the sign-in; who uses up a stranger's share does not stop the owner.
func TestAuth0Limits(t *testing.T) {
	to := newReceiver(t)
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"), to.egress())
	x := n.tenants("limits")[0]
	x.rec = nil
	x.hook("slow", scriptOf(t, "auth0_slow.js"), map[string]string{"RECEIVER": to.url, "MODE": "well"})
	x.wrongCodes(to)
	x.manyTexts(to)
	x.strangers(to)
	n.stop(t)
}

// began is a sign-in of a user that has got its code.
type began struct{ token, oob, code string }

func (x *tenant) begun(to *receiver, name, number string) began {
	x.t.Helper()
	b := began{token: x.owing(name, hisSecret)}
	b.oob = x.ok(x.challenge(b.token)).str("oob_code")
	m, ok := to.next(number)
	if !ok {
		x.t.Fatalf("no code came to %s", number)
	}
	b.code = m.Code
	return b
}

func (x *tenant) answered(b began) answer { return x.redeem(b.token, b.oob, b.code) }

// wrongOf is another code.
func wrongOf(code string) string {
	return strings.Map(func(d rune) rune { return '0' + (d-'0'+1)%10 }, code)
}

// wrongCodes: right codes between them end the run of wrong ones, and give no more of them: the eleventh is refused, and so is the right one.
func (x *tenant) wrongCodes(to *receiver) {
	number := numbered(50, 1)
	x.user("wrong@example.com", hisSecret, number)
	x.ok(x.answered(x.begun(to, "wrong@example.com", number)))
	wrong := 0
	for wrong < 10 {
		b := x.begun(to, "wrong@example.com", number)
		for range min(4, 10-wrong) {
			if a := x.redeem(b.token, b.oob, wrongOf(b.code)); a.status != 403 || a.str("error_description") != "Invalid binding_code." {
				x.t.Fatalf("wrong code %d: %d %s", wrong+1, a.status, a.raw)
			}
			wrong++
		}
		if wrong < 10 {
			x.ok(x.answered(b))
			continue
		}
		for what, code := range map[string]string{"the eleventh wrong code": wrongOf(b.code), "the right code after ten wrong ones": b.code} {
			if a := x.redeem(b.token, b.oob, code); a.status != 429 || a.str("error") != "too_many_attempts" || !strings.HasPrefix(a.str("error_description"), "Too many failed codes.") {
				x.t.Errorf("%s: %d %s", what, a.status, a.raw)
			}
		}
	}
	if len(x.log("gd_otp_rate_limit_exceed", "")) == 0 {
		x.t.Error("the log does not tell of too many wrong codes")
	}
}

// manyTexts: ten texts at once, whatever the sign-in.
func (x *tenant) manyTexts(to *receiver) {
	number := numbered(51, 1)
	x.user("many@example.com", hisSecret, number)
	sent := 0
	for range 4 {
		owed := x.owing("many@example.com", hisSecret)
		for range 3 {
			a := x.challenge(owed)
			if a.status == 200 {
				sent++
			} else if a.status != 429 || !strings.HasPrefix(a.str("error_description"), "Too many SMS sent by the user.") {
				x.t.Fatalf("text %d: %d %s", sent+1, a.status, a.raw)
			}
		}
	}
	if sent != 10 || len(x.log("gd_otp_rate_limit_exceed", "")) == 0 {
		x.t.Errorf("%d texts were sent", sent)
	}
}

// strangers use up whatever they can of an owner's number, and of an owner's factor with the right password; the owner signs in all the same.
func (x *tenant) strangers(to *receiver) {
	owner, number := x.from("127.6.0.1"), numbered(52, 1)
	start := func(y *tenant) answer {
		return y.call("POST", y.public+"/passwordless/start", obj{"client_id": y.client, "connection": "sms", "phone_number": number}, "")
	}
	by := func(y *tenant, code string) answer {
		return y.grant(codeGrant, obj{"realm": "sms", "username": number, "otp": code, "scope": "openid"})
	}
	last := func() (code string) {
		for _, m := range to.all() {
			if m.To == number {
				code = m.Code
			}
		}
		return code
	}
	// Before the first success nobody is known: the code that the owner asked for survives a stranger's wrong ones.
	x.ok(start(owner))
	first := last()
	stranger := x.from("127.6.1.1")
	for range 3 {
		by(stranger, wrongOf(first))
	}
	x.ok(by(owner, first))
	// Then strangers from everywhere ask and guess until nothing is left to them.
	refusals := 0
	for i := range 12 {
		stranger := x.from(fmt.Sprintf("127.6.%d.1", i+2))
		start(stranger)
		start(stranger)
		for range 3 {
			if a := by(stranger, "000000"); a.status == 429 {
				refusals++
			}
		}
	}
	if refusals == 0 {
		x.t.Error("strangers could guess on and on")
	}
	before := len(to.all())
	x.ok(start(owner))
	if len(to.all()) == before {
		x.t.Error("no text came to the owner")
	}
	if a := by(owner, last()); a.status != 200 {
		x.t.Errorf("strangers stop the owner's code: %d %s", a.status, a.raw)
	}
	// The same of a second factor, by somebody who knows the password.
	factor := numbered(53, 1)
	x.user("owner@example.com", hisSecret, factor)
	x.ok(owner.answered(owner.begun(to, "owner@example.com", factor)))
	thief := x.from("127.6.100.1")
	b := thief.begun(to, "owner@example.com", factor)
	for range 6 {
		thief.redeem(b.token, b.oob, wrongOf(b.code))
	}
	if a := thief.redeem(b.token, b.oob, b.code); a.status == 200 {
		x.t.Error("a thief was not stopped")
	}
	for range 12 {
		thief.challenge(thief.owing("owner@example.com", hisSecret))
	}
	to.drain(factor)
	if a := owner.answered(owner.begun(to, "owner@example.com", factor)); a.status != 200 {
		x.t.Errorf("a thief stops the owner's second factor: %d %s", a.status, a.raw)
	}
}

// drain forgets the messages to a number.
func (r *receiver) drain(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.list {
		r.list[i].read = r.list[i].read || r.list[i].To == to
	}
}
