package management

import (
	"fmt"
	"strings"
	"testing"
)

const hookJSON = `{"name":"Send SMS","script":"module.exports = f","triggerId":"send-phone-message","dependencies":{"aws-sdk":"2.1.0"}}`

func TestHooks(t *testing.T) {
	b := newBench(t)
	made := b.send("POST", "/hooks", hookJSON).is(201, `"enabled":false`, `"dependencies":{"aws-sdk":"2.1.0"}`,
		`"countersign":{"modules":[{"name":"aws-sdk","version":"2.1.0","direct":true}]`)
	id := made.text("id")
	if len(id) != 26 {
		t.Errorf("id %s", id)
	}
	whole := fmt.Sprintf(`{"id":%q,"name":"Send SMS","script":"module.exports = f","dependencies":{"aws-sdk":"2.1.0"},"triggerId":"send-phone-message","enabled":false}`, id)
	b.send("GET", "/hooks/"+id, "").exactly(200, whole)
	b.send("GET", "/hooks", "").exactly(200, "["+whole+"]")
	b.send("GET", "/hooks?page=0&per_page=50&include_totals=true", "").exactly(200, `{"start":0,"limit":50,"length":1,"total":1,"hooks":[`+whole+`]}`)
	b.send("GET", "/hooks?triggerId=credentials-exchange", "").exactly(200, "[]")
	b.send("GET", "/hooks?enabled=true", "").exactly(200, "[]")
	b.send("GET", "/hooks?fields=id,name", "").exactly(200, fmt.Sprintf(`[{"id":%q,"name":"Send SMS"}]`, id))
	b.send("GET", "/hooks/"+id+"?fields=script&include_fields=false", "").is(200, "!module.exports", "Send SMS")

	b.send("POST", "/hooks", hookJSON).exactly(409, `{"statusCode":409,"error":"Conflict","message":"A hook with the same name already exists."}`)
	b.send("PATCH", "/hooks/"+id, `{"enabled":"true"}`).is(200, `"enabled":true`)
	b.send("PATCH", "/hooks/"+id, `{"script":"SYNTAX"}`).is(400, `"errorCode":"script_invalid"`, "hook.js:1:1: unexpected token")
	b.send("PATCH", "/hooks/"+id, `{"dependencies":{"young":"1"}}`).is(400, `"errorCode":"confirmation_needed"`, "released yesterday")
	b.send("PATCH", "/hooks/"+id, `{"dependencies":{"young":"1"},"confirm_modules":true}`).is(200, `"module_changes":[{"name":"aws-sdk","old":"2.1.0"},{"name":"young","new":"1"}]`)
	b.send("GET", "/hooks/"+id, "").is(200, `"enabled":true`, `"script":"module.exports = f"`)
	b.send("DELETE", "/hooks/"+id, "").is(204)
	b.send("DELETE", "/hooks/"+id, "").is(204)
	b.send("GET", "/hooks/"+id, "").exactly(404, `{"statusCode":404,"error":"Not Found","message":"The hook does not exist."}`)
}

func TestHookBodies(t *testing.T) {
	b := newBench(t)
	id := b.send("POST", "/hooks", hookJSON).text("id")
	for body, want := range map[string]string{
		`{"script":"x","triggerId":"send-phone-message"}`:                                   "'Missing required property: name'.",
		`{"name":"","script":"x","triggerId":"send-phone-message"}`:                         "'String is too short (0 chars), minimum 1' on property name (The name of this hook).",
		`{"name":"-a","script":"x","triggerId":"send-phone-message"}`:                       "begins and ends with a letter or digit",
		`{"name":"a","script":"","triggerId":"send-phone-message"}`:                         "on property script (Code to be executed when this hook runs).",
		`{"name":"a","script":"x","triggerId":"nonsense"}`:                                  "'No enum match for: nonsense' on property triggerId (Execution stage of this hook).",
		`{"name":"a","script":"x","triggerId":"send-phone-message","x":1}`:                  "'Additional properties not allowed: x'.",
		`{"name":"a","script":"x","triggerId":"send-phone-message","dependencies":{"a":1}}`: "on property dependencies.a",
		`{"name":"a","script":"x","triggerId":"send-phone-message","enabled":"maybe"}`:      "'Expected type boolean but found type string' on property enabled.",
	} {
		b.send("POST", "/hooks", body).is(400, "invalid_body", strings.ReplaceAll(want, `"`, `\"`))
	}
	b.send("PATCH", "/hooks/"+id, `{}`).is(400, "Too few properties")
	b.send("PATCH", "/hooks/"+id, `{"triggerId":"send-phone-message"}`).is(400, "Additional properties not allowed: triggerId")
	b.send("POST", "/hooks", `{"name":"b","script":"x","triggerId":"credentials-exchange","enabled":true}`).is(400, "operation_not_supported", "not enabled")
	b.send("GET", "/hooks?per_page=101", "").is(400, "Query validation error")
	b.send("GET", "/hooks?enabled=perhaps", "").is(400, "on property enabled")
}

