package pool

import (
	"context"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
	"countersign/internal/token"
)

const (
	kindTicket = "TICKET"
	// ticketLife: "Enroll and challenge users"; a ticket is used once.
	ticketLife = 5 * 24 * time.Hour
)

// EnrollmentTicket makes a one-time link token by which a user enrols a phone; good for five days. Whoever holds it may enrol, so it goes to the user
// alone. Errors: UserNotFound, AlreadyEnrolled (unless more), TooMany.
func (s *Service) EnrollmentTicket(ctx context.Context, c Caller, poolID, userID string, more bool) (string, error) {
	handle := ""
	err := s.asAdmin(ctx, c, poolID, userOf(userID), func(t *tenant, a *account) error {
		if err := t.mayHoldTicket(a.user, more); err != nil {
			return err
		}
		d := signIn{Name: a.name}
		if more {
			d.Choices = []string{ticketMore}
		}
		o, err := s.openHandle(t, a.user.ID, token.Link, kindTicket, "", ticketLife, d)
		if err != nil {
			return err
		}
		ev, err := s.event(ctx, t, c, eventlog.StartEnroll, a.user, "", map[string]any{"factor": FactorPhone, "ticket": true})
		if err != nil {
			return err
		}
		handle = o.handle
		return s.write(ctx, func(tx *unit) error {
			if err := tx.open(ctx, o); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		})
	})
	if err != nil {
		return "", err
	}
	return handle, nil
}

// ticketMore marks a ticket that adds to the factors that the user has.
const ticketMore = "more"

// mayHoldTicket reports whether a user may enrol a phone by a ticket.
func (t *tenant) mayHoldTicket(u *store.User, more bool) error {
	confirmed := 0
	for _, p := range u.MFA.Phones {
		if p.Confirmed() {
			confirmed++
		}
	}
	switch {
	case !t.cfg.MFASMS:
		return fault.New(fault.ChallengeUnsupported).WithField(FactorPhone).WithHint("The pool's phone factor is off.")
	case !more && len(t.activeFactors(u)) > 0:
		return fault.New(fault.AlreadyEnrolled)
	case confirmed >= phonesMost:
		return fault.New(fault.TooMany).WithField(attrPhone)
	}
	return nil
}

// ticketHolder reads a ticket and its user. A ticket that is nothing, too old or used is ResourceNotFound.
func (s *Service) ticketHolder(ctx context.Context, c Caller, ticket string) (*holder, error) {
	var h *held
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		h, err = s.take(ctx, tx, token.Link, kindTicket, ticket, linkErrors)
		return err
	})
	if err != nil {
		return nil, err
	}
	t, err := s.byPool(ctx, h.PoolID)
	if err == nil {
		t, err = s.onAuth0(t, c)
	}
	if code := fault.CodeOf(err); code == fault.ClientNotFound || code == fault.PoolNotFound {
		err = fault.New(fault.ResourceNotFound)
	}
	if err != nil {
		return nil, err
	}
	a, err := s.ownerOf(ctx, t, c, h, linkErrors)
	return &holder{t: t, a: a, h: h, ticket: true}, err
}

// TicketEnroll sends a code to the number that the holder of a ticket typed, and says what to press if the code comes by a call;
// TicketConfirm redeems it and spends the ticket. It returns the recovery code of a first factor.
func (s *Service) TicketEnroll(ctx context.Context, c Caller, ticket, phone, channel string) (oobCode, voiceKey string, err error) {
	c = c.onAuth0()
	e, err := phoneEnrolment(phone, channel)
	if err != nil {
		return "", "", err
	}
	var out *AssociateResult
	var sent *store.Message
	err = again(func() error {
		hd, err := s.ticketHolder(ctx, c, ticket)
		if err != nil {
			return err
		}
		if err := s.mayEnrol(ctx, hd, e.factor); err != nil {
			return s.notEnrolled(ctx, hd, c, e, err)
		}
		out, sent, err = s.associateOOB(ctx, hd, c, *e)
		return err
	})
	if err != nil {
		return "", "", err
	}
	return out.OOBCode, out.VoiceKey, s.await(ctx, sent)
}

// TicketConfirm: see TicketEnroll.
func (s *Service) TicketConfirm(ctx context.Context, c Caller, ticket, oobCode, code string) (recovery string, err error) {
	c = c.onAuth0()
	err = again(func() error {
		hd, err := s.ticketHolder(ctx, c, ticket)
		if err != nil {
			return err
		}
		p, err := s.oobProof(ctx, hd, RedeemInput{OOBCode: oobCode, Code: code})
		if err != nil {
			return err
		}
		if p.enrolled == nil {
			return fault.New(fault.OOBCodeInvalid)
		}
		if recovery, err = s.ticketRecovery(ctx, hd, p); err != nil {
			return err
		}
		p.purpose = guard.Enrol
		_, err = s.settleProof(ctx, c, p)
		return err
	})
	if err != nil {
		return "", err
	}
	return recovery, nil
}

// ticketRecovery makes the recovery code of a first factor, which is shown only now that the code was typed.
func (s *Service) ticketRecovery(ctx context.Context, hd *holder, p *proof) (string, error) {
	codes, hash, err := s.firstRecovery(ctx, hd.t, hd.a.user)
	if err != nil || len(codes) == 0 {
		return "", err
	}
	p.up.MFA.Recovery, p.up.MFA.RecoveryAt = hash, s.now()
	return codes[0], nil
}
