package cognito_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/awsapi/cognito"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/srp/srptest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// What follows compares what strangers are told about names that somebody has and names that nobody has.

// attempts is how often each question is asked unless it says otherwise: beyond every limit that counts by account.
const attempts = 12

const enumPassword = "Corr3ct-Horse!"

// classes are the states that a user may be in. "nobody" is a name that nobody has.
var classes = []string{"confirmed", "unconfirmed", "disabled", "without a contact", "invited", "reset required", "with a second factor"}

type stranger struct {
	*pooltest.Harness
	t              *testing.T
	api            http.Handler
	pool, client   string
	named          bool // users choose a name; else their number is it
	separate       bool
	users, address int
	classes        []string
}

type anySignature struct{}

func (anySignature) Authorize(_ context.Context, r *http.Request, _ []byte, _, _, _ string) (wire.Principal, error) {
	if r.Header.Get("Authorization") == "" {
		return wire.Principal{}, fault.New(fault.Unauthenticated)
	}
	return wire.Principal{AccessKeyID: "AKIAENUMERATION"}, nil
}

// eachStranger runs f for both engines and three kinds of pool, all of which hide who exists.
func eachStranger(t *testing.T, f func(t *testing.T, s *stranger)) {
	for _, kind := range []string{"phone", "named", "separate attempts"} {
		t.Run(kind, func(t *testing.T) {
			run := storetest.Each
			if kind != "phone" { // what differs from the first kind is not in the store
				run = func(t *testing.T, f func(*testing.T, store.Store)) { f(t, storetest.SQLite(t)) }
			}
			run(t, func(t *testing.T, st store.Store) {
				s := &stranger{Harness: pooltest.New(t, st), t: t, named: kind == "named", separate: kind == "separate attempts", classes: classes}
				if kind != "phone" || !strings.HasSuffix(t.Name(), "/sqlite") {
					s.classes = classes[:4] // the others have been seen
				}
				api, err := cognito.New(cognito.Config{Pools: s.Service, Authorizer: anySignature{}, Now: s.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
				if err != nil {
					t.Fatal(err)
				}
				s.api = api
				pc, cc := pooltest.PhonePool(), pooltest.AppClient()
				pc.FirstFactors = []string{"PASSWORD", "SMS_OTP"}
				pc.SeparateAttempts = s.separate
				if s.named {
					pc.UsernameAttributes, pc.AliasAttributes = nil, []string{"phone_number"}
				}
				cc.Flows = append(cc.Flows, "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH")
				cc.HideExistence = true
				s.pool = s.Pool(pc)
				s.client = s.Client(s.pool, cc)
				f(t, s)
			})
		})
	}
}

type object = map[string]any

// answered is an answer as a stranger sees it.
type answered struct {
	status int
	header http.Header
	body   any
	took   time.Duration
}

func (a answered) str(path ...string) string {
	v := a.body
	for _, p := range path {
		m, _ := v.(object)
		v = m[p]
	}
	text, _ := v.(string)
	return text
}

func (s *stranger) call(op, from string, in object) answered {
	s.t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(raw)))
	r.RemoteAddr = from + ":40000"
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", cognito.TargetPrefix+"."+op)
	if strings.HasPrefix(op, "Admin") {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 signed")
	}
	w := httptest.NewRecorder()
	began := time.Now()
	s.api.ServeHTTP(w, r)
	a := answered{status: w.Code, header: w.Header(), took: time.Since(began)}
	if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
		s.t.Fatalf("%s: no JSON: %s", op, w.Body)
	}
	return a
}

// must is a call of the operator or of the user, at home.
func (s *stranger) must(op string, in object) answered {
	s.t.Helper()
	a := s.call(op, s.from(), in)
	if a.status != http.StatusOK {
		s.t.Fatalf("%s: %d %v", op, a.status, a.body)
	}
	return a
}

// from is an address of its own for each question, so that only what counts by account is seen.
func (s *stranger) from() string {
	s.address++
	return fmt.Sprintf("198.18.%d.%d", s.address/250, s.address%250+1)
}

