package docs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

var fieldsMarker = regexp.MustCompile(`(?s)<!-- fields: ([\w-]+) -->\n(.*?)\n\n`)

// providers.md shows the settings of each kind as the program knows them, and nothing that it does not know.
func TestProvidersShowTheSettings(t *testing.T) {
	text := page(t, "providers.md") + "\n\n"
	shown := map[string]string{}
	for _, m := range fieldsMarker.FindAllStringSubmatch(text, -1) {
		shown[m[1]] = m[2]
	}
	for _, s := range gateway.Specs() {
		if want := fieldTable(s); shown[s.Kind] != want {
			t.Errorf("providers.md must show after <!-- fields: %s -->\n%s", s.Kind, want)
		}
		if !strings.Contains(text, "\n## `"+s.Kind+"`: "+s.Title+"\n") {
			t.Errorf("providers.md has no section %q", s.Title)
		}
		delete(shown, s.Kind)
	}
	for kind := range shown {
		t.Errorf("providers.md describes %s, which no longer exists", kind)
	}
}

func fieldTable(s account.Spec) string {
	rows := []string{"| Setting | | Meaning | Example |", "| --- | --- | --- | --- |"}
	for _, f := range s.Fields {
		var marks []string
		if f.Secret {
			marks = append(marks, "secret")
		}
		if f.Required {
			marks = append(marks, "required")
		}
		help, example := f.Help, f.Example
		if len(f.Values) > 0 {
			help += " `" + strings.Join(f.Values, "`, `") + "`"
		}
		if example != "" {
			example = "`" + example + "`"
		}
		rows = append(rows, strings.Join([]string{"| `" + f.Name + "`", strings.Join(marks, ", "), strings.ReplaceAll(help, "|", `\|`), example}, " | ")+" |")
	}
	return strings.Join(rows, "\n")
}

var overview = regexp.MustCompile("(?m)^\\| \\[`([\\w-]+)`\\]\\(#[\\w-]+\\) \\| (.*) \\|$")

// The table at the top says what providers can do, as the gateways do it.
func TestProvidersShowWhatTheyDo(t *testing.T) {
	rows := map[string][]string{}
	for _, m := range overview.FindAllStringSubmatch(page(t, "providers.md"), -1) {
		for _, cell := range strings.Split(m[2], "|") {
			rows[m[1]] = append(rows[m[1]], strings.TrimSpace(cell))
		}
	}
	for _, s := range gateway.Specs() {
		row := rows[s.Kind]
		if len(row) != 4 {
			t.Errorf("%s: the row has %d cells", s.Kind, len(row))
			continue
		}
		p := whole(t, s)
		caller, keyed := p.(provider.KeyedCaller)
		_, maker := p.(provider.CodeMaker)
		_, told := p.(provider.Feedback)
		_, asked := p.(provider.Poller)
		reads, called := p.(provider.CallbackReader)
		calls := ""
		switch {
		case maker:
			calls = "its own codes"
		case len(s.Channels) < 2:
		case keyed && caller.AskKey():
			calls = "yes, with a key"
		default:
			calls = "without a key"
		}
		if row[1] != calls {
			t.Errorf("%s: calls are %q, not %q", s.Kind, calls, row[1])
		}
		if (row[3] == "yes") != told {
			t.Errorf("%s: told of typed codes is %v", s.Kind, told)
		}
		if strings.Contains(row[2], "can be asked") != asked {
			t.Errorf("%s: can be asked is %v", s.Kind, asked)
		}
		if strings.Contains(row[2], "unsigned") != (called && !reads.Signed()) {
			t.Errorf("%s: %q, with all that can be set up", s.Kind, row[2])
		}
	}
}

// whole makes a provider with all that can be set up.
func whole(t *testing.T, s account.Spec) provider.Provider {
	t.Helper()
	a := account.Account{Name: "a", Kind: s.Kind, Settings: map[string]string{}, Secrets: map[string]secret.String{}}
	for _, f := range s.Fields {
		value := f.Example
		switch {
		case f.Name == "callback_secret" || f.Name == "base_url": // the first excludes another way to sign
			continue
		case f.Name == "private_key":
			value = privateKey(t)
		case value == "" && len(f.Values) > 0:
			value = f.Values[0]
		case value == "":
			value = "c2VjcmV0IGZvciB0ZXN0cyBvbmx5"
		}
		if f.Secret {
			a.Secrets[f.Name] = secret.New(value)
		} else {
			a.Settings[f.Name] = value
		}
	}
	p, err := s.Make(a, account.Deps{Client: &http.Client{}, Dial: (&net.Dialer{}).DialContext, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("%s: %v", s.Kind, err)
	}
	if c, ok := p.(io.Closer); ok {
		c.Close()
	}
	return p
}

func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}
