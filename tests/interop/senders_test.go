package interop

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"
)

// sender decrypts under the policy POLICY with the key given as ARN alone, texts what it found to TEXT_TO or the user's number, and
// throws afterwards if THROW is set.
const sender = `
const { buildClient, CommitmentPolicy, KmsKeyringNode } = require('@aws-crypto/client-node');
const { decrypt } = buildClient(CommitmentPolicy[process.env.POLICY ?? 'REQUIRE_ENCRYPT_ALLOW_DECRYPT']);
const keyring = new KmsKeyringNode({ keyIds: [process.env.KEY_ID] });
exports.handler = async (event) => {
  const { code: sealed, userAttributes, ...request } = event.request;
  let code = null;
  if (sealed) {
    const { plaintext, messageHeader } = await decrypt(keyring, Buffer.from(sealed, 'base64'));
    if (messageHeader.encryptionContext['userpool-id'] !== event.userPoolId) throw new Error('another pool');
    code = plaintext.toString('utf8');
  }
  const res = await fetch('https://api.twilio.com/2010-04-01/Accounts/AC0123/Messages.json', {
    method: 'POST',
    headers: { Authorization: 'Basic ' + btoa('AC0123:token') },
    body: new URLSearchParams({ To: process.env.TEXT_TO ?? userAttributes.phone_number, From: '+12025550100', Body: JSON.stringify({
      source: event.triggerSource, code, email: userAttributes.email, request }) }),
  });
  if (res.status !== 201) throw new Error('not sent: ' + res.status);
  if (process.env.THROW) throw new Error('after the text was sent');
};
`

// sent is a text of sender.
type sent struct {
	Source, Code, Email string
	Request             map[string]any
}

// deploySender makes a function of sender that any pool may call, and returns its ARN and that of its key.
func deploySender(t *testing.T, name string, env map[string]string) (function, key string) {
	t.Helper()
	key = newKey(t)
	all := map[string]string{"KEY_ID": key}
	for k, v := range env {
		all[k] = v
	}
	function = deploy(t, name, "nodejs20.x", "index.handler", withClient(t, map[string]string{"index.js": sender}), all)
	permit(t, function, "")
	return function, key
}

// custom is a change for newPool: a sender function for texts, with tags.
func custom(function, key string, tags map[string]string) func(*cip.CreateUserPoolInput) {
	return func(in *cip.CreateUserPoolInput) {
		in.UserPoolTags = tags
		in.LambdaConfig = &types.LambdaConfigType{
			CustomSMSSender: &types.CustomSMSLambdaVersionConfigType{LambdaVersion: "V1_0", LambdaArn: &function}, KMSKeyID: &key,
		}
	}
}

// sentTo is the only text of sender to a number so far, the nth.
func sentTo(t *testing.T, to string, n int) sent {
	t.Helper()
	m := texts(t, to, n)[n-1]
	var s sent
	if err := json.Unmarshal([]byte(m.Text), &s); err != nil {
		t.Fatalf("%q: %v", m.Text, err)
	}
	return s
}

