package pool

import (
	"slices"
	"strings"
	"testing"

	"countersign/internal/store"
)

func TestLanguage(t *testing.T) {
	locales := []string{"en", "de", "pt-BR", "zh-Hant-TW"}
	for _, c := range []struct{ asked, last, want string }{
		{"", "", "en"}, {"de", "", "de"}, {"DE-at", "", "de"}, {"pt", "", "pt-BR"}, {"pt-PT", "", "pt-BR"}, {"pt_BR", "", "pt-BR"}, {"fr", "", "en"},
		{"fr", "de", "de"}, {"en;q=0.1, de;q=0.9", "", "de"}, {"fr, de;q=0.5, en;q=0.7", "", "en"}, {"*", "", "en"}, {"de;q=0", "", "en"},
		{"de;q=x", "", "en"}, {"de;q=NaN", "", "en"}, {";;;,,,", "pt-BR", "pt-BR"}, {"zh", "", "zh-Hant-TW"}, {strings.Repeat("xx,", 100) + "de", "", "en"},
	} {
		tn := &tenant{cfg: &Config{Tenant: &TenantConfig{Locales: locales}}}
		u := &store.User{Meta: &store.Meta{Language: c.last}}
		if got := tn.language(Caller{Language: c.asked}, u); got != c.want {
			t.Errorf("%q, last %q: %s, want %s", c.asked, c.last, got, c.want)
		}
	}
	if got := (&tenant{cfg: &Config{}}).language(Caller{Language: "de"}, nil); got != "en" {
		t.Errorf("without locales: %s", got)
	}
}

// Whatever a header holds, the language is one of the pool's.
func FuzzLanguage(f *testing.F) {
	f.Add("de-AT;q=0.8, en;q=0.1")
	f.Add(";q=1,,-")
	locales := []string{"en", "pt-BR"}
	tn := &tenant{cfg: &Config{Tenant: &TenantConfig{Locales: locales}}}
	f.Fuzz(func(t *testing.T, header string) {
		if got := tn.language(Caller{Language: header}, nil); !slices.Contains(locales, got) {
			t.Errorf("%q", got)
		}
		if n := len(accepted(header)); n > maxLanguages {
			t.Errorf("%d languages", n)
		}
	})
}
