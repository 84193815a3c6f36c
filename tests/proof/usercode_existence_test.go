package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAdvisory_CVE_2026_23511_functions: answers told who exists. With functions in every flow that hides existence, whether they work or
// fail, known and unknown names are answered alike.
func TestAdvisory_CVE_2026_23511_functions(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	c.rec = nil
	key := c.key()
	code := zipped(t, map[string]string{"index.js": "testdata/gate.js"})
	gates := []string{"PreAuthentication", "PreSignUp", "CustomMessage", "DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"}
	number := 0
	for name, p := range map[string]struct {
		sender bool
		fail   string
	}{
		"all well":                   {true, ""},
		"the sender fails":           {true, "CustomSMSSender"},
		"PreAuthentication refuses":  {true, "PreAuthentication"},
		"own messages":               {false, ""},
		"own messages fail":          {false, "CustomMessage"},
		"DefineAuthChallenge fails":  {true, "DefineAuthChallenge"},
		"CreateAuthChallenge breaks": {true, "CreateAuthChallenge"},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			number++
			function := fmt.Sprintf("gate-%d", number)
			arn := c.deploy(function, code, nil, nil)
			config := obj{}
			if p.sender {
				config = sender(arn, key)
			}
			for _, g := range gates {
				config[g] = arn
			}
			pool, client := c.triggered(function, config, function)
			confirmed, waiting := fmt.Sprintf("+120255541%02d", number), fmt.Sprintf("+120255542%02d", number)
			c.member(pool, confirmed, hisSecret)
			c.ok(c.app("SignUp", obj{"ClientId": client, "Username": waiting, "Password": hisSecret}))
			if a := c.lambda("PUT", functionsPath+"/"+function+"/configuration", obj{"Environment": obj{"Variables": obj{"FAIL": p.fail}}}); a.status != http.StatusOK {
				t.Fatalf("UpdateFunctionConfiguration: %d %s", a.status, a.raw)
			}
			compareNames(t, &c, client, confirmed, waiting, fmt.Sprintf("+12025554%d", 300+number))
		})
	}
}

// compareNames asks every flow about a user, an unconfirmed user and nobody.
func compareNames(t *testing.T, c *caller, client, confirmed, waiting, nobody string) {
	begin := func(flow string, more obj) func(string) answer {
		return func(name string) answer {
			p := maps.Clone(more)
			p["USERNAME"] = name
			return c.app("InitiateAuth", obj{"ClientId": client, "AuthFlow": flow, "AuthParameters": p, "ClientMetadata": obj{"a": "b"}})
		}
	}
	srpA := strings.Repeat("A5", 384)
	asks := map[string]func(name string) answer{
		"ForgotPassword": func(name string) answer {
			return c.app("ForgotPassword", obj{"ClientId": client, "Username": name, "ClientMetadata": obj{"a": "b"}})
		},
		"USER_PASSWORD_AUTH":      begin("USER_PASSWORD_AUTH", obj{"PASSWORD": "Wr0ng-Horse!"}),
		"USER_SRP_AUTH":           begin("USER_SRP_AUTH", obj{"SRP_A": srpA}),
		"CUSTOM_AUTH":             begin("CUSTOM_AUTH", obj{}),
		"USER_AUTH":               begin("USER_AUTH", obj{}),
		"USER_AUTH, PASSWORD":     begin("USER_AUTH", obj{"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Wr0ng-Horse!"}),
		"USER_AUTH, PASSWORD_SRP": begin("USER_AUTH", obj{"PREFERRED_CHALLENGE": "PASSWORD_SRP", "SRP_A": srpA}),
		"USER_AUTH, SMS_OTP":      begin("USER_AUTH", obj{"PREFERRED_CHALLENGE": "SMS_OTP"}),
	}
	for _, ask := range slices.Sorted(maps.Keys(asks)) {
		known, unknown := form(t, asks[ask](confirmed)), form(t, asks[ask](nobody))
		if known != unknown {
			t.Errorf("%s tells who exists:\n%s\n%s", ask, known, unknown)
		}
	}
	resend := func(name string) string {
		return form(t, c.app("ResendConfirmationCode", obj{"ClientId": client, "Username": name}))
	}
	if known, unknown := resend(waiting), resend(nobody); known != unknown {
		t.Errorf("ResendConfirmationCode tells who waits:\n%s\n%s", known, unknown)
	}
}

var (
	uuids  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	digits = regexp.MustCompile(`[0-9]`)
)

// form is what can be compared of an answer: what is random in it is replaced by its length.
func form(t testing.TB, a answer) string {
	t.Helper()
	var v any
	check(t, json.Unmarshal(a.raw, &v))
	header := http.Header{}
	for k, values := range a.header {
		header[k] = values
	}
	for _, k := range []string{"Date", "X-Amzn-Requestid"} {
		if header.Get(k) != "" {
			header.Set(k, "…")
		}
	}
	if strings.Contains(string(a.raw), `"SRP_B"`) {
		header.Del("Content-Length") // SRP_B and SALT are numbers, written without zeros in front
	}
	out, err := json.Marshal(blanked("", v))
	check(t, err)
	return fmt.Sprintf("%d %s %v", a.status, out, header)
}

func blanked(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, m := range v {
			out[k] = blanked(k, m)
		}
		return out
	case []any:
		out := []any{}
		for _, m := range v {
			out = append(out, blanked("", m))
		}
		return out
	case string:
		switch name {
		case "Session", "SECRET_BLOCK":
			return fmt.Sprint(len(v))
		case "SRP_B", "SALT":
			return "…"
		case "Destination", "CODE_DELIVERY_DESTINATION":
			return digits.ReplaceAllString(v, "0")
		}
		return uuids.ReplaceAllString(v, "…")
	}
	return v
}
