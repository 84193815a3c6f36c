package proof

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestAdvisory_GHSA_cq42_vhv7_xr7p_guards: limits were a way to keep owners out. Two strangers, from networks of their own and with forged headers, ask for
// an owner's codes in every way until nothing is left to them, and pump the owner's range; an operator blocks range and country. They get three codes and then hours
// of silence; the owner's codes come, at home.
func TestAdvisory_GHSA_cq42_vhv7_xr7p_guards(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n := serve(t, database, guarded(t, real+"limits: {confirmed_number: {hour: 12, day: 16}, number: {hour: 12, day: 16}, account: {hour: 12, day: 16}}\n"))
		x := n.tenants("owners")[0]
		x.hiding()
		s := &siege{tenant: x, n: n, owner: "+12124660123"}
		home := x.from("127.70.0.1")
		s.settle(home)
		s.strangers()
		s.pump()
		for _, key := range []string{"c:US", "r:+1212466"} {
			if a := n.manage("POST", "/guards/blocks?pool="+url.QueryEscape(x.pool), obj{"key": key}); a.status >= 300 {
				t.Fatalf("block %s: %d %s", key, a.status, a.raw)
			}
		}
		s.ask(99)
		s.comesHome(home)
		for _, why := range []string{"cool_down", "unanswered", "pumping"} {
			if got := n.said(x.pool, "cs_guard_refused"); !slices.Contains(got, why) {
				t.Errorf("no event says %s: %s", why, joinedBy(got))
			}
		}
		n.stop(t)
	})
}

// TestAdvisory_GHSA_cq42_vhv7_xr7p_number: the same where a number has a limit for the hour alone: what strangers are refused uses up nothing of the owner's.
func TestAdvisory_GHSA_cq42_vhv7_xr7p_number(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"), guarded(t, real))
	x := n.tenants("owners")[0]
	x.hiding()
	s := &siege{tenant: x, n: n, owner: "+12124660123"}
	home := x.from("127.70.0.1")
	s.settle(home)
	n.guards(x.pool, unlimited(obj{"limits": obj{"number": few(9), "confirmed_number": few(9)}}))
	before := n.phones.to(s.owner)
	for i := range 10 {
		s.ask(i)
	}
	n.settled()
	if sent := n.phones.to(s.owner) - before; sent > 9 {
		t.Errorf("strangers caused %d texts of 9", sent)
	}
	s.comesHome(home)
	n.stop(t)
}

// siege is an owner's number, and strangers around it.
type siege struct {
	*tenant
	n     *node
	owner string
	round int
}

// settle signs the owner up, and in once, at home.
func (s *siege) settle(home *tenant) {
	s.t.Helper()
	at := s.caller.from("127.70.0.1")
	at.ok(at.app("SignUp", obj{"ClientId": s.client, "Username": s.owner, "Password": hisSecret}))
	at.ok(at.app("ConfirmSignUp", obj{"ClientId": s.client, "Username": s.owner, "ConfirmationCode": s.n.phones.code(s.owner)}))
	s.signIn(at)
}

// signIn signs the owner in by a code.
func (s *siege) signIn(at *caller) {
	s.t.Helper()
	a := at.ok(at.app("InitiateAuth", obj{"ClientId": s.client, "AuthFlow": "USER_AUTH", "AuthParameters": obj{"USERNAME": s.owner, "PREFERRED_CHALLENGE": "SMS_OTP"}}))
	code := s.n.phones.code(s.owner)
	if code == "" {
		s.t.Fatal("the owner's code to sign in did not come")
	}
	a = at.ok(at.app("RespondToAuthChallenge", obj{"ClientId": s.client, "ChallengeName": "SMS_OTP", "Session": a.str("Session"), "ChallengeResponses": obj{"USERNAME": s.owner, "SMS_OTP_CODE": code}}))
	if a.str("AuthenticationResult", "AccessToken") == "" {
		s.t.Fatalf("the owner does not get in: %s", a.raw)
	}
}

