package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What `make lambda` packs sends through accounts: two whose credentials are refused, then one at AWS with the function's own role.
func TestSenderAccounts(t *testing.T) {
	out := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", out, "./cmd/countersign-lambda")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if b, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	key := newKey(t)
	function := deploy(t, "countersign-accounts", "provided.al2023", "bootstrap", programPackage(t, out, nil), map[string]string{
		"KEY_ID": key, "PROVIDERS": "main,spare,sns",
		"PROVIDER_MAIN_KIND": "twilio", "PROVIDER_MAIN_ACCOUNT_SID": "AC5ef8732a3c49700934481addd5ce1659", "PROVIDER_MAIN_AUTH_TOKEN": "wrong", "PROVIDER_MAIN_FROM": "+12065550100",
		"PROVIDER_SPARE_KIND": "vonage-sms", "PROVIDER_SPARE_API_KEY": "abcd1234", "PROVIDER_SPARE_API_SECRET": "wrong", "PROVIDER_SPARE_FROM": "Acme",
	})
	permit(t, function, "")
	p := newPool(t, custom(function, key, nil))
	number := newPhone()
	_, err := signUp(t, p, number)
	check(t, err)
	log := func() string { return countersign(t, "functions", "logs", "countersign-accounts") }
	if d := deliveryOf(t, p); d.State != "sent" {
		t.Fatalf("%+v\n%s\n%s", d, log(), srv.output())
	}
	m := texts(t, number, 1)[0]
	check(t, confirm(t, p, number, m.Code))
	tokensOf(t, p, number)
	said := log()
	for _, want := range []string{`"account":"main"`, `"account":"spare"`, `"reason":"auth_failed"`, `"account":"sns","kind":"sns","provider_id":"`, `"msg":"sent"`} {
		if !strings.Contains(said, want) {
			t.Errorf("the log lacks %s\n%s", want, said)
		}
	}
	if strings.Contains(said, m.Code) || strings.Contains(said, number[1:]) {
		t.Errorf("log\n%s", said)
	}
}
