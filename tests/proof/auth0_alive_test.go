package proof

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// vendor sends texts for hooks, after a while.
type vendor struct {
	url, port string
	delay     atomic.Int64

	mu   sync.Mutex
	sent map[string][]string // recipient → codes
	most int
	now  int
}

func newVendor(t *testing.T) *vendor {
	p := &vendor{sent: map[string][]string{}}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.port = srv.URL[strings.LastIndexByte(srv.URL, ':')+1:]
	p.url = "http://localhost:" + p.port + "/send"
	return p
}

func (p *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct{ To, Code string }
	if json.NewDecoder(r.Body).Decode(&m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.sent[m.To] = append(p.sent[m.To], m.Code)
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	select {
	case <-time.After(time.Duration(p.delay.Load())):
	case <-r.Context().Done():
	}
	p.mu.Lock()
	p.now--
	p.mu.Unlock()
}

// codes are those that came to a number.
func (p *vendor) codes(to string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent[to])
}

func (p *vendor) calls() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, list := range p.sent {
		n += len(list)
	}
	return n
}

const (
	aliveUsers = 50
	aliveEach  = 4 // challenges of a user at once
)

// alive is a tenant with many users whose hook has a bad day, and another one.
type alive struct {
	t       *testing.T
	n       *node
	a, b    *tenant
	pa, pb  *vendor
	hook    string
	users   []string // ids
	numbers []string
	others  int
}

func newAlive(t *testing.T) *alive {
	x := &alive{t: t, pa: newVendor(t), pb: newVendor(t), users: make([]string, aliveUsers), numbers: make([]string, aliveUsers)}
	x.n = serve(t, filepath.Join(t.TempDir(), "countersign.db"), fmt.Sprintf(`functions: {egress: {allow: ["localhost:%s", "localhost:%s"]}}`, x.pa.port, x.pb.port))
	two := x.n.tenants("a", "b")
	x.a, x.b = two[0], two[1]
	x.a.rec, x.b.rec = nil, nil
	script := scriptOf(t, "auth0_slow.js")
	x.hook = x.a.hook("slow", script, map[string]string{"RECEIVER": x.pa.url, "MODE": "well"})
	x.b.hook("other", script, map[string]string{"RECEIVER": x.pb.url, "MODE": "well"})
	x.b.user("other@example.com", hisSecret, numbered(2, 1))
	var wg sync.WaitGroup
	free := make(chan struct{}, 4)
	for i := range x.users {
		x.numbers[i] = numbered(1, i)
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			x.users[i] = x.a.user(fmt.Sprintf("u%d@example.com", i), hisSecret, x.numbers[i])
		})
	}
	wg.Wait()
	return x
}

// owe begins a sign-in of everybody, each from a network of their own.
func (x *alive) owe() (tokens []string, from []*tenant) {
	tokens, from = make([]string, aliveUsers), make([]*tenant, aliveUsers)
	var wg sync.WaitGroup
	free := make(chan struct{}, 4)
	for i := range tokens {
		from[i] = x.a.from(fmt.Sprintf("127.3.%d.1", i+1))
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			tokens[i] = from[i].owing(fmt.Sprintf("u%d@example.com", i), hisSecret)
		})
	}
	wg.Wait()
	return tokens, from
}

// challenged asks for all codes at once and returns the answers of each user.
func (x *alive) challenged(tokens []string, from []*tenant) [][]answer {
	out := make([][]answer, aliveUsers)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range tokens {
		for range aliveEach {
			wg.Go(func() {
				a := from[i].challenge(tokens[i])
				mu.Lock()
				defer mu.Unlock()
				out[i] = append(out[i], a)
			})
		}
	}
	wg.Wait()
	return out
}

// beside plays the other tenant until it is stopped, and judges how it fares.
func (x *alive) beside() (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var worst time.Duration
		rounds, failed := 0, 0
		for {
			select {
			case <-end:
				if x.t.Logf("the other tenant: %d texts, at most %v", rounds, worst); worst > 5*time.Second || rounds < 2 || failed > 0 {
					x.t.Errorf("the other tenant suffers: %d sign-ins by text, %d failed, at most %v", rounds, failed, worst)
				}
				return
			case <-time.After(50 * time.Millisecond):
			}
			began := time.Now()
			if !x.other() {
				failed++
			}
			rounds++
			worst = max(worst, time.Since(began))
		}
	}()
	return func() { close(end); <-done }
}

// other signs a user of the other tenant in: each time a new one, since texts of one are limited.
func (x *alive) other() bool {
	x.others++
	name, to := fmt.Sprintf("o%d@example.com", x.others), numbered(3, x.others)
	x.b.user(name, hisSecret, to)
	owed := x.b.owing(name, hisSecret)
	ch := x.b.challenge(owed)
	list := x.pb.codes(to)
	if ch.status != 200 || len(list) != 1 {
		x.t.Errorf("the other tenant: %d %s, %d texts", ch.status, ch.raw, len(list))
		return false
	}
	a := x.b.redeem(owed, ch.str("oob_code"), list[0])
	if a.status != 200 {
		x.t.Errorf("the other tenant: %d %s", a.status, a.raw)
	}
	return a.status == 200
}

// over waits until no message of the tenant is on its way, and returns how many ended how.
func (x *alive) over(within time.Duration) map[string]int {
	x.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		if len(x.a.messages("queued"))+len(x.a.messages("sending")) == 0 {
			break
		}
		if time.Now().After(end) {
			x.t.Errorf("%d messages wait and %d are at work after %v", len(x.a.messages("queued")), len(x.a.messages("sending")), within)
			break
		}
	}
	out := map[string]int{}
	for _, state := range []string{"sent", "delivered", "failed", "expired", "suppressed", "undelivered"} {
		if n := len(x.a.messages(state)); n > 0 {
			out[state] = n
		}
	}
	return out
}

