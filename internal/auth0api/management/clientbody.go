package management

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

const (
	// maxClientList is how many clients a pool has at most.
	maxClientList = 1000
	// maxClientMetadata bounds the members of client_metadata.
	maxClientMetadata = 50
	// requireMFA is the key of client_metadata that asks each sign-in of the client for a second factor.
	requireMFA = "countersign_require_mfa"
	// clientMember is where store.Client.Wire keeps what this API alone knows of a client.
	clientMember = "auth0"
	// noSecret is the way in which public clients prove themselves.
	noSecret = "none"

	defaultIDLife      = 10 * time.Hour
	defaultRefreshLife = 30 * 24 * time.Hour
	longestRefresh     = 3650 * 24 * time.Hour
)

// appTypes are those that a client may have; all grant types that it may name are in grantTypes.
var (
	appTypes   = []string{"native", "spa", "regular_web", "non_interactive", "resource_server", "express_configuration"}
	grantTypes = []string{
		pool.GrantPassword, pool.GrantPasswordRealm, pool.GrantRefresh, pool.GrantMFAOOB, pool.GrantMFAOTP, pool.GrantMFARecovery, pool.GrantPasswordless,
		clientCredentials, "authorization_code", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba",
		"urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer",
	}
	authMethods = []string{noSecret, "client_secret_post", "client_secret_basic"}
)

// clientDoc is what is kept of a client: members as they were sent.
func clientDoc(c *pool.Client) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if len(c.Wire) > 0 {
		if err := json.Unmarshal(c.Wire, &all); err != nil {
			return nil, fault.Internalf("client %s: %w", c.ID, err)
		}
	}
	doc := map[string]json.RawMessage{}
	if raw, ok := all[clientMember]; ok {
		if err := json.Unmarshal(raw, &doc); err != nil {
			return nil, fault.Internalf("client %s: %w", c.ID, err)
		}
	}
	return doc, nil
}

// keepClientDoc puts the document back beside what other wires keep.
func keepClientDoc(c *pool.Client, doc map[string]json.RawMessage) error {
	all := map[string]json.RawMessage{}
	if len(c.Wire) > 0 {
		if err := json.Unmarshal(c.Wire, &all); err != nil {
			return fault.Internalf("client %s: %w", c.ID, err)
		}
	}
	all[clientMember] = encode(doc)
	c.Wire = encode(all)
	if len(all[clientMember]) > maxDocument {
		return fault.New(fault.PayloadTooLarge).WithPublic("The settings of a client are larger than %d KiB.", maxDocument>>10)
	}
	return nil
}

// clientOf shows a client. Without secret its secrets are left out.
func clientOf(c *pool.Client, p *pool.Pool, secret bool) (map[string]any, error) {
	doc, err := clientDoc(c)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"is_first_party": true, "oidc_conformant": true, "callbacks": []string{}}
	for name, v := range doc {
		out[name] = v
	}
	if doc["app_type"] == nil {
		out["app_type"] = map[bool]string{true: "regular_web", false: "native"}[len(c.Secrets) > 0]
	}
	if len(c.Secrets) == 0 {
		out["token_endpoint_auth_method"] = noSecret
	} else if doc["token_endpoint_auth_method"] == nil {
		out["token_endpoint_auth_method"] = "client_secret_post"
	}
	metadata := map[string]string{}
	for k, v := range c.Config.Metadata {
		metadata[k] = v
	}
	if c.Config.RequireMFA {
		metadata[requireMFA] = "true"
	}
	out["client_id"], out["name"], out["tenant"], out["global"] = c.ID, c.Name, p.Name, false
	out["client_metadata"], out["require_mfa"], out["grant_types"] = metadata, c.Config.RequireMFA, grantsOf(c, p)
	out["refresh_token"], out["jwt_configuration"] = refreshOf(c, doc), jwtOf(c, doc)
	if secret && len(c.Secrets) > 0 {
		out["client_secret"] = c.Secrets[0]
	}
	return out, nil
}

