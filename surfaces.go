package countersign

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"countersign/internal/adminapi"
	"countersign/internal/auth0api/authentication"
	"countersign/internal/awsapi/cognito"
	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/front"
	"countersign/internal/function"
	"countersign/internal/gateway"
	"countersign/internal/oidc"
	"countersign/internal/pool"
	"countersign/internal/receiptapi"
	"countersign/internal/simulator"
)

// mount makes the handler of every surface there is.
func (s *Server) mount(ctx context.Context) error {
	auth := s.authentication()
	s.surfaces = map[front.Surface]http.Handler{
		front.Health:   http.HandlerFunc(s.health),
		front.Metrics:  s.metrics.handler(),
		front.OIDC:     s.oidc(),
		front.Token:    auth.Token(""),
		userTokens:     auth.Token(s.elsewhere()),
		front.Auth0:    auth.EndUsers(),
		front.Admin:    s.admin(),
		front.Receipts: receiptapi.New(s.parts.receipts, receiptapi.Options{BaseURL: front.BaseURLOf, Log: s.c.Log, Now: s.c.Now}),
	}
	if err := s.mountAWS(ctx); err != nil {
		return err
	}
	s.mountManagement()
	if s.c.Mode == Dev {
		s.surfaces[front.Root] = http.HandlerFunc(s.root)
		s.parts.public = s.door(AllDoors)
		s.surfaces[front.Simulator] = simulator.Handler(simulator.HandlerOptions{
			Inbox: s.parts.inbox, Reset: s.Reset, OnInbound: s.parts.fromPhone, BaseURL: s.c.BaseURLs[0], Region: DevRegion, ClientID: DevClient, Logger: s.c.Log,
			Sandbox: s.parts.sandbox.Enabled, SetSandbox: s.parts.sandbox.SetEnabled,
		})
	}
	return nil
}

func (s *Server) oidc() http.Handler {
	o := oidc.Options{
		Keys: s.parts.tokens, BaseURL: s.poolBaseURL, Log: s.c.Log,
		// each declared base URL is an issuer of the Auth0 wire: its clients compare the host that they were given
		RootURL: func(ctx context.Context, _ string) (string, error) { return front.BaseURLOf(ctx), nil },
		PoolOf:  s.poolOf,
	}
	if s.c.Mode == Dev {
		o.MaxAge = -1
	}
	return oidc.Handler(o)
}

func (s *Server) authentication() *authentication.API {
	var audiences []string
	for _, o := range s.hosts.List() {
		audiences = append(audiences, o+"/api/v2/", o+adminapi.Prefix)
	}
	return authentication.New(authentication.Options{
		Flows: s.parts.pool, PoolOf: s.poolIn, BaseURL: front.BaseURLOf, Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now,
		Management: authentication.Management{
			Authenticate: s.parts.mgmt.login, Issue: s.parts.mgmt.issue, Audiences: audiences,
			Observe: func(ctx context.Context, clientID, refused string) {
				if s.c.Mode != Serve {
					return
				}
				if refused != "" && !s.parts.mgmt.known(ctx, clientID) {
					clientID = "unknown" // perhaps a secret that was sent for an id
				}
				s.c.Log.InfoContext(ctx, "management token", "client", clientID, "refused", refused)
			},
		},
	})
}

// admin is made when it is first asked: describing its types takes milliseconds and memory that a start should not cost.
func (s *Server) admin() http.Handler {
	made := sync.OnceValue(s.makeAdmin)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { made().ServeHTTP(w, r) })
}

func (s *Server) makeAdmin() http.Handler {
	return adminapi.Handler(adminapi.Options{
		Authenticate: s.parts.mgmt.authenticate, Access: s.parts.access, Events: s.parts.events, Keyring: s.parts.keyring, Store: s.parts.store,
		Tokens: s.parts.tokens, Root: s.parts.root, Log: s.c.Log, Now: s.c.Now, Status: s.status,
		Guards: &adminapi.Guards{Screen: s.parts.screen, Pumping: s.parts.pumping}, Numbers: &adminapi.Numbers{
			Originations: s.parts.originations, Registrations: s.parts.registrations, Sandbox: s.parts.sandbox, Account: s.parts.smsAccount,
		},
		Configuration: &adminapi.Configuration{
			Pools: s.parts.pool, Settings: cognito.PoolSettings, SetSettings: cognito.SetPoolSettings, ClientSettings: cognito.ClientSettings,
			SetClientSettings: cognito.SetClientSettings,
		},
		Functions: s.parts.functions, Isolation: s.isolation, Delivery: &adminapi.Delivery{
			Kinds: gateway.Specs(), Routes: s.parts.routes, Health: s.parts.health, Receipts: s.parts.receipts, OptOuts: s.parts.optouts, Canaries: s.parts.canaries,
			Try: s.parts.tryMessage, Preview: s.parts.preview, MessageSettings: s.parts.pool.MessageSettings,
			PutMessageSettings: func(ctx context.Context, poolID string, m adminapi.MessageSettings) (*adminapi.MessageSettings, error) {
				return s.parts.pool.PutMessageSettings(ctx, pool.Caller{Wire: "admin"}, poolID, m)
			},
		},
	})
}

func (s *Server) status() adminapi.Status {
	st := adminapi.Status{
		Version: s.c.Version, Mode: s.c.Mode.String(), StartedAt: s.started.UTC(), BaseURLs: s.hosts.List(), Listeners: []string{},
		Sender: nameOf(s.c.Sender), Mailer: nameOf(s.c.Mailer), Ready: s.ready.Load(),
	}
	if s.parts.inbox != nil {
		st.Sender, st.Mailer = "simulator", "simulator"
	}
	for _, b := range s.bindings {
		st.Listeners = append(st.Listeners, b.Listener.Addr().String())
	}
	return st
}

