package registration

import (
	"strings"
	"testing"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/message"
)

func TestTexts(t *testing.T) {
	for _, c := range []struct {
		text      string
		variables []string
		want      string // the template; "" is refused
	}{
		{"{{code}} is your Acme code.", nil, "{####} is your Acme code."},
		{"{#var#} is your OTP for Acme.", nil, "{####} is your OTP for Acme."},
		{"{#numeric#} is your OTP for Acme.", nil, "{####} is your OTP for Acme."},
		{"{#var#} is your OTP for {#var#}.", []string{"{{code}}", "Acme Shop"}, "{####} is your OTP for Acme Shop."},
		{"Dear {#var#}, your OTP is {{code}}.", []string{"customer"}, "Dear customer, your OTP is {####}."},
		{"{{username}} may sign in with {{code}}", nil, "{username} may sign in with {####}"},
		{"{{code}}\n\n@login.example.com #{{code}}", nil, "{####}\n\n@login.example.com #{####}"},
		{"{#var#}{#var#} and {{code}}", []string{"a", "b"}, "ab and {####}"},
		{"no place", nil, ""},
		{"{#var#} is your OTP for {#var#}.", nil, ""},
		{"{#var#} is your OTP for {#var#}.", []string{"{{code}}"}, ""},
		{"{#var#} for {#var#}.", []string{"Acme", "Shop"}, ""},
		{"{#numeric#} is the code, {#numeric#}", []string{"{{code}}", "ten"}, ""},
		{"{#alphanumeric#}", []string{"{{code}}"}, "{####}"},
		{"{#url#} {{code}}", []string{"a b"}, ""},
		{"{#var#} {{code}}", []string{strings.Repeat("x", 41)}, ""},
		{"{#var#} {{code}}", []string{""}, ""},
		{"{#var#} {{code}}", []string{"{####}"}, ""},
		{"{{cod}} {{code}}", nil, ""},
		{"{#foo#} {{code}}", nil, ""},
		{"{####} is the code", nil, ""},
		{"{{code}} {username}", nil, ""},
		{"tab\there {{code}}", nil, ""},
		{"a { b } {{ c } {{code}}", nil, "a { b } {{ c } {####}"},
		{strings.Repeat("{{code}}", 17), nil, ""},
		{strings.Repeat("x", 1001) + "{{code}}", nil, ""},
		{"{{code}} \xff", nil, ""},
	} {
		p, err := parse(c.text)
		got := ""
		if err == nil {
			got, err = p.template(c.variables, false)
		}
		if got != c.want || (err == nil) != (c.want != "") || err != nil && fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%q %q: %q, %v, want %q", c.text, c.variables, got, err, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"{{code}} is your code.", "123456 is your code.", true},
		{"{{code}} is your code.", "123456 is your code.\r\n", true},
		{"{{code}} is your code.", "123456 is your code", false},
		{"{{code}} is your code.", " is your code.", false},
		{"{{code}} is your code.", "12 34 is your code.", false},
		{"{{code}} is your code.", "123456 is your code. Now!", false},
		{"{{code}} is your code.", "123456 is YOUR code.", false},
		{"Code: {{code}}", "Code: aZ7!x", true},
		{"{#var#} is OTP of {#var#}", "1 is OTP of 2 is OTP of 3", true},
		{"{#var#}{#var#}.", "ab.", true},
		{"{#var#}{#var#}.", "a.", false},
		{"{#var#}{#var#}.", strings.Repeat("x", 80) + ".", true},
		{"{#var#}{#var#}.", strings.Repeat("x", 81) + ".", false},
		{"{#var#}.", strings.Repeat("ह", 40) + ".", true},
		{"{#var#}.", strings.Repeat("ह", 41) + ".", false},
		{"{#numeric#} x", "12a x", false},
		{"{#numeric#}{#alphanumeric#}!", "12ab!", true},
		{"{#var#}\nx", "a\nb\nx", false},
		{"a\nb {{code}}", "a\r\nb 123456", true},
		{"{{username}}: {{code}}", "Ann Lee: 123456", true},
		{"plain", "plain", true},
		{"", "", true},
		{"{{code}}", "", false},
		{"{{code}}", strings.Repeat("1", 65), false},
	} {
		p, err := parse(c.pattern)
		if err != nil {
			t.Fatalf("%q: %v", c.pattern, err)
		}
		if got := p.matches(c.text); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.text, got)
		}
	}
}

// slow is matches by trying everything.
func (p pattern) slow(text string, i int) bool {
	if !strings.HasPrefix(text, p.literals[i]) {
		return false
	}
	text = text[len(p.literals[i]):]
	if i == len(p.places) {
		return text == ""
	}
	for end := range text {
		if end > 0 && p.places[i].whole(text[:end]) && p.slow(text[end:], i+1) {
			return true
		}
	}
	return text != "" && p.places[i].whole(text) && p.slow("", i+1)
}

func FuzzMatches(f *testing.F) {
	f.Add("{{code}} is your code.", "123456 is your code.")
	f.Add("{#var#}a{#var#}a{#numeric#}", "aaaaaaa1")
	f.Add("{#var#}{#var#}é", "éé é")
	f.Add("{{username}}{", "{{{")
	f.Fuzz(func(t *testing.T, source, text string) {
		p, err := parse(lines(source))
		if err != nil {
			return
		}
		got := p.matches(text)
		if !utf8.ValidString(text) || len(p.places) > 4 || len(text) > 40 {
			return
		}
		if want := p.slow(lines(text), 0); got != want {
			t.Errorf("%q on %q: %v, want %v", source, text, got, want)
		}
	})
}

// FuzzTemplate: what is rendered from a registered text is that text.
func FuzzTemplate(f *testing.F) {
	f.Add("{{code}} is your code.", "123456")
	f.Add("{#var#} is your OTP for Acme", "4711")
	f.Add("{username {{code}} {{username}}", "1")
	f.Fuzz(func(t *testing.T, source, code string) {
		source = lines(source)
		p, err := parse(source)
		if err != nil || len(code) > 20 || code == "" || strings.Trim(code, "0123456789") != "" {
			return
		}
		tmpl, err := p.template(nil, false)
		if err != nil {
			return
		}
		text, err := message.Render(tmpl, message.Values{Code: code, Username: "Ann"})
		if err != nil {
			t.Fatal(err)
		}
		if !p.matches(text) {
			t.Errorf("%q was rendered as %q", source, text)
		}
	})
}

// BenchmarkMatches is the worst that a registered text and a text of ten parts can do.
func BenchmarkMatches(b *testing.B) {
	p, err := parse(strings.Repeat("{#var#}"+strings.Repeat("a", 30), 15) + "b")
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("a", 1600)
	for b.Loop() {
		if p.matches(text) {
			b.Fatal("it matches")
		}
	}
}
