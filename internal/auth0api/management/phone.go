package management

import (
	"context"
	"net/http"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/message"
	"countersign/internal/pool"
)

// maxTemplate bounds a template, in characters.
const maxTemplate = 20000

// phoneRoutes are the settings of the phone factor. The spellings sms and phone are the same value.
func phoneRoutes() []route {
	out := []route{
		{"GET", "/guardian/factors/phone/message-types", readFactors, (*api).getMessageTypes, ""},
		{"PUT", "/guardian/factors/phone/message-types", updateFactors, (*api).setMessageTypes, "sms, voice; may be empty"},
		{"GET", "/guardian/factors/phone/settings", readFactors, (*api).getCodeSettings, "6 digits, 300 seconds"},
		{"PUT", "/guardian/factors/phone/settings", updateFactors, (*api).setCodeSettings, "these values alone"},
	}
	for _, name := range []string{"phone", "sms"} {
		base := "/guardian/factors/" + name
		out = append(out,
			route{"GET", base + "/selected-provider", readFactors, (*api).getPhoneSender, "auth0 (this server's own route), twilio, phone-message-hook"},
			route{"PUT", base + "/selected-provider", updateFactors, (*api).setPhoneSender, ""},
			route{"GET", base + "/templates", readFactors, (*api).getPhoneTexts, "204 until they are set"},
			route{"PUT", base + "/templates", updateFactors, (*api).setPhoneTexts, "400 names the template and the parser's error"},
			route{"GET", base + "/providers/twilio", readFactors, (*api).getTwilio, "auth_token needs ReadSecret"},
			route{"PUT", base + "/providers/twilio", updateFactors, (*api).setTwilio, "an absent auth_token stays as it is, null deletes it"},
		)
	}
	return append(out, route{"POST", "/countersign/templates/preview", readFactors + " read:phone_templates", (*api).previewTemplate,
		"ours: {type, template, locale} → text and voice, with encoding and segments"})
}

func messageTypesOf(t *pool.TenantConfig) []string {
	if t.MessageTypes == nil {
		return []string{pool.ChannelSMS}
	}
	return t.MessageTypes
}

func (a *api) getMessageTypes(ctx context.Context, r *Request) (int, any, error) {
	_, t, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"message_types": messageTypesOf(t)}, nil
}

func (a *api) setMessageTypes(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	list := f.Texts("message_types", wire.Rule{
		Title: "The list of phone factors to enable on the tenant", Required: true, Max: 2, OneOf: []string{pool.ChannelSMS, pool.ChannelVoice},
	})
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	_, err = a.change(ctx, r, func(_ *pool.Config, t *pool.TenantConfig) error {
		t.MessageTypes = list
		return nil
	})
	return http.StatusOK, map[string]any{"message_types": list}, err
}

// Codes of second factors have six digits and live five minutes, as in the original.
const codeDigits, codeSeconds = 6, 300

func (a *api) getCodeSettings(context.Context, *Request) (int, any, error) {
	return http.StatusOK, map[string]int{"otp_length": codeDigits, "otp_expiration_time": codeSeconds}, nil
}

func (a *api) setCodeSettings(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	f.Int("otp_length", wire.Rule{Title: "The length of the OTP code", Required: true, Min: codeDigits, Max: codeDigits})
	f.Int("otp_expiration_time", wire.Rule{Title: "The OTP expiration time in seconds", Required: true, Min: codeSeconds, Max: codeSeconds})
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	return a.getCodeSettings(ctx, r)
}

// ownRoute is what the wire calls the server's own sender.
const ownRoute = "auth0"

func (a *api) getPhoneSender(ctx context.Context, r *Request) (int, any, error) {
	_, t, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	name := t.Provider
	if name == "" {
		name = ownRoute
	}
	return http.StatusOK, map[string]string{"provider": name}, nil
}

func (a *api) setPhoneSender(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	name := value(f.Text("provider", wire.Rule{Title: "The name of the provider", Required: true, OneOf: []string{ownRoute, "twilio", string(hook.PhoneHook)}}))
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	r.Detail("provider", name)
	_, err = a.change(ctx, r, func(_ *pool.Config, t *pool.TenantConfig) error {
		t.Provider = name
		return nil
	})
	return http.StatusOK, map[string]string{"provider": name}, err
}

type phoneTexts struct {
	Enrollment   string `json:"enrollment_message"`
	Verification string `json:"verification_message"`
}

func (a *api) getPhoneTexts(ctx context.Context, r *Request) (int, any, error) {
	_, t, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if t.Enrollment == "" && t.Verification == "" {
		return http.StatusNoContent, nil, nil
	}
	return http.StatusOK, phoneTexts{t.Enrollment, t.Verification}, nil
}

