package pool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/message"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
)

const (
	originHost = "login.example.com"
	appHash    = "FA+9qCX9VSu"
)

// tailed is a pool whose registered text has origin line and hash.
func tailed(p *pool.Config, _ *pool.ClientConfig) {
	p.Texts = &pool.TextConfig{Tail: true, Clients: map[string]pool.ClientText{"": {OriginHost: originHost, AndroidHash: appHash}}}
}

// wantTail: the last line names host, code and app, the code in it is the one in the text above and the one that is good, and nothing follows.
func wantTail(t *testing.T, m pooltest.Message) {
	t.Helper()
	line := "@" + originHost + " #" + m.Code + " " + appHash
	body, ok := strings.CutSuffix(m.Text, "\n\n"+line)
	if !ok || m.Code == "" || !strings.Contains(body, m.Code) || strings.Contains(body, "@") {
		t.Errorf("%s: %q", m.TriggerSource, m.Text)
	}
	if enc, n, _ := message.Segments(m.Text); enc != message.GSM7 || n > 2 {
		t.Errorf("%s: %v, %d parts", m.TriggerSource, enc, n)
	}
}

// The last line is there in the texts of every purpose on both wires, and in no call, e-mail or notice.
func TestTails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.must(w.signUp(c, alice))
		wantTail(t, w.Last(alice))
		w.must(w.resend(c, alice))
		wantTail(t, w.Last(alice))
		w.must(w.confirm(c, alice, w.Code(alice)))
		w.enableSMS(alice)
		_, err := w.password(c, alice, passw0rd)
		w.must(err)
		wantTail(t, w.Last(alice))
		w.must(w.forgot(c, alice))
		wantTail(t, w.Last(alice))
		w.must(w.confirmForgot(c, alice, w.Code(alice)))
		if m := w.Last(alice); m.Code != "" || strings.Contains(m.Text, "@") {
			t.Errorf("the notice: %q", m.Text)
		}
		_, err = w.start(w.a0(), cell)
		w.must(err)
		wantTail(t, w.Last(cell))
	}, tailed, byCode)
	each(t, func(t *testing.T, w *world) {
		w.enrolled(carol, cell)
		if m := w.Last(carol); strings.Contains(m.Text, "@") {
			t.Errorf("the e-mail: %q", m.Text)
		}
		wantTail(t, w.Last(cell))
		mfa := w.owing(carol)
		_, err := w.challenge(mfa.Token)
		w.must(err)
		wantTail(t, w.Last(cell))
		_, err = w.challenge(mfa.Token, func(in *pool.ChallengeInput) { in.Channel = "voice" })
		if m := w.Last(cell); err == nil && strings.Contains(m.Text, "@") {
			t.Errorf("the call: %q", m.Text)
		}
	}, guardian, tailed)
	each(t, func(t *testing.T, w *world) {
		w.must(w.signUp(w.Caller(), alice))
		if m := w.Last(alice); strings.Contains(m.Text, "@") {
			t.Errorf("without the setting: %q", m.Text)
		}
	}, tailed, func(p *pool.Config, _ *pool.ClientConfig) { p.Texts.Tail = false })
	each(t, func(t *testing.T, w *world) {
		w.Reconfigure(w.pool, func(c *pool.Config) { c.Texts.Clients[w.client] = pool.ClientText{AndroidHash: "aaaaaaaaaaa"} })
		w.must(w.signUp(w.Caller(), alice))
		if m := w.Last(alice); !strings.HasSuffix(m.Text, ".\naaaaaaaaaaa") {
			t.Errorf("the client's own: %q", m.Text)
		}
	}, tailed)
}

func TestTransliteration(t *testing.T) {
	curly := func(on bool) func(*pool.Config, *pool.ClientConfig) {
		return func(p *pool.Config, _ *pool.ClientConfig) {
			p.Templates.SMSVerify = "{####} is your code – don’t share it. It is good for one sign-up at ACME and for nothing else."
			p.Texts = &pool.TextConfig{Transliterate: on}
		}
	}
	for _, on := range []bool{true, false} {
		each(t, func(t *testing.T, w *world) {
			w.must(w.signUp(w.Caller(), alice))
			_, n, _ := message.Segments(w.Last(alice).Text)
			if (n == 1) != on {
				t.Errorf("transliterate %v: %d parts of %q", on, n, w.Last(alice).Text)
			}
		}, curly(on))
	}
}

