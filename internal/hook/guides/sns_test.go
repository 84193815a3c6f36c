package guides_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"countersign/internal/hook/guides"
	"countersign/internal/script"
	"countersign/internal/sigv4"
	"countersign/internal/simulator"
)

// The guide for SNS signs as AWS verifies.
func TestSNSSignature(t *testing.T) {
	s := newStage(t)
	g, _ := guides.Get("sns")
	secrets := secretsOf(t, g)
	secrets["AWS_SNS_SENDER_ID"] = "ACME"
	v := &sigv4.Verifier{Lookup: func(context.Context, string) (string, error) { return secrets["AWS_SECRET_ACCESS_KEY"], nil }}
	sns := s.inbox.Host("sns.eu-west-1.amazonaws.com")
	var verified error
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = v.Verify(r.Context(), r, body, "sns")
		}
		verified = err
		r.Body = io.NopCloser(bytes.NewReader(body))
		sns.ServeHTTP(w, r)
	}))
	s.answer.Store(&h)
	if out := s.run(t, g, script.Hook, false, secrets); out.Error != nil || verified != nil {
		t.Error(out.Error, verified)
	}
	if sent := s.inbox.List(simulator.Filter{}); len(sent) != 1 || sent[0].From != "ACME" {
		t.Errorf("%+v", sent)
	}
}
