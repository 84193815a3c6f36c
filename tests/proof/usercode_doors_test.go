package proof

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	kmsapi "countersign/internal/awsapi/kms/api"
	lambdaapi "countersign/internal/awsapi/lambda/api"
)

// TestAdvisory_GO_2025_3661_functions: APIs answered without authorisation. Every operation of the KMS and of the Lambda API is tried with
// nothing, with wrong and unknown keys, with those of a back end that was granted neither, and at the end users' door.
func TestAdvisory_GO_2025_3661_functions(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	c.rec = nil
	key := c.key()
	arn := c.deploy("mine", zipped(t, map[string]string{"index.js": "exports.handler = async () => 'it-did-run'"}), map[string]string{"MODE": "b"}, nil)
	state := func() string {
		var out strings.Builder
		for _, a := range []answer{c.kms("DescribeKey", obj{"KeyId": key}), c.kms("ListKeys", obj{}), c.kms("ListAliases", obj{}), c.kms("GetKeyPolicy", obj{"KeyId": key}),
			c.lambda("GET", functionsPath+"/mine/configuration", nil), c.lambda("GET", functionsPath+"/", nil), c.lambda("GET", functionsPath+"/mine/versions", nil)} {
			out.Write(c.ok(a).raw)
			out.WriteByte('\n')
		}
		return out.String()
	}
	before := state()
	callers := map[string]aws.Credentials{
		"nothing": {}, "a wrong secret": {AccessKeyID: n.owner.AccessKeyID, SecretAccessKey: "wrong" + n.owner.SecretAccessKey},
		"an unknown key": {AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
		"the dev key":    {AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"},
		"a back end":     n.preset("app-backend"),
	}
	tried := 0
	try := func(what, service string, make func(base string) *http.Request) {
		t.Helper()
		for who, creds := range callers {
			req := make(n.admin)
			if creds.AccessKeyID != "" {
				sign(t, req, creds, service)
			}
			a, err := send(req)
			check(t, err)
			tried++
			if a.status < 400 || a.status >= 500 && a.status != http.StatusNotImplemented || a.status == http.StatusNotFound && service == "kms" || strings.Contains(string(a.raw), "it-did-run") {
				t.Errorf("%s with %s: %d %s", what, who, a.status, a.raw)
			}
		}
		req := make(n.public)
		sign(t, req, n.owner, service)
		if a, err := send(req); err != nil || a.status < 400 || strings.Contains(string(a.raw), "it-did-run") {
			t.Errorf("%s at the end users' door: %d %s, %v", what, a.status, a.raw, err)
		}
	}
	body := string(mustJSON(t, obj{"KeyId": key, "TargetKeyId": key, "AliasName": "alias/x", "Plaintext": "AAAA", "CiphertextBlob": "AAAA", "DestinationKeyId": key, "KeySpec": "AES_256",
		"GranteePrincipal": "*", "Operations": []string{"Decrypt"}, "Policy": "{}", "Description": "x", "PendingWindowInDays": 7, "NumberOfBytes": 8, "Tags": []obj{{"TagKey": "a", "TagValue": "b"}}, "TagKeys": []string{"a"}}))
	for _, op := range kmsapi.Operations {
		try("kms "+op.Name, "kms", func(base string) *http.Request {
			req := c.request(base, op.Name, body)
			req.Header.Set("X-Amz-Target", "TrentService."+op.Name)
			return req
		})
	}
	label := regexp.MustCompile(`\{[^}]+\}`)
	in := string(mustJSON(t, obj{"FunctionName": "x", "Description": "x", "StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "*", "Name": "x", "FunctionVersion": "$LATEST", "Runtime": "nodejs20.x",
		"Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/x", "Code": obj{"ZipFile": "AAAA"}, "ZipFile": "AAAA", "Tags": obj{"a": "b"}, "ReservedConcurrentExecutions": 0}))
	for _, r := range lambdaapi.Operations {
		path := strings.ReplaceAll(r.URI, "{Resource}", strings.ReplaceAll(arn, ":", "%3A"))
		path = label.ReplaceAllString(strings.ReplaceAll(path, "{FunctionName}", "mine"), "x")
		try(r.Method+" "+path, "lambda", func(base string) *http.Request {
			req, err := http.NewRequest(r.Method, base+path, strings.NewReader(in))
			check(t, err)
			return req
		})
	}
	for _, link := range []string{"/2015-03-31/code/x/mine.zip", "/2015-03-31/code/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/mine.zip"} {
		try("GET "+link, "lambda", func(base string) *http.Request {
			req, err := http.NewRequest("GET", base+link, nil)
			check(t, err)
			return req
		})
	}
	if tried < 400 {
		t.Errorf("only %d requests were made", tried)
	}
	if after := state(); after != before {
		t.Errorf("something was changed:\n%s\nwas\n%s", after, before)
	}
}
