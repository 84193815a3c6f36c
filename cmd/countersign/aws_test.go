package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign/internal/config"
	"countersign/internal/egress"
	"countersign/internal/gateway/awslambda"
)

// AWS_CA_BUNDLE names the authorities of AWS, as it does for every SDK, and the server's own dialer is used all the same.
func TestAWSClientTrustsTheBundle(t *testing.T) {
	cloud := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"response":{}}`)) }))
	defer cloud.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cloud.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", cloud.URL)
	a := &app{env: []string{"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret"}}
	for _, loopback := range []bool{true, false} {
		policy, err := egress.NewPolicy(loopback)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := awsClient(t.Context(), a, config.AWS{}, policy)
		if err != nil {
			t.Fatal(err)
		}
		out, err := awslambda.New(cfg).Invoke(t.Context(), "arn:aws:lambda:eu-west-1:000000000000:function:f", []byte("{}"), 10*time.Second)
		if loopback && (err != nil || string(out.Payload) != `{"response":{}}`) || !loopback && err == nil {
			t.Errorf("loopback %v: %v, %v", loopback, out, err)
		}
	}
}
