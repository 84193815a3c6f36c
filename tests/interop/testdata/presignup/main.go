// Presignup is a function as aws-lambda-go's readers write it: a PreSignUp trigger that lets in whom the environment names.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func handle(ctx context.Context, e events.CognitoEventUserPoolsPreSignup) (events.CognitoEventUserPoolsPreSignup, error) {
	lc, ok := lambdacontext.FromContext(ctx)
	if _, limited := ctx.Deadline(); !ok || !limited || lc.AwsRequestID == "" || !strings.HasSuffix(lc.InvokedFunctionArn, ":function:"+lambdacontext.FunctionName) {
		return e, fmt.Errorf("context %+v of %s", lc, lambdacontext.FunctionName)
	}
	if e.Request.ClientMetadata["invited_by"] != os.Getenv("INVITED_BY") {
		return e, fmt.Errorf("%s was not invited", e.Request.UserAttributes["nickname"])
	}
	e.Response.AutoConfirmUser, e.Response.AutoVerifyPhone = true, true
	return e, nil
}

func main() { lambda.Start(handle) }
