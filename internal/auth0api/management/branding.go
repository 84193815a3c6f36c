package management

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/pool"
	"countersign/phone"
)

const (
	nameTwilio = "twilio"
	nameCustom = "custom"
)

func brandingRoutes() []route {
	return []route{
		{"GET", "/branding/phone/providers", "read:phone_providers", (*api).listProviders, "disabled"},
		{"POST", "/branding/phone/providers", "create:phone_providers", (*api).createProvider, "one for a tenant; custom needs a deployed action"},
		{"GET", "/branding/phone/providers/{id}", "read:phone_providers", (*api).getProvider, ""},
		{"PATCH", "/branding/phone/providers/{id}", "update:phone_providers", (*api).updateProvider, "may change the name"},
		{"DELETE", "/branding/phone/providers/{id}", "delete:phone_providers", (*api).deleteProvider, ""},
		{"POST", "/branding/phone/providers/{id}/try", "create:phone_providers", (*api).tryProvider, "{to, delivery_method}; by this provider, in use or not; 10 a minute"},
		{"GET", "/branding/phone/templates", "read:phone_templates", (*api).listTemplates, "disabled"},
		{"POST", "/branding/phone/templates", "create:phone_templates", (*api).createTemplate, "409 if the type is there; what is absent is the stock text"},
		{"GET", "/branding/phone/templates/{id}", "read:phone_templates", (*api).getTemplate, ""},
		{"PATCH", "/branding/phone/templates/{id}", "update:phone_templates", (*api).updateTemplate, ""},
		{"DELETE", "/branding/phone/templates/{id}", "delete:phone_templates", (*api).deleteTemplate, ""},
		{"PATCH", "/branding/phone/templates/{id}/reset", "update:phone_templates", (*api).resetTemplate, "back to the stock text"},
		{"POST", "/branding/phone/templates/{id}/try", "create:phone_templates", (*api).tryTemplate, "{to, delivery_method}"},
	}
}

// PhoneProvider is the document of the setting SettingPhoneProvider.
type PhoneProvider struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Disabled bool   `json:"disabled,omitempty"`
	// Configuration: delivery_methods, and for Twilio sid, default_from, mssid.
	Configuration ProviderConfiguration `json:"configuration"`
	CreatedAt     time.Time             `json:"created_at"`
	UpdatedAt     time.Time             `json:"updated_at"`
}

// ProviderConfiguration is a provider's, without its credentials.
type ProviderConfiguration struct {
	SID             string   `json:"sid,omitempty"`
	DefaultFrom     string   `json:"default_from,omitempty"`
	MessagingSID    string   `json:"mssid,omitempty"`
	DeliveryMethods []string `json:"delivery_methods"`
}

type providerBody struct {
	ID            string                `json:"id"`
	Tenant        string                `json:"tenant"`
	Name          string                `json:"name"`
	Channel       string                `json:"channel"`
	Disabled      bool                  `json:"disabled"`
	Configuration ProviderConfiguration `json:"configuration"`
	CreatedAt     string                `json:"created_at"`
	UpdatedAt     string                `json:"updated_at"`
}

func providerOf(r *Request, p *PhoneProvider) providerBody {
	return providerBody{p.ID, r.PoolID, p.Name, "phone", p.Disabled, p.Configuration, stamp(p.CreatedAt), stamp(p.UpdatedAt)}
}

// provider returns the pool's provider, nil if there is none.
func (a *api) provider(ctx context.Context, r *Request) (*PhoneProvider, error) {
	k, err := a.setting(ctx, r.PoolID, SettingPhoneProvider)
	if err != nil || k.Doc == nil {
		return nil, err
	}
	p := new(PhoneProvider)
	return p, k.into(p)
}

// providerNamed is provider for a path that names it.
func (a *api) providerNamed(ctx context.Context, r *Request) (*PhoneProvider, error) {
	p, err := a.provider(ctx, r)
	if err == nil && (p == nil || p.ID != r.Param("id")) {
		err = noProvider()
	}
	return p, err
}

func noProvider() error { return wire.NotFound("The phone provider does not exist.") }

