package config

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"countersign/internal/front"
)

// Problem is one reason not to start.
type Problem struct {
	// Path is the setting.
	Path string
	// What is wrong, and the hint what to do about it.
	What, Hint string
}

// String joins path and sentence.
func (p Problem) String() string { return p.Path + ": " + p.What }

// Exposable are the names that Expose knows, with what they open.
var Exposable = []string{"signed", "sts", "admin", "metrics"}

type judge struct {
	c    *Config
	env  func(string) string
	list []Problem
}

func (j *judge) add(path, hint, format string, args ...any) {
	j.list = append(j.list, Problem{Path: path, What: fmt.Sprintf(format, args...), Hint: hint})
}

// Problems names everything that is wrong or unsafe, in the order of the file. getenv is os.Getenv; files are looked
// at, nothing is opened for good.
func (c *Config) Problems(getenv func(string) string) []Problem {
	j := &judge{c: c, env: getenv}
	j.listeners()
	j.tls("tls", c.TLS)
	j.tls("admin.tls", c.Admin.TLS)
	j.networks("proxy.trusted", c.Proxy.Trusted)
	j.database()
	j.rootKey()
	j.sender()
	j.networks("egress.allow", c.Egress.Allow)
	j.functions()
	j.hooks()
	j.aws()
	j.tracing()
	j.rest()
	return j.list
}

func (j *judge) listeners() {
	c := j.c
	host, ok := j.address("listen", c.Listen)
	if ok && !c.TLS.set() && len(c.Proxy.Trusted) == 0 && !loopback(host) {
		j.add("listen", "set tls.cert and tls.key, or declare the proxy that ends TLS in proxy.trusted",
			"%s is reachable from outside and neither TLS nor a proxy is declared: passwords and codes would travel in clear", c.Listen)
	}
	if len(c.BaseURLs) == 0 {
		j.add("base_urls", "name the URL that clients use, for example [https://id.example.com]", "none declared; Host must be one of a closed list and tokens need an issuer")
	}
	j.baseURLs("base_urls", c.BaseURLs)
	j.pools()
	for _, name := range c.Expose {
		if !slices.Contains(Exposable, name) {
			j.add("expose", "known names: "+strings.Join(Exposable, ", "), "%q is not a surface", name)
		}
	}
	host, ok = j.address("admin.listen", c.Admin.Listen)
	if ok && !c.AdminTLS().set() && !loopback(host) {
		j.add("admin.listen", "bind it to loopback, or set admin.tls or tls", "%s is reachable from outside without TLS", c.Admin.Listen)
	}
	if ok && c.Admin.Listen == c.Listen && !strings.HasSuffix(c.Listen, ":0") {
		j.add("admin.listen", "give it a port of its own", "is the same as listen")
	}
	j.baseURLs("admin.base_urls", c.Admin.BaseURLs)
	if ok && len(c.Admin.BaseURLs) == 0 && !loopback(host) {
		j.add("admin.base_urls", "name the URL that operators use, for example [https://admin.internal:8444]", "none declared for an address that is not loopback")
	}
}

// AdminTLS is the certificate of the admin listener.
func (c *Config) AdminTLS() TLS {
	if host, _, err := net.SplitHostPort(c.Admin.Listen); !c.Admin.TLS.set() && err == nil && !loopback(host) {
		return c.TLS
	}
	return c.Admin.TLS
}

func (t TLS) set() bool { return t.Cert != "" || t.Key != "" }

func (j *judge) baseURLs(path string, list []string) {
	for _, u := range list {
		if _, err := front.OriginOf(u); err != nil {
			j.add(path, "a base URL is scheme, host and port", "%v", err)
			continue
		}
		if p, _ := url.Parse(u); p.Scheme == "http" && !loopback(p.Hostname()) {
			j.add(path, "use https://", "%s: tokens would travel in clear", u)
		}
	}
}

