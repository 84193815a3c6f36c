package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"countersign"
	"countersign/internal/config"
	"countersign/internal/keyring"
	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

// configFlags choose and override a configuration.
type configFlags struct {
	Config string   `help:"Configuration file (default: COUNTERSIGN_CONFIG)." placeholder:"FILE" type:"path"`
	Set    []string `help:"Override a setting." placeholder:"PATH=VALUE" sep:"none"`
}

type serveCmd struct {
	configFlags
	Listen      string `help:"Overrides listen." placeholder:"ADDR:PORT"`
	AdminListen string `help:"Overrides admin.listen." placeholder:"ADDR:PORT"`
	Database    string `help:"Overrides database." placeholder:"FILE-OR-URL"`
	Migrate     bool   `help:"Bring the schema up to date before starting."`
	Check       bool   `help:"Only say whether the configuration is good."`
}

// file is the configuration file that was named, by flag or environment; empty for none.
func (f configFlags) file(a *app) string {
	return cmp.Or(f.Config, a.getenv("COUNTERSIGN_CONFIG"))
}

// load reads a configuration: flags win over the environment, the environment over the file.
func (f configFlags) load(a *app, set ...string) (*config.Config, error) {
	c, err := config.Load(config.Sources{File: f.file(a), Env: a.env, Set: append(f.Set, set...)})
	if err == nil {
		return c, nil
	}
	var list []error
	for _, e := range each(err) {
		list = append(list, hint(e, "every setting: countersign config example"))
	}
	return nil, errors.Join(list...)
}

func (c *serveCmd) load(a *app) (*config.Config, error) {
	var set []string
	for _, f := range [][2]string{{"listen", c.Listen}, {"admin.listen", c.AdminListen}, {"database", c.Database}} {
		if f[1] != "" {
			set = append(set, f[0]+"="+f[1])
		}
	}
	cfg, err := c.configFlags.load(a, set...)
	if err != nil {
		return nil, err
	}
	var list []error
	for _, p := range cfg.Problems(a.getenv) {
		list = append(list, &hinted{errors.New(p.String()), p.Hint})
	}
	return cfg, errors.Join(list...)
}

func (c *serveCmd) Run(a *app) error {
	cfg, err := c.load(a)
	if err != nil {
		return err
	}
	sc, err := serverConfig(a, cfg)
	if err != nil {
		return err
	}
	exporter, end, err := openTracing(a.ctx, cfg)
	if err != nil {
		return err
	}
	defer end()
	if c.Check {
		return a.said(map[string]bool{"good": true}, "the configuration is good")
	}
	sc.Migrate = c.Migrate
	if exporter != nil {
		sc.Tracer = exporter.Tracer
	}
	if !cfg.Postgres() {
		lock, err := lockFile(sc.Database + ".lock")
		if errors.Is(err, errLocked) {
			err = hint(fmt.Errorf("another countersign serves the database %s", sc.Database), "several nodes need PostgreSQL")
		}
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	bindings, err := c.bind(a, cfg)
	if err != nil {
		return err
	}
	done := a.progress("opening the database")
	s, err := countersign.New(a.ctx, sc)
	done()
	if err != nil {
		for _, b := range bindings {
			b.Listener.Close()
		}
		return explainServe(err)
	}
	for _, b := range bindings {
		sc.Log.Info("listening", "address", b.Listener.Addr().String(), "tls", b.TLS != nil)
	}
	context.AfterFunc(a.ctx, func() { sc.Log.Info("draining") })
	err = s.Run(a.ctx, bindings...)
	sc.Log.Info("ended", "error", err)
	return err
}

func explainServe(err error) error {
	if e, ok := errors.AsType[*sqlstore.ConnectError](err); ok {
		return hint(errors.New(e.What), "%s", e.Hint)
	}
	switch {
	case errors.Is(err, store.ErrNewer):
		return hint(errors.New("the database was written by a newer version of countersign"), "upgrade this node, or restore a backup of this version")
	case errors.Is(err, sqlstore.ErrOlder):
		return hint(errors.New("the database has an older schema"), "countersign migrate --config FILE, or serve --migrate")
	case errors.Is(err, keyring.ErrWrongRoot):
		return hint(err, "name the right key in root_key, and the one before in root_key.old_file while it is being rotated")
	}
	return err
}

// serverConfig makes the server's configuration of the file's.
func serverConfig(a *app, c *config.Config) (countersign.Config, error) {
	log := logger(a, c.Log)
	slog.SetDefault(log)
	out := countersign.Config{
		Mode: countersign.Serve, Database: c.Database.Reveal(), BaseURLs: c.BaseURLs, AdminBaseURLs: adminURLs(c), Pools: c.PoolsByURL(), Expose: c.Expose,
		Hooks:          serveHooks(c),
		EventRetention: time.Duration(*c.EventRetention), DrainTimeout: time.Duration(*c.DrainTimeout), Version: version(), Log: log,
	}
	if out.EventRetention == 0 {
		out.EventRetention = -1
	}
	for _, n := range c.Proxy.Trusted {
		p, err := config.ParseNetwork(n)
		if err != nil {
			return out, err
		}
		out.Proxies = append(out.Proxies, p)
	}
	root, err := readRoot(a, c.RootKey.File, c.RootKey.Env)
	if err != nil {
		return out, hint(err, "make one: countersign key new --out FILE")
	}
	out.RootKey = root.Encode()
	if c.RootKey.OldFile != "" || c.RootKey.OldEnv != "" {
		old, err := readRoot(a, c.RootKey.OldFile, c.RootKey.OldEnv)
		if err != nil {
			return out, err
		}
		out.OldRootKeys = []string{old.Encode()}
	}
	if out.Sender, err = textSender(c); err != nil {
		return out, err
	}
	if out.Mailer, err = mailSender(c); err != nil {
		return out, err
	}
	out.Delivery.Allow = c.Egress.Allow
	if c.Sender.File != "" {
		if out.Delivery.Static, err = readDelivery(c.Sender.File, false); err != nil {
			return out, hint(err, "see sender.file in countersign config example")
		}
	}
	if c.Guards.File != "" {
		if out.Guards, err = readGuards(c.Guards.File); err != nil {
			return out, hint(err, "see guards.file in countersign config example")
		}
	}
	out.Functions, err = serveFunctions(a.ctx, a, c)
	return out, err
}

func readRoot(a *app, file, env string) (keyring.Root, error) {
	if file != "" {
		return keyring.RootFromFile(file)
	}
	root, err := keyring.ParseRoot(a.getenv(env))
	if err != nil {
		return root, fmt.Errorf("environment variable %s: %w", env, err)
	}
	return root, nil
}

func logger(a *app, c config.Log) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(c.Level))
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(a.stderr, o))
	}
	return slog.New(slog.NewJSONHandler(a.stderr, o))
}