// grantsOf are the client's grant types, or those that its flows imply.
func grantsOf(c *pool.Client, p *pool.Pool) []string {
	if c.Config.Grants != nil {
		return c.Config.Grants
	}
	out := []string{}
	if slices.Contains(c.Config.Flows, "ALLOW_USER_PASSWORD_AUTH") {
		out = append(out, pool.GrantPassword, pool.GrantPasswordRealm, pool.GrantMFAOOB, pool.GrantMFAOTP, pool.GrantMFARecovery)
	}
	if slices.Contains(p.Config.FirstFactors, "SMS_OTP") || slices.Contains(p.Config.FirstFactors, "EMAIL_OTP") {
		out = append(out, pool.GrantPasswordless)
	}
	if slices.Contains(c.Config.Flows, allowRefresh) || c.Config.Rotation {
		out = append(out, pool.GrantRefresh)
	}
	return out
}

const allowRefresh = "ALLOW_REFRESH_TOKEN_AUTH"

func refreshOf(c *pool.Client, doc map[string]json.RawMessage) map[string]any {
	out := map[string]any{"expiration_type": "expiring", "infinite_token_lifetime": false, "infinite_idle_token_lifetime": true, "idle_token_lifetime": 2592000}
	json.Unmarshal(doc["refresh_token"], &out) // an object, since updating checked it; absent: the defaults
	out["rotation_type"], out["leeway"] = "non-rotating", int(c.Config.Grace/time.Second)
	if c.Config.Rotation {
		out["rotation_type"] = "rotating"
	}
	out["token_lifetime"] = int(c.Config.RefreshTTL / time.Second)
	return out
}

func jwtOf(c *pool.Client, doc map[string]json.RawMessage) map[string]any {
	out := map[string]any{"alg": "RS256", "secret_encoded": false}
	json.Unmarshal(doc["jwt_configuration"], &out) // as above
	out["lifetime_in_seconds"] = int(c.Config.IDTTL / time.Second)
	return out
}

// clientChange is what a request sets; nil stays.
type clientChange struct {
	name, appType, authMethod, secret *string
	grants                            []string
	mfa                               *bool
	// metadata is merged; a nil value removes.
	metadata  map[string]*string
	rotation  *string
	leeway    *int
	lifetime  *int
	infinite  *bool
	idLife    *int
	doc       map[string]json.RawMessage
	setGrants bool
}

func clientChangeOf(f *wire.Fields, creating bool) clientChange {
	ch := clientChange{
		name:       f.Text("name", wire.Rule{Title: "Name of this client", Required: creating, Min: 1, Max: 128}),
		appType:    f.Text("app_type", wire.Rule{Title: "Type of client used to determine which settings are applicable", OneOf: appTypes, Null: true}),
		authMethod: f.Text("token_endpoint_auth_method", wire.Rule{Title: "How the client proves itself", OneOf: authMethods, Null: true}),
		grants:     f.Texts("grant_types", wire.Rule{Title: "Grant types supported for this application", OneOf: grantTypes, Max: 30, Null: true}),
		mfa:        f.Bool("require_mfa", wire.Rule{Title: "Ask each sign-in for a second factor", Null: true}),
		secret:     f.Text("client_secret", wire.Rule{Title: "The client's secret", Min: 16, Max: 128, Null: true}),
	}
	if ch.secret != nil && isPlaceholder(*ch.secret) {
		ch.secret = nil
	}
	ch.setGrants = ch.grants != nil || f.IsNull("grant_types")
	ch.readMetadata(f)
	if o := f.Object("refresh_token", wire.Rule{Null: true}); o != nil {
		ch.rotation = o.Text("rotation_type", wire.Rule{OneOf: []string{"rotating", "non-rotating"}})
		ch.leeway = o.Int("leeway", wire.Rule{Title: "Seconds that the old token stays good", Max: 60})
		ch.lifetime = o.Int("token_lifetime", wire.Rule{Title: "Seconds", Min: 3600, Max: int(longestRefresh / time.Second)})
		ch.infinite = o.Bool("infinite_token_lifetime", wire.Rule{})
	}
	if o := f.Object("jwt_configuration", wire.Rule{Null: true}); o != nil {
		ch.idLife = o.Int("lifetime_in_seconds", wire.Rule{Title: "Seconds that an ID token is good", Min: 60, Max: 2592000})
	}
	for _, name := range []string{"client_id", "tenant", "global", "signing_keys", "owners", "callback_url_template"} {
		f.Ignore(name)
	}
	ch.doc = f.Unknown()
	for _, name := range []string{"app_type", "token_endpoint_auth_method", "refresh_token", "jwt_configuration"} {
		if v := f.Raw(name, wire.Rule{Null: true}); v != nil {
			ch.doc[name] = v
		}
	}
	return ch
}

