package pool

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"countersign/internal/delivery"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/message"
	"countersign/internal/otp"
	"countersign/internal/registration"
	"countersign/internal/store"
	"countersign/internal/trigger"
	"countersign/phone"
	"countersign/provider"
)

// Triggers of messages: the last part of Cognito's trigger sources.
const (
	triggerSignUp         = "SignUp"
	triggerResend         = "ResendCode"
	triggerForgot         = "ForgotPassword"
	triggerUpdate         = "UpdateUserAttribute"
	triggerVerify         = "VerifyUserAttribute"
	triggerAuthentication = "Authentication"
	triggerInvite         = "AdminCreateUser"
	triggerRisk           = "AccountTakeOverNotification"

	// noticeSource is the source of notices of changes: Cognito sends none.
	noticeSource = "AccountChanged"
)

// letter is a message with a code, before it is made.
type letter struct {
	trigger string
	// attr is phone_number or email; to its value.
	attr, to string
	purpose  otp.Purpose
	counted  guard.Purpose
	lane     store.Lane
	// subject is what the code is about, user the account that the message belongs to (nil for attempts).
	subject string
	user    *store.User
	// about is whom a sender function is told of, if not user: an attempt. facts replace its attributes.
	about *store.User
	facts map[string]string
	// by is who asked: sends are counted by it.
	by    *account
	chain string
	// admin: the code is good on every client.
	admin bool
	// html: the text is HTML, of an e-mail.
	html bool
	life time.Duration
	// why is set for letters of the Auth0 wire, whose texts are Liquid templates. channel is voice for a call. factor: the allowance of second factors
	// holds.
	why     facts.Purpose
	channel string
	factor  bool
	// keyed: the caller can show the key that a call asks for.
	keyed bool
	// from, voice and language come with the text: sender, the text for speech, and its locale.
	from, voice, language string
	// judged is what the guard said; registration is whose text and sender the country has on record.
	judged       judged
	registration registration.Choice
}

// posted is a letter made: what its Write must store.
type posted struct {
	code    *store.Code
	message *store.Message
	send    guard.Send
	what    *Delivery
	// instead is stored in the place of a notice that is left out.
	instead *store.Event
	// test: the message goes to a test number, and counts as sent. lift: whoever asked for it is signed in and has proven the number.
	test, lift bool
	judged     judged
	// settled: the guard knows what became of it.
	settled bool
}

// post makes a letter: code, text, sealed message. Nothing is stored yet.
func (s *Service) post(ctx context.Context, t *tenant, c Caller, l letter) (*posted, error) {
	j, err := s.ask(ctx, t, c, l, false)
	if err != nil {
		return nil, err
	}
	p, err := s.compose(ctx, t, c, l, j)
	if err != nil {
		s.drop(j)
	}
	return p, err
}

func (s *Service) compose(ctx context.Context, t *tenant, c Caller, l letter, j judged) (*posted, error) {
	l.judged = j
	if err := s.senderReady(ctx, t, c, l.attr, l.trigger, whom{l.by.name, l.user}); err != nil {
		return nil, err
	}
	spec := otp.Spec{PoolID: t.pool.ID, SubjectID: l.subject, Purpose: l.purpose, ClientID: t.clientID(), Wire: c.Wire, Chain: l.chain, Target: l.to}
	if l.admin {
		spec.ClientID = ""
	}
	if l.life == 0 {
		l.life = l.purpose.Life(t.session(), t.cfg.Strict)
	}
	code, row, err := s.newCode(ctx, t, spec, &l)
	if err != nil {
		return nil, err
	}
	if l.language = t.language(c, l.user); code == "" {
		return s.seal(ctx, t, c, l, row, "", "", "")
	}
	text, choice, ok, err := s.registered(ctx, t, &l, code)
	if err != nil {
		return nil, err
	}
	if l.registration = choice; ok {
		return s.seal(ctx, t, c, l, row, code, "", text)
	}
	if l.why != "" && l.attr == attrPhone && !t.has(trigger.CustomMessage) {
		text, err := s.phoneText(ctx, t, c, &l, code)
		if err != nil {
			return nil, err
		}
		return s.seal(ctx, t, c, l, row, code, "", text)
	}
	tmpl, err := s.customMessage(ctx, t, c, l, t.cfg.template(l))
	if err != nil {
		return nil, err
	}
	l.html = l.attr == attrEmail && message.IsHTML(tmpl.Body)
	text, err = message.Render(tmpl.Body, message.Values{Code: code, HTML: l.html})
	if err != nil {
		return nil, fault.Internalf("template of %s: %w", l.trigger, err)
	}
	return s.seal(ctx, t, c, l, row, code, tmpl.Subject, text)
}

