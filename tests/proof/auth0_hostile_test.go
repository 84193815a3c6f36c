package proof

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// auth0Harm is a server with two tenants, each with its hook: that of the first means harm.
type auth0Harm struct {
	t     *testing.T
	n     *node
	to    *receiver
	cache string
	a, b  *tenant
	// script is the text of both hooks, hookA the id of A's.
	script, hookA string
	secret        string // of B's hook
	users         int
}

func newAuth0Harm(t *testing.T) *auth0Harm {
	h := &auth0Harm{t: t, to: newReceiver(t), cache: openFolder(t), secret: "canary-of-the-other-tenant"}
	h.n = serve(t, filepath.Join(t.TempDir(), "countersign.db"), "functions: {isolation: full, cache: "+h.cache+", egress: {allow: [\"localhost:"+h.to.port+"\"]}}", "hooks: {timeout: 3s}")
	two := h.n.tenants("a", "b")
	h.a, h.b = two[0], two[1]
	h.a.rec, h.b.rec = nil, nil
	base := scriptOf(t, "hostile.js")
	base = strings.Replace(base, "const { kms } = require('./kms.js');", "const kms = () => { throw new Error('there is none'); };", 1)
	h.script = base[:strings.Index(base, "exports.handler")] + scriptOf(t, "auth0_hostile.js")
	h.hookA = h.a.hook("harm", h.script, map[string]string{"RECEIVER": h.to.url, "OWN": "canary-of-its-own"})
	h.b.hook("honest", h.script+"\n// of another tenant\n", map[string]string{"RECEIVER": h.to.url, "OTHERS": h.secret})
	h.b.user("plain@example.com", hisSecret, "")
	h.text(h.b)
	return h
}

// text has somebody new of a tenant be sent a code by its hook.
func (h *auth0Harm) text(x *tenant) {
	h.t.Helper()
	h.users++
	name, to := fmt.Sprintf("u%d@example.com", h.users), numbered(9, h.users)
	x.user(name, hisSecret, to)
	if a := x.challenge(x.owing(name, hisSecret)); a.status != 200 {
		h.t.Errorf("a text of the other tenant: %d %s\n%s", a.status, a.raw, h.n.operate("GET", "/events?limit=3&reveal=true&pool="+x.pool).raw)
		return
	}
	if m, ok := h.to.next(to); !ok || len(m.Code) != 6 {
		h.t.Errorf("no code came to the other tenant's user")
	}
}

// does has A's hook do something by Run, in the place where it has its secrets.
func (h *auth0Harm) does(what obj) (answer, error) {
	return h.a.try("POST", h.a.admin+"/api/v2/hooks/"+h.hookA+"/run", obj{"body": obj{"recipient": "+12025550199", "text": string(mustJSON(h.t, what)), "context": obj{
		"message_type": "sms", "action": "enrollment", "language": "en", "code": "135790", "ip": "192.0.2.7", "user_agent": "proof", "user": obj{}}}}, h.a.token)
}

// TestAuth0HostileReach: a tenant's hook tries everything that is of others: their hooks' secrets, packages and processes, the server's files,
// listeners and environment, this machine by any name, the metadata service.
func TestAuth0HostileReach(t *testing.T) {
	h := newAuth0Harm(t)
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("a hook reached %s", r.URL) }))
	defer inside.Close()
	workers := below(t, h.n.cmd.Process.Pid)
	if len(workers) == 0 {
		t.Fatal("the other tenant's hook has no worker")
	}
	list := h.places(inside.URL, workers)
	if !slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, "read "+filepath.Join(h.cache, "packages")) }) {
		t.Error("there is no package of the other tenant")
	}
	out := map[string]string{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for part := range slices.Chunk(list, 12) { // a call has three seconds
		wg.Go(func() {
			a, err := h.does(obj{"tries": part})
			got, _ := a.body["data"].(obj)
			made, _ := got["out"].(obj)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || len(made) != len(part) {
				t.Errorf("%d of %d attempts were made: %v %d %.1500s\n%q", len(made), len(part), err, a.status, a.raw, part)
			}
			for k, v := range made {
				out[k] = fmt.Sprint(v)
			}
		})
	}
	wg.Wait()
	for _, attempt := range list {
		if out[attempt] == "ok" {
			t.Errorf("it worked: %.300s", attempt)
		}
	}
	if a, err := h.does(obj{"tries": []string{"connect localhost:" + h.to.port}}); err != nil || !strings.Contains(string(a.raw), `"ok"`) {
		t.Errorf("what is allowed: %v %s", err, a.raw)
	}
	a, err := h.does(obj{"look": true})
	if err != nil || a.status != 200 || !strings.Contains(string(a.raw), `"env"`) {
		t.Fatalf("what a hook sees: %v %d %s", err, a.status, a.raw)
	}
	for _, word := range []string{h.secret, "canary-of-its-own", h.n.owner.SecretAccessKey, h.a.manager.SecretAccessKey, webhookSecret, h.n.database, h.n.dir, "AWS_SECRET", "COUNTERSIGN_"} {
		if strings.Contains(string(a.raw), word) {
			t.Errorf("a hook sees %q: %s", word, a.raw)
		}
	}
	h.text(h.b)
}

