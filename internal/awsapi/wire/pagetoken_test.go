package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

var pageScope = wire.PageScope{Operation: "ListUsers", Pool: "us-local-1_a", Filter: `status = "Enabled"`}

func pageTokens(t testing.TB, fill byte) *wire.PageTokens {
	t.Helper()
	p, err := wire.NewPageTokens(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPageTokenReturns(t *testing.T) {
	p := pageTokens(t, 1)
	for _, cursor := range []string{"", "0", strings.Repeat("x", 1024)} {
		token, err := p.Seal(pageScope, []byte(cursor))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Open(pageScope, token)
		if err != nil || string(got) != cursor {
			t.Errorf("got %q, %v", got, err)
		}
		if len(cursor) > 10 && strings.Contains(token, "xxxx") {
			t.Error("the cursor can be read")
		}
	}
	if _, err := p.Seal(pageScope, make([]byte, 1025)); fault.CodeOf(err) != fault.InternalError {
		t.Errorf("an oversized cursor: %v", err)
	}
}

func TestPageTokenIsBound(t *testing.T) {
	token, err := pageTokens(t, 1).Seal(pageScope, []byte("cursor"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(f func(*wire.PageScope)) wire.PageScope { s := pageScope; f(&s); return s }
	tests := map[string]struct {
		key   byte
		scope wire.PageScope
		token string
	}{
		"another key":       {2, pageScope, token},
		"another operation": {1, with(func(s *wire.PageScope) { s.Operation = "ListGroups" }), token},
		"another pool":      {1, with(func(s *wire.PageScope) { s.Pool = "us-local-1_b" }), token},
		"another filter":    {1, with(func(s *wire.PageScope) { s.Filter = "" }), token},
		"shifted fields":    {1, wire.PageScope{Operation: "ListUsersu", Pool: "s-local-1_a", Filter: pageScope.Filter}, token},
		"cut":               {1, pageScope, token[:len(token)-2]},
		"longer":            {1, pageScope, token + "AA"},
		"empty":             {1, pageScope, ""},
		"no base64":         {1, pageScope, "' OR 1=1 --"},
		"huge":              {1, pageScope, strings.Repeat("A", 200000)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := pageTokens(t, tt.key).Open(tt.scope, tt.token)
			if fault.CodeOf(err) != fault.InvalidParameter || fault.Of(err).Public != "Invalid pagination token" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzPageToken(f *testing.F) {
	p := wire.EphemeralPageTokens() // each fuzzing process has its own key, so that seeds of another are forgeries
	good, _ := p.Seal(pageScope, []byte("cursor"))
	f.Add(good)
	f.Add("AQ")
	f.Add(strings.Repeat("A", 60))
	f.Fuzz(func(t *testing.T, token string) {
		if cursor, err := p.Open(pageScope, token); err == nil && token != good {
			t.Errorf("a forged token opens: %q", cursor)
		}
	})
}

func TestPageTokenKey(t *testing.T) {
	if _, err := wire.NewPageTokens(make([]byte, 16)); err == nil {
		t.Error("a short key is accepted")
	}
}
