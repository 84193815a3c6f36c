package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "countersign.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	path := write(t, "listen: 127.0.0.1:1\nadmin:\n  listen: 127.0.0.1:2\nlog: {level: debug}\nevent_retention: 7d\nsender:\n  smtp:\n    port: 25\n")
	c, err := Load(Sources{
		File: path,
		Env:  []string{"COUNTERSIGN_LISTEN=127.0.0.1:3", "COUNTERSIGN_ADMIN_LISTEN=127.0.0.1:4", "COUNTERSIGN_PROXY_TRUSTED=10.0.0.0/8, 192.0.2.1", "HOME=/root"},
		Set:  []string{"listen=127.0.0.1:5", "sender.smtp.port=465", "sender.webhook.secret=abc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:5" || c.Admin.Listen != "127.0.0.1:4" || c.Log.Level != "debug" || c.Log.Format != "json" || c.Sender.SMTP.Port != 465 {
		t.Errorf("got listen %s, admin %s, log %+v, port %d", c.Listen, c.Admin.Listen, c.Log, c.Sender.SMTP.Port)
	}
	if !slices.Equal(c.Proxy.Trusted, []string{"10.0.0.0/8", "192.0.2.1"}) || c.Sender.Webhook.Secret.Reveal() != "abc" {
		t.Errorf("got %v and %q", c.Proxy.Trusted, c.Sender.Webhook.Secret.Reveal())
	}
	if time.Duration(*c.EventRetention) != 7*24*time.Hour {
		t.Errorf("retention %v", *c.EventRetention)
	}
}

// TestUnreadable: everything that cannot be read is named at once, with its place, and no secret in it.
func TestUnreadable(t *testing.T) {
	path := write(t, "lisen: x\nadmin:\n  lisen: y\nsender:\n  webhook: {urll: z, secret: hunter2hunter2}\nzzzzzzzzz: 1\n")
	_, err := Load(Sources{File: path, Env: []string{"COUNTERSIGN_LISTENN=1", "COUNTERSIGN_URL=https://x"}, Set: []string{"foo=1", "bar"}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`countersign.yaml:1:1: unknown key "lisen" (did you mean "listen"?)`, `countersign.yaml:3:3: unknown key "admin.lisen" (did you mean "admin.listen"?)`,
		`:5:13: unknown key "sender.webhook.urll"`, `:6:1: unknown key "zzzzzzzzz"`, "COUNTERSIGN_LISTENN is not a setting", "--set foo: is not a setting",
		"--set bar: must be path=value",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
	for name, text := range map[string]string{
		"type": "listen: 127.0.0.1:1\nsimulator: maybe\n", "list": "base_urls: {a: b}\n", "syntax": "listen: [\n", "duration": "event_retention: soon\n",
		"duplicate": "listen: a\nlisten: b\n", "placeholder": "sender: {webhook: {secret: '[redacted]'}}\n", "documents": "listen: a\n---\nlisten: b\n",
	} {
		_, err := Load(Sources{File: write(t, text+"# hunter2\n")})
		if err == nil || !strings.Contains(err.Error(), "countersign.yaml") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(Sources{File: "/nowhere/countersign.yaml"}); err == nil {
		t.Error("a missing file was accepted")
	}
}

// good is a configuration without problems, in a folder of its own.
func good(t *testing.T) (*Config, string) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []string{"root.key", "tls.pem", "tls-key.pem", "hook.secret"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writePair(t, dir)
	text := strings.NewReplacer("/etc/countersign/tls.pem", dir+"/tls.pem", "/etc/countersign/tls-key.pem", dir+"/tls-key.pem",
		"/etc/countersign/root.key", dir+"/root.key", "/etc/countersign/webhook.secret", dir+"/hook.secret",
		"/var/lib/countersign", dir).Replace(Example)
	c, err := Load(Sources{File: write(t, text)})
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// writePair makes a certificate and its key.
func writePair(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]pem.Block{"tls.pem": {Type: "CERTIFICATE", Bytes: cert}, "tls-key.pem": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExampleIsSafe(t *testing.T) {
	c, _ := good(t)
	if p := c.Problems(os.Getenv); len(p) > 0 {
		t.Errorf("the example has problems: %v", p)
	}
}

func postgres(url string) func(*Config, string) {
	return func(c *Config, _ string) { c.Database.UnmarshalText([]byte(url)) }
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *Config, dir string)
		want   []string
	}{
		"plaintext":          {func(c *Config, _ string) { c.TLS = TLS{} }, []string{"listen: 0.0.0.0:8443 is reachable from outside"}},
		"plaintext, proxy":   {func(c *Config, _ string) { c.TLS, c.Proxy.Trusted = TLS{}, []string{"10.0.0.0/8"} }, nil},
		"plaintext, local":   {func(c *Config, _ string) { c.TLS, c.Listen = TLS{}, "[::1]:8443" }, nil},
		"admin outside":      {func(c *Config, _ string) { c.Admin.Listen = "0.0.0.0:8444" }, []string{"admin.base_urls: none declared"}},
		"admin outside, tls": {func(c *Config, _ string) { c.Admin.Listen, c.TLS, c.Listen = ":8444", TLS{}, "127.0.0.1:1" }, []string{"admin.listen: :8444 is reachable", "admin.base_urls"}},
		"no root key":        {func(c *Config, _ string) { c.RootKey = RootKey{} }, []string{"root_key: no root key"}},
		"two root keys":      {func(c *Config, _ string) { c.RootKey.Env = "PATH" }, []string{"root_key: file and env"}},
		"empty root key":     {func(c *Config, _ string) { c.RootKey = RootKey{Env: "COUNTERSIGN_NOT_SET"} }, []string{"root_key.env: the environment variable COUNTERSIGN_NOT_SET is empty"}},
		"readable key":       {func(c *Config, dir string) { os.Chmod(dir+"/root.key", 0o644) }, []string{"root_key.file: " /* path */}},
		"readable tls key":   {func(c *Config, dir string) { os.Chmod(dir+"/tls-key.pem", 0o640) }, []string{"tls.key: "}},
		"no tls pair":        {func(c *Config, dir string) { os.WriteFile(dir+"/tls.pem", []byte("x"), 0o600) }, []string{"tls: "}},
		"missing files":      {func(c *Config, dir string) { os.Remove(dir + "/root.key"); os.Remove(dir + "/tls.pem") }, []string{"tls.cert: ", "root_key.file: "}},
		"simulator":          {func(c *Config, _ string) { c.Simulator = true; c.FixedCode.UnmarshalText([]byte("123456")) }, []string{"simulator: ", "fixed_code: "}},
		"no base url":        {func(c *Config, _ string) { c.BaseURLs = nil }, []string{"base_urls: none"}},
		"plain base url":     {func(c *Config, _ string) { c.BaseURLs = []string{"http://id.example.com", "nonsense"} }, []string{"base_urls: http://id", "base_urls: \"nonsense\""}},
		"trust everybody":    {func(c *Config, _ string) { c.Proxy.Trusted = []string{"0.0.0.0/0", "x"} }, []string{"proxy.trusted: 0.0.0.0/0 trusts everybody", "proxy.trusted: \"x\""}},
		"database":           {func(c *Config, _ string) { c.Database.UnmarshalText([]byte("mysql://x")) }, []string{"database: neither"}},
		"database in clear":  {postgres("postgres://u:hunter2@db.internal:5432/x"), []string{"database: the URL without sslmode lets the connection to db.internal go in clear"}},
		"database, prefer":   {postgres("postgres://u@10.0.0.7/x?sslmode=prefer"), []string{"database: sslmode=prefer lets the connection to 10.0.0.7"}},
		"database, disable":  {postgres("postgresql://u@[2001:db8::1]:5432/x?sslmode=disable"), []string{"database: sslmode=disable lets the connection to 2001:db8::1"}},
		"database, second":   {postgres("postgres://u@localhost,db2:5432/x"), []string{"database: the URL without sslmode lets the connection to db2 go"}},
		"database, host":     {postgres("postgres:///x?host=db&sslmode=allow"), []string{"database: sslmode=allow lets the connection to db "}},
		"database, verified": {postgres("postgres://u@db/x?sslmode=verify-full"), nil},
		"database, loopback": {postgres("postgres://u@127.0.0.1:5432/x"), nil},
		"database, ::1":      {postgres("postgres://u@[::1]/x?sslmode=disable"), nil},
		"database, socket":   {postgres("postgres:///x?host=/run/postgresql"), nil},
		"database, accepted": {func(c *Config, dir string) {
			postgres("postgres://u@db/x?sslmode=disable")(c, dir)
			c.DatabasePlaintext = true
		}, nil},
		"no database folder": {func(c *Config, _ string) { c.Database.UnmarshalText([]byte("/nowhere/x.db")) }, []string{"database: the folder /nowhere"}},
		"same port":          {func(c *Config, _ string) { c.Admin.Listen, c.Listen = "127.0.0.1:1", "127.0.0.1:1" }, []string{"admin.listen: is the same"}},
		"webhook":            {func(c *Config, _ string) { c.Sender.Webhook.URL = "http://sms.example.com" }, []string{"sender.webhook.url: codes"}},
		"webhook, no secret": {func(c *Config, _ string) { c.Sender.Webhook.SecretFile = "" }, []string{"sender.webhook.secret: the calls"}},
		"functions": {func(c *Config, _ string) {
			c.Functions = Functions{Isolation: "some", Node: "/nowhere/node", Memory: 5, MaxMemory: 20000, Storage: 20, RemoteAllow: []string{
				"arn:aws:lambda:*:123456789012:function:sms-?:live", "arn:aws:lambda:eu-west-1:123456789012:function:x", "sender", "arn:aws:sns:eu-west-1:1:x"}, Egress: FunctionEgress{
				Allow: []string{"api.example.com", "x:0", "bad host:1", "10.0.0.0/8:443", "api.example.com:8443", "[::1]:25"}, Only: []string{"*", "*.twilio.com"}}}
		}, []string{`functions.isolation: "some"`, "functions.node: /nowhere/node", "functions.memory: 5 MiB", "functions.max_memory: 20000 MiB", "functions.storage: 20 MiB",
			`functions.remote_allow: "sender" is not`, `functions.remote_allow: "arn:aws:sns:eu-west-1:1:x" is not`,
			`functions.egress.allow: "api.example.com" is not host:port`, `functions.egress.allow: "x:0" has no port`, `functions.egress.allow: "bad host:1" names no host`,
			`functions.egress.only: "*"`}},
		"aws": {func(c *Config, _ string) {
			c.Functions.Remote, c.KMS.Provider = true, "vault"
		}, []string{`kms.provider: "vault" is unknown`, "aws.access_key_id: AWS is to be called", "functions.remote_allow: pools may call"}},
		"aws, two": {func(c *Config, dir string) {
			c.AWS = AWS{AccessKeyID: "AKIA", Chain: true, SecretAccessKeyFile: dir + "/hook.secret"}
			c.AWS.SecretAccessKey.UnmarshalText([]byte("x"))
		}, []string{"aws.chain: chain and access_key_id", "aws.secret_access_key: secret_access_key and"}},
		"aws, half": {func(c *Config, _ string) { c.AWS.AccessKeyID = "AKIA" }, []string{"aws.access_key_id: one half"}},
		"short secret": {func(c *Config, _ string) {
			c.Sender.Webhook.SecretFile = ""
			c.Sender.Webhook.Secret.UnmarshalText([]byte("short"))
		}, []string{"sender.webhook.secret: is shorter"}},
		"smtp":        {func(c *Config, _ string) { c.Sender.SMTP = SMTP{Host: "mail.example.com", TLS: "none", Port: 70000} }, []string{"smtp.from", "smtp.port", "smtp.tls"}},
		"expose":      {func(c *Config, _ string) { c.Expose = []string{"signed", "simulator"} }, []string{`expose: "simulator"`}},
		"log":         {func(c *Config, _ string) { c.Log = Log{} }, []string{"log.level", "log.format"}},
		"all at once": {func(c *Config, _ string) { *c = Config{} }, []string{"listen:", "base_urls:", "admin.listen:", "database:", "root_key:"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, dir := good(t)
			c.change(cfg, dir)
			got := cfg.Problems(os.Getenv)
			for _, want := range c.want {
				if !slices.ContainsFunc(got, func(p Problem) bool { return strings.Contains(p.String(), want) && p.Hint != "" }) {
					t.Errorf("no problem %q with a hint in %v", want, got)
				}
			}
			if c.want == nil && len(got) > 0 {
				t.Errorf("problems where none are: %v", got)
			}
		})
	}
}

// TestPrintIsRedacted: what is printed holds no secret, is readable YAML, and is refused where a secret is missing.
func TestPrintIsRedacted(t *testing.T) {
	c, err := Load(Sources{Set: []string{"sender.webhook.secret=hunter2-hunter2-hunter2-hunter2", "sender.smtp.password=hunter2",
		"sender.webhook.url=https://sms.example.com/send?key=hunter2",
		"database=postgres://countersign:hunter2@db:5432/countersign?sslmode=require", "listen=0.0.0.0:1", "base_urls=https://a,https://b"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Print()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hunter2") || strings.Count(string(out), "[redacted]") != 3 {
		t.Errorf("printed:\n%s", out)
	}
	for _, want := range []string{"listen: 0.0.0.0:1", "postgres://countersign:xxxxx@db:5432/countersign", "event_retention: 90d", "- https://b", "https://sms.example.com/send?"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("missing %q in\n%s", want, out)
		}
	}
	if _, err := Load(Sources{File: write(t, string(out))}); err == nil || !strings.Contains(err.Error(), "placeholder") {
		t.Errorf("a printed configuration was loaded as if it had secrets: %v", err)
	}
	c.Database.UnmarshalText([]byte("postgres://db/x?password=hunter2"))
	if out, _ = c.Print(); strings.Contains(string(out), "hunter2") {
		t.Errorf("password in the query was printed:\n%s", out)
	}
}

// TestEveryPathIsInTheExample keeps the example complete.
func TestEveryPathIsInTheExample(t *testing.T) {
	for _, p := range Paths() {
		key := p[strings.LastIndexByte(p, '.')+1:]
		switch p {
		case "simulator", "fixed_code", "root_key.old_file", "root_key.old_env", "sender.webhook.secret", "sender.smtp.password":
			continue // refused, temporary, or shown as a file
		}
		if !strings.Contains(Example, key+":") {
			t.Errorf("%s is not in the example", p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Example))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := Default()
		parse(&c, "x.yaml", data)
	})
}