func (a *api) setPhoneTexts(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	text := func(name, title string) string {
		return value(f.Text(name, wire.Rule{Title: title, Required: true, Max: maxTemplate}))
	}
	in := phoneTexts{
		text("enrollment_message", "Message sent to the user when they are invited to enroll with a phone number"),
		text("verification_message", "Message sent to the user when they are prompted to verify their account"),
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if err := message.ValidatePhone(message.PhoneEnrollment, in.Enrollment); err != nil {
		return 0, nil, badTemplate(err, "enrollment_message")
	}
	if err := message.ValidatePhone(message.PhoneVerification, in.Verification); err != nil {
		return 0, nil, badTemplate(err, "verification_message")
	}
	_, err = a.change(ctx, r, func(_ *pool.Config, t *pool.TenantConfig) error {
		t.Enrollment, t.Verification = in.Enrollment, in.Verification
		return nil
	})
	return http.StatusOK, in, err
}

// badTemplate names the template in the words of the original's validation.
func badTemplate(err error, property string) error {
	if f := fault.Of(err); f.Code == fault.TemplateInvalid {
		return wire.BadBody(property, "", "Template cannot be used: %s", f.Public)
	}
	return err
}

// TwilioAccount is the document of the setting SettingTwilio.
type TwilioAccount struct {
	From                string `json:"from,omitempty"`
	MessagingServiceSID string `json:"messaging_service_sid,omitempty"`
	SID                 string `json:"sid,omitempty"`
}

func (a *api) getTwilio(ctx context.Context, r *Request) (int, any, error) {
	k, err := a.setting(ctx, r.PoolID, SettingTwilio)
	if err != nil {
		return 0, nil, err
	}
	return twilioAnswer(r, k)
}

func twilioAnswer(r *Request, k *kept) (int, any, error) {
	var d TwilioAccount
	if err := k.into(&d); err != nil {
		return 0, nil, err
	}
	out := map[string]string{}
	for name, v := range map[string]string{"from": d.From, "messaging_service_sid": d.MessagingServiceSID, "sid": d.SID} {
		if v != "" {
			out[name] = v
		}
	}
	if len(k.Secret) > 0 && r.SeesSecrets() {
		out["auth_token"] = string(k.Secret)
	}
	return http.StatusOK, out, nil
}

func (a *api) setTwilio(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	d := TwilioAccount{
		From:                value(f.Text("from", wire.Rule{Title: "From number", Max: 64, Null: true})),
		MessagingServiceSID: value(f.Text("messaging_service_sid", wire.Rule{Title: "Copilot SID", Max: 1000, Null: true})),
		SID:                 value(f.Text("sid", wire.Rule{Title: "Twilio SID", Max: 1000, Null: true})),
	}
	token := f.Text("auth_token", wire.Rule{Title: "Twilio Authentication token", Max: 1000, Null: true})
	drop := f.IsNull("auth_token")
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	var after *kept
	err = a.save(ctx, r.PoolID, SettingTwilio, func(k *kept) (any, error) {
		switch {
		case drop:
			k.Secret = nil
		case token != nil && !isPlaceholder(*token):
			k.Secret = []byte(*token)
		}
		k.Doc, after = encode(d), k
		return d, nil
	})
	if err != nil {
		return 0, nil, err
	}
	return twilioAnswer(r, after)
}

// isPlaceholder reports whether a client gave back what it was shown in place of a secret.
func isPlaceholder(v string) bool {
	return v == hook.Placeholder || v+"_" == hook.Placeholder
}

// sampleBody is a text of a preview.
type sampleBody struct {
	Text     string `json:"text"`
	Encoding string `json:"encoding"`
	Segments int    `json:"segments"`
	Units    int    `json:"units"`
	// Foreign are characters that force the longer encoding.
	Foreign string `json:"foreign,omitempty"`
}

func sampleOf(s message.PhoneSample) sampleBody {
	return sampleBody{s.Text, s.Encoding.String(), s.Segments, s.Units, string(s.Foreign)}
}

func (a *api) previewTemplate(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	var kinds []string
	for _, k := range message.PhoneKinds() {
		kinds = append(kinds, string(k))
	}
	kind := message.PhoneKind(value(f.Text("type", wire.Rule{Title: "The kind of text", Required: true, OneOf: kinds})))
	source := value(f.Text("template", wire.Rule{Title: "The template; empty: the stock text", Max: maxTemplate}))
	locale := value(f.Text("locale", wire.Rule{Title: "A language tag", Max: 35}))
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	sms, voice, err := message.PreviewPhone(ctx, kind, source, locale)
	if err != nil {
		return 0, nil, badTemplate(err, "template")
	}
	return http.StatusOK, map[string]any{"text": sampleOf(sms), "voice": sampleOf(voice)}, nil
}
