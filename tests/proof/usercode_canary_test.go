package proof

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// canary is a pool whose every trigger is a function that says whatever it knows (testdata/canary.js).
type canary struct {
	*flows
	to *receiver
	// own are answers in which the function's words reach whoever called it, as the contracts of synchronous triggers and of Invoke have it.
	own recorder
}

const packaged = "canary-of-a-constant-in-the-package"

func newCanary(c *caller, to *receiver) *canary {
	x := &canary{to: to}
	x.flows = &flows{caller: c, s: &secrets{}, code: func(to string) string {
		m, _ := x.to.next(to)
		for k, v := range m.Env {
			if k == "AWS_SECRET_ACCESS_KEY" || k == "CANARY" {
				x.s.add(phrase, k+" of the function", v)
			}
		}
		return m.Code
	}}
	return x
}

// all plays every flow in which functions are told something.
func (x *canary) all() {
	s := x.s
	s.add(phrase, "a constant in the package", packaged)
	env := map[string]string{"RECEIVER": x.to.url, "CANARY": s.add(phrase, "an environment variable", "canary-of-the-environment"),
		"WORD": s.add(phrase, "the private answer", "canary-word-of-a-custom-challenge"), "NOTE": s.add(phrase, "a private parameter", "canary-note-of-a-custom-challenge")}
	shown := *x.caller
	shown.rec = &x.own // the owner may read the environment
	function := shown.deploy("canary", zipped(x.t, map[string]string{"index.js": "testdata/canary.js", "kms.js": "testdata/kms.js"}), env, nil)
	key := x.key()
	x.keys(key)
	config := sender(function, key)
	for _, n := range []string{"DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse", "UserMigration", "PreSignUp", "PreAuthentication", "PostAuthentication", "PostConfirmation"} {
		config[n] = function
	}
	x.pool, x.client = x.triggered("canary", config, "canary")
	alice, pw := x.account()
	x.custom(alice)
	x.invited()
	x.migrated(pw)
	x.called()
}

// keys uses the KMS as an operator does.
func (x *canary) keys(key string) {
	plain := base64.StdEncoding.EncodeToString([]byte(x.s.add(phrase, "a plaintext", "canary-plaintext-of-the-kms-0123456789")))
	x.s.add(phrase, "a plaintext in base64", plain)
	sealed := x.ok(x.kms("Encrypt", obj{"KeyId": key, "Plaintext": plain, "EncryptionContext": obj{"a": "b"}})).str("CiphertextBlob")
	shown := *x.caller
	shown.rec = &x.own
	shown.ok(shown.kms("Decrypt", obj{"CiphertextBlob": sealed, "EncryptionContext": obj{"a": "b"}}))
	data := shown.ok(shown.kms("GenerateDataKey", obj{"KeyId": key, "KeySpec": "AES_256"}))
	x.s.add(phrase, "a data key", data.str("Plaintext"))
	raw, err := base64.StdEncoding.DecodeString(data.str("Plaintext"))
	check(x.t, err)
	x.s.add(phrase, "a raw data key", string(raw))
	x.refused(x.kms("Decrypt", obj{"CiphertextBlob": sealed, "EncryptionContext": obj{"a": "c"}}), "InvalidCiphertextException")
	x.refused(x.kms("Encrypt", obj{"KeyId": key[:len(key)-4] + "0000", "Plaintext": plain}), "NotFoundException")
	x.refused(x.kms("ReEncrypt", obj{"CiphertextBlob": plain, "DestinationKeyId": key}), "InvalidCiphertextException")
}

