package lambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestCreateIsWhatIsDescribed(t *testing.T) {
	h := start(t)
	pkg := node(t)
	made := h.create("sender", func(in *sdk.CreateFunctionInput) {
		in.Description, in.Timeout, in.MemorySize = aws.String("sends"), aws.Int32(7), aws.Int32(256)
		in.Environment = &types.Environment{Variables: map[string]string{"KEY_ALIAS": "alias/one"}}
		in.Tags = map[string]string{"team": "identity"}
		in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
		in.Architectures = []types.Architecture{types.ArchitectureArm64}
		in.Code.ZipFile = pkg
	})
	const arn = "arn:aws:lambda:us-local-1:000000000000:function:sender"
	sum := sha256.Sum256(pkg)
	equal(t, "ARN", *made.FunctionArn, arn)
	equal(t, "hash", *made.CodeSha256, base64.StdEncoding.EncodeToString(sum[:]))
	equal(t, "size", made.CodeSize, int64(len(pkg)))
	equal(t, "state", made.State, types.StateActive)
	equal(t, "last update", made.LastUpdateStatus, types.LastUpdateStatusSuccessful)
	if at, err := time.Parse(timeFormat, *made.LastModified); err != nil || at.Sub(h.now()).Abs() > time.Minute {
		t.Errorf("LastModified %s", *made.LastModified)
	}
	client := h.client("OWNER")
	for _, name := range []string{"sender", arn, "000000000000:function:sender", "function:sender", arn + ":$LATEST", "sender:$LATEST"} {
		got, err := client.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: &name})
		check(t, err)
		c := got.Configuration
		equal(t, "description", *c.Description, "sends")
		equal(t, "timeout", *c.Timeout, 7)
		equal(t, "memory", *c.MemorySize, 256)
		equal(t, "handler", *c.Handler, "index.handler")
		equal(t, "role", *c.Role, role)
		equal(t, "runtime", c.Runtime, types.RuntimeNodejs20x)
		equal(t, "version", *c.Version, "$LATEST")
		equal(t, "variable", c.Environment.Variables["KEY_ALIAS"], "alias/one")
		equal(t, "tracing", c.TracingConfig.Mode, types.TracingModeActive)
		equal(t, "architecture", c.Architectures[0], types.ArchitectureArm64)
		equal(t, "tag", got.Tags["team"], "identity")
		want := arn
		if strings.HasSuffix(name, "$LATEST") {
			want += ":$LATEST"
		}
		equal(t, "ARN of "+name, *c.FunctionArn, want)
	}
	_, err := client.CreateFunction(t.Context(), &sdk.CreateFunctionInput{
		FunctionName: aws.String("sender"), Role: aws.String(role), Runtime: types.RuntimeNodejs20x, Handler: aws.String("index.handler"),
		Code: &types.FunctionCode{ZipFile: pkg},
	})
	refused[*types.ResourceConflictException](t, err, "Function already exist: sender")
}

// Waiters of SDK and CLI end at their first look.
func TestWaiters(t *testing.T) {
	h := start(t)
	h.create("f")
	c, in := h.client("OWNER"), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("f")}
	get := &sdk.GetFunctionInput{FunctionName: aws.String("f")}
	check(t, sdk.NewFunctionActiveWaiter(c).Wait(t.Context(), in, time.Second))
	check(t, sdk.NewFunctionUpdatedWaiter(c).Wait(t.Context(), in, time.Second))
	check(t, sdk.NewFunctionExistsWaiter(c).Wait(t.Context(), get, time.Second))
	check(t, sdk.NewFunctionActiveV2Waiter(c).Wait(t.Context(), get, time.Second))
	check(t, sdk.NewFunctionUpdatedV2Waiter(c).Wait(t.Context(), get, time.Second))
}

