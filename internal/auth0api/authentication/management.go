package authentication

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"countersign/internal/access"
	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
)

// managementPath is the Management API's part of its audience.
const managementPath = "/api/v2/"

// managementToken answers the grant client_credentials: the caller is a program of the operator, never a web page.
func (a *API) managementToken(w http.ResponseWriter, r *http.Request, p *wire.Parameters, elsewhere string) {
	t, err := a.issue(r, p, elsewhere)
	name := ""
	if err == nil {
		a.answer(w, t)
	} else {
		name = a.fail(w, r, err)
	}
	if a.Management.Observe != nil {
		a.Management.Observe(r.Context(), wire.Printable(p.Get("client_id")), name)
	}
}

func (a *API) issue(r *http.Request, p *wire.Parameters, elsewhere string) (*tokens, error) {
	if a.foreign(r) {
		return nil, fault.New(fault.OriginForbidden)
	}
	if elsewhere != "" {
		return nil, &oauthError{status: http.StatusForbidden, Name: "unauthorized_client",
			Description: "Management tokens are not issued here, but " + elsewhere + "."}
	}
	if p.Get("client_id") == "" {
		return nil, missing("client_id")
	}
	return a.clientCredentials(r.Context(), p.Get("client_id"), p.Get("client_secret"), p.Get("audience"))
}

func (a *API) clientCredentials(ctx context.Context, id, secret, audience string) (*tokens, error) {
	m := a.Management
	who, err := m.Authenticate(ctx, id, secret)
	if err != nil {
		if k := fault.Of(err).Kind(); k == fault.Denied || k == fault.NotFound {
			return nil, &oauthError{status: http.StatusUnauthorized, Name: "access_denied", Description: descUnauthorized,
				hint: "client_id and client_secret do not belong to a management client; list them with: countersign keys list"}
		}
		return nil, err
	}
	if audience == "" && len(m.Audiences) > 0 {
		audience = m.Audiences[0]
	}
	// a pool's own host is not in the list where it is found by name, as in dev
	if audience != a.BaseURL(ctx)+managementPath && !slices.Contains(m.Audiences, audience) {
		return nil, &oauthError{status: http.StatusForbidden, Name: "access_denied", Description: "Service not found: " + wire.Printable(audience),
			hint: "audience must be one of " + strings.Join(m.Audiences, ", ")}
	}
	token, life, err := m.Issue(ctx, who, audience)
	if err != nil {
		return nil, err
	}
	return &tokens{Access: token, Scope: scopes(who), ExpiresIn: int(life.Seconds()), TokenType: "Bearer"}, nil
}

// scopes are what the client may do in the management API: the server decides, not the request (RFC 6749, section 3.3).
func scopes(p access.Principal) string {
	var out []string
	for _, g := range p.Grants {
		if g.Service != access.ManagementAPI && g.Service != access.AnyService {
			continue
		}
		for _, s := range g.Actions {
			if strings.Contains(s, ":") && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return strings.Join(out, " ")
}
