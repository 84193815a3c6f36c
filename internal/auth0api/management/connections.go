package management

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"countersign/internal/auth0api/wire"
	"countersign/internal/message"
	"countersign/internal/pool"
)

func connectionRoutes() []route {
	return []route{
		{"GET", "/connections", "read:connections", (*api).listConnections, "the three that there are; page, per_page, take, strategy, name, fields, include_totals"},
		{"POST", "/connections", "create:connections", (*api).createConnection, "409 for those that there are, 400 for all others"},
		{"GET", "/connections/{id}", "read:connections", (*api).getConnection, "fields"},
		{"PATCH", "/connections/{id}", "update:connections", (*api).updateConnection, "disable_signup; sms: template, from, syntax; others are kept"},
		{"DELETE", "/connections/{id}", "delete:connections", (*api).deleteConnection, "400: they cannot be deleted"},
		{"GET", "/connections/{id}/clients", "read:connections", (*api).connectionClients, "all clients: their grant types decide"},
		{"PATCH", "/connections/{id}/clients", "update:connections", (*api).keepConnectionClients, "changes nothing"},
	}
}

// connectionBody is a connection on the wire.
type connectionBody struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Display  string         `json:"display_name,omitempty"`
	Strategy string         `json:"strategy"`
	Options  map[string]any `json:"options"`
	Clients  []string       `json:"enabled_clients"`
	Realms   []string       `json:"realms"`
	IsDomain bool           `json:"is_domain_connection"`
}

// settingConnection is a kept document for each connection: options without a meaning here.
const settingConnection = "connection/"

// smsMacros is the syntax of templates that know only the old macros.
const smsMacros, smsLiquid = "md_with_macros", "liquid"

// connectionByName returns the id and strategy of a connection.
func connectionByName(name string) (b connectionBody, ok bool) {
	switch name {
	case pool.DatabaseConnection:
		return connectionBody{ID: connectionDatabase, Name: name, Strategy: "auth0", Realms: []string{name}}, true
	case pool.ConnectionSMS, pool.ConnectionEmail:
		return connectionBody{ID: "con_" + name, Name: name, Strategy: name, Realms: []string{name}}, true
	}
	return b, false
}

func connectionByID(id string) (connectionBody, error) {
	for _, name := range connections() {
		if b, _ := connectionByName(name); b.ID == id {
			return b, nil
		}
	}
	return connectionBody{}, wire.Errorf(http.StatusNotFound, "inexistent_connection", "The connection does not exist")
}

// fill adds options and clients.
func (a *api) fillConnection(ctx context.Context, r *Request, b *connectionBody, c *pool.Config, clients []string) error {
	k, err := a.setting(ctx, r.PoolID, settingConnection+b.Name)
	if err != nil {
		return err
	}
	b.Options, b.Clients = map[string]any{}, clients
	if err := k.into(&b.Options); err != nil {
		return err
	}
	t := c.Tenant
	if t == nil {
		t = &pool.TenantConfig{}
	}
	b.Options["brute_force_protection"] = true
	switch b.Name {
	case pool.DatabaseConnection:
		b.Options["disable_signup"], b.Options["mfa"] = c.AdminCreateOnly, map[string]bool{"active": true, "return_enroll_settings": true}
		b.Options["password_complexity_options"] = map[string]int{"min_length": c.Password.MinLength}
		b.Options["requires_username"] = len(c.UsernameAttributes) == 0
	case pool.ConnectionSMS:
		b.Options["name"], b.Options["disable_signup"] = b.Name, t.PasswordlessSignUpOff
		b.Options["from"], b.Options["template"] = t.PasswordlessFrom, t.Passwordless
		if t.Passwordless == "" {
			b.Options["template"] = message.DefaultPhone(message.PhonePasswordless, false)
		}
		if b.Options["syntax"] == nil {
			b.Options["syntax"] = smsLiquid
		}
		b.Options["totp"] = map[string]int{"length": 6, "time_step": 300}
	case pool.ConnectionEmail:
		b.Options["name"], b.Options["disable_signup"] = b.Name, t.PasswordlessEmailSignUpOff
		b.Options["totp"] = map[string]int{"length": 6, "time_step": 300}
	}
	return nil
}

