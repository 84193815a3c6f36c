package access

import (
	"context"
	"strings"

	"countersign/internal/fault"
)

// Kind is how a principal proved itself.
type Kind string

const (
	// AWS is an access key (SigV4), Management a client of the management or admin API (client credentials).
	AWS        Kind = "aws"
	Management Kind = "management"
	// Operator is a person at the console, Local the process itself or its command line.
	Operator Kind = "operator"
	Local    Kind = "local"
	// Function is a function that runs here, with the credentials of its worker. Its ID is the function's ARN. It has no
	// grants, so Allow refuses it; what it may do all the same (decrypt the codes of its pool) is package kms's to decide.
	Function Kind = "function"
)

// Principal is who calls.
type Principal struct {
	// ID is the access key id, client id, operator id or function's ARN; it may be shown and logged.
	ID   string
	Kind Kind
	// Name is for people.
	Name   string
	Grants []Grant
}

// IsZero reports whether nobody is known to call.
func (p Principal) IsZero() bool { return p.Kind == "" }

// The services of grants.
const (
	Cognito        = "cognito-idp"
	KMS            = "kms"
	Lambda         = "lambda"
	SNS            = "sns"
	SMSVoice       = "sms-voice"
	STS            = "sts"
	ManagementAPI  = "management"
	Admin          = "admin"
	AnyService     = "*"
	anything       = "*"
	wildcardSuffix = "*"
)

// Actions that show in clear what is otherwise sealed, redacted or masked. A facade that is about to show such a thing
// asks for the action besides that of the call itself; without it the field is left out or masked.
const (
	// ReadSecret (any service): client secrets, environment variables, hook secrets, provider credentials.
	ReadSecret = "ReadSecret"
	// ReadPersonal (Admin): the personal part of events and full destinations of messages.
	ReadPersonal = "personal.decrypt"
	// ReadClientKeys (ManagementAPI) is the original's scope for client secrets.
	ReadClientKeys = "read:client_keys"
	// KMSDecrypt is KMS's own.
	KMSDecrypt = "Decrypt"
)

// DecryptActions lists, by service, the actions that show what is otherwise hidden.
func DecryptActions() map[string][]string {
	return map[string][]string{
		AnyService:    {ReadSecret},
		Admin:         {ReadPersonal},
		KMS:           {KMSDecrypt},
		ManagementAPI: {ReadClientKeys},
	}
}

// Grant allows actions of a service on pools and keys.
type Grant struct {
	// Service is one of the services above; "*" is all.
	Service string `json:"service"`
	// Actions are names, or prefixes that end in "*"; "*" is all.
	Actions []string `json:"actions"`
	// Pools and Keys are ids (keys: id or ARN), or "*". A call on a pool needs the pool in Pools, a call on a key the key in
	// Keys. A call on neither (CreateUserPool, Publish) needs "*" in Pools, or in Keys if the service is KMS.
	Pools []string `json:"pools,omitempty"`
	Keys  []string `json:"keys,omitempty"`
}

// Resource is what a call is about. The zero Resource is the whole deployment.
type Resource struct{ Pool, Key string }

// OnPool is the resource of a call that names a pool.
func OnPool(id string) Resource { return Resource{Pool: id} }

// OnKey is the resource of a call that names a KMS key, by the key's own id or ARN (aliases are resolved before).
func OnKey(id string) Resource { return Resource{Key: id} }

// Allow returns nil if a grant of p covers the action. Otherwise it returns fault.AccessDenied, whose Hint names the
// command that would grant it, or fault.Unauthenticated for the zero Principal.
func Allow(p Principal, service, action string, r Resource) error {
	if p.IsZero() {
		return fault.New(fault.Unauthenticated)
	}
	for i := range p.Grants {
		if p.Grants[i].covers(service, action, r) {
			return nil
		}
	}
	return denied(p, service, action, r)
}

func (g *Grant) covers(service, action string, r Resource) bool {
	if g.Service != service && g.Service != AnyService || !matchAction(g.Actions, action) {
		return false
	}
	if r == (Resource{}) && service == KMS {
		return has(g.Keys, anything)
	} else if r == (Resource{}) {
		return has(g.Pools, anything)
	}
	return (r.Pool == "" || hasOrAny(g.Pools, r.Pool)) && (r.Key == "" || hasKey(g.Keys, r.Key))
}

func matchAction(patterns []string, action string) bool {
	for _, p := range patterns {
		if prefix, ok := strings.CutSuffix(p, wildcardSuffix); ok {
			if prefix == "" || strings.HasPrefix(action, prefix) && !isSecretAction(action) {
				return true
			}
		} else if p == action {
			return true
		}
	}
	return false
}

// isSecretAction keeps "Read*", "personal.*" and "read:*" from granting what must be granted by name or by "*".
func isSecretAction(action string) bool {
	return action == ReadSecret || action == ReadPersonal || action == ReadClientKeys
}

func has(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func hasOrAny(list []string, s string) bool { return has(list, s) || has(list, anything) }

// hasKey takes a key's id for its ARN and the other way round: ARNs end in "key/<id>".
func hasKey(list []string, key string) bool {
	id := key[strings.LastIndexByte(key, '/')+1:]
	for _, e := range list {
		if e == anything || e == key || e == id || id == key && strings.HasSuffix(e, ":key/"+id) {
			return true
		}
	}
	return false
}

func denied(p Principal, service, action string, r Resource) error {
	on, flag := "*", ""
	switch {
	case r.Pool != "":
		on, flag = r.Pool, " --pool "+r.Pool
	case r.Key != "":
		on, flag = r.Key, " --key "+r.Key
	case service == KMS:
		flag = " --key '*'"
	}
	return fault.New(fault.AccessDenied).
		WithPublic("User: %s is not authorized to perform: %s:%s on resource: %s", p.display(), service, action, on).
		WithHint("make a key that may: countersign keys create --name NAME --service %s --action %s%s (presets that may: %s)",
			service, action, flag, havingPresets(service, action))
}

// havingPresets names the presets that allow an action.
func havingPresets(service, action string) string {
	var names []string
	for _, info := range Presets() {
		for s, actions := range info.Actions {
			if (s == service || s == AnyService) && matchAction(actions, action) {
				names = append(names, info.Name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// MayGrant returns nil if p itself has everything that the grants give: nobody passes on what they do not have. The
// error is Allow's for the first thing that is missing.
func MayGrant(p Principal, grants []Grant) error {
	for _, g := range grants {
		for _, action := range g.Actions {
			for _, id := range g.Pools {
				if err := Allow(p, g.Service, action, OnPool(id)); err != nil {
					return err
				}
			}
			for _, id := range g.Keys {
				if err := Allow(p, g.Service, action, OnKey(id)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// display is the caller as the wire may show it back.
func (p Principal) display() string {
	if p.ID == "" {
		return string(p.Kind)
	}
	return p.ID
}

type ctxKey struct{}

// With returns a context that carries the principal.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, ctxKey{}, p)
}

// Signed adds to what an event tells who caused it, as "by"; nothing if nobody is known to call.
func Signed(ctx context.Context, data map[string]any) map[string]any {
	if who := From(ctx).ID; who != "" {
		data["by"] = who
	}
	return data
}

// From returns the principal of the context; the zero Principal if nobody is known to call.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(ctxKey{}).(Principal)
	return p
}
