package management

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"countersign/internal/auth0api/wire"
	"countersign/internal/pool"
)

func tenantRoutes() []route {
	return []route{
		{"GET", "/tenants/settings", "read:tenant_settings", (*api).getTenant, "fields"},
		{"PATCH", "/tenants/settings", "update:tenant_settings", (*api).updateTenant, "members without a meaning here are kept and given back"},
	}
}

var (
	// tenantDefaults are members with a meaning here, or that clients look at.
	tenantDefaults = json.RawMessage(`{"flags":{},"default_audience":"","default_directory":"","session_lifetime":168,"idle_session_lifetime":72,` +
		`"oidc_logout":{"rp_logout_end_session_endpoint_discovery":true}}`)
	sandboxVersions = []string{"24", "22", "20", "18"}
)

const (
	defaultSandbox = "22"
	letters        = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// tenantDoc is what is kept of the settings besides pool.TenantConfig.
func (a *api) tenantDoc(ctx context.Context, poolID string) (map[string]json.RawMessage, error) {
	doc := map[string]json.RawMessage{}
	if err := json.Unmarshal(tenantDefaults, &doc); err != nil {
		return nil, err
	}
	k, err := a.setting(ctx, poolID, settingTenant)
	if err != nil {
		return nil, err
	}
	return doc, k.into(&doc)
}

// flag is a flag of the tenant settings, usual if it was never set.
func (a *api) flag(ctx context.Context, poolID, name string, usual bool) (bool, error) {
	doc, err := a.tenantDoc(ctx, poolID)
	if err != nil {
		return false, err
	}
	flags := map[string]json.RawMessage{}
	json.Unmarshal(doc["flags"], &flags) // an object, since updateTenant stored it
	switch string(flags[name]) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return usual, nil
}

func (a *api) getTenant(ctx context.Context, r *Request) (int, any, error) {
	_, t, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return a.tenantAnswer(ctx, r, t)
}

func (a *api) tenantAnswer(ctx context.Context, r *Request, t *pool.TenantConfig) (int, any, error) {
	doc, err := a.tenantDoc(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	locales, sandbox := t.Locales, t.SandboxVersion
	if len(locales) == 0 {
		locales = []string{"en"}
	}
	if sandbox == "" {
		sandbox = defaultSandbox
	}
	out := map[string]any{}
	for name, v := range doc {
		out[name] = v
	}
	maps.Copy(out, map[string]any{
		"friendly_name": t.FriendlyName, "picture_url": t.PictureURL, "support_email": t.SupportEmail, "support_url": t.SupportURL,
		"enabled_locales": locales, "sandbox_version": sandbox, "sandbox_versions_available": sandboxVersions, "phone_consolidated_experience": t.Consolidated,
	})
	if t.HomeURL != "" {
		out["home_url"] = t.HomeURL
	}
	return http.StatusOK, out, nil
}

// tenantChange is what a PATCH sets; nil leaves a member as it is.
type tenantChange struct {
	name, picture, email, url, home, sandbox *string
	consolidated                             *bool
	locales                                  []string
}

func tenantChangeOf(f *wire.Fields) tenantChange {
	text := func(name, title string) *string {
		if f.IsNull(name) {
			return new(string)
		}
		return f.Text(name, wire.Rule{Title: title, Max: 2048, Null: true})
	}
	c := tenantChange{
		name: text("friendly_name", "Friendly name for this tenant"), picture: text("picture_url", "URL of logo to be shown for this tenant"),
		email: text("support_email", "End-user support email"), url: text("support_url", "End-user support url"), home: text("home_url", "Home of the tenant"),
		sandbox:      f.Text("sandbox_version", wire.Rule{Title: "Selected sandbox version for the extensibility environment", Max: 8, Null: true}),
		consolidated: f.Bool("phone_consolidated_experience", wire.Rule{Title: "Whether the unified phone experience is on", Null: true}),
		locales:      f.Texts("enabled_locales", wire.Rule{Title: "Supported locales for the user interface", Min: 1, Max: 100, Null: true}),
	}
	for _, tag := range c.locales {
		if len(tag) < 2 || len(tag) > 35 || strings.Trim(tag, letters+"0123456789-") != "" {
			f.Fail("enabled_locales", "", "String is not a language tag: %s", wire.Printable(tag))
		}
	}
	f.Ignore("sandbox_versions_available")
	return c
}

func (c *tenantChange) apply(t *pool.TenantConfig) {
	for to, v := range map[*string]*string{
		&t.FriendlyName: c.name, &t.PictureURL: c.picture, &t.SupportEmail: c.email, &t.SupportURL: c.url, &t.HomeURL: c.home, &t.SandboxVersion: c.sandbox,
	} {
		if v != nil {
			*to = *v
		}
	}
	if c.consolidated != nil {
		t.Consolidated = *c.consolidated
	}
	if c.locales != nil {
		t.Locales = c.locales
	}
}

func (a *api) updateTenant(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	c := tenantChangeOf(f)
	var flags map[string]json.RawMessage
	if o := f.Object("flags", wire.Rule{Title: "Flags used to change the behavior of this tenant"}); o != nil {
		for _, name := range o.Names() {
			o.Bool(name, wire.Rule{Null: true})
		}
		flags = o.Members()
	}
	rest := f.Unknown()
	hours(rest)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if err := a.saveTenantDoc(ctx, r.PoolID, rest, flags); err != nil {
		return 0, nil, err
	}
	t, err := a.change(ctx, r, func(_ *pool.Config, t *pool.TenantConfig) error {
		c.apply(t)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return a.tenantAnswer(ctx, r, t)
}

// hours turns the lives of sessions that are given in minutes into the hours that are read.
func hours(rest map[string]json.RawMessage) {
	for name, v := range rest {
		var minutes float64
		if short, ok := strings.CutSuffix(name, "_lifetime_in_minutes"); ok && json.Unmarshal(v, &minutes) == nil {
			delete(rest, name)
			rest[short+"_lifetime"] = encode(minutes / 60)
		}
	}
}

// saveTenantDoc merges members and flags; null deletes.
func (a *api) saveTenantDoc(ctx context.Context, poolID string, rest, flags map[string]json.RawMessage) error {
	if len(rest)+len(flags) == 0 {
		return nil
	}
	return a.save(ctx, poolID, settingTenant, func(k *kept) (any, error) {
		doc := map[string]json.RawMessage{}
		if err := k.into(&doc); err != nil {
			return nil, err
		}
		merge(doc, rest)
		if flags != nil {
			all := map[string]json.RawMessage{}
			json.Unmarshal(doc["flags"], &all) // absent: none yet
			merge(all, flags)
			doc["flags"] = encode(all)
		}
		return doc, nil
	})
}

// merge sets the members of b in a; null deletes.
func merge(a, b map[string]json.RawMessage) {
	for name, v := range b {
		if string(v) == "null" {
			delete(a, name)
		} else {
			a[name] = v
		}
	}
}
