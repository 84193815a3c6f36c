package countersign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/access"
	"countersign/internal/adminapi"
	kmsapi "countersign/internal/awsapi/kms"
	"countersign/internal/awsapi/lambda"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/front"
	"countersign/internal/function"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/kms"
	"countersign/internal/runner"
	"countersign/internal/sigv4"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

// Functions says how user code runs: the functions that pools' triggers call.
type Functions struct {
	// Launcher is the program that shuts workers in: one whose main begins with sandbox.Child, as countersign's does. Empty: plain
	// processes without isolation, which only dev mode allows.
	Launcher string
	// Isolation is the least level that functions may run under: full, strong, weak or none. Default: full; without a Launcher none.
	Isolation string
	// Least accepts whatever this machine offers, and uses the best of it. Dev mode only.
	Least bool
	// Node is the Node.js program. Default: node on the PATH.
	Node string
	// Cache is where packages are unpacked. Default: a temporary folder.
	Cache string
	// MemoryMB bounds all workers together, MaxMemoryMB what one function may ask for. Defaults: 2048 and 1024.
	MemoryMB, MaxMemoryMB int
	// StorageMB bounds the packages that are kept. Default: 4096.
	StorageMB int
	// Allow opens more than port 443 of public addresses; Only, if not empty, closes everything but these hosts. In dev mode names of this
	// machine may be allowed.
	Allow, Only []string
	// Remote calls functions that are not hosted here. Nil: there are none.
	Remote function.Remote
	// RemoteAllow lists patterns of the ARNs that Remote may call. Empty: all.
	RemoteAllow []string
	// Keys seals codes under keys of another KMS. Nil: the built-in one.
	Keys trigger.Keys
}

// launcher runs code with a hookrun.Runner that is made when it is first needed: most servers run no functions.
type launcher struct {
	make func() (*hookrun.Runner, error)
	made atomic.Pointer[hookrun.Runner]
}

func newLauncher(o hookrun.Options, made func(*hookrun.Runner), cleanup *[]func()) *launcher {
	l := &launcher{}
	l.make = sync.OnceValues(func() (*hookrun.Runner, error) {
		if err := chooseCache(&o, cleanup); err != nil {
			return nil, err
		}
		r, err := hookrun.New(o)
		if err == nil {
			l.made.Store(r)
			made(r)
		}
		return r, err
	})
	return l
}

func (l *launcher) get() (*hookrun.Runner, error) {
	r, err := l.make()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	return r, nil
}

// Run implements runner.Runner.
func (l *launcher) Run(ctx context.Context, code *runner.Code, call *runner.Call) (*runner.Result, error) {
	r, err := l.get()
	if err != nil {
		return nil, err
	}
	return r.Run(ctx, code, call)
}

// Forget implements runner.Runner.
func (l *launcher) Forget(codeID string) {
	if r := l.made.Load(); r != nil {
		r.Forget(codeID)
	}
}

// Check implements runner.Runner.
func (l *launcher) Check(name string) (string, error) {
	r, err := l.get()
	if err != nil {
		return "", err
	}
	return r.Check(name)
}

func (l *launcher) close(ctx context.Context) error {
	if r := l.made.Load(); r != nil {
		return r.Close(ctx)
	}
	return nil
}

// chooseCache falls back to a temporary folder where workers, which run under users of their own if the server is root, could not reach the
// folder that was named.
func chooseCache(o *hookrun.Options, cleanup *[]func()) error {
	if o.Cache != "" && (os.Geteuid() != 0 || reachable(o.Cache)) {
		return nil
	}
	const prefix = "countersign-functions-"
	if old, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")); err == nil {
		for _, dir := range old { // of servers that were killed
			if hookrun.Abandoned(dir) {
				hookrun.RemoveAll(dir)
			}
		}
	}
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return err
	}
	*cleanup = append(*cleanup, func() { hookrun.RemoveAll(dir) })
	o.Cache = dir
	return os.Chmod(dir, 0o755)
}

