package cognito

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

// clientDocument is what store.Client.Wire holds: the settings of an app client as they were set, defaults filled in.
// pool.ClientConfig is derived from it, here alone. It has no ids, name, secret and dates: these belong to the row.
type clientDocument struct {
	Client api.UserPoolClientType `json:"client"`
	// Auth0 is what the Management API keeps there.
	Auth0 json.RawMessage `json:"auth0,omitempty"`
}

// clientContext is what the settings of a client are checked against.
type clientContext struct {
	poolID string
	cfg    *pool.Config
	// secret says that the client has one.
	secret bool
	// verb is "creating" or "updating", for sentences.
	verb string
}

// newClientDocument makes the document of a request to create or update a client.
func newClientDocument(request any, in clientContext) (*clientDocument, error) {
	d := &clientDocument{}
	copySame(reflect.ValueOf(&d.Client).Elem(), reflect.ValueOf(request).Elem())
	d.Client.UserPoolId, d.Client.ClientId, d.Client.ClientName, d.Client.ClientSecret = nil, nil, nil, nil
	if err := d.check(in); err != nil {
		return nil, err
	}
	d.complete()
	_, err := d.config()
	return d, err
}

// complete fills the defaults in, as a fresh client shows them.
func (d *clientDocument) complete() {
	c := &d.Client
	if wire.Value(c.RefreshTokenValidity) == 0 {
		c.RefreshTokenValidity = new(int64(30))
		if c.TokenValidityUnits != nil && c.TokenValidityUnits.RefreshToken != nil {
			// Zero is the default of thirty days, whatever the unit.
			c.RefreshTokenValidity = new(int64(30 * 24 * time.Hour / units[*c.TokenValidityUnits.RefreshToken]))
		}
	}
	orSet(&c.TokenValidityUnits, api.TokenValidityUnitsType{})
	if len(c.ExplicitAuthFlows) == 0 {
		c.ExplicitAuthFlows = pool.DefaultFlows()
		if rotates(c) {
			c.ExplicitAuthFlows = slices.DeleteFunc(c.ExplicitAuthFlows, isRefreshFlow)
		}
	}
	orSet(&c.AllowedOAuthFlowsUserPoolClient, false)
	orSet(&c.PreventUserExistenceErrors, api.PreventUserExistenceErrorLegacy)
	orSet(&c.EnableTokenRevocation, true)
	orSet(&c.EnablePropagateAdditionalUserContextData, false)
	orSet(&c.AuthSessionValidity, int64(3))
}

func isRefreshFlow(flow string) bool { return flow == api.ExplicitAuthFlowsAllowRefreshTokenAuth }

func rotates(c *api.UserPoolClientType) bool {
	return c.RefreshTokenRotation != nil && wire.Value(c.RefreshTokenRotation.Feature) == api.FeatureEnabled
}

// units are the lengths of TimeUnitsType.
var units = map[string]time.Duration{
	api.TimeUnitsSeconds: time.Second, api.TimeUnitsMinutes: time.Minute, api.TimeUnitsHours: time.Hour, api.TimeUnitsDays: 24 * time.Hour,
}

// validity is a token's life, def if it is absent or 0. A nil unit is defUnit.
func validity(n *int64, unit *string, defUnit, def, least, most time.Duration) (time.Duration, error) {
	if wire.Value(n) == 0 {
		return def, nil
	}
	u := defUnit
	if unit != nil {
		u = units[*unit]
	}
	// The model bounds n to 315,360,000; so many days would overflow.
	if *n < 0 || *n > int64(most/u) || time.Duration(*n)*u < least {
		return 0, fault.Invalidf("TokenValidityUnits", "Invalid range for token validity.").
			WithHint("Access and ID tokens live 5 minutes to 1 day, refresh tokens 60 minutes to 10 years; without TokenValidityUnits the numbers are hours, and days for refresh tokens.")
	}
	return time.Duration(*n) * u, nil
}

const (
	day      = 24 * time.Hour
	tenYears = 3650 * day
)

// lives are the lives of the three tokens.
func (d *clientDocument) lives() (access, id, refresh time.Duration, err error) {
	c := &d.Client
	u := wire.Value(c.TokenValidityUnits)
	if access, err = validity(c.AccessTokenValidity, u.AccessToken, time.Hour, time.Hour, 5*time.Minute, day); err != nil {
		return 0, 0, 0, err
	}
	if id, err = validity(c.IdTokenValidity, u.IdToken, time.Hour, time.Hour, 5*time.Minute, day); err != nil {
		return 0, 0, 0, err
	}
	if refresh, err = validity(c.RefreshTokenValidity, u.RefreshToken, day, 30*day, time.Hour, tenYears); err != nil {
		return 0, 0, 0, err
	}
	if access > refresh || id > refresh {
		return 0, 0, 0, fault.Invalidf("RefreshTokenValidity", "Access and Id Token expiration times must be less than or equal to refresh token expiration times.")
	}
	return access, id, refresh, nil
}

