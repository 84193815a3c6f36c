package proof

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/keyring"
	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

// senderFile writes a delivery file and returns the configuration that names it.
func senderFile(t testing.TB, content string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "delivery.yaml")
	check(t, os.WriteFile(file, []byte(content), 0o600))
	return []string{"sender: {file: " + strconv.Quote(file) + "}", `egress: {allow: ["127.0.0.0/8"]}`}
}

// beside starts another node on the same database.
func (n *node) beside() *node {
	n.t.Helper()
	raw, err := os.ReadFile(n.config)
	check(n.t, err)
	port := freePair(n.t)
	other := *n
	other.public, other.admin, other.process = fmt.Sprintf("http://127.0.0.1:%d", port), fmt.Sprintf("http://127.0.0.1:%d", port+1), nil
	text := strings.NewReplacer(
		"listen: "+strings.TrimPrefix(n.public, "http://"), "listen: "+strings.TrimPrefix(other.public, "http://"), n.public, other.public,
		strings.TrimPrefix(n.admin, "http://"), strings.TrimPrefix(other.admin, "http://"),
	).Replace(string(raw))
	text = regexp.MustCompile(`socket: [^}]+`).ReplaceAllString(text, "socket: "+other.socket())
	other.config = filepath.Join(n.t.TempDir(), "countersign.yaml")
	check(n.t, os.WriteFile(other.config, []byte(text), 0o600))
	other.restart()
	return &other
}

// codesPool makes a pool whose people sign up and in by texts alone.
func codesPool(c *caller, name string) (pool, client string) {
	pool = c.ok(c.back("CreateUserPool", obj{"PoolName": name, "UsernameAttributes": []string{"phone_number"}, "AutoVerifiedAttributes": []string{"phone_number"},
		"Policies": obj{"SignInPolicy": obj{"AllowedFirstAuthFactors": []string{"PASSWORD", "SMS_OTP"}}}})).str("UserPool", "Id")
	client = c.ok(c.back("CreateUserPoolClient", obj{"UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": allFlows})).str("UserPoolClient", "ClientId")
	return pool, client
}

// feed commits messages that no worker has claimed, as a node leaves them that dies right after a commit.
func (n *node) feed(drafts ...delivery.Draft) (ids []string) {
	n.t.Helper()
	ctx := context.Background()
	open := sqlstore.OpenSQLite
	if strings.HasPrefix(n.database, "postgres") {
		open = sqlstore.OpenPostgres
	}
	s, err := open(ctx, n.database, sqlstore.Options{})
	check(n.t, err)
	defer s.Close()
	raw, err := os.ReadFile(filepath.Join(n.dir, "root.key"))
	check(n.t, err)
	root, err := keyring.ParseRoot(strings.TrimSpace(string(raw)))
	check(n.t, err)
	keys, err := keyring.Open(ctx, keyring.Database(s), keyring.Config{Root: root})
	check(n.t, err)
	w, err := delivery.New(delivery.Config{Store: s, Keys: keys, Log: eventlog.New(eventlog.Config{Keys: keys}), Segments: func(string) int { return 1 },
		Route: delivery.Always(delivery.NoSender{})})
	check(n.t, err)
	for len(drafts) > 0 {
		some := drafts[:min(len(drafts), 1000)]
		drafts = drafts[len(some):]
		messages := make([]*store.Message, len(some))
		for i, d := range some {
			messages[i], err = w.Prepare(ctx, d)
			check(n.t, err)
			ids = append(ids, messages[i].ID)
		}
		check(n.t, s.Write(ctx, func(tx store.Tx) error {
			for _, m := range messages {
				if err := w.Enqueue(ctx, tx, m); err != nil { // this worker does not run: the row stays queued
					return err
				}
			}
			return nil
		}))
	}
	return ids
}

// frozen keeps everybody from writing until the function that it returns is called.
func (n *node) frozen() (thaw func()) {
	n.t.Helper()
	db := openBeside(n.t, n.database)
	c, err := db.Conn(context.Background())
	check(n.t, err)
	lines := []string{"BEGIN IMMEDIATE"}
	if strings.HasPrefix(n.database, "postgres") {
		lines = []string{"BEGIN", "LOCK TABLE outbox, attempts, receipts, events IN EXCLUSIVE MODE"}
	}
	for _, line := range lines {
		_, err := c.ExecContext(context.Background(), line)
		check(n.t, err)
	}
	return func() {
		_, err := c.ExecContext(context.Background(), "ROLLBACK")
		check(n.t, err)
		c.Close()
		check(n.t, db.Close())
	}
}

