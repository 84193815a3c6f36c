package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"countersign/internal/adminapi"
)

// serverFlags say which running server a command talks to.
type serverFlags struct {
	URL    string `help:"Server to talk to (default: COUNTERSIGN_URL, else the socket on this machine)." placeholder:"URL"`
	CA     string `name:"ca" help:"Certificate authority of the server (default: COUNTERSIGN_CA)." placeholder:"FILE" type:"path"`
	Data   string `help:"Folder of a countersign dev on this machine (default ./.countersign)." placeholder:"DIR" type:"path"`
	Config string `help:"Configuration of a countersign serve on this machine." placeholder:"FILE" type:"path"`
}

// client talks to the admin API: over the owner's socket, or over HTTP with an access key of the environment.
type client struct {
	base       string
	http       *http.Client
	id, secret string
}

// show gets path from the server into out, and prints it if JSON was asked for; then the command has nothing left to do.
func (f serverFlags) show(a *app, path string, out any) (shown bool, err error) {
	srv, err := f.connect(a)
	if err != nil {
		return false, err
	}
	if err := srv.call(a.ctx, "GET", path, nil, out); err != nil || !a.json {
		return false, err
	}
	return true, a.printJSON(out)
}

func (f serverFlags) connect(a *app) (*client, error) {
	base := f.URL
	if base == "" && f.Data == "" && f.Config == "" {
		base = a.getenv("COUNTERSIGN_URL")
	}
	if base == "" {
		return f.local(a)
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, hint(fmt.Errorf("%q is not a URL", base), "for example --url https://admin.internal:8444")
	}
	c := &client{base: strings.TrimSuffix(base, "/"), id: a.getenv("COUNTERSIGN_ACCESS_KEY_ID"), secret: a.getenv("COUNTERSIGN_SECRET_ACCESS_KEY")}
	if c.id == "" || c.secret == "" {
		c.id, c.secret = a.getenv("AWS_ACCESS_KEY_ID"), a.getenv("AWS_SECRET_ACCESS_KEY")
	}
	if c.id == "" || c.secret == "" {
		return nil, hint(errors.New("no access key for "+base), "set COUNTERSIGN_ACCESS_KEY_ID and COUNTERSIGN_SECRET_ACCESS_KEY; make one on the server: countersign keys create")
	}
	t := &http.Transport{}
	ca := f.CA
	if ca == "" {
		ca = a.getenv("COUNTERSIGN_CA")
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, hint(fmt.Errorf("%s holds no certificate that can be read", ca), "name a PEM file")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	c.http = &http.Client{Transport: t}
	return c, nil
}

// local dials the owner's socket.
func (f serverFlags) local(a *app) (*client, error) {
	path, start := socketPath(absolute(a.folderOf(f.Data))), "countersign dev"
	file := f.Config
	if file == "" && f.Data == "" {
		file = a.getenv("COUNTERSIGN_CONFIG")
	}
	if file != "" {
		cfg, err := configFlags{Config: file}.load(a)
		if err != nil {
			return nil, err
		}
		path, start = adminSocket(cfg, file), "countersign serve --config "+file
		if path == "" {
			return nil, hint(errors.New("the configuration has no socket"), "use --url and an access key")
		}
	}
	if _, err := os.Stat(path); err != nil {
		return nil, hint(fmt.Errorf("no server is running here: there is no %s", path), "start it: %s; or name another one with --url, --data or --config", start)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &client{base: "http://countersign", http: &http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

// call sends in (nil: no body) and decodes the answer into out (nil: discarded).
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	res, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil || res.StatusCode == http.StatusNoContent {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// send returns the answer if it is a success. The caller closes its body.
func (c *client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+adminapi.Prefix+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "countersign/"+version())
	if c.id != "" {
		sum := sha256.Sum256(body)
		keys := aws.Credentials{AccessKeyID: c.id, SecretAccessKey: c.secret}
		if err := v4.NewSigner().SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), adminapi.SigningName, "us-local-1", time.Now()); err != nil {
			return nil, err
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, explainCall(err, c.base)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, problem(res)
}

func explainCall(err error, base string) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return hint(err, "name the server's certificate authority: --ca FILE")
	}
	return hint(fmt.Errorf("the server at %s does not answer: %w", base, err), "is it running? curl %s/readyz", base)
}

// problem reads an error of the admin API.
func problem(res *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var p struct {
		adminapi.Problem
		Message string `json:"message"`
		Errors  []struct {
			Message, Location string
		} `json:"errors"`
	}
	if json.Unmarshal(raw, &p) != nil {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	text := p.Detail
	for _, t := range []string{p.Message, p.Title, res.Status} {
		if text == "" {
			text = t
		}
	}
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "query.")+": "+e.Message)
	}
	if len(fields) > 0 {
		text = strings.Join(fields, "; ")
	}
	return hint(&refusal{text, p.Code}, "%s", p.Hint)
}

// refusal is what the server said, with the stable code.
type refusal struct{ text, code string }

func (r *refusal) Error() string { return r.text }
