package proof

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
	_ "github.com/jackc/pgx/v5/stdlib"
)

const (
	crashRounds  = 3
	crashWorkers = 8
	// crashAfter is how many answers a round has seen when the process is killed.
	crashAfter  = 60
	crashSecret = "Cr4sh-Horse-Battery!"
)

// person is one user as the app saw it: what was asked, and what was answered.
type person struct {
	phone, sub                       string
	asked, signedUp                  bool
	confirmAsked, confirmed          bool
	challenge, code                  string // of a sign-in that waits for its code
	answerAsked                      bool
	access, refresh, refreshedAccess string
}

// TestCrash kills the server in the middle of sign-ups, confirmations and sign-ins with a second factor, three times over, and
// demands everything that was answered.
func TestCrash(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		before := deadlocks(t, database)
		n := serve(t, database)
		c := newCrash(t, n)
		for round := range crashRounds {
			c.load(round)
			if t.Failed() {
				return
			}
			c.kills = append(c.kills, time.Now())
			c.leasesEnd()
			n.restart()
			c.app = sdk(n.public, aws.AnonymousCredentials{}, fmt.Sprintf("127.9.%d.1", round+1))
			c.nothingIsLost()
			c.nothingIsHalf()
			if t.Failed() {
				t.Logf("round %d", round)
				return
			}
		}
		n.settled()
		c.messages()
		n.stop(t)
		// Each one stands still for a second, in which sends are not recorded.
		if found := deadlocks(t, database) - before; found > 0 {
			t.Errorf("PostgreSQL saw %d deadlocks: not all flows take their locks in one order", found)
		}
	})
}

type crash struct {
	t            *testing.T
	n            *node
	app, back    *cip.Client
	pool, client string
	kills        []time.Time

	mu     sync.Mutex
	people []*person
}

func newCrash(t *testing.T, n *node) *crash {
	c := &crash{t: t, n: n, app: sdk(n.public, aws.AnonymousCredentials{}, "127.0.0.1"),
		back: sdk(n.admin, credentials.NewStaticCredentialsProvider(n.owner.AccessKeyID, n.owner.SecretAccessKey, ""), "127.0.0.1")}
	role := &types.SmsConfigurationType{SnsCallerArn: aws.String("arn:aws:iam::000000000000:role/sms"), ExternalId: aws.String("proof")}
	p, err := c.back.CreateUserPool(t.Context(), &cip.CreateUserPoolInput{
		PoolName: aws.String("crash"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"}, SmsConfiguration: role, MfaConfiguration: "ON",
	})
	check(t, err)
	c.pool = *p.UserPool.Id
	cl, err := c.back.CreateUserPoolClient(t.Context(), &cip.CreateUserPoolClientInput{
		UserPoolId: &c.pool, ClientName: aws.String("app"), ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	})
	check(t, err)
	c.client = *cl.UserPoolClient.ClientId
	return c
}

// sdk is the AWS SDK, which makes each call once, from an address: the sends of one network are limited.
func sdk(url string, creds aws.CredentialsProvider, from string) *cip.Client {
	dial := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return cip.New(cip.Options{BaseEndpoint: &url, Region: region, Credentials: creds, RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial.DialContext}}})
}

