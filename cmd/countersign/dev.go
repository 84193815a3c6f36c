package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"countersign"
	"countersign/internal/devca"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

type devCmd struct {
	Listen       string   `help:"Address and port of http; https is at the next port. Port 0 takes free ones. Loopback only." placeholder:"ADDR:PORT" default:"localhost:7446"`
	LAN          string   `name:"lan" help:"Also serve end users on this address, for real phones and containers, with fresh random credentials." placeholder:"ADDR"`
	Host         []string `help:"A further host name under which the server may be reached." placeholder:"NAME"`
	Data         string   `help:"Folder of the data (default ./.countersign)." placeholder:"DIR" type:"path"`
	Ephemeral    bool     `help:"Keep nothing: the data is gone at the end."`
	FixedCode    string   `help:"Give every code this value, for test suites." placeholder:"DIGITS"`
	Isolation    string   `help:"Least isolation that functions may run under: full, strong, weak, none. Default: what this machine offers." placeholder:"LEVEL" enum:",full,strong,weak,none" default:""`
	AllowEgress  []string `name:"allow-egress" help:"Let functions connect to this address besides port 443 of public ones; localhost too." placeholder:"HOST:PORT"`
	Delivery     string   `help:"A file of accounts with providers and the plan that chooses among them, as sender.file of serve." placeholder:"FILE" type:"path"`
	Live         bool     `name:"live-providers" help:"Let accounts with providers call the real services: texts go to real phones and cost money."`
	RemoteLambda bool     `name:"remote-lambda" help:"Let pools call functions in AWS, with the credentials of the AWS_ variables. Also on if AWS_ENDPOINT_URL_LAMBDA is set."`

	Run   devRunCmd   `cmd:"" default:"1" hidden:"" help:"Run."`
	Trust devTrustCmd `cmd:"" help:"Show how to trust the local certificate authority, so that https works without warnings."`
}

type devRunCmd struct{}

// devRun is one run of dev.
type devRun struct {
	*devCmd
	a      *app
	folder string
	lock   *os.File
	ports  *devPorts
	ca     *devca.CA
	cfg    countersign.Config
	info   devInfo
}

func (devRunCmd) Run(a *app, c *devCmd) error {
	if strings.Trim(c.FixedCode, "0123456789") != "" || len(c.FixedCode) > 12 {
		return hint(errors.New("--fixed-code must be up to 12 digits"), "countersign dev --fixed-code 123456")
	}
	d := &devRun{devCmd: c, a: a}
	defer d.release()
	if err := d.open(); err != nil {
		return err
	}
	s, err := countersign.New(a.ctx, d.cfg)
	if err != nil {
		return d.explain(err)
	}
	bindings, err := d.bindings()
	if err != nil {
		return errors.Join(err, s.Close())
	}
	s.Start()
	d.banner()
	err = s.Run(a.ctx, bindings...)
	if a.ctx.Err() != nil {
		fmt.Fprintln(a.stdout, "\nbye")
	}
	return err
}

// open takes ports, folder and keys, in the order in which a person wants to hear of trouble.
func (d *devRun) open() (err error) {
	if d.ports, err = listenDev(d.Listen, d.LAN); err != nil {
		return err
	}
	if err := d.openFolder(); err != nil {
		return err
	}
	if d.ca, err = devca.Open(d.folder, time.Now()); err != nil {
		return d.folderError(err)
	}
	return d.configure()
}

func (d *devRun) openFolder() (err error) {
	if d.Ephemeral {
		d.folder, err = os.MkdirTemp("", "countersign-")
		return err
	}
	if d.folder, err = filepath.Abs(d.a.folderOf(d.Data)); err != nil {
		return err
	}
	if err := os.MkdirAll(d.folder, 0o700); err != nil {
		return d.folderError(err)
	}
	if d.lock, err = lockFile(filepath.Join(d.folder, "lock")); err != nil {
		if errors.Is(err, errLocked) {
			return hint(fmt.Errorf("another countersign uses the folder %s", d.folder), "stop it, or name another folder: countersign dev --data DIR")
		}
		return d.folderError(err)
	}
	if ignore := filepath.Join(d.folder, ".gitignore"); !exists(ignore) {
		return os.WriteFile(ignore, []byte("*\n"), 0o600)
	}
	return nil
}

func (d *devRun) folderError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return hint(fmt.Errorf("the folder %s cannot be used: %w", d.folder, err), "name one that you can write to: countersign dev --data DIR; or keep nothing: --ephemeral")
}

