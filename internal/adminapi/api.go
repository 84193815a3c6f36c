package adminapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
	"countersign/internal/token"
)

const (
	// Prefix is where the API lives.
	Prefix = "/admin/v1"
	// SigningName is the service that signed requests name.
	SigningName = "countersign"
	// maxBody bounds a request body, in bytes.
	maxBody = 1 << 20
)

// Options make the API. All fields are required unless said otherwise.
type Options struct {
	// Authenticate returns who calls. Its errors are *fault.Error of kind Denied.
	Authenticate func(r *http.Request, body []byte) (access.Principal, error)
	Access       *access.Keys
	Events       *eventlog.Log
	Keyring      *keyring.Keyring
	Store        store.Store
	Tokens       *token.Keys
	// Root is the configured root key, which RotateRoot wraps everything with.
	Root keyring.Root
	// Functions are listed and their logs shown, and Isolation says how they are shut in. Optional, both or none.
	Functions Functions
	Isolation func(context.Context) Isolation
	// Delivery is how messages go out. Optional.
	Delivery *Delivery
	// Guards refuse messages, Numbers are what messages come from and may go to. Optional.
	Guards  *Guards
	Numbers *Numbers
	// Configuration is pools as files have them. Optional; it needs Delivery, Guards and Numbers.
	Configuration *Configuration
	// Status describes the running server.
	Status func() Status
	// Log receives internal errors, and at level info who changed credentials and keys or saw what is sealed. Default
	// slog.Default().
	Log *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

type server struct {
	Options
	api huma.API
}

// Handler returns the handler of everything under Prefix.
func Handler(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	mux := http.NewServeMux()
	c := huma.DefaultConfig("Countersign administration", "1")
	c.Info.Description = "Access keys, wrapped keys, events, messages, users, providers, guards and numbers. Every operation names the action that its caller needs. " +
		"Every list takes filter, sort, cursor and limit."
	c.DocsPath, c.CreateHooks = "", nil
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A management token from POST /oauth/token, grant client_credentials."},
		"sigv4":  {Type: "apiKey", In: "header", Name: "Authorization", Description: "AWS Signature Version 4, service " + SigningName + "."},
	}
	c.Security = []map[string][]string{{"bearer": {}}, {"sigv4": {}}}
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	s := &server{Options: o, api: humago.NewWithPrefix(mux, Prefix, c)}
	s.registerStatus()
	s.registerAccess()
	s.registerKeys()
	s.registerEvents()
	s.registerMessages()
	s.registerUsers()
	s.registerUserList()
	s.registerFunctions()
	if s.Delivery != nil {
		s.registerAccounts()
		s.registerPlan()
		s.registerRates()
		s.registerSend()
		s.registerOptOuts()
		s.registerCanaries()
		s.registerMessageSettings()
	}
	if s.Guards != nil {
		s.registerGuards()
	}
	if s.Numbers != nil {
		s.registerOriginations()
		s.registerRegistrations()
		s.registerSMSAccount()
	}
	if s.Configuration != nil {
		s.registerConfiguration()
	}
	return s.guard(mux)
}

// public paths describe the API and nothing else.
var public = map[string]bool{Prefix + "/openapi.json": true, Prefix + "/openapi.yaml": true}

// guard authenticates everything before the mux sees it.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if public[r.URL.Path] {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			writeProblem(w, problemOf(fault.Invalidf("body", "The body cannot be read or is larger than 1 MiB.")))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		p, err := s.Authenticate(r, body)
		if err != nil {
			s.log(r.Context(), r.URL.Path, err)
			writeProblem(w, problemOf(err))
			return
		}
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), p)))
	})
}

// longest bounds an operation. huma sets the deadline of its body alone, but net/http gives the whole request up when that has passed: by default after five
// seconds, in which a slow service has not answered a test message yet.
const longest = 30 * time.Second

// register adds one operation. action is what the caller needs on the resource that the input names.
func register[I, O any](s *server, method, path, action, summary string, on func(*I) access.Resource, f func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: huma.GenerateOperationID(method, path, (*O)(nil)), Method: method, Path: path, Summary: summary, BodyReadTimeout: longest,
		Description: "Needs the action `" + action + "`.", Errors: []int{400, 401, 403, 404, 500},
		Middlewares: huma.Middlewares{rightsFirst(action)},
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		resource := access.Resource{}
		if on != nil {
			resource = on(in)
		}
		if err := access.Allow(access.From(ctx), access.Admin, action, resource); err != nil {
			return nil, problemOf(err)
		}
		out, err := f(ctx, in)
		if err != nil {
			s.log(ctx, op.OperationID, err)
			return nil, problemOf(err)
		}
		return out, nil
	})
}

// rightsFirst refuses whoever may not do the action at all, before the input is looked at: what is wrong with it is none of their business. Whether the
// action is allowed on what the input means is asked once that is known.
func rightsFirst(action string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who, pool := access.From(ctx.Context()), cmp.Or(ctx.Param("pool"), ctx.Query("pool"))
		err := access.Allow(who, access.Admin, action, onPool(pool))
		if err != nil && access.Allow(who, access.Admin, action, access.Resource{}) != nil {
			p := problemOf(err)
			ctx.SetHeader("Content-Type", p.ContentType(""))
			ctx.SetStatus(p.Status)
			_ = json.NewEncoder(ctx.BodyWriter()).Encode(p)
			return
		}
		next(ctx)
	}
}

func (s *server) log(ctx context.Context, what string, err error) {
	if _, said := errors.AsType[*Problem](err); !said && fault.Of(err).Kind() == fault.Internal {
		s.Log.ErrorContext(ctx, "admin API", "operation", what, "error", err)
	}
}

// audit writes down who changed something that belongs to no pool, or saw what is sealed, for the server's own log. args are for slog, and hold no secret
// and no number.
func (s *server) audit(ctx context.Context, what string, args ...any) {
	s.Log.InfoContext(ctx, what, append(args, "by", access.From(ctx).ID)...)
}

// tell appends an event about a change that was made: of a pool, or of the deployment (""). Services that change things tell of it themselves, in the same
// commit; this is for the others. The change stands if the event cannot be written, which the log says.
func (s *server) tell(ctx context.Context, poolID string, kind eventlog.Type, data map[string]any) {
	data["by"] = access.From(ctx).ID
	ev := s.Events.Event(eventlog.Entry{PoolID: poolID, Type: kind, Data: data})
	ctx = context.WithoutCancel(ctx)
	if err := s.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) }); err != nil {
		s.Log.ErrorContext(ctx, "a change without its event", "type", string(kind), "error", err)
		return
	}
	s.Events.Publish(ev)
}

// onPool narrows to a pool, or to nothing if none is named.
func onPool(id string) access.Resource {
	if id == "" {
		return access.Resource{}
	}
	return access.OnPool(id)
}
