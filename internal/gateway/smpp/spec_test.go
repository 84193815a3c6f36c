package smpp

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"maps"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

func deps() account.Deps {
	return account.Deps{
		Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody is there") },
		Now:  func() time.Time { return epoch },
	}
}

func of(settings map[string]string) account.Account {
	all := map[string]string{"host": "smpp.example.net", "system_id": "acme"}
	maps.Copy(all, settings)
	return account.Account{Name: "a", Kind: "smpp", Settings: all, Secrets: map[string]secret.String{"password": secret.New("hunter-22")}}
}

func TestSpecDefaults(t *testing.T) {
	p, err := Spec().Make(of(nil), deps())
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*Provider).c
	if c.address() != "smpp.example.net:2775" || c.TLS != nil || c.Window != 10 || c.PerSecond != 0 || c.Pair || c.Texts != (Texts{CharsetGSM7, 0, ConcatUDH8}) ||
		c.EntityTag != TagEntity || c.TemplateTag != TagTemplate ||
		c.Receipts != ReceiptsFinal || c.Validity != ValidityRelative || c.IDs != IDsLearned || c.Source.TON != nil || c.Password.Reveal() != "hunter-22" {
		t.Errorf("%+v", c)
	}
}

func TestSpecSettings(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}))
	p, err := Spec().Make(of(map[string]string{
		"tls": "on", "tls_ca": ca, "system_type": "OTP", "bind": "pair", "from": "12345", "source_ton": "0", "source_npi": "1", "dest_ton": "2", "dest_npi": "auto",
		"service_type": "CMT", "charset": "latin1", "data_coding": "3", "concat": "sar", "window": "50", "per_second": "12.5", "registered_delivery": "each_step",
		"entity_tag": "0x1410", "template_tag": "5137",
		"validity": "absolute", "message_ids": "receipts_hex", "status_reasons": "0x0401=invalid_number, 1040 = insufficient_funds,",
	}), deps())
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*Provider).c
	if c.address() != "smpp.example.net:3550" || c.TLS.ServerName != "smpp.example.net" || c.TLS.RootCAs == nil || c.TLS.MinVersion != tls.VersionTLS12 ||
		!c.Pair ||
		*c.Source.TON != 0 || *c.Source.NPI != 1 || *c.Destination.TON != 2 || c.Destination.NPI != nil || c.Texts != (Texts{CharsetLatin1, 3, ConcatSAR}) ||
		c.Window != 50 || c.PerSecond != 12.5 || c.Receipts != ReceiptsEachStep || c.Validity != ValidityAbsolute || c.IDs != IDsHex {
		t.Errorf("%+v", c)
	}
	if len(c.Reasons) != 2 || c.Reasons[0x401] != provider.InvalidNumber || c.Reasons[1040] != provider.InsufficientFunds {
		t.Errorf("%v", c.Reasons)
	}
	if c.EntityTag != 0x1410 || c.TemplateTag != 0x1411 {
		t.Errorf("%x %x", c.EntityTag, c.TemplateTag)
	}
	parts, _, err := p.(*Provider).build(provider.Message{To: "+447700900123", Text: "x", ExpiresAt: epoch.Add(90 * time.Second)})
	if err != nil || parts[0].Source != (Address{0, 1, "12345"}) || parts[0].Destination != (Address{2, 1, "447700900123"}) ||
		parts[0].Validity != "261121120130000+" || parts[0].RegisteredDelivery != 0x11 || parts[0].ServiceType != "CMT" {
		t.Errorf("%+v, %v", parts[0], err)
	}
}