// ask has both strangers ask in every way, from new networks.
func (s *siege) ask(round int) {
	s.t.Helper()
	for i := range 2 {
		s.round++
		from := fmt.Sprintf("127.%d.%d.1", 71+i, s.round)
		forged := http.Header{"X-Forwarded-For": {"127.70.0.1"}, "Forwarded": {"for=127.70.0.1"}, "X-Real-Ip": {"127.70.0.1"}}
		y := s.caller.from(from)
		y.header = forged
		z := s.from(from)
		other := *z.caller
		other.header = forged
		z.caller = &other
		a := y.app("InitiateAuth", obj{"ClientId": s.client, "AuthFlow": "USER_AUTH", "AuthParameters": obj{"USERNAME": s.owner, "PREFERRED_CHALLENGE": "SMS_OTP"}})
		y.app("RespondToAuthChallenge", obj{"ClientId": s.client, "ChallengeName": "SMS_OTP", "Session": a.str("Session"), "ChallengeResponses": obj{"USERNAME": s.owner, "SMS_OTP_CODE": "000000"}})
		y.app("ForgotPassword", obj{"ClientId": s.client, "Username": s.owner})
		y.app("ConfirmForgotPassword", obj{"ClientId": s.client, "Username": s.owner, "ConfirmationCode": "000000", "Password": hisSecret + "3"})
		y.app("ResendConfirmationCode", obj{"ClientId": s.client, "Username": s.owner})
		y.app("SignUp", obj{"ClientId": s.client, "Username": s.owner})
		z.call("POST", z.public+"/passwordless/start", obj{"client_id": s.client, "connection": "sms", "phone_number": s.owner}, "")
		z.grant(codeGrant, obj{"realm": "sms", "username": s.owner, "otp": "000000"})
	}
}

// strangers get what the guards leave them: two texts at once, the third when the cool-down is over, and after it nothing for an hour, then two.
func (s *siege) strangers() {
	s.t.Helper()
	before := s.n.phones.to(s.owner)
	got := func(when string, want int) {
		s.t.Helper()
		s.n.settled()
		if n := s.n.phones.to(s.owner) - before; n != want {
			s.t.Errorf("strangers caused %d texts %s, want %d", n, when, want)
		}
	}
	for i := range 3 {
		s.ask(i)
	}
	got("at once", 2)
	s.n.ago("last", 10*time.Minute)
	s.ask(3)
	got("after the cool-down", 3)
	s.silence(55*time.Minute, time.Hour)
	for range 3 {
		s.n.ago("last", 10*time.Minute)
		s.ask(4)
	}
	got("within the hour", 3)
	s.n.ago("locked_until", time.Hour)
	s.n.ago("last", 10*time.Minute)
	s.ask(5)
	got("after an hour", 4)
	s.silence(115*time.Minute, 2*time.Hour)
	for at := range 2 {
		s.n.ago("last", 10*time.Minute)
		s.ask(6 + at)
	}
	got("in the two hours after it", 4)
}

// silence: for how long strangers get nothing more.
func (s *siege) silence(least, most time.Duration) {
	s.t.Helper()
	db := openBeside(s.t, s.n.database)
	defer db.Close()
	var until int64
	check(s.t, db.QueryRow(`SELECT max(locked_until) FROM counters WHERE purpose = 'await'`).Scan(&until))
	if d := time.Until(time.UnixMicro(until)); d < least || d > most {
		s.t.Errorf("strangers wait %v, want %v to %v", d, least, most)
	}
}

// pump signs up numbers of the owner's range until nothing more is sent there.
func (s *siege) pump() {
	s.t.Helper()
	refused := 0
	for i := range 24 {
		y := s.caller.from(fmt.Sprintf("127.%d.%d.2", 73+i%2, i))
		a := y.app("SignUp", obj{"ClientId": s.client, "Username": fmt.Sprintf("+1212466%04d", 2000+i)})
		if a.kind() == "LimitExceededException" {
			refused++
		}
	}
	if refused < 8 {
		s.t.Errorf("only %d of 24 sign-ups of the owner's range were refused", refused)
	}
}

// comesHome: the owner signs in by code, resets the password, and signs in on the other wire, twice each.
func (s *siege) comesHome(home *tenant) {
	s.t.Helper()
	at := s.caller.from("127.70.0.1")
	for i := range 2 {
		s.n.phones.skip(s.owner)
		s.signIn(at)
		at.ok(at.app("ForgotPassword", obj{"ClientId": s.client, "Username": s.owner}))
		at.ok(at.app("ConfirmForgotPassword", obj{"ClientId": s.client, "Username": s.owner, "ConfirmationCode": s.n.phones.code(s.owner), "Password": fmt.Sprintf("%s%d", hisSecret, i)}))
		home.ok(home.call("POST", home.public+"/passwordless/start", obj{"client_id": s.client, "connection": "sms", "phone_number": s.owner}, ""))
		code := s.n.phones.code(s.owner)
		if code == "" {
			s.t.Fatalf("the owner's code of the other wire did not come: %s", s.n.operate("GET", "/events?limit=8&type=cs_guard_refused&pool="+s.pool).raw)
		}
		home.ok(home.grant(codeGrant, obj{"realm": "sms", "username": s.owner, "otp": code, "scope": "openid"}))
		s.ask(100 + i)
	}
}

// skip forgets the texts to a number.
func (p *phones) skip(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read[to] = 0
	for _, m := range p.texts {
		if m.To == to && m.Code != "" {
			p.read[to]++
		}
	}
}
