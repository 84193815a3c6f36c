package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"countersign/internal/srp/srptest"
)

// workload is one of the things that are measured.
type workload struct {
	name  string
	about string
	// kind is what users it needs, algs the pools that it runs on.
	kind kind
	algs []string
	// texts: each operation causes one. perSecond is how many at most, for the guard's sake.
	texts     bool
	perSecond int
	// hashes: each operation verifies a password.
	hashes bool
	// sessions: users are signed in before, because they must be, or because that prepares the statements of every connection
	// to the database, which a slow workload would take long to do by itself.
	sessions bool
	// code is what user code it needs, nil for none; connections are its own, if they matter. once bounds its operations. signed ones go
	// to the operators' address.
	code        *userCode
	connections []int
	once        int64
	signed      bool
	// plan puts an account and a plan in front of the webhook. sent: messages are sent before, for what follows them.
	plan, sent bool
	op         func(t *target, s *userSet) operation
}

// few connections for functions, which have four workers each.
var few = []int{1, 4, 16}

var both = []string{"RS256", "ES256"}

// workloads in the order of running. Those that are not operations (start, saturation) are in measure.go.
var workloads = []workload{
	{name: "w1", about: "a code is requested until the sender has it", kind: byCode, algs: both[:1], texts: true, perSecond: 4000, op: requestCode},
	{name: "w1plan", about: "the same, with an account and a plan in front of the webhook", kind: byCode, algs: both[:1], texts: true, perSecond: 4000, plan: true, op: requestCode},
	{name: "receipts", about: "the webhook reports that a text was delivered", kind: byCode, algs: both[:1], plan: true, sent: true, connections: []int{16}, once: receiptsOnce, op: postReceipt},
	{name: "w2", about: "password, then SMS code, then tokens", kind: withMFA, algs: both, texts: true, perSecond: 150, hashes: true, sessions: true, op: passwordSignIn},
	{name: "w2srp", about: "SRP, then SMS code, then tokens", kind: withSRP, algs: both, texts: true, perSecond: 400, sessions: true, op: srpSignIn},
	{name: "refresh", about: "new tokens for a refresh token", algs: both, sessions: true, op: refresh},
	{name: "getuser", about: "GetUser with an access token", algs: both, sessions: true, op: getUser},
	{name: "w1node", about: "a code is requested until a Node function was given it", kind: byCode, algs: both[:1], texts: true, perSecond: 1500, code: givenNode, connections: few, op: requestCode},
	{name: "w1go", about: "the same, until a Go function decrypted it", kind: byCode, algs: both[:1], texts: true, perSecond: 1500, code: senderGo, connections: few, op: requestCode},
	{name: "w1sdk", about: "the same, until a Node function decrypted it by Amazon's library", kind: byCode, algs: both[:1], texts: true, perSecond: 500, code: senderNode, connections: few, op: requestCode},
	{name: "claims", about: "refresh, with a function that adds claims", algs: both, sessions: true, code: claimsNode, connections: few, op: refreshClaims},
	{name: "invoke", about: "an empty Node function is called by the API", algs: both[:1], code: emptyNode, connections: []int{1, 4}, signed: true, op: invokeWarm},
	{name: "cold", about: "the first call of an empty Node function", algs: both[:1], code: coldNode, connections: []int{1}, once: coldCalls, signed: true, op: invokeCold},
}

// target is a server with its database.
type target struct {
	*server
	sink *sink
	sets map[string]*userSet

	mu       sync.Mutex
	sessions map[string][]session // by algorithm
	// reports are the messages that receipts are still to come for.
	reports []sentText
}

// session is a user who is signed in.
type session struct {
	u               user
	access, refresh string
}

// requestCode: USER_AUTH with SMS_OTP as first factor. The latency is that of the text, from the request on.
func requestCode(t *target, s *userSet) operation {
	return func(c *conn) (time.Duration, error) {
		u, back := s.take(byCode)
		defer back()
		began := time.Now()
		_, got, err := t.firstCode(c, s, u)
		return got.at.Sub(began), err
	}
}

// firstCode asks for a code as first factor and waits for it.
func (t *target) firstCode(c *conn, s *userSet, u user) (*authAnswer, text, error) {
	ch, done := t.sink.expect(u.phone())
	defer done()
	s.note(byCode)
	a, err := c.initiate(s, u, "USER_AUTH", map[string]string{"USERNAME": u.phone(), "PREFERRED_CHALLENGE": "SMS_OTP"}, "SMS_OTP")
	if err != nil {
		return nil, text{}, err
	}
	got, err := await(ch)
	return a, got, err
}