// load runs people through the flows from several sides until the process is killed under them.
func (c *crash) load(round int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var answers atomic.Int64
	dead := make(chan struct{})
	var once sync.Once
	count := func(err error) bool {
		if err != nil {
			if _, ok := errors.AsType[smithy.APIError](err); ok {
				c.t.Errorf("refused: %v", err)
			}
			return false
		}
		answers.Add(1)
		return true
	}
	// A sign-in that waits for its code is there at each kill: the one that was begun when it came.
	begun := func(err error) bool {
		if !count(err) {
			return false
		}
		if answers.Load() >= crashAfter {
			once.Do(func() {
				c.n.kill()
				close(dead)
			})
		}
		return true
	}
	var wg sync.WaitGroup
	for w := range crashWorkers {
		wg.Go(func() {
			app := sdk(c.n.public, aws.AnonymousCredentials{}, fmt.Sprintf("127.%d.%d.1", round+1, w))
			for i := 0; i < 1000; i++ {
				select {
				case <-dead:
					return
				case <-ctx.Done():
					return
				default:
				}
				p := &person{phone: fmt.Sprintf("+1202%d55%d%03d", round+2, w, i)}
				c.mu.Lock()
				c.people = append(c.people, p)
				c.mu.Unlock()
				if c.live(ctx, app, p, count, begun, dead); !p.signedUp {
					return // the server is gone
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-dead:
	default:
		c.t.Fatalf("only %d answers came within a minute\n%s", answers.Load(), c.n.out.String())
	}
}

// live signs one person up and in, as far as it gets.
func (c *crash) live(ctx context.Context, app *cip.Client, p *person, count, begun func(error) bool, dead <-chan struct{}) {
	p.asked = true
	up, err := app.SignUp(ctx, &cip.SignUpInput{ClientId: &c.client, Username: &p.phone, Password: aws.String(crashSecret)})
	if !count(err) {
		return
	}
	p.signedUp, p.sub = true, *up.UserSub
	first := c.n.phones.codeOr(p.phone, dead)
	if first == "" {
		return
	}
	p.confirmAsked = true
	_, err = app.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &c.client, Username: &p.phone, ConfirmationCode: &first})
	if !count(err) {
		return
	}
	p.confirmed = true
	in, err := app.InitiateAuth(ctx, c.begin(p))
	if err == nil {
		p.challenge = aws.ToString(in.Session)
	}
	if !begun(err) {
		return
	}
	if p.code = c.n.phones.codeOr(p.phone, dead); p.code == "" {
		return
	}
	p.answerAsked = true
	out, err := app.RespondToAuthChallenge(ctx, c.answer(p))
	if !count(err) {
		return
	}
	p.challenge = ""
	p.access, p.refresh = *out.AuthenticationResult.AccessToken, *out.AuthenticationResult.RefreshToken
}

func (c *crash) begin(p *person) *cip.InitiateAuthInput {
	return &cip.InitiateAuthInput{ClientId: &c.client, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": p.phone, "PASSWORD": crashSecret}}
}

func (c *crash) answer(p *person) *cip.RespondToAuthChallengeInput {
	return &cip.RespondToAuthChallengeInput{ClientId: &c.client, ChallengeName: "SMS_MFA", Session: &p.challenge,
		ChallengeResponses: map[string]string{"USERNAME": p.phone, "SMS_MFA_CODE": p.code}}
}

// nothingIsLost looks for everything that was answered, and finishes what was begun.
func (c *crash) nothingIsLost() {
	c.t.Helper()
	ctx := c.t.Context()
	waiting, alive := 0, 0
	for _, p := range c.people {
		u, err := c.back.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &c.pool, Username: &p.phone})
		var unknown *types.UserNotFoundException
		switch {
		case errors.As(err, &unknown) && !p.signedUp:
			// The name must be free.
			up, err := c.app.SignUp(ctx, &cip.SignUpInput{ClientId: &c.client, Username: &p.phone, Password: aws.String(crashSecret)})
			if err != nil {
				c.t.Errorf("%s was never made and cannot be: %v", p.phone, err)
				continue
			}
			p.signedUp, p.sub = true, *up.UserSub
			continue
		case err != nil:
			c.t.Errorf("%s signed up (answered: %v) and is gone: %v", p.phone, p.signedUp, err)
			continue
		}
		c.consistent(p, u)
		if p.access != "" {
			alive++
			if _, err := c.app.GetUser(ctx, &cip.GetUserInput{AccessToken: &p.access}); err != nil {
				c.t.Errorf("%s: the access token is dead: %v", p.phone, err)
			}
			r, err := c.app.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &c.client, RefreshToken: &p.refresh})
			if err != nil {
				c.t.Errorf("%s: the refresh token is dead: %v", p.phone, err)
				continue
			}
			p.refreshedAccess = *r.AuthenticationResult.AccessToken
		}
		if p.challenge != "" {
			waiting++
			c.finish(p)
		}
	}
	if alive == 0 || waiting == 0 {
		c.t.Errorf("%d people were signed in and %d in the middle of it: too few to prove anything", alive, waiting)
	}
}

