package pool

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/fault"
)

// wireAuth0 is Caller.Wire of the Auth0 dialect.
const wireAuth0 = "auth0"

// DatabaseConnection is the name of the connection that users with a password belong to; ConnectionSMS and ConnectionEmail those of users who came
// by a passwordless code.
const (
	DatabaseConnection = "Username-Password-Authentication"
	ConnectionSMS      = "sms"
	ConnectionEmail    = "email"
)

// Grant types of the Auth0 wire.
const (
	GrantPassword      = "password"
	GrantPasswordRealm = "http://auth0.com/oauth/grant-type/password-realm"
	GrantRefresh       = "refresh_token"
	GrantMFAOOB        = "http://auth0.com/oauth/grant-type/mfa-oob"
	GrantMFAOTP        = "http://auth0.com/oauth/grant-type/mfa-otp"
	GrantMFARecovery   = "http://auth0.com/oauth/grant-type/mfa-recovery-code"
	GrantPasswordless  = "http://auth0.com/oauth/grant-type/passwordless/otp"
)

// Scopes of the audience <base>/mfa/.
const (
	scopeEnroll = "enroll"
	scopeRead   = "read:authenticators"
	scopeRemove = "remove:authenticators"

	scopeOpenID  = "openid"
	scopeOffline = "offline_access"
)

const (
	maxAudience = 600
	maxScope    = 2048
)

// onAuth0 is the caller of a request on the Auth0 wire.
func (c Caller) onAuth0() Caller {
	c.Wire = wireAuth0
	return c.asking()
}

// oauth returns the tenant of a client that has proved itself and may use the grant; an empty grant is any.
func (s *Service) oauth(ctx context.Context, c Caller, in OAuthClient, grant string) (*tenant, error) {
	t, err := s.byClient(ctx, in.ID, "")
	if err != nil {
		return nil, err
	}
	if t, err = s.onAuth0(t, c); err != nil {
		return nil, err
	}
	if err := t.checkSecret(in.Secret); err != nil {
		return nil, err
	}
	if grant != "" && !t.grants(grant) {
		return nil, fault.New(fault.GrantNotAllowed).WithField(grant).WithHint("Add %s to the client's grant types.", grant)
	}
	return t, t.checkAddress(c)
}

// onAuth0 is a tenant as the Auth0 wire sees it. The base URL that the call came by must be one of the pool's: what belongs to one pool is
// nothing on the host of another.
func (s *Service) onAuth0(t *tenant, c Caller) (*tenant, error) {
	on := *t
	on.auth0, on.bases = true, []string{strings.TrimSuffix(t.cfg.BaseURL, "/")}
	if s.BaseURLs != nil {
		for _, b := range s.BaseURLs(t.pool.ID) {
			on.bases = append(on.bases, strings.TrimSuffix(b, "/"))
		}
	}
	if c.PoolID != "" && c.PoolID != t.pool.ID {
		return nil, fault.New(fault.ClientNotFound).WithField(t.clientID())
	}
	on.base = on.bases[0]
	if b := strings.TrimSuffix(c.BaseURL, "/"); b != "" {
		if !slices.Contains(on.bases, b) {
			return nil, fault.New(fault.ClientNotFound).WithField(t.clientID())
		}
		on.base = b
	}
	return &on, nil
}

// grants reports whether the client may use a grant type: those that it names, or else those that its flows imply.
func (t *tenant) grants(grant string) bool {
	named := func(g string) bool { return slices.Contains(t.ccfg.Grants, g) }
	byPassword := grant == GrantPassword || grant == GrantPasswordRealm
	switch {
	case t.ccfg.Grants != nil && byPassword:
		return named(GrantPassword) || named(GrantPasswordRealm)
	case t.ccfg.Grants != nil:
		return named(grant)
	case byPassword:
		return t.ccfg.allows("ALLOW_USER_PASSWORD_AUTH")
	case grant == GrantRefresh:
		return t.ccfg.allows(allowRefresh) || t.ccfg.Rotation
	case grant == GrantPasswordless:
		return t.cfg.passwordless()
	}
	return t.ccfg.allows("ALLOW_USER_PASSWORD_AUTH") || t.cfg.passwordless()
}

// issuers are those of the pool's tokens on the Auth0 wire.
func (t *tenant) issuers() []string {
	out := make([]string, len(t.bases))
	for i, b := range t.bases {
		out[i] = b + "/"
	}
	return out
}

// isOwn reports whether an audience is one of the server's own: its userinfo or its MFA API, at any of its base URLs.
func (t *tenant) isOwn(audience, path string) bool {
	return slices.ContainsFunc(t.bases, func(b string) bool { return audience == b+path })
}

const (
	pathUserInfo   = "/userinfo"
	pathMFA        = "/mfa/"
	pathManagement = "/api/v2/"
)

// granted is what of a request for tokens is granted: RFC 6749, section 3.3, lets the server grant less than was asked, and what it does not know it
// leaves out. An empty audience is the server's own userinfo.
func (t *tenant) granted(in Asked) (Asked, error) {
	if len(in.Audience) > maxAudience || len(in.Scope) > maxScope {
		return Asked{}, fault.Invalidf("scope", "audience or scope is too long.")
	}
	out := Asked{Audience: in.Audience}
	known := []string{scopeOpenID, "profile", "email", "phone", "address"}
	switch {
	case in.Audience == "" || t.isOwn(in.Audience, pathUserInfo):
		out.Audience = ""
	case t.isOwn(in.Audience, pathMFA):
		known = append(known, scopeEnroll, scopeRead, scopeRemove)
	case slices.Contains(t.ccfg.Audiences, in.Audience) && !t.isOwn(in.Audience, pathManagement): // which is for management clients alone
		known = append(known, t.ccfg.Scopes...)
	default:
		return Asked{}, fault.New(fault.AccessDenied).WithField("audience").WithPublic("Service not found: %s", in.Audience).
			WithHint("Add the audience to the client's, or ask for none.")
	}
	if t.grants(GrantRefresh) {
		known = append(known, scopeOffline)
	}
	var list []string
	for _, s := range strings.Fields(in.Scope) {
		if slices.Contains(known, s) && isScope(s) && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	out.Scope = strings.Join(list, " ")
	return out, nil
}

func hasScope(scope, name string) bool { return slices.Contains(strings.Fields(scope), name) }
