package proof

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	smsvoiceapi "countersign/internal/awsapi/smsvoice/api"
	snsapi "countersign/internal/awsapi/sns/api"
)

// query is a request of the Query protocol, voice one of End User Messaging; neither is signed yet.
func (c *caller) query(base, op string, in url.Values) *http.Request {
	c.t.Helper()
	all := url.Values{"Action": {op}, "Version": {"2010-03-31"}}
	for k, v := range in {
		all[k] = v
	}
	req, err := http.NewRequest("POST", base+"/", strings.NewReader(all.Encode()))
	check(c.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func (c *caller) voice(base, op string, in any) *http.Request {
	c.t.Helper()
	req, err := http.NewRequest("POST", base+"/", strings.NewReader(string(mustJSON(c.t, in))))
	check(c.t, err)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "PinpointSMSVoiceV2."+op)
	return req
}

// sns and eum are signed calls.
func (c *caller) sns(op string, in url.Values) answer {
	req := c.query(c.admin, op, in)
	sign(c.t, req, c.creds, "sns")
	return c.do(req, "sns "+op)
}

func (c *caller) eum(op string, in any) answer {
	req := c.voice(c.admin, op, in)
	sign(c.t, req, c.creds, "sms-voice")
	return c.do(req, "sms-voice "+op)
}

// granted makes an access key of a preset for a pool.
func (n *node) granted(preset, pool string) aws.Credentials {
	n.t.Helper()
	var k struct{ ID, Secret string }
	check(n.t, json.Unmarshal([]byte(n.command("keys", "create", "--config", n.config, "--name", preset+" of "+pool, "--preset", preset, "--pool", pool, "--json")), &k))
	return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
}

// numbersAndGuards is everything that must not change.
func (n *node) numbersAndGuards(c *caller, pool string) string {
	var out strings.Builder
	for _, path := range []string{"/guards?pool=" + pool, "/guards/blocks?pool=" + pool, "/originations", "/origination-settings", "/registrations?pool=" + pool, "/registration-settings?pool=" + pool,
		"/destination-numbers", "/sms-account"} {
		a := n.operate("GET", path)
		if a.status != http.StatusOK {
			n.t.Errorf("GET %s: %d %s", path, a.status, a.raw)
		}
		out.WriteString(path + " " + string(a.raw) + "\n")
	}
	requests := regexp.MustCompile(`<RequestId>[^<]*</RequestId>`)
	for _, a := range []answer{c.sns("GetSMSAttributes", nil), c.sns("ListPhoneNumbersOptedOut", nil), c.sns("ListSMSSandboxPhoneNumbers", nil), c.eum("DescribeOptOutLists", obj{})} {
		if a.status != http.StatusOK {
			n.t.Errorf("%s: %d %s", a.op, a.status, a.raw)
		}
		out.WriteString(a.op + " " + requests.ReplaceAllString(string(a.raw), "") + "\n")
	}
	return out.String()
}

// TestAdvisory_GO_2025_3661_numbers: APIs answered without authorisation. Every operation of SNS and End User Messaging, and every operators' route about guards,
// numbers, registrations and the SMS account, is tried with nothing, wrong signatures, the wrong service, another pool's grants, by pages of other origins, and at
// the door for end users.
func TestAdvisory_GO_2025_3661_numbers(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	pool, _ := codesPool(c, "first")
	other, _ := codesPool(c, "second")
	number := "+12124660001"
	for path, body := range map[string]obj{"/sms-account": {"pool": pool}, "/sms-account/sandbox": {"enabled": true}, "/registrations/acme?pool=" + pool: {"country": "US", "kind": "ten_dlc_brand"}} {
		if a := n.manage("PUT", path, body); a.status >= 300 {
			t.Fatalf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if a := n.manage("POST", "/destination-numbers", obj{"number": number}); a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	before := n.numbersAndGuards(c, pool)
	foreign := map[string]aws.Credentials{
		"a wrong secret": {AccessKeyID: n.owner.AccessKeyID, SecretAccessKey: "wrong" + n.owner.SecretAccessKey},
		"an unknown key": {AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
		"the dev key":    {AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"},
		"another owner":  n.granted("owner", other), "another backend": n.granted("app-backend", other),
	}
	if tried := c.everySMSOperation(foreign, number); tried < 400 {
		t.Errorf("only %d requests were made", tried)
	}
	foreign["another deployer"], foreign["another auditor"], foreign["another sender"] = n.granted("deployer", other), n.granted("auditor", other), n.granted("sender", other)
	if tried := n.everyNumberRoute(foreign, pool, number); tried < 200 {
		t.Errorf("only %d requests to operators' routes were made", tried)
	}
	if after := n.numbersAndGuards(c, pool); after != before {
		t.Errorf("something was changed:\n%s\nwas\n%s", after, before)
	}
	if n.phones.to(number) > 1 {
		t.Error("somebody made it send another code")
	}
}

func (c *caller) everySMSOperation(foreign map[string]aws.Credentials, number string) (tried int) {
	t := c.t
	demand := func(op, who string, req *http.Request) {
		t.Helper()
		tried++
		a := c.do(req, op)
		if a.status < 400 || a.status >= 500 || regexp.MustCompile(`Validation|ValidationException|InvalidParameter|MissingParameter`).Match(a.raw) {
			t.Errorf("%s with %s: %d %s", op, who, a.status, a.raw)
		}
	}
	in := url.Values{"phoneNumber": {number}, "PhoneNumber": {number}, "Message": {"x"}, "OneTimePassword": {"000000"}, "attributes.entry.1.key": {"DefaultSenderID"}, "attributes.entry.1.value": {"HOSTILE"}}
	type made func(base, op string) *http.Request
	each := func(service, op string, request made) {
		signed := func(base string, creds aws.Credentials, as string, header ...string) *http.Request {
			req := request(base, op)
			for i := 0; i+1 < len(header); i += 2 {
				req.Header.Set(header[i], header[i+1])
			}
			sign(t, req, creds, as)
			return req
		}
		name := service + " " + op
		demand(name, "nothing", request(c.admin, op))
		demand(name, "nothing, for end users", request(c.public, op))
		demand(name, "the owner's key at the wrong door", signed(c.public, c.creds, service))
		demand(name, "a signature for another service", signed(c.admin, c.creds, "cognito-idp"))
		demand(name, "the owner's key, by a page of another origin", signed(c.admin, c.creds, service, "Origin", "https://attacker.example"))
		for who, creds := range foreign {
			demand(name, who, signed(c.admin, creds, service))
		}
	}
	for _, op := range snsapi.Operations {
		each("sns", op.Name, func(base, op string) *http.Request { return c.query(base, op, in) })
	}
	body := obj{"DestinationPhoneNumber": number, "MessageBody": "x", "OptOutListName": "Default", "OptedOutNumber": number, "VerifiedDestinationNumberId": number, "VerificationCode": "000000",
		"VerificationChannel": "TEXT", "SenderId": "HOSTILE", "IsoCountryCode": "GB", "MonthlyLimit": 1, "MessageType": "TRANSACTIONAL", "NumberCapabilities": []string{"SMS"}, "NumberType": "TOLL_FREE"}
	for _, op := range smsvoiceapi.Operations {
		each("sms-voice", op.Name, func(base, op string) *http.Request { return c.voice(base, op, body) })
	}
	return tried
}

var numberRoutes = regexp.MustCompile(`^/(guards|originations|origination-settings|registrations|registration-settings|destination-numbers|sms-account|opt-outs|optouts|pool-config)\b`)

// bodies are of routes that want one.
var bodies = map[string]any{
	"/guards": obj{"policy": obj{"mode": "off"}}, "/guards/blocks": obj{"key": "c:US"}, "/originations": obj{"value": "HOSTILE", "country": "GB"}, "/originations/request": obj{"country": "GB", "value": "HOSTILE"},
	"/registrations/{name}": obj{"country": "US", "kind": "ten_dlc_brand"}, "/registrations/check": obj{"country": "US"}, "/registration-settings": obj{"require": []string{"US"}},
	"/destination-numbers": obj{"number": "+12124660099"}, "/destination-numbers/{id}/verify": obj{"code": "000000"}, "/sms-account/sandbox": obj{"enabled": false},
}

func (n *node) everyNumberRoute(foreign map[string]aws.Credentials, pool, number string) (tried int) {
	n.t.Helper()
	paths, _ := n.operate("GET", "/openapi.json").body["paths"].(obj)
	seen := map[string]bool{}
	for path, methods := range paths {
		path = strings.TrimPrefix(path, "/admin/v1")
		if !numberRoutes.MatchString(path) {
			continue
		}
		seen[numberRoutes.FindStringSubmatch(path)[1]] = true
		target := strings.NewReplacer("{id}", url.PathEscape(number), "{name}", "acme").Replace(path) + "?pool=" + url.QueryEscape(pool) + "&to=%2B12124660001&key=c:US"
		for method := range methods.(obj) {
			method = strings.ToUpper(method)
			try := func(who string, prepare func(*http.Request)) {
				n.t.Helper()
				tried++
				body := bodies[path]
				if body == nil {
					body = obj{}
				}
				req, err := http.NewRequest(method, n.admin+"/admin/v1"+target, strings.NewReader(string(mustJSON(n.t, body))))
				check(n.t, err)
				req.Header.Set("Content-Type", "application/json")
				prepare(req)
				a, err := send(req)
				check(n.t, err)
				if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
					n.t.Errorf("%s %s with %s: %d %s", method, path, who, a.status, a.raw)
				}
			}
			try("nothing", func(*http.Request) {})
			try("a page of another origin", func(r *http.Request) {
				r.Header.Set("Origin", "https://attacker.example")
				sign(n.t, r, n.owner, "countersign")
			})
			try("a signature for another service", func(r *http.Request) { sign(n.t, r, n.owner, "sns") })
			for who, creds := range foreign {
				try(who, func(r *http.Request) { sign(n.t, r, creds, "countersign") })
			}
		}
	}
	for _, want := range []string{"guards", "originations", "origination-settings", "registrations", "registration-settings", "destination-numbers", "sms-account"} {
		if !seen[want] {
			n.t.Errorf("no route of %s was tried: %v", want, seen)
		}
	}
	return tried
}
