package otp_test

import (
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/otp"
	"countersign/internal/store"
)

func codes(t *testing.T, now *time.Time) *otp.Codes {
	t.Helper()
	return &otp.Codes{Key: keyringtest.New(t, "p", "q").Codes, Now: func() time.Time { return *now }}
}

var spec = otp.Spec{PoolID: "p", SubjectID: "u", Purpose: otp.SMSMFA, ClientID: "c", Wire: "cognito", Chain: "x", Target: "+12025550100"}

// A code is good only for what it was bound to.
func TestJudgeBinds(t *testing.T) {
	now := time.Now()
	c := codes(t, &now)
	code, row, err := c.New(t.Context(), spec, 3*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*otp.Spec){
		"pool":    func(s *otp.Spec) { s.PoolID = "q" },
		"user":    func(s *otp.Spec) { s.SubjectID = "v" },
		"purpose": func(s *otp.Spec) { s.Purpose = otp.SMSOTP },
		"client":  func(s *otp.Spec) { s.ClientID = "d" },
		"wire":    func(s *otp.Spec) { s.Wire = "auth0" },
		"chain":   func(s *otp.Spec) { s.Chain = "" },
		"target":  func(s *otp.Spec) { s.Target = "+12025550101" },
	} {
		other := spec
		change(&other)
		if _, err := c.Judge(t.Context(), []*store.Code{row}, other, code); fault.CodeOf(err) != fault.CodeExpired {
			t.Errorf("%s changed: got %v, want code_expired", name, err)
		}
	}
	if m, err := c.Judge(t.Context(), []*store.Code{row}, spec, code); err != nil || m != row {
		t.Errorf("unchanged: %v", err)
	}
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	if _, err := c.Judge(t.Context(), []*store.Code{row}, spec, wrong); fault.CodeOf(err) != fault.CodeMismatch {
		t.Errorf("wrong code: %v", err)
	}
}

// keycloak#37762: a code was valid past its life. Ours is good at T-1 and dead at T.
func TestAdvisory_GHSA_xmmm_jw76_q7vg(t *testing.T) {
	now := time.Now()
	c := codes(t, &now)
	code, row, _ := c.New(t.Context(), spec, 3*time.Minute)
	now = row.ExpiresAt.Add(-time.Second)
	if _, err := c.Judge(t.Context(), []*store.Code{row}, spec, code); err != nil {
		t.Errorf("one second before its end: %v", err)
	}
	now = row.ExpiresAt
	if _, err := c.Judge(t.Context(), []*store.Code{row}, spec, code); fault.CodeOf(err) != fault.CodeExpired {
		t.Errorf("at its end: %v", err)
	}
}

func TestFixed(t *testing.T) {
	now := time.Now()
	c := codes(t, &now)
	c.Fixed = "1234567"
	for p, want := range map[otp.Purpose]string{otp.SignUp: "123456", otp.SMSOTP: "01234567"} {
		s := spec
		s.Purpose = p
		if code, _, _ := c.New(t.Context(), s, time.Minute); code != want {
			t.Errorf("%s: %s, want %s", p, code, want)
		}
	}
}

// OWASP ASVS 5.0, 6.5.5: ten minutes at most in strict mode.
func TestLife(t *testing.T) {
	for _, p := range []otp.Purpose{otp.SignUp, otp.Reset, otp.VerifyPhone, otp.VerifyEmail, otp.SMSMFA, otp.EmailMFA, otp.SMSOTP, otp.EmailOTP} {
		if l := p.Life(15*time.Minute, true); l > 10*time.Minute {
			t.Errorf("%s lives %v in strict mode", p, l)
		}
	}
	if l := otp.SignUp.Life(3*time.Minute, false); l != 24*time.Hour {
		t.Errorf("sign-up code lives %v", l)
	}
}

func BenchmarkJudge(b *testing.B) {
	c := &otp.Codes{Key: keyringtest.New(b, "p").Codes, Now: time.Now}
	code, row, _ := c.New(b.Context(), spec, time.Hour)
	rows := []*store.Code{row}
	for b.Loop() {
		if _, err := c.Judge(b.Context(), rows, spec, code); err != nil {
			b.Fatal(err)
		}
	}
}

// A code that a service makes matches nothing until the service vouched for one, and is bound as all others are.
func TestExternalCodes(t *testing.T) {
	now, s := time.Now(), spec
	c := codes(t, &now)
	ctx := t.Context()
	row, err := c.External(ctx, s, time.Minute)
	if err != nil || len(row.Hash) != 0 {
		t.Fatalf("%+v, %v", row, err)
	}
	rows := []*store.Code{row}
	for _, answer := range []string{"", "123456"} {
		if _, err := c.Judge(ctx, rows, s, answer); fault.CodeOf(err) != fault.CodeMismatch {
			t.Errorf("%q: %v", answer, err)
		}
	}
	if out, err := c.Externals(ctx, rows, s); err != nil || len(out) != 1 {
		t.Errorf("%v, %v", out, err)
	}
	other := s
	other.Target = "+12025550199"
	if out, _ := c.Externals(ctx, rows, other); len(out) != 0 {
		t.Error("of another number")
	}
	known, err := c.Vouch(ctx, row, "123456")
	if err != nil || len(row.Hash) != 0 {
		t.Fatal(err)
	}
	rows = []*store.Code{known}
	if m, err := c.Judge(ctx, rows, s, "123456"); err != nil || m.ID != row.ID {
		t.Errorf("%v", err)
	}
	if _, err := c.Judge(ctx, rows, s, "123457"); fault.CodeOf(err) != fault.CodeMismatch {
		t.Errorf("%v", err)
	}
	if out, _ := c.Externals(ctx, rows, s); len(out) != 0 {
		t.Error("asked about once more")
	}
	fixed, err := c.Known(ctx, s, "424242", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Judge(ctx, []*store.Code{fixed}, s, "424242"); err != nil {
		t.Error(err)
	}
	if _, err := c.Judge(ctx, []*store.Code{fixed}, other, "424242"); err == nil {
		t.Error("good for another number")
	}
}