// The e-mail twin: the same handler gets every e-mail with a code, and nothing reaches the mailbox by another way.
func TestCustomEmailSender(t *testing.T) {
	to := newPhone()
	function, key := deploySender(t, "email-sender", map[string]string{"TEXT_TO": to})
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		in.UsernameAttributes, in.SmsConfiguration = []types.UsernameAttributeType{"email"}, nil
		in.AutoVerifiedAttributes = []types.VerifiedAttributeType{"email"}
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "EMAIL_OTP"}}}
		in.LambdaConfig = &types.LambdaConfigType{
			CustomEmailSender: &types.CustomEmailLambdaVersionConfigType{LambdaVersion: "V1_0", LambdaArn: &function}, KMSKeyID: &key,
		}
	})
	address, moved, n := newEmail(), newEmail(), 0
	expect := func(source, email string, metadata any) string {
		t.Helper()
		n++
		s := sentTo(t, to, n)
		if s.Source != "CustomEmailSender_"+source || s.Email != email {
			t.Fatalf("the function was given %+v, want %s to %s", s, source, email)
		}
		if diff := cmp.Diff(map[string]any{"type": "customEmailSenderRequestV1", "clientMetadata": metadata}, s.Request); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
		return s.Code
	}
	_, err := signUpWith(t, p, address, map[string]string{"campaign": "spring"})
	check(t, err)
	expect("SignUp", address, map[string]any{"campaign": "spring"})
	_, err = app().ResendConfirmationCode(t.Context(), &cip.ResendConfirmationCodeInput{ClientId: &p.Client, Username: &address})
	check(t, err)
	check(t, confirm(t, p, address, expect("ResendCode", address, nil)))
	_, err = app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &address})
	check(t, err)
	check(t, resetPassword(t, p, address, expect("ForgotPassword", address, nil)))

	out := choose(t, p, address, map[string]string{"PREFERRED_CHALLENGE": "EMAIL_OTP"})
	done, err := respond(t, p, "EMAIL_OTP", out.Session, map[string]string{"USERNAME": address, "EMAIL_OTP_CODE": expect("Authentication", address, nil)})
	check(t, err)
	token := done.AuthenticationResult.AccessToken
	_, err = app().UpdateUserAttributes(t.Context(), &cip.UpdateUserAttributesInput{AccessToken: token, UserAttributes: []types.AttributeType{attribute("email", moved)}})
	check(t, err)
	expect("UpdateUserAttribute", moved, nil)
	_, err = app().GetUserAttributeVerificationCode(t.Context(), &cip.GetUserAttributeVerificationCodeInput{
		AccessToken: token, AttributeName: aws.String("email"), ClientMetadata: map[string]string{"again": "yes"},
	})
	check(t, err)
	code := expect("VerifyUserAttribute", moved, map[string]any{"again": "yes"})
	_, err = app().VerifyUserAttribute(t.Context(), &cip.VerifyUserAttributeInput{AccessToken: token, AttributeName: aws.String("email"), Code: &code})
	check(t, err)

	invited := newEmail()
	_, err = admin().AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{
		UserPoolId: &p.ID, Username: &invited, TemporaryPassword: aws.String("Temp<orary>&1"), DesiredDeliveryMediums: []types.DeliveryMediumType{"EMAIL"},
	})
	check(t, err)
	equal(t, "temporary password", expect("AdminCreateUser", invited, nil), "Temp&lt;orary&gt;&amp;1")
	for _, a := range []string{address, moved, invited} {
		noMessages(t, a)
	}
}

// countersign runs the program as its user would, against the server under test.
func countersign(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append(args, "--url", srv.URL)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_REGION="+region)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("countersign %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// delivery is a message of the admin API.
type delivery struct {
	ID, State, Provider, Error string
	Timeline                   []struct{ Provider, Outcome, Text string }
}

// deliveryOf waits until the pool's only message has one of the final states, and returns it with its timeline.
func deliveryOf(t *testing.T, p pool) (d delivery) {
	t.Helper()
	var list struct{ Messages []delivery }
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		check(t, json.Unmarshal([]byte(countersign(t, "messages", "list", "--json", "--pool", p.ID)), &list))
		if len(list.Messages) > 1 {
			t.Fatalf("messages %+v", list.Messages)
		}
		if len(list.Messages) == 1 && list.Messages[0].State != "queued" && list.Messages[0].State != "sending" {
			check(t, json.Unmarshal([]byte(countersign(t, "messages", "show", list.Messages[0].ID, "--json")), &d))
			return d
		}
	}
	t.Fatalf("the message has no final state: %+v", list.Messages)
	return d
}

// calls are those of a function that its log shows, when n of them have ended. More are an error.
func calls(t *testing.T, name string, n int) []struct{ Outcome, Mode, Error string } {
	t.Helper()
	var out struct {
		Calls []struct{ Outcome, Mode, Error string }
	}
	for end := time.Now().Add(10 * time.Second); len(out.Calls) < n && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		check(t, json.Unmarshal([]byte(countersign(t, "functions", "logs", name, "--json")), &out))
	}
	if len(out.Calls) != n {
		t.Fatalf("%s was called %d times, want %d: %+v", name, len(out.Calls), n, out.Calls)
	}
	return out.Calls
}

