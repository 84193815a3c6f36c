package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/token"
	"countersign/internal/token/tokentest"
)

const (
	pool   = "us-local-1_test"
	issuer = "http://localhost:7446/us-local-1_test"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// clock is a movable Now.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: start} }

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); c.t = c.t.Add(d); c.mu.Unlock() }

// node is one server among those that share a store and a vault.
type node struct {
	*token.Keys
	clock *clock
	store *tokentest.Memory
}

func newNode(t testing.TB, alg token.Alg) node {
	c, s := newClock(), &tokentest.Memory{}
	k := token.New(token.Config{Store: s, Vault: keyringtest.New(t, pool, "other"), Now: c.Now,
		Algorithm: func(context.Context, string) (token.Alg, error) { return alg, nil }})
	t.Cleanup(func() { k.Close() })
	return node{k, c, s}
}

type claims = map[string]any

func accessClaims(now time.Time) claims {
	return claims{"sub": "0b6d3c1e-0000-7000-8000-000000000001", "iss": issuer, "client_id": "c1", "token_use": "access",
		"scope": "aws.cognito.signin.user.admin openid", "username": "u1", "jti": "j1", "origin_jti": "o1", "event_id": "e1",
		"device_key": "d1", "cognito:groups": []string{"admins", "users"}, "auth_time": now.Unix() - 60, "iat": now.Unix(), "exp": now.Unix() + 3600}
}

func (n node) sign(t testing.TB, use token.Use, c any) string {
	t.Helper()
	tok, err := n.Sign(t.Context(), pool, use, c)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (n node) verify(t testing.TB, tok string) (token.Claims, error) {
	t.Helper()
	return n.Verify(t.Context(), pool, token.Access, tok, token.Expect{Issuers: []string{issuer}})
}

func wantCode(t *testing.T, what string, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("%s: got %v, want %q", what, err, code)
	}
}

