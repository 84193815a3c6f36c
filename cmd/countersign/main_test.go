package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"countersign/internal/hookrun/sandbox"
)

// TestMain lets the test's own binary be the program that scripts run.
func TestMain(m *testing.M) {
	if sandbox.IsChild(os.Args) {
		sandbox.Child() // as main does
	}
	testscript.Main(m, map[string]func(){"countersign": func() {
		began := time.Now()
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, began, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	}})
}

// TestScripts runs the program as people do. Words of our own:
//
//	freeport NAME           two neighbouring free ports; NAME is the first one
//	ready URL [CAFILE]      waits until the server at URL is ready
//	http [-H name:value] METHOD URL STATUS [TEXT]    makes a request; the answer must have the status and hold the text
//	occupy PORT             listens on 127.0.0.1:PORT until the script ends
//	newer FILE              makes an SQLite database look as if a newer version had written it
//	mode FILE 0600          demands a file's permissions
//	gone FILE               waits until a file is gone
//	appears GLOB            waits until a file is there
//	setkey [-id] FILE       takes the access key in FILE (keys create --json) into the environment; -id: its id alone
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "TMPDIR="+e.WorkDir)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"freeport": freeport, "ready": ready, "http": request, "occupy": occupy, "newer": newer, "mode": mode, "gone": gone,
			"setkey": setkey, "appears": appears,
		},
	})
}

func freeport(ts *testscript.TestScript, _ bool, args []string) {
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+1))
		first.Close()
		if err != nil {
			continue
		}
		second.Close()
		ts.Setenv(args[0], strconv.Itoa(port))
		ts.Setenv(args[0]+"_NEXT", strconv.Itoa(port+1))
		return
	}
	ts.Fatalf("no two neighbouring ports are free")
}

// httpClient trusts the authority in file, if one is named.
func httpClient(ts *testscript.TestScript, file string) *http.Client {
	t := &http.Transport{DisableKeepAlives: true}
	if file != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(ts.ReadFile(file))) {
			ts.Fatalf("%s holds no certificate", file)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: t, Timeout: 10 * time.Second}
}

// await tries until ok, for as long as a slow machine may need.
func await(ts *testscript.TestScript, what string, ok func() bool) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	ts.Fatalf("waited in vain: %s", what)
}

func ready(ts *testscript.TestScript, _ bool, args []string) {
	file := ""
	if len(args) > 1 {
		await(ts, args[1]+" exists", func() bool { return exists(ts.MkAbs(args[1])) })
		file = args[1]
	}
	c := httpClient(ts, file)
	await(ts, args[0]+" is ready", func() bool {
		res, err := c.Get(args[0] + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func request(ts *testscript.TestScript, neg bool, args []string) {
	header := http.Header{}
	for len(args) > 2 && args[0] == "-H" {
		k, v, _ := strings.Cut(args[1], ":")
		header.Set(k, strings.TrimSpace(v))
		args = args[2:]
	}
	method, body, _ := strings.Cut(args[0], "=")
	req, err := http.NewRequest(method, args[1], strings.NewReader(body))
	ts.Check(err)
	req.Header = header
	if h := header.Get("Host"); h != "" {
		req.Host = h
	}
	res, err := httpClient(ts, "").Do(req)
	ts.Check(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	ts.Check(err)
	if got := strconv.Itoa(res.StatusCode); got != args[2] {
		ts.Fatalf("%s %s: %s, want %s\n%s", method, args[1], got, args[2], raw)
	}
	if len(args) > 3 && strings.Contains(string(raw), args[3]) == neg {
		ts.Fatalf("%s %s: %q in the answer is %v\n%s", method, args[1], args[3], neg, raw)
	}
	ts.Check(os.WriteFile(ts.MkAbs("body"), raw, 0o600))
}

func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { l.Close() })
}

func newer(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	res, err := db.Exec(`UPDATE schema_migrations SET version = 9999, needs = 9999 WHERE version = (SELECT max(version) FROM schema_migrations)`)
	ts.Check(err)
	if n, _ := res.RowsAffected(); n == 0 {
		ts.Fatalf("the schema's version is not where it was")
	}
}

func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", filepath.Base(args[0]), got, args[1])
	}
}

func gone(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, args[0]+" is gone", func() bool { return !exists(ts.MkAbs(args[0])) })
}

func appears(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, args[0]+" appears", func() bool {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		return len(found) > 0
	})
}

func setkey(ts *testscript.TestScript, _ bool, args []string) {
	var k struct{ ID, Secret string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[len(args)-1])), &k))
	ts.Setenv("KEY_ID", k.ID)
	ts.Setenv("COUNTERSIGN_ACCESS_KEY_ID", k.ID)
	if args[0] != "-id" {
		ts.Setenv("COUNTERSIGN_SECRET_ACCESS_KEY", k.Secret)
	}
}