// config derives what the flows need. The document must be complete.
func (d *clientDocument) config() (pool.ClientConfig, error) {
	c := &d.Client
	out := pool.ClientConfig{
		Flows: modernFlows(c.ExplicitAuthFlows), HideExistence: *c.PreventUserExistenceErrors == api.PreventUserExistenceErrorEnabled,
		Revocation: *c.EnableTokenRevocation, AuthSession: time.Duration(*c.AuthSessionValidity) * time.Minute,
	}
	if len(c.ReadAttributes) > 0 {
		out.ReadAttributes = c.ReadAttributes
	}
	if len(c.WriteAttributes) > 0 {
		out.WriteAttributes = c.WriteAttributes
	}
	if rotates(c) {
		out.Rotation, out.Grace = true, time.Duration(wire.Value(c.RefreshTokenRotation.RetryGracePeriodSeconds))*time.Second
	}
	var err error
	out.AccessTTL, out.IDTTL, out.RefreshTTL, err = d.lives()
	return out, err
}

// modernFlows maps the legacy names: they add to SRP, custom and refresh, and CUSTOM_AUTH_FLOW_ONLY takes SRP away (API reference,
// ExplicitAuthFlows).
func modernFlows(flows []string) []string {
	if len(flows) == 0 || strings.HasPrefix(flows[0], "ALLOW_") {
		return flows
	}
	out := pool.DefaultFlows()
	for _, f := range flows {
		switch f {
		case api.ExplicitAuthFlowsAdminNoSRPAuth:
			out = append(out, api.ExplicitAuthFlowsAllowAdminUserPasswordAuth)
		case api.ExplicitAuthFlowsUserPasswordAuth:
			out = append(out, api.ExplicitAuthFlowsAllowUserPasswordAuth)
		case api.ExplicitAuthFlowsCustomAuthFlowOnly:
			out = slices.DeleteFunc(out, func(f string) bool { return f == api.ExplicitAuthFlowsAllowUserSRPAuth })
		}
	}
	return out
}

// put writes the document and what is derived from it into a client. What other wires set stays.
func (d *clientDocument) put(cl *pool.Client) error {
	cfg, err := d.config()
	if err != nil {
		return err
	}
	cl.Config = withOthers(cfg, &cl.Config)
	d.Auth0 = keptOfOthers(cl)
	if cl.Wire, err = json.Marshal(d); err != nil {
		return fault.Internalf("client %s: %w", cl.ID, err)
	}
	return nil
}

// withOthers is a configuration derived from the document, with what the document does not know: the tag of the pool that asks for MFA, and what the
// Management API sets.
func withOthers(cfg pool.ClientConfig, c *pool.ClientConfig) pool.ClientConfig {
	cfg.RequireMFA, cfg.Grants, cfg.Metadata, cfg.Audiences, cfg.Scopes, cfg.Machine = c.RequireMFA, c.Grants, c.Metadata, c.Audiences, c.Scopes, c.Machine
	return cfg
}

// keptOfOthers is the part of a client's document that belongs to the Management API.
func keptOfOthers(cl *pool.Client) json.RawMessage {
	var d struct {
		Auth0 json.RawMessage `json:"auth0"`
	}
	if json.Unmarshal(cl.Wire, &d) != nil {
		return nil
	}
	return d.Auth0
}

// readClientDocument reads a client's document; see documentOf.
func readClientDocument(cl *pool.Client) (*clientDocument, error) {
	d := &clientDocument{}
	if len(cl.Wire) > 0 {
		if err := json.Unmarshal(cl.Wire, d); err != nil {
			return nil, fault.Internalf("client %s: %w", cl.ID, err)
		}
	}
	d.complete()
	cfg, err := d.config()
	if err != nil || !sameJSON(withOthers(cfg, &cl.Config), cl.Config) {
		d.adopt(&cl.Config)
		d.complete()
	}
	return d, nil
}

// adopt makes the document say what the flows' configuration says: config in reverse.
func (d *clientDocument) adopt(c *pool.ClientConfig) {
	w := &d.Client
	w.ExplicitAuthFlows, w.ReadAttributes, w.WriteAttributes = slices.Clone(c.Flows), c.ReadAttributes, c.WriteAttributes
	prevent, revoke := api.PreventUserExistenceErrorLegacy, c.Revocation
	if c.HideExistence {
		prevent = api.PreventUserExistenceErrorEnabled
	}
	w.PreventUserExistenceErrors, w.EnableTokenRevocation = &prevent, &revoke
	w.AuthSessionValidity = new(max(3, int64(c.AuthSession/time.Minute)))
	seconds := api.TimeUnitsSeconds
	w.TokenValidityUnits = &api.TokenValidityUnitsType{AccessToken: &seconds, IdToken: &seconds, RefreshToken: &seconds}
	w.AccessTokenValidity, w.IdTokenValidity = new(int64(c.AccessTTL/time.Second)), new(int64(c.IDTTL/time.Second))
	w.RefreshTokenValidity = new(int64(c.RefreshTTL / time.Second))
	w.RefreshTokenRotation = nil
	if c.Rotation {
		on := api.FeatureEnabled
		w.RefreshTokenRotation = &api.RefreshTokenRotationType{Feature: &on, RetryGracePeriodSeconds: new(int64(c.Grace / time.Second))}
	}
}