// clientIDs are the ids of a pool's clients.
func (a *api) clientIDs(ctx context.Context, poolID string) ([]string, error) {
	list, err := a.Pools.ListClients(ctx, poolID, "", maxClientList)
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.ID
	}
	return out, err
}

func (a *api) listConnections(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	c, _, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	ids, err := a.clientIDs(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	list := []connectionBody{}
	for _, name := range connections() {
		b, _ := connectionByName(name)
		if s := r.Query["strategy"]; len(s) > 0 && !slices.Contains(s, b.Strategy) || r.Query.Get("name") != "" && r.Query.Get("name") != name {
			continue
		}
		if err := a.fillConnection(ctx, r, &b, c, ids); err != nil {
			return 0, nil, err
		}
		list = append(list, b)
	}
	if page.Checkpoint { // all of them fit into one page
		return http.StatusOK, map[string]any{"connections": list}, nil
	}
	part := wire.Cut(page, list)
	return http.StatusOK, page.Listed("connections", part, len(part), len(list)), nil
}

// connection answers one.
func (a *api) connection(ctx context.Context, r *Request) (*connectionBody, error) {
	b, err := connectionByID(r.Param("id"))
	if err != nil {
		return nil, err
	}
	c, _, err := a.config(ctx, r)
	if err != nil {
		return nil, err
	}
	ids, err := a.clientIDs(ctx, r.PoolID)
	if err != nil {
		return nil, err
	}
	return &b, a.fillConnection(ctx, r, &b, c, ids)
}

func (a *api) getConnection(ctx context.Context, r *Request) (int, any, error) {
	b, err := a.connection(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, b, nil
}

func (a *api) createConnection(_ context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	name := value(f.Text("name", wire.Rule{Required: true, Min: 1, Max: 128}))
	if err := f.Err(); err != nil {
		return 0, nil, err
	}
	if _, ok := connectionByName(name); ok {
		return 0, nil, wire.Errorf(http.StatusConflict, "", "A connection with the same name already exists")
	}
	return 0, nil, wire.Errorf(http.StatusBadRequest, unsupportedHere, "There are the connections %s, sms and email here, and no others.", pool.DatabaseConnection)
}

func (a *api) deleteConnection(_ context.Context, r *Request) (int, any, error) {
	if _, err := connectionByID(r.Param("id")); err != nil {
		return 0, nil, err
	}
	return 0, nil, wire.Errorf(http.StatusBadRequest, unsupportedHere, "The connections of this server cannot be deleted.")
}

// unsupportedHere is the errorCode of what there is not here.
const unsupportedHere = "operation_not_supported"

// smsChange is what a PATCH sets of the sms connection.
type smsChange struct {
	template, from, syntax *string
	disable                *bool
}

// optionsOf reads options: those with a meaning, and the rest, which is kept. What would hold a credential is refused, and so is what would switch
// on code that is not here.
func optionsOf(b *connectionBody, o *wire.Fields) (ch smsChange, rest map[string]json.RawMessage) {
	ch.disable = o.Bool("disable_signup", wire.Rule{Null: true})
	if b.Name == pool.ConnectionSMS {
		ch.template = o.Text("template", wire.Rule{Title: "The text, in Liquid or with @@password@@", Min: 1, Max: maxTemplate, Null: true})
		ch.from = o.Text("from", wire.Rule{Title: "Who the text is from", Max: 64, Null: true})
		ch.syntax = o.Text("syntax", wire.Rule{OneOf: []string{smsLiquid, smsMacros}, Null: true})
	}
	if t := o.Object("totp", wire.Rule{Null: true}); t != nil && b.Name != pool.DatabaseConnection {
		t.Int("length", wire.Rule{Title: "Codes have 6 digits here", Min: 6, Max: 6})
		t.Int("time_step", wire.Rule{Title: "Seconds that a code is good; 300 here", Min: 1, Max: 86400})
	}
	for _, name := range []string{"twilio_token", "gateway_authentication", "api_key"} {
		if o.Has(name) {
			o.Fail(name, "", "Credentials of providers are not options here: PUT /guardian/factors/sms/providers/twilio")
		}
	}
	for _, name := range []string{"import_mode", "enabledDatabaseCustomization", "enable_script_context"} {
		if value(o.Bool(name, wire.Rule{Null: true})) {
			o.Fail(name, "", "Scripts of databases do not run here; the trigger UserMigration of the pool does the same")
		}
	}
	o.Ignore("name", "mfa", "password_complexity_options", "requires_username", "brute_force_protection", "customScripts", "configuration")
	return ch, o.Unknown()
}

func (a *api) updateConnection(ctx context.Context, r *Request) (int, any, error) {
	b, err := connectionByID(r.Param("id"))
	if err != nil {
		return 0, nil, err
	}
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	var ch smsChange
	var rest map[string]json.RawMessage
	if o := f.Object("options", wire.Rule{Null: true}); o != nil {
		ch, rest = optionsOf(&b, o)
	}
	f.Texts("enabled_clients", wire.Rule{Null: true, Max: maxClientList}) // the grant types of the clients decide
	f.Ignore("display_name", "is_domain_connection", "realms", "metadata", "show_as_button", "authentication", "connected_accounts")
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if err := ch.check(); err != nil {
		return 0, nil, err
	}
	if ch.syntax != nil {
		rest["syntax"] = encode(*ch.syntax)
	}
	if err := a.keepOptions(ctx, r.PoolID, &b, rest); err != nil {
		return 0, nil, err
	}
	if ch != (smsChange{}) {
		if _, err = a.change(ctx, r, func(c *pool.Config, t *pool.TenantConfig) error { ch.apply(&b, c, t); return nil }); err != nil {
			return 0, nil, err
		}
	}
	return a.getConnection(ctx, r)
}

func (ch *smsChange) check() error {
	if ch.template == nil {
		return nil
	}
	if err := message.ValidatePhone(message.PhonePasswordless, *ch.template); err != nil {
		return badTemplate(err, "options.template")
	}
	return nil
}

func (ch *smsChange) apply(b *connectionBody, c *pool.Config, t *pool.TenantConfig) {
	switch {
	case ch.disable == nil:
	case b.Name == pool.DatabaseConnection:
		c.AdminCreateOnly = *ch.disable
	case b.Name == pool.ConnectionSMS:
		t.PasswordlessSignUpOff = *ch.disable
	default:
		t.PasswordlessEmailSignUpOff = *ch.disable
	}
	if ch.template != nil {
		if t.Passwordless = *ch.template; t.Passwordless == message.DefaultPhone(message.PhonePasswordless, false) {
			t.Passwordless = "" // exported and imported again
		}
	}
	if ch.from != nil {
		t.PasswordlessFrom = *ch.from
	}
}

func (a *api) keepOptions(ctx context.Context, poolID string, b *connectionBody, rest map[string]json.RawMessage) error {
	if len(rest) == 0 {
		return nil
	}
	return a.save(ctx, poolID, settingConnection+b.Name, func(k *kept) (any, error) {
		doc := map[string]json.RawMessage{}
		if err := k.into(&doc); err != nil {
			return nil, err
		}
		merge(doc, rest)
		return doc, nil
	})
}

func (a *api) connectionClients(ctx context.Context, r *Request) (int, any, error) {
	if _, err := connectionByID(r.Param("id")); err != nil {
		return 0, nil, err
	}
	ids, err := a.clientIDs(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	list := make([]map[string]string, len(ids))
	for i, id := range ids {
		list[i] = map[string]string{"client_id": id}
	}
	return http.StatusOK, map[string]any{"clients": list}, nil
}

func (a *api) keepConnectionClients(_ context.Context, r *Request) (int, any, error) {
	if _, err := connectionByID(r.Param("id")); err != nil {
		return 0, nil, err
	}
	if !json.Valid(r.Body) {
		return 0, nil, wire.BadBody("", "", "Expected type array but found something else")
	}
	return http.StatusNoContent, nil, nil
}
