package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/sigv4"
)

const (
	testPrefix = "AWSCognitoIdentityProviderService"
	testPool   = "us-local-1_countersign"
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// shapes words every code, the interesting ones as Cognito does.
func shapes() map[fault.Code]wire.ErrorShape {
	m := make(map[fault.Code]wire.ErrorShape)
	for _, c := range fault.Codes() {
		m[c] = wire.ErrorShape{Name: "Test_" + string(c), Message: "test: " + string(c)}
	}
	m[fault.InternalError] = wire.ErrorShape{Name: "InternalErrorException", Message: "Internal error"}
	m[fault.InvalidParameter] = wire.ErrorShape{Name: "InvalidParameterException", Message: "Invalid parameter"}
	m[fault.UnsupportedOperation] = wire.ErrorShape{Name: "UnsupportedOperationException", Message: "not supported"}
	m[fault.UserNotFound] = wire.ErrorShape{Name: "UserNotFoundException", Message: "User does not exist."}
	m[fault.ClientNotFound] = wire.ErrorShape{Name: "ResourceNotFoundException", Message: "User pool client {field} does not exist."}
	m[fault.CodeMismatch] = wire.ErrorShape{Name: "CodeMismatchException", Message: "Invalid verification code provided, please try again."}
	m[fault.ClientSecretWrong] = wire.ErrorShape{Name: "NotAuthorizedException", Message: "no"}
	m[fault.Unauthenticated] = wire.ErrorShape{Name: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}
	m[fault.SignatureWrong] = wire.ErrorShape{Name: "InvalidSignatureException"}
	m[fault.AccessKeyUnknown] = wire.ErrorShape{Name: "UnrecognizedClientException"}
	m[fault.AccessDenied] = wire.ErrorShape{Name: "AccessDeniedException"}
	m[fault.OriginForbidden] = wire.ErrorShape{Name: "AccessDeniedException", Status: 403, Message: "Other origins may not call this operation"}
	return m
}

// world is a server with four fake operations and what they saw.
type world struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []string
	events []wire.Event
	infos  []wire.RequestInfo
	logs   strings.Builder
}

func (w *world) called(ctx context.Context, op string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, op)
	w.infos = append(w.infos, wire.Info(ctx))
}

func (w *world) last() (e wire.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events[len(w.events)-1]
}

func (w *world) operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpSignUp, func(ctx context.Context, in *api.SignUpRequest) (*api.SignUpResponse, error) {
			w.called(ctx, "SignUp")
			switch *in.Username {
			case "mismatch":
				return nil, fault.New(fault.CodeMismatch).WithHint("look\nat the simulator")
			case "client":
				return nil, fault.New(fault.ClientNotFound).WithField(*in.ClientId)
			case "panic":
				panic("boom")
			case "broken":
				return nil, errors.New("disk full")
			case "unicode":
				return nil, fault.Invalidf("x", "Grüße\r\nX-Injected: 1")
			}
			return &api.SignUpResponse{UserConfirmed: new(false), UserSub: new("<sub> & co")}, nil
		}),
		wire.Op(api.OpGetUser, func(ctx context.Context, in *api.GetUserRequest) (*api.GetUserResponse, error) {
			w.called(ctx, "GetUser")
			return &api.GetUserResponse{Username: new("u"), UserAttributes: []api.AttributeType{}}, nil
		}),
		wire.Op(api.OpAdminGetUser, func(ctx context.Context, in *api.AdminGetUserRequest) (*api.AdminGetUserResponse, error) {
			w.called(ctx, "AdminGetUser")
			if *in.Username == "nobody" {
				return nil, fault.New(fault.UserNotFound)
			}
			if access.From(ctx).ID == "" {
				return nil, errors.New("no principal")
			}
			at := time.UnixMilli(1767772800123)
			return &api.AdminGetUserResponse{Username: in.Username, Enabled: new(true), UserCreateDate: wire.At(at)}, nil
		}),
		wire.Op(api.OpDeleteUser, func(ctx context.Context, in *api.DeleteUserRequest) (*wire.Empty, error) {
			w.called(ctx, "DeleteUser")
			return nil, nil
		}),
		wire.Op(api.OpRevokeToken, func(ctx context.Context, in *api.RevokeTokenRequest) (*api.RevokeTokenResponse, error) {
			w.called(ctx, "RevokeToken")
			return nil, fault.New(fault.ClientSecretWrong)
		}),
	}
}

