package proof

import (
	"encoding/base64"
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

	"github.com/aws/aws-sdk-go-v2/aws"
)

// harm is a server with two pools, each with its sender function: that of pool A means harm.
type harm struct {
	*caller
	t           *testing.T
	n           *node
	to          *receiver
	cache       string
	poolB, appB string
	appA        string
	keyA, keyB  string
	sealed      received // a code of pool B, and the environment of its function
	worker      string   // of B's function
}

func newHarm(t *testing.T) *harm {
	h := &harm{t: t, to: newReceiver(t), cache: openFolder(t)}
	h.n = serve(t, filepath.Join(t.TempDir(), "countersign.db"), "functions: {isolation: full, cache: "+h.cache+", egress: {allow: [\"localhost:"+h.to.port+"\"]}}")
	h.caller = h.n.caller()
	h.caller.rec = nil
	if level := h.n.operate("GET", "/isolation").str("level"); level != "full" {
		t.Fatalf("this machine offers isolation %q: the proof needs full", level)
	}
	code := zipped(t, map[string]string{"index.js": "testdata/hostile.js", "kms.js": "testdata/kms.js"})
	env := map[string]string{"RECEIVER": h.to.url}
	h.keyA, h.keyB = h.key(), h.key()
	_, h.appA = h.triggered("a", sender(h.deploy("a", code, env, nil), h.keyA), "a")
	h.poolB, h.appB = h.triggered("b", sender(h.deploy("b", code, env, nil), h.keyB), "b")
	h.ok(h.app("SignUp", obj{"ClientId": h.appB, "Username": victim, "Password": hisSecret}))
	var came bool
	if h.sealed, came = h.to.next(victim); !came {
		t.Fatalf("no code came\n%s", h.n.out.String())
	}
	h.ok(h.back("AdminConfirmSignUp", obj{"UserPoolId": h.poolB, "Username": victim}))
	h.n.settled()
	h.worker = h.alive()
	return h
}

// alive calls B's function, and says which worker answered.
func (h *harm) alive() string {
	h.t.Helper()
	a := h.invoke("b", obj{})
	if a.status != http.StatusOK || a.str("worker") == "" {
		h.t.Errorf("the other function: %d %s", a.status, a.raw)
	}
	return a.str("worker")
}