// fr-CA falls back to fr, fr to the pool's own text, that to the server's.
func TestLocales(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, x := range []struct{ language, want string }{
			{"fr-CA", "Code québécois"}, {"fr-FR,fr;q=0.9", "Code français"}, {"fr-BE", "Code français"}, {"de", "The pool's"}, {"", "The pool's"}, {"xx-", "The pool's"},
		} {
			c := w.Caller()
			c.Language = x.language
			to := "+1202555016" + string(rune('0'+i))
			w.must(w.signUp(c, to))
			if m := w.Last(to); !strings.HasPrefix(m.Text, x.want) {
				t.Errorf("%q: %q", x.language, m.Text)
			}
			w.must(w.confirm(c, to, w.Code(to)))
			w.must(w.forgot(c, to))
			w.Advance(time.Hour)
		}
		c := w.Caller()
		c.Language = "fr-CA"
		w.enableSMS("+12025550160")
		_, err := w.password(c, "+12025550160", passw0rd)
		w.must(err)
		if m := w.Last("+12025550160"); !strings.HasPrefix(m.Text, "Connexion") { // only fr has it
			t.Errorf("%q", m.Text)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.Templates.SMSVerify = "The pool's {####}"
		p.Texts = &pool.TextConfig{Locales: map[string]pool.Templates{
			"fr": {SMSVerify: "Code français {####}", SMSAuth: "Connexion {####}"}, "fr-CA": {SMSVerify: "Code québécois {####}"}}}
	})
}

func TestPreview(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		show := func(in pool.PreviewInput) *pool.Preview {
			t.Helper()
			p, err := w.Service.Preview(t.Context(), w.pool, in)
			w.must(err)
			return p
		}
		if p := show(pool.PreviewInput{Kind: "sms_authentication", ClientID: w.client}); p.Encoding != "GSM-7" || p.Segments != 1 ||
			!strings.HasSuffix(p.Text, "@"+originHost+" #123456 "+appHash) {
			t.Errorf("%+v", p)
		}
		if p := show(pool.PreviewInput{Kind: "verification", Locale: "de-AT", Texts: &pool.TextConfig{}}); !strings.Contains(p.Text, "Anmeldecode") {
			t.Errorf("%+v", p)
		}
		own := "Ваш код {####}"
		if p := show(pool.PreviewInput{Kind: "sms_verification", Template: &own}); p.Encoding != "UCS-2" || p.Foreign[0] != 'В' {
			t.Errorf("%+v", p)
		}
		if p := show(pool.PreviewInput{Kind: "sms_invitation"}); strings.Contains(p.Text, "@") {
			t.Errorf("%+v", p)
		}
		bad := "no code"
		for _, in := range []pool.PreviewInput{{Kind: "email_mfa"}, {Kind: "sms_authentication", Template: &bad}, {Kind: "sms_authentication",
			Texts: &pool.TextConfig{Clients: map[string]pool.ClientText{"": {OriginHost: "A_B"}}}}} {
			_, err := w.Service.Preview(t.Context(), w.pool, in)
			w.want(err, fault.InvalidParameter)
		}
	}, tailed)
}

// testNumber is the test number of these tests.
const testNumber, testCode = "+12025550188", "424242"

func withTestNumber(p *pool.Config, _ *pool.ClientConfig) {
	p.TestNumbers = []pool.TestPhone{{Number: testNumber, Code: testCode, Since: pooltest.Start, Until: pooltest.Start.Add(24 * time.Hour)}}
}

