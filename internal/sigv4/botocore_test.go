package sigv4

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// What the AWS CLI sends to Lambda: requests that botocore 1.43.11 made and signed with the test's key for the test's time. An ARN as a
// label of the path is percent-encoded once in the request and twice in what is signed.
func TestVerifyAcceptsTheCLIsSignature(t *testing.T) {
	tests := map[string]struct{ method, target, body, contentType, signature string }{
		"ARN in the path": {
			"POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-local-1%3A000000000000%3Afunction%3Af/invocations?Qualifier=%24LATEST", `{"a":1}`, "",
			"83ac17b11bf198498c93a51acffd7dfba3f0c0ce54bd9a78d1b1571287191638",
		},
		"query": {
			"GET", "/2015-03-31/functions?MaxItems=5&Marker=a%2Fb%2Bc%3D", "", "",
			"8754947fabe729fc2bee685d6144160315e42cf1137bcf39ce7eb83dad61e84a",
		},
		"partial ARN and a body": {
			"POST", "/2015-03-31/functions/000000000000%3Afunction%3Af%3Av1/policy",
			`{"StatementId": "CognitoLambdaInvokeAccess", "Action": "lambda:InvokeFunction", "Principal": "cognito-idp.amazonaws.com"}`, "application/json",
			"67374b911d500fdb8d2a1cf974ea6d5e050882b5c54b8a6086fe01ab17830391",
		},
		"repeated parameters": {
			"DELETE", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-local-1%3A000000000000%3Afunction%3Af?tagKeys=b&tagKeys=a%20c", "", "",
			"db02692f884cf3f18363e65c94554481516e8e4cd6a0555d98bfba96b5f89ece",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
			r.Host = "localhost:7446"
			headers := "host;x-amz-date"
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
				headers = "content-type;" + headers
			}
			r.Header.Set("X-Amz-Date", "20261121T120000Z")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-local-1/lambda/aws4_request, SignedHeaders="+headers+
				", Signature="+tt.signature)
			if _, err := newVerifier().Verify(t.Context(), r, []byte(tt.body), "lambda"); err != nil {
				t.Fatal(err)
			}
			id, err := newVerifier().Claim(r, "lambda")
			if want := (Identity{testKey, "us-local-1", "lambda"}); err != nil || id != want {
				t.Errorf("claim %+v, %v", id, err)
			}
			if _, err := newVerifier().Claim(r, "kms"); err == nil {
				t.Error("a claim for another service passed")
			}
			if _, err := newVerifier().Verify(t.Context(), r, []byte(tt.body+" "), "lambda"); err == nil {
				t.Error("another body passed")
			}
		})
	}
}
