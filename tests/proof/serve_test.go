package proof

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"countersign/internal/store/storetest"
)

// engines runs f with the URL or path of an empty database of each engine.
func engines(t *testing.T, f func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, filepath.Join(t.TempDir(), "countersign.db")) })
	for _, e := range storetest.Engines(t) {
		if e.Name == "postgres" {
			t.Run("postgres", func(t *testing.T) {
				_, url := storetest.PostgresURL(t)
				f(t, url)
			})
		}
	}
}

// node is `countersign serve` with everything around it: a database, an owner's key, and phones behind a webhook.
type node struct {
	*process
	t             *testing.T
	public, admin string
	database, dir string
	config        string
	phones        *phones
	owner         aws.Credentials
	rest          *recorder
	erased        string
}

const webhookSecret = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LTAxMjM0NTY3ODk="

// serve starts a node. more are further lines of its configuration; one that begins with "sender:" takes the place of the phones.
func serve(t *testing.T, database string, more ...string) *node {
	t.Helper()
	dir := t.TempDir()
	port := freePair(t)
	n := &node{
		t: t, database: database, dir: dir, config: filepath.Join(dir, "countersign.yaml"), phones: newPhones(t), rest: &recorder{},
		public: fmt.Sprintf("http://127.0.0.1:%d", port), admin: fmt.Sprintf("http://127.0.0.1:%d", port+1),
	}
	n.command("key", "new", "--out", filepath.Join(dir, "root.key"))
	sender := fmt.Sprintf(`sender: {webhook: {url: "%s", secret: %s}}`, n.phones.url, webhookSecret)
	if slices.ContainsFunc(more, func(line string) bool { return strings.HasPrefix(line, "sender:") }) {
		sender = ""
	}
	guards := ""
	if !slices.ContainsFunc(more, func(line string) bool { return strings.HasPrefix(line, "guards:") }) {
		guards = "guards: {file: " + filepath.Join(dir, "guards.yaml") + "}"
		check(t, os.WriteFile(filepath.Join(dir, "guards.yaml"), []byte(tolerant), 0o600))
	}
	// The database's folder may be too deep for a socket.
	check(t, os.WriteFile(n.config, fmt.Appendf(nil, `listen: 127.0.0.1:%d
base_urls: [%s]
admin: {listen: "127.0.0.1:%d", socket: %s}
database: %s
root_key: {file: %s}
log: {level: debug}
%s
%s
%s
`, port, n.public, port+1, n.socket(), database, filepath.Join(dir, "root.key"), sender, guards, strings.Join(more, "\n")), 0o600))
	n.restart()
	var key struct{ ID, Secret string }
	check(t, json.Unmarshal([]byte(n.command("keys", "create", "--config", n.config, "--name", "owner", "--preset", "owner", "--json")), &key))
	n.owner = aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	return n
}

// tolerant is a policy for tests of other things than guards: their numbers reach nobody, their codes stay untyped, and they ask faster than people do. What
// every server has of limits holds all the same.
const tolerant = `
fictional: off
line_types: {mode: off}
pumping: {mode: record}
limits: {cool_down_seconds: [], back_off_after: -1}
spend: {mode: off}
`

// socket is a short path, since socket addresses hold about a hundred bytes.
func (n *node) socket() string {
	dir, err := os.MkdirTemp("", "cs")
	check(n.t, err)
	n.t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// restart starts the program, again after a kill.
func (n *node) restart() {
	n.t.Helper()
	before := ""
	if n.process != nil {
		before = n.out.String()
	}
	n.process = start(n.t, n.public, "serve", "--config", n.config, "--migrate")
	n.out.Write([]byte(before))
}

// command runs the program to its end and returns what it printed.
func (n *node) command(args ...string) string {
	n.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = environment()
	out, err := cmd.Output()
	if e, ok := err.(*exec.ExitError); ok {
		n.t.Fatalf("countersign %s: %v\n%s", strings.Join(args, " "), err, e.Stderr)
	}
	check(n.t, err)
	return string(out)
}

// text is what the webhook was given.
type text struct {
	ID, To, Text, Code, Channel string
	TriggerSource               string     `json:"trigger_source"`
	PoolID                      string     `json:"pool_id"`
	ExpiresAt                   *time.Time `json:"expires_at"`
	// At is when it came.
	At time.Time `json:"-"`
}

// phones are behind a webhook. A number that ends in 99 cannot be reached: the answer quotes what it must not.
type phones struct {
	url string

	mu    sync.Mutex
	texts []text
	// stuck, if not nil, is waited for, and then nothing was taken.
	stuck chan struct{}
	read  map[string]int // recipient → texts handed out by next
	more  chan struct{}  // closed and replaced at each text
}

func newPhones(t testing.TB) *phones {
	p := &phones{read: map[string]int{}, more: make(chan struct{})}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.url = srv.URL + "/send"
	return p
}

func (p *phones) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m text
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.At = time.Now()
	p.mu.Lock()
	if stuck := p.stuck; stuck != nil {
		p.mu.Unlock()
		<-stuck
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	p.texts = append(p.texts, m)
	close(p.more)
	p.more = make(chan struct{})
	p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(m.To, "99") {
		w.WriteHeader(http.StatusUnprocessableEntity)
		json.NewEncoder(w).Encode(map[string]string{"status": "failed", "class": "permanent", "code": m.Code, "error": "cannot send " + m.Text + " with " + m.Code + " to " + m.To})
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"status": "sent", "id": "wh-" + m.ID})
}

// stick makes the phones take no texts until the function that it returns is called.
func (p *phones) stick() (loose func()) {
	stuck := make(chan struct{})
	set := func(c chan struct{}) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stuck = c
	}
	set(stuck)
	return func() {
		set(nil)
		close(stuck)
	}
}

// all returns every text in the order in which they came.
func (p *phones) all() []text {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]text(nil), p.texts...)
}

// code waits for the next text with a code to the number, and returns the code. An empty one means that none came.
func (p *phones) code(to string) string { return p.codeOr(to, nil) }

// codeOr is code, and gives up when end is closed.
func (p *phones) codeOr(to string, end <-chan struct{}) string {
	patience := time.After(15 * time.Second)
	for {
		p.mu.Lock()
		more, seen := p.more, 0
		for _, m := range p.texts {
			if m.To != to || m.Code == "" {
				continue
			}
			if seen++; seen > p.read[to] {
				p.read[to] = seen
				p.mu.Unlock()
				return m.Code
			}
		}
		p.mu.Unlock()
		select {
		case <-more:
		case <-end:
			return ""
		case <-patience:
			return ""
		}
	}
}