// user makes a user of a class and returns the name; ok is false if the pool cannot have such a user.
func (s *stranger) user(class string) (name string, ok bool) {
	s.t.Helper()
	s.users++
	phone := fmt.Sprintf("+1202555%04d", s.users)
	name, attrs := phone, []object{}
	if s.named {
		name = fmt.Sprintf("person%04d", s.users)
		attrs = append(attrs, object{"Name": "phone_number", "Value": phone})
	}
	admin := object{"UserPoolId": s.pool, "Username": name}
	up := object{"ClientId": s.client, "Username": name, "Password": enumPassword, "UserAttributes": attrs}
	switch class {
	case "nobody":
		return name, true
	case "unconfirmed":
		s.must("SignUp", up)
		return name, true
	case "invited":
		s.must("AdminCreateUser", object{"UserPoolId": s.pool, "Username": name, "UserAttributes": attrs, "MessageAction": "SUPPRESS", "TemporaryPassword": enumPassword})
		return name, true
	case "without a contact":
		if !s.named {
			return "", false
		}
		s.must("AdminCreateUser", object{"UserPoolId": s.pool, "Username": name, "MessageAction": "SUPPRESS"})
		s.must("AdminSetUserPassword", object{"UserPoolId": s.pool, "Username": name, "Password": enumPassword, "Permanent": true})
		return name, true
	}
	s.must("SignUp", up)
	s.must("ConfirmSignUp", object{"ClientId": s.client, "Username": name, "ConfirmationCode": s.Code(phone)})
	switch class {
	case "disabled":
		s.must("AdminDisableUser", admin)
	case "reset required":
		s.must("AdminResetUserPassword", admin)
	case "with a second factor":
		s.must("AdminSetUserMFAPreference", object{"UserPoolId": s.pool, "Username": name, "SMSMfaSettings": object{"Enabled": true, "PreferredMfa": true}})
	}
	return name, true
}

// question is something that a stranger may ask about a name, any number of times. prepare runs once.
type question struct {
	name string
	// times is how often it is asked; zero means attempts.
	times int
	// differ lists classes that may be told apart here, with the reason.
	differ  map[string]string
	prepare func(s *stranger, name, from string) answered
	ask     func(s *stranger, name, from string, first answered) answered
}

func op(name string, members object) func(*stranger, string, string, answered) answered {
	return func(s *stranger, user, from string, _ answered) answered {
		in := object{"ClientId": s.client, "Username": user}
		maps.Copy(in, members)
		return s.call(name, from, in)
	}
}

func begin(flow string, params object) func(*stranger, string, string, answered) answered {
	return func(s *stranger, user, from string, _ answered) answered {
		p := object{"USERNAME": user}
		maps.Copy(p, params)
		if _, ok := p["SRP_A"]; ok {
			p["SRP_A"] = srptest.NewClient().A()
		}
		return s.call("InitiateAuth", from, object{"ClientId": s.client, "AuthFlow": flow, "AuthParameters": p})
	}
}

func respond(challenge string, responses object) func(*stranger, string, string, answered) answered {
	return func(s *stranger, user, from string, first answered) answered {
		r := object{"USERNAME": user}
		maps.Copy(r, responses)
		in := object{"ClientId": s.client, "ChallengeName": challenge, "ChallengeResponses": r}
		if v := first.str("Session"); v != "" {
			in["Session"] = v
		}
		return s.call("RespondToAuthChallenge", from, in)
	}
}

// chained makes two requests count as one question.
func chained(first func(*stranger, string, string, answered) answered, then func(*stranger, string, string, answered) answered) func(*stranger, string, string, answered) answered {
	return func(s *stranger, user, from string, none answered) answered {
		a := first(s, user, from, none)
		if a.status != http.StatusOK {
			return a
		}
		return then(s, user, from, a)
	}
}

