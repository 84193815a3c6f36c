package proof

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

// live is a process: its number may be given to another one, with a later start.
type live struct {
	pid   int
	start string
}

// parent and start of a process (proc(5), stat); ok is false if there is none, or only its remains.
func procOf(pid int) (parent int, start string, ok bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", false
	}
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(f) < 20 || f[0] == "Z" {
		return 0, "", false
	}
	parent, err = strconv.Atoi(f[1])
	return parent, f[19], err == nil
}

// below are all processes that a process started, and those that these started.
func below(t testing.TB, root int) (out []live) {
	t.Helper()
	list, err := os.ReadDir("/proc")
	check(t, err)
	children := map[int][]live{}
	for _, d := range list {
		if pid, err := strconv.Atoi(d.Name()); err == nil {
			if parent, start, ok := procOf(pid); ok {
				children[parent] = append(children[parent], live{pid, start})
			}
		}
	}
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, c := range children[next[0]] {
			out = append(out, c)
			next = append(next, c.pid)
		}
	}
	return out
}

func (l live) gone() bool {
	_, start, ok := procOf(l.pid)
	return !ok || start != l.start
}

// openFolder is a folder that everybody may enter, as packages must be where workers have users of their own.
func openFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "countersign-proof-cache-")
	check(t, err)
	check(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(p, 0o700)
			}
			return nil
		})
		os.RemoveAll(dir)
	})
	return dir
}

// leasesEnd lets the leases of a dead process run out, which takes a minute otherwise.
func (n *node) leasesEnd() {
	n.t.Helper()
	(&crash{t: n.t, n: n}).leasesEnd()
}

// TestFunctionsCrash kills the server while sender functions are at work. Their processes die with it, their folders go, and every text that
// was promised is sent: once, or twice if the function was at work when the server died, which is the one window there is.
func TestFunctionsCrash(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		to, cache := newReceiver(t), openFolder(t)
		n := serve(t, database, "functions: {cache: "+cache+", egress: {allow: [\"localhost:"+to.port+"\"]}}")
		c := n.caller()
		arn := c.deploy("crash", zipped(t, map[string]string{"index.js": "testdata/canary.js", "kms.js": "testdata/kms.js"}), map[string]string{"RECEIVER": to.url}, nil)
		pool, client := c.triggered("crash", sender(arn, c.key()), "crash")
		signUp := func(phone string) {
			c.ok(c.app("SignUp", obj{"ClientId": client, "Username": phone, "Password": hisSecret}))
		}
		signUp("+12025550100")
		if _, ok := to.next("+12025550100"); !ok {
			t.Fatalf("no text came\n%s", n.out.String())
		}
		hold := make(chan struct{})
		to.setHold(hold)
		var people []string
		for i := range 8 {
			people = append(people, fmt.Sprintf("+1202555011%d", i))
			signUp(people[i])
		}
		until(t, "functions at work", func() bool { return len(to.all()) >= 4 })
		workers := below(t, n.cmd.Process.Pid)
		if len(workers) == 0 {
			t.Fatal("there are no workers")
		}
		folders, err := os.ReadDir(filepath.Join(cache, "work"))
		check(t, err)
		n.kill()
		killed := time.Now()
		until(t, "the end of the workers", func() bool { return !slices.ContainsFunc(workers, func(l live) bool { return !l.gone() }) })
		if took := time.Since(killed); took > 2*time.Second {
			t.Errorf("the workers outlived the server by %v", took)
		}
		to.setHold(nil)
		close(hold)
		n.leasesEnd()
		n.restart()
		until(t, "the end of the dead workers' folders", func() bool {
			return !slices.ContainsFunc(folders, func(d os.DirEntry) bool {
				_, err := os.Stat(filepath.Join(cache, "work", d.Name()))
				return err == nil
			})
		})
		n.settled()
		came := map[string][]received{}
		for _, m := range to.all() {
			came[m.To] = append(came[m.To], m)
		}
		twice := 0
		for _, p := range people {
			texts := came[p]
			if len(texts) == 2 {
				twice++
			}
			if len(texts) == 0 || len(texts) > 2 || len(texts) == 2 && !(texts[0].at.Before(killed) && texts[1].at.After(killed) && texts[0].Code == texts[1].Code) {
				t.Errorf("%s got %d texts: %+v", p, len(texts), texts)
			}
			c.ok(c.app("ConfirmSignUp", obj{"ClientId": client, "Username": p, "ConfirmationCode": texts[len(texts)-1].Code}))
		}
		if twice == 0 || twice == len(people) {
			t.Errorf("%d of %d texts were at work when the server died: too few or too many to prove anything", twice, len(people))
		}
		if a := n.operate("GET", "/messages?state=sent&pool="+pool); len(a.body["messages"].([]any)) != len(people)+1 {
			t.Errorf("sent messages: %s", a.raw)
		}
		n.stop(t)
		if left, err := os.ReadDir(filepath.Join(cache, "work")); err != nil || len(left) > 0 {
			t.Errorf("after a clean end there is %v, %v", left, err)
		}
	})
}