func (j *judge) address(path, s string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil && host != "" && host != "localhost" && net.ParseIP(host) == nil {
		err = errors.New("not an address")
	}
	if err != nil {
		j.add(path, "for example 0.0.0.0:8443 or 127.0.0.1:8444", "%q is not address:port", s)
	}
	return host, err == nil
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (j *judge) tls(path string, t TLS) {
	if !t.set() {
		return
	}
	if t.Cert == "" || t.Key == "" {
		j.add(path, "name both files", "cert and key belong together")
		return
	}
	if _, err := os.Stat(t.Cert); err != nil {
		j.add(path+".cert", "name a PEM file that this user can read", "%v", reason(err))
	}
	before := len(j.list)
	j.privateFile(path+".key", t.Key)
	if _, err := os.Stat(t.Cert); err != nil || len(j.list) > before {
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		j.add(path, "cert is a PEM chain, key its PEM private key", "%v", err)
	}
}

// privateFile checks that only the owner (and, for certificates' keys, a group) can read it.
func (j *judge) privateFile(path, file string) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		j.add(path, "name a file that this user can read", "%v", reason(err))
	case !info.Mode().IsRegular():
		j.add(path, "name a regular file", "%s is not a file", file)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		j.add(path, "chmod 600 "+file, "%s can be read by others (mode %04o)", file, info.Mode().Perm())
	}
}

func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Path, e.Err)
	}
	return err
}

func (j *judge) networks(path string, list []string) {
	for _, s := range list {
		p, err := ParseNetwork(s)
		if err != nil {
			j.add(path, "for example 10.0.0.0/8 or 192.0.2.7", "%q is not a network", s)
		} else if path == "proxy.trusted" && p.Bits() == 0 {
			j.add(path, "name the networks of your proxies alone", "%s trusts everybody: any client could then claim any address", s)
		}
	}
}

// ParseNetwork reads "10.0.0.0/8" or a single address.
func ParseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// Postgres reports whether Database is a URL of PostgreSQL.
func (c *Config) Postgres() bool {
	s := c.Database.Reveal()
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

func (j *judge) database() {
	s := j.c.Database.Reveal()
	switch {
	case s == "":
		j.add("database", "name a file such as /var/lib/countersign/countersign.db, or postgres://user@host/name", "not set")
	case j.c.Postgres():
		if u, err := url.Parse(s); err != nil || u.Host == "" && u.Query().Get("host") == "" {
			j.add("database", "postgres://user:password@host:5432/name", "cannot be read as a URL")
		} else {
			j.databaseTLS(u)
		}
	case s == ":memory:" || strings.Contains(s, "://"):
		j.add("database", "name a file or a postgres:// URL", "neither a file nor a postgres:// URL")
	default:
		if info, err := os.Stat(filepath.Dir(s)); err != nil || !info.IsDir() {
			j.add("database", "mkdir -p "+filepath.Dir(s), "the folder %s does not exist", filepath.Dir(s))
		} else if runtime.GOOS != "windows" && fileReadable(s) {
			j.add("database", "chmod 600 "+s, "%s can be read by others", s)
		}
	}
}

// databaseTLS refuses connections to other hosts that are in clear, or fall back to it. Without sslmode that is so:
// libpq's default is prefer.
func (j *judge) databaseTLS(u *url.URL) {
	mode := cmp.Or(u.Query().Get("sslmode"), j.env("PGSSLMODE"))
	if j.c.DatabasePlaintext || !slices.Contains([]string{"", "disable", "allow", "prefer"}, mode) {
		return
	}
	for host := range strings.SplitSeq(cmp.Or(u.Query().Get("host"), u.Host), ",") {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if host = strings.Trim(host, "[]"); host == "" || strings.HasPrefix(host, "/") || loopback(host) {
			continue
		}
		what := "sslmode=" + mode
		if mode == "" {
			what = "the URL without sslmode"
		}
		j.add("database", "add sslmode=verify-full to the URL (and sslrootcert=FILE for an authority of your own), or accept it with database_plaintext: true",
			"%s lets the connection to %s go in clear", what, host)
		return
	}
}

func fileReadable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o007 != 0
}

func (j *judge) rootKey() {
	k := j.c.RootKey
	const make = "countersign key new --out root.key, then root_key: {file: root.key}"
	switch {
	case k.File == "" && k.Env == "":
		j.add("root_key", make, "no root key: nothing could be sealed at rest")
	case k.File != "" && k.Env != "":
		j.add("root_key", "keep one of the two", "file and env are both set")
	}
	for _, f := range []struct{ path, file string }{{"root_key.file", k.File}, {"root_key.old_file", k.OldFile}} {
		if f.file != "" {
			j.privateFile(f.path, f.file)
		}
	}
	for _, e := range []struct{ path, name string }{{"root_key.env", k.Env}, {"root_key.old_env", k.OldEnv}} {
		if e.name != "" && j.env(e.name) == "" {
			j.add(e.path, "set it to the output of countersign key new", "the environment variable %s is empty", e.name)
		}
	}
}