func (d *devRun) configure() error {
	root, err := d.rootKey()
	if err != nil {
		return err
	}
	d.cfg = countersign.Config{
		Mode: countersign.Dev, Database: countersign.Ephemeral, RootKey: root.Encode(), BaseURLs: d.ports.baseURLs(d.Host),
		FixedCode: d.FixedCode, Version: version(), DrainTimeout: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(d.a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Failed: d.a.printFailure,
	}
	if !d.Ephemeral {
		d.cfg.Database, d.cfg.Inbox = filepath.Join(d.folder, "countersign.db"), filepath.Join(d.folder, "inbox.jsonl")
	}
	if d.cfg.Functions, err = d.functions(); err != nil {
		return err
	}
	d.cfg.Delivery.Live = d.Live
	if d.Delivery != "" {
		if d.cfg.Delivery.Static, err = readDelivery(d.Delivery, true); err != nil {
			return err
		}
	}
	if d.LAN != "" {
		d.cfg.ManagementSecret, d.cfg.AccessKeyID, d.cfg.SecretAccessKey = rand.Text()+rand.Text(), "CSK"+rand.Text()[:17], rand.Text()+rand.Text()
	}
	d.info = newDevInfo(d)
	return d.info.write(d.folder)
}

// rootKey reads the folder's root key, or makes it.
func (d *devRun) rootKey() (keyring.Root, error) {
	if d.Ephemeral {
		return keyring.NewRoot(), nil
	}
	path := filepath.Join(d.folder, "root.key")
	if exists(path) {
		root, err := keyring.RootFromFile(path)
		return root, hint(err, "chmod 600 %s; if the key is lost, so is the data: remove the folder", path)
	}
	if exists(filepath.Join(d.folder, "countersign.db")) {
		return keyring.Root{}, hint(fmt.Errorf("the folder %s has a database, but its root.key is gone", d.folder), "put the key back, or remove the folder and begin anew")
	}
	root := keyring.NewRoot()
	if err := root.WriteFile(path); err != nil {
		return root, d.folderError(err)
	}
	return root, nil
}

// bindings pair the open listeners with doors and certificates.
func (d *devRun) bindings() ([]countersign.Binding, error) {
	cert, err := d.certificate()
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{Certificates: []tls.Certificate{*cert}, GetCertificate: d.ca.ByName(time.Now), MinVersion: tls.VersionTLS12}
	var out []countersign.Binding
	for _, l := range d.ports.http {
		out = append(out, countersign.Binding{Listener: l})
	}
	for _, l := range d.ports.https {
		out = append(out, countersign.Binding{Listener: l, TLS: conf})
	}
	for _, l := range d.ports.lanHTTP {
		out = append(out, countersign.Binding{Listener: l, Door: countersign.PublicDoor})
	}
	for _, l := range d.ports.lanHTTPS {
		out = append(out, countersign.Binding{Listener: l, Door: countersign.PublicDoor, TLS: conf})
	}
	sock, err := listenSocket(d.info.Socket)
	if err != nil {
		// The command line can still come over HTTP.
		fmt.Fprintf(d.a.stderr, "note: no socket for the command line: %v\n", err)
		return out, nil
	}
	return append(out, countersign.Binding{Listener: sock, Door: countersign.LocalDoor}), nil
}

// certificate holds every name that the authority may sign for. The others are reached by http alone.
func (d *devRun) certificate() (*tls.Certificate, error) {
	var names []string
	now := time.Now()
	for _, n := range append(d.ports.names(), d.Host...) {
		if _, err := d.ca.Certificate(now, n); err != nil {
			fmt.Fprintf(d.a.stderr, "note: no https for %s: the local authority signs only for private addresses and names under .test, .local and .internal\n", n)
			continue
		}
		names = append(names, n)
	}
	return d.ca.Certificate(now, names...)
}

// explain turns an error of the server into a sentence for a person at a laptop.
func (d *devRun) explain(err error) error {
	db := d.cfg.Database
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, store.ErrNewer):
		return hint(fmt.Errorf("the database %s was written by a newer version of countersign", db), "upgrade countersign, or name another folder: countersign dev --data DIR")
	case errors.Is(err, keyring.ErrWrongRoot):
		return hint(fmt.Errorf("the database %s belongs to another root key than %s", db, filepath.Join(d.folder, "root.key")), "put the right key back, or remove the folder and begin anew")
	case errors.Is(err, fs.ErrPermission):
		return d.folderError(err)
	}
	return hint(fmt.Errorf("the database %s cannot be used: %w", db, err), "remove the folder to begin anew, or try another one: countersign dev --data DIR")
}

func (d *devRun) release() {
	if d.ports != nil {
		d.ports.close()
	}
	if d.lock != nil {
		d.lock.Close()
	}
	if d.Ephemeral && d.folder != "" {
		os.RemoveAll(d.folder)
	}
}

// printFailure is the console line of a refused request.
func (a *app) printFailure(f countersign.Failure) {
	text, verb := cmp.Or(f.Error, fmt.Sprint(f.Status)), "refused"
	if f.Error == "mfa_required" || f.Error == "association_required" { // a step of every sign-in with a second factor
		verb = "answered"
	}
	if f.Message != "" {
		text += ": " + f.Message
	}
	if f.Hint != "" {
		text += " → " + f.Hint
	}
	fmt.Fprintf(a.stdout, "%s  %s %s: %s\n", time.Now().Format("15:04:05"), printable(f.Request), verb, printable(text))
}

// printable keeps control characters out of the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, s[:min(len(s), 600)])
}

type devTrustCmd struct {
	Install bool `help:"Run the commands for the system's own store now (needs administrator's rights)."`
}