// attempted is how many calls of the carrier were answered well, whether that is committed or not.
func (n *node) attempted() (sum int) {
	a, err := send(mustRequest(n.t, n.admin+"/metrics"))
	check(n.t, err)
	for _, m := range regexp.MustCompile(`(?m)^countersign_send_attempts_total\{.*outcome="sent".*\} (\d+)$`).FindAllStringSubmatch(string(a.raw), -1) {
		v, _ := strconv.Atoi(m[1])
		sum += v
	}
	return sum
}

func mustRequest(t testing.TB, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	check(t, err)
	return req
}

// stepped kills a node at each step of a send. The other node, if there is one, or the next process takes over.
type stepped struct {
	t            *testing.T
	n, other     *node
	air          *air
	carrier      *carrier
	pool, client string
	people       int
}

// TestDeliveryKilled is kill -9 at every step of a send. Nothing is lost; a text goes out twice only if the process died between the request to the service
// and the commit of its answer, and then with the same code.
func TestDeliveryKilled(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		air := newAir()
		s := &stepped{t: t, air: air, carrier: newCarrier(t, air, "a")}
		s.n = serve(t, database, senderFile(t, deliveryFile([]*carrier{s.carrier}, "max_in_flight: 2"))...)
		s.pool, s.client = codesPool(s.n.caller(), "killed")
		if strings.HasPrefix(database, "postgres") {
			s.other = s.n.beside()
		}
		s.beforeTheClaim()
		twice := s.whileItIsCalled()
		twice += s.beforeTheCommit()
		s.afterTheCommit()
		s.whileItReports()
		t.Logf("%d messages, %d of them sent twice over 5 kills", s.people, twice)
		s.n.stop(t)
	})
}

func (s *stepped) phone() string {
	s.people++
	return fmt.Sprintf("+1202555%04d", 4000+s.people)
}

// signUp asks for texts to new numbers.
func (s *stepped) signUp(n int) (to []string) {
	c := s.n.caller()
	for range n {
		to = append(to, s.phone())
		c.ok(c.app("SignUp", obj{"ClientId": s.client, "Username": to[len(to)-1]}))
	}
	return to
}

// die kills the node and lets its work be taken over.
func (s *stepped) die(thaw func()) {
	s.t.Helper()
	s.n.kill()
	if thaw != nil {
		thaw()
	}
	(&crash{t: s.t, n: s.n}).leasesEnd()
	if s.other == nil {
		s.n.restart()
		return
	}
	// An idle node looks every thirty seconds; one with something to repeat looks at once.
	to, c := s.phone(), s.other.caller()
	s.carrier.once.Store(to, true)
	c.ok(c.app("SignUp", obj{"ClientId": s.client, "Username": to}))
	s.arrives(to, 1)
	s.n.restart()
}

// arrives waits until a number has got so many texts, and that nothing is on its way, and tries the code.
func (s *stepped) arrives(to string, texts int) {
	s.t.Helper()
	var code string
	for range texts {
		m, ok := s.air.text(to)
		if !ok || code != "" && m.Code != code {
			s.t.Fatalf("%s: a text did not come, or with another code: %+v", to, m)
		}
		code = m.Code
	}
	n := s.other
	if n == nil {
		n = s.n
	}
	if code != "" {
		c := n.caller()
		c.ok(c.app("ConfirmSignUp", obj{"ClientId": s.client, "Username": to, "ConfirmationCode": code}))
	}
}

// exactly demands how many requests with a number the carrier has seen once nothing is on its way any more.
func (s *stepped) exactly(step string, texts int, numbers ...string) (twice int) {
	s.t.Helper()
	s.n.settled()
	seen := map[string][]sms{}
	for _, m := range s.air.texts() {
		seen[m.To] = append(seen[m.To], m)
	}
	for _, to := range numbers {
		if len(seen[to]) != texts {
			s.t.Errorf("%s: %s got %d texts, want %d", step, to, len(seen[to]), texts)
		}
		for _, m := range seen[to] {
			if m.ID != seen[to][0].ID || m.Text != seen[to][0].Text {
				s.t.Errorf("%s: %s got different texts", step, to)
			}
		}
		if len(seen[to]) > 1 {
			twice++
			if a := s.n.operate("GET", "/messages/"+seen[to][0].ID); a.body["state"] != "sent" || a.body["attempts"] != float64(len(seen[to])) {
				s.t.Errorf("%s: the text that came %d times is shown as %s", step, len(seen[to]), a.raw)
			}
		}
	}
	return twice
}