func (j *judge) sender() {
	w, m := j.c.Sender.Webhook, j.c.Sender.SMTP
	if w.URL != "" {
		u, err := url.Parse(w.URL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			j.add("sender.webhook.url", "for example https://sms.example.com/send", "not a URL")
		} else if u.Scheme == "http" && !loopback(u.Hostname()) {
			j.add("sender.webhook.url", "use https://", "codes would travel in clear")
		}
		if w.Secret.IsZero() == (w.SecretFile == "") {
			j.add("sender.webhook.secret", "set secret or secret_file; make one with countersign key new", "the calls must be signed with exactly one secret")
		}
		if n := len(w.Secret.Reveal()); n > 0 && n < 24 {
			j.add("sender.webhook.secret", "make one with countersign key new", "is shorter than 24 characters")
		}
	} else if !w.Secret.IsZero() || w.SecretFile != "" {
		j.add("sender.webhook.url", "set it, or remove the secret", "a secret is set, but no URL")
	}
	if w.SecretFile != "" {
		j.privateFile("sender.webhook.secret_file", w.SecretFile)
	}
	if j.c.Sender.File != "" {
		j.privateFile("sender.file", j.c.Sender.File)
	}
	if j.c.Guards.File != "" {
		if info, err := os.Stat(j.c.Guards.File); err != nil {
			j.add("guards.file", "name a file that this user can read", "%v", reason(err))
		} else if !info.Mode().IsRegular() {
			j.add("guards.file", "name a regular file", "%s is not a file", j.c.Guards.File)
		}
	}
	j.smtp(m)
}

func (j *judge) tracing() {
	t := j.c.Tracing
	if t.Endpoint == "" {
		if t.HeadersFile != "" || t.Percent != 0 {
			j.add("tracing.endpoint", "set it, or remove the other settings of tracing", "not set")
		}
		return
	}
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil {
		j.add("tracing.endpoint", "for example https://collector.internal:4318", "not a URL")
	} else if u.Scheme == "http" && !loopback(u.Hostname()) && t.HeadersFile != "" {
		j.add("tracing.endpoint", "use https://", "the headers would travel in clear")
	}
	if t.Percent < 0 || t.Percent > 100 {
		j.add("tracing.percent", "1 to 100", "%d is not a share", t.Percent)
	}
	if t.HeadersFile != "" {
		j.privateFile("tracing.headers_file", t.HeadersFile)
	}
}

func (j *judge) smtp(m SMTP) {
	if m.Host == "" {
		if m.Username != "" || m.From != "" || m.PasswordFile != "" || !m.Password.IsZero() {
			j.add("sender.smtp.host", "set it, or remove the other settings of smtp", "not set")
		}
		return
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		j.add("sender.smtp.from", "for example Example <no-reply@example.com>", "not an e-mail address")
	}
	if m.Port < 0 || m.Port > 65535 {
		j.add("sender.smtp.port", "587 with starttls, 465 with implicit", "%d is not a port", m.Port)
	}
	switch m.TLS {
	case "", "starttls", "implicit":
	case "none":
		if !loopback(m.Host) {
			j.add("sender.smtp.tls", "use starttls or implicit", "none is allowed to loopback only: codes would travel in clear")
		}
	default:
		j.add("sender.smtp.tls", "use starttls or implicit", "%q is unknown", m.TLS)
	}
	if !m.Password.IsZero() && m.PasswordFile != "" {
		j.add("sender.smtp.password", "keep one of the two", "password and password_file are both set")
	}
	if m.PasswordFile != "" {
		j.privateFile("sender.smtp.password_file", m.PasswordFile)
	}
}

func (j *judge) rest() {
	c := j.c
	if c.Simulator {
		j.add("simulator", "remove it; countersign dev has the simulator", "does not exist in serve: it would show every code")
	}
	if !c.FixedCode.IsZero() {
		j.add("fixed_code", "remove it; countersign dev has --fixed-code", "codes are never fixed in serve")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		j.add("log.level", "debug, info, warn or error", "%q is unknown", c.Log.Level)
	}
	if !slices.Contains([]string{"json", "text"}, c.Log.Format) {
		j.add("log.format", "json or text", "%q is unknown", c.Log.Format)
	}
}