// What would change how a function runs is refused by name.
func TestWhatIsNotServedIsRefusedByName(t *testing.T) {
	h := start(t)
	h.create("f")
	for want, change := range map[string]func(*sdk.CreateFunctionInput){
		"S3Bucket": func(in *sdk.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("k")}
		},
		"ImageUri":            func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{ImageUri: aws.String("x/y:z")} },
		"source for function": func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{} },
		"PackageType":         func(in *sdk.CreateFunctionInput) { in.PackageType = types.PackageTypeImage },
		"Layers": func(in *sdk.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:us-local-1:000000000000:layer:l:1"}
		},
		"VpcConfig": func(in *sdk.CreateFunctionInput) { in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1"}} },
		"KMSKeyArn": func(in *sdk.CreateFunctionInput) {
			in.KMSKeyArn = aws.String("arn:aws:kms:us-local-1:000000000000:key/1")
		},
		"DeadLetterConfig": func(in *sdk.CreateFunctionInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs:us-local-1:000000000000:q")}
		},
		"SnapStart": func(in *sdk.CreateFunctionInput) {
			in.SnapStart = &types.SnapStart{ApplyOn: types.SnapStartApplyOnPublishedVersions}
		},
		"LogFormat": func(in *sdk.CreateFunctionInput) {
			in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatJson}
		},
		"CodeSigningConfigArn": func(in *sdk.CreateFunctionInput) {
			in.CodeSigningConfigArn = aws.String("arn:aws:lambda:us-local-1:000000000000:code-signing-config:csc-00000000000000000")
		},
		"FileSystemConfigs": func(in *sdk.CreateFunctionInput) {
			in.FileSystemConfigs = []types.FileSystemConfig{{LocalMountPath: aws.String("/mnt/x"), Arn: aws.String("arn:aws:elasticfilesystem:us-local-1:000000000000:access-point/fsap-00000000000000000")}}
		},
		"ImageConfig": func(in *sdk.CreateFunctionInput) { in.ImageConfig = &types.ImageConfig{Command: []string{"x"}} },
		"python3.12":  func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimePython312 },
	} {
		in := &sdk.CreateFunctionInput{
			FunctionName: aws.String("g"), Role: aws.String(role), Runtime: types.RuntimeNodejs20x, Handler: aws.String("index.handler"),
			Code: &types.FunctionCode{ZipFile: node(t)},
		}
		change(in)
		_, err := h.client("OWNER").CreateFunction(t.Context(), in)
		refused[*types.InvalidParameterValueException](t, err, want)
	}
	_, err := h.client("OWNER").UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"), KMSKeyArn: aws.String("arn:aws:kms:us-local-1:000000000000:key/1")})
	refused[*types.InvalidParameterValueException](t, err, "KMSKeyArn")
	_, err = h.client("OWNER").UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("f"), S3Bucket: aws.String("bucket"), S3Key: aws.String("k")})
	refused[*types.InvalidParameterValueException](t, err, "S3Bucket")
	_, err = h.client("OWNER").ListLayers(t.Context(), &sdk.ListLayersInput{})
	if code(err) != unsupported || !strings.Contains(err.Error(), "ListLayers") {
		t.Errorf("an operation that is not served: %v", err)
	}
	list, err := h.client("OWNER").ListFunctions(t.Context(), &sdk.ListFunctionsInput{})
	check(t, err)
	equal(t, "functions", len(list.Functions), 1)
}

