package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"countersign"
	"countersign/internal/egress"
	"countersign/internal/gateway/webhook"
	"countersign/internal/keyring"
	"countersign/internal/password"
	"countersign/internal/screen"
	"countersign/internal/secret"
)

// Names under which this program runs itself, as a process to be measured.
const (
	childEcho   = "child-echo"
	childHash   = "child-hash"
	childServer = "child-server"
	// childDeliver is in errand.go.
	childDeliver = "child-deliver"
)

// child runs one of the children, if args ask for it.
func child(args []string) (ran bool, err error) {
	if len(args) == 0 {
		return false, nil
	}
	switch args[0] {
	case childEcho:
		return true, echo(os.Stdout)
	case childHash:
		return true, hashes(args[1:], os.Stdout)
	case childServer:
		return true, serve(args[1:])
	case childDeliver:
		return true, deliver(args[1:], os.Stdin, os.Stdout)
	}
	return false, nil
}

// echo is the yardstick: net/http, one JSON document in, the same out. It prints its address.
func echo(out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in initiateAuth
		if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&in); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(&in)
	}))
}

// hashCost is what verifying a password costs by itself.
type hashCost struct {
	Operations int64   `json:"operations"`
	CPU        float64 `json:"cpu_ms"`
}

// hashes verifies passwords for some seconds, as many at once as asked for but no more than there are cores, and prints a
// hashCost.
func hashes(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("arguments: seconds workers")
	}
	n, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return err
	}
	workers, err := strconv.Atoi(args[1])
	if err != nil || workers < 1 {
		return fmt.Errorf("%q workers", args[1])
	}
	ctx := context.Background()
	workers = min(workers, runtime.GOMAXPROCS(0))
	h := password.New(workers, workers)
	encoded, err := h.Hash(ctx, userPassword)
	if err != nil {
		return err
	}
	before := ownCPU()
	end := time.Now().Add(time.Duration(n * float64(time.Second)))
	var count atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for time.Now().Before(end) {
				if ok, _, err := h.Verify(ctx, encoded, userPassword); !ok || err != nil {
					panic("the password does not verify")
				}
				count.Add(1)
			}
		})
	}
	wg.Wait()
	c := hashCost{Operations: count.Load()}
	c.CPU = milliseconds(ownCPU()-before) / float64(c.Operations)
	return json.NewEncoder(out).Encode(c)
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// serve is `countersign serve` inside this program, with Go's profiler beside it.
func serve(args []string) error {
	if len(args) != 8 {
		return errors.New("arguments: address profiler database root-key-file sink isolation functions-folder functions-mb")
	}
	memory, err := strconv.Atoi(args[7])
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	address, profiler, database, rootFile, sinkURL := args[0], args[1], args[2], args[3], args[4]
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := keyring.RootFromFile(rootFile)
	if err != nil {
		return err
	}
	policy, err := egress.NewPolicy(true)
	if err != nil {
		return err
	}
	sender, err := webhook.New(webhook.Config{Client: egress.NewClient(egress.Config{Policy: policy}), Secrets: []secret.String{secret.New(sinkSecret)}, URL: sinkURL})
	if err != nil {
		return err
	}
	var guards screen.Policy
	doc, err := yaml.YAMLToJSON(roomy)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(doc, &guards); err != nil {
		return err
	}
	s, err := countersign.New(ctx, countersign.Config{
		Database: database, RootKey: root.Encode(), BaseURLs: []string{"http://" + address}, Sender: sender,
		Functions: countersign.Functions{Launcher: self, Isolation: args[5], Cache: args[6], MemoryMB: memory},
		Delivery:  countersign.Delivery{Allow: []string{"127.0.0.1"}},
		Guards:    &guards,
		Proxies:   []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Log:       slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	go http.ListenAndServe(profiler, mux)
	return s.Run(ctx, countersign.Binding{Listener: l, Door: countersign.PublicDoor})
}

// startEcho runs the yardstick and returns its address.
func startEcho() (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	p := newProcess([]string{self, childEcho})
	p.cmd.Stdout = w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		return nil, "", err
	}
	p.watch()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		p.end()
		return nil, "", fmt.Errorf("echo: %w: %s", err, p.stderr)
	}
	return p, strings.TrimSpace(line), nil
}

// measureHash runs the hashes by themselves.
func measureHash(seconds float64, workers int) (c hashCost, err error) {
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	p := newProcess([]string{self, childHash, fmt.Sprint(seconds), strconv.Itoa(workers)})
	out, err := p.cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &c)
	}
	return c, err
}