// account signs somebody up and lets them recover their password: one sending ends well, one by the end of the process, one by a throw.
func (x *canary) account() (alice, pw string) {
	alice, pw = x.phone(), x.password("first password")
	x.keep(x.app("SignUp", obj{"ClientId": x.client, "Username": alice, "Password": pw, "ValidationData": []obj{{"Name": "v", "Value": x.s.add(phrase, "validation data", "canary-validation-data")}}}))
	first := x.text(alice)
	confirm := func(c string) answer {
		return x.app("ConfirmSignUp", obj{"ClientId": x.client, "Username": alice, "ConfirmationCode": c})
	}
	x.refused(confirm(x.wrong(first)), "CodeMismatchException")
	x.ok(x.app("ResendConfirmationCode", obj{"ClientId": x.client, "Username": alice}))
	x.keep(confirm(x.text(alice)))
	x.ok(x.app("ForgotPassword", obj{"ClientId": x.client, "Username": alice}))
	pw = x.password("new password")
	x.ok(x.app("ConfirmForgotPassword", obj{"ClientId": x.client, "Username": alice, "ConfirmationCode": x.text(alice), "Password": pw}))
	otp := x.keep(x.app("InitiateAuth", obj{"ClientId": x.client, "AuthFlow": "USER_AUTH", "AuthParameters": obj{"USERNAME": alice, "PREFERRED_CHALLENGE": "SMS_OTP"}}))
	x.keep(x.app("RespondToAuthChallenge", obj{"ClientId": x.client, "ChallengeName": "SMS_OTP", "Session": otp.str("Session"),
		"ChallengeResponses": obj{"USERNAME": alice, "SMS_OTP_CODE": x.text(alice)}}))
	return alice, pw
}

// custom signs in by the functions' own challenge.
func (x *canary) custom(alice string) {
	begin := func() answer {
		a := x.keep(x.app("InitiateAuth", obj{"ClientId": x.client, "AuthFlow": "CUSTOM_AUTH", "AuthParameters": obj{"USERNAME": alice}}))
		if a.str("ChallengeName") != "CUSTOM_CHALLENGE" || a.str("ChallengeParameters", "question") == "" {
			x.t.Fatalf("custom challenge: %s", a.raw)
		}
		return a
	}
	respond := func(c *caller, a answer, word string) answer {
		return c.app("RespondToAuthChallenge", obj{"ClientId": x.client, "ChallengeName": "CUSTOM_CHALLENGE", "Session": a.str("Session"), "ChallengeResponses": obj{"USERNAME": alice, "ANSWER": word}})
	}
	own := *x.caller
	own.rec = &x.own
	x.refused(respond(&own, begin(), x.s.add(phrase, "an answer that the function quotes", "throw-canary-answer")), "UserLambdaValidationException")
	again := x.keep(respond(x.caller, begin(), x.s.add(phrase, "a wrong answer", "wrong-canary-answer")))
	x.keep(respond(x.caller, again, "canary-word-of-a-custom-challenge"))
}

func (x *canary) invited() {
	bob := x.phone()
	x.ok(x.back("AdminCreateUser", obj{"UserPoolId": x.pool, "Username": bob, "DesiredDeliveryMediums": []string{"SMS"}}))
	x.text(bob)
	carol := x.phone()
	x.ok(x.back("AdminCreateUser", obj{"UserPoolId": x.pool, "Username": carol, "DesiredDeliveryMediums": []string{"SMS"}, "TemporaryPassword": x.s.add(phrase, "a temporary password", `T3mporary<canary>&"1'`)}))
	x.text(carol)
}