// Each wrong value is refused by the name of its setting, all at once, and nothing repeats the password.
func TestSpecRefuses(t *testing.T) {
	wrong := map[string]string{
		"host": "smpp.example.net:2775", "port": "65536", "tls": "maybe", "system_type": "thirteen chars", "bind": "both", "from": "A name that is long",
		"source_ton": "7", "dest_npi": "-1", "service_type": "sixsix", "charset": "utf8", "data_coding": "8", "concat": "none", "window": "0x10", "per_second": "NaN",
		"entity_tag": "0x0424", "template_tag": "PE_ID",
		"registered_delivery": "yes", "validity": "long", "message_ids": "odd", "status_reasons": "0x401=nonsense", "system_id": "a\nb",
	}
	for field, v := range wrong {
		_, err := Spec().Make(of(map[string]string{field: v}), deps())
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s %q: %v", field, v, err)
		}
	}
	for field, v := range map[string]string{
		"port": "many", "window": "1001", "per_second": "10001", "status_reasons": "x=unknown", "data_coding": "3", "host": "a b",
		"system_id": strings.Repeat("a", 65),
	} {
		if _, err := Spec().Make(of(map[string]string{field: v}), deps()); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s %q: %v", field, v, err)
		}
	}
	if _, err := Spec().Make(of(map[string]string{"tls": "on", "tls_ca": "none"}), deps()); err == nil || !strings.Contains(err.Error(), "tls_ca") {
		t.Errorf("tls_ca: %v", err)
	}
	_, err := Spec().Make(of(map[string]string{"port": "x", "window": "y"}), deps())
	if err == nil || !strings.Contains(err.Error(), "port") || !strings.Contains(err.Error(), "window") {
		t.Errorf("two at once: %v", err)
	}
	a := of(nil)
	a.Secrets["password"] = secret.New("hunter\t22")
	if _, err := Spec().Make(a, deps()); err == nil || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "hunter") {
		t.Errorf("password: %v", err)
	}
	if _, err := Spec().Make(of(nil), account.Deps{}); err == nil {
		t.Error("no way to dial")
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]Address{
		"":              {0, 0, ""},
		"+447700900123": {1, 1, "447700900123"},
		"447700900123":  {1, 1, "447700900123"},
		"60606":         {3, 0, "60606"},
		"12345678":      {3, 0, "12345678"},
		"Acme":          {5, 0, "Acme"},
		"Acme 24":       {5, 0, "Acme 24"},
		"A1":            {5, 0, "A1"},
	} {
		if got, err := (Types{}).address(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"+", " ", "Acme\x00", "Ärzte", "+1234567890123456", "Twelve chars"} {
		if got, err := (Types{}).address(in); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
	for a, want := range map[Address]string{
		{1, 1, "447700900123"}: "+447700900123", {1, 1, "+447700900123"}: "+447700900123", {0, 0, "447700900123"}: "+447700900123", {1, 0, "4477009"}: "+4477009",
		{0, 1, "07700900123"}: "", {3, 0, "60606"}: "", {5, 0, "Acme"}: "", {1, 1, "44770090012345678"}: "", {2, 1, "7700900123"}: "", {1, 1, ""}: "",
	} {
		if got := a.e164(); got != want {
			t.Errorf("%+v: %q", a, got)
		}
	}
}

// The end of a code's life, in all three ways, at its bounds.
func TestValidity(t *testing.T) {
	for _, tt := range []struct {
		v     Validity
		left  time.Duration
		want  string
		alive bool
	}{
		{ValidityRelative, 10 * time.Minute, "000000001000000R", true},
		{ValidityRelative, 90*time.Second + 999*time.Millisecond, "000000000130000R", true},
		{ValidityRelative, 26*time.Hour + time.Minute + time.Second, "000001020101000R", true},
		{ValidityRelative, 1000 * time.Hour, "000007000000000R", true},
		{ValidityRelative, minLife, "000000000002000R", true},
		{ValidityRelative, minLife - 1, "", false},
		{ValidityRelative, -time.Hour, "", false},
		{ValidityAbsolute, 10 * time.Minute, "261121121000000+", true},
		{ValidityAbsolute, 1000 * time.Hour, "261128120000000+", true},
		{ValidityNone, time.Minute, "", true},
		{ValidityNone, time.Second, "", false},
	} {
		p := &Provider{c: Config{Validity: tt.v, Now: func() time.Time { return epoch }}}
		if got, alive := p.validity(epoch.Add(tt.left)); got != tt.want || alive != tt.alive {
			t.Errorf("%s, %v: %q, %v, not %q", tt.v, tt.left, got, alive, tt.want)
		}
	}
	if got, alive := (&Provider{}).validity(time.Time{}); got != "" || !alive {
		t.Errorf("without an end: %q, %v", got, alive)
	}
}