func TestUpdate(t *testing.T) {
	h := start(t)
	made := h.create("f", func(in *sdk.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"AA": "1"}}
		in.LoggingConfig = &types.LoggingConfig{LogGroup: aws.String("mine")}
	})
	c := h.client("OWNER")
	pkg := zipped(t, map[string]string{"index.js": "exports.handler = async () => 2"})
	dry, err := c.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: pkg, DryRun: true})
	check(t, err)
	if *dry.CodeSha256 == *made.CodeSha256 {
		t.Error("a dry run shows the old code")
	}
	code, err := c.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: pkg, RevisionId: made.RevisionId})
	check(t, err)
	equal(t, "size", code.CodeSize, int64(len(pkg)))
	_, err = c.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: node(t), RevisionId: made.RevisionId})
	refused[*types.PreconditionFailedException](t, err, "Revision Id")

	got, err := c.UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("f"), Timeout: aws.Int32(9), TracingConfig: &types.TracingConfig{Mode: types.TracingModeActive},
	})
	check(t, err)
	equal(t, "timeout", *got.Timeout, 9)
	equal(t, "memory kept", *got.MemorySize, 128)
	equal(t, "variables kept", got.Environment.Variables["AA"], "1")
	equal(t, "tracing", got.TracingConfig.Mode, types.TracingModeActive)
	equal(t, "log group kept", *got.LoggingConfig.LogGroup, "mine")
	got, err = c.UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("f"), Environment: &types.Environment{Variables: map[string]string{}},
	})
	check(t, err)
	if got.Environment != nil && len(got.Environment.Variables) > 0 {
		t.Errorf("an emptied environment: %v", got.Environment.Variables)
	}

	_, err = c.DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: aws.String("f")})
	check(t, err)
	_, err = c.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("f")})
	refused[*types.ResourceNotFoundException](t, err, "Function not found: arn:aws:lambda:us-local-1:000000000000:function:f")
}

// Reading is not decrypting.
func TestEnvironmentIsForThoseWhoMayReadSecrets(t *testing.T) {
	h := start(t)
	h.create("f", func(in *sdk.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"API_TOKEN": "hunter22"}}
	})
	c := h.client("AUDITOR")
	got, err := c.GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
	check(t, err)
	if len(got.Environment.Variables) > 0 || *got.Environment.Error.ErrorCode != accessDenied {
		t.Errorf("an auditor sees %+v", got.Environment)
	}
	list, err := c.ListFunctions(t.Context(), &sdk.ListFunctionsInput{})
	check(t, err)
	if e := list.Functions[0].Environment; len(e.Variables) > 0 || e.Error == nil {
		t.Errorf("an auditor lists %+v", e)
	}
}

func TestGrantsAndSignatures(t *testing.T) {
	h := start(t)
	h.create("f")
	get := &sdk.GetFunctionInput{FunctionName: aws.String("f")}
	for key, want := range map[string]string{"NOBODY": accessDenied, "UNKNOWN": "UnrecognizedClientException"} {
		_, err := h.client(key).GetFunction(t.Context(), get)
		equal(t, key, code(err), want)
	}
	_, err := h.client("AUDITOR").DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: aws.String("f")})
	equal(t, "auditor deletes", code(err), accessDenied)
	// The grant is judged before anything is read: what is not there is not told.
	_, err = h.client("NOBODY").GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("none")})
	equal(t, "nobody asks for what is not there", code(err), accessDenied)

	w := h.raw(httptest.NewRequest("GET", "/2015-03-31/functions/f", nil))
	equal(t, "unsigned", strconv.Itoa(w.Code)+" "+w.Header().Get("X-Amzn-Errortype"), "403 MissingAuthenticationTokenException")

	wrong := sdk.New(h.client("OWNER").Options(), func(o *sdk.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "OWNER", SecretAccessKey: "guess"}, nil
		})
	})
	_, err = wrong.GetFunction(t.Context(), get)
	equal(t, "wrong secret", code(err), "InvalidSignatureException")
}

// A page of another origin runs nothing, whatever it sends.
func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	h := start(t)
	h.create("f")
	got, err := h.client("OWNER").GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("f")})
	check(t, err)
	link := strings.TrimPrefix(*got.Code.Location, "http://functions.example")
	for _, target := range []string{"/2015-03-31/functions/f", "/2015-03-31/functions/f/invocations", link} {
		for name, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
			r := httptest.NewRequest("GET", target, nil)
			r.Header.Set(name, value)
			w := h.raw(r)
			if w.Code != http.StatusForbidden || w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s with %s: %d", target, name, w.Code)
			}
		}
	}
	for _, ct := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		r := httptest.NewRequest("POST", "/2015-03-31/functions/f/invocations", strings.NewReader("{}"))
		r.Header.Set("Content-Type", ct)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=OWNER/"+h.now().Format("20060102")+"/us-local-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		r.Header.Set("X-Amz-Date", h.now().Format("20060102T150405Z"))
		equal(t, ct, h.raw(r).Code, http.StatusUnsupportedMediaType)
	}
}