func (ch *clientChange) readMetadata(f *wire.Fields) {
	o := f.Object("client_metadata", wire.Rule{Title: "Metadata associated with the client", Null: true})
	if o == nil {
		return
	}
	if o.Len() > maxClientMetadata {
		f.Fail("client_metadata", "", "Too many properties defined (%d), maximum %d", o.Len(), maxClientMetadata)
	}
	ch.metadata = map[string]*string{}
	for _, name := range o.Names() {
		v := o.Text(name, wire.Rule{Max: 255, Null: true})
		if name != requireMFA {
			ch.metadata[name] = v
			continue
		}
		on := false
		if v != nil {
			var err error
			if on, err = strconv.ParseBool(*v); err != nil {
				f.Fail("client_metadata."+requireMFA, "", "Expected \"true\" or \"false\"")
			}
		}
		if ch.mfa == nil {
			ch.mfa = &on
		}
	}
}

// apply changes a client.
func (ch *clientChange) apply(c *pool.Client) error {
	cfg := &c.Config
	if ch.name != nil {
		c.Name = *ch.name
	}
	if ch.setGrants {
		cfg.Grants = ch.grants
	}
	if ch.mfa != nil {
		cfg.RequireMFA = *ch.mfa
	}
	if len(ch.metadata) > 0 {
		all := map[string]string{}
		for k, v := range cfg.Metadata {
			all[k] = v
		}
		for k, v := range ch.metadata {
			if delete(all, k); v != nil {
				all[k] = *v
			}
		}
		if len(all) > maxClientMetadata {
			return wire.BadBody("client_metadata", "", "Too many properties defined (%d), maximum %d", len(all), maxClientMetadata)
		}
		cfg.Metadata = all
	}
	ch.applyTokens(cfg)
	if ch.secret != nil {
		c.Secrets = []string{*ch.secret}
	}
	if ch.authMethod != nil && *ch.authMethod == noSecret {
		c.Secrets = nil
	}
	doc, err := clientDoc(c)
	if err != nil {
		return err
	}
	merge(doc, ch.doc)
	return keepClientDoc(c, doc)
}

func (ch *clientChange) applyTokens(cfg *pool.ClientConfig) {
	if ch.rotation != nil {
		cfg.Rotation = *ch.rotation == "rotating"
		if i := slices.Index(cfg.Flows, allowRefresh); cfg.Rotation && i >= 0 { // the two exclude each other
			cfg.Flows = slices.Delete(slices.Clone(cfg.Flows), i, i+1)
		}
	}
	if ch.leeway != nil {
		cfg.Grace = time.Duration(*ch.leeway) * time.Second
	}
	if ch.lifetime != nil {
		cfg.RefreshTTL = time.Duration(*ch.lifetime) * time.Second
	}
	if value(ch.infinite) {
		cfg.RefreshTTL = longestRefresh
	}
	if ch.idLife != nil {
		cfg.IDTTL = time.Duration(*ch.idLife) * time.Second
	}
}

// newClientConfig is a client of this API that names nothing: it hides who exists, and keeps no verifiers of passwords.
func newClientConfig(appType string, grants []string) pool.ClientConfig {
	cfg := pool.DefaultClientConfig()
	cfg.HideExistence, cfg.IDTTL, cfg.RefreshTTL, cfg.Flows = true, defaultIDLife, defaultRefreshLife, []string{allowRefresh}
	switch {
	case grants != nil:
	case appType == "non_interactive":
		grants = []string{clientCredentials}
	default:
		grants = []string{"authorization_code", "implicit", pool.GrantRefresh}
		if appType == "regular_web" || appType == "" {
			grants = append(grants, clientCredentials)
		}
	}
	cfg.Grants = grants
	return cfg
}
