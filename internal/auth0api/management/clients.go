package management

import (
	"context"
	"net/http"
	"slices"

	"countersign/internal/access"
	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

func clientRoutes() []route {
	const read = "read:clients read:client_keys"
	return []route{
		{"GET", "/clients", read, (*api).listClients, "page, per_page, take, app_type, fields, include_totals; client_secret needs read:client_keys"},
		{"POST", "/clients", "create:clients", (*api).createClient, "the secret is in the answer"},
		{"GET", "/clients/{id}", read, (*api).getClient, "fields; client_secret needs read:client_keys"},
		{"PATCH", "/clients/{id}", "update:clients update:client_keys", (*api).updateClient,
			"require_mfa, or client_metadata.countersign_require_mfa, asks each sign-in for a second factor"},
		{"DELETE", "/clients/{id}", "delete:clients", (*api).deleteClient, "204 for unknown ones, too"},
		{"POST", "/clients/{id}/rotate-secret", "update:client_keys", (*api).rotateSecret, "the old secret is dead at once"},
	}
}

func (a *api) createClient(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	ch := clientChangeOf(f, true)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	kind, method := value(ch.appType), value(ch.authMethod)
	if method == "" && (kind == "native" || kind == "spa") {
		method = noSecret
		ch.authMethod = &method
	}
	made := &pool.Client{Config: newClientConfig(kind, ch.grants)}
	ch.setGrants = false
	if err := ch.apply(made); err != nil {
		return 0, nil, err
	}
	n := pool.NewClient{PoolID: r.PoolID, Name: made.Name, Config: made.Config, Wire: made.Wire}
	if method != noSecret {
		n.Secret, n.GenerateSecret = value(ch.secret), ch.secret == nil
	}
	c, err := a.Pools.CreateClient(ctx, r.Caller, n)
	if err != nil {
		return 0, nil, err
	}
	r.Detail("created", c.ID)
	return a.clientAnswer(ctx, r, http.StatusCreated, c, true)
}

func (a *api) clientAnswer(ctx context.Context, r *Request, status int, c *pool.Client, secret bool) (int, any, error) {
	p, err := a.Pools.GetPool(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	out, err := clientOf(c, p, secret)
	return status, out, err
}

// seesKeys reports whether the caller may read clients' secrets, and makes the read an event.
func (a *api) seesKeys(r *Request) bool {
	ok := r.may(access.ReadClientKeys)
	r.read = r.read || ok
	return ok
}

func (a *api) getClient(ctx context.Context, r *Request) (int, any, error) {
	c, err := a.Pools.GetClient(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, err
	}
	return a.clientAnswer(ctx, r, http.StatusOK, c, a.seesKeys(r) && a.mayHold(ctx, r, c.ID) == nil)
}

func (a *api) listClients(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	p, err := a.Pools.GetPool(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	global, err := optionalBool(r, "is_global")
	if err != nil {
		return 0, nil, err
	}
	if value(global) {
		return http.StatusOK, page.Listed("clients", wire.Cut(page, []any{globalClient(p)}), 1, 1), nil
	}
	ids, err := a.clientIDs(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	part, next := clientPage(page, ids)
	list, secrets := make([]map[string]any, 0, len(part)), a.seesKeys(r)
	granted, err := a.grants(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	for _, id := range part {
		c, err := a.Pools.GetClient(ctx, r.PoolID, id)
		if fault.CodeOf(err) == fault.ClientNotFound {
			continue // deleted meanwhile
		}
		if err != nil {
			return 0, nil, err
		}
		body, err := clientOf(c, p, secrets && mayHold(r, granted, id) == nil)
		if err != nil {
			return 0, nil, err
		}
		list = append(list, body)
	}
	if !page.Checkpoint {
		return http.StatusOK, page.Listed("clients", list, len(list), len(ids)), nil
	}
	out := map[string]any{"clients": list}
	if next != "" {
		out["next"] = next
	}
	return http.StatusOK, out, nil
}

// globalClient stands for all clients, as each tenant has one: its exports begin with its login page. Here it is nothing but this answer.
func globalClient(p *pool.Pool) map[string]any {
	return map[string]any{"client_id": "all", "name": "All Applications", "tenant": p.Name, "global": true, "callbacks": []string{}}
}

// clientPage is a page of ids, and for checkpoints the id at which the next one begins.
func clientPage(page wire.Page, ids []string) (part []string, next string) {
	if !page.Checkpoint {
		return wire.Cut(page, ids), ""
	}
	at, found := slices.BinarySearch(ids, page.From)
	if found {
		at++
	}
	part = ids[at:min(at+page.Size, len(ids))]
	if at+page.Size < len(ids) {
		next = part[len(part)-1]
	}
	return part, next
}

func (a *api) updateClient(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	ch := clientChangeOf(f, false)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if !r.may("update:clients") || ch.secret != nil && !r.may("update:client_keys") {
		return 0, nil, wire.InsufficientScope("update:clients,update:client_keys")
	}
	if ch.secret != nil || ch.authMethod != nil {
		if err := a.mayHold(ctx, r, r.Param("id")); err != nil {
			return 0, nil, err
		}
	}
	c, err := a.Pools.UpdateClient(ctx, r.Caller, r.PoolID, r.Param("id"), func(c *pool.Client) error {
		had := len(c.Secrets) > 0
		if err := ch.apply(c); err != nil {
			return err
		}
		if m := value(ch.authMethod); m != "" && m != noSecret && !had && len(c.Secrets) == 0 {
			c.Secrets = []string{pool.NewClientSecret()}
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return a.clientAnswer(ctx, r, http.StatusOK, c, a.seesKeys(r) && a.mayHold(ctx, r, c.ID) == nil)
}

func (a *api) deleteClient(ctx context.Context, r *Request) (int, any, error) {
	err := a.Pools.DeleteClient(ctx, r.Caller, r.PoolID, r.Param("id"))
	if err != nil && fault.CodeOf(err) != fault.ClientNotFound {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.deleteGrantsOf(ctx, r.PoolID, r.Param("id")) // also those that an earlier try left
}

func (a *api) rotateSecret(ctx context.Context, r *Request) (int, any, error) {
	if err := a.mayHold(ctx, r, r.Param("id")); err != nil {
		return 0, nil, err
	}
	c, err := a.Pools.UpdateClient(ctx, r.Caller, r.PoolID, r.Param("id"), func(c *pool.Client) error {
		if len(c.Secrets) == 0 {
			return wire.Errorf(http.StatusBadRequest, unsupportedHere, "A public client has no secret.")
		}
		c.Secrets = []string{pool.NewClientSecret()}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return a.clientAnswer(ctx, r, http.StatusOK, c, true)
}