// passwordSignIn: USER_PASSWORD_AUTH and SMS_MFA.
func passwordSignIn(t *target, s *userSet) operation {
	return func(c *conn) (time.Duration, error) {
		u, back := s.take(withMFA)
		defer back()
		began := time.Now()
		ch, done := t.sink.expect(u.phone())
		defer done()
		s.note(withMFA)
		a, err := c.initiate(s, u, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": u.phone(), "PASSWORD": userPassword}, "SMS_MFA")
		if err != nil {
			return 0, err
		}
		err = answerMFA(c, s, u, a, ch)
		return time.Since(began), err
	}
}

func answerMFA(c *conn, s *userSet, u user, a *authAnswer, ch chan text) error {
	got, err := await(ch)
	if err != nil {
		return err
	}
	_, err = c.respond(s, u, a.Session, "SMS_MFA", map[string]string{"USERNAME": u.phone(), "SMS_MFA_CODE": got.code}, "")
	return err
}

// srpSignIn: USER_SRP_AUTH, PASSWORD_VERIFIER and SMS_MFA. The client's own powers are on our side and not counted.
func srpSignIn(t *target, s *userSet) operation {
	_, poolName, _ := strings.Cut(s.pool, "_")
	return func(c *conn) (time.Duration, error) {
		u, back := s.take(withSRP)
		defer back()
		client := srptest.NewClient()
		began := time.Now()
		a, err := c.initiate(s, u, "USER_SRP_AUTH", map[string]string{"USERNAME": u.phone(), "SRP_A": client.A()}, "PASSWORD_VERIFIER")
		if err != nil {
			return 0, err
		}
		p := a.ChallengeParameters
		ch := srptest.Challenge{PoolName: poolName, UserID: p["USER_ID_FOR_SRP"], Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}
		signature, timestamp, err := client.Answer(ch, userPassword, time.Now())
		if err != nil {
			return 0, err
		}
		texts, done := t.sink.expect(u.phone())
		defer done()
		s.note(withSRP)
		a, err = c.respond(s, u, a.Session, "PASSWORD_VERIFIER", map[string]string{
			"USERNAME": p["USERNAME"], "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": timestamp,
		}, "SMS_MFA")
		if err != nil {
			return 0, err
		}
		err = answerMFA(c, s, u, a, texts)
		return time.Since(began), err
	}
}

func refresh(t *target, s *userSet) operation {
	list := t.signedIn(s.alg)
	return func(c *conn) (time.Duration, error) {
		ss := list[rand.IntN(len(list))]
		began := time.Now()
		_, err := c.initiate(s, ss.u, "REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": ss.refresh}, "")
		return time.Since(began), err
	}
}

func getUser(t *target, s *userSet) operation {
	list := t.signedIn(s.alg)
	return func(c *conn) (time.Duration, error) {
		ss := list[rand.IntN(len(list))]
		began := time.Now()
		var out struct{ Username string }
		err := c.cognito("GetUser", ss.u.network(), map[string]string{"AccessToken": ss.access}, &out)
		if err == nil && out.Username == "" {
			err = fmt.Errorf("GetUser: no user")
		}
		return time.Since(began), err
	}
}

// sessionsEach is how many users are signed in for the workloads that need it.
const sessionsEach = 800

func (t *target) signedIn(alg string) []session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[alg]
}

// signIn signs users in by a code alone, which costs no password hash.
func (t *target) signIn(ctx context.Context, s *userSet) error {
	if len(t.signedIn(s.alg)) > 0 {
		return nil
	}
	want := int64(min(sessionsEach, s.count(byCode)))
	var list []session
	o := load(ctx, t.address, 16, time.Minute, want, func(c *conn) (time.Duration, error) {
		u, back := s.take(byCode)
		defer back()
		a, got, err := t.firstCode(c, s, u)
		if err != nil {
			return 0, err
		}
		a, err = c.respond(s, u, a.Session, "SMS_OTP", map[string]string{"USERNAME": u.phone(), "SMS_OTP_CODE": got.code}, "")
		if err != nil {
			return 0, err
		}
		t.mu.Lock()
		list = append(list, session{u, a.AuthenticationResult.AccessToken, a.AuthenticationResult.RefreshToken})
		t.mu.Unlock()
		return 0, nil
	})
	if o.good() < int(want)*9/10 {
		return fmt.Errorf("only %d of %d users could be signed in: %w", o.good(), want, o.example)
	}
	t.mu.Lock()
	t.sessions[s.alg] = list
	t.mu.Unlock()
	return nil
}
