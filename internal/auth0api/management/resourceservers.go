package management

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
)

func apiRoutes() []route {
	return []route{
		{"GET", "/resource-servers", "read:resource_servers", (*api).listServers, "identifiers, page, per_page, take, include_totals"},
		{"POST", "/resource-servers", "create:resource_servers", (*api).createServer, "identifier, name, scopes; other members are kept"},
		{"GET", "/resource-servers/{id}", "read:resource_servers", (*api).getServer, "by id or identifier"},
		{"PATCH", "/resource-servers/{id}", "update:resource_servers", (*api).updateServer, ""},
		{"DELETE", "/resource-servers/{id}", "delete:resource_servers", (*api).deleteServer, "204 for unknown ones, too"},
	}
}

type apiScope struct {
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
}

// resourceServer is an API that tokens can be for.
type resourceServer struct {
	ID         string     `json:"id"`
	Identifier string     `json:"identifier"`
	Name       string     `json:"name"`
	Scopes     []apiScope `json:"scopes"`
	// Rest are members without a meaning here.
	Rest map[string]json.RawMessage `json:"rest,omitempty"`
}

// body is the resource server on the wire.
func (s *resourceServer) body() map[string]any {
	out := map[string]any{
		"is_system": false, "signing_alg": "RS256", "allow_offline_access": false, "token_lifetime": 86400,
		"skip_consent_for_verifiable_first_party_clients": true,
	}
	for k, v := range s.Rest {
		out[k] = v
	}
	if s.Scopes == nil {
		s.Scopes = []apiScope{}
	}
	out["id"], out["identifier"], out["name"], out["scopes"] = s.ID, s.Identifier, s.Name, s.Scopes
	return out
}

func (a *api) servers(ctx context.Context, poolID string) ([]resourceServer, error) {
	return documentsOf[resourceServer](ctx, a.Store, poolID, settingAPI, maxAPIs)
}

// serverByIdentifier is nil if there is none.
func (a *api) serverByIdentifier(ctx context.Context, poolID, identifier string) (*resourceServer, error) {
	list, err := a.servers(ctx, poolID)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Identifier == identifier {
			return &list[i], nil
		}
	}
	return nil, nil
}

// server is the one that the path names, by id or identifier.
func (a *api) server(ctx context.Context, r *Request) (*resourceServer, error) {
	list, err := a.servers(ctx, r.PoolID)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].ID == r.Param("id") || list[i].Identifier == r.Param("id") {
			return &list[i], nil
		}
	}
	return nil, noServer()
}

func noServer() error { return wire.NotFound("The resource server does not exist") }

func (a *api) listServers(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	list, err := a.servers(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	if want := r.Query["identifiers"]; len(want) > 0 {
		list = slices.DeleteFunc(list, func(s resourceServer) bool { return !slices.Contains(want, s.Identifier) })
	}
	out := make([]map[string]any, len(list))
	for i := range list {
		out[i] = list[i].body()
	}
	return listed(page, "resource_servers", out, func(s map[string]any) string { return s["id"].(string) })
}

func (a *api) getServer(ctx context.Context, r *Request) (int, any, error) {
	s, err := a.server(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.body(), nil
}

// readServer reads members; false leaves a member as it is.
func (s *resourceServer) read(f *wire.Fields) {
	if name := f.Text("name", wire.Rule{Title: "Friendly name for this resource server", Min: 1, Max: 200}); name != nil {
		s.Name = *name
	}
	if list := f.Objects("scopes", wire.Rule{Title: "List of permissions (scopes) that this API uses", Max: maxScopes}); list != nil {
		s.Scopes = []apiScope{}
		for _, o := range list {
			s.Scopes = append(s.Scopes, apiScope{
				value(o.Text("value", wire.Rule{Required: true, Min: 1, Max: 280})), value(o.Text("description", wire.Rule{Max: 500, Null: true})),
			})
		}
	}
	f.Ignore("id", "is_system", "client_id")
	if s.Rest == nil {
		s.Rest = map[string]json.RawMessage{}
	}
	merge(s.Rest, f.Unknown())
}

func (a *api) createServer(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	var b [12]byte
	rand.Read(b[:]) // never fails
	s := resourceServer{ID: hex.EncodeToString(b[:])}
	s.Identifier = value(f.Text("identifier", wire.Rule{Title: "Unique identifier for the API used as the audience", Required: true, Min: 1, Max: maxAudience}))
	s.read(f)
	if s.Name == "" {
		s.Name = s.Identifier
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	err = a.save(ctx, r.PoolID, settingAPI+s.ID, func(*kept) (any, error) { // other changes of settings wait meanwhile
		list, err := a.servers(ctx, r.PoolID)
		switch {
		case err != nil:
			return nil, err
		case isManagement(s.Identifier) || slices.ContainsFunc(list, func(o resourceServer) bool { return o.Identifier == s.Identifier }):
			return nil, wire.Errorf(http.StatusConflict, "", "A resource server with the same identifier already exists.")
		case len(list) >= maxAPIs:
			return nil, fault.New(fault.TooMany)
		}
		return s, nil
	})
	return http.StatusCreated, s.body(), err
}

func (a *api) updateServer(ctx context.Context, r *Request) (int, any, error) {
	s, err := a.server(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	f.Ignore("identifier") // it cannot change
	s.read(f)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	err = a.save(ctx, r.PoolID, settingAPI+s.ID, func(k *kept) (any, error) {
		if k.Doc == nil { // deleted meanwhile
			return nil, noServer()
		}
		return s, nil
	})
	return http.StatusOK, s.body(), err
}

func (a *api) deleteServer(ctx context.Context, r *Request) (int, any, error) {
	s, err := a.server(ctx, r)
	if err != nil {
		if wire.Of(err).Status == http.StatusNotFound {
			return http.StatusNoContent, nil, nil
		}
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.save(ctx, r.PoolID, settingAPI+s.ID, func(*kept) (any, error) { return nil, nil })
}