// A strict JWT library that knows nothing but our JWKS accepts our tokens.
func TestGoJoseAcceptsOurTokens(t *testing.T) {
	for _, alg := range []token.Alg{token.RS256, token.ES256} {
		n := newNode(t, alg)
		doc, etag, err := n.JWKS(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(doc, &set); err != nil || len(set.Keys) != 2 {
			t.Fatalf("%s: %d keys, %v in %s", alg, len(set.Keys), err, doc)
		}
		if len(etag) < 10 || etag[0] != '"' {
			t.Errorf("etag %s", etag)
		}
		kids := map[token.Use]string{}
		for _, use := range []token.Use{token.ID, token.Access} {
			in := accessClaims(start)
			tok := n.sign(t, use, in)
			parsed, err := jwt.ParseSigned(tok, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatal(err)
			}
			kids[use] = parsed.Headers[0].KeyID
			keys := set.Key(kids[use])
			if len(keys) != 1 || keys[0].Use != "sig" || keys[0].Algorithm != string(alg) || !keys[0].Valid() || !keys[0].IsPublic() {
				t.Fatalf("%s: keys for %q: %+v", alg, kids[use], keys)
			}
			var out claims
			if err := parsed.Claims(keys[0].Key, &out); err != nil {
				t.Fatalf("%s: go-jose refuses: %v", alg, err)
			}
			want, _ := json.Marshal(in)
			got, _ := json.Marshal(out)
			if string(want) != string(got) {
				t.Errorf("claims became %s, want %s", got, want)
			}
		}
		if kids[token.ID] == kids[token.Access] {
			t.Error("ID and access tokens share a key")
		}
		for _, kid := range kids {
			if raw, err := base64.StdEncoding.DecodeString(kid); err != nil || len(raw) != 32 {
				t.Errorf("kid %q is not the base64 of 32 bytes", kid)
			}
		}
	}
}

func TestJWKSMembers(t *testing.T) {
	for alg, want := range map[token.Alg]string{
		token.RS256: "alg e kid kty n use", token.ES256: "alg crv kid kty use x y",
	} {
		doc, _, err := newNode(t, alg).JWKS(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal(doc, &set); err != nil {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			var names []string
			for name := range k {
				names = append(names, name)
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != want || k["use"] != "sig" || alg == token.RS256 && k["e"] != "AQAB" {
				t.Errorf("%s: %s, want %s", doc, got, want)
			}
		}
	}
}

func TestVerifyReadsClaims(t *testing.T) {
	n := newNode(t, token.ES256)
	for range 2 { // the second from the cache
		got, err := n.verify(t, n.sign(t, token.Access, accessClaims(start)))
		if err != nil {
			t.Fatal(err)
		}
		if got.Subject != "0b6d3c1e-0000-7000-8000-000000000001" || got.Issuer != issuer || got.ClientID != "c1" || got.Username != "u1" ||
			got.ID != "j1" || got.OriginJTI != "o1" || got.EventID != "e1" || got.DeviceKey != "d1" || got.TokenUse != "access" ||
			!slices.Equal(got.Groups, []string{"admins", "users"}) || !got.AuthTime.Equal(start.Add(-time.Minute)) ||
			!got.IssuedAt.Equal(start) || !got.ExpiresAt.Equal(start.Add(time.Hour)) || got.KeyID == "" {
			t.Errorf("%+v", got)
		}
		if !got.HasScope("openid") || !got.HasScope("aws.cognito.signin.user.admin") || got.HasScope("open") || got.HasScope("") || got.HasScope("openid ") {
			t.Error("HasScope is wrong")
		}
		var all claims
		if err := got.Decode(&all); err != nil || all["event_id"] != "e1" {
			t.Errorf("Decode: %v, %v", all, err)
		}
	}
	id := claims{"aud": "c9", "token_use": "id", "cognito:username": "u2", "nonce": "n", "exp": start.Unix() + 1}
	got, err := n.Verify(t.Context(), pool, token.ID, n.sign(t, token.ID, id), token.Expect{ClientID: "c9"})
	if err != nil || got.ClientID != "c9" || got.Username != "u2" || got.Nonce != "n" || !slices.Equal(got.Audience, []string{"c9"}) {
		t.Errorf("ID token: %+v, %v", got, err)
	}
	id["aud"] = []string{"api", "c8"}
	got, err = n.Verify(t.Context(), pool, token.ID, n.sign(t, token.ID, id), token.Expect{ClientID: "c8"})
	if err != nil || len(got.Audience) != 2 {
		t.Errorf("ID token with two audiences: %+v, %v", got, err)
	}
}

func TestVerifyExpectations(t *testing.T) {
	n := newNode(t, token.ES256)
	ctx := t.Context()
	tok := n.sign(t, token.Access, accessClaims(start))
	idTok := n.sign(t, token.ID, claims{"token_use": "id", "iss": issuer, "aud": "c1", "exp": start.Unix() + 3600})
	for name, c := range map[string]struct {
		pool string
		use  token.Use
		tok  string
		want token.Expect
		code fault.Code
	}{
		"good":                  {pool, token.Access, tok, token.Expect{Issuers: []string{"http://x", issuer}, ClientID: "c1"}, ""},
		"no demands":            {pool, token.Access, tok, token.Expect{}, ""},
		"other issuer":          {pool, token.Access, tok, token.Expect{Issuers: []string{issuer + "/"}}, fault.AccessTokenInvalid},
		"other client":          {pool, token.Access, tok, token.Expect{ClientID: "c2"}, fault.AccessTokenInvalid},
		"other pool":            {"other", token.Access, tok, token.Expect{}, fault.AccessTokenInvalid},
		"unknown pool":          {"nobody", token.Access, tok, token.Expect{}, fault.AccessTokenInvalid},
		"access as ID":          {pool, token.ID, tok, token.Expect{NoTokenUse: true}, fault.AccessTokenInvalid},
		"ID as access":          {pool, token.Access, idTok, token.Expect{NoTokenUse: true}, fault.AccessTokenInvalid},
		"ID":                    {pool, token.ID, idTok, token.Expect{ClientID: "c1"}, ""},
		"wrong use in claims":   {pool, token.Access, n.sign(t, token.Access, claims{"token_use": "id", "exp": start.Unix() + 9}), token.Expect{}, fault.AccessTokenInvalid},
		"no token_use":          {pool, token.Access, n.sign(t, token.Access, claims{"exp": start.Unix() + 9}), token.Expect{}, fault.AccessTokenInvalid},
		"no token_use, allowed": {pool, token.Access, n.sign(t, token.Access, claims{"exp": start.Unix() + 9}), token.Expect{NoTokenUse: true}, ""},
	} {
		for range 2 { // from the cache too
			_, err := n.Verify(ctx, c.pool, c.use, c.tok, c.want)
			wantCode(t, name, err, c.code)
		}
	}
}

func TestVerifyTimes(t *testing.T) {
	n := newNode(t, token.ES256)
	tok := n.sign(t, token.Access, accessClaims(start)) // an hour
	n.clock.add(time.Hour - time.Second)
	_, err := n.verify(t, tok)
	wantCode(t, "a second before exp", err, "")
	n.clock.add(time.Second)
	_, err = n.verify(t, tok)
	wantCode(t, "at exp, verified before", err, fault.AccessTokenExpired)
	if _, err = n.Verify(t.Context(), pool, token.Access, tok, token.Expect{AllowExpired: true}); err != nil {
		t.Errorf("AllowExpired: %v", err)
	}
	// A bad token does not become merely expired.
	_, err = n.verify(t, tok[:len(tok)-4]+"AAAA")
	wantCode(t, "expired and forged", err, fault.AccessTokenInvalid)

	now := n.clock.Now().Unix()
	for name, c := range map[string]struct {
		c    string
		code fault.Code
	}{
		"no exp":            {`{"token_use":"access"}`, fault.AccessTokenInvalid},
		"exp in upper case": {fmt.Sprintf(`{"token_use":"access","EXP":%d}`, now+60), fault.AccessTokenInvalid},
		"EXP does not count": {fmt.Sprintf(`{"token_use":"access","exp":%d,"EXP":%d}`, now-60, now+60),
			fault.AccessTokenExpired},
		"exp a string":  {fmt.Sprintf(`{"token_use":"access","exp":"%d"}`, now+60), fault.AccessTokenInvalid},
		"exp fraction":  {fmt.Sprintf(`{"token_use":"access","exp":%d.5}`, now+60), fault.AccessTokenInvalid},
		"exp negative":  {`{"token_use":"access","exp":-1}`, fault.AccessTokenInvalid},
		"exp too large": {`{"token_use":"access","exp":9223372036854775807}`, fault.AccessTokenInvalid},
		"exp null":      {`{"token_use":"access","exp":null}`, fault.AccessTokenExpired},
		"nbf far":       {fmt.Sprintf(`{"token_use":"access","exp":%d,"nbf":%d}`, now+600, now+120), fault.AccessTokenInvalid},
		"nbf near":      {fmt.Sprintf(`{"token_use":"access","exp":%d,"nbf":%d}`, now+600, now+30), ""},
		"not an object": {`["access"]`, fault.AccessTokenInvalid},
		"not JSON":      {`{"token_use":`, fault.AccessTokenInvalid},
		"groups wrong":  {fmt.Sprintf(`{"token_use":"access","exp":%d,"cognito:groups":"a"}`, now+60), fault.AccessTokenInvalid},
	} {
		_, err := n.Verify(t.Context(), pool, token.Access, n.sign(t, token.Access, json.RawMessage(c.c)), token.Expect{})
		wantCode(t, name, err, c.code)
	}
}

func seg(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// Forgeries that beat real libraries.
func TestVerifyRefusesForgeries(t *testing.T) {
	for _, alg := range []token.Alg{token.RS256, token.ES256} {
		n := newNode(t, alg)
		tok := n.sign(t, token.Access, accessClaims(start))
		part := strings.Split(tok, ".")
		var head struct{ Kid, Alg string }
		raw, _ := base64.RawURLEncoding.DecodeString(part[0])
		if err := json.Unmarshal(raw, &head); err != nil || head.Alg != string(alg) {
			t.Fatal(err, head)
		}
		doc, _, _ := n.JWKS(t.Context(), pool)
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(doc, &set); err != nil {
			t.Fatal(err)
		}
		hs := func(header string, key []byte) string {
			in := seg(header) + "." + part[1]
			m := hmac.New(sha256.New, key)
			m.Write([]byte(in))
			return in + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
		}
		var pub []byte
		switch p := set.Key(head.Kid)[0].Key.(type) {
		case *rsa.PublicKey:
			pub = p.N.Bytes()
		case *ecdsa.PublicKey:
			pub, _ = p.Bytes()
		}
		kid := `"kid":"` + head.Kid + `"`
		sigLen := len(part[2])
		evil := strings.Replace(string(decode(t, part[1])), `"u1"`, `"root"`, 1)
		for name, bad := range map[string]string{
			"alg none":             seg(`{`+kid+`,"alg":"none"}`) + "." + part[1] + ".",
			"alg nOnE":             seg(`{`+kid+`,"alg":"nOnE"}`) + "." + part[1] + "." + part[2],
			"no signature":         part[0] + "." + part[1] + ".",
			"HS256 by public key":  hs(`{`+kid+`,"alg":"HS256"}`, pub),
			"HS256, our header":    hs(string(raw), pub),
			"members swapped":      seg(`{"alg":"`+head.Alg+`",`+kid+`}`) + "." + part[1] + "." + part[2],
			"jwk in header":        seg(`{`+kid+`,"alg":"`+head.Alg+`","jwk":{}}`) + "." + part[1] + "." + part[2],
			"unknown kid":          seg(`{"kid":"x","alg":"`+head.Alg+`"}`) + "." + part[1] + "." + part[2],
			"no kid":               seg(`{"alg":"`+head.Alg+`"}`) + "." + part[1] + "." + part[2],
			"claims changed":       part[0] + "." + seg(evil) + "." + part[2],
			"zero signature":       part[0] + "." + part[1] + "." + strings.Repeat("A", sigLen),
			"short signature":      part[0] + "." + part[1] + "." + part[2][:sigLen-4],
			"long signature":       tok + "AAAA",
			"padding":              tok + "=",
			"plain base64":         part[0] + "." + part[1] + "." + "+/" + part[2][2:],
			"line break in sig":    part[0] + "." + part[1] + "." + part[2][:8] + "\n" + part[2][8:],
			"line break in claims": part[0] + "." + part[1][:8] + "\n" + part[1][8:] + "." + part[2],
			"four parts":           tok + "." + part[2],
			"two parts":            part[0] + "." + part[1],
			"one part":             part[0],
			"empty":                "",
			"dots":                 "...",
			"space before":         " " + tok,
			"space after":          tok + " ",
			"Bearer":               "Bearer " + tok,
			"endless":              part[0] + "." + strings.Repeat("A", token.MaxSize) + "." + part[2],
			"endless header":       strings.Repeat("A", 10<<20),
		} {
			_, err := n.verify(t, bad)
			wantCode(t, string(alg)+" "+name, err, fault.AccessTokenInvalid)
		}
		for i := range tok {
			bad := []byte(tok)
			bad[i] ^= 1
			if _, err := n.verify(t, string(bad)); fault.CodeOf(err) != fault.AccessTokenInvalid {
				t.Fatalf("%s: byte %d changed: %v", alg, i, err)
			}
		}
		if _, err := n.verify(t, tok); err != nil {
			t.Errorf("the good token: %v", err)
		}
	}
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Our own signature checked with the plain primitives, from the JWKS alone.
func TestSignatureByHand(t *testing.T) {
	n := newNode(t, token.ES256)
	tok := n.sign(t, token.Access, accessClaims(start))
	dot := strings.LastIndexByte(tok, '.')
	sig := decode(t, tok[dot+1:])
	doc, _, _ := n.JWKS(t.Context(), pool)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(doc, &set); err != nil {
		t.Fatal(err)
	}
	var head struct{ Kid string }
	if err := json.Unmarshal(decode(t, tok[:strings.IndexByte(tok, '.')]), &head); err != nil {
		t.Fatal(err)
	}
	pub := set.Key(head.Kid)[0].Key.(*ecdsa.PublicKey)
	sum := sha256.Sum256([]byte(tok[:dot]))
	if len(sig) != 64 || !ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Error("the signature is not r ‖ s over header.payload")
	}
}

func TestSignRefuses(t *testing.T) {
	n := newNode(t, token.ES256)
	for name, c := range map[string]any{
		"string": "x", "null": nil, "channel": make(chan int), "too large": claims{"x": strings.Repeat("y", token.MaxSize)},
	} {
		if tok, err := n.Sign(t.Context(), pool, token.Access, c); err == nil {
			t.Errorf("%s: signed %.40s", name, tok)
		}
	}
	if _, err := n.Sign(t.Context(), pool, "refresh", claims{}); err == nil {
		t.Error("signed for an unknown use")
	}
	if _, err := n.Sign(t.Context(), "nobody", token.ID, claims{}); err == nil {
		t.Error("signed for a pool without a keyring")
	}
}

func TestAtHash(t *testing.T) {
	// Example of OpenID Connect Core 1.0, appendix A.3.
	const at, want = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"
	if got := token.AtHash(at); got != want {
		t.Errorf("AtHash = %s, want %s", got, want)
	}
}

func TestDiscovery(t *testing.T) {
	var doc claims
	d := token.Discovery{Issuer: "https://id.example/", AuthorizationEndpoint: "https://id.example/authorize"}
	if err := json.Unmarshal(d.JSON(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["issuer"] != "https://id.example/" || doc["jwks_uri"] != "https://id.example/.well-known/jwks.json" {
		t.Errorf("%v", doc)
	}
	for _, required := range []string{"authorization_endpoint", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} {
		if doc[required] == nil {
			t.Errorf("%s is missing", required)
		}
	}
	if _, there := doc["userinfo_endpoint"]; there {
		t.Error("an empty endpoint is published")
	}
}

// TestDiscoveryPromisesOnlyWhatExists: without endpoints there is no grant, and no default of a left-out list says otherwise.
func TestDiscoveryPromisesOnlyWhatExists(t *testing.T) {
	text := string(token.Discovery{Issuer: "https://id.example/p"}.JSON())
	for _, absent := range []string{"authorization", "token_endpoint", "code_challenge", "refresh_token", "scopes_supported"} {
		if strings.Contains(text, absent) {
			t.Errorf("%s is promised: %s", absent, text)
		}
	}
	for _, want := range []string{`"grant_types_supported":[]`, `"response_types_supported":[]`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing: %s", want, text)
		}
	}
	text = string(token.Discovery{Issuer: "https://id.example/p", AuthorizationEndpoint: "https://id.example/a", TokenEndpoint: "https://id.example/t"}.JSON())
	for _, want := range []string{`"grant_types_supported":["authorization_code","refresh_token"]`, `"response_types_supported":["code"]`, `["S256"]`, "client_secret_basic"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing: %s", want, text)
		}
	}
}

func FuzzVerify(f *testing.F) {
	n := newNode(f, token.ES256)
	good := n.sign(f, token.Access, accessClaims(start))
	f.Add(good)
	f.Add(n.sign(f, token.ID, claims{"exp": 1}))
	f.Add(n.sign(f, token.Access, json.RawMessage(`{"exp":null}`)))
	f.Add("..")
	f.Add("")
	f.Fuzz(func(t *testing.T, tok string) {
		c, err := n.Verify(t.Context(), pool, token.Access, tok, token.Expect{})
		if err == nil {
			if tok != good {
				t.Fatalf("%q was accepted as %+v", tok, c)
			}
			return
		}
		if code := fault.CodeOf(err); code != fault.AccessTokenInvalid && code != fault.AccessTokenExpired {
			t.Fatalf("%q: %v", tok, err)
		}
	})
}

func benchSign(b *testing.B, alg token.Alg) {
	n := newNode(b, alg)
	c := accessClaims(start)
	n.sign(b, token.Access, c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Sign(b.Context(), pool, token.Access, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignRS256(b *testing.B) { benchSign(b, token.RS256) }
func BenchmarkSignES256(b *testing.B) { benchSign(b, token.ES256) }

func benchVerify(b *testing.B, alg token.Alg, cached bool) {
	n := newNode(b, alg)
	toks := []string{n.sign(b, token.Access, accessClaims(start))}
	if !cached { // more tokens than are remembered
		for i := range 6000 {
			if alg == token.RS256 && i > 500 {
				break
			}
			c := accessClaims(start)
			c["jti"] = fmt.Sprint(i)
			toks = append(toks, n.sign(b, token.Access, c))
		}
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if !cached && i%len(toks) == 0 {
			n.Forgotten()
		}
		if _, err := n.Verify(b.Context(), pool, token.Access, toks[i%len(toks)], token.Expect{}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkVerifyCached(b *testing.B)        { benchVerify(b, token.RS256, true) }
func BenchmarkVerifyUncachedRS256(b *testing.B) { benchVerify(b, token.RS256, false) }
func BenchmarkVerifyUncachedES256(b *testing.B) { benchVerify(b, token.ES256, false) }
