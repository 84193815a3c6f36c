package lambda

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// BenchmarkInvoke is what the API and package function add to a call: route, signature, grant, decoding, target, answer.
func BenchmarkInvoke(b *testing.B) {
	h := start(b)
	h.create("f")
	const body = `{"userName":"u","request":{"code":"AYADeA"}}`
	sum := sha256.Sum256([]byte(body))
	r := httptest.NewRequest("POST", "http://localhost/2015-03-31/functions/f/invocations", strings.NewReader(body))
	creds := aws.Credentials{AccessKeyID: "OWNER", SecretAccessKey: secretOf("OWNER")}
	check(b, v4.NewSigner().SignHTTP(b.Context(), creds, r, hex.EncodeToString(sum[:]), Service, region1, h.now()))
	for b.Loop() {
		again := r.Clone(b.Context())
		again.Body = readCloser{strings.NewReader(body)}
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, again)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
		h.runner.forget()
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
