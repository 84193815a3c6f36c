package hookrun

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"countersign/internal/hookrun/sandbox"
)

// Options configure a Runner. Only Cache has no default.
type Options struct {
	// Launcher is the program that shuts a worker in and becomes it (package sandbox): this very program, if its main begins
	// with sandbox.IsChild and Child. What it initialises before main is paid for by every start of a worker. Empty: workers run at level None alone.
	Launcher string
	// Isolation is the least level that code may run under (default Full), MaxIsolation the best that is used (default: what the
	// machine offers). Both None: plain processes, for development alone.
	Isolation, MaxIsolation sandbox.Level
	// Cache is the folder for unpacked packages and private folders of workers; it may be deleted between runs. Workers may run under
	// another user, so everybody must be able to pass through the folders above it.
	Cache string
	// CacheBytes bounds the unpacked packages; those longest unused go first. Defaults to 2 GiB.
	CacheBytes int64
	// Node is the Node.js program. Defaults to node on the PATH.
	Node string
	// MemoryMB bounds the memory of all workers together, by what their code asks for. Defaults to half of the machine's, 2048 if unknown.
	MemoryMB int
	// Workers bounds the workers of code that names no bound. Defaults to 4.
	Workers int
	// Queue bounds the calls that wait for a worker of one code. Defaults to 100; ten times as many wait in all.
	Queue int
	// Idle is how long an idle worker is kept. Defaults to 10 minutes.
	Idle time.Duration
	// MaxCalls is how many calls a worker serves before a fresh one replaces it. Defaults to 1,000.
	MaxCalls int
	// InitTimeout bounds the start of a worker. Defaults to 10 s, as on Lambda.
	InitTimeout time.Duration
	// OutputBytes bounds what is kept of the output of one call. Defaults to 1 MiB; at 16 times that the worker is stopped.
	OutputBytes int64
	// Egress says where code may connect to.
	Egress Egress
	// Resolver looks names up for code. Defaults to net.DefaultResolver.
	Resolver *net.Resolver
	// Local returns the handler that answers for a host and port instead of the Internet (the KMS, simulators), or nil. Requests carry their
	// worker: see WorkerOf. Port 80 is plain HTTP, all others are TLS.
	Local func(host string, port int) http.Handler
	// Logger receives what operators should know. Defaults to slog.Default.
	Logger *slog.Logger
	// LogLine receives each line that code writes, and the START, END and REPORT lines; nil: they go nowhere but to Result.Log. It
	// must return at once: the code's next write waits for it.
	LogLine func(code, requestID, line string)
	// Observe receives what happens, for metrics and tests. It must return at once.
	Observe func(Event)
	// Now defaults to time.Now. It only converts Call.Deadline to a duration: processes live in real time.
	Now func() time.Time
}

// Egress says where code may connect to: port 443 of public addresses, and what Allow opens.
type Egress struct {
	// Allow opens "host:port", "*.example.com:8443", "*:587" (public addresses alone), "10.1.2.3:25" and "10.1.0.0/16:443" (names that
	// resolve there). A rule that names a host opens it wherever it resolves to.
	Allow []string
	// Only, if not empty, closes every host but these ("api.example.com", "*.twilio.com") and those that Allow names.
	Only []string
	// Loopback allows names that resolve to this machine, as dev mode does.
	Loopback bool
}

// EventKind says what an Event reports.
type EventKind string

const (
	// WorkerReady: a worker started, within Duration. WorkerEnded: it is gone; Detail says why.
	WorkerReady EventKind = "worker_ready"
	WorkerEnded EventKind = "worker_ended"
	// CallEnded: Duration is the handler's, Detail the runner.Reason of a failure or empty.
	CallEnded EventKind = "call_ended"
	// Connected: a connection to Host and Port ended after Duration and Bytes in both directions. Refused: the policy or the far end refused
	// it; Detail says why.
	Connected EventKind = "connected"
	Refused   EventKind = "refused"
)

// Event is one observation.
type Event struct {
	Kind EventKind
	// Code is runner.Code.Name.
	Code, Detail, Host string
	Port               int
	Bytes              int64
	Duration           time.Duration
}

// Report is what this machine offers, for start messages and the console.
type Report struct {
	// Level is the isolation that code runs under, Missing the layers that lack and why. At Full this server answers every connection of code,
	// under its rules; below, those of Node, and programs connect directly (Notes says so).
	Level   sandbox.Level
	Missing []string
	// Node is the program and NodeVersion its version ("20.20.2"); NodeError says why there is none.
	Node, NodeVersion, NodeError string
	// MemoryMB is the bound for all workers.
	MemoryMB int
	// Notes are sentences for people.
	Notes []string
}

func (o *Options) complete() error {
	var errs []error
	if o.Cache == "" {
		errs = append(errs, errors.New("hookrun: no cache folder"))
	} else if abs, err := filepath.Abs(o.Cache); err != nil {
		errs = append(errs, err)
	} else {
		o.Cache = abs
	}
	setDefault(&o.Isolation, sandbox.Full)
	setDefault(&o.CacheBytes, 2<<30)
	setDefault(&o.MemoryMB, defaultMemoryMB())
	setDefault(&o.Workers, 4)
	setDefault(&o.Queue, 100)
	setDefault(&o.Idle, 10*time.Minute)
	setDefault(&o.MaxCalls, 1000)
	setDefault(&o.InitTimeout, 10*time.Second)
	setDefault(&o.OutputBytes, 1<<20)
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Local == nil {
		o.Local = func(string, int) http.Handler { return nil }
	}
	return errors.Join(errs...)
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// defaultMemoryMB is half of the machine's memory (proc(5), meminfo), 2048 if unknown.
func defaultMemoryMB() int {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 2048
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
			if kib, err := strconv.Atoi(f[1]); err == nil && kib > 0 {
				return max(kib/2048, 256)
			}
		}
	}
	return 2048
}

// String is the sentence of a start message: "functions: isolation full, Node 20.20.2".
func (r Report) String() string {
	node := "Node " + r.NodeVersion
	if r.NodeError != "" {
		node = r.NodeError
	}
	return fmt.Sprintf("functions: isolation %s, %s, %d MiB", r.Level, node, r.MemoryMB)
}
