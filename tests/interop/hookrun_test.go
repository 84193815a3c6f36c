package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs a command of the program and returns what it printed.
func command(t *testing.T, dir string, ok bool, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); (err == nil) != ok {
		t.Fatalf("countersign %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// TestHookCommand: a provider's hook, and one of the documents, run without a server.
func TestHookCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command(t, dir, true, "hook", "new", "--provider", "twilio")
	account := []string{"--secret", "TWILIO_ACCOUNT_SID=AC0", "--secret", "TWILIO_AUTH_TOKEN=s3cret-token", "--secret", "TWILIO_PHONE_NUMBER=+12025550100"}
	out, _ := command(t, dir, true, append([]string{"hook", "run", "twilio.js", "--code", "481516"}, account...)...)
	for _, want := range []string{"success", "POST api.twilio.com", "to +12025550123: 481516 is your code.", "providers simulated"} {
		if !strings.Contains(out, want) {
			t.Errorf("hook run prints no %q:\n%s", want, out)
		}
	}
	out, _ = command(t, dir, true, append([]string{"hook", "run", "twilio.js", "--code", "481516", "--voice"}, account...)...)
	if !strings.Contains(out, "4.8.1.5.1.6 is your code.") {
		t.Errorf("as a call it prints\n%s", out)
	}
	out, errs := command(t, dir, false, "hook", "run", "twilio.js", "--secret", "TWILIO_ACCOUNT_SID=AC0")
	if !strings.Contains(out, "is not set") || !strings.Contains(errs, "did not succeed") {
		t.Errorf("without a secret it prints\n%s%s", out, errs)
	}
	check(t, os.WriteFile(filepath.Join(dir, "sns.js"), []byte(documentedHook(t, "000")), 0o600))
	out, _ = command(t, dir, true, "--json", "hook", "run", "sns.js", "--module", "aws-sdk@2.1693.0", "--to", "+12025550177",
		"--secret", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "--secret", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "--secret", "AWS_REGION=eu-west-1")
	var res struct {
		Success  bool
		Requests []struct {
			Host   string
			Status int
		}
		Messages []message
		Modules  []struct{ Name, Version string }
	}
	check(t, json.Unmarshal([]byte(out), &res))
	if !res.Success || len(res.Requests) != 1 || res.Requests[0].Host != "sns.eu-west-1.amazonaws.com" || res.Requests[0].Status != 200 ||
		len(res.Messages) != 1 || res.Messages[0].To != "+12025550177" || res.Modules[0].Name != "aws-sdk" || strings.Contains(out, "wJalrXUtn") {
		t.Errorf("as JSON it prints\n%.1500s", out)
	}
}

// TestHookCommandWithoutIsolation: as on macOS and in many containers. The providers are simulated all the same, for https, fetch and version 2 of
// aws-sdk, which all connect differently.
func TestHookCommandWithoutIsolation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fetches := `module.exports = async (to, text, context, cb) => { const r = await fetch('https://rest.nexmo.com/sms/json', { method: 'POST',
		headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ api_key: 'abcd1234', api_secret: 'right', to: to.slice(1), from: 'ACME', text }) });
		const m = (await r.json()).messages[0]; cb(m.status === '0' ? null : new Error(JSON.stringify(m)), {}) }`
	check(t, os.WriteFile(filepath.Join(dir, "fetch.js"), []byte(fetches), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "sns.js"), []byte(documentedHook(t, "000")), 0o600))
	command(t, dir, true, "hook", "new", "--provider", "twilio")
	for file, c := range map[string]struct {
		host string
		args []string
	}{
		"fetch.js":  {"rest.nexmo.com", nil},
		"twilio.js": {"api.twilio.com", []string{"--secret", "TWILIO_ACCOUNT_SID=AC0", "--secret", "TWILIO_AUTH_TOKEN=token", "--secret", "TWILIO_PHONE_NUMBER=+12025550100"}},
		"sns.js": {"sns.eu-west-1.amazonaws.com", []string{"--module", "aws-sdk@2.1693.0", "--secret", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
			"--secret", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "--secret", "AWS_REGION=eu-west-1"}},
	} {
		out, _ := command(t, dir, true, append([]string{"hook", "run", file, "--code", "481516", "--isolation", "none"}, c.args...)...)
		if !strings.Contains(out, c.host) || !strings.Contains(out, "to +12025550123: ") || !strings.Contains(out, "providers simulated") || !strings.Contains(out, "isolation none") {
			t.Errorf("%s prints\n%s", file, out)
		}
	}
}

// TestHookCommandKinds: actions and rules run by what they export, hostile ones end, and mistakes are told with their place.
func TestHookCommandKinds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		code, want string
		ok         bool
	}{
		"action":   {"exports.onExecuteSendPhoneMessage = async (event) => { console.log(event.message_options.action); };", "second-factor-authentication", true},
		"provider": {"exports.onExecuteCustomPhoneProvider = async (event, api) => { api.notification.retry('busy'); };", `notification.retry ["busy"]`, false},
		"login":    {"exports.onExecutePostLogin = async (event, api) => { api.multifactor.enable('any'); };", "multifactor.enable", true},
		"rule":     {"function (user, context, callback) { context.multifactor = { provider: 'any' }; callback(null, user, context); }", "multifactor", true},
		"syntax":   {"module.exports = function (a) {\n  return };;;)\n", "error: line 2, column", false},
		"silent":   {"module.exports = function () {};", "HookTimeout", false},
		"exit":     {"module.exports = function () { process.exit(0); };", "HookCrashed", false},
		"module":   {"require('left-pad');\nmodule.exports = function (r, t, c, cb) { cb(); };", "left-pad", false},
	} {
		check(t, os.WriteFile(filepath.Join(dir, name+".js"), []byte(c.code), 0o600))
		out, errs := command(t, dir, c.ok, "hook", "run", name+".js", "--timeout", "2s")
		if !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: want %q, got\n%s%s", name, c.want, out, errs)
		}
	}
}
