package management

import (
	"context"
	"net/http"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/message"
	"countersign/internal/pool"
)

// templateTypes are the types of the unified phone experience.
func templateTypes() []string {
	return []string{"otp_verify", "otp_enroll", "change_password", "blocked_account", "password_breach"}
}

// templateMeta is what is kept of a template besides its texts, which are in pool.TenantConfig: the document of settingTemplates, by type.
type templateMeta struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type templateBody struct {
	ID           string          `json:"id"`
	Tenant       string          `json:"tenant"`
	Channel      string          `json:"channel"`
	Customizable bool            `json:"customizable"`
	Type         string          `json:"type"`
	Disabled     bool            `json:"disabled"`
	Content      templateContent `json:"content"`
	CreatedAt    string          `json:"created_at"`
	UpdatedAt    string          `json:"updated_at"`
}

type templateContent struct {
	Syntax string `json:"syntax"`
	From   string `json:"from,omitempty"`
	Body   struct {
		Text  string `json:"text"`
		Voice string `json:"voice"`
	} `json:"body"`
}

func templateOf(r *Request, kind string, m templateMeta, t pool.PhoneTemplate) templateBody {
	b := templateBody{m.ID, r.PoolID, "phone", true, kind, t.Disabled, templateContent{Syntax: "liquid", From: t.From}, stamp(m.CreatedAt), stamp(m.UpdatedAt)}
	b.Content.Body.Text, b.Content.Body.Voice = t.Text, t.Voice
	if t.Text == "" {
		b.Content.Body.Text = message.DefaultPhone(message.PhoneKind(kind), false)
	}
	if t.Voice == "" {
		b.Content.Body.Voice = message.DefaultPhone(message.PhoneKind(kind), true)
	}
	return b
}

