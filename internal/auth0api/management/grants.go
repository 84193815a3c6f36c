package management

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"countersign/internal/access"
	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/store"
)

func grantRoutes() []route {
	return []route{
		{"GET", "/client-grants", "read:client_grants", (*api).listGrants, "client_id, audience, page, per_page, take, include_totals"},
		{"POST", "/client-grants", "create:client_grants", (*api).createGrant, "for the audience <base>/api/v2/ nobody grants more than they have"},
		{"GET", "/client-grants/{id}", "read:client_grants", (*api).getGrant, ""},
		{"PATCH", "/client-grants/{id}", "update:client_grants", (*api).updateGrant, "scope"},
		{"DELETE", "/client-grants/{id}", "delete:client_grants", (*api).deleteGrant, ""},
	}
}

const (
	// settingGrant and settingAPI are the settings of client grants and of resource servers, by their ids.
	settingGrant = "client_grant/"
	settingAPI   = "resource_server/"
	// maxGrants bounds the grants of a pool, maxAPIs its resource servers, maxScopes the scopes of either.
	maxGrants, maxAPIs, maxScopes = 1000, 200, 1000
	maxAudience                   = 600
)

// ClientGrant is the document of a client grant: the client may have tokens of the audience with the scopes.
type ClientGrant struct {
	ID       string   `json:"id"`
	ClientID string   `json:"client_id"`
	Audience string   `json:"audience"`
	Scope    []string `json:"scope"`
	// Subject is client or user; kept.
	Subject string `json:"subject_type,omitempty"`
}

// isManagement reports whether an audience is this API.
func isManagement(audience string) bool { return strings.HasSuffix(audience, Prefix+"/") }

// documentsOf reads all settings with a prefix.
func documentsOf[T any](ctx context.Context, s store.Store, poolID, prefix string, most int) ([]T, error) {
	var rows []*store.Setting
	err := s.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Settings().ListSettings(ctx, poolID, prefix, "", most)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]T, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row.Doc, &out[i]); err != nil {
			return nil, fault.Internalf("setting %s: %w", row.Name, err)
		}
	}
	return out, nil
}

func (a *api) grants(ctx context.Context, poolID string) ([]ClientGrant, error) {
	return documentsOf[ClientGrant](ctx, a.Store, poolID, settingGrant, maxGrants)
}

