package gateway_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

func deps() account.Deps {
	return account.Deps{Client: &http.Client{}, Dial: (&net.Dialer{}).DialContext, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// example is an account with the examples of the fields that are kept.
func example(s account.Spec, keep func(account.Field) bool) account.Account {
	a := account.Account{Name: s.Kind + "-eu", Kind: s.Kind, Settings: map[string]string{}, Secrets: map[string]secret.String{}}
	for _, f := range s.Fields {
		switch {
		case !keep(f):
		case f.Secret:
			a.Secrets[f.Name] = secret.New(secretOf(f))
		default:
			a.Settings[f.Name] = valueOf(f)
		}
	}
	return a
}

// valueOf is a value for a setting: its example, the first of its list, or an address.
func valueOf(f account.Field) string {
	switch {
	case f.Example == "" && len(f.Values) > 0:
		return f.Values[0]
	case f.Example == "" && f.Name == "base_url":
		return "https://api.example.com"
	}
	return f.Example
}

// secretOf is a value for a secret: its example, or one that looks right.
func secretOf(f account.Field) string {
	if f.Example != "" {
		return f.Example
	}
	if strings.Contains(f.Name, "private_key") {
		return privateKey()
	}
	return "c2VjcmV0IGZvciB0ZXN0cyBvbmx5"
}

var privateKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
})

// all keeps the fields that go together: services with two ways to sign have settings that exclude each other.
func all(f account.Field) bool { return f.Name != "callback_secret" }

// Each kind describes itself whole: what a form needs, and examples that make a provider.
func TestSpecs(t *testing.T) {
	kinds, titles := map[string]bool{}, map[string]bool{}
	kindForm, nameForm := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`), regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, s := range gateway.Specs() {
		t.Run(s.Kind, func(t *testing.T) {
			if !kindForm.MatchString(s.Kind) || kinds[s.Kind] || s.Title == "" || titles[s.Title] || s.Receipts == "" || len(s.Channels) == 0 || s.New == nil {
				t.Errorf("not whole, or there twice: %+v", s)
			}
			kinds[s.Kind], titles[s.Title] = true, true
			for _, c := range s.Channels {
				if c != provider.SMS && c != provider.Voice {
					t.Errorf("channel %q", c)
				}
			}
			for _, h := range s.Hosts {
				if u, err := url.Parse("https://" + h); err != nil || u.Host != h {
					t.Errorf("%q is no host", h)
				}
			}
			names := map[string]bool{}
			for _, f := range s.Fields {
				if !nameForm.MatchString(f.Name) || names[f.Name] || valueOf(f) == "" && !f.Secret || !strings.HasSuffix(f.Help, ".") {
					t.Errorf("field %q: a name in snake_case, once, with an example and a sentence of help: %+v", f.Name, f)
				}
				names[f.Name] = true
			}
			p, err := s.Make(example(s, all), deps())
			if err != nil {
				t.Fatalf("the examples make no provider: %v", err)
			}
			if p.Name() != s.Kind {
				t.Errorf("the provider's name is %q", p.Name())
			}
			if got, ok := gateway.Spec(s.Kind); !ok || got.Kind != s.Kind {
				t.Error("not found by its name")
			}
			if c, ok := p.(io.Closer); ok {
				c.Close()
			}
		})
	}
	if _, ok := gateway.Spec("pigeon"); ok {
		t.Error("there is a pigeon")
	}
}

// What is wrong is said with the field's name, and no secret is repeated.
func TestRefused(t *testing.T) {
	for _, s := range gateway.Specs() {
		t.Run(s.Kind, func(t *testing.T) {
			for _, f := range s.Fields {
				if !f.Required {
					continue
				}
				a := example(s, func(o account.Field) bool { return o.Name != f.Name })
				refused(t, s, a, f.Name)
				if f.Secret {
					a.Secrets[f.Name] = secret.New("")
				} else {
					a.Settings[f.Name] = ""
				}
				refused(t, s, a, f.Name)
			}
			for _, f := range s.Fields {
				if len(f.Values) > 0 {
					a := example(s, all)
					a.Settings[f.Name] = "something else"
					refused(t, s, a, f.Name)
				}
				if f.Secret { // where it would be shown
					a := example(s, func(o account.Field) bool { return o.Name != f.Name })
					a.Settings[f.Name] = secretOf(f)
					refused(t, s, a, f.Name)
				}
				if f.Name == "base_url" {
					a := example(s, all)
					a.Settings[f.Name] = "ftp://example.com/x?y"
					refused(t, s, a, f.Name)
				}
			}
			a := example(s, all)
			a.Settings["colour"] = "red"
			refused(t, s, a, "colour")
			a = example(s, all)
			a.Secrets["password_of_the_cat"] = secret.New("x")
			refused(t, s, a, "password_of_the_cat")
		})
	}
}

func refused(t *testing.T, s account.Spec, a account.Account, field string) {
	t.Helper()
	_, err := s.Make(a, deps())
	if err == nil || !strings.Contains(err.Error(), field) {
		t.Errorf("%s: %v", field, err)
		return
	}
	for _, f := range s.Fields {
		if f.Secret && strings.Contains(err.Error(), secretOf(f)) {
			t.Errorf("%s is in %v", f.Name, err)
		}
	}
}