func (a *api) listProviders(ctx context.Context, r *Request) (int, any, error) {
	disabled, err := optionalBool(r, "disabled")
	if err != nil {
		return 0, nil, err
	}
	p, err := a.provider(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	out := []providerBody{}
	if p != nil && (disabled == nil || *disabled == p.Disabled) {
		out = append(out, providerOf(r, p))
	}
	return http.StatusOK, map[string]any{"providers": out}, nil
}

func (a *api) getProvider(ctx context.Context, r *Request) (int, any, error) {
	p, err := a.providerNamed(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, providerOf(r, p), nil
}

// providerInput is a body of POST or PATCH. Nil members were not sent.
type providerInput struct {
	name          *string
	disabled      *bool
	configuration *ProviderConfiguration
	credentials   map[string]string
}

func providerInputOf(r *Request, creates bool) (*providerInput, error) {
	f, err := r.Fields()
	if err != nil {
		return nil, err
	}
	in := &providerInput{
		name:     f.Text("name", wire.Rule{Title: "Name of the phone notification provider", Required: creates, OneOf: []string{nameTwilio, nameCustom}}),
		disabled: f.Bool("disabled", wire.Rule{Title: "Whether the provider is enabled (false) or disabled (true)"}),
	}
	if o := f.Object("configuration", wire.Rule{Title: "Configuration of the phone provider"}); o != nil {
		in.configuration = &ProviderConfiguration{
			SID: value(o.Text("sid", wire.Rule{Max: 255, Null: true})), DefaultFrom: value(o.Text("default_from", wire.Rule{Max: 255, Null: true})),
			MessagingSID:    value(o.Text("mssid", wire.Rule{Max: 255, Null: true})),
			DeliveryMethods: o.Texts("delivery_methods", wire.Rule{Required: true, Min: 1, Max: 2, OneOf: []string{"text", "voice"}}),
		}
	}
	if in.name != nil && *in.name == nameTwilio && creates && in.configuration == nil {
		f.Object("configuration", wire.Rule{Required: true})
	}
	if o := f.Object("credentials", wire.Rule{Title: "Provider credentials", Required: creates}); o != nil {
		in.credentials = map[string]string{}
		if v := o.Text("auth_token", wire.Rule{Title: "Twilio auth token", Min: 1, Max: 255}); v != nil {
			in.credentials["auth_token"] = *v
		}
		if err := o.Done(); err != nil {
			return nil, err
		}
	}
	f.Ignore("channel", "tenant", "id", "created_at", "updated_at") // what a client gives back of what it was shown
	return in, f.Done()
}

// apply changes a provider and judges the result. secret is what is sealed beside it.
func (in *providerInput) apply(p *PhoneProvider, secret []byte) ([]byte, error) {
	if in.name != nil && *in.name != p.Name {
		p.Name, secret = *in.name, nil
	}
	if in.disabled != nil {
		p.Disabled = *in.disabled
	}
	if in.configuration != nil {
		p.Configuration = *in.configuration
	}
	if token := in.credentials["auth_token"]; token != "" && !isPlaceholder(token) {
		secret = encode(in.credentials)
	}
	c := &p.Configuration
	if p.Name == nameCustom {
		c.SID, c.DefaultFrom, c.MessagingSID = "", "", ""
		if len(c.DeliveryMethods) == 0 {
			c.DeliveryMethods = []string{"text"}
		}
		return nil, nil
	}
	switch {
	case c.SID == "":
		return nil, wire.BadBody("configuration", "", "Missing required property: sid")
	case len(secret) == 0:
		return nil, wire.BadBody("credentials", "", "Missing required property: auth_token")
	case c.DefaultFrom == "" && c.MessagingSID == "":
		return nil, wire.Errorf(http.StatusBadRequest, "", "Bad Operation on Notification Resource: default_from or mssid is required")
	}
	return secret, nil
}

// checkCustom refuses a custom provider whose action is not deployed: no text would go out.
func (a *api) checkCustom(ctx context.Context, r *Request, name string) error {
	if name != nameCustom {
		return nil
	}
	yes := true
	list, _, err := a.Hooks.Actions(ctx, r.PoolID, hook.ActionQuery{TriggerID: hook.CustomPhoneProvider, Deployed: &yes, Limit: 1})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return wire.Errorf(http.StatusBadRequest, "custom_email_provider_deployed_action_not_found",
			"Deploy an action of the trigger custom-phone-provider before the phone provider is set to custom.")
	}
	return nil
}

func (a *api) createProvider(ctx context.Context, r *Request) (int, any, error) {
	in, err := providerInputOf(r, true)
	if err != nil {
		return 0, nil, err
	}
	if err := a.checkCustom(ctx, r, *in.name); err != nil {
		return 0, nil, err
	}
	now := a.Now().UTC()
	p := &PhoneProvider{ID: "pro_" + randomID(), CreatedAt: now, UpdatedAt: now}
	err = a.save(ctx, r.PoolID, SettingPhoneProvider, func(k *kept) (any, error) {
		if k.Doc != nil {
			return nil, wire.Errorf(http.StatusConflict, "", "A phone provider exists already.")
		}
		var err error
		k.Secret, err = in.apply(p, nil)
		return p, err
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, providerOf(r, p), a.useProvider(ctx, r, p)
}

// useProvider tells the pool who sends its texts in the unified phone experience.
func (a *api) useProvider(ctx context.Context, r *Request, p *PhoneProvider) error {
	_, err := a.change(ctx, r, func(_ *pool.Config, t *pool.TenantConfig) error {
		t.BrandingProvider = ""
		if p != nil && !p.Disabled {
			t.BrandingProvider = p.Name
		}
		return nil
	})
	return err
}

func (a *api) updateProvider(ctx context.Context, r *Request) (int, any, error) {
	in, err := providerInputOf(r, false)
	if err != nil {
		return 0, nil, err
	}
	if err := a.checkCustom(ctx, r, value(in.name)); err != nil {
		return 0, nil, err
	}
	var p *PhoneProvider
	err = a.save(ctx, r.PoolID, SettingPhoneProvider, func(k *kept) (any, error) {
		p = new(PhoneProvider)
		if err := k.into(p); err != nil {
			return nil, err
		}
		if k.Doc == nil || p.ID != r.Param("id") {
			return nil, noProvider()
		}
		p.UpdatedAt = a.Now().UTC()
		var err error
		k.Secret, err = in.apply(p, k.Secret)
		return p, err
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, providerOf(r, p), a.useProvider(ctx, r, p)
}

func (a *api) deleteProvider(ctx context.Context, r *Request) (int, any, error) {
	if _, err := a.providerNamed(ctx, r); err != nil {
		return 0, nil, err
	}
	if err := a.save(ctx, r.PoolID, SettingPhoneProvider, func(*kept) (any, error) { return nil, nil }); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.useProvider(ctx, r, nil)
}

func (a *api) tryProvider(ctx context.Context, r *Request) (int, any, error) {
	p, err := a.providerNamed(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	_, t, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	name := t.FriendlyName
	if name == "" {
		name = r.PoolID
	}
	if err := a.try(ctx, r, true, p.Configuration.DeliveryMethods, func(bool) (string, error) { return "This is a test message of " + name + ".", nil }); err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, map[string]any{"code": http.StatusAccepted, "message": "The message was handed over."}, nil
}

// try reads {to, delivery_method} and sends text, by the branding phone provider or as the pool's own texts are sent.
func (a *api) try(ctx context.Context, r *Request, provider bool, methods []string, text func(voice bool) (string, error)) error {
	f, err := r.Fields()
	if err != nil {
		return err
	}
	to := value(f.Text("to", wire.Rule{Title: "The recipient phone number to receive a given notification", Required: true, Min: 1, Max: 16}))
	method := value(f.Text("delivery_method", wire.Rule{OneOf: methods}))
	if err := f.Done(); err != nil {
		return err
	}
	n, err := phone.Parse(to)
	if err != nil {
		return wire.BadBody("to", "", "String is not a phone number in E.164 form")
	}
	if a.Try == nil {
		return fault.New(fault.UnsupportedOperation).WithPublic("This server cannot send a message to try a provider.")
	}
	voice := method == "voice" || method == "" && !slices.Contains(methods, "text")
	t := Trial{PoolID: r.PoolID, To: n.String(), Voice: voice, Provider: provider, Caller: r.Caller}
	if t.Text, err = text(voice); err != nil {
		return err
	}
	if left := a.tries.Take(r.PoolID); !left.OK {
		return &fault.Error{Code: fault.RateExceeded, RetryAfter: left.RetryAfter, Public: "Too many messages were tried. Wait for a moment."}
	}
	return a.Try(ctx, t)
}

// randomID is 22 letters and digits.
func randomID() string { return rand.Text()[:22] }