// consistent compares a user with what was asked and answered.
func (c *crash) consistent(p *person, u *cip.AdminGetUserOutput) {
	c.t.Helper()
	attrs := map[string]string{}
	for _, a := range u.UserAttributes {
		attrs[*a.Name] = aws.ToString(a.Value)
	}
	confirmed := u.UserStatus == types.UserStatusTypeConfirmed
	switch {
	case !u.Enabled, attrs["phone_number"] != p.phone, attrs["sub"] != *u.Username, p.sub != "" && attrs["sub"] != p.sub,
		attrs["phone_number_verified"] != fmt.Sprint(confirmed),
		!confirmed && u.UserStatus != types.UserStatusTypeUnconfirmed:
		c.t.Errorf("%s is half made: %s, %v", p.phone, u.UserStatus, attrs)
	case p.confirmed && !confirmed:
		c.t.Errorf("%s: the confirmation was answered and is lost", p.phone)
	case !p.confirmAsked && confirmed:
		c.t.Errorf("%s is confirmed and nobody asked", p.phone)
	}
	p.signedUp, p.sub = true, attrs["sub"]
}

// finish answers a challenge from before the crash. If the answer was already asked for, it may have counted.
func (c *crash) finish(p *person) {
	c.t.Helper()
	if p.code == "" {
		if p.code = c.n.phones.code(p.phone); p.code == "" {
			c.t.Errorf("%s: a sign-in was answered, and its code never came", p.phone)
			return
		}
	}
	out, err := c.app.RespondToAuthChallenge(c.t.Context(), c.answer(p))
	var other *types.CodeMismatchException
	if errors.As(err, &other) {
		// A text from before may have come twice: the one window in which that happens is the kill. Then the code is in the next one.
		if next := c.n.phones.code(p.phone); next != "" {
			p.code = next
			out, err = c.app.RespondToAuthChallenge(c.t.Context(), c.answer(p))
		}
	}
	var used *types.NotAuthorizedException
	switch {
	case errors.As(err, &used) && p.answerAsked && strings.Contains(used.ErrorMessage(), "once"):
	case err != nil:
		c.t.Errorf("%s: the session is lost: %v", p.phone, err)
		return
	default:
		p.access, p.refresh = *out.AuthenticationResult.AccessToken, *out.AuthenticationResult.RefreshToken
	}
	p.challenge, p.code, p.answerAsked = "", "", false
}

// halves are queries that find rows that only a torn commit leaves; each must find none.
var halves = map[string]string{
	"users without a name":            `SELECT id FROM users u WHERE NOT EXISTS (SELECT 1 FROM aliases a WHERE a.pool_id = u.pool_id AND a.user_id = u.id)`,
	"names without a user":            `SELECT name FROM aliases a WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.pool_id = a.pool_id AND u.id = a.user_id)`,
	"users without a key":             `SELECT id FROM users WHERE sealed_data_key IS NULL OR length(sealed_data_key) < 32`,
	"users without a password":        `SELECT id FROM users WHERE password_hash IS NULL OR password_hash NOT LIKE '$argon2id$%'`,
	"users without a message":         `SELECT id FROM users u WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.pool_id = u.pool_id AND o.user_id = u.id)`,
	"users without exactly one event": `SELECT id FROM users u WHERE (SELECT count(*) FROM events e WHERE e.pool_id = u.pool_id AND e.user_id = u.id AND e.type = 'ss') <> 1`,
	"confirmations without exactly one event": `SELECT id FROM users u WHERE (SELECT count(*) FROM events e WHERE e.pool_id = u.pool_id AND e.user_id = u.id AND e.type = 'cs_user_confirmed')
		<> (CASE WHEN u.status = 'CONFIRMED' THEN 1 ELSE 0 END)`,
	"codes without a user":                        `SELECT id FROM codes c WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.pool_id = c.pool_id AND u.id = c.subject_id)`,
	"codes of a sign-up that is confirmed":        `SELECT c.id FROM codes c JOIN users u ON u.pool_id = c.pool_id AND u.id = c.subject_id WHERE c.purpose = 'sign_up' AND u.status = 'CONFIRMED'`,
	"codes without a message":                     `SELECT id FROM codes c WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.code_id = c.id)`,
	"sessions without a user":                     `SELECT id FROM families f WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.pool_id = f.pool_id AND u.id = f.user_id)`,
	"challenges without a user":                   `SELECT id FROM challenges c WHERE user_id <> '' AND NOT EXISTS (SELECT 1 FROM users u WHERE u.pool_id = c.pool_id AND u.id = c.user_id)`,
	"ended messages that still hold a text":       `SELECT id FROM outbox WHERE state NOT IN ('queued', 'sending') AND sealed IS NOT NULL`,
	"messages to be sent that have lost the text": `SELECT id FROM outbox WHERE state IN ('queued', 'sending') AND sealed IS NULL`,
	"sent messages without an attempt":            `SELECT id FROM outbox o WHERE state = 'sent' AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = o.id AND a.outcome = 'sent')`,
}