func (r *receiver) setHold(c chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = c
}

// TestFunctionsWorkerKilled: a worker that dies in the middle of a call costs that call, and nothing else. A text is not sent again by
// itself: the function had begun.
func TestFunctionsWorkerKilled(t *testing.T) {
	to := newReceiver(t)
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"), to.egress())
	c := n.caller()
	arn := c.deploy("slow", zipped(t, map[string]string{"index.js": "testdata/slow.js"}), map[string]string{"RECEIVER": to.url}, nil)
	pool, client := c.triggered("slow", sender(arn, c.key()), "slow")
	murder := func() {
		t.Helper()
		list := below(t, n.cmd.Process.Pid)
		if len(list) == 0 {
			t.Fatal("there is no worker")
		}
		for _, l := range list {
			check(t, syscall.Kill(l.pid, syscall.SIGKILL))
		}
	}
	hold := make(chan struct{})
	to.setHold(hold)
	done := make(chan answer, 1)
	go func() {
		req, err := http.NewRequest("POST", n.admin+functionsPath+"/slow/invocations", strings.NewReader(`{"to":"called"}`))
		if err == nil {
			sign(t, req, n.owner, "lambda")
			a, _ := send(req)
			done <- a
		}
	}()
	if _, ok := to.next("called"); !ok {
		t.Fatalf("the function was not called\n%s", n.out.String())
	}
	murder()
	select {
	case a := <-done:
		if a.status != http.StatusOK || a.header.Get("X-Amz-Function-Error") != "Unhandled" || a.str("errorType") != "Runtime.ExitError" {
			t.Errorf("the call was answered %d %v %s", a.status, a.header, a.raw)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the call was not answered within 5 s")
	}
	c.ok(c.app("SignUp", obj{"ClientId": client, "Username": victim, "Password": hisSecret}))
	if _, ok := to.next(victim); !ok {
		t.Fatal("the sender was not called")
	}
	murder()
	until(t, "the end of the message", func() bool {
		list, _ := n.operate("GET", "/messages?state=failed&pool="+pool).body["messages"].([]any)
		return len(list) == 1
	})
	to.setHold(nil)
	close(hold)
	if a := c.invoke("slow", obj{"to": "again"}); a.status != http.StatusOK || a.header.Get("X-Amz-Function-Error") != "" {
		t.Errorf("the next call: %d %s", a.status, a.raw)
	}
	texts := 0
	for _, m := range to.all() {
		if m.To == victim {
			texts++
		}
	}
	if texts != 1 {
		t.Errorf("the sender was called %d times for one text", texts)
	}
	n.stop(t)
	if out := n.out.String(); !strings.Contains(out, "function's worker was ended") || strings.Contains(out, "panic") {
		t.Errorf("the log does not tell of the worker's end: %s", out)
	}
}

// TestFunctionsUploadKilled: a server that dies while it takes a large package shows no function, and what it stored is swept; the same
// package is taken afterwards.
func TestFunctionsUploadKilled(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n := serve(t, database)
		c := n.caller()
		body := largePackage(t)
		create := func() (answer, error) {
			req, err := http.NewRequest("POST", n.admin+functionsPath, bytes.NewReader(body))
			check(t, err)
			sign(t, req, n.owner, "lambda")
			return send(req)
		}
		db := openBeside(t, database)
		defer db.Close()
		chunks := func() int { return len(names(t, db, `SELECT hash FROM artifact_chunks`)) }
		var wg sync.WaitGroup
		var err error
		wg.Go(func() { _, err = create() })
		for end := time.Now().Add(20 * time.Second); chunks() < 5 && time.Now().Before(end); {
		}
		n.kill()
		wg.Wait()
		stored := chunks()
		if err == nil || stored < 5 || stored >= 30 {
			t.Fatalf("%d chunks were stored when the server died (error %v): nothing is proved", stored, err)
		}
		n.restart()
		if a := c.lambda("GET", functionsPath+"/large", nil); a.status != http.StatusNotFound {
			t.Errorf("a half stored function: %d %s", a.status, a.raw)
		}
		if a := c.lambda("GET", functionsPath+"/", nil); a.status != http.StatusOK || strings.Contains(string(a.raw), "large") {
			t.Errorf("the list has it: %s", a.raw)
		}
		a, err := create()
		check(t, err)
		if a.status != http.StatusCreated || chunks() != 31 {
			t.Fatalf("the same package again: %d %s, %d chunks", a.status, a.raw, chunks())
		}
		if a := c.invoke("large", obj{}); string(a.raw) != `"31457280"` {
			t.Errorf("the function answers %s", a.raw)
		}
		c.lambda("DELETE", functionsPath+"/large", nil)
		n.stop(t)
		sweep(t, database)
		if left := chunks(); left != 0 {
			t.Errorf("%d chunks are left two days later", left)
		}
	})
}

