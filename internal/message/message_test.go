package message_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/message"
)

func TestRender(t *testing.T) {
	const uuid = "7c3f2b1e-5a64-4a0e-9d53-0f6b8a1c2d3e"
	for _, c := range []struct {
		tmpl string
		v    message.Values
		want string
	}{
		{"Your code is {####}.", message.Values{Code: "001234"}, "Your code is 001234."},
		{"{####}{####}", message.Values{Code: "1"}, "11"},
		{"", message.Values{Code: "1"}, ""},
		{"no place", message.Values{Code: "1"}, "no place"},
		{"{#####} {####", message.Values{Code: "1"}, "{#####} {####"},
		{"{{####}}", message.Values{Code: "1"}, "{1}"},
		{"{username}: {####}", message.Values{Code: "1", Username: "Ann O'Neil-Smith"}, "Ann O'Neil-Smith: 1"},
		{"{username}: {####}", message.Values{Code: "1"}, ": 1"},
		{"{username}", message.Values{Code: "1", Username: "{####}{username}"}, "username"},
		{"{username}", message.Values{Code: "1", Username: "{####}", Trusted: true}, "{####}"},
		{"{####}", message.Values{Code: "{username}", Username: "x"}, "{username}"},
		{"{username} {####}", message.Values{Code: "a<B&{##}", Username: "ann@example.com", Trusted: true}, "ann@example.com a<B&{##}"},
		{"{username}", message.Values{Username: "+12025550123", Trusted: true}, "+12025550123"},
		{"{username}", message.Values{Username: uuid, Trusted: true}, uuid},
		{"{username}", message.Values{Username: uuid}, "7c3f2b1e-5a64-4a0e-9d53-"},
		{"{username}", message.Values{Username: "win a prize at evil.com/x now"}, "win a prize at evil. com"},
		{"Go: {##Click here##}!", message.Values{Link: "https://a.example/x"}, "Go: Click here <https://a.example/x>!"},
		{"{##a##}{##b##}", message.Values{Link: "L"}, "a <L>b <L>"},
		{"{##a##} {##b", message.Values{}, "{##a##} {##b"},
		{"日本 {####} コード", message.Values{Code: "12"}, "日本 12 コード"},
	} {
		if got, err := message.Render(c.tmpl, c.v); err != nil || got != c.want {
			t.Errorf("Render(%q) = %q, %v; want %q", c.tmpl, got, err, c.want)
		}
	}
	for name, v := range map[string]message.Values{
		"too long": {Username: strings.Repeat("x", 129), Trusted: true}, "line break": {Username: "a\nb", Trusted: true},
		"no UTF-8": {Username: "\xff", Trusted: true},
	} {
		if _, err := message.Render("{username}", v); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("trusted name, %s: %v", name, err)
		}
	}
	if _, err := message.Render(strings.Repeat("{username}", 2000), message.Values{Username: strings.Repeat("x", 128), Trusted: true}); err == nil {
		t.Error("a text of 256,000 characters was made")
	}
}

