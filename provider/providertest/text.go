package providertest

import (
	"strings"
	"testing"

	"countersign/provider"
)

// texts must arrive as they are.
var texts = map[string]string{
	"origin-bound": "Your Example code is 482913.\n\n@login.example.com #482913",
	"Android hash": "<#> Your Example code is 482913\nFA+9qCX9VSu",
	"extension":    `482913 ^{}\[~]|€ is your code`,
	"GSM alphabet": "482913 @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¡ÄÖÑÜ§¿äöñüà",
	"Unicode":      "Ваш код 482913, 您的验证码 ✅ 👩‍👩‍👧",
	"markup":       `482913 & <b>"50%"</b> 'x' +1 %2B &amp; ; = \n`,
}

func (c *run) text(t *testing.T) {
	p, s := c.start(t, c.ok().handler(nil))
	if _, ok := p.(provider.CodeMaker); ok && c.s.Text == nil {
		return // there is no text
	}
	if c.s.Text == nil {
		t.Fatal("providertest: Suite.Text is needed")
	}
	for name, text := range texts {
		m := c.message(p)
		m.Text = text
		before := len(s.Requests())
		if _, err := p.Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all := s.Requests()
		if len(all) != before+1 {
			t.Fatalf("%s: %d requests", name, len(all)-before)
		}
		q := all[before]
		if c.s.Spec != "" {
			Conforms(t, c.s.Spec, q)
		}
		got := c.s.Text(q)
		if c.channel != provider.Voice && !c.s.OwnText && got != text {
			t.Errorf("%s: %q arrived, not %q", name, got, text)
		}
		if (c.channel == provider.Voice || c.s.OwnText) && !strings.Contains(onlyDigits(got), Code) {
			t.Errorf("%s: the code did not arrive: %q", name, got)
		}
	}
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
