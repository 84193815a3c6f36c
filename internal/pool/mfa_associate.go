package pool

import (
	"context"
	"slices"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

// enrolment is what is to be enrolled.
type enrolment struct {
	// factor is a second factor of the gate; channel how its code goes; to where.
	factor, channel, to string
}

// what reads the kind of factor that is to be enrolled, and its destination.
func (in *AssociateInput) what() (*enrolment, error) {
	switch {
	case slices.Contains(in.Types, "oob"):
		for _, ch := range in.Channels {
			switch ch {
			case ChannelSMS, ChannelVoice:
				return phoneEnrolment(in.Phone, ch)
			case "email":
				return &enrolment{factor: kindEmailOTP, channel: ch, to: in.Email}, nil
			}
		}
		return nil, fault.New(fault.ChallengeUnsupported).WithField("oob_channels").WithHint("oob_channels is sms, voice or email.")
	case slices.Contains(in.Types, "otp"):
		return &enrolment{factor: kindTOTP}, nil
	}
	return nil, fault.New(fault.ChallengeUnsupported).WithField("authenticator_types").WithHint("authenticator_types is oob or otp.")
}

func phoneEnrolment(number, channel string) (*enrolment, error) {
	n, err := phone.Parse(number)
	if err != nil {
		return nil, fault.Invalidf(attrPhone, "Invalid phone number format.").WithHint("Send E.164: +, country code, number, digits only (+12025550123).")
	}
	return &enrolment{factor: kindSMSMFA, channel: channel, to: n.String()}, nil
}

// Associate begins the enrolment of a factor, and waits for the first attempt to send its code. Inside a sign-in that is possible only while none is
// there; who is signed in may add more. Nothing changes what the user has until a code of the new factor was right.
func (s *Service) Associate(ctx context.Context, c Caller, in AssociateInput) (*AssociateResult, error) {
	c = c.onAuth0()
	e, err := in.what()
	if err != nil {
		return nil, err
	}
	var out *AssociateResult
	var sent *store.Message
	err = again(func() error {
		hd, err := s.associating(ctx, c, in)
		if err != nil {
			return err
		}
		if err := s.mayEnrol(ctx, hd, e.factor); err != nil {
			return s.notEnrolled(ctx, hd, c, e, err)
		}
		if e.factor == kindTOTP {
			out, err = s.associateTOTP(ctx, hd, c)
			return err
		}
		out, sent, err = s.associateOOB(ctx, hd, c, *e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, s.await(ctx, sent)
}

func (s *Service) associating(ctx context.Context, c Caller, in AssociateInput) (*holder, error) {
	clientID := ""
	if in.Client != nil {
		clientID = in.Client.ID
	}
	hd, err := s.holder(ctx, c, in.Token, clientID, scopeEnroll)
	if err != nil {
		return nil, err
	}
	if in.Client != nil && in.Client.Secret != nil {
		err = hd.t.checkSecret(in.Client.Secret)
	}
	return hd, err
}

// mayEnrol reports whether the holder may enrol a factor.
func (s *Service) mayEnrol(ctx context.Context, h *holder, factor string) error {
	if h.ticket {
		return h.t.mayHoldTicket(h.a.user, slices.Contains(h.h.data.Choices, ticketMore))
	}
	if h.h != nil {
		ask, setup := h.t.owed(h.a.user, h.h.data)
		switch {
		case len(ask) > 0:
			return fault.New(fault.AlreadyEnrolled)
		case !slices.Contains(setup, factor):
			return fault.New(fault.ChallengeUnsupported).WithField(factor).WithHint("The pool does not offer this factor, or it is not what is owed.")
		}
		return nil
	}
	if err := s.mayChangeFactors(ctx, h.t, h.a); err != nil {
		return err
	}
	c := h.t.cfg
	offered := factor == kindSMSMFA && c.MFASMS || factor == kindTOTP && c.MFATOTP || factor == kindEmailOTP && c.MFAEmail
	switch u := h.a.user; {
	case !offered:
		return fault.New(fault.ChallengeUnsupported).WithField(factor).WithHint("The pool does not offer this factor.")
	case factor == kindTOTP && u.MFA.TOTPReady, factor == kindEmailOTP && u.MFA.Email:
		return fault.New(fault.AlreadyEnrolled)
	}
	return nil
}

// notEnrolled records that an enrolment could not begin.
func (s *Service) notEnrolled(ctx context.Context, hd *holder, c Caller, e *enrolment, cause error) error {
	kind := eventlog.StartEnrollFailed
	if fault.CodeOf(cause) == fault.TooMany {
		kind = eventlog.TooManyRecords
	}
	ev, err := s.event(ctx, hd.t, c, kind, hd.a.user, e.number(), map[string]any{"factor": kindOf(e.factor), "reason": string(fault.CodeOf(cause))})
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error {
		if err := tx.append(ctx, ev); err != nil {
			return err
		}
		return store.Keep(cause)
	})
}

// number is the telephone number of an enrolment, if it has one.
func (e *enrolment) number() string {
	if e.factor == kindSMSMFA {
		return e.to
	}
	return ""
}

// associateOOB sends a code to a telephone or address that is to become a factor.
func (s *Service) associateOOB(ctx context.Context, hd *holder, c Caller, e enrolment) (*AssociateResult, *store.Message, error) {
	t, u := hd.t, hd.a.user
	f, up, err := s.waitingFactor(t, u, &e)
	if code := fault.CodeOf(err); code == fault.TooMany || code == fault.AlreadyEnrolled {
		return nil, nil, s.notEnrolled(ctx, hd, c, &e, err)
	}
	if err != nil {
		return nil, nil, err
	}
	out := &AssociateResult{Type: "oob", Channel: e.channel}
	if out.RecoveryCodes, f.Recovery, err = s.firstRecovery(ctx, t, u); err != nil {
		return nil, nil, err
	}
	p, o, err := s.enrolLetter(ctx, t, c, hd.a, f, e, hd.chain())
	if err != nil {
		return nil, nil, err
	}
	ev, refused, err := s.enrolEvents(ctx, t, c, u, e)
	if err != nil {
		return nil, nil, err
	}
	out.OOBCode, out.VoiceKey, p.lift = o.handle, p.what.VoiceKey, hd.b != nil && proven(u, e.to)
	return out, p.message, s.write(ctx, func(tx *unit) error {
		if err := s.stillHeld(ctx, tx, hd); err != nil {
			return err
		}
		if err := s.countFactor(ctx, tx, p, refused); err != nil {
			return err
		}
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		if err := p.put(ctx, tx); err != nil {
			return err
		}
		if err := tx.open(ctx, o); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	}, p)
}

// waitingFactor is a factor that waits for its code, and the user with it.
func (s *Service) waitingFactor(t *tenant, u *store.User, e *enrolment) (*oobFactor, *store.User, error) {
	up := cloneUser(u)
	if e.factor == kindEmailOTP {
		own := u.Attributes[attrEmail]
		if e.to == "" {
			e.to = own
		}
		switch {
		case !isEmail(e.to):
			return nil, nil, fault.Invalidf(attrEmail, "Invalid email address format.")
		case own != "" && own != e.to:
			return nil, nil, fault.Invalidf(attrEmail, "The user has another email address.")
		}
		return &oobFactor{Kind: FactorEmail, Channel: e.channel, Enrol: true, Email: e.to}, up, nil
	}
	if !slices.Contains(t.cfg.tenant().channels(), e.channel) {
		return nil, nil, fault.New(fault.ChallengeUnsupported).WithField(e.channel).WithHint("The pool's phone factor does not offer this channel (message types).")
	}
	id, err := s.addPhone(up, e.to)
	return &oobFactor{Kind: FactorPhone, Phone: id, Channel: e.channel, Enrol: true}, up, err
}

// firstRecovery is the recovery code that goes with a first factor. It is good only once that factor was confirmed: who merely begins an enrolment
// gets nothing that lasts.
func (s *Service) firstRecovery(ctx context.Context, t *tenant, u *store.User) (codes []string, hash string, err error) {
	if !t.cfg.tenant().RecoveryCodes || u.MFA.Recovery != "" {
		return nil, "", nil
	}
	code, hash, err := s.newRecovery(ctx, u)
	return []string{code}, hash, err
}
