package pool

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/message"
	"countersign/internal/password"
	"countersign/internal/store"
)

// Actions and media of AdminCreateUser.
const (
	actionResend   = "RESEND"
	actionSuppress = "SUPPRESS"
	mediumSMS      = "SMS"
	mediumEmail    = "EMAIL"
)

// AdminCreateUser creates a user with a temporary password and sends it an invitation, or sends a new one. API reference,
// AdminCreateUser.
func (s *Service) AdminCreateUser(ctx context.Context, c Caller, in AdminCreateInput) (*UserView, error) {
	switch in.Action {
	case "", actionSuppress:
		return s.invite(ctx, c, in)
	case actionResend:
		return s.inviteAgain(ctx, c, in)
	}
	return nil, fault.Invalidf("messageAction", "MessageAction must be RESEND or SUPPRESS.")
}

func (s *Service) invite(ctx context.Context, c Caller, in AdminCreateInput) (*UserView, error) {
	t, err := s.byPool(ctx, in.PoolID)
	if err != nil {
		return nil, err
	}
	u, attr, err := s.newUser(ctx, t, in.Username, in.Attributes, byAdmin)
	if err != nil {
		return nil, err
	}
	a, err := s.find(ctx, t, c, in.Username)
	if err != nil {
		return nil, err
	}
	if a.user != nil {
		return nil, taken(attr)
	}
	media, err := invitationMedia(u, in)
	if err != nil {
		return nil, err
	}
	if _, err := s.preSignUp(ctx, t, c, askAdminCreate, u, in.ValidationData); err != nil {
		return nil, err
	}
	pw := in.TemporaryPassword
	if u.Status = store.Confirmed; !t.needsNoPassword(u, media, in) {
		if pw, err = s.setTemporary(ctx, t, u, pw); err != nil {
			return nil, err
		}
	}
	letters, err := s.invitations(ctx, t, c, u, media, pw)
	if err != nil {
		return nil, err
	}
	ev, err := s.event(ctx, t, c, eventlog.UserCreated, u, "", map[string]any{"status": string(u.Status), "invitations": len(letters)})
	if err != nil {
		return nil, err
	}
	defer s.unmade(letters)
	err = again(func() error { // the alias that it takes may be of a user who is just changed
		return s.write(ctx, func(tx *unit) error { return s.storeInvited(ctx, tx, t, a, u, attr, in.ForceAlias, letters, ev) })
	})
	if err != nil {
		return nil, err
	}
	return s.view(t, u, all), nil
}

func (s *Service) storeInvited(ctx context.Context, tx *unit, t *tenant, a *account, u *store.User, attr string, force bool, letters []*posted, ev *store.Event) error {
	if err := tx.Users().InsertUser(ctx, u); err != nil {
		return err
	}
	if err := s.claimInvited(ctx, tx, t, u, attr, force); err != nil {
		return err
	}
	if err := tx.Users().DeleteAttempts(ctx, t.pool.ID, a.nameKey); err != nil {
		return err
	}
	for _, p := range letters {
		if err := s.store(ctx, tx, p); err != nil {
			return err
		}
	}
	return tx.append(ctx, ev)
}

// claimInvited gives a new user its name and what the administrator vouches for.
func (s *Service) claimInvited(ctx context.Context, tx *unit, t *tenant, u *store.User, attr string, force bool) error {
	if err := s.claimVouched(ctx, tx, t, u, attr, force); err != nil {
		return err
	}
	return s.claimVerified(ctx, tx, t, u, attrPreferred, false)
}

// claimVouched gives a new user its name, and what somebody vouches for: an administrator, or the pool's function.
func (s *Service) claimVouched(ctx context.Context, tx *unit, t *tenant, u *store.User, attr string, force bool) error {
	if err := claimNames(ctx, tx, t, u, attr); err != nil {
		return err
	}
	for _, alias := range []string{attrPhone, attrEmail} {
		if alias == attr || u.Attributes[alias+"_verified"] != "true" {
			continue
		}
		if err := s.claimVerified(ctx, tx, t, u, alias, force); err != nil {
			return err
		}
	}
	return nil
}

// inviteAgain gives a user that never changed its temporary password a new one. A retry of the same call changes nothing.
func (s *Service) inviteAgain(ctx context.Context, c Caller, in AdminCreateInput) (v *UserView, err error) {
	c = c.asking()
	err = s.asAdmin(ctx, c, in.PoolID, in.Username, func(t *tenant, a *account) error {
		if a.user.Status != store.ForceChangePassword {
			return fault.New(fault.UserStateUnsupported)
		}
		up := cloneUser(a.user)
		media, err := invitationMedia(up, in)
		if err != nil {
			return err
		}
		pw, err := s.setTemporary(ctx, t, up, in.TemporaryPassword)
		if err != nil {
			return err
		}
		letters, err := s.invitations(ctx, t, c, up, media, pw)
		if err != nil {
			return err
		}
		ev, err := s.event(ctx, t, c, eventlog.UserChanged, up, "", map[string]any{"invitations": len(letters)})
		if err != nil {
			return err
		}
		v = s.view(t, up, all)
		return s.write(ctx, func(tx *unit) error {
			first, err := s.once(ctx, tx, t, c, a.subject, "invitation")
			if err != nil || !first {
				return err
			}
			for _, p := range letters {
				if err := s.store(ctx, tx, p); err != nil {
					return err
				}
			}
			if err := s.endSessions(ctx, tx, up); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		}, letters...)
	})
	return v, err
}