func (w *world) config() wire.Config {
	return wire.Config{
		Service: "cognito-idp", TargetPrefix: testPrefix, Known: api.Operations, Operations: w.operations(), Errors: shapes(),
		ErrorsFor: map[string]map[fault.Code]wire.ErrorShape{"RevokeToken": {fault.ClientSecretWrong: {Name: "UnauthorizedException", Message: "Invalid client secret"}}},
		Authorizer: &wire.Signed{
			Account: "000000000000",
			Verifier: &sigv4.Verifier{Lookup: func(_ context.Context, id string) (string, error) {
				if id != testKey {
					return "", fault.New(fault.AccessKeyUnknown)
				}
				return testSecret, nil
			}},
			Principal: func(_ context.Context, id string) (access.Principal, error) {
				return access.Principal{ID: id, Kind: access.AWS, Name: "deployer", Grants: []access.Grant{
					{Service: access.Cognito, Actions: []string{"AdminGet*"}, Pools: []string{testPool}},
				}}, nil
			},
		},
		Dev: true,
		Log: slog.New(slog.NewTextHandler(&w.logs, nil)),
		Observe: func(_ context.Context, e wire.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := new(world)
	mux, err := wire.New(w.config())
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

// post sends body to op; headers follow as name, value pairs, an empty value removes.
func (w *world) post(t testing.TB, op, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("POST", w.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", testPrefix+"."+op)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

const goodSignUp = `{"ClientId":"abc","Username":"u","Password":"Secret-1"}`

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestSuccess(t *testing.T) {
	w := newWorld(t)
	resp, body := w.post(t, "SignUp", goodSignUp, "User-Agent", "test/1", "Amz-Sdk-Invocation-Id", "inv-1", "Authorization", "Bearer nonsense")
	if want := `{"UserConfirmed":false,"UserSub":"<sub> & co"}`; resp.StatusCode != 200 || body != want {
		t.Errorf("got %d %s, want %s", resp.StatusCode, body, want)
	}
	id := resp.Header.Get("x-amzn-requestid")
	if !uuid4.MatchString(id) {
		t.Errorf("request id %q", id)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/x-amz-json-1.1" {
		t.Errorf("content type %q", ct)
	}
	if i := w.infos[0]; i.ID != id || i.Operation != "SignUp" || i.UserAgent != "test/1" || i.InvocationID != "inv-1" || !i.ClientIP.IsLoopback() {
		t.Errorf("info %+v", i)
	}
	if e := w.last(); e.Code != "" || e.Error != "" || e.Status != 200 || e.Operation != "SignUp" || e.ID != id {
		t.Errorf("event %+v", e)
	}
}

func TestEmptyOutputs(t *testing.T) {
	w := newWorld(t)
	if resp, body := w.post(t, "DeleteUser", `{"AccessToken":"eyJ"}`); resp.StatusCode != 200 || body != "{}" {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
	if _, body := w.post(t, "GetUser", `{"AccessToken":"eyJ"}`); body != `{"Username":"u","UserAttributes":[]}` {
		t.Errorf("an empty list must show: %s", body)
	}
}

func TestErrors(t *testing.T) {
	big := `{"ClientId":"` + strings.Repeat("a", 1<<20) + `"}`
	tests := map[string]struct {
		op, body string
		headers  []string
		status   int
		name     string
		message  string // a part
		runs     bool
	}{
		"mapped fault":         {op: "SignUp", body: `{"ClientId":"abc","Username":"mismatch"}`, status: 400, name: "CodeMismatchException", message: "Invalid verification code provided, please try again.", runs: true},
		"field in the wording": {op: "SignUp", body: `{"ClientId":"abc","Username":"client"}`, status: 400, name: "ResourceNotFoundException", message: "User pool client abc does not exist.", runs: true},
		"words and status of one operation": {op: "RevokeToken", body: `{"ClientId":"abc","Token":"t"}`, status: 401, name: "UnauthorizedException",
			message: "Invalid client secret", runs: true},
		"panic":                 {op: "SignUp", body: `{"ClientId":"abc","Username":"panic"}`, status: 500, name: "InternalErrorException", message: "Internal error", runs: true},
		"foreign error":         {op: "SignUp", body: `{"ClientId":"abc","Username":"broken"}`, status: 500, name: "InternalErrorException", message: "Internal error", runs: true},
		"unknown operation":     {op: "Fly", body: `{}`, status: 400, name: "UnknownOperationException", message: "Fly"},
		"unknown service":       {headers: []string{"X-Amz-Target", "TrentService.Encrypt"}, body: `{}`, status: 400, name: "UnknownOperationException", message: "TrentService.Encrypt"},
		"no target":             {headers: []string{"X-Amz-Target", ""}, body: `{}`, status: 400, name: "UnknownOperationException", message: "X-Amz-Target"},
		"not implemented":       {op: "ConfirmSignUp", body: `{}`, status: 400, name: "UnsupportedOperationException", message: "Countersign does not implement ConfirmSignUp yet"},
		"content type":          {op: "SignUp", body: goodSignUp, headers: []string{"Content-Type", "text/plain"}, status: 400, name: "SerializationException", message: "application/x-amz-json-1.1"},
		"validation":            {op: "SignUp", body: `{"ClientId":"abc"}`, status: 400, name: "InvalidParameterException", message: "1 validation error detected: Value null at 'username'"},
		"empty body":            {op: "SignUp", body: ``, status: 400, name: "InvalidParameterException", message: "2 validation errors"},
		"no JSON":               {op: "SignUp", body: `{"ClientId":`, status: 400, name: "SerializationException", message: "not valid JSON"},
		"trailing data":         {op: "SignUp", body: goodSignUp + `{}`, status: 400, name: "SerializationException", message: "not valid JSON"},
		"list for object":       {op: "SignUp", body: `[]`, status: 400, name: "SerializationException", message: "Expected a map or structure"},
		"number for string":     {op: "SignUp", body: `{"Username":7}`, status: 400, name: "SerializationException", message: "NUMBER_VALUE can not be converted to a String at 'Username'"},
		"string for number":     {op: "ListUsers", body: `{}`, status: 400, name: "UnsupportedOperationException", message: "ListUsers"},
		"string for list":       {op: "SignUp", body: `{"UserAttributes":"x"}`, status: 400, name: "SerializationException", message: "Expected a list"},
		"deep":                  {op: "SignUp", body: strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), status: 400, name: "SerializationException", message: "nests too deep"},
		"deep within a string":  {op: "SignUp", body: `{"ClientId":"abc","Username":"u","x":"` + strings.Repeat(`\"[{`, 40) + `"}`, status: 200, runs: true},
		"unknown members":       {op: "SignUp", body: `{"New":{"a":[1]},` + goodSignUp[1:], status: 200, runs: true},
		"too large":             {op: "SignUp", body: big, status: 400, name: "SerializationException", message: "too large"},
		"unsigned":              {op: "AdminGetUser", body: `{"UserPoolId":"` + testPool + `","Username":"u"}`, status: 400, name: "MissingAuthenticationTokenException", message: "Missing"},
		"malformed signature":   {op: "AdminGetUser", body: `{}`, headers: []string{"Authorization", "Bearer x"}, status: 400, name: "InvalidSignatureException", message: "AWS4-HMAC-SHA256"},
		"header cannot be made": {op: "SignUp", body: `{"ClientId":"abc","Username":"unicode"}`, status: 400, name: "InvalidParameterException", message: "Grüße\r\nX-Injected: 1", runs: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			resp, body := w.post(t, tt.op, tt.body, tt.headers...)
			var got struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if resp.StatusCode != tt.status || got.Type != tt.name || !strings.Contains(got.Message, tt.message) {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
			if (len(w.calls) > 0) != tt.runs {
				t.Errorf("operations run: %v", w.calls)
			}
			if tt.name == "" {
				return
			}
			if h := resp.Header.Get("x-amzn-errortype"); h != tt.name+":" {
				t.Errorf("x-amzn-errortype %q", h)
			}
			if resp.Header.Get("x-amzn-errormessage") == "" || resp.Header.Get("X-Injected") != "" || !uuid4.MatchString(resp.Header.Get("x-amzn-requestid")) {
				t.Errorf("headers %v", resp.Header)
			}
			if e := w.last(); e.Error != tt.name || e.Status != tt.status {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestInternalErrorsAreLoggedNotShown(t *testing.T) {
	for user, cause := range map[string]string{"panic": "boom", "broken": "disk full"} {
		w := newWorld(t)
		resp, body := w.post(t, "SignUp", `{"ClientId":"abc","Username":"`+user+`"}`)
		if strings.Contains(body, cause) || strings.Contains(resp.Header.Get("x-amzn-errormessage"), cause) {
			t.Errorf("shown: %s", body)
		}
		log := w.logs.String()
		if !strings.Contains(log, cause) || !strings.Contains(log, resp.Header.Get("x-amzn-requestid")) || !strings.Contains(log, "operation=SignUp") {
			t.Errorf("log: %s", log)
		}
	}
}

func TestHintIsForDevelopersOnly(t *testing.T) {
	for _, dev := range []bool{true, false} {
		w := new(world)
		cfg := w.config()
		cfg.Dev = dev
		mux, err := wire.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w.Server = httptest.NewServer(mux)
		resp, _ := w.post(t, "SignUp", `{"ClientId":"abc","Username":"mismatch"}`)
		w.Close()
		want := ""
		if dev {
			want = "look at the simulator"
		}
		if got := resp.Header.Get("X-Countersign-Hint"); got != want {
			t.Errorf("dev %v: hint %q", dev, got)
		}
	}
}

func TestPreflight(t *testing.T) {
	tests := map[string]struct {
		method, headers string
		allow           string
	}{
		"amplify":    {"POST", "amz-sdk-invocation-id,amz-sdk-request,cache-control,content-type,x-amz-target,x-amz-user-agent", "amz-sdk-invocation-id,amz-sdk-request,cache-control,content-type,x-amz-target,x-amz-user-agent"},
		"own header": {"POST", "X-Amz-Target, X-My-App", "X-Amz-Target, X-My-App"},
		"no target":  {"POST", "content-type", ""},
		"put":        {"PUT", "x-amz-target", ""},
		"odd bytes":  {"POST", "x-amz-target, <script>", "content-type, x-amz-target, x-amz-user-agent, cache-control, amz-sdk-invocation-id, amz-sdk-request, authorization, x-amz-date, x-amz-content-sha256, x-amz-security-token"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, _ := http.NewRequest("OPTIONS", w.URL+"/", nil)
			r.Header.Set("Origin", "https://app.example")
			r.Header.Set("Access-Control-Request-Method", tt.method)
			r.Header.Set("Access-Control-Request-Headers", tt.headers)
			resp, err := w.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			h := resp.Header
			if resp.StatusCode != 204 || h.Get("Access-Control-Allow-Headers") != tt.allow || (h.Get("Access-Control-Allow-Origin") == "*") != (tt.allow != "") {
				t.Errorf("got %d %v", resp.StatusCode, h)
			}
		})
	}
}

func TestBrowsers(t *testing.T) {
	admin := `{"UserPoolId":"` + testPool + `","Username":"u"}`
	tests := map[string]struct {
		op, body string
		headers  []string
		cors     bool
		refused  bool
	}{
		"public operation":          {op: "SignUp", body: goodSignUp, headers: []string{"Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}, cors: true},
		"public operation, error":   {op: "SignUp", body: `{"ClientId":"abc","Username":"mismatch"}`, headers: []string{"Origin", "https://app.example"}, cors: true},
		"token operation":           {op: "GetUser", body: `{"AccessToken":"e"}`, headers: []string{"Origin", "https://app.example"}, cors: true},
		"validation error":          {op: "SignUp", body: `{}`, headers: []string{"Origin", "https://app.example"}, cors: true},
		"unknown operation":         {op: "Fly", body: `{}`, headers: []string{"Origin", "https://app.example"}, cors: true},
		"admin, other origin":       {op: "AdminGetUser", body: admin, headers: []string{"Origin", "https://app.example"}, refused: true},
		"admin, other port":         {op: "AdminGetUser", body: admin, headers: []string{"Origin", "http://127.0.0.1:3000"}, refused: true},
		"admin, null origin":        {op: "AdminGetUser", body: admin, headers: []string{"Origin", "null"}, refused: true},
		"admin, cross-site":         {op: "AdminGetUser", body: admin, headers: []string{"Sec-Fetch-Site", "cross-site"}, refused: true},
		"admin, same-site":          {op: "AdminGetUser", body: admin, headers: []string{"Sec-Fetch-Site", "same-site"}, refused: true},
		"admin not implemented":     {op: "ListUsers", body: admin, headers: []string{"Origin", "https://app.example"}, refused: true},
		"admin, wrong content type": {op: "AdminGetUser", body: admin, headers: []string{"Origin", "https://app.example", "Content-Type", "text/plain"}, refused: true},
		"admin, no browser":         {op: "AdminGetUser", body: admin},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			resp, body := w.post(t, tt.op, tt.body, tt.headers...)
			if got := resp.Header.Get("Access-Control-Allow-Origin"); (got == "*") != tt.cors {
				t.Errorf("Access-Control-Allow-Origin %q", got)
			}
			if tt.cors && !strings.HasPrefix(resp.Header.Get("Access-Control-Expose-Headers"), "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date") {
				t.Errorf("Access-Control-Expose-Headers %q", resp.Header.Get("Access-Control-Expose-Headers"))
			}
			if refused := resp.StatusCode == 403 && strings.Contains(body, "AccessDeniedException"); refused != tt.refused {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
			if tt.refused && len(w.calls) > 0 {
				t.Error("the operation ran")
			}
		})
	}
}

func TestMuxWithoutPublicOperationsAnswersNoPreflight(t *testing.T) {
	w := new(world)
	cfg := w.config()
	cfg.Known = []wire.Meta{api.OpAdminGetUser.Meta}
	cfg.Operations, cfg.ErrorsFor = nil, nil
	mux, err := wire.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "x-amz-target")
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, r)
	if got := rec.Header().Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin %q", got)
	}
}

func TestNewNamesEveryProblem(t *testing.T) {
	w := new(world)
	cfg := w.config()
	cfg.Service, cfg.Authorizer = "", nil
	delete(cfg.Errors, fault.CodeMismatch)
	cfg.Operations = append(cfg.Operations, cfg.Operations[0])
	cfg.Known = slices.DeleteFunc(slices.Clone(cfg.Known), func(m wire.Meta) bool { return m.Name == "GetUser" })
	cfg.ErrorsFor["Fly"] = nil
	_, err := wire.New(cfg)
	for _, want := range []string{"no operation GetUser", "SignUp is given twice", "AdminGetUser needs an Authorizer", "no wording for code code_mismatch", "Service and TargetPrefix", "unknown operation Fly"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

func TestSplitMetadata(t *testing.T) {
	app, own := wire.SplitMetadata(map[string]string{"a": "1", "countersign:channel": "voice"})
	if len(app) != 1 || app["a"] != "1" || len(own) != 1 || own["channel"] != "voice" {
		t.Errorf("got %v, %v", app, own)
	}
	if app, own := wire.SplitMetadata(nil); app != nil || own != nil {
		t.Errorf("got %v, %v", app, own)
	}
}

func TestTime(t *testing.T) {
	for ms, want := range map[int64]string{1767772800123: "1767772800.123", 1767772800100: "1767772800.1", 1767772800000: "1767772800", -1500: "-1.5", 0: "0"} {
		b, err := json.Marshal(wire.Time(time.UnixMilli(ms)))
		if err != nil || string(b) != want {
			t.Errorf("%d: %s, %v", ms, b, err)
		}
		var back wire.Time
		if err := json.Unmarshal(b, &back); err != nil || back.Time().UnixMilli() != ms {
			t.Errorf("%s: %v, %v", b, back.Time(), err)
		}
	}
	for _, bad := range []string{`"2026-01-01"`, `1e300`, `{}`} {
		var at wire.Time
		if err := json.Unmarshal([]byte(bad), &at); err == nil {
			t.Errorf("%s: %v", bad, at.Time())
		}
	}
	if wire.At(time.Time{}) != nil {
		t.Error("the zero time is present")
	}
}

func TestOperationsMarkdown(t *testing.T) {
	got := wire.OperationsMarkdown("Operations", []wire.Meta{{Name: "B", Auth: wire.AuthToken}, {Name: "A"}}, func(n string) bool { return n == "A" })
	for _, want := range []string{"# Operations\n", "1 of 2 operations", "| A | IAM | yes |\n| B | token | no |\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add("SignUp", []byte(goodSignUp))
	f.Add("SignUp", []byte(`{"ClientId":"abc","Username":"u","UserAttributes":[{"Name":"phone_number","Value":"+12025550123"},null],"ClientMetadata":{"a":null}}`))
	f.Add("GetUser", []byte(`{"AccessToken":"\ud800"}`))
	f.Add("DeleteUser", []byte(`[[[[{"a":"\\"}`))
	f.Add("RevokeToken", []byte(`null`))
	w := new(world)
	cfg := w.config()
	cfg.Log, cfg.Observe = slog.New(slog.DiscardHandler), nil
	mux, err := wire.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, op string, body []byte) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", testPrefix+"."+op)
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		if !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("answer %q", rec.Body)
		}
		if rec.Code == 500 && !strings.Contains(string(body), "panic") && !strings.Contains(string(body), "broken") && !strings.Contains(string(body), `\u`) {
			t.Fatalf("500 for %q", body)
		}
		if rec.Code == 200 && !json.Valid(body) && len(strings.TrimSpace(string(body))) > 0 {
			t.Fatalf("accepted %q", body)
		}
	})
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkBareOperation(b *testing.B) {
	w := new(world)
	cfg := w.config()
	cfg.Observe = nil
	cfg.Operations = []wire.Operation{wire.Op(api.OpSignUp, func(context.Context, *api.SignUpRequest) (*api.SignUpResponse, error) {
		return &api.SignUpResponse{UserConfirmed: new(false), UserSub: new("5f7e4a3c-0000-4000-8000-000000000000")}, nil
	})}
	mux, err := wire.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	body := `{"ClientId":"countersigndevclient","Username":"+12025550123","Password":"Secret-1","UserAttributes":[{"Name":"phone_number","Value":"+12025550123"},{"Name":"email","Value":"a@example.com"}]}`
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", testPrefix+".SignUp")
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(body))
		mux.ServeHTTP(discard{make(http.Header, 8)}, r)
	}
}

func BenchmarkValidateAccessToken(b *testing.B) {
	in := &api.GetUserRequest{AccessToken: new(strings.Repeat("eyJhbGciOi-_", 80))}
	b.ReportAllocs()
	for b.Loop() {
		var v wire.Violations
		in.Validate(&v)
		if v.Err() != nil {
			b.Fatal(v.Err())
		}
	}
}