// templates returns what is kept of the templates, and the pool's settings.
func (a *api) templates(ctx context.Context, r *Request) (map[string]templateMeta, *pool.TenantConfig, error) {
	_, t, err := a.config(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	k, err := a.setting(ctx, r.PoolID, settingTemplates)
	if err != nil {
		return nil, nil, err
	}
	metas := map[string]templateMeta{}
	return metas, t, k.into(&metas)
}

// templateNamed finds a template by its id.
func (a *api) templateNamed(ctx context.Context, r *Request) (kind string, m templateMeta, t pool.PhoneTemplate, err error) {
	metas, cfg, err := a.templates(ctx, r)
	if err != nil {
		return "", m, t, err
	}
	for kind, m := range metas {
		if m.ID == r.Param("id") {
			return kind, m, cfg.Branding[kind], nil
		}
	}
	return "", m, t, noTemplate()
}

func noTemplate() error { return wire.NotFound("The phone template does not exist.") }

func (a *api) listTemplates(ctx context.Context, r *Request) (int, any, error) {
	disabled, err := optionalBool(r, "disabled")
	if err != nil {
		return 0, nil, err
	}
	metas, t, err := a.templates(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	out := []templateBody{}
	for _, kind := range templateTypes() {
		if m, ok := metas[kind]; ok && (disabled == nil || *disabled == t.Branding[kind].Disabled) {
			out = append(out, templateOf(r, kind, m, t.Branding[kind]))
		}
	}
	return http.StatusOK, map[string]any{"templates": out}, nil
}

func (a *api) getTemplate(ctx context.Context, r *Request) (int, any, error) {
	kind, m, t, err := a.templateNamed(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, templateOf(r, kind, m, t), nil
}

// templateInput reads disabled and content; nil members were not sent.
type templateInput struct {
	disabled          *bool
	from, text, voice *string
}

func templateInputOf(f *wire.Fields) templateInput {
	in := templateInput{disabled: f.Bool("disabled", wire.Rule{Title: "Whether the template is enabled (false) or disabled (true)"})}
	if o := f.Object("content", wire.Rule{}); o != nil {
		o.Text("syntax", wire.Rule{OneOf: []string{"liquid"}})
		in.from = o.Text("from", wire.Rule{Title: "Default phone number to be used as 'from' when sending a phone notification", Max: 16, Null: true})
		if b := o.Object("body", wire.Rule{}); b != nil {
			in.text = b.Text("text", wire.Rule{Title: "Content of the phone template for text notifications", Max: maxTemplate, Null: true})
			in.voice = b.Text("voice", wire.Rule{Title: "Content of the phone template for voice notifications", Max: maxTemplate, Null: true})
		}
	}
	f.Ignore("channel", "customizable", "tenant", "id", "created_at", "updated_at") // what a client gives back of what it was shown
	return in
}

// apply changes a template and judges its texts. Stock texts are stored as none, so that they follow the product.
func (in *templateInput) apply(kind string, t *pool.PhoneTemplate) error {
	if in.disabled != nil {
		t.Disabled = *in.disabled
	}
	if in.from != nil {
		t.From = *in.from
	}
	for _, x := range []struct {
		given *string
		to    *string
		voice bool
		path  string
	}{{in.text, &t.Text, false, "content.body.text"}, {in.voice, &t.Voice, true, "content.body.voice"}} {
		if x.given == nil {
			continue
		}
		*x.to = *x.given
		if *x.given == message.DefaultPhone(message.PhoneKind(kind), x.voice) {
			*x.to = ""
		} else if err := message.ValidatePhoneBody(message.PhoneKind(kind), *x.given, x.voice); err != nil {
			return badTemplate(err, x.path)
		}
	}
	return nil
}

func (a *api) createTemplate(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	kind := value(f.Text("type", wire.Rule{Title: "The kind of text", Required: true, OneOf: templateTypes()}))
	in := templateInputOf(f)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	var t pool.PhoneTemplate
	if err := in.apply(kind, &t); err != nil {
		return 0, nil, err
	}
	now := a.Now().UTC()
	m := templateMeta{"tem_" + randomID(), now, now}
	err = a.save(ctx, r.PoolID, settingTemplates, func(k *kept) (any, error) {
		metas := map[string]templateMeta{}
		if err := k.into(&metas); err != nil {
			return nil, err
		}
		if _, ok := metas[kind]; ok {
			return nil, wire.Errorf(http.StatusConflict, "", "A template of this type exists already.")
		}
		metas[kind] = m
		return metas, nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, templateOf(r, kind, m, t), a.setTemplate(ctx, r, kind, &t)
}

// setTemplate stores the texts of a type; nil deletes them.
func (a *api) setTemplate(ctx context.Context, r *Request, kind string, t *pool.PhoneTemplate) error {
	r.Detail("type", kind)
	_, err := a.change(ctx, r, func(_ *pool.Config, c *pool.TenantConfig) error {
		if t == nil {
			delete(c.Branding, kind)
			return nil
		}
		if c.Branding == nil {
			c.Branding = map[string]pool.PhoneTemplate{}
		}
		c.Branding[kind] = *t
		return nil
	})
	return err
}

// touch sets the time of a template's change; drop deletes what is kept of it.
func (a *api) touch(ctx context.Context, r *Request, kind string, drop bool) (m templateMeta, err error) {
	err = a.save(ctx, r.PoolID, settingTemplates, func(k *kept) (any, error) {
		metas := map[string]templateMeta{}
		if err := k.into(&metas); err != nil {
			return nil, err
		}
		m = metas[kind]
		if m.ID != r.Param("id") {
			return nil, noTemplate()
		}
		m.UpdatedAt = a.Now().UTC()
		metas[kind] = m
		if drop {
			delete(metas, kind)
		}
		return metas, nil
	})
	return m, err
}

func (a *api) updateTemplate(ctx context.Context, r *Request) (int, any, error) {
	kind, _, t, err := a.templateNamed(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	if given := f.Text("type", wire.Rule{OneOf: templateTypes()}); given != nil && *given != kind {
		f.Fail("type", "", "The type of a template cannot change")
	}
	in := templateInputOf(f)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if err := in.apply(kind, &t); err != nil {
		return 0, nil, err
	}
	return a.storeTemplate(ctx, r, kind, t)
}

func (a *api) storeTemplate(ctx context.Context, r *Request, kind string, t pool.PhoneTemplate) (int, any, error) {
	if err := a.setTemplate(ctx, r, kind, &t); err != nil {
		return 0, nil, err
	}
	m, err := a.touch(ctx, r, kind, false)
	return http.StatusOK, templateOf(r, kind, m, t), err
}

func (a *api) resetTemplate(ctx context.Context, r *Request) (int, any, error) {
	kind, _, t, err := a.templateNamed(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	t.Text, t.Voice = "", ""
	return a.storeTemplate(ctx, r, kind, t)
}

func (a *api) deleteTemplate(ctx context.Context, r *Request) (int, any, error) {
	kind, _, _, err := a.templateNamed(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if _, err := a.touch(ctx, r, kind, true); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.setTemplate(ctx, r, kind, nil)
}

func (a *api) tryTemplate(ctx context.Context, r *Request) (int, any, error) {
	kind, _, t, err := a.templateNamed(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	err = a.try(ctx, r, false, []string{"text", "voice"}, func(spoken bool) (string, error) {
		source := t.Text
		if spoken {
			source = t.Voice
		}
		if source == "" {
			source = message.DefaultPhone(message.PhoneKind(kind), spoken)
		}
		text, voice, err := message.PreviewPhone(ctx, message.PhoneKind(kind), source, "")
		if spoken {
			return voice.Text, err
		}
		return text.Text, err
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, map[string]string{"message": "The message was handed over."}, nil
}