// newCode makes the code of a letter: the fixed one of a test number, one of ours, or none, where a service makes it.
func (s *Service) newCode(ctx context.Context, t *tenant, spec otp.Spec, l *letter) (string, *store.Code, error) {
	if x := t.testPhone(l, s.now()); x != nil {
		row, err := s.Codes.Known(ctx, spec, x.Code, min(l.life, x.Until.Sub(s.now())))
		return x.Code, row, err
	}
	if l.attr == attrPhone && t.cfg.makerOf(l.purpose) != "" {
		row, err := s.Codes.External(ctx, spec, l.life)
		return "", row, err
	}
	return s.Codes.New(ctx, spec, l.life)
}

func (s *Service) seal(ctx context.Context, t *tenant, c Caller, l letter, row *store.Code, code, subject, text string) (*posted, error) {
	d := delivery.Draft{
		PoolID: t.pool.ID, ClientID: t.clientID(), Lane: l.lane, Channel: provider.SMS, To: l.to, Text: text, Code: code, From: cmp.Or(l.registration.Sender, l.from), Locale: l.language,
		Guard: l.judged.decision.Mark, EntityID: l.registration.EntityID, TemplateID: l.registration.TemplateID,
		TriggerSource: source(senderOf(l.attr), l.trigger), ExpiresAt: s.now().Add(l.life),
	}
	if l.trigger == "" {
		d.TriggerSource = noticeSource
	}
	if row != nil {
		d.CodeID, d.ExpiresAt = row.ID, row.ExpiresAt
	}
	if l.user != nil {
		d.UserID = l.user.ID
	}
	p := &posted{code: row, send: sendBy(t, l.by, l.counted), what: masked(l.attr, l.to), judged: l.judged}
	p.send.Factor, p.send.Confirmed = l.factor, l.user != nil && proven(l.user, l.to)
	if err := s.limited(ctx, t, c, &p.send); err != nil {
		return nil, err
	}
	if l.channel == ChannelVoice {
		d.Channel = provider.Voice
	}
	if l.attr == attrEmail {
		d.Channel, d.Subject, d.HTML = provider.Email, subject, l.html
	} else {
		n, err := phone.Parse(l.to)
		if err != nil {
			return nil, fault.Invalidf(attrPhone, "Invalid phone number format.")
		}
		if p.send.Number, err = s.lookup(ctx, t.pool.ID, "line", n.LineKey()); err != nil {
			return nil, err
		}
	}
	err := error(nil)
	switch {
	case row != nil && code == "": // the service makes it; its check finds the message by the code's id
		d.ID, d.Account = row.ID, t.cfg.makerOf(l.purpose)
	case l.keyed:
		d.Key, err = s.voiceKey(ctx, t, l.attr, l.purpose)
		p.what.VoiceKey = d.Key
	}
	if err != nil {
		return nil, err
	}
	if l.registration.Text == "" { // nothing may be added to a text that is on record
		if d.Text, err = t.finished(d.Text, d.Channel, code, row != nil && code != ""); err != nil {
			return nil, err
		}
	}
	if d.Event, err = t.senderEvent(c, l); err != nil {
		return nil, err
	}
	if p.message, err = s.Deliver.Prepare(ctx, d); err != nil {
		return nil, err
	}
	if t.testPhone(&l, s.now()) != nil {
		p.test, p.what.VoiceKey = true, ""
		unsent(p.message, s.now())
	}
	return p, nil
}

func sendBy(t *tenant, a *account, p guard.Purpose) guard.Send {
	return guard.Send{PoolID: t.pool.ID, Subject: a.subject, Purpose: p, Network: a.network, Known: a.known}
}

// store counts, and stores code and message.
func (s *Service) store(ctx context.Context, tx *unit, p *posted) error {
	if err := s.count(ctx, tx, p); err != nil {
		return err
	}
	return p.put(ctx, tx)
}

// storeQuietly is store where existence is hidden: a message that the guard refuses is not sent, and the answer is as if it were.
func (s *Service) storeQuietly(ctx context.Context, tx *unit, p *posted, refused *store.Event) error {
	err := s.count(ctx, tx, p)
	if isRefusal(err) {
		return p.holdBack(ctx, tx, refused)
	}
	if err != nil {
		return err
	}
	return p.put(ctx, tx)
}

// put stores what there is: a decoy at most for a pretended message.
func (p *posted) put(ctx context.Context, tx *unit) error {
	if p.code != nil {
		if err := tx.Codes().InsertCode(ctx, p.code, otp.Keep); err != nil {
			return err
		}
	}
	switch {
	case p.message == nil:
		return nil
	case p.test:
		return p.putUnsent(ctx, tx)
	case p.lift:
		if err := tx.liftOptOut(ctx, p.message.PoolID, p.message.Number); err != nil {
			return err
		}
	}
	return tx.enqueue(ctx, p.message)
}