func proof(s *stranger, user, from string, ch answered) answered {
	id := ch.str("ChallengeParameters", "USER_ID_FOR_SRP")
	block := ch.str("ChallengeParameters", "SECRET_BLOCK")
	_, poolName, _ := strings.Cut(s.pool, "_")
	sig, at, err := srptest.NewClient().Answer(srptest.Challenge{PoolName: poolName, UserID: id, Salt: ch.str("ChallengeParameters", "SALT"),
		B: ch.str("ChallengeParameters", "SRP_B"), SecretBlock: block}, "Wr0ng-Horse!", s.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	r := object{"USERNAME": id, "PASSWORD_CLAIM_SECRET_BLOCK": block, "PASSWORD_CLAIM_SIGNATURE": sig, "TIMESTAMP": at}
	in := object{"ClientId": s.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": r}
	if v := ch.str("Session"); v != "" {
		in["Session"] = v
	}
	return s.call("RespondToAuthChallenge", from, in)
}

var (
	srpA    = object{"SRP_A": ""}
	wrongPW = object{"PASSWORD": "Wr0ng-Horse!"}
	smsOTP  = begin("USER_AUTH", object{"PREFERRED_CHALLENGE": "SMS_OTP"})
	choose  = begin("USER_AUTH", nil)
)

// noCode: one-time codes as first factor do not combine with a second factor, and there is none without a number; what is offered
// instead is told to everybody who asks, as the API has it.
var noCode = map[string]string{"with a second factor": "is not offered a code as first factor", "without a contact": "cannot be offered a code", "invited": "must begin with the password"}

var questions = []question{
	{name: "ForgotPassword", ask: op("ForgotPassword", nil)},
	{name: "ResendConfirmationCode", ask: op("ResendConfirmationCode", nil)},
	{name: "ConfirmSignUp", ask: op("ConfirmSignUp", object{"ConfirmationCode": "000000"}), differ: map[string]string{
		"unconfirmed": "has a code outstanding, which everybody may cause: CodeMismatch for ExpiredCode"}},
	{name: "ConfirmForgotPassword", ask: op("ConfirmForgotPassword", object{"ConfirmationCode": "000000", "Password": "An0ther-Horse!"}), differ: map[string]string{
		"reset required": "has a code outstanding, which an administrator sent"}},
	{name: "ForgotPassword, ConfirmForgotPassword", ask: chained(op("ForgotPassword", nil), op("ConfirmForgotPassword", object{"ConfirmationCode": "000000", "Password": "An0ther-Horse!"}))},
	{name: "ResendConfirmationCode, ConfirmSignUp", ask: chained(op("ResendConfirmationCode", nil), op("ConfirmSignUp", object{"ConfirmationCode": "000000"}))},
	{name: "password", times: 7, ask: begin("USER_PASSWORD_AUTH", wrongPW)},
	{name: "SRP", times: 2, ask: begin("USER_SRP_AUTH", srpA)},
	{name: "SRP, proof", times: 7, ask: chained(begin("USER_SRP_AUTH", srpA), proof)},
	{name: "choice", times: 2, ask: choose, differ: noCode},
	{name: "choice of a password", times: 7, ask: begin("USER_AUTH", object{"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Wr0ng-Horse!"})},
	{name: "choice, then a password", times: 2, ask: chained(choose, respond("SELECT_CHALLENGE", object{"ANSWER": "PASSWORD", "PASSWORD": "Wr0ng-Horse!"})), differ: noCode},
	{name: "choice of SRP, proof", times: 2, ask: chained(begin("USER_AUTH", object{"PREFERRED_CHALLENGE": "PASSWORD_SRP", "SRP_A": ""}), proof)},
	{name: "choice of a text", ask: smsOTP, differ: noCode},
	{name: "choice of a text, wrong code", ask: chained(smsOTP, respond("SMS_OTP", object{"SMS_OTP_CODE": "000000"})), differ: noCode},
	{name: "one text, wrong codes", prepare: func(s *stranger, name, from string) answered { return smsOTP(s, name, from, answered{}) },
		ask: respond("SMS_OTP", object{"SMS_OTP_CODE": "000000"}), differ: noCode},
	{name: "SignUp", ask: op("SignUp", object{"Password": enumPassword}), differ: map[string]string{
		"unconfirmed": "has used one of the texts an hour that everybody may cause"}},
}

// TestAdvisory_CVE_2026_23511_CVE_2026_4633_kratos_4521: login pages, codes and errors told who had an account, and phone forms which
// numbers were registered (Keycloak's pull request 49606). Every question is asked twelve times about users in every state.
func TestAdvisory_CVE_2026_23511_CVE_2026_4633_kratos_4521(t *testing.T) {
	eachStranger(t, func(t *testing.T, s *stranger) {
		for _, q := range questions {
			if q.name == "SignUp" && !s.separate {
				continue // the name is owned or free: an API that creates owners must say so, unless attempts are separate
			}
			t.Run(q.name, func(t *testing.T) {
				s.t = t
				want := s.askAll(q, "nobody")
				for _, class := range s.classes {
					if got := s.askAll(q, class); got != nil {
						compare(t, class, q.differ[class], got, want)
					}
				}
			})
		}
	})
}

// askAll asks about a new user of the class.
func (s *stranger) askAll(q question, class string) (list []answered) {
	s.t.Helper()
	name, ok := s.user(class)
	if !ok {
		return nil
	}
	from := s.from()
	var first answered
	if q.prepare != nil {
		first = q.prepare(s, name, from)
		list = append(list, first)
	}
	for range cmp.Or(q.times, attempts) {
		list = append(list, q.ask(s, name, from, first))
	}
	for i := range list {
		list[i].body = withoutName(list[i].body, name)
	}
	return list
}

// withoutName replaces the name that was asked about.
func withoutName(v any, name string) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for k, e := range v {
			out[k] = withoutName(e, name)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutName(e, name)
		}
		return out
	case string:
		return strings.ReplaceAll(v, name, "{name}")
	}
	return v
}