func (s *stepped) beforeTheClaim() {
	numbers := []string{s.phone(), s.phone(), s.phone()}
	s.n.kill()
	for _, to := range numbers {
		s.n.feed(delivery.Draft{PoolID: s.pool, To: to, Text: "You are invited.", TriggerSource: "Test", Lane: store.LaneSignUp})
	}
	s.die(nil)
	for _, to := range numbers {
		s.arrives(to, 1)
	}
	s.exactly("before the claim", 1, numbers...)
}

// whileItIsCalled dies with two calls under way and four messages that are claimed and wait for their turn.
func (s *stepped) whileItIsCalled() int {
	s.carrier.turn(holds)
	numbers := s.signUp(6)
	called := []string{(<-s.carrier.arrived).To, (<-s.carrier.arrived).To}
	list := s.n.operate("GET", "/messages?state=sending&pool="+s.pool).body["messages"].([]any)
	if len(list) < 4 {
		s.t.Errorf("%d messages are claimed", len(list))
	}
	s.carrier.turn(delivers)
	s.die(nil)
	var waited []string
	for _, to := range numbers {
		s.arrives(to, 1)
		if to != called[0] && to != called[1] {
			waited = append(waited, to)
		}
	}
	s.exactly("after the claim", 1, waited...)
	return s.exactly("while it is called", 2, called...)
}

func (s *stepped) beforeTheCommit() int {
	s.carrier.turn(holds)
	before := s.n.attempted()
	numbers := s.signUp(2)
	<-s.carrier.arrived
	<-s.carrier.arrived
	thaw := s.n.frozen()
	s.carrier.release <- struct{}{}
	s.carrier.release <- struct{}{}
	until(s.t, "two answers", func() bool { return s.n.attempted() == before+2 })
	s.carrier.turn(delivers)
	s.die(thaw)
	for _, to := range numbers {
		s.arrives(to, 2)
	}
	return s.exactly("before the commit", 2, numbers...)
}

func (s *stepped) afterTheCommit() {
	numbers := s.signUp(2)
	s.n.settled()
	s.die(nil)
	for _, to := range numbers {
		s.arrives(to, 1)
	}
	s.exactly("after the commit", 1, numbers...)
}

// whileItReports dies with a receipt half taken. The service has no answer and reports again, to whoever is there.
func (s *stepped) whileItReports() {
	to := s.signUp(1)[0]
	s.arrives(to, 1)
	s.n.settled()
	texts := s.air.texts()
	m := texts[len(texts)-1]
	receipt := func(base string) *http.Request {
		url := base + m.ReceiptURL[strings.Index(m.ReceiptURL, "/receipts/"):]
		return report(s.t, url, carrierSecret, "evt-"+m.Reference, time.Now(), obj{"reference": m.Reference, "state": "delivered"})
	}
	thaw := s.n.frozen()
	wrote, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		req := receipt(s.n.public)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(wrote) }}))
		_, err := send(req)
		failed <- err
	}()
	<-wrote
	s.n.attempted() // another request: the node has begun with the first
	s.die(thaw)
	if err := <-failed; err == nil {
		s.t.Error("the receipt was answered: nothing is proved")
	}
	for i := range 3 {
		base := s.n.public
		if s.other != nil && i == 0 {
			base = s.other.public
		}
		a, err := send(receipt(base))
		check(s.t, err)
		if a.status >= 300 {
			s.t.Errorf("the receipt again: %d %s", a.status, a.raw)
		}
	}
	a := s.n.operate("GET", "/messages/"+m.ID)
	if receipts, _ := a.body["receipts"].([]any); a.body["state"] != "delivered" || len(receipts) != 1 {
		s.t.Errorf("after the receipt: %s", a.raw)
	}
	events := s.n.operate("GET", "/events?type=cs_message_delivered&pool="+s.pool).body["events"].([]any)
	if len(events) != 1 {
		s.t.Errorf("%d events tell that one message was delivered", len(events))
	}
}
