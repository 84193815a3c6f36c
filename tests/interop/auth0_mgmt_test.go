package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exported is a tenant as somebody who leaves Auth0 has it on disk.
const exported = `
tenant:
  friendly_name: Imported Shop
  enabled_locales: [en] # the export asks for 40 texts in each
hooks:
  - name: Send Phone Message
    triggerId: send-phone-message
    enabled: true
    script: ./hooks/sms.js
    dependencies: {}
    secrets:
      API_KEY: "##API_KEY##"
      SENDER: shop
actions:
  - name: After login
    code: ./actions/login.js
    runtime: node22
    deployed: true
    status: built
    supported_triggers: [{ id: post-login, version: v3 }]
    dependencies: [{ name: ms, version: 2.1.3 }]
    secrets: [{ name: TOKEN, value: t0ken }]
  - name: Provider
    code: ./actions/provider.js
    runtime: node22
    deployed: true
    supported_triggers: [{ id: custom-phone-provider, version: v1 }]
    dependencies: []
    secrets: []
triggers:
  post-login:
    - action_name: After login
      display_name: After login
guardianFactors:
  - { name: sms, enabled: true }
  - { name: recovery-code, enabled: true }
guardianFactorTemplates:
  - name: sms
    enrollment_message: "{{ code }} enrols you at {{ tenant.friendly_name }}"
    verification_message: "{{ code }} signs you in at {{ tenant.friendly_name }}"
guardianPhoneFactorSelectedProvider: { provider: phone-message-hook }
guardianPhoneFactorMessageTypes: { message_types: [sms, voice] }
guardianPolicies: { policies: [all-applications] }
phoneTemplates:
  - type: otp_verify
    disabled: false
    content:
      syntax: liquid
      from: "+12025550100"
      body: { text: "{{ code }} from {{ tenant }}", voice: "Your code: {{ code }}" }
phoneProviders:
  - name: custom
    disabled: false
    configuration: { delivery_methods: [text] }
`

var exportedCode = map[string]string{
	"hooks/sms.js": `module.exports = function (recipient, text, context, cb) {
  cb(null, { sender: context.webtask.secrets.SENDER, key: context.webtask.secrets.API_KEY.length, code: context.code });
};
`,
	"actions/login.js":    "const ms = require('ms');\nexports.onExecutePostLogin = async (event, api) => { ms('1s'); };\n",
	"actions/provider.js": "exports.onExecuteCustomPhoneProvider = async (event, api) => {};\n",
}

// deployCLI runs auth0-deploy-cli as its users do. AUTH0_DOMAIN is this server, whose authority Node is told of.
func deployCLI(t *testing.T, s *server, dir string, env []string, args ...string) string {
	t.Helper()
	cli, err := filepath.Abs("node/node_modules/auth0-deploy-cli/lib/index.js")
	check(t, err)
	cmd := exec.CommandContext(t.Context(), "node", append([]string{cli}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "AUTH0_DOMAIN="+strings.TrimPrefix(s.HTTPS, "https://"), "AUTH0_CLIENT_ID=countersign-dev",
		"AUTH0_CLIENT_SECRET=countersign-dev-secret", "NODE_EXTRA_CA_CERTS="+s.CA)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("a0deploy %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestDeployCLI: a tenant is imported, its hook runs with the secret that it came with, and what is exported again is what came; it can be
// imported once more.
func TestDeployCLI(t *testing.T) {
	t.Parallel() // Node takes its time to load the CLI, three times
	s := newServer(t)
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "tenant.yaml"), []byte(exported), 0o600))
	for name, code := range exportedCode {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(code), 0o600))
	}
	deployCLI(t, s, dir, []string{`AUTH0_KEYWORD_REPLACE_MAPPINGS={"API_KEY":"k3y-of-nine"}`}, "import", "--input_file", "tenant.yaml")
	api := management(t, s)
	importedTenantWorks(t, api)

	deployCLI(t, s, dir, nil, "export", "--format", "yaml", "--output_folder", "out")
	out := readFile(t, filepath.Join(dir, "out", "tenant.yaml"))
	for _, want := range []string{
		"API_KEY: _VALUE_NOT_SHOWN_", "triggerId: send-phone-message", "provider: phone-message-hook", "{{ code }} enrols you at {{ tenant.friendly_name }}",
		"friendly_name: Imported Shop", "- all-applications", "action_name: After login", "name: custom", "{{ code }} from {{ tenant }}", "version: 2.1.3",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the export lacks %q", want)
		}
	}
	for _, secret := range []string{"k3y-of-nine", "t0ken"} {
		if strings.Contains(out, secret) {
			t.Errorf("the export shows the secret %s", secret)
		}
	}
	if got := readFile(t, filepath.Join(dir, "out", "hooks", "send-phone-message.js")); got != exportedCode["hooks/sms.js"] {
		t.Errorf("the hook was exported as %s", got)
	}

	deployCLI(t, s, dir, nil, "import", "--input_file", filepath.Join("out", "tenant.yaml"))
	importedTenantWorks(t, api) // the placeholders of the export did not become secrets
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	check(t, err)
	return string(b)
}