// health: the process answers; it is ready if it does not drain and its database answers.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/readyz" {
		if !s.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "draining or not started\n")
			return
		}
		if err := s.parts.store.Ping(r.Context()); err != nil {
			s.c.Log.WarnContext(r.Context(), "not ready: the database does not answer", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "the database does not answer\n")
			return
		}
	}
	io.WriteString(w, "ok\n")
}

// root tells a person with a browser or curl what this is. Dev mode only.
func (s *Server) root(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/simulator/", http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "Countersign %s, development mode.\nTexts: /simulator/ at this address.\nPool %s, client %s, region %s.\n", s.c.Version, DevPool, DevClient, DevRegion)
}

// userTokens is front.Token where no management tokens are issued: the public door has it under that name.
const userTokens front.Surface = "oauth-token without management tokens"

// The surfaces of each door.
var (
	publicSurfaces = []front.Surface{front.Cognito, front.OIDC, front.Login, front.Token, front.Auth0, front.Receipts, front.Health}
	adminSurfaces  = []front.Surface{
		front.Cognito, front.STS, front.KMS, front.SNS, front.SMSVoice, front.Lambda, front.OIDC, front.Token, front.Auth0API, front.Admin,
		front.Console, front.Metrics, front.Health,
	}
	// exposable are the names of Config.Expose, besides "signed".
	exposable = map[string][]front.Surface{
		"sts": {front.STS}, "admin": {front.Admin, front.Token, front.Auth0API, front.Console}, "metrics": {front.Metrics},
	}
)

// elsewhere says where the operators' surfaces are.
func (s *Server) elsewhere() string {
	if s.c.Mode == Dev {
		return "on this machine's loopback address"
	}
	return "on the operators' listener (admin.listen)"
}

// door returns the front of a listener.
func (s *Server) door(d Door) http.Handler {
	if d == LocalDoor {
		return s.localDoor()
	}
	o := front.Options{
		Hosts: s.hosts, Proxies: s.c.Proxies, Dev: s.c.Mode == Dev, Surfaces: s.surfaces, Signed: signedOperation, Observe: s.observe, Now: s.c.Now,
	}
	switch d {
	case PublicDoor:
		open := slices.Clone(publicSurfaces)
		for _, name := range s.c.Expose {
			open = append(open, exposable[name]...)
		}
		o.Surfaces, o.Elsewhere = s.only(open), map[front.Surface]string{}
		if !slices.Contains(s.c.Expose, "admin") {
			o.Surfaces[front.Token] = s.surfaces[userTokens]
		}
		for _, sf := range adminSurfaces {
			o.Elsewhere[sf] = s.elsewhere()
		}
		if s.c.Mode == Dev {
			o.Elsewhere[front.Simulator] = s.elsewhere()
		}
		if !slices.Contains(s.c.Expose, "signed") {
			o.RefuseSigned = s.elsewhere()
		}
	case AdminDoor:
		o.Surfaces = s.only(adminSurfaces)
	}
	return s.traced(front.New(o))
}

func (s *Server) only(names []front.Surface) map[front.Surface]http.Handler {
	out := map[front.Surface]http.Handler{}
	for _, n := range names {
		if h := s.surfaces[n]; h != nil {
			out[n] = h
		}
	}
	return out
}

// localDoor has no Host rule: a socket has no name to rebind.
func (s *Server) localDoor() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(adminapi.Prefix+"/", s.surfaces[front.Admin])
	mux.Handle("/metrics", s.surfaces[front.Metrics])
	mux.Handle("/healthz", s.surfaces[front.Health])
	mux.Handle("/readyz", s.surfaces[front.Health])
	return mux
}

var signedOperations = func() map[string]bool {
	out := map[string]bool{}
	for _, m := range api.Operations {
		out[m.Name] = m.Auth == wire.AuthIAM
	}
	return out
}()

// signedOperation reports whether a Cognito operation is of the IAM class; an unknown one answers as such by itself.
func signedOperation(name string) bool { return signedOperations[name] }

// observe feeds the metrics and, in dev mode, the console.
func (s *Server) observe(seen front.Seen) {
	s.metrics.observe(seen)
	tell(seen)
	if s.c.Failed == nil || seen.Status < 400 {
		return
	}
	f := Failure{
		Request: seen.Request.Method + " " + front.ShownPath(seen.Request), Status: seen.Status, Hint: seen.Header.Get(front.HintHeader),
		Error:   strings.TrimSuffix(seen.Header.Get("X-Amzn-Errortype"), ":"),
		Message: seen.Header.Get("X-Amzn-Errormessage"),
	}
	if f.Error == "" {
		var words string
		f.Error, words, _ = strings.Cut(seen.Refused, ": ")
		f.Message = function.Masked(words) // some of them are those of a provider, or of the pool's own code
		if op, name, ok := strings.Cut(f.Error, " "); ok && seen.Request.URL.Path == "/" {
			f.Request, f.Error = op, name
		}
	}
	if _, op, ok := strings.Cut(seen.Request.Header.Get("X-Amz-Target"), "."); ok {
		f.Request = op
	}
	if f.Error == "UserLambdaValidationException" { // a function's own words
		f.Message = function.Masked(f.Message)
	}
	s.c.Failed(f)
}

// quietLog takes net/http's own complaints (bad TLS handshakes, mostly) into the log at debug level.
func quietLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}
