package management

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"countersign/internal/auth0api/wire"
)

// document is settings that have no meaning here: they are kept and given back, so that a tenant can be imported and exported.
type document struct {
	path    string
	initial string
	read    string
	update  string
	// off names a member that cannot be true: what it would switch on is not here.
	off  string
	note string
}

func documents() []document {
	return []document{
		{"/branding", `{}`, "read:branding", "update:branding", "", "kept; pages look as the console says"},
		{"/prompts", `{"universal_login_experience":"new","identifier_first":false,"webauthn_platform_first_factor":false}`,
			"read:prompts", "update:prompts", "", "kept"},
		{"/attack-protection/brute-force-protection",
			`{"enabled":true,"shields":["block","user_notification"],"mode":"count_per_identifier_and_ip","allowlist":[],"max_attempts":10}`,
			"read:attack_protection", "update:attack_protection", "", "kept; this server's own counters decide"},
		{"/attack-protection/suspicious-ip-throttling", `{"enabled":true,"shields":["admin_notification","block"],"allowlist":[],` +
			`"stage":{"pre-login":{"max_attempts":100,"rate":864000},"pre-user-registration":{"max_attempts":50,"rate":1200}}}`,
			"read:attack_protection", "update:attack_protection", "", "kept; this server's own guard decides"},
		{"/attack-protection/phone-provider-protection", `{"type":"none"}`,
			"read:attack_protection", "update:attack_protection", "", "kept; the guard slows sends down in any case"},
		{"/attack-protection/breached-password-detection",
			`{"enabled":false,"shields":[],"admin_notification_frequency":[],"method":"standard",` +
				`"stage":{"pre-user-registration":{"shields":[]},"pre-change-password":{"shields":[]}}}`,
			"read:attack_protection", "update:attack_protection", "enabled", "cannot be enabled"},
		{"/risk-assessments/settings", `{"enabled":false}`, "read:attack_protection", "update:attack_protection", "enabled", "cannot be enabled"},
		{"/risk-assessments/settings/new-device", `{"remember_for":0}`,
			"read:attack_protection", "update:attack_protection", "", "kept; networks are remembered for 30 days"},
		{"/supplemental-signals", `{"akamai_enabled":false}`, "read:attack_protection", "update:attack_protection", "akamai_enabled", "cannot be enabled"},
	}
}

func documentRoutes() (out []route) {
	for _, d := range documents() {
		out = append(out,
			route{"GET", d.path, d.read, func(a *api, ctx context.Context, r *Request) (int, any, error) { return a.getDocument(ctx, r, &d) }, d.note},
			route{"PATCH", d.path, d.update, func(a *api, ctx context.Context, r *Request) (int, any, error) { return a.updateDocument(ctx, r, &d) }, d.note})
	}
	return out
}

func (d *document) name() string { return settingDocument + strings.TrimPrefix(d.path, "/") }

func (a *api) getDocument(ctx context.Context, r *Request, d *document) (int, any, error) {
	doc := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(d.initial), &doc); err != nil {
		return 0, nil, err
	}
	k, err := a.setting(ctx, r.PoolID, d.name())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, doc, k.into(&doc)
}

func (a *api) updateDocument(ctx context.Context, r *Request, d *document) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	if d.path == "/attack-protection/phone-provider-protection" {
		f.Text("type", wire.Rule{Required: true, OneOf: []string{"exponential", "none"}})
		if err := f.Done(); err != nil {
			return 0, nil, err
		}
	}
	if d.off != "" && value(f.Bool(d.off, wire.Rule{Null: true})) {
		return 0, nil, wire.Errorf(http.StatusBadRequest, "operation_not_supported", "This feature is not available here: %s cannot be true.", d.off)
	}
	if err := f.Err(); err != nil {
		return 0, nil, err
	}
	err = a.save(ctx, r.PoolID, d.name(), func(k *kept) (any, error) {
		doc := map[string]json.RawMessage{}
		if err := k.into(&doc); err != nil {
			return nil, err
		}
		merge(doc, f.Members())
		return doc, nil
	})
	if err != nil {
		return 0, nil, err
	}
	return a.getDocument(ctx, r, d)
}

// none are lists of what there is not here. A tenant is exported with them as with lists that are empty.
func none() []struct{ path, key, scope string } {
	return []struct{ path, key, scope string }{
		{"/roles", "roles", "read:roles"},
		{"/organizations", "organizations", "read:organizations"},
		{"/log-streams", "", "read:log_streams"},
		{"/custom-domains", "custom_domains", "read:custom_domains"},
		{"/network-acls", "network_acls", "read:network_acls"},
		{"/flows", "flows", "read:flows"},
		{"/flows/vault/connections", "connections", "read:flows_vault_connections"},
		{"/forms", "forms", "read:forms"},
		{"/event-streams", "eventStreams", "read:event_streams"},
		{"/self-service-profiles", "self_service_profiles", "read:self_service_profiles"},
		{"/token-exchange-profiles", "token_exchange_profiles", "read:token_exchange_profiles"},
		{"/connection-profiles", "connection_profiles", "read:connection_profiles"},
		{"/user-attribute-profiles", "user_attribute_profiles", "read:user_attribute_profiles"},
		{"/rate-limit-policies", "rate_limit_policies", "read:rate_limit_policies"},
		{"/prompts/rendering", "configs", "read:prompts"},
		{"/connections-directory-provisionings", "directory_provisionings", "read:connections"},
	}
}

// absent are single things that there are not here.
func absent() []struct{ path, scope, sentence string } {
	return []struct{ path, scope, sentence string }{
		{"/emails/provider", "read:email_provider", "There is not a configured email provider"},
		{"/email-templates/{name}", "read:email_templates", "The template does not exist."},
		{"/branding/themes/default", "read:branding", "There was an error retrieving branding settings: no theme exists."},
		{"/branding/templates/universal-login", "read:branding", "The template does not exist."},
	}
}

// unavailable are features that a client skips when it hears that the tenant has not got them.
func unavailable() []struct{ path, scope string } {
	return []struct{ path, scope string }{
		{"/attack-protection/bot-detection", "read:attack_protection"},
		{"/attack-protection/captcha", "read:attack_protection"},
	}
}

func elsewhereRoutes() (out []route) {
	for _, n := range none() {
		list := func(_ *api, _ context.Context, r *Request) (int, any, error) { return emptyList(r, n.key) }
		out = append(out, route{"GET", n.path, n.scope, list, "an empty list"})
	}
	for _, n := range absent() {
		out = append(out, route{"GET", n.path, n.scope, func(*api, context.Context, *Request) (int, any, error) {
			return 0, nil, wire.NotFound("%s", n.sentence)
		}, "404"})
	}
	for _, n := range unavailable() {
		out = append(out, route{"GET", n.path, n.scope, func(*api, context.Context, *Request) (int, any, error) {
			return 0, nil, wire.Errorf(http.StatusForbidden, "feature_not_enabled", "This feature is not available here.")
		}, "403 feature_not_enabled"})
	}
	empty := func(*api, context.Context, *Request) (int, any, error) { return http.StatusOK, struct{}{}, nil }
	return append(out, route{"GET", "/prompts/{prompt}/custom-text/{language}", "read:prompts", empty, "an empty document"},
		route{"GET", "/prompts/{prompt}/partials", "read:prompts", empty, "an empty document"})
}

func emptyList(r *Request, key string) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil || key == "" {
		return http.StatusOK, []any{}, err
	}
	if page.Checkpoint {
		return http.StatusOK, map[string]any{key: []any{}}, nil
	}
	return http.StatusOK, page.Listed(key, []any{}, 0, 0), nil
}
