package interop

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// A pool of one server calls functions of another, which stands for AWS: a trigger, and a sender whose own KMS is the first server's. Each
// event reaches its function once.
func TestRemoteFunctions(t *testing.T) {
	there := newServer(t)
	var trigger *observer
	thereDo := func(do func()) {
		here := srv
		srv = there
		defer func() { srv = here }()
		do()
	}
	thereDo(func() {
		trigger = observed(t, "elsewhere", `
			if (event.request.clientMetadata?.refuse) throw new Error('refused far away');
			event.response.autoConfirmUser = true;
			return event;`)
	})
	here := newServer(t, withEnv("AWS_ENDPOINT_URL_LAMBDA="+there.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret"))
	useServer(t, here)
	p := newPool(t, func(in *cip.CreateUserPoolInput) { in.LambdaConfig = lambdaConfig(trigger.arn, "PreSignUp") })
	out, err := signUp(t, p, newPhone())
	check(t, err)
	equal(t, "confirmed", out.UserConfirmed, true)
	_, err = signUpWith(t, p, newPhone(), map[string]string{"refuse": "yes"})
	wantError[*types.UserLambdaValidationException](t, err, "PreSignUp failed with error refused far away.")
	thereDo(func() {
		trigger.next(t, p, "PreSignUp_SignUp")
		trigger.next(t, p, "PreSignUp_SignUp").request(t, map[string]any{"validationData": nil, "clientMetadata": map[string]any{"refuse": "yes"}})
		trigger.nothing(t)
	})

	gone := strings.Replace(trigger.arn, ":elsewhere", ":nowhere", 1)
	p = newPool(t, func(in *cip.CreateUserPoolInput) { in.LambdaConfig = lambdaConfig(gone, "PreSignUp") })
	_, err = signUp(t, p, newPhone())
	wantError[*types.UnexpectedLambdaException](t, err, "PreSignUp invocation failed due to error ResourceNotFoundException.")
}

// farKeys makes sender use the KMS of another server with an access key of that server, as a function in AWS would.
var farKeys = strings.NewReplacer("KmsKeyringNode }", "KmsKeyringNode, KMS, getClient }", "keyIds: [process.env.KEY_ID]",
	"keyIds: [process.env.KEY_ID], clientProvider: getClient(KMS, { endpoint: process.env.KEYS_AT, credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' } })")

// A sender function of another region and server opens the codes with the keys of the server that made them.
func TestRemoteSender(t *testing.T) {
	port, err := freePair()
	check(t, err)
	there := newServer(t, with("--allow-egress", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))))
	here := newServerAt(t, port, withEnv("AWS_ENDPOINT_URL_LAMBDA="+there.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret"))
	useServer(t, here)
	key, number := newKey(t), newPhone()

	srv = there
	made, err := functions().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("far"), Runtime: "nodejs20.x", Handler: aws.String("index.handler"), Timeout: aws.Int32(20), MemorySize: aws.Int32(256),
		Role: aws.String(functionRole), Code: &lambdatypes.FunctionCode{ZipFile: withClient(t, map[string]string{"index.js": farKeys.Replace(sender)})},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"KEY_ID": key, "KEYS_AT": here.URL}},
	}, func(o *lambda.Options) { o.Region = "eu-west-1" })
	check(t, err)
	srv = here
	p := newPool(t, custom(*made.FunctionArn, key, nil))
	_, err = signUp(t, p, number)
	check(t, err)
	if d := deliveryOf(t, p); d.State != "sent" || d.Provider != "lambda:far" {
		t.Errorf("message %+v\n%s", d, there.output())
	}
	noMessages(t, number)
	srv = there
	code := sentTo(t, number, 1).Code
	srv = here
	check(t, confirm(t, p, number, code))
}
