package interop

import (
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// A pool of one server calls functions of another, which stands for AWS: a trigger, and a sender whose own KMS is the first server's. Each
// event reaches its function once.
func TestRemoteFunctions(t *testing.T) {
	aws := newServer(t)
	var trigger *observer
	inAWS := func(do func()) {
		here := srv
		srv = aws
		defer func() { srv = here }()
		do()
	}
	inAWS(func() {
		trigger = observed(t, "elsewhere", `
			if (event.request.clientMetadata?.refuse) throw new Error('refused far away');
			event.response.autoConfirmUser = true;
			return event;`)
	})
	here := newServer(t, withEnv("AWS_ENDPOINT_URL_LAMBDA="+aws.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret"))
	useServer(t, here)
	p := newPool(t, func(in *cip.CreateUserPoolInput) { in.LambdaConfig = lambdaConfig(trigger.arn, "PreSignUp") })
	out, err := signUp(t, p, newPhone())
	check(t, err)
	equal(t, "confirmed", out.UserConfirmed, true)
	_, err = signUpWith(t, p, newPhone(), map[string]string{"refuse": "yes"})
	wantError[*types.UserLambdaValidationException](t, err, "PreSignUp failed with error refused far away.")
	inAWS(func() {
		trigger.next(t, p, "PreSignUp_SignUp")
		trigger.next(t, p, "PreSignUp_SignUp").request(t, map[string]any{"validationData": nil, "clientMetadata": map[string]any{"refuse": "yes"}})
		trigger.nothing(t)
	})

	gone := strings.Replace(trigger.arn, ":elsewhere", ":nowhere", 1)
	p = newPool(t, func(in *cip.CreateUserPoolInput) { in.LambdaConfig = lambdaConfig(gone, "PreSignUp") })
	_, err = signUp(t, p, newPhone())
	wantError[*types.UnexpectedLambdaException](t, err, "PreSignUp invocation failed due to error ResourceNotFoundException.")
}
