package script

import (
	"encoding/json"
	"slices"
	"strings"

	"countersign/internal/facts"
)

// maxClaims bounds the claims that are added to one token, maxMetadata what is merged into metadata, in bytes of JSON. What goes beyond is left out.
const (
	maxClaims   = 8 << 10
	maxMetadata = 16 << 10
	maxDenied   = 1024
)

// reserved are claims that the server sets itself. Auth0's rules and actions cannot set them either.
var reserved = []string{"iss", "sub", "aud", "exp", "iat", "nbf", "auth_time", "jti", "azp", "scope", "nonce", "at_hash", "c_hash", "client_id", "token_use", "gty",
	"permissions", "acr", "act", "amr", "cnf", "may_act", "org_id", "org_name", "s_hash", "sid", "typ", "event_id", "origin_jti", "version", "device_key", "username"}

func isReserved(claim string) bool {
	return claim == "" || slices.Contains(reserved, claim) || strings.HasPrefix(claim, "cognito:") || strings.HasPrefix(claim, "custom:")
}

// unauthorized is the error by which a rule refuses a sign-in, with words that the user may see.
const unauthorized = "UnauthorizedError"

// Verdict puts together what rules and actions decided, in the order in which they ran. A rule refuses by an UnauthorizedError, an action by
// api.access.deny. Any other error is the first outcome's that has one (*Error): its words are not for users, and whoever calls refuses the sign-in.
func Verdict(outcomes []*Outcome) (facts.Verdict, error) {
	var rules, actions decision
	for _, o := range outcomes {
		if e := o.Error; e != nil {
			if e.Failure != Refused || e.Name != unauthorized {
				return facts.Verdict{}, e
			}
			return facts.Verdict{Denied: refusal(e.Message)}, nil
		}
		if o.Data != nil {
			rules.rule(o.Data)
		}
		for _, c := range o.Commands {
			actions.command(c)
		}
	}
	return rules.and(&actions), nil
}

func refusal(words string) string {
	if strings.TrimSpace(words) == "" {
		return "Access denied."
	}
	return cut(words, maxDenied)
}

// decision is a verdict in the making.
type decision struct {
	mfa, any  bool
	providers []string
	denied    string
	id, acc   map[string]any
	user, app map[string]any
}

// rule takes the context as a rule left it. Rules hand it on, so the last one's is what counts; metadata that they set adds up.
func (d *decision) rule(data json.RawMessage) {
	var in struct {
		Context struct {
			Multifactor json.RawMessage `json:"multifactor"`
			IDToken     map[string]any  `json:"idToken"`
			AccessToken map[string]any  `json:"accessToken"`
		} `json:"context"`
	}
	_ = json.Unmarshal(data, &in) // members of another form stay empty
	d.mfa, d.any, d.providers = false, false, nil
	d.multifactor(in.Context.Multifactor)
	d.id, d.acc = in.Context.IDToken, in.Context.AccessToken
}

// multifactor takes context.multifactor: {"provider"}. What has another form asks for any factor: a mistake in the rule must not let people in.
func (d *decision) multifactor(raw json.RawMessage) {
	switch string(raw) {
	case "", "null", "false", `""`:
		return
	}
	var in struct {
		Provider  *string `json:"provider"`
		Providers []any   `json:"providers"`
	}
	if err := json.Unmarshal(raw, &in); err != nil || in.Provider == nil {
		d.enable("any", nil)
		return
	}
	d.enable(*in.Provider, in.Providers)
}

// kinds are the factors that a provider's name stands for; nil is any.
func kinds(provider string) []string {
	switch provider {
	case "google-authenticator", "otp":
		return []string{"otp"}
	case "phone", "sms", "voice":
		return []string{"phone"}
	case "email", "recovery-code":
		return []string{provider}
	}
	return nil // any, guardian, and what we do not have: the factor is owed all the same
}

// enable asks for a second factor. Who asks for any once more lifts what another asked for before.
func (d *decision) enable(provider string, only []any) {
	if provider == "none" || provider == "" {
		d.mfa, d.any, d.providers = false, false, nil
		return
	}
	list := kinds(provider)
	for _, p := range only {
		if name, ok := p.(string); ok {
			list = append(list, kinds(name)...)
		}
	}
	d.mfa = true
	d.any = d.any || len(list) == 0
	for _, k := range list {
		if !slices.Contains(d.providers, k) {
			d.providers = append(d.providers, k)
		}
	}
}

// command takes a call of an action's api.
func (d *decision) command(c Command) {
	name, value := "", any(nil)
	if len(c.Args) > 0 {
		_ = json.Unmarshal(c.Args[0], &name) // not every first argument is a string
	}
	if len(c.Args) > 1 {
		_ = json.Unmarshal(c.Args[1], &value)
	}
	switch c.Name {
	case "multifactor.enable":
		options, _ := value.(map[string]any)
		only, _ := options["providers"].([]any)
		d.enable(name, only)
	case "authentication.challengeWith":
		d.enable(name, nil)
	case "access.deny":
		if d.denied == "" {
			d.denied = refusal(name)
		}
	case "idToken.setCustomClaim":
		set(&d.id, name, value)
	case "accessToken.setCustomClaim":
		set(&d.acc, name, value)
	case "user.setUserMetadata":
		set(&d.user, name, value)
	case "user.setAppMetadata":
		set(&d.app, name, value)
	case "users.updateUserMetadata":
		setAll(&d.user, c.Args)
	case "users.updateAppMetadata":
		setAll(&d.app, c.Args)
	}
}

func set(m *map[string]any, name string, value any) {
	if *m == nil {
		*m = map[string]any{}
	}
	(*m)[name] = value
}

func setAll(m *map[string]any, args []json.RawMessage) {
	var values map[string]any
	if len(args) == 0 || json.Unmarshal(args[0], &values) != nil {
		return
	}
	for k, v := range values {
		set(m, k, v)
	}
}

// and adds what actions decided to what rules did.
func (d *decision) and(a *decision) facts.Verdict {
	v := facts.Verdict{MFA: d.mfa || a.mfa, Denied: a.denied}
	if v.MFA && !d.any && !a.any {
		for _, p := range slices.Concat(d.providers, a.providers) {
			if !slices.Contains(v.Providers, p) {
				v.Providers = append(v.Providers, p)
			}
		}
	}
	v.IDClaims, v.AccessClaims = claims(d.id, a.id), claims(d.acc, a.acc)
	v.UserMetadata, v.AppMetadata = bounded(maxMetadata, nil, d.user, a.user), bounded(maxMetadata, nil, d.app, a.app)
	return v
}

func claims(parts ...map[string]any) map[string]any {
	return bounded(maxClaims, func(name string, v any) bool { return isReserved(name) || v == nil }, parts...)
}

// bounded merges objects, later ones over earlier ones, in the order of their names as far as limit goes; nil if nothing is left.
func bounded(limit int, leave func(string, any) bool, parts ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, p := range parts {
		for k, v := range p {
			all[k] = v
		}
	}
	names := make([]string, 0, len(all))
	for k := range all {
		names = append(names, k)
	}
	slices.Sort(names)
	out, size := map[string]any{}, 2
	for _, k := range names {
		if leave != nil && leave(k, all[k]) {
			continue
		}
		text, err := json.Marshal(map[string]any{k: all[k]})
		if err != nil || size+len(text) > limit {
			continue
		}
		out[k], size = all[k], size+len(text)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