func compare(t *testing.T, class, reason string, got, want []answered) {
	t.Helper()
	for i := range want {
		diff := differsFrom(got[i], want[i])
		switch {
		case diff != "" && reason != "":
			return // documented
		case diff != "":
			t.Errorf("attempt %d: a user who is %s is told from nobody: %s", i+1, class, diff)
			return
		}
	}
}

func differsFrom(got, want answered) string {
	if got.status != want.status {
		return fmt.Sprintf("status %d %v, nobody %d %v", got.status, got.body, want.status, want.body)
	}
	names := func(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }
	if g, w := names(got.header), names(want.header); !slices.Equal(g, w) {
		return fmt.Sprintf("headers %v, nobody %v", g, w)
	}
	for name, values := range want.header {
		if name != "X-Amzn-Requestid" && name != "Content-Length" && !slices.Equal(values, got.header[name]) {
			return fmt.Sprintf("header %s %q, nobody %q", name, got.header[name], values)
		}
	}
	return shape("", got.body, want.body)
}

var (
	uuid4     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	maskPhone = regexp.MustCompile(`^\+\*{7}[0-9]{4}$`)
	hexLong   = regexp.MustCompile(`^[0-9a-f]{16,}$`)
	opaque    = regexp.MustCompile(`^[A-Za-z0-9+/=_.-]{40,}$`)
)

// shape names the first place where two answers are of different form. Hexadecimal numbers lose leading zeros, and blocks hold such
// numbers: their lengths may differ by a little.
func shape(at string, got, want any) string {
	switch want := want.(type) {
	case object:
		g, ok := got.(object)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(g)), slices.Sorted(maps.Keys(want))) {
			return fmt.Sprintf("%s is %v, nobody's %v", at, got, want)
		}
		for k := range want {
			if d := shape(at+"."+k, g[k], want[k]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return fmt.Sprintf("%s is %v, nobody's %v", at, got, want)
		}
		for i := range want {
			if d := shape(fmt.Sprintf("%s[%d]", at, i), g[i], want[i]); d != "" {
				return d
			}
		}
		return ""
	case string:
		g, _ := got.(string)
		near := func(n int) bool { return len(g)-len(want) <= n && len(want)-len(g) <= n }
		for _, form := range []struct {
			re    *regexp.Regexp
			slack int
		}{{uuid4, 0}, {maskPhone, 0}, {hexLong, 3}, {opaque, 8}} {
			if form.re.MatchString(want) && form.re.MatchString(g) && near(form.slack) {
				return ""
			}
		}
		if len(g) > 60 || len(want) > 60 {
			if g != want {
				return fmt.Sprintf("%s has %d characters, nobody's %d", at, len(g), len(want))
			}
			return ""
		}
	}
	if got != want {
		return fmt.Sprintf("%s is %v, nobody's %v", at, got, want)
	}
	return ""
}