// Nothing is sent to a test number, its code is good there alone and until its end, and passes over nothing.
func TestTestNumbers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.must(w.signUp(c, testNumber))
		w.must(w.signUp(c, alice))
		w.want(w.confirm(c, alice, testCode), fault.CodeMismatch)
		for range 3 {
			w.want(w.confirm(c, testNumber, "111111"), fault.CodeMismatch)
		}
		w.must(w.confirm(c, testNumber, testCode))
		w.enableSMS(testNumber)
		ch, err := w.password(c, testNumber, passw0rd)
		w.must(err)
		if ch.Challenge != "SMS_MFA" || ch.Parameters["VOICE_KEY"] != "" {
			t.Errorf("%+v", ch)
		}
		out, err := w.respond(c, ch, testNumber, "SMS_MFA_CODE", testCode)
		w.must(err)
		if out.Tokens == nil {
			t.Errorf("%+v", out)
		}
		_, err = w.respond(c, ch, testNumber, "SMS_MFA_CODE", testCode)
		w.want(err, fault.SessionUsed)
		if n := len(w.To(testNumber)); n != 0 {
			t.Errorf("%d messages to a test number", n)
		}
		w.Read(func(tx store.Tx) error {
			list, err := tx.Outbox().ListMessages(t.Context(), store.MessageQuery{PoolID: w.pool, Limit: 100})
			unsent := 0
			for _, m := range list {
				if m.Provider == "test" && m.State == store.Sent && len(m.Sealed) == 0 {
					unsent++
				}
			}
			if unsent != 3 { // two codes, and the notice of the factor
				t.Errorf("%d messages to the test number in the timeline", unsent)
			}
			return err
		})
		for i := 0; ; i++ { // the guard counts as ever
			if err := w.forgot(c, testNumber); err != nil {
				w.want(err, fault.AttemptLimit)
				if i != 10 {
					t.Errorf("%d messages", i)
				}
				break
			}
		}
		w.Advance(24 * time.Hour)
		w.must(w.forgot(c, testNumber))
		if n := len(w.To(testNumber)); n != 1 {
			t.Errorf("%d messages after its end", n)
		}
		w.want(w.confirmForgot(c, testNumber, testCode), fault.CodeMismatch)
		w.must(w.confirmForgot(c, testNumber, w.Code(testNumber)))
	}, withTestNumber)
}

// A code that was asked for before the end is dead at the end.
func TestTestNumbersEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Advance(24*time.Hour - time.Minute)
		w.must(w.signUp(w.Caller(), testNumber))
		w.Advance(time.Minute)
		w.want(w.confirm(w.Caller(), testNumber, testCode), fault.CodeExpired)
	}, withTestNumber)
}

// Whoever may change settings does not thereby get into an account that is there.
func TestTestNumbersAndAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, testNumber, passw0rd)
		w.Advance(time.Minute)
		_, err := w.Service.PutMessageSettings(t.Context(), w.Admin(), w.pool, pool.MessageSettings{TestNumbers: []pool.TestPhone{{
			Number: testNumber, Code: testCode, Until: w.Now().Add(time.Hour)}}})
		w.must(err)
		w.must(w.forgot(w.Caller(), testNumber))
		w.want(w.confirmForgot(w.Caller(), testNumber, testCode), fault.CodeMismatch)
		w.must(w.confirmForgot(w.Caller(), testNumber, w.Code(testNumber)))
		_, err = w.start(w.a0(), testNumber)
		w.must(err)
		_, err = w.finish(w.a0(), testNumber, testCode)
		w.want(err, fault.CodeMismatch)
	}, byCode)
}

func TestTestNumbersOnTheAuth0Wire(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), testNumber)
		w.must(err)
		_, err = w.finish(w.a0(), testNumber, testCode, "openid")
		w.must(err)
		_, err = w.start(w.a0(), testNumber)
		w.must(err)
		_, err = w.finish(w.a0(), testNumber, testCode, "openid")
		w.must(err)
		if n := len(w.To(testNumber)); n != 0 {
			t.Errorf("%d messages", n)
		}
	}, byCode, withTestNumber)
}

