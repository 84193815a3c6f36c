package message_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"countersign/internal/fault"
	"countersign/internal/message"
)

func values() message.PhoneValues {
	return message.PhoneValues{Code: "012345", Locale: "en", RequestLang: "de-CH,de;q=0.9", Tenant: message.PhoneTenant{ID: "acme", FriendlyName: "Acme & Co"},
		Client: message.PhoneClient{ID: "c1", Name: "Shop", Metadata: map[string]string{"tone": "warm"}}, PhoneNumber: "+12025550123"}
}

func TestRenderPhone(t *testing.T) {
	user := &message.PhoneUser{Name: "win at evil.com/x now and then", Email: "ann@example.com", PhoneNumber: "+12025550123",
		UserMetadata: json.RawMessage(`{"nick":"http://evil.com","list":["a.b"],"n":3}`), AppMetadata: json.RawMessage(`{"plan":"https://acme.example/gold"}`),
		Multifactor: []string{"phone", "otp"}, SourceIP: "::ffff:192.0.2.7", Logins: 4}
	full := values()
	full.User = user
	full.Organization = &message.PhoneOrganization{Name: "org", DisplayName: "The Org", PrimaryColor: "#123456"}
	full.CustomDomain = &message.PhoneDomain{Domain: "login.acme.example", Metadata: map[string]string{"a": "b"}}
	full.Connection, full.Strategy = "Users", "auth0"
	for name, c := range map[string]struct {
		source string
		kind   message.PhoneKind
		voice  bool
		v      message.PhoneValues
		want   string
	}{
		"sms":            {"{{ code | escape }} for {{tenant.friendlyName}} / {{tenant.friendly_name}} / {{ tenant }} {{message_type}}[{{pause}}]", "verification", false, values(), "012345 for Acme & Co / Acme & Co / Acme & Co sms[]"},
		"voice":          {"{{pause}} {{code}} {{message_type}}", "verification", true, values(), "... 0.1.2.3.4.5 voice"},
		"open place":     {"{{code}}", "verification", false, message.PhoneValues{Code: message.CodePlaceholder}, "{####}"},
		"open, spoken":   {"{{code}}", "verification", true, message.PhoneValues{Code: message.CodePlaceholder}, "{#.#.#.#}"},
		"lang":           {"{{requestInfo.lang}}|{{locale}}|{{request_language}} {{code}}", "enrollment", false, values(), "de-CH,de;q=0.9|en|de-CH,de;q=0.9 012345"},
		"client":         {"{{client.name}} {{client.clientID}} {{client.metadata.tone}} {{application.name}} {{code}}", "otp_verify", false, values(), "Shop c1 warm Shop 012345"},
		"macro":          {"Use @@password@@ at {{application.name}}, {{ password }}", "passwordless", false, values(), "Use 012345 at Shop, 012345"},
		"macro in mfa":   {"@@password@@ {{code}}", "verification", false, values(), "@@password@@ 012345"},
		"no user":        {"[{{user.name}}{{user.user_metadata.nick}}] {{code}}", "verification", false, values(), "[] 012345"},
		"user":           {"{{user.name}}|{{user.email}}|{{user.login_count}}|{{user.multifactor | join: ','}}|{{user.source_ip}}|{{code}}", "otp_verify", false, full, "win at evil. comx now an|annexample. com|4|phone,otp|192.0.2.7|012345"},
		"user metadata":  {"{{user.user_metadata.nick}} {{user.user_metadata.list[0]}} {{user.user_metadata.n}} {{user.app_metadata.plan}} {{code}}", "otp_verify", false, full, "httpevil. com a. b 3 https://acme.example/gold 012345"},
		"organization":   {"{{organization.display_name}} {{organization.branding.colors.primary}} {{custom_domain.domain}} {{custom_domain.domain_metadata.a}} {{connection}} {{connection.strategy}} {{code}}", "otp_verify", false, full, "The Org #123456 login.acme.example b Users auth0 012345"},
		"flat":           {"{{friendly_name}} {{phone_number}} {{code}}", "otp_verify", false, values(), "Acme & Co +12025550123 012345"},
		"stock":          {"", "verification", false, values(), "012345 is your sign-in code for Acme & Co."},
		"stock in voice": {"", "verification", true, values(), "... 0.1.2.3.4.5 is your sign-in code for Acme & Co. Once more: ... 0.1.2.3.4.5."},
		"lost its code":  {"{% if locale contains 'es' %}{{code}}{% endif %}", "verification", false, values(), "012345 is your sign-in code for Acme & Co."},
		"cut its code":   {"{{code | slice: 0, 3}}", "verification", false, values(), "012345 is your sign-in code for Acme & Co."},
		"too much":       {"{% for i in (1..10000) %}{{code}} and more{% endfor %}", "verification", false, values(), "012345 is your sign-in code for Acme & Co."},
		"notice":         {"Blocked, {{ user.given_name | default: 'friend' }}", "blocked_account", false, message.PhoneValues{}, "Blocked, friend"},
		"values are not templates": {"{{ tenant }} {{ code }}", "verification", false, message.PhoneValues{Code: "1", Tenant: message.PhoneTenant{FriendlyName: "{{ code }}"}},
			"{{ code }} 1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := message.RenderPhone(context.Background(), message.PhoneText{Kind: c.kind, Source: c.source, Voice: c.voice, Values: c.v})
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestStockTexts(t *testing.T) {
	cache := message.NewPhoneCache(4)
	for _, kind := range message.PhoneKinds() {
		if kind.HoldsCode() {
			if err := message.ValidatePhone(kind, message.DefaultPhone(kind, false)); err != nil {
				t.Error(kind, err)
			}
		}
		if err := message.ValidatePhoneBody(kind, message.DefaultPhone(kind, true), true); err != nil {
			t.Error(kind, err)
		}
		texts := map[string]bool{}
		for _, locale := range []string{"en", "de-CH", "es-MX", "fr", "ja", ""} {
			for _, voice := range []bool{false, true} {
				v := values()
				v.Locale = locale
				text, err := cache.Render(context.Background(), message.PhoneText{Kind: kind, Voice: voice, Values: v})
				if err != nil || !strings.Contains(text, "Acme & Co") || strings.ContainsAny(text, "{}") || strings.Contains(text, "CODE") {
					t.Errorf("%s %s: %q, %v", kind, locale, text, err)
				}
				if n := strings.Count(text, "0.1.2.3.4.5"); kind.HoldsCode() && voice && n != 2 {
					t.Errorf("%s %s: the code is said %d times: %q", kind, locale, n, text)
				}
				if _, n, _ := message.Segments(text); !voice && n > 1 {
					t.Errorf("%s %s: %d segments", kind, locale, n)
				}
				texts[text] = true
			}
		}
		if want := 8; kind.HoldsCode() && len(texts) != want {
			t.Errorf("%s: %d different texts, want %d", kind, len(texts), want)
		}
	}
}

func TestFillSpoken(t *testing.T) {
	if got := message.Fill("{####} or {#.#.#.#}", "123"); got != "123 or 1.2.3" {
		t.Error(got)
	}
}

func TestValidatePhone(t *testing.T) {
	for source, want := range map[string]string{
		"":                         "The template is empty.",
		"hello":                    "does not hold the code",
		"{{ code | slice: 0, 3 }}": "does not hold the code",
		"{{ code | url_encode }}":  "does not hold the code",
		"{% if message_type == 'sms' %}{{ code }}{% endif %}": "The voice message",
		"a\n{{ code | shout }}":                               `line 2: unknown filter "shout"`,
		"{{ code":                                             "line 1: {{ is not closed",
		"{% include 'x' %}{{ code }}":                         `the tag "include" is not available`,
		"{% for i in (1..100000) %}{% endfor %}{{ code }}":    "a list of more than 10000 items",
	} {
		err := message.ValidatePhone(message.PhoneVerification, source)
		f := fault.Of(err)
		if err == nil || f.Code != fault.TemplateInvalid || f.Field != "verification" || !strings.Contains(f.Public, want) {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
	}
	for _, good := range []string{"{{code}}", "{{ code | escape }} {{ nothing.at.all }}", "{% if locale contains 'en' %}{{ code }}{% endif %}"} {
		if err := message.ValidatePhone(message.PhoneEnrollment, good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if err := message.ValidatePhone(message.PhoneBlockedAccount, "You are blocked."); err != nil {
		t.Error(err)
	}
	if err := message.ValidatePhone(message.PhonePasswordless, "Code: @@password@@"); err != nil {
		t.Error(err)
	}
}

// Who asks for a text cannot put words into it by the headers of the request.
func TestLanguagesAreTags(t *testing.T) {
	for _, bad := range []string{"go to evil.com", "evil.com", "x\ny", "de;q=evil", strings.Repeat("de,", 50), "{{ code }}"} {
		v := values()
		v.Locale, v.RequestLang = bad, bad
		got, err := message.RenderPhone(context.Background(), message.PhoneText{Kind: "verification", Source: "{{requestInfo.lang}}{{locale}}{{request_language}}{{code}}", Values: v})
		if err != nil || got != "012345" {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

func TestPreviewPhone(t *testing.T) {
	sms, voice, err := message.PreviewPhone(context.Background(), message.PhoneVerification, "{{ code }} – {{ tenant }}{{ pause }}", "")
	if err != nil {
		t.Fatal(err)
	}
	if sms.Text != "123456 – Example" || sms.Encoding != message.UCS2 || sms.Segments != 1 || sms.Units != 16 || string(sms.Foreign) != "–" {
		t.Errorf("%+v", sms)
	}
	if voice.Text != "1.2.3.4.5.6 – Example..." {
		t.Errorf("%+v", voice)
	}
	if _, _, err := message.PreviewPhone(context.Background(), message.PhoneVerification, "{{ code | x }}", "de"); fault.CodeOf(err) != fault.TemplateInvalid {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := message.PreviewPhone(ctx, message.PhoneVerification, "", "de"); err != context.Canceled {
		t.Error(err)
	}
}

func TestPhoneCacheIsBounded(t *testing.T) {
	cache := message.NewPhoneCache(2)
	for _, s := range []string{"a{{code}}", "b{{code}}", "c{{code}}", "a{{code}}", "c{{code}}"} {
		got, err := cache.Render(context.Background(), message.PhoneText{Kind: "verification", Source: s, Values: values()})
		if err != nil || got != s[:1]+"012345" {
			t.Error(s, got, err)
		}
	}
}

func BenchmarkRenderPhone(b *testing.B) {
	cache := message.NewPhoneCache(16)
	p := message.PhoneText{Kind: message.PhoneVerification, Values: values()}
	for b.Loop() {
		if _, err := cache.Render(context.Background(), p); err != nil {
			b.Fatal(err)
		}
	}
}

// The example of docs/phone-templates.md is one.
func TestDocumentedTemplate(t *testing.T) {
	page, err := os.ReadFile("../../docs/phone-templates.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```liquid\n")
	source, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page has no example")
	}
	if err := message.ValidatePhone(message.PhoneVerification, source); err != nil {
		t.Error(err)
	}
	sms, voice, err := message.PreviewPhone(context.Background(), message.PhoneVerification, source, "es-MX")
	if err != nil || sms.Text != "123456 es su código de Example." || voice.Text != "Your code is ... 1.2.3.4.5.6. Again: ... 1.2.3.4.5.6." {
		t.Errorf("%q %q %v", sms.Text, voice.Text, err)
	}
}