// putUnsent stores a message to a test number: nobody gets it, and its code counts as sent.
func (p *posted) putUnsent(ctx context.Context, tx *unit) error {
	if err := tx.Outbox().Enqueue(ctx, p.message); err != nil || p.code == nil {
		return err
	}
	return tx.Codes().CodeSent(ctx, p.code.ID)
}

// proven reports whether a number is the user's by proof: the verified phone_number, or a confirmed telephone. A number that was only typed in may be
// anybody's, and its STOP stands.
func proven(u *store.User, number string) bool {
	return number != "" && (u.Attributes[attrPhone] == number && u.Attributes[attrPhone+"_verified"] == "true" ||
		slices.ContainsFunc(u.MFA.Phones, func(p store.MFAPhone) bool { return p.Confirmed() && p.Number == number }))
}

// liftOptOut: who is signed in and asks for a code to a proven number wants texts there again. An opt-out never takes a factor away: without a text the
// code is still owed.
func (u *unit) liftOptOut(ctx context.Context, poolID string, number []byte) error {
	if u.s.LiftOptOut == nil || len(number) == 0 {
		return nil
	}
	return u.s.LiftOptOut(ctx, u.Tx, poolID, number)
}

// pretend costs what a message to a known name costs, and sends nothing. With a purpose it leaves a decoy, so that a wrong code is
// answered as after a message. l says which message it would be: attr, trigger, counted, and to if that is a number.
func (s *Service) pretend(ctx context.Context, t *tenant, c Caller, a *account, l letter, purpose otp.Purpose) (*posted, error) {
	l.by = a
	j, err := s.ask(ctx, t, c, l, true)
	if err != nil {
		return nil, err
	}
	if err := s.senderReady(ctx, t, c, l.attr, l.trigger, a.whom()); err != nil {
		s.drop(j)
		return nil, err
	}
	p, to := l.counted, l.to
	out := &posted{send: sendBy(t, a, p), judged: j}
	if err := s.limited(ctx, t, c, &out.send); err != nil {
		s.drop(j)
		return nil, err
	}
	if n, err := phone.Parse(to); err == nil {
		if out.send.Number, err = s.lookup(ctx, t.pool.ID, "line", n.LineKey()); err != nil {
			s.drop(j)
			return nil, err
		}
	}
	if purpose == "" {
		return out, nil
	}
	out.code, err = s.Codes.Decoy(ctx, decoySpec(t, c, a, purpose), purpose.Life(t.session(), t.cfg.Strict))
	return out, err
}

// decoySpec is what the code of a name would be about if it had been sent; nothing real has an empty target.
func decoySpec(t *tenant, c Caller, a *account, p otp.Purpose) otp.Spec {
	return otp.Spec{PoolID: t.pool.ID, SubjectID: a.subject, Purpose: p, ClientID: t.clientID(), Wire: c.Wire}
}

// session is the life of a challenge.
func (t *tenant) session() time.Duration {
	if t.ccfg == nil || t.ccfg.AuthSession == 0 {
		return 3 * time.Minute
	}
	return t.ccfg.AuthSession
}

// template chooses the pool's text for a letter, or the default.
func (c *Config) template(l letter) Mail {
	def := func(m, d Mail) Mail {
		if m.Body == "" {
			m.Body = d.Body
		}
		if m.Subject == "" {
			m.Subject = d.Subject
		}
		return m
	}
	sms := func(body string, kind message.Kind) Mail { return def(Mail{Body: body}, defaultMail(kind)) }
	signIn, own := l.trigger == triggerAuthentication, c.templates(l.language)
	switch {
	case l.attr == attrEmail && signIn:
		return def(own.EmailMFA, defaultMail(message.EmailMFA))
	case l.attr == attrEmail:
		return def(own.EmailVerify, defaultMail(message.EmailVerification))
	case signIn:
		return sms(own.SMSAuth, message.SMSAuthentication)
	}
	return sms(own.SMSVerify, message.SMSVerification)
}

func defaultMail(k message.Kind) Mail {
	return Mail{Subject: message.Default(message.EmailSubject), Body: message.Default(k)}
}

// masked is a destination as answers show it.
func masked(attr, to string) *Delivery {
	if attr == attrEmail {
		return &Delivery{Destination: maskEmail(to), Medium: "EMAIL", Attribute: attrEmail}
	}
	d := &Delivery{Medium: "SMS", Attribute: attrPhone}
	if n, err := phone.Parse(to); err == nil {
		d.Destination = n.Mask()
	}
	return d
}