// TestAdvisory_CVE_2023_3462_CVE_2020_35177_CVE_2025_54999: names were told by time, since nothing was hashed for those that nobody
// had. The quickest of interleaved tries, each with a fresh name, must be of one class: what else the machine does only adds to them.
func TestAdvisory_CVE_2023_3462_CVE_2020_35177_CVE_2025_54999(t *testing.T) {
	const rounds = 9
	st := storetest.SQLite(t)
	s := &stranger{Harness: pooltest.New(t, st), t: t}
	var err error
	if s.api, err = cognito.New(cognito.Config{Pools: s.Service, Authorizer: anySignature{}, Now: s.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}); err != nil {
		t.Fatal(err)
	}
	pc, cc := pooltest.PhonePool(), pooltest.AppClient()
	pc.FirstFactors = []string{"PASSWORD", "SMS_OTP"}
	cc.Flows = append(cc.Flows, "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH")
	cc.HideExistence = true
	s.pool = s.Pool(pc)
	s.client = s.Client(s.pool, cc)
	flows := map[string]func(name string) time.Duration{
		"password": func(n string) time.Duration {
			return begin("USER_PASSWORD_AUTH", wrongPW)(s, n, s.from(), answered{}).took
		},
		"choice of a password": func(n string) time.Duration {
			return begin("USER_AUTH", object{"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Wr0ng-Horse!"})(s, n, s.from(), answered{}).took
		},
		"SRP proof": func(n string) time.Duration {
			return proof(s, n, s.from(), begin("USER_SRP_AUTH", srpA)(s, n, s.from(), answered{})).took
		},
	}
	for name, ask := range flows {
		took := map[string][]time.Duration{}
		for range rounds {
			for _, class := range []string{"confirmed", "unconfirmed", "disabled", "nobody"} {
				user, _ := s.user(class)
				took[class] = append(took[class], ask(user))
			}
		}
		nobody := slices.Min(took["nobody"])
		for _, class := range []string{"confirmed", "unconfirmed", "disabled"} {
			if m := slices.Min(took[class]); nobody < m/3 || m < nobody/3 {
				t.Errorf("%s: a user who is %s takes %v, nobody %v", name, class, m, nobody)
			}
		}
	}
}

// TestMadeUpSRP: what a name that nobody has is answered with stays the same, and looks like what users have.
func TestMadeUpSRP(t *testing.T) {
	eachStranger(t, func(t *testing.T, s *stranger) {
		ask := func(name string) (salt, id string) {
			a := begin("USER_SRP_AUTH", srpA)(s, name, s.from(), answered{})
			if a.status != http.StatusOK {
				t.Fatalf("%d %v", a.status, a.body)
			}
			return a.str("ChallengeParameters", "SALT"), a.str("ChallengeParameters", "USER_ID_FOR_SRP")
		}
		seen := map[string]string{}
		for _, class := range []string{"nobody", "nobody", "confirmed", "unconfirmed"} {
			name, _ := s.user(class)
			salt, id := ask(name)
			s.Advance(time.Hour)
			if again, sameID := ask(name); again != salt || sameID != id {
				t.Errorf("%s: a second question is answered otherwise", class)
			}
			if before, ok := seen[salt]; ok {
				t.Errorf("%s and %s have one salt", before, class)
			}
			seen[salt] = class
			otp := smsOTP(s, name, s.from(), answered{})
			if shown := otp.str("ChallengeParameters", "USER_ID_FOR_SRP"); shown != id || otp.status != http.StatusOK {
				t.Errorf("%s: USER_ID_FOR_SRP is %q beside a text and %q beside a proof", class, shown, id)
			}
			if want := s.named; want != (id == name) || !want && !uuid4.MatchString(id) {
				t.Errorf("%s: USER_ID_FOR_SRP is %s for %s", class, id, name)
			}
		}
		// Another pool tells nothing about this one.
		other := *s
		other.pool = s.Pool(func() pool.Config { c := pooltest.PhonePool(); return c }())
		cc := pooltest.AppClient()
		cc.Flows, cc.HideExistence = append(cc.Flows, "ALLOW_USER_SRP_AUTH"), true
		other.client = s.Client(other.pool, cc)
		here, _ := ask("+12025559999")
		a := begin("USER_SRP_AUTH", srpA)(&other, "+12025559999", s.from(), answered{})
		if there := a.str("ChallengeParameters", "SALT"); here == there || there == "" {
			t.Errorf("two pools make up one salt: %s", here)
		}
	})
}
