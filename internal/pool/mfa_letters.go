package pool

import (
	"context"

	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/internal/token"
)

// enrolLetter makes the message of an enrolment and the oob_code that goes with it.
func (s *Service) enrolLetter(ctx context.Context, t *tenant, c Caller, a *account, f *oobFactor, e enrolment, chain string) (*posted, *opened, error) {
	o, err := s.openHandle(t, a.user.ID, token.OOBCode, kindOOB, chain, otp.OOB.Life(0, false), signIn{Name: a.name, Factor: f})
	if err != nil {
		return nil, nil, err
	}
	l := factorLetter(a, f, e.to, chain)
	l.trigger, l.why, l.lane = triggerVerify, facts.Enroll, store.LaneSignUp
	p, err := s.post(ctx, t, c, l)
	return p, o, err
}

// factorLetter is the message of a second factor.
func factorLetter(a *account, f *oobFactor, to, chain string) letter {
	attr := attrPhone
	if f.Kind == FactorEmail {
		attr = attrEmail
	}
	return letter{
		trigger: triggerAuthentication, attr: attr, to: to, purpose: otp.OOB, counted: guard.SignIn, lane: store.LaneSignIn, subject: a.user.ID, user: a.user,
		by: a, chain: chain, why: facts.SecondFactor, channel: f.Channel, factor: true, keyed: true,
	}
}

func (s *Service) enrolEvents(ctx context.Context, t *tenant, c Caller, u *store.User, e enrolment) (ev, refused *store.Event, err error) {
	data := map[string]any{"factor": kindOf(e.factor), "channel": e.channel}
	if ev, err = s.event(ctx, t, c, eventlog.StartEnroll, u, e.number(), data); err != nil {
		return nil, nil, err
	}
	refused, err = s.event(ctx, t, c, eventlog.CodeRateExceeded, u, e.number(), map[string]any{"factor": kindOf(e.factor), "what": "sms"})
	return ev, refused, err
}

// countFactor counts a message of a second factor. It comes before all that its Write changes: if the allowance is used up, the commit holds the
// count and the event alone.
func (s *Service) countFactor(ctx context.Context, tx *unit, p *posted, refused *store.Event) error {
	err := s.count(ctx, tx, p)
	if !isRefusal(err) {
		return err
	}
	if lost := tx.append(ctx, withReason(refused, tx.held[len(tx.held)-1])); lost != nil {
		return lost
	}
	if fault.CodeOf(err) == fault.DestinationRefused {
		return store.Keep(err)
	}
	return store.Keep(fault.Of(err).WithField(limitSends))
}

// Fields of AttemptLimit on the Auth0 wire: which allowance is used up.
const (
	limitSends = "sms"
	limitCodes = "code"
)

// stillHeld refuses a holder whose token was used, or ended by a lock, meanwhile.
func (s *Service) stillHeld(ctx context.Context, tx *unit, hd *holder) error {
	if hd.h == nil {
		return nil
	}
	row, err := tx.Challenges().Challenge(ctx, hd.h.ID)
	if err != nil {
		return err
	}
	if !row.UsedAt.IsZero() {
		return fault.New(fault.MFATokenInvalid)
	}
	return nil
}