func TestDownload(t *testing.T) {
	h := start(t, func(c *Config) { c.BaseURLs = []string{"https://first.example", "http://second.example:7446/"} })
	pkg := node(t)
	h.create("f")
	got, err := h.client("OWNER").GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("f")})
	check(t, err)
	// The test's own address is no declared base URL: the first one serves.
	link, ok := strings.CutPrefix(*got.Code.Location, "https://first.example")
	if !ok || !strings.HasPrefix(link, downloads) || !strings.HasSuffix(link, "/f.zip") {
		t.Fatalf("location %s", *got.Code.Location)
	}
	equal(t, "the host is looked up", h.handler.baseURL("SECOND.example:7446"), "http://second.example:7446")
	res, err := http.Get(h.srv.URL + link)
	check(t, err)
	body, err := io.ReadAll(res.Body)
	check(t, err)
	res.Body.Close()
	if res.StatusCode != 200 || !bytes.Equal(body, pkg) || res.Header.Get("Content-Type") != "application/zip" || res.Header.Get("Content-Disposition") != "attachment" {
		t.Errorf("download: %d, %d bytes of %d, %v", res.StatusCode, len(body), len(pkg), res.Header)
	}
	// A pagination token, a garbled one and an old one open nothing.
	page, err := h.handler.c.Pages.Seal(page{}.scope, []byte("9999999999:"+strings.Repeat("0", 64)))
	check(t, err)
	for _, token := range []string{page, "x", "", link[len(downloads) : len(downloads)+20]} {
		equal(t, "token "+token, h.raw(httptest.NewRequest("GET", downloads+token+"/f.zip", nil)).Code, http.StatusForbidden)
	}
	h.advance(downloadTime + time.Second)
	equal(t, "after ten minutes", h.raw(httptest.NewRequest("GET", link, nil)).Code, http.StatusForbidden)
}

func TestListings(t *testing.T) {
	h := start(t)
	for _, name := range []string{"c", "a", "b"} {
		h.create(name, func(in *sdk.CreateFunctionInput) { in.Publish = name == "a" })
	}
	c := h.client("OWNER")
	var seen []string
	pages := sdk.NewListFunctionsPaginator(c, &sdk.ListFunctionsInput{MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(t.Context())
		check(t, err)
		equal(t, "functions of a page", len(p.Functions), 1)
		seen = append(seen, *p.Functions[0].FunctionName)
	}
	equal(t, "functions", strings.Join(seen, " "), "a b c")

	seen = nil
	all := sdk.NewListFunctionsPaginator(c, &sdk.ListFunctionsInput{MaxItems: aws.Int32(1), FunctionVersion: types.FunctionVersionAll})
	for all.HasMorePages() {
		p, err := all.NextPage(t.Context())
		check(t, err)
		for _, f := range p.Functions {
			seen = append(seen, *f.FunctionName+":"+*f.Version)
		}
	}
	equal(t, "functions and versions", strings.Join(seen, " "), "a:$LATEST a:1 b:$LATEST c:$LATEST")

	first, err := c.ListFunctions(t.Context(), &sdk.ListFunctionsInput{MaxItems: aws.Int32(1)})
	check(t, err)
	_, err = c.ListVersionsByFunction(t.Context(), &sdk.ListVersionsByFunctionInput{FunctionName: aws.String("a"), Marker: first.NextMarker})
	refused[*types.InvalidParameterValueException](t, err, "token")
}