// TestAuth0StaysAlive: two hundred second factors at once, first by a hook whose provider hangs, then by one that crashes. Every message ends as sent or
// failed, and was given to the hook once; another tenant notices nothing; who failed and why is in the users' log; a repaired hook works without a restart.
func TestAuth0StaysAlive(t *testing.T) {
	x := newAlive(t)
	x.hangs()
	x.crashes()
	x.repaired()
	x.n.stop(t)
	if strings.Contains(x.n.out.String(), "panic") {
		t.Errorf("the server panicked: %s", x.n.out.String())
	}
}

func statuses(all [][]answer) map[string]int {
	out := map[string]int{}
	for _, list := range all {
		for _, a := range list {
			out[fmt.Sprintf("%d %s", a.status, a.str("error"))]++
		}
	}
	return out
}

func (x *alive) hangs() {
	x.pa.delay.Store(int64(1500 * time.Millisecond))
	tokens, from := x.owe()
	stop := x.beside()
	began := time.Now()
	all := x.challenged(tokens, from)
	x.t.Logf("a provider that hangs: %v after %v", statuses(all), time.Since(began))
	ended := x.over(60 * time.Second)
	x.t.Logf("messages: %v after %v, %d at once", ended, time.Since(began), x.pa.most)
	stop()
	if ended["sent"] != aliveUsers*aliveEach || len(ended) != 1 || x.pa.calls() != aliveUsers*aliveEach {
		x.t.Errorf("%d messages became %v, and the provider was called %d times", aliveUsers*aliveEach, ended, x.pa.calls())
	}
	x.pa.delay.Store(0)
	for i, list := range all {
		codes := x.pa.codes(x.numbers[i])
		if len(list) != aliveEach || len(codes) != aliveEach || slices.ContainsFunc(list, func(a answer) bool { return a.status != 200 || a.str("oob_code") == "" }) {
			x.t.Fatalf("user %d: %d answers, %d texts, %v", i, len(list), len(codes), statuses(all[i:i+1]))
		}
		if i%10 != 0 {
			continue
		}
		// The newest code is good, with any oob_code of its sign-in; texts overtake each other.
		if !slices.ContainsFunc(codes, func(c string) bool { return from[i].redeem(tokens[i], list[0].str("oob_code"), c).status == 200 }) {
			x.t.Errorf("user %d: none of the codes is good", i)
		}
	}
}

func (x *alive) crashes() {
	x.a.api("PATCH", "/hooks/"+x.hook+"/secrets", obj{"MODE": "crash"}, 201)
	tokens, from := x.owe()
	calls := x.pa.calls()
	stop := x.beside()
	began := time.Now()
	all := x.challenged(tokens, from)
	// Once it has crashed several times in a row it is left alone: what is asked for then waits, and is sent when it is well again.
	waited := 0
	for i := range 5 {
		a := from[i].challenge(tokens[i])
		if all[i] = append(all[i], a); a.status == 200 {
			waited++
		}
	}
	x.t.Logf("a hook that crashes: %v after %v", statuses(all), time.Since(began))
	x.a.api("PATCH", "/hooks/"+x.hook+"/secrets", obj{"MODE": "well"}, 201)
	ended := x.over(60 * time.Second)
	if waited == 0 || ended["sent"] < aliveUsers*aliveEach+waited {
		x.t.Errorf("%d texts waited for the hook; %v", waited, ended)
	}
	x.t.Logf("messages: %v after %v", ended, time.Since(began))
	stop()
	if ended["sent"]+ended["failed"] != 2*aliveUsers*aliveEach+5 || len(ended) > 2 || ended["failed"] == 0 {
		x.t.Errorf("messages became %v", ended)
	}
	if after := x.pa.calls() - calls; after != ended["sent"]-aliveUsers*aliveEach {
		x.t.Errorf("the provider was called %d times for %d messages", after, ended["sent"]-aliveUsers*aliveEach)
	}
	failures := 0
	for i, list := range all {
		refused := 0
		for _, a := range list {
			switch {
			case a.status == 400 && a.str("error") == "error_sending_sms":
				refused++
			case a.status != 200:
				x.t.Errorf("user %d was answered %d %s", i, a.status, a.raw)
			}
		}
		entries := x.a.log("gd_send_sms_failure", x.users[i])
		if failures += len(entries); len(entries) < refused {
			x.t.Errorf("user %d: %d refusals, %d entries in the log", i, refused, len(entries))
		}
		for _, e := range entries {
			if why := string(mustJSON(x.t, e)); !strings.Contains(why, "HookCrashed") || !strings.Contains(why, "provider_error") {
				x.t.Errorf("user %d: the log does not say why: %s", i, why)
			}
		}
	}
	if failures != ended["failed"] {
		x.t.Errorf("%d messages failed, and the log has %d", ended["failed"], failures)
	}
}

// repaired is the hook after it has crashed for a while: a new text, or a changed secret, is all it needs.
func (x *alive) repaired() {
	x.a.api("PATCH", "/hooks/"+x.hook, obj{"script": scriptOf(x.t, "auth0_slow.js") + "// repaired\n"}, 200)
	for i := range 3 {
		owed := x.a.owing(fmt.Sprintf("u%d@example.com", i), hisSecret)
		ch := x.a.challenge(owed)
		codes := x.pa.codes(x.numbers[i])
		if ch.status != 200 {
			x.t.Fatalf("the repaired hook: %d %s", ch.status, ch.raw)
		}
		if a := x.a.redeem(owed, ch.str("oob_code"), codes[len(codes)-1]); a.status != 200 {
			x.t.Errorf("the repaired hook: %d %s", a.status, a.raw)
		}
	}
}
