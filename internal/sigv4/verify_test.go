package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"countersign/internal/fault"
)

const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newVerifier() *Verifier {
	return &Verifier{
		Now: func() time.Time { return testTime },
		Lookup: func(_ context.Context, id string) (string, error) {
			if id != testKey {
				return "", fault.New(fault.AccessKeyUnknown)
			}
			return testSecret, nil
		},
	}
}

// request is what a client is about to send.
func request(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ListUsers")
	return r
}

// sign signs as the AWS SDK does.
func sign(t testing.TB, r *http.Request, body, service string, at time.Time) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hex.EncodeToString(sum[:]), service, "us-local-1", at); err != nil {
		t.Fatal(err)
	}
}

// received is r as a server sees it: it goes over a real connection.
func received(t testing.TB, r *http.Request, body string) *http.Request {
	t.Helper()
	var got *http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		_, _ = io.ReadAll(in.Body)
		got = in
	}))
	defer srv.Close()
	if r.Host == "" {
		r.Host = r.URL.Host // signed for this name
	}
	r.URL.Host = strings.TrimPrefix(srv.URL, "http://")
	r.Body = io.NopCloser(strings.NewReader(body))
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return got
}

func TestVerifyAcceptsTheSDKsSignature(t *testing.T) {
	tests := map[string]struct{ method, target, body string }{
		"json":           {"POST", "http://localhost:7446/", `{"UserPoolId":"us-local-1_a"}`},
		"empty body":     {"POST", "http://localhost:7446/", ""},
		"query":          {"GET", "http://localhost:7446/2015-03-31/functions?MaxItems=2&Marker=a%2Bb%20c&Marker=B&Flag", ""},
		"encoded path":   {"POST", "http://localhost:7446/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-local-1%3A000000000000%3Afunction%3Af/invocations", "{}"},
		"unicode target": {"GET", "http://localhost:7446/a%20b/%C3%A9?x=%E2%82%AC", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := request(t, tt.method, tt.target, tt.body)
			r.Header.Set("X-Amz-Meta-Spaces", "  a   b  c ")
			sign(t, r, tt.body, "cognito-idp", testTime)
			id, err := newVerifier().Verify(t.Context(), received(t, r, tt.body), []byte(tt.body), "cognito-idp")
			if err != nil {
				t.Fatal(err)
			}
			if want := (Identity{testKey, "us-local-1", "cognito-idp"}); id != want {
				t.Errorf("got %+v, want %+v", id, want)
			}
		})
	}
}

// The example of the AWS documentation "Create a signed AWS API request" (iam ListUsers, 2015-08-30).
func TestVerifyDocumentedExample(t *testing.T) {
	r := httptest.NewRequest("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "+
		"SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
	v := newVerifier()
	v.Now = func() time.Time { return time.Date(2015, 8, 30, 12, 40, 0, 0, time.UTC) }
	if _, err := v.Verify(t.Context(), r, nil, "iam"); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	const body = `{"UserPoolId":"us-local-1_a"}`
	signed := func(at time.Time, service string) func(testing.TB) *http.Request {
		return func(t testing.TB) *http.Request {
			r := request(t, "POST", "http://localhost:7446/", body)
			sign(t, r, body, service, at)
			return r
		}
	}
	good := signed(testTime, "cognito-idp")
	edit := func(f func(*http.Request)) func(testing.TB) *http.Request {
		return func(t testing.TB) *http.Request { r := good(t); f(r); return r }
	}
	replace := func(from, to string) func(testing.TB) *http.Request {
		return edit(func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		})
	}
	tests := map[string]struct {
		make func(testing.TB) *http.Request
		body string
		code fault.Code
	}{
		"no signature":          {func(t testing.TB) *http.Request { return request(t, "POST", "http://localhost/", body) }, body, fault.Unauthenticated},
		"another body":          {good, `{"UserPoolId":"us-local-1_b"}`, fault.SignatureWrong},
		"another operation":     {edit(func(r *http.Request) { r.Header.Set("X-Amz-Target", "X.DeleteUserPool") }), body, fault.SignatureWrong},
		"another host":          {edit(func(r *http.Request) { r.Host = "elsewhere" }), body, fault.SignatureWrong},
		"another path":          {edit(func(r *http.Request) { r.URL.Path = "/x" }), body, fault.SignatureWrong},
		"another method":        {edit(func(r *http.Request) { r.Method = "PUT" }), body, fault.SignatureWrong},
		"added query":           {edit(func(r *http.Request) { r.URL.RawQuery = "a=b" }), body, fault.SignatureWrong},
		"unsigned amz header":   {edit(func(r *http.Request) { r.Header.Set("X-Amz-Meta", "1") }), body, fault.SignatureWrong},
		"too old":               {signed(testTime.Add(-16*time.Minute), "cognito-idp"), body, fault.SignatureWrong},
		"too new":               {signed(testTime.Add(16*time.Minute), "cognito-idp"), body, fault.SignatureWrong},
		"another service":       {signed(testTime, "kms"), body, fault.SignatureWrong},
		"unknown key":           {replace(testKey, "AKIDOTHER"), body, fault.AccessKeyUnknown},
		"another region":        {replace("us-local-1", "us-local-2"), body, fault.SignatureWrong},
		"scope of another day":  {replace("20261121", "20261120"), body, fault.SignatureWrong},
		"bearer":                {edit(func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }), body, fault.SignatureWrong},
		"host not signed":       {replace("SignedHeaders=content-length;content-type;host;", "SignedHeaders=content-length;content-type;"), body, fault.SignatureWrong},
		"target not signed":     {replace(";x-amz-target", ""), body, fault.SignatureWrong},
		"unordered headers":     {replace("content-length;content-type", "content-type;content-length"), body, fault.SignatureWrong},
		"signed header missing": {replace("x-amz-date;", "x-amz-cow;x-amz-date;"), body, fault.SignatureWrong},
		"short signature":       {edit(func(r *http.Request) { a := r.Header.Get("Authorization"); r.Header.Set("Authorization", a[:len(a)-1]) }), body, fault.SignatureWrong},
		"two authorizations":    {edit(func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }), body, fault.SignatureWrong},
		"repeated field":        {replace("SignedHeaders=", "Signature=aa, SignedHeaders="), body, fault.SignatureWrong},
		"no date":               {edit(func(r *http.Request) { r.Header.Del("X-Amz-Date") }), body, fault.SignatureWrong},
		"two dates":             {edit(func(r *http.Request) { r.Header.Add("X-Amz-Date", "20261121T120000Z") }), body, fault.SignatureWrong},
		"both forms":            {edit(func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=aa" }), body, fault.SignatureWrong},
		"broken query":          {edit(func(r *http.Request) { r.URL.RawQuery = "a=%zz" }), body, fault.SignatureWrong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := newVerifier().Verify(t.Context(), tt.make(t), []byte(tt.body), "cognito-idp")
			if fault.CodeOf(err) != tt.code {
				t.Errorf("got %v, want %s", err, tt.code)
			}
			if id != (Identity{}) {
				t.Errorf("a refused request has the identity %+v", id)
			}
			if err != nil && strings.Contains(err.Error(), testSecret) {
				t.Error("the error holds the secret")
			}
		})
	}
}

