package interop

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"
)

// reporting makes a handler of the body of a function of event: before it runs, the whole event is texted to REPORT_TO.
const reporting = `
const answer = async (event) => {
%s
};
exports.handler = async (event) => {
  const res = await fetch('https://api.twilio.com/2010-04-01/Accounts/AC0123/Messages.json', {
    method: 'POST',
    headers: { Authorization: 'Basic ' + Buffer.from('AC0123:token').toString('base64') },
    body: new URLSearchParams({ To: process.env.REPORT_TO, From: '+12025550100', Body: JSON.stringify(event) }),
  });
  if (res.status !== 201) throw new Error('not reported: ' + res.status);
  return answer(event);
};
`

// event is what a function is given.
type event struct {
	Version, TriggerSource, Region, UserPoolID, UserName string
	CallerContext                                        struct{ AWSSDKVersion, ClientID string }
	Request                                              map[string]any
	Response                                             json.RawMessage
}

// observer reads what a function was given, in order.
type observer struct {
	arn, to, last string
	waiting       []message
}

// observed makes a function of the body of a JavaScript function of event, which any pool may call. At its end the test must have looked at
// every event that the function was given.
func observed(t *testing.T, name, body string) *observer {
	t.Helper()
	o := &observer{to: newPhone()}
	o.arn = deploy(t, name, "nodejs20.x", "index.handler", zipped(t, "index.js", strings.Replace(reporting, "%s", body, 1)), map[string]string{"REPORT_TO": o.to})
	permit(t, o.arn, "")
	t.Cleanup(func() {
		if !t.Failed() {
			o.nothing(t)
		}
	})
	return o
}

// next is the next event, which must be of the trigger source and have what all events have.
func (o *observer) next(t *testing.T, p pool, source string) event {
	t.Helper()
	if len(o.waiting) == 0 {
		o.waiting = srv.inbox(t, o.to, o.last, 10*time.Second)
	}
	if len(o.waiting) == 0 {
		t.Fatalf("the function was not called for %s\n%s", source, srv.output())
	}
	m := o.waiting[0]
	o.last, o.waiting = m.ID, o.waiting[1:]
	var e event
	if err := json.Unmarshal([]byte(m.Text), &e); err != nil || e.TriggerSource != source {
		t.Fatalf("the function was given %s, want a %s: %v", m.Text, source, err)
	}
	version := "1"
	if _, scopes := e.Request["scopes"]; scopes {
		version = "2"
	}
	equal(t, "version", e.Version, version)
	equal(t, "region", e.Region, region)
	equal(t, "pool", e.UserPoolID, p.ID)
	if e.CallerContext.ClientID != p.Client && e.CallerContext.ClientID != "CLIENT_ID_NOT_APPLICABLE" || !strings.HasPrefix(e.CallerContext.AWSSDKVersion, "aws-sdk-go-v2-") {
		t.Errorf("%s: callerContext %+v", source, e.CallerContext)
	}
	if e.UserName == "" || !strings.HasPrefix(string(e.Response), "{") {
		t.Errorf("%s: %s", source, m.Text)
	}
	attrs, _ := e.Request["userAttributes"].(map[string]any)
	for name, v := range attrs {
		if _, ok := v.(string); !ok {
			t.Errorf("%s: the attribute %s is %v, not text", source, name, v)
		}
	}
	return e
}

// nothing demands that the function was not called since.
func (o *observer) nothing(t *testing.T) {
	t.Helper()
	for _, m := range append(o.waiting, srv.inbox(t, o.to, o.last, 0)...) {
		t.Errorf("the function was called as well with %s", m.Text)
	}
}

// request demands the members of a request, its userAttributes apart.
func (e event) request(t *testing.T, want map[string]any) {
	t.Helper()
	got := maps.Clone(e.Request)
	delete(got, "userAttributes")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, want(-) got(+)\n%s", e.TriggerSource, diff)
	}
}

// attributes demands userAttributes; what is told as "*" may be anything.
func (e event) attributes(t *testing.T, want map[string]any) {
	t.Helper()
	got, _ := e.Request["userAttributes"].(map[string]any)
	got = maps.Clone(got)
	for name, v := range want {
		if v == "*" && got[name] != nil {
			got[name] = "*"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: userAttributes, want(-) got(+)\n%s", e.TriggerSource, diff)
	}
}

// byAdmin demands that an administrator's call, or an app's, caused the event.
func (e event) byAdmin(t *testing.T, want bool) {
	t.Helper()
	equal(t, e.TriggerSource+" by an administrator", e.CallerContext.ClientID == "CLIENT_ID_NOT_APPLICABLE", want)
}

// triggers is a change for newPool: the function takes all of them.
func triggers(o *observer, names ...string) func(*cip.CreateUserPoolInput) {
	return func(in *cip.CreateUserPoolInput) { in.LambdaConfig = lambdaConfig(o.arn, names...) }
}

func lambdaConfig(arn string, names ...string) *types.LambdaConfigType {
	set := func(name string) *string {
		if slices.Contains(names, name) {
			return aws.String(arn)
		}
		return nil
	}
	l := &types.LambdaConfigType{
		PreSignUp: set("PreSignUp"), PostConfirmation: set("PostConfirmation"), PreAuthentication: set("PreAuthentication"),
		PostAuthentication: set("PostAuthentication"), CustomMessage: set("CustomMessage"), DefineAuthChallenge: set("DefineAuthChallenge"),
		CreateAuthChallenge: set("CreateAuthChallenge"), VerifyAuthChallengeResponse: set("VerifyAuthChallengeResponse"),
		PreTokenGeneration: set("PreTokenGeneration"), UserMigration: set("UserMigration"),
	}
	if slices.Contains(names, "PreTokenGeneration V2_0") {
		l.PreTokenGenerationConfig = &types.PreTokenGenerationVersionConfigType{LambdaArn: aws.String(arn), LambdaVersion: "V2_0"}
	}
	return l
}

// customAuth is a change for newPool: the client may sign in by the pool's own challenges.
func customAuth(in *cip.CreateUserPoolClientInput) {
	in.ExplicitAuthFlows = append(slices.Clone(allFlows), types.ExplicitAuthFlowsTypeAllowCustomAuth)
}
