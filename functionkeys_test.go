package countersign

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"countersign/internal/access"
	"countersign/internal/adminapi"
	"countersign/internal/function"
	"countersign/internal/kms"
	"countersign/internal/pool"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

// own is a function with its credentials, in a server.
type own struct {
	s               *Server
	arn, id, secret string
}

func newOwn(t *testing.T, s *Server, name string) *own {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("index.js")
	if err == nil {
		_, err = io.WriteString(f, "exports.handler = async () => {}")
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.parts.functions.Create(t.Context(), &function.Create{
		Region: DevRegion, Name: name, Package: b.Bytes(),
		Settings: function.Settings{Runtime: "nodejs20.x", Handler: "index.handler", Role: "arn:aws:iam::000000000000:role/any"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := &own{s: s, arn: info.ARN}
	if o.id, o.secret, err = s.parts.functions.Credentials(t.Context(), info.ARN); err != nil {
		t.Fatal(err)
	}
	return o
}

// ask sends a request signed with a secret, the function's own unless given.
func (o *own) ask(t *testing.T, service, method, path, body string, header ...string) (int, string) {
	t.Helper()
	return o.askWith(t, o.secret, service, method, path, body, header...)
}

func (o *own) askWith(t *testing.T, secret, service, method, path, body string, header ...string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	o.s.Handler().ServeHTTP(w, o.signed(t, secret, service, method, path, body, header...))
	return w.Code, w.Body.String()
}

func (o *own) signed(t *testing.T, secret, service, method, path, body string, header ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, base+path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: o.id, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hex.EncodeToString(sum[:]), service, DevRegion, time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (o *own) kms(t *testing.T, operation string, in any) (int, string) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return o.ask(t, "kms", "POST", "/", string(body), "Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "TrentService."+operation)
}

// eachMode runs f on a server of each mode.
func eachMode(t *testing.T, f func(*testing.T, *Server)) {
	t.Run("dev", func(t *testing.T) { f(t, devServer(t)) })
	t.Run("serve", func(t *testing.T) {
		s, err := New(context.Background(), Config{BaseURLs: []string{base}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s)
	})
}

// TestFunctionKeysOpenNothingElse: the credentials of a function are refused by every API but KMS's Decrypt, in dev mode, too.
func TestFunctionKeysOpenNothingElse(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Server) {
		o := newOwn(t, s, "sender")
		awsJSON := func(target string) []string {
			return []string{"Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", target}
		}
		for _, c := range []struct {
			service, method, path, body string
			header                      []string
		}{
			{"sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", []string{"Content-Type", "application/x-www-form-urlencoded"}},
			{"lambda", "GET", "/2015-03-31/functions", "", nil},
			{"lambda", "GET", "/2015-03-31/functions/sender", "", nil},
			{"lambda", "POST", "/2015-03-31/functions/sender/invocations", "{}", nil},
			{"lambda", "PUT", "/2015-03-31/functions/sender/code", `{"ZipFile":""}`, nil},
			{"cognito-idp", "POST", "/", `{"MaxResults":10}`, awsJSON("AWSCognitoIdentityProviderService.ListUserPools")},
			{"cognito-idp", "POST", "/", `{"UserPoolId":"` + DevPool + `","Username":"x"}`, awsJSON("AWSCognitoIdentityProviderService.AdminGetUser")},
			{"kms", "POST", "/", `{}`, awsJSON("TrentService.ListKeys")},
			{"kms", "POST", "/", `{}`, awsJSON("TrentService.CreateKey")},
			{"kms", "POST", "/", `{"NumberOfBytes":8}`, awsJSON("TrentService.GenerateRandom")},
			{adminapi.SigningName, "GET", "/admin/v1/status", "", nil},
			{adminapi.SigningName, "GET", "/admin/v1/functions", "", nil},
			{adminapi.SigningName, "POST", "/admin/v1/backup", "", nil},
		} {
			code, body := o.ask(t, c.service, c.method, c.path, c.body, c.header...)
			if code < 400 || code >= 500 || !refused(body) {
				t.Errorf("%s %s %s %v: %d %s", c.service, c.method, c.path, c.header, code, body)
			}
		}
	})
}

// refused reports whether an answer speaks of rights, and not of a mistake in the request.
func refused(body string) bool {
	return strings.Contains(body, "AccessDenied") || strings.Contains(body, "UnrecognizedClient") || strings.Contains(body, "not authorized") ||
		strings.Contains(body, "InvalidClientTokenId") || strings.Contains(body, "NotAuthorized") || strings.Contains(body, "access_denied") ||
		strings.Contains(body, "access_key_unknown")
}

// TestFunctionKeysDecrypt: a function opens what was sealed for its own pool under that pool's key, and nothing else.
func TestFunctionKeysDecrypt(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Server) {
		ctx := t.Context()
		mine, other := newOwn(t, s, "mine"), newOwn(t, s, "other")
		root := kms.Caller{Region: DevRegion}
		keys := map[string]*kms.Key{}
		for _, name := range []string{"a", "b"} {
			k, err := s.parts.kms.Create(ctx, root, kms.NewKey{})
			if err == nil {
				err = s.parts.kms.CreateAlias(ctx, root, "alias/"+name, k.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			keys[name] = k
		}
		poolOf(t, s, DevRegion+"_poolA", mine.arn, keys["a"].ARN)
		poolOf(t, s, DevRegion+"_poolB", other.arn, keys["b"].ARN)
		poolOf(t, s, DevRegion+"_poolC", mine.arn+":live", "arn:aws:kms:us-local-1:000000000000:alias/b")
		seal := func(key, pool string) kms.Sealed {
			sealed, err := s.parts.kms.Encrypt(ctx, root, keys[key].ID, []byte("123456"), map[string]string{"userpool-id": DevRegion + "_" + pool})
			if err != nil {
				t.Fatal(err)
			}
			return sealed
		}
		for _, c := range []struct {
			name          string
			who           *own
			key, pool     string
			id            string
			claimed       string
			want          int
			noPoolContext bool
		}{
			{name: "its own", who: mine, key: "a", pool: "poolA", id: keys["a"].ARN, want: 200},
			{name: "by id", who: mine, key: "a", pool: "poolA", id: keys["a"].ID, want: 200},
			{name: "by alias", who: mine, key: "a", pool: "poolA", id: "alias/a", want: 200},
			{name: "no name", who: mine, key: "a", pool: "poolA", want: 200},
			{name: "the pool names an alias of the function and of the key", who: mine, key: "b", pool: "poolC", id: keys["b"].ARN, want: 200},
			{name: "another function", who: other, key: "a", pool: "poolA", id: keys["a"].ARN, want: 400},
			{name: "another pool", who: mine, key: "b", pool: "poolB", id: keys["b"].ARN, want: 400},
			{name: "another pool under its own key", who: mine, key: "a", pool: "poolB", want: 400},
			{name: "another pool's code, claimed for its own", who: mine, key: "a", pool: "poolB", claimed: "poolA", want: 400},
			{name: "its pool under another key", who: mine, key: "b", pool: "poolA", id: "alias/b", want: 400},
			{name: "another key named", who: mine, key: "a", pool: "poolA", id: "alias/b", want: 400},
			{name: "no pool in the context", who: mine, key: "a", pool: "poolA", noPoolContext: true, want: 400},
		} {
			in := map[string]any{"CiphertextBlob": seal(c.key, c.pool).Blob}
			if c.id != "" {
				in["KeyId"] = c.id
			}
			if c.claimed == "" {
				c.claimed = c.pool
			}
			if !c.noPoolContext {
				in["EncryptionContext"] = map[string]string{"userpool-id": DevRegion + "_" + c.claimed}
			}
			code, body := c.who.kms(t, "Decrypt", in)
			if code != c.want || (code == 200) != strings.Contains(body, "MTIzNDU2") {
				t.Errorf("%s: %d %s", c.name, code, body)
			}
		}
		blob, ec := seal("a", "poolA").Blob, map[string]string{"userpool-id": DevRegion + "_poolA"}
		for operation, in := range map[string]any{
			"ReEncrypt":       map[string]any{"CiphertextBlob": blob, "SourceEncryptionContext": ec, "DestinationKeyId": keys["a"].ARN},
			"GenerateDataKey": map[string]any{"KeyId": keys["a"].ARN, "KeySpec": "AES_256", "EncryptionContext": ec},
			"Encrypt":         map[string]any{"KeyId": keys["a"].ARN, "Plaintext": []byte("1"), "EncryptionContext": ec},
			"DescribeKey":     map[string]any{"KeyId": keys["a"].ARN},
			"CreateGrant":     map[string]any{"KeyId": keys["a"].ARN, "GranteePrincipal": "000000000000", "Operations": []string{"Decrypt"}},
			"ListGrants":      map[string]any{"KeyId": keys["a"].ARN},
			"GetKeyPolicy":    map[string]any{"KeyId": keys["a"].ARN},
		} {
			if code, body := mine.kms(t, operation, in); code != 400 || !strings.Contains(body, "AccessDeniedException") {
				t.Errorf("%s: %d %s", operation, code, body)
			}
		}
		if err := s.parts.functions.Delete(ctx, function.Ref{Region: DevRegion, Name: "mine"}); err != nil {
			t.Fatal(err)
		}
		if code, body := mine.kms(t, "Decrypt", map[string]any{"CiphertextBlob": blob, "EncryptionContext": ec}); code != 400 || !strings.Contains(body, "UnrecognizedClient") {
			t.Errorf("a deleted function: %d %s", code, body)
		}
	})
}

// TestNobodyPosesAsFunction: dev mode takes any key pair, but a function's key must be signed with by its owner.
func TestNobodyPosesAsFunction(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Server) {
		o := newOwn(t, s, "sender")
		for _, c := range []struct{ service, method, path, target string }{
			{"kms", "POST", "/", "TrentService.Decrypt"},
			{adminapi.SigningName, "GET", "/admin/v1/status", ""},
		} {
			header := []string{"Content-Type", "application/x-amz-json-1.1"}
			if c.target != "" {
				header = append(header, "X-Amz-Target", c.target)
			}
			code, body := o.askWith(t, "made-up", c.service, c.method, c.path, `{"CiphertextBlob":"AA=="}`, header...)
			if code == 200 || !strings.Contains(strings.ToLower(body), "signature") {
				t.Errorf("%s: %d %s", c.service, code, body)
			}
		}
	})
}

// poolOf makes a pool whose codes go to a function, sealed under a key.
func poolOf(t *testing.T, s *Server, id, functionARN, keyARN string) {
	t.Helper()
	doc, err := json.Marshal(pool.Config{Triggers: &trigger.Config{
		Functions: map[trigger.Name]string{trigger.CustomSMSSender: functionARN}, KMSKey: keyARN,
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.parts.store.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Pools().InsertPool(t.Context(), &store.Pool{ID: id, Name: id, Config: doc})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWorkersKMSTakesNoMadeUpKeys: what functions reach as kms.REGION.amazonaws.com verifies every key, though dev mode takes any
// elsewhere.
func TestWorkersKMSTakesNoMadeUpKeys(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Server) {
		o := newOwn(t, s, "sender")
		o.id = "AKIAMADEUP"
		r := o.signed(t, "made-up", "kms", "POST", "/", `{}`, "Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "TrentService.ListKeys")
		w := httptest.NewRecorder()
		s.parts.localHost("kms."+DevRegion+".amazonaws.com", 443).ServeHTTP(w, r)
		if w.Code != 400 || !strings.Contains(w.Body.String(), "UnrecognizedClientException") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// TestUploadsOfStrangersAreNotRead: whoever cannot deploy is turned away before a package is taken in.
func TestUploadsOfStrangersAreNotRead(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Server) {
		o := newOwn(t, s, "sender")
		r := o.signed(t, o.secret, "lambda", "PUT", "/2015-03-31/functions/sender/code", "{}")
		r.Body, r.ContentLength = io.NopCloser(unread{t}), 60<<20
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != 403 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		auditor, err := s.parts.access.Create(t.Context(), access.NewCredential{Name: "auditor", Kind: access.AWS, Grants: []access.Grant{
			{Service: access.Lambda, Actions: []string{"GetFunction"}, Pools: []string{"*"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		o.id = auditor.ID
		r = o.signed(t, auditor.Secret.Reveal(), "lambda", "PUT", "/2015-03-31/functions/sender/code", "{}")
		r.Body, r.ContentLength = io.NopCloser(unread{t}), 60<<20
		w = httptest.NewRecorder()
		if s.Handler().ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("a key that may not deploy: %d %s", w.Code, w.Body)
		}
	})
}
