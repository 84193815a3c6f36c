package pool

import (
	"context"
	"errors"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/phone"
)

// Alias keys of users who came by a passwordless code.
const (
	keySMS       = "c:sms:"
	keyMail      = "c:email:"
	passwordless = "passwordless"
	// wrongCodes is how many wrong codes from one network make it ask for a new one.
	wrongCodes = 3
)

// destination is what a passwordless sign-in is about.
type destination struct {
	connection string
	// attr is phone_number or email, to its value in canonical form, key the alias key under which a user of the connection owns it.
	attr, to, key string
	// factor is what its code proves as a first factor.
	factor string
}

// destinationOf reads a connection and a number or address. It refuses what depends on the request alone.
func (t *tenant) destinationOf(connection, to string) (*destination, error) {
	switch connection {
	case ConnectionSMS:
		n, err := phone.Parse(to)
		if err != nil {
			return nil, fault.Invalidf(attrPhone, "Invalid phone number format.").WithHint("Send E.164: +, country code, number, digits only (+12025550123).")
		}
		return &destination{connection, attrPhone, n.String(), keySMS + n.LineKey(), kindSMSOTP}, nil
	case ConnectionEmail:
		if !isEmail(to) {
			return nil, fault.Invalidf(attrEmail, "Invalid email address format.")
		}
		return &destination{connection, attrEmail, to, keyMail + t.cfg.fold(to), kindEmailOTP}, nil
	}
	return nil, fault.Invalidf("connection", "The connection must be sms or email.")
}

// passwordlessOn refuses a connection that neither the pool's first factors nor the client's grants offer.
func (t *tenant) passwordlessOn(d *destination) error {
	if t.ccfg.Grants == nil && !t.cfg.firstFactor(d.factor) || !t.grants(GrantPasswordless) {
		return fault.New(fault.GrantNotAllowed).WithField(GrantPasswordless).
			WithHint("Add %s to the client's grant types, or %s to the pool's first factors.", GrantPasswordless, d.factor)
	}
	return nil
}

// signsUp reports whether a first code to the destination creates a user.
func (t *tenant) signsUp(d *destination) bool {
	off := t.cfg.tenant().PasswordlessSignUpOff
	if d.connection == ConnectionEmail {
		off = t.cfg.tenant().PasswordlessEmailSignUpOff
	}
	return !t.cfg.AdminCreateOnly && !off
}

// findPasswordless looks up whom a number or address signs in: a user of the connection, or one whose verified sign-in name it is. Whoever merely
// claims it is nobody here.
func (s *Service) findPasswordless(ctx context.Context, t *tenant, c Caller, d *destination) (*account, error) {
	a := &account{name: d.to, nameKey: d.key}
	var err error
	if a.network, err = s.network(ctx, t.pool.ID, c.IP); err != nil {
		return nil, err
	}
	if a.subject, err = s.lookup(ctx, t.pool.ID, "name", d.key); err != nil {
		return nil, err
	}
	keys := []string{d.key}
	if t.cfg.aliases(d.attr) {
		keys = append(keys, t.cfg.attributeKey(d.attr, d.to))
	}
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		for _, key := range keys {
			u, _, err := tx.Users().FindUser(ctx, t.pool.ID, key)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if a.user == nil && d.isOf(t, u) {
				a.user, a.subject = u, u.ID
			}
		}
		if a.user == nil || a.network == "" {
			return nil
		}
		a.known, err = tx.Users().NetworkSeen(ctx, t.pool.ID, a.user.ID, []byte(a.network), s.now())
		return err
	})
	return a, err
}

// isOf reports whether the destination is a user's own and verified.
func (d *destination) isOf(t *tenant, u *store.User) bool {
	own := u.Attributes[d.attr]
	return own != "" && u.Attributes[d.attr+"_verified"] == "true" && t.cfg.attributeKey(d.attr, own) == t.cfg.attributeKey(d.attr, d.to)
}

// destinationOfUser is what a user of a passwordless connection signs in with; nil for others, and for one whose number or address is not verified.
func (t *tenant) destinationOfUser(u *store.User) *destination {
	m := metaOf(u)
	attr := ownAttribute[m.Connection]
	d, err := t.destinationOf(m.Connection, u.Attributes[attr])
	if err != nil || u.Attributes[attr+"_verified"] != "true" {
		return nil
	}
	return d
}

// StartPasswordless sends a code as first factor, and waits for the first attempt. Whether somebody has the number or address shows in nothing: where
// users create themselves both get a message, and elsewhere neither is told of the message's fate.
func (s *Service) StartPasswordless(ctx context.Context, c Caller, in PasswordlessInput) (*PasswordlessStarted, error) {
	c = c.onAuth0()
	t, err := s.oauth(ctx, c, in.OAuthClient, "")
	if err != nil {
		return nil, err
	}
	to := in.Phone
	if in.Connection == ConnectionEmail {
		to = in.Email
	}
	d, err := t.destinationOf(in.Connection, to)
	if err != nil {
		return nil, err
	}
	if err := t.passwordlessOn(d); err != nil {
		return nil, err
	}
	var sent *store.Message
	if err := again(func() (err error) { sent, err = s.startPasswordless(ctx, t, c, d); return err }); err != nil {
		return nil, err
	}
	if t.signsUp(d) {
		if err := s.awaitFirst(ctx, t.pool.ID+" "+d.connection, sent); err != nil {
			return nil, err
		}
	}
	out := &PasswordlessStarted{Language: t.language(c, nil)}
	if out.ID, err = s.lookup(ctx, t.pool.ID, passwordless, d.key); err != nil {
		return nil, err
	}
	if out.ID = out.ID[:24]; d.attr == attrPhone {
		out.Phone = d.to
	} else {
		out.Email = d.to
	}
	return out, nil
}