func (a *api) listGrants(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	all, err := a.grants(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	client, audience := r.Query.Get("client_id"), r.Query.Get("audience")
	list := slices.DeleteFunc(all, func(g ClientGrant) bool {
		return client != "" && g.ClientID != client || audience != "" && g.Audience != audience
	})
	return listed(page, "client_grants", list, func(g ClientGrant) string { return g.ID })
}

// listed answers a page of a list that is wholly at hand, sorted by id.
func listed[T any](page wire.Page, key string, list []T, id func(T) string) (int, any, error) {
	if !page.Checkpoint {
		part := wire.Cut(page, list)
		return http.StatusOK, page.Listed(key, part, len(part), len(list)), nil
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = id(list[i])
	}
	part, next := clientPage(page, ids)
	at := len(list)
	if len(part) > 0 {
		at = slices.Index(ids, part[0])
	}
	out := map[string]any{key: list[at : at+len(part)]}
	if next != "" {
		out["next"] = next
	}
	return http.StatusOK, out, nil
}

// grant is the one that the path names.
func (a *api) grant(ctx context.Context, r *Request) (g ClientGrant, err error) {
	k, err := a.setting(ctx, r.PoolID, settingGrant+r.Param("id"))
	if err == nil {
		err = grantIn(k, &g)
	}
	return g, err
}

// grantIn reads a grant; one that is not there, or not any more, is a 404.
func grantIn(k *kept, g *ClientGrant) error {
	if k.Doc == nil {
		return wire.NotFound("The client grant does not exist.")
	}
	return k.into(g)
}

func (a *api) getGrant(ctx context.Context, r *Request) (int, any, error) {
	g, err := a.grant(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, g, nil
}

var scopeRule = wire.Rule{Title: "Scopes allowed for this client grant", Max: maxScopes}

func (a *api) createGrant(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	scope := scopeRule
	scope.Null = true
	g := ClientGrant{
		ID:       "cgr_" + rand.Text()[:16],
		ClientID: value(f.Text("client_id", wire.Rule{Title: "ID of the client", Required: true, Min: 1, Max: 128})),
		Audience: value(f.Text("audience", wire.Rule{Title: "The audience (API identifier) of this client grant", Required: true, Min: 1, Max: maxAudience})),
		Scope:    f.Texts("scope", scope),
		Subject:  value(f.Text("subject_type", wire.Rule{OneOf: []string{"client", "user"}, Null: true})),
	}
	f.Ignore("organization_usage", "allow_any_organization", "is_system", "allow_all_scopes", "authorization_details_types")
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if g.Scope == nil {
		g.Scope = []string{}
	}
	if err := a.mayGrant(ctx, r, &g); err != nil {
		return 0, nil, err
	}
	err = a.storeGrant(ctx, r, &g, func(*kept) error {
		all, err := a.grants(ctx, r.PoolID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(o ClientGrant) bool {
			return o.ClientID == g.ClientID && o.Audience == g.Audience && o.Subject == g.Subject
		}) {
			return wire.Errorf(http.StatusConflict, "", "A resource with the same identity already exists.")
		}
		if len(all) >= maxGrants {
			return fault.New(fault.TooMany)
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	r.Detail("granted", g.Scope)
	r.Detail("to", g.ClientID)
	return http.StatusCreated, g, nil
}

// mayGrant refuses a grant of what is not there, to who cannot keep a secret, and of more than the caller has.
func (a *api) mayGrant(ctx context.Context, r *Request, g *ClientGrant) error {
	for _, s := range g.Scope {
		if s == "" || len(s) > 280 || strings.ContainsAny(s, " \t\r\n\"\\*") {
			return wire.BadBody("scope", scopeRule.Title, "Not a scope: %s", wire.Printable(s))
		}
	}
	c, err := a.Pools.GetClient(ctx, r.PoolID, g.ClientID)
	if err != nil {
		return err
	}
	if !isManagement(g.Audience) {
		return a.hasScopes(ctx, r.PoolID, g)
	}
	p, err := a.Pools.GetPool(ctx, r.PoolID)
	if err != nil {
		return err
	}
	switch {
	case g.Audience != a.base(r, p.Config.BaseURL)+Prefix+"/" && g.Audience != strings.TrimSuffix(p.Config.BaseURL, "/")+Prefix+"/":
		return wire.Errorf(http.StatusBadRequest, "inexistent_resource_server", "There is no API with the identifier %s.", wire.Printable(g.Audience))
	case len(c.Secrets) == 0:
		return wire.Errorf(http.StatusBadRequest, unsupportedHere, "A client without a secret gets no management tokens.")
	case len(g.Scope) == 0:
		return nil
	}
	return access.MayGrant(r.Principal, []access.Grant{machineGrant(r.PoolID, g.Scope)})
}

// hasScopes refuses an audience that is no resource server of the pool, and scopes that it does not have.
func (a *api) hasScopes(ctx context.Context, poolID string, g *ClientGrant) error {
	s, err := a.serverByIdentifier(ctx, poolID, g.Audience)
	if err != nil {
		return err
	}
	if s == nil {
		return wire.Errorf(http.StatusBadRequest, "inexistent_resource_server", "There is no API with the identifier %s.", wire.Printable(g.Audience))
	}
	for _, want := range g.Scope {
		if !slices.ContainsFunc(s.Scopes, func(o apiScope) bool { return o.Value == want }) {
			return wire.BadBody("scope", scopeRule.Title, "The API has no scope %s", wire.Printable(want))
		}
	}
	return nil
}

// storeGrant stores a grant if check has nothing against it, which looks at what is there: other changes of settings wait meanwhile.
func (a *api) storeGrant(ctx context.Context, r *Request, g *ClientGrant, check func(*kept) error) error {
	err := a.save(ctx, r.PoolID, settingGrant+g.ID, func(k *kept) (any, error) { return g, check(k) })
	if err != nil {
		return err
	}
	return a.allowAudiences(ctx, r, g.ClientID, "")
}

// allowAudiences makes the audiences and scopes of a client those of its grants but one, and marks who gets management tokens. The grants are read for
// the very version of the client that is changed, so that changes side by side do not undo each other.
func (a *api) allowAudiences(ctx context.Context, r *Request, clientID, but string) error {
	ctx = context.WithoutCancel(ctx) // a caller who goes away leaves no grant that is half given or half taken
	_, err := a.Pools.UpdateClient(ctx, r.Caller, r.PoolID, clientID, func(c *pool.Client) error {
		all, err := a.grants(ctx, r.PoolID)
		if err != nil {
			return err
		}
		var audiences, scopes []string
		machine := false
		for _, g := range all {
			switch {
			case g.ClientID != clientID || g.ID == but:
			case isManagement(g.Audience):
				machine = true
			default:
				audiences, scopes = append(audiences, g.Audience), append(scopes, g.Scope...)
			}
		}
		slices.Sort(audiences)
		slices.Sort(scopes)
		c.Config.Audiences, c.Config.Scopes, c.Config.Machine = slices.Compact(audiences), slices.Compact(scopes), machine
		return nil
	})
	if fault.CodeOf(err) == fault.ClientNotFound {
		return nil
	}
	return err
}

func (a *api) updateGrant(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	scope := f.Texts("scope", scopeRule)
	f.Ignore("organization_usage", "allow_any_organization", "allow_all_scopes", "authorization_details_types")
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	g, err := a.grant(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if scope == nil {
		return http.StatusOK, g, nil
	}
	g.Scope = scope
	if err := a.mayGrant(ctx, r, &g); err != nil {
		return 0, nil, err
	}
	if err := a.storeGrant(ctx, r, &g, func(k *kept) error { return grantIn(k, &ClientGrant{}) }); err != nil {
		return 0, nil, err
	}
	r.Detail("granted", g.Scope)
	r.Detail("to", g.ClientID)
	return http.StatusOK, g, nil
}

func (a *api) deleteGrant(ctx context.Context, r *Request) (int, any, error) {
	g, err := a.grant(ctx, r)
	if err != nil {
		if wire.Of(err).Status == http.StatusNotFound {
			return http.StatusNoContent, nil, nil
		}
		return 0, nil, err
	}
	if err := a.allowAudiences(ctx, r, g.ClientID, g.ID); err != nil { // first, since a grant that is gone cannot be deleted again
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.dropGrant(ctx, r.PoolID, g.ID)
}

func (a *api) dropGrant(ctx context.Context, poolID, id string) error {
	return a.save(ctx, poolID, settingGrant+id, func(*kept) (any, error) { return nil, nil })
}

// deleteGrantsOf deletes the grants of a client that is gone.
func (a *api) deleteGrantsOf(ctx context.Context, poolID, clientID string) error {
	ctx = context.WithoutCancel(ctx)
	all, err := a.grants(ctx, poolID)
	if err != nil {
		return err
	}
	for _, g := range all {
		if g.ClientID == clientID {
			if err := a.dropGrant(ctx, poolID, g.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
