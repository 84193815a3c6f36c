package message

import (
	"encoding/json"
	"maps"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"countersign/internal/liquid"
)

// PhoneValues are what a phone template is filled with. User must be nil until the number that the text goes to is verified, and must hold no other
// address that is not: a stranger may have typed the number. What users set is passed through Clean besides.
type PhoneValues struct {
	// Code is the code; CodePlaceholder keeps its place open; "" for notices.
	Code string
	// Locale is the language chosen for the text, as "en" or "pt-BR".
	Locale string
	// RequestLang is the Accept-Language header as it came.
	RequestLang string
	// Region is the tenant's; often empty.
	Region       string
	Tenant       PhoneTenant
	User         *PhoneUser
	Client       PhoneClient
	Organization *PhoneOrganization
	CustomDomain *PhoneDomain
	// Connection is the connection's name, and Strategy its kind.
	Connection, Strategy string
	// PhoneNumber is the number that the text goes to.
	PhoneNumber string
}

// PhoneTenant is who sends.
type PhoneTenant struct{ ID, FriendlyName, SupportEmail, SupportURL, LogoURL, HomeURL string }

// PhoneUser is who gets the text.
type PhoneUser struct {
	Name, Nickname, GivenName, FamilyName, Picture string
	Email                                          string
	EmailVerified                                  bool
	PhoneNumber                                    string
	PhoneVerified                                  bool
	Logins                                         int
	// UserMetadata is the user's own, AppMetadata the application's.
	UserMetadata, AppMetadata json.RawMessage
	// Multifactor are the enrolled factors.
	Multifactor []string
	// SourceIP, Country and City are where the request came from.
	SourceIP, Country, City string
}

// PhoneClient is the application.
type PhoneClient struct {
	ID, Name string
	Metadata map[string]string
}

// PhoneOrganization is the organization signed in to.
type PhoneOrganization struct {
	ID, Name, DisplayName, LogoURL, PrimaryColor, PageBackground string
	Metadata                                                     map[string]string
}

// PhoneDomain is the custom domain in use.
type PhoneDomain struct {
	Domain   string
	Metadata map[string]string
}

// SpokenPlaceholder is CodePlaceholder where digits are to be spoken one by one.
const SpokenPlaceholder = "{#.#.#.#}"

// Spoken puts dots between the digits of a code, so that speech engines say them one by one.
func Spoken(code string) string {
	out := make([]rune, 0, 2*len(code))
	for i, r := range code {
		if i > 0 {
			out = append(out, '.')
		}
		out = append(out, r)
	}
	return string(out)
}

// bindings names the variables as Auth0's pages document them, both spellings where the pages differ.
func (v PhoneValues) bindings(voice bool) map[string]any {
	kind, wait, code := "sms", "", codeFor(v.Code, voice)
	if voice {
		kind, wait = "voice", pause
	}
	locale, lang := languageTag(v.Locale), acceptLanguage(v.RequestLang)
	application := map[string]any{"name": v.Client.Name, "clientID": v.Client.ID, "client_id": v.Client.ID, "metadata": v.Client.Metadata}
	out := map[string]any{
		"code": code, "password": code, "pause": wait, "message_type": kind, "locale": locale, "region": v.Region,
		"requestInfo": map[string]any{"lang": lang}, "request_language": firstOf(lang, locale),
		"tenant": liquid.Labelled{Text: firstOf(v.Tenant.FriendlyName, v.Tenant.ID), Fields: map[string]any{
			"id": v.Tenant.ID, "name": v.Tenant.ID, "friendlyName": v.Tenant.FriendlyName, "friendly_name": v.Tenant.FriendlyName,
			"support_email": v.Tenant.SupportEmail, "support_url": v.Tenant.SupportURL, "logo_url": v.Tenant.LogoURL, "home_url": v.Tenant.HomeURL,
			"region": v.Region,
		}},
		"friendly_name": v.Tenant.FriendlyName, "support_email": v.Tenant.SupportEmail, "support_url": v.Tenant.SupportURL,
		"logo_url": v.Tenant.LogoURL, "home_url": v.Tenant.HomeURL, "phone_number": v.PhoneNumber,
		"client": application, "application": application,
		"connection": liquid.Labelled{Text: v.Connection, Fields: map[string]any{"name": v.Connection, "strategy": v.Strategy}},
	}
	if v.User != nil {
		out["user"] = v.User.binding()
	}
	if o := v.Organization; o != nil {
		out["organization"] = map[string]any{"id": o.ID, "name": o.Name, "display_name": o.DisplayName, "metadata": o.Metadata,
			"branding": map[string]any{"logo_url": o.LogoURL, "colors": map[string]any{"primary": o.PrimaryColor, "page_background": o.PageBackground}}}
	}
	if d := v.CustomDomain; d != nil {
		out["custom_domain"] = map[string]any{"domain": d.Domain, "domain_metadata": d.Metadata}
	}
	return out
}

