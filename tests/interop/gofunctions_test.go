package interop

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// built compiles a program of testdata for Lambda's provided.al2023 and packs it.
func built(t *testing.T, name string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", out, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return programPackage(t, out, nil)
}

// programPackage packs a program as bootstrap, beside texts by name.
func programPackage(t *testing.T, program string, files map[string]string) []byte {
	t.Helper()
	b, err := os.ReadFile(program)
	check(t, err)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	add := func(name string, mode os.FileMode, content []byte) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		check(t, err)
		_, err = f.Write(content)
		check(t, err)
	}
	add("bootstrap", 0o755, b)
	for name, text := range files {
		add(name, 0o644, []byte(text))
	}
	check(t, w.Close())
	return buf.Bytes()
}

// A program made with aws-lambda-go and its event types, unchanged, is a trigger.
func TestGoFunction(t *testing.T) {
	function := deploy(t, "go-pre-sign-up", "provided.al2023", "bootstrap", built(t, "presignup"), map[string]string{"INVITED_BY": "ada"})
	permit(t, function, "")
	p := newPool(t, func(in *cip.CreateUserPoolInput) { in.LambdaConfig = lambdaConfig(function, "PreSignUp") })
	number := newPhone()
	out, err := signUpWith(t, p, number, map[string]string{"invited_by": "ada"}, attribute("nickname", "Grace"))
	check(t, err)
	equal(t, "confirmed", out.UserConfirmed, true)
	equal(t, "verified", value(getUser(t, p, number).UserAttributes, "phone_number_verified"), "true")
	_, err = signUpWith(t, p, newPhone(), nil, attribute("nickname", "Eve"))
	wantError[*types.UserLambdaValidationException](t, err, "PreSignUp failed with error Eve was not invited.")
}

// A sender of ten lines with package smssender: the code that it decrypts signs the user in.
func TestGoSender(t *testing.T) {
	key := newKey(t)
	function := deploy(t, "go-sender", "provided.al2023", "bootstrap", built(t, "sender"), map[string]string{"KEY_ID": key})
	permit(t, function, "")
	for _, suite := range []string{"0x0378", "0x0478", "0x0578"} {
		p := newPool(t, custom(function, key, map[string]string{"countersign:code-suite": suite}))
		number := newPhone()
		_, err := signUp(t, p, number)
		check(t, err)
		m := texts(t, number, 1)[0]
		equal(t, "text", m.Text, "Your code is "+m.Code)
		check(t, confirm(t, p, number, m.Code))
		tokensOf(t, p, number)
	}
}

// hook is a webhook with TLS under an authority of its own, as docs/webhook.md describes it.
func hook(t *testing.T) (s *httptest.Server, authority string, got <-chan map[string]any) {
	t.Helper()
	texts := make(chan map[string]any, 10)
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || !strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") {
			t.Errorf("%v, headers %v", err, r.Header)
		}
		texts <- m
		_, _ = io.WriteString(w, `{"status":"sent","id":"1"}`)
	}))
	t.Cleanup(s.Close)
	return s, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})), texts
}

// The program itself, named bootstrap, is a sender: it posts to a webhook, here on this machine behind an authority that is in the package.
func TestSenderCommand(t *testing.T) {
	s, authority, got := hook(t)
	address, err := url.Parse(s.URL)
	check(t, err)
	useServer(t, newServer(t, with("--allow-egress", address.Host)))
	key := newKey(t)
	function := deploy(t, "countersign-lambda", "provided.al2023", "bootstrap", programPackage(t, program, map[string]string{"certs/hook.pem": authority}), map[string]string{
		"KEY_ID": key, "WEBHOOK_URL": s.URL + "/send", "WEBHOOK_SECRET": "sixteen bytes or more", "SSL_CERT_DIR": "certs",
		"TEXT_VERIFICATION": "Acme: {####}",
	})
	permit(t, function, "")
	p := newPool(t, custom(function, key, nil))
	number := newPhone()
	_, err = signUp(t, p, number)
	check(t, err)
	if d := deliveryOf(t, p); d.State != "sent" {
		t.Fatalf("%+v\n%s\n%s", d, countersign(t, "functions", "logs", "countersign-lambda"), srv.output())
	}
	m := <-got
	code, _ := m["code"].(string)
	if m["to"] != number || m["text"] != "Acme: "+code || m["trigger_source"] != "CustomSMSSender_SignUp" || m["pool_id"] != p.ID {
		t.Errorf("the webhook got %v", m)
	}
	check(t, confirm(t, p, number, code))
	tokensOf(t, p, number)
	log := countersign(t, "functions", "logs", "countersign-lambda")
	if !strings.Contains(log, `"msg":"sent"`) || strings.Contains(log, code) || strings.Contains(log, number) {
		t.Errorf("log\n%s", log)
	}
	noMessages(t, number)
}