// maskEmail is Cognito's: j***@g***.
func maskEmail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" {
		return "***"
	}
	first := func(s string) string { return string([]rune(s)[:1]) }
	return first(local) + "***@" + first(domain) + "***"
}

// pretended is the destination that an unknown name is answered with: derived from what was typed, or from its keyed hash. attr is where
// the code would go, or empty for what the pool would choose.
func (s *Service) pretended(ctx context.Context, t *tenant, a *account, attr string) (*Delivery, string, error) {
	switch {
	case isPhone(a.name) && attr != attrEmail:
		return masked(attrPhone, a.name), a.name, nil
	case isEmail(a.name) && attr != attrPhone:
		return masked(attrEmail, a.name), "", nil
	}
	h, err := s.Keys.Lookup(ctx, t.pool.ID, "pretended", a.nameKey)
	if err != nil {
		return nil, "", err
	}
	if attr == attrPhone || attr == "" && (t.cfg.autoVerifies(attrPhone) || !t.cfg.autoVerifies(attrEmail)) {
		d := &Delivery{Medium: "SMS", Attribute: attrPhone, Destination: "+*******"}
		for _, b := range h[:4] {
			d.Destination += string('0' + b%10)
		}
		return d, "", nil
	}
	letters := func(b byte) string { return string('a' + b%26) }
	return &Delivery{Medium: "EMAIL", Attribute: attrEmail, Destination: letters(h[0]) + "***@" + letters(h[1]) + "***"}, "", nil
}

// once reports whether this call is the first of its retries: a client that lost our answer asks again with the same invocation id
// and must not cause a second message.
func (s *Service) once(ctx context.Context, tx store.Tx, t *tenant, c Caller, account, purpose string) (bool, error) {
	if c.Invocation == "" {
		return true, nil
	}
	mark, err := s.Keys.Lookup(ctx, t.pool.ID, "invocation", c.Invocation, account, purpose)
	if err != nil {
		return false, err
	}
	return tx.Challenges().Spend(ctx, mark, s.now().Add(time.Minute))
}

// notices tells the old number and e-mail that something changed, on the notice lane. It never fails the flow: what cannot be
// made is left out and logged. Sender functions get none: Cognito has no trigger source for them.
func (s *Service) notices(ctx context.Context, t *tenant, c Caller, a *account, text string, to map[string]string) []*posted {
	var out []*posted
	for _, attr := range []string{attrPhone, attrEmail} {
		if to[attr] == "" {
			continue
		}
		if t.has(senderOf(attr)) {
			ev, err := s.leftOut(ctx, t, c, a.user, attr)
			if err == nil {
				out = append(out, &posted{instead: ev})
			}
			continue
		}
		l := letter{attr: attr, to: to[attr], counted: guard.Notice, lane: store.LaneNotice, user: a.user, by: a, life: 24 * time.Hour}
		p, err := s.notice(ctx, t, c, l, "A change to your account", text)
		if isRefusal(err) {
			continue // and in the log
		}
		if err != nil {
			s.Log.WarnContext(ctx, "a notice could not be made", "pool", t.pool.ID, "user", a.user.ID, "attribute", attr, "error", err)
			continue
		}
		out = append(out, p)
	}
	return out
}

// notice makes a message without a code.
func (s *Service) notice(ctx context.Context, t *tenant, c Caller, l letter, subject, text string) (p *posted, err error) {
	if l.judged, err = s.ask(ctx, t, c, l, false); err != nil {
		return nil, err
	}
	if p, err = s.seal(ctx, t, c, l, nil, "", subject, text); err != nil {
		s.drop(l.judged)
	}
	return p, err
}

// tell stores notices as far as the guard lets them pass: whoever changes things all the time is told of the first ones.
func (s *Service) tell(ctx context.Context, tx *unit, notes []*posted) error {
	for _, p := range notes {
		if p.instead != nil {
			if err := tx.append(ctx, p.instead); err != nil {
				return err
			}
			continue
		}
		err := s.store(ctx, tx, p)
		if err != nil && !isRefusal(err) {
			return err
		}
	}
	return nil
}

// verifiedContacts are the user's own verified number and address.
func verifiedContacts(u *store.User) map[string]string {
	out := map[string]string{}
	if v := u.Attributes[attrPhone]; v != "" && u.Attributes[attrPhoneVerified] == "true" {
		out[attrPhone] = v
	}
	if v := u.Attributes[attrEmail]; v != "" && u.Attributes[attrEmailVerified] == "true" {
		out[attrEmail] = v
	}
	return out
}

// newSub is a random UUID (version 4, as Cognito's): a time-ordered one would tell when an account was made, and would tell a made-up
// one from a real one.
func newSub() string { return uuid.Must(uuid.NewRandom()).String() }