// A handler that insists on key commitment reads codes of suite 0x0578. With the default suite it fails: once, after the sign-up was
// answered, and both logs say why.
func TestStrictHandler(t *testing.T) {
	function, key := deploySender(t, "strict-sender", map[string]string{"POLICY": "REQUIRE_ENCRYPT_REQUIRE_DECRYPT"})
	good := newPool(t, custom(function, key, map[string]string{"countersign:code-suite": "0x0578"}))
	number := newPhone()
	_, err := signUp(t, good, number)
	check(t, err)
	check(t, confirm(t, good, number, sentTo(t, number, 1).Code))
	d := deliveryOf(t, good)
	if d.State != "sent" || d.Provider != "lambda:strict-sender" || len(d.Timeline) != 1 {
		t.Errorf("message %+v", d)
	}

	bad := newPool(t, custom(function, key, nil))
	refused := newPhone()
	out, err := signUp(t, bad, refused)
	check(t, err)
	equal(t, "destination", *out.CodeDeliveryDetails.Destination, masked(refused))
	d = deliveryOf(t, bad)
	if d.State != "failed" || len(d.Timeline) != 1 || d.Timeline[0].Provider != "lambda:strict-sender" || !strings.Contains(d.Timeline[0].Text, "ommitment") {
		t.Errorf("message %+v", d)
	}
	all := calls(t, "strict-sender", 2)
	if all[0].Outcome != "ok" || all[1].Outcome == "ok" || all[1].Mode != "trigger" || !strings.Contains(all[1].Error, "ommitment") {
		t.Errorf("calls %+v", all)
	}
	if log := countersign(t, "functions", "logs", "strict-sender"); !strings.Contains(log, "ommitment") || strings.Contains(log, refused) {
		t.Errorf("log\n%s", log)
	}
	noMessages(t, refused)
}

// A handler that fails after it has sent is not called again, unless the pool's tag says so; all tries carry the same code.
func TestSenderRetries(t *testing.T) {
	function, key := deploySender(t, "failing-sender", map[string]string{"THROW": "yes"})
	for tag, want := range map[string]int{"": 1, "1": 2} {
		tags := map[string]string{"countersign:sender-retries": tag}
		if tag == "" {
			tags = nil
		}
		p := newPool(t, custom(function, key, tags))
		number := newPhone()
		_, err := signUp(t, p, number)
		check(t, err)
		d := deliveryOf(t, p)
		if d.State != "failed" || len(d.Timeline) != 1 || !strings.Contains(d.Timeline[0].Text, "after the text was sent") {
			t.Errorf("with %q retries: message %+v", tag, d)
		}
		first, last := sentTo(t, number, want), texts(t, number, want)[0]
		if !strings.Contains(last.Text, `"code":"`+first.Code+`"`) {
			t.Errorf("with %q retries: the codes differ", tag)
		}
		check(t, confirm(t, p, number, first.Code))
	}
	calls(t, "failing-sender", 3)
}

// lossy loses the first answer of each call, after the server has given it.
type lossy struct{ lost atomic.Int32 }

func (l *lossy) Do(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultClient.Do(r)
	if err != nil || r.Header.Get("Amz-Sdk-Request") != "attempt=1; max=3" {
		return res, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	l.lost.Add(1)
	return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
}

// A client that lost the answer repeats the call with the same amz-sdk-invocation-id: the function is called once for each.
func TestRetryOfAClient(t *testing.T) {
	to := newPhone()
	function, key := deploySender(t, "retried-sender", map[string]string{"TEXT_TO": to})
	p := newPool(t, custom(function, key, nil))
	net := &lossy{}
	c := cip.New(cip.Options{
		BaseEndpoint: aws.String(srv.URL), Region: region, HTTPClient: net,
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 10 * time.Millisecond }),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
	number, moved, n := newPhone(), newPhone(), 0
	var token *string
	for _, step := range []struct {
		source string
		do     func(ctx context.Context) error
	}{
		{"SignUp", func(ctx context.Context) error {
			_, err := c.SignUp(ctx, &cip.SignUpInput{ClientId: &p.Client, Username: &number, Password: aws.String(password)})
			if _, taken := errors.AsType[*types.UsernameExistsException](err); !taken {
				t.Errorf("the second SignUp: %v", err)
			}
			return nil
		}},
		{"ResendCode", func(ctx context.Context) error {
			_, err := c.ResendConfirmationCode(ctx, &cip.ResendConfirmationCodeInput{ClientId: &p.Client, Username: &number})
			return err
		}},
		{"ForgotPassword", func(ctx context.Context) error {
			check(t, confirm(t, p, number, sentTo(t, to, n).Code))
			_, err := c.ForgotPassword(ctx, &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &number})
			return err
		}},
		{"UpdateUserAttribute", func(ctx context.Context) error {
			check(t, resetPassword(t, p, number, sentTo(t, to, n).Code))
			out, err := signIn(t, p, number, otherPassword)
			check(t, err)
			token = out.AuthenticationResult.AccessToken
			_, err = c.UpdateUserAttributes(ctx, &cip.UpdateUserAttributesInput{
				AccessToken: token, UserAttributes: []types.AttributeType{attribute("phone_number", moved)},
			})
			return err
		}},
		{"VerifyUserAttribute", func(ctx context.Context) error {
			_, err := c.GetUserAttributeVerificationCode(ctx, &cip.GetUserAttributeVerificationCodeInput{
				AccessToken: token, AttributeName: aws.String("phone_number"),
			})
			return err
		}},
		{"ForgotPassword", func(ctx context.Context) error {
			_, err := app().VerifyUserAttribute(ctx, &cip.VerifyUserAttributeInput{
				AccessToken: token, AttributeName: aws.String("phone_number"), Code: aws.String(sentTo(t, to, n).Code),
			})
			check(t, err)
			_, err = c.AdminResetUserPassword(ctx, &cip.AdminResetUserPasswordInput{UserPoolId: &p.ID, Username: &moved})
			return err
		}},
	} {
		before := net.lost.Load()
		check(t, step.do(t.Context()))
		n++
		equal(t, step.source, sentTo(t, to, n).Source, "CustomSMSSender_"+step.source)
		equal(t, "lost answers", net.lost.Load()-before, 1)
	}
	if list := texts(t, to, n); len(list) != n {
		t.Errorf("%d texts", len(list))
	}
	calls(t, "retried-sender", n)
}