// reachable reports whether everybody may pass through the folders above path.
func reachable(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// openFunctions makes what user code needs.
func (p *parts) openFunctions(c *Config) error {
	f := c.Functions
	level := sandbox.Level(f.Isolation)
	best := sandbox.Level("")
	switch {
	case f.Least && c.Mode == Dev && f.Launcher != "":
		level = sandbox.None
	case f.Launcher == "" || level == sandbox.None:
		if c.Mode == Serve && level != sandbox.None && f.Launcher == "" {
			level = sandbox.Full // nothing here offers that: functions are kept, and refused when called
			break
		}
		level, best = sandbox.None, sandbox.None
	}
	p.launcher = newLauncher(hookrun.Options{
		Launcher: f.Launcher, Isolation: level, MaxIsolation: best, Cache: f.Cache, Node: f.Node, MemoryMB: f.MemoryMB,
		Egress: hookrun.Egress{Allow: f.Allow, Only: f.Only, Loopback: c.Mode == Dev}, Local: p.localHost, Logger: c.Log, Now: c.Now,
	}, func(r *hookrun.Runner) { report(c, r) }, &p.cleanups)
	p.functions = function.New(function.Config{
		Account: DevAccount, Events: p.events, Keys: p.keyring, Log: c.Log, Now: c.Now,
		Limits:  function.Limits{MemoryMB: f.MaxMemoryMB, CodeBytes: int64(f.StorageMB) << 20},
		Observe: p.observeFunction, Remote: f.Remote, RemoteAllow: f.RemoteAllow, Runner: p.launcher, Store: p.store,
	})
	p.kms = kms.New(kms.Config{
		Store: p.store, Keyring: p.keyring, Events: p.events, Account: DevAccount, FunctionMay: p.functionMay, Now: c.Now,
	})
	p.triggers = &trigger.Runner{Functions: p.functions, Keys: f.Keys, Account: DevAccount}
	if f.Keys == nil {
		p.triggers.Keys = p.kms
	}
	return nil
}

// localHost is the handler of a host that functions reach here and not on the Internet: our own KMS, and in dev mode the simulated
// providers.
func (p *parts) localHost(host string, port int) http.Handler {
	if region, ok := strings.CutPrefix(host, "kms."); ok && port == 443 {
		if region, ok = strings.CutSuffix(region, ".amazonaws.com"); ok && region != "" && !strings.Contains(region, ".") && p.localKMS != nil {
			return p.localKMS
		}
	}
	if p.inbox != nil && port == 443 {
		return p.inbox.Host(host)
	}
	return nil
}

// secretOf returns the secret of an access key: an operator's, or a function's own.
func (p *parts) secretOf(ctx context.Context, id string) (string, error) {
	if function.IsAccessKey(id) {
		secret, _, err := p.functions.SecretOf(ctx, id)
		return secret, err
	}
	return p.access.SecretOf(ctx, id)
}

// principal returns the owner of an access key.
func (p *parts) principal(ctx context.Context, id string) (access.Principal, error) {
	if !function.IsAccessKey(id) {
		return p.access.Principal(ctx, id)
	}
	_, arn, err := p.functions.SecretOf(ctx, id)
	if err != nil {
		return access.Principal{}, err
	}
	return access.Principal{ID: arn, Kind: access.Function, Name: arn}, nil
}

// functionMay reports whether a function may decrypt with a key on behalf of a pool: it is one of the pool's sender functions, and
// the key is the pool's.
func (p *parts) functionMay(ctx context.Context, functionARN, keyARN, poolID string) (bool, error) {
	cfg, err := poolConfig(ctx, p.store, poolID)
	if fault.CodeOf(err) == fault.PoolNotFound {
		return false, nil
	}
	if err != nil || cfg.Triggers == nil || cfg.Triggers.KMSKey == "" {
		return false, err
	}
	if cfg.Triggers.KMSKey != keyARN { // it may be an alias of it
		key, err := p.kms.Resolve(ctx, "", cfg.Triggers.KMSKey)
		if err != nil || key.ARN != keyARN {
			return false, nil
		}
	}
	return slices.ContainsFunc([]trigger.Name{trigger.CustomSMSSender, trigger.CustomEmailSender}, func(n trigger.Name) bool {
		arn := cfg.Triggers.Functions[n]
		return arn == functionARN || strings.HasPrefix(arn, functionARN+":")
	}), nil
}

// workerKMS is the KMS that functions reach: there every signature is verified, in dev mode too, so that their code has its own credentials
// and no others.
func (s *Server) workerKMS(pages *wire.PageTokens) (http.Handler, error) {
	strict := &wire.Signed{
		Verifier: &sigv4.Verifier{Lookup: s.parts.secretOf, Now: s.c.Now}, Principal: s.parts.principal, Account: DevAccount,
	}
	return kmsapi.New(kmsapi.Config{Identifier: strict, Keys: s.parts.kms, Pages: pages, Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now})
}

// mountFunctions mounts the KMS and the Lambda API.
func (s *Server) mountFunctions(signed *wire.Signed, pages *wire.PageTokens) error {
	keys, err := kmsapi.New(kmsapi.Config{Identifier: signed, Keys: s.parts.kms, Pages: pages, Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now})
	if err != nil {
		return fmt.Errorf("kms: %w", err)
	}
	s.surfaces[front.KMS] = keys
	if s.parts.localKMS, err = s.workerKMS(pages); err != nil {
		return fmt.Errorf("kms: %w", err)
	}
	urls := append(s.c.BaseURLs[:len(s.c.BaseURLs):len(s.c.BaseURLs)], s.c.AdminBaseURLs...)
	h, err := lambda.New(lambda.Config{
		Functions: s.parts.functions, Authorizer: signed, BaseURLs: urls, Pages: pages, Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now,
	})
	if err != nil {
		return fmt.Errorf("lambda: %w", err)
	}
	s.surfaces[front.Lambda] = h
	return nil
}

// report tells operators how well user code is shut in; in dev mode only what lacks.
func report(c *Config, r *hookrun.Runner) {
	rep := r.Report(context.Background())
	switch {
	case rep.Level != sandbox.Full || rep.NodeError != "":
		c.Log.Warn(rep.String(), "missing", rep.Missing, "notes", rep.Notes)
	case c.Mode == Serve:
		c.Log.Info(rep.String(), "notes", rep.Notes)
	}
}

// readyFunctions makes the launcher, which says how functions are shut in, if there is a package to run. Without one nothing is started,
// read or written for functions; the launcher is then made with the first function.
func (p *parts) readyFunctions(ctx context.Context, log *slog.Logger) {
	var kept int64
	err := p.store.Read(ctx, func(tx store.Tx) (err error) {
		kept, err = tx.Artifacts().ArtifactBytes(ctx)
		return err
	})
	if err == nil && kept > 0 {
		_, err = p.launcher.get()
	}
	if err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "functions cannot run here", "error", err)
	}
}