// setTemporary sets the given password, or a random one, as a temporary password and returns it.
func (s *Service) setTemporary(ctx context.Context, t *tenant, u *store.User, pw string) (string, error) {
	if pw == "" {
		pw = password.Generate(t.cfg.Password)
	}
	if err := t.cfg.Password.Check(pw); err != nil {
		return "", err
	}
	u.Status, u.TemporaryUntil = store.ForceChangePassword, s.now().Add(t.cfg.temporaryLife())
	return pw, s.setPassword(ctx, t, u, pw)
}

// invitationMedia returns the attributes that an invitation goes to. A medium that was asked for must have its attribute; without a wish it
// is SMS, if there is a number.
func invitationMedia(u *store.User, in AdminCreateInput) ([]string, error) {
	if in.Action == actionSuppress {
		return nil, nil
	}
	if len(in.Mediums) == 0 {
		if u.Attributes[attrPhone] == "" {
			return nil, nil
		}
		return []string{attrPhone}, nil
	}
	var out []string
	for _, m := range in.Mediums {
		attr, ok := map[string]string{mediumSMS: attrPhone, mediumEmail: attrEmail}[m]
		switch {
		case !ok:
			return nil, fault.Invalidf("desiredDeliveryMediums", "DesiredDeliveryMediums may hold SMS and EMAIL.")
		case u.Attributes[attr] == "":
			return nil, fault.Invalidf(attr, "The invitation cannot be sent by %s: the user has no %s.", m, attr)
		case !slices.Contains(out, attr):
			out = append(out, attr)
		}
	}
	return out, nil
}

// needsNoPassword: a pool that offers one-time codes takes users without a password, if the administrator vouches for where the codes
// go and no invitation is to carry a password.
func (t *tenant) needsNoPassword(u *store.User, media []string, in AdminCreateInput) bool {
	sms := t.cfg.firstFactor(kindSMSOTP) && u.Attributes[attrPhone] != "" && u.Attributes[attrPhoneVerified] == "true"
	email := t.cfg.firstFactor(kindEmailOTP) && u.Attributes[attrEmail] != "" && u.Attributes[attrEmailVerified] == "true"
	if in.TemporaryPassword != "" || !(sms || email) {
		return false
	}
	for _, attr := range media {
		if strings.Contains(t.cfg.invitation(attr, "").Body, message.CodePlaceholder) {
			return false
		}
	}
	return true
}

// invitation is the pool's text for an invitation, or the default.
func (c *Config) invitation(attr, locale string) Mail {
	own := c.templates(locale)
	m, kind := own.EmailInvite, message.EmailInvitation
	if attr == attrPhone {
		m, kind = Mail{Body: own.SMSInvite}, message.SMSInvitation
	}
	if m.Body == "" {
		m.Body = message.Default(kind)
	}
	if m.Subject == "" {
		m.Subject = "Your temporary password"
	}
	return m
}

// invitations makes the messages. They go on the notice lane: a batch of them never delays a sign-in.
func (s *Service) invitations(ctx context.Context, t *tenant, c Caller, u *store.User, media []string, pw string) ([]*posted, error) {
	name := u.Username
	for _, attr := range []string{attrEmail, attrPhone} {
		if t.cfg.usesName(attr) && u.Attributes[attr] != "" {
			name = u.Attributes[attr]
		}
	}
	var out []*posted
	for _, attr := range media {
		p, err := s.invitation(ctx, t, c, u, attr, name, pw)
		if err != nil {
			s.unmade(out)
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// invitation makes the message to one contact.
func (s *Service) invitation(ctx context.Context, t *tenant, c Caller, u *store.User, attr, name, pw string) (p *posted, err error) {
	if err := s.senderReady(ctx, t, c, attr, triggerInvite, whom{user: u}); err != nil {
		return nil, err
	}
	l := letter{
		trigger: triggerInvite, attr: attr, to: u.Attributes[attr], counted: guard.SignUp, lane: store.LaneNotice, user: u, by: &account{user: u, subject: u.ID},
		life: t.cfg.temporaryLife(),
	}
	if l.judged, err = s.ask(ctx, t, c, l, false); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.drop(l.judged)
		}
	}()
	l.language = t.language(Caller{}, u) // the administrator's own language is not the user's
	tmpl, err := s.customMessage(ctx, t, c, l, t.cfg.invitation(attr, l.language))
	if err != nil {
		return nil, err
	}
	l.html = attr == attrEmail && message.IsHTML(tmpl.Body)
	text, err := message.Render(tmpl.Body, message.Values{Code: pw, Username: name, Trusted: true, HTML: l.html})
	if err != nil {
		return nil, err
	}
	return s.seal(ctx, t, c, l, nil, pw, tmpl.Subject, text)
}