// Two digits are shown where the code is asked for, to known and unknown names alike, and are what the call will ask for.
func TestVoiceKeys(t *testing.T) {
	asked := []string{}
	opt := func(o *pool.Options) {
		o.VoiceKeys = func(_ context.Context, _, purpose, _ string) bool {
			asked = append(asked, purpose)
			return purpose != pool.ForRecovery
		}
	}
	isKey := func(s string) bool { return len(s) == 2 && s >= "10" && s <= "99" }
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		for _, name := range []string{alice, "+12025550155"} {
			ch, err := w.begin(w.Caller(), "USER_AUTH", "USERNAME", name, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			key := ch.Parameters["VOICE_KEY"]
			if !isKey(key) || name == alice && w.Last(alice).Key != key {
				t.Errorf("%s: %+v", name, ch.Parameters)
			}
		}
		w.must(w.forgot(w.Caller(), alice))
		if w.Last(alice).Key != "" {
			t.Error("a key that nobody was shown")
		}
	}, userAuth, hidden)
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol)
		as, err := w.associate(m.Token, cell, "sms")
		w.must(err)
		if !isKey(as.VoiceKey) || w.Last(cell).Key != as.VoiceKey {
			t.Errorf("%+v", as)
		}
		_, err = w.oob(m.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		w.Advance(time.Minute)
		ch, err := w.challenge(w.owing(carol).Token)
		w.must(err)
		if !isKey(ch.VoiceKey) || w.Last(cell).Key != ch.VoiceKey {
			t.Errorf("%+v", ch)
		}
	}, guardian)
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		ch, err := w.password(w.Caller(), alice, passw0rd)
		w.must(err)
		if _, ok := ch.Parameters["VOICE_KEY"]; ok || w.Last(alice).Key != "" {
			t.Errorf("%+v", ch.Parameters)
		}
	})
	if len(asked) == 0 {
		t.Error("nobody was asked")
	}
}

// Who has proven the password is told that the number wants no texts; whoever has another factor chooses. The factor stays owed, and a name is told nothing.
func TestOptedOutIsShown(t *testing.T) {
	opt := func(o *pool.Options) {
		o.OptedOut = func(_ context.Context, poolID, _, to string) bool { return poolID != "" && to == alice }
	}
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		ch, err := w.password(w.Caller(), alice, passw0rd)
		w.must(err)
		if ch.Challenge != "SMS_MFA" || ch.Parameters["OPTED_OUT"] != "true" {
			t.Errorf("%s %+v", ch.Challenge, ch.Parameters)
		}
	})
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		own := w.SignIn(w.client, alice, passw0rd).Access
		w.withTOTP(own)
		w.must(w.Service.SetMFAPreference(t.Context(), w.Caller(), own, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true, Preferred: true},
			TOTP: &pool.FactorChange{Enabled: true}}))
		ch, err := w.password(w.Caller(), alice, passw0rd)
		w.must(err)
		if ch.Challenge != "SELECT_MFA_TYPE" {
			t.Errorf("%s %+v", ch.Challenge, ch.Parameters)
		}
	}, optional, func(p *pool.Config, _ *pool.ClientConfig) { p.MFATOTP = true })
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		ch, err := w.begin(w.Caller(), "USER_AUTH", "USERNAME", alice, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		if _, ok := ch.Parameters["OPTED_OUT"]; ok {
			t.Errorf("%s %+v", ch.Challenge, ch.Parameters)
		}
	}, userAuth, hidden)
}

