package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// What stands in the way of a sender function is refused in the request; the event says which command mends it, and that command does.
func TestHintsMend(t *testing.T) {
	key := newKey(t)
	function := deploy(t, "unpermitted", "nodejs20.x", "index.handler", zipped(t, "index.js", "exports.handler = async () => {}"), nil)
	p := newPool(t, custom(function, key, nil))
	refused := func(reason string) string {
		t.Helper()
		_, err := signUp(t, p, newPhone())
		wantError[*types.UnexpectedLambdaException](t, err, "CustomSMSSender invocation failed due to error "+reason+".")
		var out struct {
			Events []struct {
				Type string
				Data struct{ Trigger, Hint string }
			}
		}
		check(t, json.Unmarshal([]byte(countersign(t, "events", "list", "--json", "--pool", p.ID, "--limit", "10")), &out))
		for _, e := range out.Events {
			if e.Type == "cs_trigger_failed" && e.Data.Trigger == "CustomSMSSender" {
				return e.Data.Hint
			}
		}
		t.Fatalf("no event tells of it: %+v", out.Events)
		return ""
	}
	run := func(command string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "aws() { "+awsCLI(t)+"/aws --endpoint-url "+srv.URL+` "$@"; }; `+command)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_REGION="+region, "AWS_PAGER=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	run(refused("AccessDeniedException"))
	_, err := signUp(t, p, newPhone())
	check(t, err)
	_, err = keys().DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(key)})
	check(t, err)
	run(refused("KMSDisabledException"))
	_, err = signUp(t, p, newPhone())
	check(t, err)
}