// bind opens the listeners of serve.
func (f configFlags) bind(a *app, c *config.Config) (out []countersign.Binding, err error) {
	defer func() {
		if err != nil {
			for _, b := range out {
				b.Listener.Close()
			}
		}
	}()
	for _, l := range []struct {
		path, address string
		door          countersign.Door
		tls           config.TLS
	}{{"listen", c.Listen, countersign.PublicDoor, c.TLS}, {"admin.listen", c.Admin.Listen, countersign.AdminDoor, c.AdminTLS()}} {
		b := countersign.Binding{Door: l.door}
		if l.tls.Cert != "" {
			cert, err := tls.LoadX509KeyPair(l.tls.Cert, l.tls.Key)
			if err != nil {
				return out, hint(fmt.Errorf("the certificate of %s: %w", l.path, err), "cert is a PEM chain, key its PEM private key")
			}
			b.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		}
		if b.Listener, err = net.Listen("tcp", l.address); err != nil {
			return out, hint(fmt.Errorf("%s: %w", l.path, err), "is another process listening there? ss -ltnp")
		}
		out = append(out, b)
	}
	if path := adminSocket(c, f.file(a)); path != "" {
		l, err := listenSocket(path)
		if err != nil {
			return out, hint(fmt.Errorf("admin.socket: %w", err), "name another path in admin.socket, or off")
		}
		out = append(out, countersign.Binding{Listener: l, Door: countersign.LocalDoor})
	}
	return out, nil
}

// adminSocket is where the operator's socket lies; empty for none.
func adminSocket(c *config.Config, file string) string {
	switch {
	case c.Admin.Socket == "off":
		return ""
	case c.Admin.Socket != "":
		return c.Admin.Socket
	case !c.Postgres():
		return socketPath(absolute(filepath.Dir(c.Database.Reveal())))
	case file != "":
		return socketPath(absolute(filepath.Dir(file)))
	}
	return ""
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// adminURLs are the declared URLs of the operators' listener: its own loopback names unless configured.
func adminURLs(c *config.Config) []string {
	if len(c.Admin.BaseURLs) > 0 {
		return c.Admin.BaseURLs
	}
	scheme := "http"
	if c.AdminTLS().Cert != "" {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(c.Admin.Listen)
	var out []string
	for _, h := range []string{host, "localhost", "127.0.0.1", "::1"} {
		if h != "" && !(len(out) > 0 && h == host) {
			out = append(out, scheme+"://"+net.JoinHostPort(h, port))
		}
	}
	return out
}

type configCmd struct {
	Print   configPrintCmd   `cmd:"" help:"Print the configuration as it would be used, without secrets."`
	Example configExampleCmd `cmd:"" help:"Print a commented configuration to begin with."`
}

type configPrintCmd struct{ configFlags }

func (c configPrintCmd) Run(a *app) error {
	cfg, err := c.load(a)
	if err != nil {
		return err
	}
	if a.json {
		shown, err := cfg.Shown()
		if err != nil {
			return err
		}
		return a.printJSON(shown)
	}
	out, err := cfg.Print()
	if err == nil {
		_, err = a.stdout.Write(out)
	}
	return err
}

type configExampleCmd struct{}

func (configExampleCmd) Run(a *app) error {
	_, err := fmt.Fprint(a.stdout, config.Example)
	return err
}