// places are what a hook has no business with.
func (h *auth0Harm) places(inside string, others []live) (list []string) {
	port := func(u string) string { return u[strings.LastIndexByte(u, ':')+1:] }
	admin := port(h.n.admin)
	list = []string{"read " + h.n.database, "read " + h.n.database + "-wal", "read " + h.n.config, "read " + filepath.Join(h.n.dir, "root.key"), "write " + h.n.database, "list " + h.n.dir, "list " + filepath.Dir(h.n.database),
		"read /etc/passwd", "read /etc/shadow", "list /", "list /proc", "list /tmp", "list /home", "list /root", "read /proc/self/environ", "read /proc/1/environ", "read /proc/self/mem", "run /bin/sh", "run " + program,
		"unix " + h.n.socketPath(), "unix /run/docker.sock", "write /tmp/countersign-hostile", "write " + filepath.Join(h.cache, "runtime", "bootstrap.cjs")}
	for _, pid := range append(others, live{pid: h.n.cmd.Process.Pid}) {
		for _, file := range []string{"environ", "mem", "cmdline", "maps"} {
			list = append(list, fmt.Sprintf("read /proc/%d/%s", pid.pid, file))
		}
		list = append(list, fmt.Sprintf("list /proc/%d/fd", pid.pid), fmt.Sprintf("list /proc/%d/root", pid.pid), fmt.Sprintf("list /proc/%d/cwd", pid.pid), fmt.Sprintf("signal %d", pid.pid))
	}
	for _, folder := range []string{"packages", "work", "run"} { // what is in there is B's: A's hook has not run
		list = append(list, "list "+filepath.Join(h.cache, folder))
		found, _ := os.ReadDir(filepath.Join(h.cache, folder))
		for _, d := range found {
			if path := filepath.Join(h.cache, folder, d.Name()); d.IsDir() {
				list = append(list, "list "+path, "read "+filepath.Join(path, "script.js"), "write "+filepath.Join(path, "script.js"), "write "+filepath.Join(path, "new.js"))
			}
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.2", "2130706433", "127.1"} {
		for _, p := range []string{admin, port(h.n.public), port(inside), "443"} {
			list = append(list, "connect "+host+":"+p)
		}
	}
	for _, host := range []string{"169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "10.0.0.1", "192.168.0.1", "metadata.google.internal"} {
		list = append(list, "connect "+host+":80", "fetch http://"+bracketed(host)+"/latest/meta-data/")
	}
	for _, name := range []string{"127.0.0.1", "169.254.169.254", "localhost.localdomain", "0.0.0.0"} {
		list = append(list, "named "+name+":443", "named "+name+":"+admin)
	}
	for _, target := range []string{h.n.admin + "/metrics", h.n.public, inside, "https://localhost:" + h.to.port, "http://127.0.0.1:" + h.to.port} {
		list = append(list, "fetch "+target, "fetch http://localhost:"+h.to.port+"/redirect?to="+url.QueryEscape(target))
	}
	return list
}

// TestAuth0HostileLoad: hooks of one tenant exit, hang, spin, fork, print a gigabyte, take memory and pollute, all at once. Each is stopped and told
// apart; meanwhile another tenant's users sign in, with and without a text of its hook.
func TestAuth0HostileLoad(t *testing.T) {
	h := newAuth0Harm(t)
	plain := func() time.Duration {
		began := time.Now()
		if a := h.b.signIn("plain@example.com", hisSecret); a.status != 200 {
			t.Errorf("a plain sign-in: %d %s", a.status, a.raw)
		}
		return time.Since(began)
	}
	var usual []time.Duration
	for range 7 {
		usual = append(usual, plain())
	}
	attacks := map[string]string{ // what is done → which failures are right, "" is none
		"exit": "crashed", "abort": "crashed", "stopped": "any", "silent": "timed out", "spin": "timed out", "ticks": "timed out", "regexp": "timed out", "late": "threw", "descriptors": "any",
		"listeners": "any", "recursion": "refused", "wide": "any", "prototypes": "any", "heap": "crashed", "buffers": "any", "print": "crashed", "bomb": "", "flood": "any",
	}
	began := time.Now()
	var wg sync.WaitGroup
	for does, want := range attacks {
		wg.Go(func() {
			a, err := h.does(obj{"does": does, "to": "localhost:" + h.to.port})
			took := time.Since(began)
			failure := a.str("error", "failure")
			name := map[string]string{"HookCrashed": "crashed", "HookTimeout": "timed out", "HookThrew": "threw", "Refused": "refused", "HookRejected": "rejected"}[failure]
			if err != nil || a.status != 200 || name == "" && failure != "" || want != "any" && name != want {
				t.Errorf("%s ended as %q, want %q: %v %d %.500s", does, failure, want, err, a.status, a.raw)
			}
			if strings.Contains(string(a.raw), "forged") && does != "prototypes" || took > 40*time.Second {
				t.Errorf("%s after %v: %.500s", does, took, a.raw)
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	var during []time.Duration
	texts := 0
	for running := true; running || texts < 3; {
		during = append(during, plain())
		h.text(h.b)
		texts++
		select {
		case <-over:
			running = false
		default:
		}
	}
	t.Logf("%d plain sign-ins in %v, at most %v, usually %v; %d texts; all over after %v", len(during), median(during), slices.Max(during), median(usual), texts, time.Since(began))
	if slices.Max(during) > 6*time.Second {
		t.Errorf("a plain sign-in took %v", slices.Max(during))
	}
	if a, err := h.does(obj{"look": true}); err != nil || a.status != 200 || !strings.Contains(string(a.raw), `"env"`) {
		t.Errorf("the tenant's own hook afterwards: %v %d %s", err, a.status, a.raw)
	}
	h.text(h.a) // as a sender of texts, too
	h.n.stop(t)
	if log := h.n.out.String(); strings.Contains(log, "panic") {
		t.Errorf("the server panicked: %s", log)
	}
}

// TestAuth0HostileLogins: an action of post-login that hangs, spins or floods its console refuses its own tenant's sign-ins within its limit, and
// nobody else's. Repaired, it lets them in without a restart.
func TestAuth0HostileLogins(t *testing.T) {
	h := newAuth0Harm(t)
	h.a.user("plain@example.com", hisSecret, "")
	code := func(what string) string {
		return "exports.onExecutePostLogin = async (event, api) => { " + what + " };"
	}
	made := h.a.api("POST", "/actions/actions", obj{"name": "judge", "supported_triggers": []obj{{"id": "post-login", "version": "v3"}}, "code": code("")}, 201)
	path := "/actions/actions/" + made.str("id")
	deploy := func(what string) {
		t.Helper()
		h.a.api("PATCH", path, obj{"code": code(what)}, 200)
		h.a.api("POST", path+"/deploy", obj{}, 200)
	}
	deploy("")
	h.a.api("PATCH", "/actions/triggers/post-login/bindings", obj{"bindings": []obj{{"ref": obj{"type": "action_id", "value": made.str("id")}}}}, 200)
	h.a.ok(h.a.signIn("plain@example.com", hisSecret))
	for name, what := range map[string]string{"hangs": "await new Promise(() => {})", "spins": "for (;;);", "prints": "for (;;) console.log('x'.repeat(1000))", "exits": "process.exit(0)"} {
		deploy(what)
		began := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]int{}
		for i := range 24 {
			from := h.a.from(fmt.Sprintf("127.7.%d.1", i+1))
			wg.Go(func() {
				a := from.signIn("plain@example.com", hisSecret)
				mu.Lock()
				defer mu.Unlock()
				answers[fmt.Sprintf("%d %s", a.status, a.str("error"))]++
			})
		}
		worst := time.Duration(0)
		for range 8 {
			began := time.Now()
			if a := h.b.signIn("plain@example.com", hisSecret); a.status != 200 {
				t.Errorf("%s: the other tenant: %d %s", name, a.status, a.raw)
			}
			worst = max(worst, time.Since(began))
		}
		h.text(h.b)
		wg.Wait()
		took := time.Since(began)
		t.Logf("%s: %v after %v; the other tenant at most %v", name, answers, took, worst)
		if len(answers) == 0 || answers["200 "] > 0 || took > 15*time.Second || worst > 5*time.Second {
			t.Errorf("%s: %v after %v, the other tenant at most %v", name, answers, took, worst)
		}
	}
	deploy("")
	until(t, "a repaired action", func() bool { return h.a.signIn("plain@example.com", hisSecret).status == 200 })
	h.n.stop(t)
	if log := h.n.out.String(); strings.Contains(log, "panic") {
		t.Errorf("the server panicked: %s", log)
	}
}
