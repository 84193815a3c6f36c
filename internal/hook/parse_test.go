package hook_test

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/hook"
)

// FuzzParseExport: whatever comes in, what is taken for an export can be imported or is refused by name, and nothing panics.
func FuzzParseExport(f *testing.F) {
	f.Add([]byte(`{"name":"a","script":"exports","enabled":"true","secrets":["A"]}`), "")
	f.Add([]byte(`{"name":"a","triggerId":"post-change-password","dependencies":{"a":"1"},"secrets":{"A":"_VALUE_NOT_SHOWN_"}}`), "exports")
	f.Add([]byte(`{"secrets":{"A":1}}`), "")
	f.Fuzz(func(t *testing.T, data []byte, script string) {
		e, err := hook.ParseExport(data, script)
		if err != nil {
			return
		}
		if e.TriggerID == "" || script != "" && e.Script != script {
			t.Errorf("%+v", e)
		}
	})
}

// BenchmarkSender is a message's way to the runner and back: what a hook costs over its own time.
func BenchmarkSender(b *testing.B) {
	e := sqlite(b, func(c *hook.Config) { c.Now = time.Now })
	if _, _, err := e.CreateHook(b.Context(), poolA, &hook.NewHook{Name: "phone", TriggerID: hook.SendPhoneMessage, Script: sends, Enabled: true}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, ok, err := e.Sender(b.Context(), poolA, hook.PhoneHook)
		if !ok || err != nil {
			b.Fatal(ok, err)
		}
		if _, _, err := s.Send(b.Context(), text()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestVersionsInTemplates(t *testing.T) {
	e := sqlite(t)
	h := e.hook("a name", "x = `require('a@1.0.0')`; exports = require(`b@2.x`)", nil)
	a, err := e.HookAsAction(t.Context(), poolA, h.ID)
	want(t, err, "")
	if !strings.Contains(a.Code, "require(`b`)") || len(a.Dependencies) != 2 {
		t.Errorf("%+v", a)
	}
}
