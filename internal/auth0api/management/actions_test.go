package management

import (
	"strings"
	"testing"
)

const actionJSON = `{"name":"Send","supported_triggers":[{"id":"send-phone-message","version":"v2"}],"code":"exports.onExecuteSendPhoneMessage = async () => {}",` +
	`"dependencies":[{"name":"twilio","version":"6.2.0"}],"secrets":[{"name":"KEY","value":"s3cret"}]}`

func TestActions(t *testing.T) {
	b := newBench(t)
	made := b.send("POST", "/actions/actions", actionJSON).is(201, `"status":"built"`, `"runtime":"node22"`, `"all_changes_deployed":false`, `!s3cret`, `!deployed_version`,
		`"supported_triggers":[{"id":"send-phone-message","version":"v2"}]`, `"dependencies":[{"name":"twilio","version":"6.2.0"}]`, `"status":"BUILT"`)
	id := made.text("id")
	base := "/actions/actions/" + id
	b.send("POST", "/actions/actions", actionJSON).is(409, "An action with the same name already exists.")
	b.send("GET", "/actions/actions", "").is(200, `"total":1`, `"page":0`, `"per_page":20`)
	b.send("GET", "/actions/actions?triggerId=post-login", "").exactly(200, `{"total":0,"page":0,"per_page":20,"actions":[]}`)
	b.send("GET", "/actions/actions?installed=true", "").exactly(200, `{"total":0,"page":0,"per_page":20,"actions":[]}`)

	v1 := b.send("POST", base+"/deploy", "").is(200, `"deployed":false`, `"number":1`, "!s3cret").text("id")
	b.send("GET", base, "").is(200, `"all_changes_deployed":true`, `"deployed":true`)
	b.send("PATCH", base, `{"code":"SYNTAX","secrets":[{"name":"KEY","value":"_VALUE_NOT_SHOWN_","updated_at":"2026-01-01T00:00:00Z"}]}`).is(200, `"status":"failed"`, "unexpected token",
		`"all_changes_deployed":false`)
	b.send("POST", base+"/deploy", "").is(400, "must be in the 'built' state")
	b.send("PATCH", base, `{"code":"exports.onExecuteSendPhoneMessage = 2"}`).is(200, `"status":"built"`)
	b.send("POST", base+"/deploy", "").is(200, `"number":2`)
	b.send("GET", base+"/versions", "").is(200, `"total":2`, `"versions":[{`)
	b.send("GET", base+"/versions/"+v1, "").is(200, `"number":1`, `"deployed":false`)
	b.send("GET", base+"/versions/none", "").is(404, "version does not exist")
	b.send("POST", base+"/versions/"+v1+"/deploy", `{"update_draft":true}`).is(200, `"number":3`)
	b.send("GET", base, "").is(200, `"code":"exports.onExecuteSendPhoneMessage = async () => {}"`, `"all_changes_deployed":true`)

	b.send("PATCH", "/actions/triggers/send-phone-message/bindings", `{"bindings":[{"ref":{"type":"action_name","value":"Send"},"display_name":"One"}]}`).
		is(200, `"display_name":"One"`, `"trigger_id":"send-phone-message"`)
	b.send("GET", "/actions/triggers/send-phone-message/bindings", "").is(200, `"total":1`, id)
	b.send("DELETE", base, "").is(400)
	b.send("DELETE", base+"?force=true", "").is(204)
	b.send("GET", "/actions/triggers/send-phone-message/bindings", "").is(200, `"bindings":[]`)
	b.send("GET", base, "").exactly(404, `{"statusCode":404,"error":"Not Found","message":"That action does not exist."}`)
	for _, e := range b.events() {
		if strings.Contains(e, "s3cret") {
			t.Errorf("a secret in an event: %s", e)
		}
	}
}

func TestActionBodies(t *testing.T) {
	b := newBench(t)
	for body, want := range map[string]string{
		`{"supported_triggers":[{"id":"post-login"}]}`: "Missing required property: name",
		`{"name":"x"}`:                         "Missing required property: supported_triggers",
		`{"name":"x","supported_triggers":[]}`: "on property supported_triggers",
		`{"name":"x","supported_triggers":[{"id":"post-login"}],"modules":[{"module_id":"1"}]}`:                                     "Action modules are not supported here",
		`{"name":"x","supported_triggers":[{"id":"post-login"}],"dependencies":{"a":"1"}}`:                                          "found type object",
		`{"name":"x","supported_triggers":[{"id":"post-login"}],"secrets":[{"value":"1"}]}`:                                         "Missing required property: name",
		`{"name":"x","supported_triggers":[{"id":"post-login"}],"code":"exports.onExecutePostLogin = 1","runtime":"deno"}`:          "No enum match for: deno",
		`{"name":"x","supported_triggers":[{"id":"nonsense","version":"v1"}],"code":"exports.onExecutePostLogin = async () => {}"}`: "nonsense",
	} {
		b.send("POST", "/actions/actions", body).is(400, want)
	}
	b.send("GET", "/actions/triggers", "").is(200, `"id":"send-phone-message","version":"v2","status":"CURRENT"`, `"id":"custom-phone-provider","version":"v1"`,
		`"default_runtime":"node22"`, `"compatible_triggers":[]`)
	b.send("GET", "/actions/triggers/none/bindings", "").is(404, "trigger does not exist")
	b.send("PATCH", "/actions/triggers/post-login/bindings", `{"bindings":[{"ref":{"type":"action_id","value":"x"},"secrets":[{"name":"a","value":"b"}]}]}`).
		is(400, "Secrets of a binding are not supported")
	b.send("GET", "/actions/modules?page=0&per_page=100", "").exactly(200, `{"modules":[],"total":0,"page":0,"per_page":100}`)
	b.send("GET", "/actions/executions/none", "").is(404)
}

// TestRunsNeedARuntime: what is run is checked, and a server without a runtime says so.
func TestRunsNeedARuntime(t *testing.T) {
	b := newBench(t)
	id := b.send("POST", "/hooks", hookJSON).text("id")
	for path, body := range map[string]string{
		"/hooks/run": `{"script":"module.exports = f","secrets":{"A":"b"},"dependencies":{}}`, "/hooks/" + id + "/run": `{}`,
		"/actions/actions/run": `{"trigger_id":"post-login","code":"exports.onExecutePostLogin = async () => {}","payload":{}}`,
		"/rules/run":           `{"script":"function (u, c, cb) {}","body":{"user":{},"context":{}}}`,
	} {
		b.send("POST", path, body).is(400, "operation_not_supported")
	}
	b.send("POST", "/hooks/run", `{}`).is(400, "Missing required property: script")
	b.send("POST", "/hooks/run", `{"script":"SYNTAX"}`).is(400, "script_invalid")
	b.send("POST", "/hooks/none/run", `{}`).is(404, "The hook does not exist.")
	b.send("POST", "/actions/actions/run", `{"trigger_id":"x","code":"y"}`).is(400, "No enum match for: x")
}