func TestBodyHashHeader(t *testing.T) {
	sum := sha256.Sum256([]byte("{}"))
	tests := map[string]struct {
		declared string
		ok       bool
	}{
		"true hash":        {hex.EncodeToString(sum[:]), true},
		"unsigned payload": {"UNSIGNED-PAYLOAD", false},
		"streaming":        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := request(t, "POST", "http://localhost/", "{}")
			r.Header.Set("X-Amz-Content-Sha256", tt.declared)
			creds := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
			if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, tt.declared, "kms", "us-local-1", testTime); err != nil {
				t.Fatal(err)
			}
			_, err := newVerifier().Verify(t.Context(), r, []byte("{}"), "kms")
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPresigned(t *testing.T) {
	presign := func(t *testing.T, query string) *http.Request {
		r := request(t, "GET", "http://localhost:7446/?Action=GetCallerIdentity&Version=2011-06-15"+query, "")
		r.Header = http.Header{}
		sum := sha256.Sum256(nil)
		creds := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
		target, _, err := v4.NewSigner().PresignHTTP(t.Context(), creds, r, hex.EncodeToString(sum[:]), "sts", "us-local-1", testTime)
		if err != nil {
			t.Fatal(err)
		}
		return httptest.NewRequest("GET", target, nil)
	}
	tests := map[string]struct {
		query string
		after time.Duration
		edit  func(url.Values)
		ok    bool
	}{
		"fresh":             {query: "&X-Amz-Expires=60", ok: true},
		"no life given":     {after: 14 * time.Minute, ok: true},
		"default life over": {after: 16 * time.Minute},
		"just alive":        {query: "&X-Amz-Expires=3600", after: time.Hour, ok: true},
		"expired":           {query: "&X-Amz-Expires=60", after: time.Minute + time.Second},
		"early":             {query: "&X-Amz-Expires=60", after: -16 * time.Minute},
		"too long":          {query: "&X-Amz-Expires=604801"},
		"life prolonged":    {query: "&X-Amz-Expires=60", after: 2 * time.Minute, edit: func(q url.Values) { q.Set("X-Amz-Expires", "600") }},
		"another action":    {query: "&X-Amz-Expires=60", edit: func(q url.Values) { q.Set("Action", "AssumeRole") }},
		"two signatures":    {query: "&X-Amz-Expires=60", edit: func(q url.Values) { q.Add("X-Amz-Signature", strings.Repeat("0", 64)) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := presign(t, tt.query)
			if tt.edit != nil {
				q := r.URL.Query()
				tt.edit(q)
				r.URL.RawQuery = q.Encode()
			}
			v := newVerifier()
			v.Now = func() time.Time { return testTime.Add(tt.after) }
			if _, err := v.Verify(t.Context(), r, nil, "sts"); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAcceptAny(t *testing.T) {
	v := &Verifier{AcceptAny: true}
	r := request(t, "POST", "http://localhost/", "{}")
	if _, err := v.Verify(t.Context(), r, []byte("{}"), "kms"); fault.CodeOf(err) != fault.Unauthenticated {
		t.Errorf("unsigned: got %v", err)
	}
	sign(t, r, "{}", "kms", testTime.AddDate(-5, 0, 0))
	if id, err := v.Verify(t.Context(), r, []byte("other"), "kms"); err != nil || id.AccessKeyID != testKey || id.Region != "us-local-1" {
		t.Errorf("signed: got %+v, %v", id, err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	if _, err := v.Verify(t.Context(), r, nil, "kms"); fault.CodeOf(err) != fault.SignatureWrong {
		t.Errorf("malformed: got %v", err)
	}
}

// TestVerifiedAmongAny: where any key is taken, those that name their owner still need a signature, of now.
func TestVerifiedAmongAny(t *testing.T) {
	v := newVerifier()
	v.AcceptAny, v.Verified = true, func(id string) bool { return id == testKey }
	r := request(t, "POST", "http://localhost/", "{}")
	sign(t, r, "{}", "kms", testTime)
	if _, err := v.Verify(t.Context(), r, []byte("{}"), "kms"); err != nil {
		t.Errorf("a right signature: %v", err)
	}
	if _, err := v.Verify(t.Context(), r, []byte("other"), "kms"); fault.CodeOf(err) != fault.SignatureWrong {
		t.Errorf("another body: %v", err)
	}
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testKey, "AKIDSOMEBODY", 1))
	if id, err := v.Verify(t.Context(), r, []byte("other"), "kms"); err != nil || id.AccessKeyID != "AKIDSOMEBODY" {
		t.Errorf("another key: %+v, %v", id, err)
	}
	sign(t, r, "{}", "kms", testTime.AddDate(0, 0, -1))
	if _, err := v.Claim(r, "kms"); fault.CodeOf(err) != fault.SignatureWrong {
		t.Errorf("the claim of an old signature: %v", err)
	}
}

func TestLookupFailures(t *testing.T) {
	r := request(t, "POST", "http://localhost/", "")
	sign(t, r, "", "kms", testTime)
	v := newVerifier()
	boom := errors.New("database down")
	v.Lookup = func(context.Context, string) (string, error) { return "", boom }
	_, err := v.Verify(t.Context(), r, nil, "kms")
	if fault.CodeOf(err) != fault.InternalError || !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

func TestChangedSecretMissesTheCache(t *testing.T) {
	v, secret := newVerifier(), testSecret
	v.Lookup = func(context.Context, string) (string, error) { return secret, nil }
	r := request(t, "POST", "http://localhost/", "")
	sign(t, r, "", "kms", testTime)
	for range 2 { // the second time from the cache
		if _, err := v.Verify(t.Context(), r, nil, "kms"); err != nil {
			t.Fatal(err)
		}
	}
	secret = "rotated"
	if _, err := v.Verify(t.Context(), r, nil, "kms"); fault.CodeOf(err) != fault.SignatureWrong {
		t.Errorf("the old secret still works: %v", err)
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	var c keyCache
	for i := range 3 * maxKeys {
		c.put(&signature{accessKeyID: strings.Repeat("x", i%7) + string(rune('0'+i%10)), date: testTime.AddDate(0, 0, i).Format(dateFormat)}, "s", [32]byte{})
		if len(c.keys) > maxKeys {
			t.Fatalf("%d keys", len(c.keys))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-local-1/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0a", 32), "20261121T120000Z", "")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20261121%2Fr%2Fs%2Faws4_request&X-Amz-Date=20261121T120000Z&X-Amz-SignedHeaders=host&X-Amz-Signature="+strings.Repeat("00", 32))
	f.Add("AWS4-HMAC-SHA256 a=b,c=d,,=", "x", "&&=&%41=%zz")
	f.Fuzz(func(t *testing.T, auth, date, query string) {
		r := &http.Request{Method: "POST", Host: "localhost", Header: http.Header{}, URL: &url.URL{Path: "/", RawQuery: query}}
		if auth != "" {
			r.Header["Authorization"] = []string{auth}
		}
		r.Header["X-Amz-Date"] = []string{date}
		s, err := parse(r)
		if err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		if !s.signs("host") || s.accessKeyID == "" || s.time.Format(dateFormat) != s.date {
			t.Fatalf("accepted %+v", s)
		}
		if _, err := newVerifier().Verify(t.Context(), r, nil, s.service); err == nil {
			t.Fatal("a made-up signature was accepted")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 300)
	r := request(b, "POST", "http://localhost/", string(body))
	sign(b, r, string(body), "kms", testTime)
	v := newVerifier()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), r, body, "kms"); err != nil {
			b.Fatal(err)
		}
	}
}