func (c *crash) nothingIsHalf() {
	c.t.Helper()
	db := openBeside(c.t, c.n.database)
	defer db.Close()
	if users := names(c.t, db, `SELECT id FROM users`); len(users) < crashAfter/4 {
		c.t.Errorf("there are only %d users", len(users))
	}
	for what, query := range halves {
		if found := names(c.t, db, query); len(found) > 0 {
			c.t.Errorf("%d %s: %v", len(found), what, found)
		}
	}
}

// openBeside opens the node's database beside it.
func openBeside(t testing.TB, database string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", database
	if !strings.HasPrefix(database, "postgres") {
		driver, dsn = "sqlite", "file:"+database+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, dsn)
	check(t, err)
	return db
}

// leasesEnd lets the dead process's leases run out, which takes a minute otherwise.
func (c *crash) leasesEnd() {
	c.t.Helper()
	db := openBeside(c.t, c.n.database)
	defer db.Close()
	_, err := db.Exec(fmt.Sprintf(`UPDATE outbox SET lease_until = %d, due_at = %[1]d WHERE state = 'sending'`, time.Now().Add(-time.Second).UnixMicro()))
	check(c.t, err)
}

// deadlocks is how many PostgreSQL has seen in the database since it began to count; SQLite has none.
func deadlocks(t *testing.T, database string) (n int) {
	t.Helper()
	if !strings.HasPrefix(database, "postgres") {
		return 0
	}
	db := openBeside(t, database)
	defer db.Close()
	check(t, db.QueryRow(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&n))
	return n
}

// messages judges what the phones got: everything that was answered, in time, and twice only where a kill stood between the
// provider's answer and its record.
func (c *crash) messages() {
	c.t.Helper()
	seen, to := map[string][]text{}, map[string]int{}
	for _, m := range c.n.phones.all() {
		seen[m.ID] = append(seen[m.ID], m)
		to[m.To]++
		if m.ExpiresAt == nil || !m.At.Before(*m.ExpiresAt) {
			c.t.Errorf("%s got a code at %v that died at %v", m.To, m.At, m.ExpiresAt)
		}
	}
	twice := 0
	for id, copies := range seen {
		for i, m := range copies[1:] {
			twice++
			before := copies[i]
			if m.Code != before.Code || m.To != before.To {
				c.t.Errorf("message %s was sent twice with different contents", id)
			}
			if !c.killBetween(before.At, m.At) {
				c.t.Errorf("message %s was sent twice by one process: at %v and %v", id, before.At, m.At)
			}
		}
		if len(copies) > 2 {
			c.t.Errorf("message %s was sent %d times", id, len(copies))
		}
	}
	for _, p := range c.people {
		if p.signedUp && to[p.phone] == 0 {
			c.t.Errorf("%s signed up and never got a text", p.phone)
		}
	}
	if twice > crashRounds*crashWorkers*2 {
		c.t.Errorf("%d messages were sent twice: more than were at work", twice)
	}
	c.t.Logf("%d people, %d messages, %d of them sent twice over %d kills", len(c.people), len(seen), twice, len(c.kills))
}

func (c *crash) killBetween(a, b time.Time) bool {
	for _, k := range c.kills {
		// The kill is noted once the process is gone; an answer of its last moment may be read a little later.
		if a.Before(k.Add(time.Second)) && b.After(k) {
			return true
		}
	}
	return false
}