func importedTenantWorks(t *testing.T, api *auth0) {
	t.Helper()
	hooks := api.call("GET", "/api/v2/hooks?enabled=true", nil, 200)
	run := api.call("POST", "/api/v2/hooks/"+hooks.text("0.id")+"/run", map[string]any{}, 200)
	if run.text("envelope.data.sender") != "shop" || run.at("envelope.data.key") != float64(len("k3y-of-nine")) {
		t.Errorf("the hook answers %s", run.Raw)
	}
	actions := api.call("GET", "/api/v2/actions/actions?deployed=true&triggerId=post-login", nil, 200)
	if actions.at("total") != 1.0 || actions.at("actions.0.all_changes_deployed") != true || actions.text("actions.0.secrets.0.name") != "TOKEN" {
		t.Errorf("the actions are %s", actions.Raw)
	}
	if b := api.call("GET", "/api/v2/actions/triggers/post-login/bindings", nil, 200); b.text("bindings.0.display_name") != "After login" {
		t.Errorf("the bindings are %s", b.Raw)
	}
}

// TestEditorsRun: a text that was not saved runs with an input, and is told of in full.
func TestEditorsRun(t *testing.T) {
	api := management(t, srv)
	const text = `const tiny = require('ms@2.1.3');
module.exports = function (recipient, text, context, cb) {
  console.log('sending', tiny('1m'));
  if (!context.webtask.secrets.KEY) return cb(new Error('no key'));
  cb(null, { recipient, language: context.language });
};`
	run := func(in map[string]any) answer {
		in["script"] = text
		return api.call("POST", "/api/v2/hooks/run", in, 200)
	}
	got := run(map[string]any{"secrets": map[string]any{"KEY": "s3cret-value"}})
	if got.at("success") != true || got.text("envelope.status") != "success" || !strings.Contains(got.text("console"), "sending 60000") ||
		got.text("modules.0.name") != "ms" || got.text("modules.0.version") != "2.1.3" || got.at("duration_ms").(float64) <= 0 {
		t.Errorf("Run answers %s", got.Raw)
	}
	if got = run(map[string]any{}); got.at("success") != false || got.text("envelope.status") != "error" || got.text("error.message") != "no key" {
		t.Errorf("a run that fails answers %s", got.Raw)
	}
	if list := api.call("GET", "/api/v2/hooks", nil, 200); strings.Contains(list.Raw, "tiny") {
		t.Error("Run saved the hook")
	}
}

// TestGoAuth0 drives the Management and the Authentication API with Auth0's SDK for Go, which is in a module of its own.
func TestGoAuth0(t *testing.T) {
	s := newServer(t)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-json", "./...")
	cmd.Dir = filepath.Join("..", "auth0-go")
	cmd.Env = append(os.Environ(), "COUNTERSIGN_URL="+s.URL, "COUNTERSIGN_HTTPS_URL="+s.HTTPS, "COUNTERSIGN_CA="+s.CA)
	out, err := cmd.Output()
	ran := 0
	for line := range bytes.SplitSeq(out, []byte("\n")) {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(line, &e) == nil && e.Test != "" && (e.Action == "pass" || e.Action == "fail") {
			ran++
			if e.Action == "fail" {
				t.Errorf("%s failed", e.Test)
			}
		}
	}
	if err != nil || ran == 0 {
		t.Fatalf("%v after %d tests\n%s", err, ran, out)
	}
}
