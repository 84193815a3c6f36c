package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/internal/simulator"
	"countersign/provider"
)

// validators are the services' own libraries, asked whether a callback is signed rightly.
const validators = `
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const twilio = require('twilio'), plivo = require('plivo');
const { kind, token, url, header, params } = JSON.parse(process.argv[1]);
const right = kind === 'twilio'
  ? twilio.validateRequest(token, header['X-Twilio-Signature'], url, params)
  : plivo.validateV3Signature('POST', url, header['X-Plivo-Signature-V3-Nonce'], token, header['X-Plivo-Signature-V3'], params);
console.log(right === true);
`

// The callbacks that our gateways accept and our simulated services send are those that the services' own libraries accept.
func TestSignaturesOfServices(t *testing.T) {
	const report = "https://id.example.com/receipts/k/secret?a=1"
	for kind, a := range map[string]account.Account{
		"twilio": {Settings: map[string]string{"account_sid": "AC0123456789abcdef0123456789abcdef", "from": "+12025550100"}, Secrets: map[string]secret.String{"auth_token": secret.New("0123456789abcdef")}},
		"plivo":  {Settings: map[string]string{"auth_id": "MA0123456789ABCDEF01", "from": "+12025550100"}, Secrets: map[string]secret.String{"auth_token": secret.New("0123456789abcdef")}},
	} {
		t.Run(kind, func(t *testing.T) {
			told := make(chan *http.Request, 1)
			inbox, err := simulator.Open(simulator.Options{ReceiptDelay: time.Millisecond, Callback: func(r *http.Request) { told <- r }})
			check(t, err)
			defer inbox.Close()
			host := map[string]string{"twilio": "api.twilio.com", "plivo": "api.plivo.com"}[kind]
			service := httptest.NewServer(inbox.Host(host))
			defer service.Close()
			spec, _ := gateway.Spec(kind)
			a.Name, a.Kind, a.Settings["base_url"] = "x", kind, service.URL
			p, err := spec.Make(a, account.Deps{Client: service.Client(), Now: time.Now})
			check(t, err)
			_, err = p.Send(t.Context(), provider.Message{ID: "m", To: "+12025550123", Text: "Your code is 482913", Code: "482913", ReceiptURL: report, Reference: "r1"})
			check(t, err)
			var r *http.Request
			select {
			case r = <-told:
			case <-t.Context().Done():
				t.Fatal("no callback")
			}
			body, err := io.ReadAll(r.Body)
			check(t, err)
			form, err := url.ParseQuery(string(body))
			check(t, err)
			notices, _, err := p.(provider.CallbackReader).ReadCallback(t.Context(), provider.Callback{
				Method: r.Method, URL: r.URL, Header: r.Header, Body: body, Now: time.Now(),
			})
			if err != nil || len(notices) != 1 || notices[0].State != provider.StateDelivered {
				t.Fatalf("our gateway says %+v, %v", notices, err)
			}
			params, header := map[string]string{}, map[string]string{}
			for k := range form {
				params[k] = form.Get(k)
			}
			for k := range r.Header {
				header[k] = r.Header.Get(k)
			}
			if !libraryAccepts(t, kind, r.URL.String(), header, params) {
				t.Errorf("the library of %s refuses %s %v %v", kind, r.URL, header, params)
			}
			for k := range params {
				params[k] += "x"
				break
			}
			if libraryAccepts(t, kind, r.URL.String(), header, params) {
				t.Error("the library accepts anything")
			}
		})
	}
}

func libraryAccepts(t *testing.T, kind, target string, header, params map[string]string) bool {
	t.Helper()
	in, err := json.Marshal(map[string]any{"kind": kind, "token": "0123456789abcdef", "url": target, "header": header, "params": params})
	check(t, err)
	dir, err := filepath.Abs("node")
	check(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", validators, string(in))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out)) == "true"
}