// A template with a tag in it is HTML, and what is put into it is text all the same.
func TestHTML(t *testing.T) {
	for text, want := range map[string]bool{
		"<p>{####}</p>": true, "Hello <b>Ann</b>": true, "a<br/>b": true, "<!DOCTYPE html>": true, "<a href=\"https://a.example\">go</a>": true, "</p>": true,
		"": false, "1 < 2 > 0": false, "<https://a.example/x>": false, "<ann@example.com>": false, "a<b": false, "<>": false, "<3": false, "< b>": false,
	} {
		if message.IsHTML(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	got, err := message.Render("<p>{username} {####}</p>", message.Values{Code: "a<b>&1", Username: "<i>Ann</i>", Trusted: true, HTML: true})
	if want := "<p>&lt;i&gt;Ann&lt;/i&gt; a&lt;b&gt;&amp;1</p>"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestFill(t *testing.T) {
	text, err := message.Render("Code {####}", message.Values{Code: message.CodePlaceholder})
	if err != nil {
		t.Fatal(err)
	}
	text, err = message.WithOrigin(text, "a.example", message.CodePlaceholder)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := message.Fill(text, "012345"), "Code 012345\n\n@a.example #012345"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"Ann":                           "Ann",
		"J.R.R. Tolkien":                "J. R. R. Tolkien",
		"http://evil.example/?a=b":      "httpevil. exampleab",
		"1.2.3.4":                       "1. 2. 3. 4",
		"evil。com":                      "evilcom",
		"  a \t\n b  ":                  "a b",
		"O’Neil":                        "O'Neil",
		"नमस्ते":                        "नमस्ते",
		"e\u0301\u0301\u0301\u0301":     "e\u0301\u0301",
		"\u0301a":                       "a",
		"\u202egnp.exe":                 "gnp. exe",
		"a\x00b\u200bc":                 "abc",
		"+1 202-555-0123 call me today": "1 202-555-0123 call me t",
		strings.Repeat("ü", 40):         strings.Repeat("ü", 24),
		strings.Repeat("a.", 40):        "a. a. a. a. a. a. a. a.",
		"12345678901234567890123 x":     "12345678901234567890123",
		"👍 ok {####}":                   "ok",
		"\xff\xfeok":                    "ok",
	} {
		if got := message.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("ü", 134)
	for _, c := range []struct {
		kind message.Kind
		tmpl string
		want string
	}{
		{message.SMSAuthentication, "{####}", ""},
		{message.SMSAuthentication, "Code: {####}\nAcme", ""},
		{message.SMSAuthentication, long + "{####}", ""},
		{message.SMSAuthentication, long + "x{####}", "6 to 140 characters, it has 141"},
		{message.SMSAuthentication, "Your code", "must contain {####}"},
		{message.SMSAuthentication, "Your code {###}", "must contain {####}"},
		{message.SMSAuthentication, "", "6 to 140"},
		{message.SMSAuthentication, "x\x00{####}", "cannot be sent"},
		{message.SMSAuthentication, "\xff{####}xxxxx", "cannot be sent"},
		{message.SMSVerification, "{username}", "must contain {####}"},
		{message.SMSInvitation, "Welcome, {username}", ""},
		{message.SMSInvitation, "Hello", "6 to 140"},
		{message.CustomSMS, "no code here", "must contain {####}"},
		{message.CustomSMSInvitation, "{####} only", "must contain {username}"},
		{message.CustomSMSInvitation, "{username} {####}", ""},
		{message.EmailVerification, strings.Repeat("x", 19994) + "{####}", ""},
		{message.EmailVerification, strings.Repeat("x", 19995) + "{####}", "6 to 20000"},
		{message.EmailVerificationLink, "{##Verify##}", ""},
		{message.EmailVerificationLink, "{####} {##Verify##}", ""},
		{message.EmailVerificationLink, "{####} ##}", "words of the link"},
		{message.EmailVerificationLink, "{## ##}", "words of the link"},
		{message.EmailMFA, "nothing", "must contain {####}"},
		{message.CustomEmail, "{####}", ""},
		{message.CustomEmailInvitation, "{####}", "must contain {username}"},
		{message.EmailSubject, "Hi", ""},
		{message.EmailSubject, "a\r\nBcc: x", "one line"},
		{message.EmailSubject, strings.Repeat("x", 141), "1 to 140"},
		{"other", "{####}", "Unknown"},
	} {
		err := message.Validate(c.kind, c.tmpl)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s %.30q: %v", c.kind, c.tmpl, err)
			}
			continue
		}
		if e := fault.Of(err); err == nil || e.Code != fault.InvalidParameter || !strings.Contains(e.Public, c.want) {
			t.Errorf("%s %.30q: %v, want %q", c.kind, c.tmpl, err, c.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	for _, kind := range []message.Kind{
		message.SMSAuthentication, message.SMSVerification, message.SMSInvitation, message.EmailVerification,
		message.EmailVerificationLink, message.EmailInvitation, message.EmailMFA, message.EmailSubject,
	} {
		if err := message.Validate(kind, message.Default(kind)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if message.Default(message.CustomSMS) != "" || message.Default("other") != "" {
		t.Error("a trigger's kind has a default")
	}
	if got := message.Default(message.SMSAuthentication); got != "Your authentication code is {####}." {
		t.Error(got)
	}
}

func TestWithOrigin(t *testing.T) {
	got, err := message.WithOrigin("482913 is your Acme code.\n", "login.example.com", "482913")
	if want := "482913 is your Acme code.\n\n@login.example.com #482913"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if e, count, _ := message.Segments(got); e != message.GSM7 || count != 1 {
		t.Errorf("%v in %d parts", e, count)
	}
	if got, err := message.WithOrigin("", "localhost", "1"); err != nil || got != "@localhost #1" {
		t.Errorf("%q, %v", got, err)
	}
	for _, host := range []string{
		"", "https://a.example", "a.example:443", "A.example", "a..b", ".a", "a.", "-a.b", "a-.b", "a b", "a\nb", "ä.example",
		"a/b", "@a", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "aa",
	} {
		if got, err := message.WithOrigin("x", host, "1"); fault.CodeOf(err) != fault.InvalidParameter || got != "" {
			t.Errorf("host %q was taken", host)
		}
	}
	for _, code := range []string{"", "1 2", "1\n2", "1\x00", strings.Repeat("1", 65)} {
		if _, err := message.WithOrigin("x", "a.example", code); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("code %q was taken", code)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("Hi {username}, {####} {##x##}", "123456", "evil.com {####}")
	f.Add("{{username}{#", "", "\u202e.a\u0301")
	f.Fuzz(func(t *testing.T, tmpl, code, name string) {
		got, err := message.Render(tmpl, message.Values{Code: code, Username: name})
		if err == nil && !strings.Contains(tmpl, "{") && got != tmpl {
			t.Fatalf("%q became %q", tmpl, got)
		}
		clean := message.Clean(name)
		if utf8.RuneCountInString(clean) > message.MaxValue || message.Clean(clean) != clean {
			t.Fatalf("Clean(%q) = %q", name, clean)
		}
		last := ' '
		for _, r := range clean {
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune(" .-'", r) {
				t.Fatalf("Clean(%q) = %q", name, clean)
			}
			if last == '.' && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				t.Fatalf("Clean(%q) = %q may be a link", name, clean)
			}
			last = r
		}
		_ = message.Validate(message.SMSInvitation, tmpl)
		_ = message.Validate(message.EmailVerificationLink, tmpl)
	})
}

func BenchmarkRender(b *testing.B) {
	v := message.Values{Code: "123456", Username: "Ann"}
	for b.Loop() {
		_, _ = message.Render("Hello {username}, your Acme code is {####}. Do not share it.", v)
	}
}