// migrated tells the function a password in clear, which it throws.
func (x *canary) migrated(pw string) {
	own := *x.caller
	own.rec = &x.own
	a := own.app("InitiateAuth", obj{"ClientId": x.client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": x.phone(), "PASSWORD": x.password("a migrant's password")}})
	if a.status < 400 {
		x.t.Errorf("UserMigration: %d %s", a.status, a.raw)
	}
}

// called is the function called by name, waiting and not.
func (x *canary) called() {
	own := *x.caller
	own.rec = &x.own
	payload := obj{"fail": x.s.add(code, "a code in a payload", "730914"), "request": obj{"userAttributes": obj{"phone_number": x.phone()}}}
	req := func(header ...string) {
		r, err := http.NewRequest("POST", x.admin+functionsPath+"/canary/invocations", strings.NewReader(string(mustJSON(x.t, payload))))
		check(x.t, err)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		sign(x.t, r, x.creds, "lambda")
		if a := own.do(r, "Invoke"); a.status >= 300 {
			x.t.Errorf("Invoke: %d %s", a.status, a.raw)
		}
	}
	req("X-Amz-Log-Type", "Tail")
	req("X-Amz-Invocation-Type", "Event")
	req("X-Amz-Invocation-Type", "DryRun")
	// One that cannot be loaded says it with its name, one that dies with its last words.
	own.deploy("unloadable", zipped(x.t, map[string]string{"index.js": `console.log(process.env); throw Object.assign(new Error("load " + process.env.CANARY), { name: process.env.CANARY })`}), map[string]string{"CANARY": "canary-of-the-environment"}, nil)
	own.deploy("dying", zipped(x.t, map[string]string{"index.js": `exports.handler = async () => { setTimeout(() => { throw Object.assign(new Error(process.env.CANARY), { name: process.env.CANARY }) }); await new Promise(() => {}) }`}), map[string]string{"CANARY": "canary-of-the-environment"}, nil)
	for _, name := range []string{"unloadable", "dying"} {
		if a := own.invoke(name, obj{}); a.header.Get("X-Amz-Function-Error") == "" {
			x.t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	// Refusals quote nothing.
	x.lambda("POST", functionsPath+"/canary/invocations?Qualifier=99", payload)
	x.lambda("POST", functionsPath, obj{"FunctionName": "broken", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": "x", "Environment": obj{"Variables": obj{"1 bad": "canary-of-the-environment"}}, "Code": obj{"ZipFile": "bm8gemlw"}})
	x.lambda("PUT", functionsPath+"/canary/configuration", obj{"Environment": obj{"Variables": obj{"AWS_REGION": "canary-of-the-environment"}}})
}

// TestAdvisory_CVE_2026_40166_functions: secrets could be read by an API, and wrong codes stood in logs. What functions are told and say,
// their environment and the plaintexts of the KMS are in no column, log, metric, event, message or answer.
func TestAdvisory_CVE_2026_40166_functions(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		to := newReceiver(t)
		n := serve(t, database, to.egress())
		x := newCanary(n.caller(), to)
		x.s.add(phrase, "the owner's secret key", n.owner.SecretAccessKey)
		x.all()
		n.settled()
		x.ended(n)
		everything := []kind{code, phrase, token, number}
		x.database(t, database, n)
		x.events(n)
		x.logs(n)
		x.byOthers(n)
		for _, a := range n.rest.all() {
			x.s.none(t, "the answer of "+a.op, a.raw, code, phrase)
			x.s.inHeader(t, "the answer of "+a.op, a.header)
		}
		for _, a := range x.own.all() {
			x.s.none(t, "the answer of "+a.op+" in headers", []byte(fmt.Sprint(a.header)), code, phrase, token)
			if a.op == "RespondToAuthChallenge" || a.op == "InitiateAuth" {
				x.s.none(t, "the answer of "+a.op+" with the function's words", a.raw, code, phrase)
			}
		}
		metrics, err := http.Get(n.admin + "/metrics")
		check(t, err)
		defer metrics.Body.Close()
		raw, err := io.ReadAll(metrics.Body)
		check(t, err)
		if !strings.Contains(string(raw), "countersign_function") {
			t.Error("no metrics of functions")
		}
		x.s.none(t, "/metrics", raw, phrase, token, number)
		n.stop(t)
		x.s.none(t, "the log", []byte(n.out.String()), everything...)
		if !strings.Contains(n.out.String(), `"level":"DEBUG"`) {
			t.Errorf("the log has no lines of level DEBUG: %.300s", n.out.String())
		}
	})
}

// ended waits until the function's last call, which nobody waits for, is over.
func (x *canary) ended(n *node) {
	x.t.Helper()
	for range 200 {
		if strings.Contains(string(n.operate("GET", "/functions/canary/calls?region="+region).raw), `"mode":"event"`) {
			return
		}
	}
	x.t.Error("the call of mode event was not made")
}

func (x *canary) database(t *testing.T, database string, n *node) {
	tables := map[string]bool{}
	for _, c := range dump(t, database) {
		if c.table == "artifact_chunks" {
			tables[c.table] = true
			continue
		}
		tables[c.table] = true
		x.s.none(t, "column "+c.column+" of "+c.table, c.data, code, phrase, token)
		if !homeOfNumbers[c.table] {
			x.s.none(t, "column "+c.column+" of "+c.table, c.data, number)
		}
	}
	for _, table := range []string{"functions", "artifacts", "artifact_chunks", "kms_keys", "attempts", "outbox", "events"} {
		if !tables[table] {
			t.Errorf("nothing was read from %s: the search has not seen what it should", table)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup")
	n.command("backup", "--config", n.config, backup)
	for name, raw := range unpack(t, backup) {
		x.s.none(t, name, raw, code, phrase, token)
	}
	if !strings.HasPrefix(database, "postgres") {
		for name, raw := range files(t, database) {
			x.s.none(t, name, raw, code, phrase, token)
		}
	}
}

// events are those of the pool and of the deployment, and the messages.
func (x *canary) events(n *node) {
	seen := ""
	for _, pool := range []string{x.pool, "deployment"} {
		shut := n.operate("GET", "/events?limit=1000&pool="+url.QueryEscape(pool))
		if shut.status != http.StatusOK {
			x.t.Errorf("events of %q: %d %s", pool, shut.status, shut.raw)
		}
		seen += string(shut.raw)
		x.s.none(x.t, "the events of "+pool, shut.raw, code, phrase, token, number)
		x.unsaid().none(x.t, "the events of "+pool+" with personal data", n.operate("GET", "/events?limit=1000&reveal=true&pool="+url.QueryEscape(pool)).raw, code, phrase, token)
	}
	for _, kind := range []string{`"cs_function_failed"`, `"cs_trigger_failed"`, `"cs_function_changed"`, `"cs_kms_key_changed"`} {
		if !strings.Contains(seen, kind) {
			x.t.Errorf("there is no event %s", kind)
		}
	}
	list := n.operate("GET", "/messages?limit=1000&pool="+url.QueryEscape(x.pool))
	x.s.none(x.t, "the messages", list.raw, code, phrase, token, number)
	messages, _ := list.body["messages"].([]any)
	if len(messages) < 5 {
		x.t.Errorf("%d messages: %s", len(messages), list.raw)
	}
	failed := false
	for _, m := range messages {
		one := n.operate("GET", "/messages/"+m.(obj)["id"].(string))
		failed = failed || strings.Contains(string(one.raw), "lambda:canary")
		x.s.none(x.t, "the timeline of a message", one.raw, code, phrase, token, number)
	}
	if !failed {
		x.t.Error("no timeline of a message was read")
	}
}

// unsaid is without what the function says of its own accord: no server can know that a constant of its package is a secret.
func (x *canary) unsaid() *secrets {
	s := *x.s
	s.byKind[phrase] = maps.Clone(s.byKind[phrase])
	delete(s.byKind[phrase], packaged)
	return &s
}

// logs are what the functions wrote, as operators see it.
func (x *canary) logs(n *node) {
	a := n.operate("GET", "/functions/canary/calls?region="+region)
	if a.status != http.StatusOK || !strings.Contains(string(a.raw), "event ") {
		x.t.Errorf("the function's log: %d %.300s", a.status, a.raw)
	}
	x.unsaid().none(x.t, "the function's log", a.raw, code, phrase, token, number)
	for _, args := range [][]string{{"functions", "logs", "canary", "--region", region, "--config", n.config}, {"functions", "list", "--region", region, "--config", n.config}} {
		x.unsaid().none(x.t, strings.Join(args[:2], " "), []byte(n.command(args...)), code, phrase, token, number)
	}
}

// byOthers asks whatever reads of those who may not read secrets.
func (x *canary) byOthers(n *node) {
	read := 0
	for _, preset := range []string{"auditor", "deployer", "app-backend", "sender"} {
		as := *x.caller
		as.creds = n.preset(preset)
		x.s.add(phrase, "the secret key of "+preset, as.creds.SecretAccessKey)
		for _, path := range []string{"/canary", "/canary/configuration", "/canary/versions", "/", "/canary/policy", "/canary?Qualifier=%24LATEST"} {
			a := as.lambda("GET", functionsPath+path, nil)
			if a.status == http.StatusOK {
				read++
			}
			x.s.none(x.t, "GET "+path+" by "+preset, a.raw, phrase, code, number)
		}
		if preset == "deployer" {
			changed := as.lambda("PUT", functionsPath+"/canary/configuration", obj{"Description": "changed"})
			if changed.status != http.StatusOK || !strings.Contains(string(changed.raw), "AccessDenied") {
				x.t.Errorf("UpdateFunctionConfiguration by %s: %d %s", preset, changed.status, changed.raw)
			}
			x.s.none(x.t, "UpdateFunctionConfiguration by "+preset, changed.raw, phrase)
		}
		for _, path := range []string{"/events?reveal=true&pool=" + url.QueryEscape(x.pool), "/events?reveal=true", "/functions/canary/calls?region=" + region} {
			req, err := http.NewRequest("GET", n.admin+"/admin/v1"+path, nil)
			check(x.t, err)
			sign(x.t, req, as.creds, "countersign")
			a, err := send(req)
			check(x.t, err)
			if a.status != http.StatusForbidden {
				x.t.Errorf("GET %s by %s: %d", path, preset, a.status)
			}
			x.s.none(x.t, "GET "+path+" by "+preset, a.raw, phrase, code, number, token)
		}
	}
	invoke := *x.caller
	invoke.creds, invoke.rec = n.preset("deployer"), nil
	req, err := http.NewRequest("POST", x.admin+functionsPath+"/canary/invocations", strings.NewReader(`{"fail":"830915"}`))
	check(x.t, err)
	req.Header.Set("X-Amz-Log-Type", "Tail")
	sign(x.t, req, invoke.creds, "lambda")
	called := invoke.do(req, "Invoke by a deployer")
	log, err := base64.StdEncoding.DecodeString(called.header.Get("X-Amz-Log-Result"))
	if err != nil || called.header.Get("X-Amz-Function-Error") == "" || !strings.Contains(string(log), "REPORT") {
		x.t.Errorf("Invoke by a deployer: %d %s %s", called.status, log, called.raw)
	}
	x.unsaid().none(x.t, "the log for a deployer", log, code, phrase, token, number)
	x.unsaid().none(x.t, "the answer to a deployer", called.raw, phrase, token)
	if read < 6 {
		x.t.Errorf("only %d answers of the Lambda API were read", read)
	}
	owner := x.lambdaAs(n.owner, functionsPath+"/canary/configuration")
	if owner.str("Environment", "Variables", "CANARY") != "canary-of-the-environment" {
		x.t.Errorf("the owner is told %s", owner.raw)
	}
}

// lambdaAs is a read that is not recorded.
func (x *canary) lambdaAs(creds aws.Credentials, path string) answer {
	as := *x.caller
	as.creds, as.rec = creds, nil
	return as.lambda("GET", path, nil)
}

// TestFunctionsOfDev is the same for the terminal and the database of `countersign dev`.
func TestFunctionsOfDev(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	base := fmt.Sprintf("http://127.0.0.1:%d", freePair(t))
	to := newReceiver(t)
	p := start(t, base, "dev", "--listen", strings.TrimPrefix(base, "http://"), "--data", folder, "--allow-egress", "localhost:"+to.port)
	c := devCaller(t, base)
	c.rec = &recorder{}
	x := newCanary(c, to)
	x.all()
	for _, a := range c.rec.all() {
		x.s.none(t, "the answer of "+a.op, a.raw, code, phrase)
		x.s.inHeader(t, "the answer of "+a.op, a.header)
	}
	p.stop(t)
	x.s.none(t, "the terminal", []byte(p.out.String()), code, phrase, token, number)
	if !slices.ContainsFunc(strings.Split(p.out.String(), "\n"), func(l string) bool { return strings.Contains(l, "canary") }) {
		t.Errorf("the terminal says nothing of the function: %.1000s", p.out.String())
	}
	for _, cell := range dump(t, filepath.Join(folder, "countersign.db")) {
		if cell.table != "artifact_chunks" {
			x.s.none(t, "column "+cell.column+" of "+cell.table, cell.data, code, phrase, token)
		}
	}
}