// signIn is the time that a sign-in takes.
func (h *harm) signIn() time.Duration {
	began := time.Now()
	h.ok(h.app("InitiateAuth", obj{"ClientId": h.appB, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": victim, "PASSWORD": hisSecret}}))
	return time.Since(began)
}

func median(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// TestAdvisory_CVE_2026_27945_functions: user code reached hosts inside. A function of one pool tries everything that is of others: the code
// of the other pool, the listeners, the database, packages and folders, processes, the metadata service, this machine by any name.
func TestAdvisory_CVE_2026_27945_functions(t *testing.T) {
	h := newHarm(t)
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("a function reached %s", r.URL) }))
	defer inside.Close()
	port := func(u string) string { return u[strings.LastIndexByte(u, ':')+1:] }
	admin, public, other := port(h.n.admin), port(h.n.public), port(inside.URL)
	list := []string{
		"read " + h.n.database, "read " + h.n.config, "read " + filepath.Join(h.n.dir, "root.key"), "write " + h.n.database, "list " + h.n.dir,
		"read /etc/passwd", "list /", "list /proc", fmt.Sprintf("read /proc/%d/environ", h.n.cmd.Process.Pid), fmt.Sprintf("read /proc/%d/mem", h.n.cmd.Process.Pid),
		"read /proc/1/environ", "read /proc/self/environ", fmt.Sprintf("signal %d", h.n.cmd.Process.Pid), "run /bin/sh", "unix " + h.n.socketPath(), "unix /run/docker.sock",
		"list " + filepath.Join(h.cache, "packages"), "list " + filepath.Join(h.cache, "work"), "list " + filepath.Join(h.cache, "run"),
		"write " + filepath.Join(h.cache, "runtime", "bootstrap.cjs"), "write /tmp/countersign-hostile",
	}
	for _, folder := range []string{"packages", "work"} {
		found, err := os.ReadDir(filepath.Join(h.cache, folder))
		check(t, err)
		for _, d := range found {
			if folder == "work" { // B's, since A has no worker yet
				list = append(list, "list "+filepath.Join(h.cache, folder, d.Name()), "write "+filepath.Join(h.cache, folder, d.Name(), "x"))
			} else if d.IsDir() {
				list = append(list, "write "+filepath.Join(h.cache, folder, d.Name(), "index.js"), "write "+filepath.Join(h.cache, folder, d.Name(), "new.js"))
			}
		}
	}
	hosts := []string{"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.2", "0x7f000001", "2130706433", "127.1"}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	for _, host := range hosts {
		for _, p := range []string{admin, public, other, "443", "80", "22"} {
			list = append(list, "connect "+host+":"+p)
		}
		if host != "localhost" {
			list = append(list, "connect "+host+":"+h.to.port) // open under one name alone
		}
	}
	for _, host := range []string{"169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "10.0.0.1", "192.168.0.1", "172.17.0.1", "metadata.google.internal"} {
		list = append(list, "connect "+host+":80", "connect "+host+":443", "fetch https://"+bracketed(host)+"/latest/meta-data/")
	}
	// Names that are addresses: our name server gives each an address, and the server's dialer is to refuse what it means.
	for _, name := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "0x7f000001", "2130706433", "localhost.localdomain", "0.0.0.0", "127.1"} {
		list = append(list, "named "+name+":443", "named "+name+":80", "named "+name+":"+h.to.port, "named "+name+":"+admin)
	}
	for _, target := range []string{h.n.admin, h.n.public, inside.URL, "http://169.254.169.254/", "http://[::ffff:127.0.0.1]:" + admin, "https://localhost:" + h.to.port, "http://127.0.0.1:" + h.to.port} {
		list = append(list, "fetch "+target, "fetch http://localhost:"+h.to.port+"/redirect?to="+url.QueryEscape(target))
	}
	// The other pool's code, with A's own credentials, and whatever else the KMS has.
	blob, context := dataKey(t, h.sealed.Code)
	for _, call := range []obj{
		{"op": "Decrypt", "CiphertextBlob": blob, "EncryptionContext": context}, {"op": "Decrypt", "CiphertextBlob": blob, "EncryptionContext": context, "KeyId": h.keyB},
		{"op": "Decrypt", "CiphertextBlob": blob, "EncryptionContext": context, "KeyId": h.keyA}, {"op": "Encrypt", "KeyId": h.keyA, "Plaintext": "AAAA"},
		{"op": "GenerateDataKey", "KeyId": h.keyB, "KeySpec": "AES_256"}, {"op": "ReEncrypt", "CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": h.keyA},
		{"op": "ListKeys"}, {"op": "DescribeKey", "KeyId": h.keyB}, {"op": "GetKeyPolicy", "KeyId": h.keyB}, {"op": "CreateGrant", "KeyId": h.keyB, "GranteePrincipal": "*", "Operations": []string{"Decrypt"}},
		{"op": "DisableKey", "KeyId": h.keyA}, {"op": "CreateKey"}, {"op": "PutKeyPolicy", "KeyId": h.keyA, "Policy": "{}"},
	} {
		op := call["op"].(string)
		delete(call, "op")
		list = append(list, "kms "+op+" "+string(mustJSON(t, call)))
	}
	out := map[string]string{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for part := range slices.Chunk(list, 40) {
		wg.Go(func() {
			a := h.invoke("a", obj{"tries": part})
			mu.Lock()
			defer mu.Unlock()
			got, _ := a.body["out"].(obj)
			if len(got) != len(part) {
				t.Errorf("%d of %d attempts were made: %d %v %s", len(got), len(part), a.status, a.header, a.raw)
			}
			for k, v := range got {
				out[k] = fmt.Sprint(v)
			}
		})
	}
	wg.Wait()
	for _, attempt := range list {
		if out[attempt] == "ok" {
			t.Errorf("it worked: %.300s", attempt)
		}
		if strings.HasPrefix(attempt, "kms ") && out[attempt] != "AccessDeniedException" {
			t.Errorf("%.200s: %s", attempt, out[attempt])
		}
		t.Logf("%-30s %.200s", out[attempt], attempt)
	}
	// What is open does work: it is the rest that was refused, and nothing else.
	if a := h.invoke("a", obj{"tries": []string{"connect localhost:" + h.to.port}}); !strings.Contains(string(a.raw), `"ok"`) {
		t.Errorf("what is allowed: %s", a.raw)
	}
	h.own(t)
	if h.alive() != h.worker {
		t.Error("the other function lost its worker")
	}
	log := h.n.out.String()
	for _, want := range []string{"function's connection refused", "connect by name"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// own tries the credentials of B's function from outside, where signed requests are taken.
func (h *harm) own(t *testing.T) {
	t.Helper()
	as := *h.caller
	as.creds = aws.Credentials{AccessKeyID: h.sealed.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: h.sealed.Env["AWS_SECRET_ACCESS_KEY"]}
	if as.creds.AccessKeyID == "" || as.creds.SecretAccessKey == "" {
		t.Fatalf("the function has no credentials: %v", h.sealed.Env)
	}
	for _, a := range []answer{
		as.back("ListUserPools", obj{"MaxResults": 10}), as.back("AdminGetUser", obj{"UserPoolId": h.poolB, "Username": victim}), as.lambda("GET", functionsPath+"/b", nil),
		as.lambda("GET", functionsPath+"/", nil), as.lambda("POST", functionsPath+"/b/invocations", obj{}), as.kms("CreateKey", obj{}), as.kms("ListKeys", obj{}),
	} {
		if a.status < 400 || strings.Contains(string(a.raw), victim) {
			t.Errorf("%s with a function's credentials: %d %s", a.op, a.status, a.raw)
		}
	}
	for _, path := range []string{"/status", "/pools", "/events?pool=" + h.poolB, "/access-keys"} {
		req, err := http.NewRequest("GET", h.n.admin+"/admin/v1"+path, nil)
		check(t, err)
		sign(t, req, as.creds, "countersign")
		if a, err := send(req); err != nil || a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
			t.Errorf("GET %s with a function's credentials: %d %s, %v", path, a.status, a.raw, err)
		}
	}
}

// TestFunctionsHostileLoad: a function that spins, prints, allocates, forks or floods is stopped, by the limit that the log
// and the event name. Meanwhile people sign in as fast as before, and another function goes on in its worker.
func TestFunctionsHostileLoad(t *testing.T) {
	h := newHarm(t)
	var usual []time.Duration
	for range 15 {
		usual = append(usual, h.signIn())
	}
	for _, c := range []struct {
		do, to string
		// reason is that of the event, empty if the function answers; logged is in the log; fails is the error's type.
		reason, fails string
		logged        []string
	}{
		{"spin", "", "timeout", "Sandbox.Timedout", []string{`"reason":"timeout"`, `"timeout":`}},
		{"heap", "", "memory", "Runtime.ExitError", []string{`"reason":"memory"`, `"memory_mb":128`}},
		{"buffers", "", "thrown", "RangeError", nil},
		{"print", "", "output", "Runtime.OutputTooLarge", []string{`"reason":"output"`, `"limit_bytes":16777216`}},
		{"bomb", "", "", "", nil},
		{"flood", "localhost:" + h.to.port, "", "", []string{`more than 64 open connections`}},
		{"flood", "kms." + region + ".amazonaws.com:443", "", "", []string{`more than 64 open connections`}},
	} {
		t.Run(c.do, func(t *testing.T) {
			timeout := 20
			if c.do == "spin" {
				timeout = 2
			}
			if a := h.lambda("PUT", functionsPath+"/a/configuration", obj{"Timeout": timeout}); a.status != http.StatusOK {
				t.Fatalf("UpdateFunctionConfiguration: %d %s", a.status, a.raw)
			}
			before := len(h.n.out.String())
			began, done := time.Now(), make(chan answer, 1)
			go func() {
				req, err := http.NewRequest("POST", h.n.admin+functionsPath+"/a/invocations", strings.NewReader(string(mustJSON(t, obj{"do": c.do, "to": c.to}))))
				if err == nil {
					sign(t, req, h.n.owner, "lambda")
					a, _ := send(req)
					done <- a
				}
			}()
			var during []time.Duration
			var a answer
			for a.status == 0 {
				during = append(during, h.signIn())
				select {
				case a = <-done:
				default:
				}
				if time.Since(began) > 25*time.Second {
					t.Fatal("it was not stopped within 25 s")
				}
			}
			for len(during) < 5 {
				during = append(during, h.signIn())
			}
			if m := median(during); m > 4*median(usual)+100*time.Millisecond || slices.Max(during) > 3*time.Second {
				t.Errorf("a sign-in took %v, at most %v; usually %v", m, slices.Max(during), median(usual))
			}
			if got := a.str("errorType"); got != c.fails {
				t.Errorf("it ended with %q, want %q: %d %s", got, c.fails, a.status, a.raw)
			}
			if ran, _ := a.body["ran"].(float64); ran > 0 {
				t.Errorf("%v processes were started", ran)
			}
			if left, _ := a.body["left"].(float64); left > 64 {
				t.Errorf("%v connections stayed open", left)
			}
			if h.alive() != h.worker {
				t.Error("the other function lost its worker")
			}
			h.said(t, c.logged, before)
			if c.reason == "" {
				return
			}
			events := h.n.operate("GET", "/events?pool=deployment&type=cs_function_failed&limit=1")
			list, _ := events.body["events"].([]any)
			if len(list) != 1 || list[0].(obj)["data"].(obj)["reason"] != c.reason {
				t.Errorf("the event: %s, want reason %q", events.raw, c.reason)
			}
			t.Logf("%v; sign-ins %v, at most %v, usually %v", time.Since(began), median(during), slices.Max(during), median(usual))
		})
	}
	h.n.stop(t)
	if strings.Contains(h.n.out.String(), "panic") {
		t.Errorf("the server panicked: %s", h.n.out.String())
	}
}

// said waits for lines of the log.
func (h *harm) said(t *testing.T, list []string, from int) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text := h.n.out.String()[from:]
		missing := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return strings.Contains(text, s) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("the log lacks %q: %.2000s", missing, text)
			return
		}
	}
}

// bracketed is a host as URLs have it.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// dataKey takes the sealed data key and the encryption context out of a message of the AWS Encryption SDK, version 1.
func dataKey(t testing.TB, message string) (blob string, context map[string]string) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(message)
	check(t, err)
	short := func() int { n := int(b[0])<<8 | int(b[1]); b = b[2:]; return n }
	take := func(n int) []byte { v := b[:n]; b = b[n:]; return v }
	take(20)
	short()
	context = map[string]string{}
	for range short() {
		k := string(take(short()))
		context[k] = string(take(short()))
	}
	short()
	take(short())
	take(short())
	return base64.StdEncoding.EncodeToString(take(short())), context
}

// socketPath is the local socket of the node.
func (n *node) socketPath() string {
	n.t.Helper()
	raw, err := os.ReadFile(n.config)
	check(n.t, err)
	_, rest, _ := strings.Cut(string(raw), "socket: ")
	path, _, ok := strings.Cut(rest, "}")
	if !ok {
		n.t.Fatal("the configuration names no socket")
	}
	return path
}
