package script

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"countersign/internal/facts"
)

// Text is a message as it is handed over: destination, text and code, which facts do not hold.
type Text struct {
	// To is the number in E.164 form. Body is the rendered text of the channel, Code its code, empty if it carries none.
	To, Body, Code string
	// Channel is "sms" or "voice". From is the sender that the template or the provider names, or empty.
	Channel, From string
}

// object is a JSON object in the making.
type object map[string]any

// put adds what is not empty.
func (o object) put(name, value string) {
	if value != "" {
		o[name] = value
	}
}

func (o object) json() json.RawMessage {
	out, err := json.Marshal(o)
	if err != nil {
		return json.RawMessage("null") // metadata that is no JSON: the contract's own checks tell
	}
	return out
}

// action is context.action and message_options.action: Auth0 knows these two, and refuses any other in a Hook.
func action(p facts.Purpose) string {
	if p == facts.SecondFactor || p == facts.FirstFactor {
		return "second-factor-authentication"
	}
	return "enrollment"
}

func factorType(p facts.Purpose) string {
	if p == facts.FirstFactor {
		return "first"
	}
	return "second"
}

func channel(t Text) string {
	if t.Channel == "voice" {
		return "voice"
	}
	return "sms"
}

func metadata(raw json.RawMessage) any {
	if isNull(raw) {
		return object{}
	}
	return raw
}

func clientMetadata(c facts.Client) map[string]string {
	if c.Metadata == nil {
		return map[string]string{}
	}
	return c.Metadata
}

// HookBody is what a Hook send-phone-message is called with: {"recipient", "text", "context"}. The context has what the platform passed
// (context.client, context.request) and, beside it, the flat form that the guides describe (client_id, name, client_metadata, ip).
func HookBody(m *facts.Message, t Text) json.RawMessage {
	client := object{"client_id": m.Client.ID, "name": m.Client.Name, "client_metadata": clientMetadata(m.Client)}
	request := object{"ip": m.Request.IP, "user_agent": m.Request.UserAgent}
	request.put("method", m.Request.Method)
	request.put("hostname", m.Request.Hostname)
	request.put("language", m.Request.Language)
	return object{"recipient": t.To, "text": t.Body, "context": object{
		"factor_type": factorType(m.Purpose), "message_type": channel(t), "action": action(m.Purpose), "language": cmp.Or(m.Language, "en"),
		"code": t.Code, "ip": m.Request.IP, "user_agent": m.Request.UserAgent, "request": request,
		"client_id": m.Client.ID, "name": m.Client.Name, "client_metadata": clientMetadata(m.Client), "client": client, "user": hookUser(m.User, t),
	}}.json()
}

// hookUser has the five members that Auth0 documents, and the telephone number. Strings are never undefined.
func hookUser(u *facts.User, t Text) object {
	if u == nil {
		u = &facts.User{}
	}
	return object{"user_id": u.ID, "name": u.Name, "email": u.Email, "phone_number": cmp.Or(u.Phone, t.To),
		"app_metadata": metadata(u.AppMetadata), "user_metadata": metadata(u.UserMetadata)}
}

// SendPhoneMessageEvent is the event of an action send-phone-message (v2), without its secrets.
func SendPhoneMessageEvent(m *facts.Message, t Text) json.RawMessage {
	e := object{
		"message_options": object{"action": action(m.Purpose), "code": t.Code, "message_type": channel(t), "recipient": t.To, "text": t.Body},
		"client":          client(m.Client), "request": eventRequest(m.Request), "tenant": object{"id": m.Tenant.ID}, "user": user(m.User, m.Connection),
	}
	transaction(e, m)
	return e.json()
}

// CustomPhoneProviderEvent is the event of an action custom-phone-provider (v1), without its secrets.
func CustomPhoneProviderEvent(m *facts.Message, t Text) json.RawMessage {
	text, voice := t.Body, cmp.Or(m.Voice, t.Body)
	method := "text"
	if channel(t) == "voice" {
		method, voice = "voice", t.Body
	}
	n := object{"recipient": t.To, "as_text": text, "as_voice": voice, "delivery_method": method, "message_type": messageType(m.Purpose),
		"locale": strings.ReplaceAll(cmp.Or(m.Language, "en"), "-", "_")}
	n.put("code", t.Code)
	n.put("from", t.From)
	tenant := object{"id": m.Tenant.ID}
	for name, v := range map[string]string{"friendly_name": m.Tenant.FriendlyName, "home_url": m.Tenant.HomeURL, "logo_url": m.Tenant.LogoURL,
		"support_email": m.Tenant.SupportEmail, "support_url": m.Tenant.SupportURL} {
		tenant.put(name, v)
	}
	e := object{"notification": n, "client": client(m.Client), "request": eventRequest(m.Request), "tenant": tenant, "user": user(m.User, m.Connection)}
	if c := m.Connection; c != nil {
		e["connection"] = connection(*c)
	}
	transaction(e, m)
	return e.json()
}

func messageType(p facts.Purpose) string {
	switch p {
	case facts.Enroll:
		return "otp_enroll"
	case facts.Recovery:
		return "change_password"
	case facts.Notice:
		return "blocked_account"
	}
	return "otp_verify"
}

func transaction(e object, m *facts.Message) {
	if m.Transaction != "" {
		e["transaction"] = object{"id": m.Transaction, "correlation_id": m.Transaction}
	}
}

func client(c facts.Client) object {
	return object{"client_id": c.ID, "name": c.Name, "metadata": clientMetadata(c)}
}

func connection(c facts.Connection) object {
	return object{"id": c.ID, "name": c.Name, "strategy": c.Strategy, "metadata": object{}}
}

func eventRequest(r facts.Request) object {
	o := object{"ip": r.IP, "method": cmp.Or(r.Method, "POST"), "geoip": object{}}
	o.put("hostname", r.Hostname)
	o.put("language", r.Language)
	o.put("user_agent", r.UserAgent)
	return o
}

// user is event.user and, for rules, user.
func user(u *facts.User, c *facts.Connection) object {
	if u == nil {
		u = &facts.User{}
	}
	o := object{"user_id": u.ID, "email_verified": u.EmailVerified, "app_metadata": metadata(u.AppMetadata), "user_metadata": metadata(u.UserMetadata)}
	for name, v := range map[string]string{"name": u.Name, "nickname": u.Nickname, "given_name": u.GivenName, "family_name": u.FamilyName,
		"username": u.Username, "email": u.Email, "phone_number": u.Phone, "picture": u.Picture} {
		o.put(name, v)
	}
	if u.Phone != "" {
		o["phone_verified"] = u.PhoneVerified
	}
	if !u.CreatedAt.IsZero() {
		o["created_at"] = stamp(u.CreatedAt)
	}
	if !u.UpdatedAt.IsZero() {
		o["updated_at"] = stamp(u.UpdatedAt)
	}
	if c != nil {
		prefix, id, ok := strings.Cut(u.ID, "|")
		if !ok {
			prefix, id = c.Strategy, u.ID
		}
		o["identities"] = []object{{"connection": c.Name, "provider": prefix, "user_id": id, "isSocial": false}}
	}
	return o
}

// stamp is a time as JavaScript writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