func (u *PhoneUser) binding() map[string]any {
	ip := ""
	if addr, err := netip.ParseAddr(u.SourceIP); err == nil {
		ip = addr.Unmap().WithZone("").String()
	}
	return map[string]any{
		"name": Clean(u.Name), "nickname": Clean(u.Nickname), "given_name": Clean(u.GivenName), "family_name": Clean(u.FamilyName),
		"picture": Clean(u.Picture), "email": Clean(u.Email), "email_verified": u.EmailVerified, "phone_number": u.PhoneNumber,
		"phone_verified": u.PhoneVerified, "login_count": u.Logins, "multifactor": u.Multifactor, "source_ip": ip, "country": Clean(u.Country),
		"city": Clean(u.City), "user_metadata": metadata(u.UserMetadata, Clean), "app_metadata": metadata(u.AppMetadata, func(s string) string { return s }),
	}
}

// metadata decodes an object and passes each text in it through clean, names of members too.
func metadata(raw json.RawMessage, clean func(string) string) any {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return map[string]any{}
	}
	return cleaned(v, clean)
}

func cleaned(v any, clean func(string) string) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleaned(v[i], clean)
		}
	case map[string]any:
		for k, item := range maps.Clone(v) {
			delete(v, k)
			v[keep(k, clean)] = cleaned(item, clean)
		}
	}
	return v
}

// keep leaves ordinary names of members as they are, so that templates find them.
func keep(name string, clean func(string) string) string {
	if len(name) <= MaxValue && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" {
		return name
	}
	return clean(name)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// The languages that may stand in a text are tags and lists of them, nothing else: they come from whoever asks (RFC 9110, 12.5.4; RFC 5646).
var (
	tagForm    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}$`) })
	acceptForm = sync.OnceValue(func() *regexp.Regexp {
		const one = `\s*(?:\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,3})\s*(?:;\s*q=[01](?:\.[0-9]{0,3})?\s*)?`
		return regexp.MustCompile(`^` + one + `(?:,` + one + `){0,20}$`)
	})
)

func languageTag(s string) string {
	if len(s) > 35 || !tagForm().MatchString(s) {
		return ""
	}
	return s
}

func acceptLanguage(s string) string {
	if len(s) > 300 || !acceptForm().MatchString(s) {
		return ""
	}
	return s
}

// samplePhone are the values that templates are tried with. Numbers and names are reserved for fiction.
func samplePhone(locale string) PhoneValues {
	return PhoneValues{
		Code: sampleCode, Locale: locale, RequestLang: locale, Region: "eu", PhoneNumber: "+12025550123", Connection: "sms", Strategy: "sms",
		Tenant: PhoneTenant{ID: "example", FriendlyName: "Example", SupportEmail: "help@example.com", SupportURL: "https://example.com/help",
			LogoURL: "https://example.com/logo.png", HomeURL: "https://example.com"},
		User: &PhoneUser{Name: "Ann Example", Nickname: "ann", GivenName: "Ann", FamilyName: "Example", Email: "ann@example.com", EmailVerified: true,
			PhoneNumber: "+12025550123", PhoneVerified: true, Logins: 3, Multifactor: []string{"phone"}, SourceIP: "192.0.2.1", Country: "US", City: "Springfield",
			UserMetadata: json.RawMessage(`{}`), AppMetadata: json.RawMessage(`{}`)},
		Client:       PhoneClient{ID: "sampleclient", Name: "Example App", Metadata: map[string]string{}},
		Organization: &PhoneOrganization{ID: "org_1", Name: "example", DisplayName: "Example Org", PrimaryColor: "#000000", PageBackground: "#ffffff"},
		CustomDomain: &PhoneDomain{Domain: "login.example.com", Metadata: map[string]string{}},
	}
}