func (s *Service) startPasswordless(ctx context.Context, t *tenant, c Caller, d *destination) (*store.Message, error) {
	a, err := s.findPasswordless(ctx, t, c, d)
	if err != nil {
		return nil, err
	}
	if err := s.preAuthentication(ctx, t, c, a); err != nil {
		return nil, err
	}
	may := a.user == nil && t.signsUp(d) || a.user != nil && mayProceed(a.user) == nil && a.user.Status == store.Confirmed
	l := passwordlessLetter(t, a, d)
	var p *posted
	if may {
		p, err = s.post(ctx, t, c, l)
	} else {
		p, err = s.pretendFirst(ctx, t, c, a, l)
	}
	if err != nil {
		return nil, err
	}
	kind := eventlog.CodeSent
	switch {
	case !may:
		kind = eventlog.LoginFailed
	case d.attr == attrEmail:
		kind = eventlog.LinkSent
	}
	ev, err := s.event(ctx, t, c, kind, a.user, numberOf(d), map[string]any{"connection": d.connection})
	if err != nil {
		return nil, err
	}
	refused, err := s.event(ctx, t, c, eventlog.GuardRefused, a.user, numberOf(d), map[string]any{"purpose": "sign_in", "connection": d.connection})
	if err != nil {
		return nil, err
	}
	held := false
	err = s.write(ctx, func(tx *unit) (err error) {
		held, err = s.storeFirst(ctx, tx, t, a, p, ev, refused)
		return err
	}, p)
	if err != nil || held {
		return nil, err
	}
	return p.message, nil
}

// storeFirst stores a message of a first factor, or, if the guard holds it back, the event alone: the answer is the same. The caller's network may give
// wrong codes again.
func (s *Service) storeFirst(ctx context.Context, tx *unit, t *tenant, a *account, p *posted, ev, refused *store.Event) (held bool, err error) {
	if a.user != nil {
		if err := current(ctx, tx, a.user); err != nil {
			return false, err
		}
	}
	if err := tx.Counters().SaveCounter(ctx, wrongKey(t, a), store.Counter{}, s.now().Add(time.Hour)); err != nil {
		return false, err
	}
	err = s.count(ctx, tx, p)
	if isRefusal(err) {
		return true, p.holdBack(ctx, tx, refused)
	}
	if err != nil {
		return false, err
	}
	if err := p.put(ctx, tx); err != nil {
		return false, err
	}
	return false, tx.append(ctx, ev)
}

// pretendFirst is the message to somebody who gets none: its costs, and a code that nothing matches.
func (s *Service) pretendFirst(ctx context.Context, t *tenant, c Caller, a *account, l letter) (*posted, error) {
	p, err := s.pretend(ctx, t, c, a, l, "")
	if err != nil {
		return nil, err
	}
	p.code, err = s.Codes.Decoy(ctx, firstSpec(t, a, l.to), l.purpose.Life(t.session(), t.cfg.Strict))
	return p, err
}

// firstSpec is what a code as first factor is bound to.
func firstSpec(t *tenant, a *account, to string) otp.Spec {
	return otp.Spec{PoolID: t.pool.ID, SubjectID: a.subject, Purpose: otp.Passwordless, ClientID: t.client.ID, Wire: wireAuth0, Target: to}
}

func numberOf(d *destination) string {
	if d.attr == attrPhone {
		return d.to
	}
	return ""
}

// passwordlessLetter is the message of a first factor. Functions are told of a name that nobody has as of the user that it would be.
func passwordlessLetter(t *tenant, a *account, d *destination) letter {
	l := letter{
		trigger: triggerAuthentication, attr: d.attr, to: d.to, purpose: otp.Passwordless, counted: guard.SignIn, lane: store.LaneSignIn,
		subject: a.subject, user: a.user, by: a, why: facts.FirstFactor,
	}
	if a.user == nil {
		l.about = &store.User{
			PoolID: t.pool.ID, Username: d.to, Status: store.Unconfirmed, Attributes: map[string]string{}, Meta: &store.Meta{Connection: d.connection}}
	}
	return l
}

// wrongKey counts the wrong codes of one network since it last asked for one.
func wrongKey(t *tenant, a *account) store.CounterKey {
	return store.CounterKey{PoolID: t.pool.ID, Subject: a.subject, Purpose: passwordless, Bucket: a.network}
}

// awaitFirst is await where nobody may learn from the time that it takes whether there was a message: without one the answer takes as long as the last
// ones with one in the same connection of the pool.
func (s *Service) awaitFirst(ctx context.Context, connection string, m *store.Message) error {
	if s.Await == nil {
		return nil
	}
	var usual time.Duration
	if v, ok := s.paused.Load(connection); ok {
		usual = v.(time.Duration)
	}
	if m == nil {
		pause := time.NewTimer(usual)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		return nil
	}
	began := time.Now()
	err := s.awaitSend(ctx, m, false)
	s.paused.Store(connection, (usual*3+time.Since(began))/4)
	return err
}
