package interop

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// smsCLI runs the AWS CLI as somebody has it who follows Amazon's guide, with another endpoint.
type smsCLI struct {
	t      *testing.T
	models string
}

func (c smsCLI) run(args ...string) (string, error) {
	cmd := exec.CommandContext(c.t.Context(), filepath.Join(awsCLI(c.t), "aws"), append([]string{"--endpoint-url", srv.URL}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_REGION="+region, "AWS_PAGER=", "PYTHONWARNINGS=ignore",
		"AWS_DATA_PATH="+c.models, "AWS_MAX_ATTEMPTS=1", "HOME="+c.t.TempDir(), "PYTHONUTF8=1")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// ok demands success; where want is not empty, the answer must hold it: JSON of which each member is compared.
func (c smsCLI) ok(want, line string, more ...string) string {
	c.t.Helper()
	out, err := c.run(append(strings.Fields(line), more...)...)
	if err != nil {
		c.t.Fatalf("aws %s: %v\n%s", line, err, out)
	}
	if want == "" {
		return out
	}
	var got, wanted any
	check(c.t, json.Unmarshal([]byte(want), &wanted))
	if err := json.Unmarshal([]byte(out), &got); err != nil || !reflect.DeepEqual(got, wanted) {
		c.t.Errorf("aws %s printed %s, want %s", line, out, want)
	}
	return out
}

// refused demands that the CLI names the error, and these words.
func (c smsCLI) refused(name, words, line string, more ...string) {
	c.t.Helper()
	out, err := c.run(append(strings.Fields(line), more...)...)
	if err == nil || !strings.Contains(out, "An error occurred ("+name+")") || !strings.Contains(out, words) {
		c.t.Errorf("aws %s: %v\n%s\nwant %s with %q", line, err, out, name, words)
	}
}

const notVerified = "destination_not_verified"

// The prerequisites of a phone sign-in with Amplify, step by step: the account's mode, an origination identity, a verified number, a sign-up.
func TestSandboxByTheAWSCLI(t *testing.T) {
	useServer(t, newServer(t))
	c := smsCLI{t, awsModels(t)}
	enterSandbox(t)
	c.ok(`{"IsInSandbox": true}`, "sns get-sms-sandbox-account-status")

	c.refused("ValidationException", "United States", "pinpoint-sms-voice-v2 request-sender-id --sender-id ACME --iso-country-code US")
	c.ok("", "pinpoint-sms-voice-v2 request-sender-id --sender-id ACME --iso-country-code GB")
	c.ok(`["ACME"]`, "pinpoint-sms-voice-v2 describe-sender-ids --query SenderIds[].SenderId")

	alice, bob := newPhone(), newPhone()
	c.ok("", "sns create-sms-sandbox-phone-number --language-code en-US --phone-number", alice)
	code := nextCode(t, alice)
	c.refused("VerificationException", "wrong", "sns verify-sms-sandbox-phone-number --phone-number "+alice+" --one-time-password", wrong(code))
	c.ok("", "sns verify-sms-sandbox-phone-number --phone-number "+alice+" --one-time-password", code)
	c.ok(`{"PhoneNumbers": [{"PhoneNumber": "`+alice+`", "Status": "Verified"}]}`, "sns list-sms-sandbox-phone-numbers")
	c.refused("InvalidParameter", "origination", "sns publish --message hello --phone-number", alice)

	out := c.ok("", "pinpoint-sms-voice-v2 request-phone-number --iso-country-code US --message-type TRANSACTIONAL --number-capabilities SMS VOICE "+
		"--number-type TOLL_FREE --query PhoneNumber --output text")
	c.ok(`[["`+out+`", "ACTIVE"]]`, "sns list-origination-numbers --query PhoneNumbers[].[PhoneNumber,Status]")
	c.ok("", "sns publish --message hello --phone-number", alice)
	text := next(t, alice, isNotice)
	equal(t, "text", text.Text, "hello")
	equal(t, "sender", text.From, out)
	c.refused("InvalidParameter", "sandbox", "sns publish --message hello --phone-number", bob)
	c.refused("ConflictException", "sandbox", "pinpoint-sms-voice-v2 send-text-message --message-body hello --destination-phone-number", bob)

	for _, number := range []string{alice, bob} {
		c.ok(`false`, "cognito-idp sign-up --client-id "+devClient+" --query UserConfirmed --username "+number+" --password", password)
	}
	c.ok("", "cognito-idp confirm-sign-up --client-id "+devClient+" --username "+alice+" --confirmation-code", nextCode(t, alice))
	heldBack(t, bob)
	noMessages(t, bob)

	c.ok("", "pinpoint-sms-voice-v2 send-voice-message --message-body hi --origination-identity "+out+" --destination-phone-number", alice)
	equal(t, "channel", next(t, alice, isNotice).Channel, "voice")

	c.ok("", "sns set-sms-attributes --attributes MonthlySpendLimit=5,DefaultSMSType=Transactional")
	c.ok(`{"attributes": {"MonthlySpendLimit": "5"}}`, "sns get-sms-attributes --attributes MonthlySpendLimit")

	c.ok("", "pinpoint-sms-voice-v2 put-opted-out-number --opt-out-list-name Default --opted-out-number", alice)
	c.ok(`{"isOptedOut": true}`, "sns check-if-phone-number-is-opted-out --phone-number", alice)
	c.refused("InvalidParameter", "opted out", "sns publish --message hello --phone-number", alice)
	c.ok("", "sns opt-in-phone-number --phone-number", alice)
	c.ok(`{"isOptedOut": false}`, "sns check-if-phone-number-is-opted-out --phone-number", alice)
	c.ok(`{"phoneNumbers": []}`, "sns list-phone-numbers-opted-out")

	// Whoever runs `countersign dev` sees which call was refused, and why; of the number, nothing.
	log := srv.output()
	for _, line := range []string{"Publish refused: InvalidParameter", "VerifySMSSandboxPhoneNumber refused: VerificationException"} {
		if !strings.Contains(log, line) {
			t.Errorf("the console lacks %q:\n%s", line, log)
		}
	}
	if strings.Contains(log, bob) {
		t.Errorf("the console shows a number:\n%s", log)
	}
}

// heldBack demands that the newest message to a number ends as suppressed by the sandbox, as `countersign message show` tells it.
func heldBack(t *testing.T, number string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var list struct {
			Messages []struct{ ID, State, To string }
		}
		check(t, json.Unmarshal([]byte(countersign(t, "message", "list", "--json")), &list))
		for _, m := range list.Messages {
			if strings.HasSuffix(m.To, number[len(number)-4:]) && m.State == "suppressed" {
				if shown := countersign(t, "message", "show", m.ID); !strings.Contains(shown, notVerified) {
					t.Errorf("the message's timeline does not say %s:\n%s", notVerified, shown)
				}
				return
			}
		}
	}
	t.Errorf("no message to …%s was suppressed", number[len(number)-4:])
}

// enterSandbox puts the SMS account into its sandbox, as a test suite does.
func enterSandbox(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, srv.URL+"/simulator/sandbox", strings.NewReader(`{"enabled": true}`))
	check(t, err)
	res, err := http.DefaultClient.Do(r)
	check(t, err)
	res.Body.Close()
	equal(t, "PUT /simulator/sandbox", res.StatusCode, http.StatusOK)
}