// Who is signed in and asks for texts to a number that is proven lifts its opt-out, in the same commit; nobody else does, and no factor goes away.
func TestOptOuts(t *testing.T) {
	var lifted []string
	opt := func(o *pool.Options) {
		lifted = nil
		o.LiftOptOut = func(_ context.Context, _ store.Tx, poolID string, number []byte) error {
			lifted = append(lifted, poolID+" "+string(number))
			return nil
		}
	}
	hash := func(w *world, number string) string {
		h, err := w.Log.NumberHash(t.Context(), w.pool, number)
		w.must(err)
		return w.pool + " " + string(h)
	}
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.must(w.signUp(w.Caller(), "ann", pooltest.Phone(alice)))
		w.must(w.resend(w.Caller(), "ann"))
		w.must(w.confirm(w.Caller(), "ann", w.Code(alice)))
		w.must(w.forgot(w.Caller(), "ann"))
		tk := w.SignIn(w.client, "ann", passw0rd)
		if len(lifted) != 0 {
			t.Errorf("lifted by somebody who is not signed in: %d", len(lifted))
		}
		_, err := w.Service.UpdateAttributes(t.Context(), w.Caller(), tk.Access, []pool.Attr{pooltest.Phone(alice)})
		w.must(err)
		if len(lifted) != 1 || lifted[0] != hash(w, alice) {
			t.Errorf("the own number: %q", lifted)
		}
		// A number that was only typed in may be anybody's: STOP stands until the phone itself says START.
		_, err = w.Service.UpdateAttributes(t.Context(), w.Caller(), tk.Access, []pool.Attr{pooltest.Phone(bob)})
		w.must(err)
		_, err = w.Service.SendAttributeCode(t.Context(), w.Caller(), tk.Access, "phone_number")
		w.must(err)
		_, err = w.Service.UpdateAttributes(t.Context(), w.Caller(), tk.Access, []pool.Attr{pooltest.Phone(bob)})
		w.must(err)
		if len(lifted) != 1 {
			t.Errorf("somebody else's number: %q", lifted)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.UsernameAttributes = nil })
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.enrolled(carol, cell)
		access := w.manager(carol, cell)
		if len(lifted) != 0 {
			t.Errorf("lifted inside a sign-in: %d", len(lifted))
		}
		w.Advance(time.Minute)
		_, err := w.associate(access, cell2, "sms")
		w.must(err)
		if len(lifted) != 0 {
			t.Errorf("a number that is not proven: %q", lifted)
		}
	}, guardian)
}

// A text that an opt-out holds back is owed as before: no tokens without its code, on neither wire. Inside a sign-in, where the password was right, the
// Auth0 wire says that the message could not be sent.
func TestOptOutsRemoveNoFactor(t *testing.T) {
	box := &sends{outcome: delivery.Outcome{State: store.Suppressed, Text: "opted out"}}
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		w.Refuse(true)
		ch, err := w.password(w.Caller(), alice, passw0rd)
		w.must(err)
		if ch.Tokens != nil || ch.Challenge != "SMS_MFA" {
			t.Errorf("%+v", ch)
		}
	})
	on := false
	opt := func(o *pool.Options) {
		o.Await = func(ctx context.Context, id string) (delivery.Outcome, error) {
			if !on {
				return delivery.Outcome{State: store.Sent}, nil
			}
			return box.await(ctx, id)
		}
	}
	eachWith(t, opt, func(t *testing.T, w *world) {
		on = false
		w.enrolled(carol, cell)
		on = true
		m := w.owing(carol)
		_, err := w.challenge(m.Token)
		w.want(err, fault.DeliveryFailed)
		if again := w.owing(carol); len(again.Challenge) == 0 {
			t.Errorf("%+v", again)
		}
	}, guardian)
}

// Typing a code tells routes which message had carried it, once, after the commit.
func TestTypedCodes(t *testing.T) {
	var got []*store.Message
	opt := func(o *pool.Options) {
		got = nil
		o.Typed = func(m *store.Message, at time.Time) {
			if at.IsZero() {
				t.Error("no time")
			}
			got = append(got, m)
		}
	}
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.must(w.signUp(w.Caller(), alice))
		w.want(w.confirm(w.Caller(), alice, pooltest.Wrong(w.Code(alice))), fault.CodeMismatch)
		if len(got) != 0 {
			t.Error("a wrong code counts")
		}
		sent := w.Last(alice).ID
		w.must(w.confirm(w.Caller(), alice, w.Code(alice)))
		if len(got) != 1 || got[0].ID != sent {
			t.Errorf("%+v", got)
		}
		w.enrolledByText(alice)
		if len(got) != 2 {
			t.Errorf("%d codes typed", len(got))
		}
	})
	each(t, func(t *testing.T, w *world) {
		w.must(w.signUp(w.Caller(), testNumber))
		w.must(w.confirm(w.Caller(), testNumber, testCode))
		w.happened(eventlog.TestNumberUsed)
	}, withTestNumber)
}

// enrolledByText switches texts on and signs in with one.
func (w *world) enrolledByText(name string) {
	w.t.Helper()
	w.enableSMS(name)
	w.Advance(time.Minute)
	ch, err := w.password(w.Caller(), name, passw0rd)
	w.must(err)
	_, err = w.respond(w.Caller(), ch, name, "SMS_MFA_CODE", w.Code(name))
	w.must(err)
}