func TestHookSecrets(t *testing.T) {
	b := newBench(t)
	path := "/hooks/" + b.send("POST", "/hooks", hookJSON).text("id") + "/secrets"
	b.send("GET", path, "").exactly(200, `{}`)
	b.send("POST", path, `{"KEY":"s3cret","OTHER":"x"}`).exactly(201, `{}`)
	b.send("GET", path, "").exactly(200, `{"KEY":"_VALUE_NOT_SHOWN_","OTHER":"_VALUE_NOT_SHOWN_"}`)
	b.send("POST", path, `{"KEY":"again"}`).is(409)
	b.send("PATCH", path, `{"KEY":"_VALUE_NOT_SHOWN_","OTHER":"y"}`).exactly(201, `{}`)
	b.send("PATCH", path, `{"NONE":"y"}`).is(404)
	b.send("POST", path, `{}`).is(400, "minimum 1")
	b.send("POST", path, `{"A":1}`).is(400, "found type number")
	b.send("DELETE", path, `{"KEY":"x"}`).is(400, "array of strings")
	b.send("DELETE", path, `["KEY"]`).is(204)
	b.send("GET", path, "").exactly(200, `{"OTHER":"_VALUE_NOT_SHOWN_"}`)
	b.send("GET", "/hooks/none/secrets", "").is(404)
	for _, e := range b.events() {
		if strings.Contains(e, "s3cret") {
			t.Errorf("a secret in an event: %s", e)
		}
	}
}

func TestFormBodies(t *testing.T) {
	b := newBench(t)
	f := newForm(b, "POST", "/hooks", "name=h&script=x&triggerId=send-phone-message&enabled=true")
	f.is(201, `"enabled":true`)
}

func TestRules(t *testing.T) {
	b := newBench(t)
	id := b.send("POST", "/rules", `{"name":"mfa","script":"function (user, context, callback) {}","order":3}`).is(201, `"order":3`, `"enabled":true`, `"stage":"login_success"`).text("id")
	if !strings.HasPrefix(id, "rul_") {
		t.Errorf("id %s", id)
	}
	b.send("GET", "/rules?include_totals=true&fields=name", "").exactly(200, `{"start":0,"limit":50,"length":1,"total":1,"rules":[{"name":"mfa"}]}`)
	b.send("PATCH", "/rules/"+id, `{"enabled":false}`).is(200, `"enabled":false`)
	b.send("POST", "/rules", `{"name":"mfa","script":"x"}`).is(409)
	b.send("DELETE", "/rules/"+id, "").is(204)
	b.send("GET", "/rules/"+id, "").is(404, "The rule does not exist.")

	b.send("PUT", "/rules-configs/LIMIT", `{"value":"5"}`).exactly(200, `{"key":"LIMIT","value":"5"}`)
	b.send("GET", "/rules-configs", "").exactly(200, `[{"key":"LIMIT"}]`)
	b.send("DELETE", "/rules-configs/LIMIT", "").is(204)
	b.send("GET", "/rules-configs", "").exactly(200, `[]`)
}
