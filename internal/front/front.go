package front

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
)

// Options make a Front. Hosts and Surfaces are required.
type Options struct {
	Hosts *Hosts
	// Surfaces are the handlers of this listener. One that is declared but missing here answers 501, see Elsewhere.
	Surfaces map[Surface]http.Handler
	// Elsewhere says, for surfaces not on this listener, where they are ("on admin.listen").
	Elsewhere map[Surface]string
	// Signed reports whether a Cognito operation is of the signed (IAM) class. Nil: none is known to be.
	Signed func(operation string) bool
	// RefuseSigned is set on a listener that does not serve signed operations; it says where they are served.
	RefuseSigned string
	// Proxies may forward.
	Proxies Proxies
	// Dev adds hints to refusals: header X-Countersign-Hint and a list of declared hosts.
	Dev bool
	// Refused hears of every request that front itself turned away. May be nil.
	Refused func(r *http.Request, status int, err *fault.Error)
	// Observe hears of every request when it is over. May be nil.
	Observe func(Seen)
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Seen is one request that is over.
type Seen struct {
	Surface Surface
	Request *http.Request
	Status  int
	// Header is the answer's.
	Header   http.Header
	Duration time.Duration
	// Refused is what the handler gave as RefusedHeader.
	Refused string
}

// Front is an http.Handler; see the package comment.
type Front struct{ o Options }

// New returns a Front. It panics without Hosts.
func New(o Options) *Front {
	if o.Hosts == nil {
		panic("front: New without Hosts")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Front{o: o}
}

// HintHeader carries fault.Error.Hint in dev mode.
const HintHeader = "X-Countersign-Hint"

// RefusedHeader is how a handler whose errors stand in the body alone tells Seen their name and sentence: "name: sentence", or
// "operation name: sentence" where the address does not say what was asked. It goes no further.
const RefusedHeader = "X-Countersign-Refused"

type placeKey struct{}

// place is what Host meant: a pool ("" on a base URL shared by all) and the declared base URL.
type place struct{ pool, base string }

func placeOf(ctx context.Context) place {
	p, _ := ctx.Value(placeKey{}).(place)
	return p
}

// BaseURLOf returns the declared base URL that the request came by, without a slash at its end. It is one of a closed list, so it may begin an
// issuer or a link, which Host may not; only probes of /healthz and /readyz come by an address of their own. Empty without a front.
func BaseURLOf(ctx context.Context) string { return placeOf(ctx).base }

// PoolOf returns the id of the pool that the request's Host names, "" on a base URL shared by all.
func PoolOf(ctx context.Context) string { return placeOf(ctx).pool }

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := f.o.Now()
	sw := &statusWriter{ResponseWriter: w}
	surface := f.serve(sw, r)
	if f.o.Observe != nil {
		f.o.Observe(Seen{surface, r, sw.status, w.Header(), f.o.Now().Sub(began), sw.refused})
	}
}

// bodyTimeout bounds how long a client may take to send a body. Requests without one (event streams) are not bounded.
const bodyTimeout = 30 * time.Second

func (f *Front) serve(w http.ResponseWriter, r *http.Request) Surface {
	if r.ContentLength != 0 {
		// Not every ResponseWriter can; httptest's cannot.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	remote, scheme, err := f.o.Proxies.client(r)
	if err != nil {
		f.refuse(w, r, None, http.StatusBadRequest, fault.Invalidf("", "%s", err.Error()))
		return None
	}
	r, pool, ok := f.admit(r, remote, scheme)
	if !ok {
		f.refuse(w, r, None, http.StatusMisdirectedRequest, f.unknownHost(scheme, r.Host))
		return None
	}
	s, err := Classify(r)
	if err != nil {
		status := http.StatusBadRequest
		if err == errFormTooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		f.refuse(w, r, None, status, fault.Invalidf("", "%s", err.Error()))
		return None
	}
	if status, err := f.check(r, s, scheme); err != nil {
		f.refuse(w, r, s, status, err)
		return s
	}
	base, _ := origin(scheme, r.Host) // admitted, so it has that form
	r = r.WithContext(context.WithValue(r.Context(), placeKey{}, place{pool, base}))
	f.o.Surfaces[s].ServeHTTP(w, r)
	return s
}

// admit looks Host up and gives the request its client's address.
func (f *Front) admit(r *http.Request, remote, scheme string) (_ *http.Request, pool string, ok bool) {
	pool, ok = f.o.Hosts.find(scheme, r.Host)
	if !ok && !ownAddress(r) {
		return r, "", false
	}
	c := *r
	c.RemoteAddr = remote
	if slices.ContainsFunc(forwardedHeaders, func(h string) bool { _, has := r.Header[h]; return has }) {
		c.Header = r.Header.Clone()
		for _, h := range forwardedHeaders {
			delete(c.Header, h)
		}
	}
	return &c, pool, true
}

// ownAddress admits probes: Host is the very address that the connection came in on. Rebinding needs a name.
func ownAddress(r *http.Request) bool {
	if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	have, err1 := netip.ParseAddrPort(r.Host)
	want, err2 := netip.ParseAddrPort(local.String())
	return err1 == nil && err2 == nil && have.Port() == want.Port() && have.Addr().Unmap() == want.Addr().Unmap()
}

// check decides whether the surface answers this request here.
func (f *Front) check(r *http.Request, s Surface, scheme string) (int, *fault.Error) {
	signed := s == Cognito && f.o.Signed != nil && f.o.Signed(operation(r))
	if (!s.Open() || signed) && foreign(r, scheme) && !(!signed && followedLink(r)) {
		return http.StatusForbidden, fault.New(fault.OriginForbidden).
			WithPublic("A web page of another origin may not call this.").
			WithHint("only sign-in and token operations, OIDC and keys answer browsers; call %s from a server or a shell", describe(s, r))
	}
	if signed && f.o.RefuseSigned != "" {
		return http.StatusForbidden, fault.New(fault.AccessDenied).WithPublic("Signed operations are not served here, but %s.", f.o.RefuseSigned)
	}
	if f.o.Surfaces[s] != nil {
		return 0, nil
	}
	if where := f.o.Elsewhere[s]; where != "" {
		return http.StatusNotFound, fault.New(fault.ResourceNotFound).WithPublic("This is not served here, but %s.", where)
	}
	if target := r.Header.Get("X-Amz-Target"); s == None && target != "" {
		return http.StatusBadRequest, fault.New(fault.UnsupportedOperation).WithPublic("Unknown operation %s.", printable(target)).
			WithHint("served are AWSCognitoIdentityProviderService.*, and where configured TrentService.* and PinpointSMSVoiceV2.*, as POST /")
	}
	if s == None || s == Root {
		return http.StatusNotFound, fault.New(fault.ResourceNotFound).WithPublic("There is nothing here.").
			WithHint("AWS calls are POST / with X-Amz-Target or Action; other paths: " +
				"/{poolId}/.well-known/, /oauth/token, /mfa/, /passwordless/, /api/v2/, /admin/v1/, /simulator/, /healthz, /readyz")
	}
	return http.StatusNotImplemented, fault.New(fault.UnsupportedOperation).WithPublic("Countersign does not serve %s.", describe(s, r))
}

func (f *Front) unknownHost(scheme, host string) *fault.Error {
	e := fault.New(fault.InvalidParameter).WithField("Host").WithPublic("This server does not answer for that host name.")
	if !f.o.Dev {
		return e
	}
	if len(host) > maxHost {
		host = host[:maxHost]
	}
	return e.WithHint("%s://%s is not a declared base URL; use one of %s, or declare the name with --host", scheme, printable(host),
		strings.Join(f.o.Hosts.List(), ", "))
}

// operation returns the part of X-Amz-Target behind the service.
func operation(r *http.Request) string {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return op
}

func describe(s Surface, r *http.Request) string {
	switch s {
	case Cognito:
		return "the signed operation " + printable(operation(r))
	case KMS, SMSVoice:
		return printable(r.Header.Get("X-Amz-Target"))
	case SNS:
		return "SNS"
	}
	return printable(ShownPath(r))
}

// printable cuts s to what may stand in a header or a terminal.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x21 || c > 0x7e || c == '"' || c == '<' || c == '>' {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), 120)]
}

// refusal is the body of front's own errors. __type and message are what AWS clients read; error is for all others.
type refusal struct {
	Type    string `json:"__type,omitempty"`
	Error   string `json:"error"`
	Message string `json:"message"`
}

// awsTypes name front's refusals to AWS clients.
var awsTypes = map[fault.Code]string{
	fault.OriginForbidden: "ForbiddenException", fault.AccessDenied: "AccessDeniedException", fault.UnsupportedOperation: "UnknownOperationException",
	fault.ResourceNotFound: "UnknownOperationException", fault.InvalidParameter: "InvalidParameterException",
}

func (f *Front) refuse(w http.ResponseWriter, r *http.Request, s Surface, status int, e *fault.Error) {
	body := refusal{Error: string(e.Code), Message: e.Public}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if r.Header.Get("X-Amz-Target") != "" || s == SNS || s == STS || s == Lambda {
		body.Type = awsTypes[e.Code]
		h.Set("Content-Type", "application/x-amz-json-1.1")
		h.Set("X-Amzn-Errortype", body.Type+":")
		h.Set("X-Amzn-Requestid", requestID())
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if f.o.Dev && e.Hint != "" {
		h.Set(HintHeader, e.Hint)
	}
	h.Set(RefusedHeader, string(e.Code)+": "+e.Public)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
	if f.o.Refused != nil {
		f.o.Refused(r, status, e)
	}
}

func requestID() string { return strings.ToLower(rand.Text()) }

// statusWriter remembers the status, and takes RefusedHeader; Unwrap serves http.ResponseController.
type statusWriter struct {
	http.ResponseWriter
	status  int
	refused string
}

func (w *statusWriter) WriteHeader(code int) {
	if w.status == 0 && code >= 200 {
		w.begin(code)
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) begin(code int) {
	w.status = code
	if h := w.Header(); h[RefusedHeader] != nil {
		w.refused = h.Get(RefusedHeader)
		delete(h, RefusedHeader)
	}
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.begin(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher for handlers that ask for it by type.
func (w *statusWriter) Flush() { http.NewResponseController(w.ResponseWriter).Flush() }
