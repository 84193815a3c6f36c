package interop

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	lam "github.com/aws/aws-sdk-go-v2/service/lambda"
	lamtypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func lambdaClient() *lam.Client {
	return lam.New(lam.Options{
		BaseEndpoint: aws.String(srv.URL), Region: region, RetryMaxAttempts: 1, HTTPClient: whole{}, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// zipped is a package with one file.
func zipped(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	check(t, err)
	_, err = io.WriteString(w, content)
	check(t, err)
	check(t, z.Close())
	return b.Bytes()
}

const functionRole = "arn:aws:iam::000000000000:role/any"

// A function's life, by the Go SDK: made, waited for, called, changed, published, called by its alias, exported, gone.
func TestLambdaSDK(t *testing.T) {
	c, name := lambdaClient(), aws.String("sdk-life")
	pkg := zipped(t, "index.js", `exports.handler = async (e, c) => { console.log("called"); if (e.fail) throw new TypeError("as asked"); return { v: 1, got: e, k: process.env.KEY } }`)
	made, err := c.CreateFunction(t.Context(), &lam.CreateFunctionInput{
		FunctionName: name, Role: aws.String(functionRole), Runtime: lamtypes.RuntimeNodejs20x, Handler: aws.String("index.handler"),
		Code: &lamtypes.FunctionCode{ZipFile: pkg}, Environment: &lamtypes.Environment{Variables: map[string]string{"KEY": "value"}}, Timeout: aws.Int32(20),
	})
	check(t, err)
	check(t, lam.NewFunctionActiveV2Waiter(c).Wait(t.Context(), &lam.GetFunctionInput{FunctionName: name}, time.Second))
	out, err := c.Invoke(t.Context(), &lam.InvokeInput{FunctionName: made.FunctionArn, Payload: []byte(`{"a":"é"}`), LogType: lamtypes.LogTypeTail})
	check(t, err)
	equal(t, "answer", string(out.Payload), `{"v":1,"got":{"a":"é"},"k":"value"}`)
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	check(t, err)
	for _, want := range []string{"START RequestId: ", "called", "END RequestId: ", "REPORT RequestId: "} {
		if strings.Count(string(log), want) != 1 {
			t.Errorf("%q is not once in the log\n%s", want, log)
		}
	}
	thrown, err := c.Invoke(t.Context(), &lam.InvokeInput{FunctionName: name, Payload: []byte(`{"fail":true}`)})
	check(t, err)
	equal(t, "error", aws.ToString(thrown.FunctionError), "Unhandled")
	var failure struct{ ErrorType, ErrorMessage string }
	check(t, json.Unmarshal(thrown.Payload, &failure))
	equal(t, "type", failure.ErrorType, "TypeError")
	equal(t, "message", failure.ErrorMessage, "as asked")

	_, err = c.PublishVersion(t.Context(), &lam.PublishVersionInput{FunctionName: name})
	check(t, err)
	_, err = c.CreateAlias(t.Context(), &lam.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	check(t, err)
	_, err = c.UpdateFunctionCode(t.Context(), &lam.UpdateFunctionCodeInput{FunctionName: name, ZipFile: zipped(t, "index.js", `exports.handler = async () => 2`)})
	check(t, err)
	for qualifier, want := range map[string]string{"live": `{"v":1,"got":{},"k":"value"}`, "$LATEST": "2"} {
		out, err := c.Invoke(t.Context(), &lam.InvokeInput{FunctionName: name, Qualifier: &qualifier})
		check(t, err)
		equal(t, qualifier, string(out.Payload), want)
	}
	got, err := c.GetFunction(t.Context(), &lam.GetFunctionInput{FunctionName: name, Qualifier: aws.String("1")})
	check(t, err)
	equal(t, "exported package", bytes.Equal(download(t, *got.Code.Location), pkg), true)

	_, err = c.DeleteFunction(t.Context(), &lam.DeleteFunctionInput{FunctionName: name})
	check(t, err)
	_, err = c.Invoke(t.Context(), &lam.InvokeInput{FunctionName: name})
	wantError[*lamtypes.ResourceNotFoundException](t, err)
}

func download(t *testing.T, link string) []byte {
	t.Helper()
	res, err := http.Get(link)
	check(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	check(t, err)
	equal(t, "status of the download", res.StatusCode, http.StatusOK)
	return b
}

// awsLambda runs the AWS CLI in a folder and returns what it printed, which must be as the exit code demands.
func awsLambda(t *testing.T, dir string, fails bool, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(awsCLI(t), "aws"), append([]string{"--endpoint-url", srv.URL, "lambda"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "PYTHONWARNINGS=ignore",
		"AWS_DEFAULT_REGION=" + region, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_OUTPUT=text",
	}
	out, err := cmd.CombinedOutput()
	if (err != nil) != fails {
		t.Fatalf("aws lambda %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// The commands of the custom sender's documentation, and a function's life, by the AWS CLI.
func TestLambdaCLI(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"function.zip": zipped(t, "index.js", `exports.handler = async (e) => e`), "next.zip": zipped(t, "index.js", `exports.handler = async () => "next"`),
		"event.json": []byte(`{"a":1}`), "bad.json": []byte(`{"a"`),
	} {
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	run := func(args ...string) string { t.Helper(); return awsLambda(t, dir, false, args...) }
	arn := run("create-function", "--function-name", "cli-life", "--runtime", "nodejs20.x", "--handler", "index.handler", "--role", functionRole,
		"--zip-file", "fileb://function.zip", "--query", "FunctionArn")
	equal(t, "ARN", arn, "arn:aws:lambda:us-local-1:000000000000:function:cli-life")
	run("wait", "function-active", "--function-name", "cli-life")
	run("wait", "function-updated", "--function-name", arn)
	// As the documentation prints it.
	added := run("add-permission", "--function-name", arn, "--statement-id", "CognitoLambdaInvokeAccess", "--action", "lambda:InvokeFunction", "--principal", "cognito-idp.amazonaws.com")
	if !strings.Contains(added, `"Sid":"CognitoLambdaInvokeAccess"`) || !strings.Contains(added, arn) {
		t.Errorf("add-permission: %s", added)
	}
	if policy := run("get-policy", "--function-name", arn, "--query", "Policy"); !strings.Contains(policy, "cognito-idp.amazonaws.com") {
		t.Errorf("get-policy: %s", policy)
	}
	first, err := os.ReadFile(filepath.Join(dir, "function.zip"))
	check(t, err)
	link := run("get-function", "--function-name", "cli-life", "--query", "Code.Location")
	equal(t, "exported package", bytes.Equal(download(t, link), first), true)
	answer := func(args ...string) string {
		t.Helper()
		run(append([]string{"invoke", "--function-name", arn}, append(args, "answer.json")...)...)
		b, err := os.ReadFile(filepath.Join(dir, "answer.json"))
		check(t, err)
		return string(b)
	}
	equal(t, "invoke", answer("--payload", "fileb://event.json"), `{"a":1}`)
	run("update-function-code", "--function-name", arn, "--zip-file", "fileb://next.zip")
	equal(t, "invoke after the update", answer(), `"next"`)
	equal(t, "dry run", run("invoke", "--function-name", arn, "--invocation-type", "DryRun", "--query", "StatusCode", "dry.json"), "204")
	equal(t, "event", run("invoke", "--function-name", arn, "--invocation-type", "Event", "--query", "StatusCode", "event.out"), "202")
	if list := run("list-functions", "--query", "Functions[].FunctionName"); !strings.Contains(list, "cli-life") {
		t.Errorf("list-functions: %s", list)
	}
	for want, args := range map[string][]string{
		"(InvalidRequestContentException)":      {"invoke", "--function-name", arn, "--payload", "fileb://bad.json", "x"},
		"(ResourceConflictException)":           {"add-permission", "--function-name", arn, "--statement-id", "CognitoLambdaInvokeAccess", "--action", "lambda:InvokeFunction", "--principal", "cognito-idp.amazonaws.com"},
		"(UnsupportedOperationException)":       {"list-layers"},
		"S3Bucket is not supported here":        {"update-function-code", "--function-name", arn, "--s3-bucket", "bucket", "--s3-key", "k"},
		"Function not found: " + arn + "-other": {"get-function", "--function-name", arn + "-other"},
		"(PreconditionFailedException)":         {"update-function-code", "--function-name", arn, "--zip-file", "fileb://next.zip", "--revision-id", "00000000-0000-0000-0000-000000000000"},
	} {
		if out := awsLambda(t, dir, true, args...); !strings.Contains(out, want) {
			t.Errorf("aws lambda %s\n got %s\nwant %s", strings.Join(args, " "), out, want)
		}
	}
	run("remove-permission", "--function-name", arn, "--statement-id", "CognitoLambdaInvokeAccess")
	run("delete-function", "--function-name", arn)
	if out := awsLambda(t, dir, true, "get-policy", "--function-name", arn); !strings.Contains(out, "(ResourceNotFoundException)") {
		t.Errorf("a deleted function's policy: %s", out)
	}
}