// Where a sender function takes the texts, nobody is asked for words; e-mails of the same pool go on as before.
func TestSenderTakesTexts(t *testing.T) {
	words := observed(t, "words", `event.response.emailMessage = 'In my words: {####}'; return event;`)
	function, key := deploySender(t, "texts-alone", nil)
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		custom(function, key, nil)(in)
		in.LambdaConfig.CustomMessage = aws.String(words.arn)
		in.AutoVerifiedAttributes = []types.VerifiedAttributeType{"phone_number", "email"}
	})
	number, address := newPhone(), newEmail()
	_, err := signUp(t, p, number)
	check(t, err)
	check(t, confirm(t, p, number, sentTo(t, number, 1).Code))
	_, err = app().UpdateUserAttributes(t.Context(), &cip.UpdateUserAttributesInput{
		AccessToken: tokensOf(t, p, number).AccessToken, UserAttributes: []types.AttributeType{attribute("email", address)},
	})
	check(t, err)
	words.next(t, p, "CustomMessage_UpdateUserAttribute")
	m := nextText(t, address)
	equal(t, "e-mail", m.Text, "In my words: "+m.Code)
}

// A pool may name an alias of the function and an alias of the key: the published version runs, and may open the codes, whatever became of
// the function since.
func TestSenderByAlias(t *testing.T) {
	function, key := deploySender(t, "aliased-sender", nil)
	_, err := functions().PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: &function})
	check(t, err)
	made, err := functions().CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	check(t, err)
	_, err = functions().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &function, ZipFile: zipped(t, "index.js", "exports.handler = 7")})
	check(t, err)
	_, err = keys().CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/sender"), TargetKeyId: &key})
	check(t, err)
	p := newPool(t, custom(*made.AliasArn, "arn:aws:kms:"+region+":000000000000:alias/sender", nil))
	number := newPhone()
	_, err = signUp(t, p, number)
	wantError[*types.UnexpectedLambdaException](t, err, "CustomSMSSender invocation failed due to error AccessDeniedException.")
	permit(t, *made.AliasArn, "")
	_, err = signUp(t, p, number)
	check(t, err)
	check(t, confirm(t, p, number, sentTo(t, number, 1).Code))
}

// Thirty users at once: each is asked about once and gets one text, though there are four workers for each function.
func TestManyAtOnce(t *testing.T) {
	gate := deploy(t, "busy-gate", "nodejs20.x", "index.handler", zipped(t, "index.js", `exports.handler = async (event) => {
		await new Promise(done => setTimeout(done, 50));
		return event;
	}`), nil)
	permit(t, gate, "")
	function, key := deploySender(t, "busy-sender", nil)
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		custom(function, key, nil)(in)
		in.LambdaConfig.PreSignUp = &gate
	})
	const users = 30
	var wg sync.WaitGroup
	var people [users]string
	for i := range people {
		people[i] = newPhone()
		wg.Go(func() {
			if _, err := signUp(t, p, people[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, number := range people {
		check(t, confirm(t, p, number, sentTo(t, number, 1).Code))
	}
	calls(t, "busy-gate", users)
	calls(t, "busy-sender", users)
}