// isolation says it to the admin API.
func (s *Server) isolation(ctx context.Context) adminapi.Isolation {
	out := adminapi.Isolation{Level: string(sandbox.None), Missing: []string{}, Notes: []string{}}
	r, err := s.parts.launcher.get()
	if err != nil {
		out.Notes = append(out.Notes, err.Error())
		return out
	}
	rep := r.Report(ctx)
	out.Level, out.Node = string(rep.Level), rep.NodeVersion
	out.Missing, out.Notes = append(out.Missing, rep.Missing...), append(out.Notes, rep.Notes...)
	if rep.NodeError != "" {
		out.Notes = append(out.Notes, rep.NodeError)
	}
	return out
}

// observeFunction counts a finished call.
func (p *parts) observeFunction(i function.Invocation) {
	if m := p.metrics.Load(); m != nil {
		m.functions.WithLabelValues(string(i.Mode), i.Outcome, strconv.FormatBool(i.Cold)).Observe(i.Duration.Seconds())
	}
}

// functionsClose bounds the end of workers when the server ends.
const functionsClose = 5 * time.Second

func (p *parts) closeFunctions() error {
	ctx, cancel := context.WithTimeout(context.Background(), functionsClose)
	defer cancel()
	if p.functions != nil {
		p.functions.Close(ctx)
	}
	if p.hooks != nil {
		p.hooks.Close(ctx)
	}
	var err error
	if p.launcher != nil {
		if err = p.launcher.close(ctx); errors.Is(err, context.DeadlineExceeded) {
			err = nil // they were ended
		}
	}
	for _, f := range p.cleanups {
		f()
	}
	return err
}