// sweep is what a server does once a minute, two days later.
func sweep(t *testing.T, database string) {
	t.Helper()
	ctx := context.Background()
	open := sqlstore.OpenSQLite
	if strings.HasPrefix(database, "postgres") {
		open = sqlstore.OpenPostgres
	}
	s, err := open(ctx, database, sqlstore.Options{})
	check(t, err)
	defer s.Close()
	for range 10 {
		check(t, s.Write(ctx, func(tx store.Tx) error {
			_, err := tx.Sweep(ctx, time.Now().Add(48*time.Hour), 500)
			return err
		}))
	}
}

// largePackage is a request for a function of 30 MB that cannot be packed.
func largePackage(t testing.TB) []byte {
	t.Helper()
	data := make([]byte, 30<<20)
	rand.Read(data)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, content := range map[string][]byte{"data": data, "index.js": []byte("exports.handler = async () => String(require('fs').statSync(__dirname + '/data').size)")} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		check(t, err)
		_, err = f.Write(content)
		check(t, err)
	}
	check(t, w.Close())
	return mustJSON(t, obj{"FunctionName": "large", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/x",
		"Code": obj{"ZipFile": base64.StdEncoding.EncodeToString(buf.Bytes())}})
}

// TestFunctionsOfDevCrash is the death of `countersign dev`, at the best isolation and without any.
func TestFunctionsOfDevCrash(t *testing.T) {
	for _, level := range []string{"full", "none"} {
		t.Run(level, func(t *testing.T) {
			to, data := newReceiver(t), openFolder(t)
			t.Setenv("TMPDIR", data) // packages go there if the data folder is closed to the users that workers have
			base := fmt.Sprintf("http://127.0.0.1:%d", freePair(t))
			args := []string{"dev", "--listen", strings.TrimPrefix(base, "http://"), "--data", filepath.Join(data, "dev"), "--allow-egress", "localhost:" + to.port, "--isolation", level}
			p := start(t, base, args...)
			c := devCaller(t, base)
			c.deploy("slow", zipped(t, map[string]string{"index.js": "testdata/slow.js"}), map[string]string{"RECEIVER": to.url}, nil)
			hold := make(chan struct{})
			to.setHold(hold)
			req, err := http.NewRequest("POST", base+functionsPath+"/slow/invocations", strings.NewReader(`{"to":"before"}`))
			check(t, err)
			sign(t, req, c.creds, "lambda")
			var wg sync.WaitGroup
			wg.Go(func() { send(req) })
			if _, ok := to.next("before"); !ok {
				t.Fatalf("the function was not called\n%s", p.out.String())
			}
			workers := below(t, p.cmd.Process.Pid)
			if len(workers) == 0 {
				t.Fatal("there is no worker")
			}
			folders := func() (out []string) {
				for _, pattern := range []string{"dev/functions/work/*", "countersign-functions-*/work/*"} {
					found, err := filepath.Glob(filepath.Join(data, filepath.FromSlash(pattern)))
					check(t, err)
					out = append(out, found...)
				}
				return out
			}
			p.kill()
			if len(folders()) == 0 {
				t.Error("the dead worker has left no folder: nothing is proved")
			}
			until(t, "the end of the workers", func() bool { return !slices.ContainsFunc(workers, func(l live) bool { return !l.gone() }) })
			wg.Wait()
			to.setHold(nil)
			close(hold)
			p = start(t, base, args...)
			if a := c.invoke("slow", obj{"to": "after"}); a.status != http.StatusOK || a.header.Get("X-Amz-Function-Error") != "" {
				t.Errorf("after the crash: %d %s", a.status, a.raw)
			}
			p.stop(t)
			if left := folders(); len(left) > 0 {
				t.Errorf("after a crash and a clean end there is %v", left)
			}
			if left, err := filepath.Glob(filepath.Join(data, "countersign-functions-*")); err != nil || len(left) > 0 {
				t.Errorf("a temporary folder was left: %v, %v", left, err)
			}
		})
	}
}
