package pool

import (
	"context"
	"errors"
	"time"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
)

// judge compares an answer with the live codes of a spec. Inside a sign-in every failure is the same.
func (s *Service) judge(ctx context.Context, tx store.Tx, spec otp.Spec, answer string) (*store.Code, error) {
	rows, err := tx.Codes().LiveCodes(ctx, spec.PoolID, spec.SubjectID, string(spec.Purpose), spec.Chain, s.now())
	if err != nil {
		return nil, err
	}
	m, err := s.Codes.Judge(ctx, rows, spec, answer)
	if spec.Chain != "" && fault.CodeOf(err) == fault.CodeMismatch || fault.CodeOf(err) == fault.CodeExpired && spec.Chain != "" && len(rows) == 0 {
		return nil, fault.New(fault.ChallengeCodeMismatch)
	}
	return m, err
}

// redeem counts a redemption, judges it and consumes its code, in the commit that it decides about. A wrong answer is counted and kept.
func (s *Service) redeem(ctx context.Context, tx *unit, t *tenant, a *account, try guard.Try, bad *store.Event, judge func() (*store.Code, error)) error {
	if err := s.guard.Call(ctx, tx, try); err != nil {
		return err
	}
	turn, err := s.guard.Begin(ctx, tx, try)
	if err != nil {
		return err
	}
	row, err := judge()
	if fault.CodeOf(err) == fault.InternalError {
		return err
	}
	if err != nil {
		return s.wrong(ctx, tx, t, a, turn, bad, err)
	}
	if err := tx.consume(ctx, row, fault.CodeExpired); err != nil {
		return err
	}
	return turn.Succeed(ctx)
}

// consume uses a code up; lost is the answer if somebody else was faster. The message that carried it counts as verified, after the code: the worker
// that settles a message locks both in this order, too.
func (u *unit) consume(ctx context.Context, row *store.Code, lost fault.Code) error {
	won, err := u.Codes().ConsumeCode(ctx, row.ID)
	if err == nil && !won {
		err = fault.New(lost)
	}
	if err != nil {
		return err
	}
	return u.codeTyped(ctx, row)
}

// codeTyped notes that a code came back: how routes are judged, and what a code costs. A code without a message is nothing to note.
func (u *unit) codeTyped(ctx context.Context, row *store.Code) error {
	m, err := u.Outbox().CodeTyped(ctx, row.ID, u.s.now())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case m.Provider == testProvider:
		return u.append(ctx, u.s.Events.Event(testNumberUsed(m)))
	case u.s.Typed != nil:
		u.typed = append(u.typed, m)
	}
	return nil
}

// wrong counts a wrong answer and keeps the count. If the account is thereby locked on its own networks, its open challenges end; a lock
// on strangers ends nothing, or else they could end every sign-in of the owner: their own challenges meet the lock when they are answered.
func (s *Service) wrong(ctx context.Context, tx *unit, t *tenant, a *account, turn *guard.Turn, ev *store.Event, answer error) error {
	locked, err := turn.Fail(ctx)
	if err != nil {
		return err
	}
	if own := a.known || a.network == ""; locked && own && a.user != nil {
		if err := tx.Challenges().EndChallenges(ctx, t.pool.ID, a.user.ID, s.now()); err != nil {
			return err
		}
	}
	if err := tx.append(ctx, ev); err != nil {
		return err
	}
	return store.Keep(answer)
}

// wrongCode counts a wrong answer on the session and on the account.
func (s *Service) wrongCode(ctx context.Context, tx *unit, t *tenant, a *account, h *held, turn *guard.Turn, ev *store.Event, answer error) error {
	if err := tx.addTry(ctx, h, s.now()); err != nil {
		return err
	}
	return s.wrong(ctx, tx, t, a, turn, ev, answer)
}

// addTry counts a wrong answer on a challenge and ends it with the last that it allows.
func (u *unit) addTry(ctx context.Context, h *held, now time.Time) error {
	n, err := u.Challenges().AddTry(ctx, h.ID)
	if err != nil || n < maxTries {
		return err
	}
	return u.spend(ctx, h, now)
}

// halt records that a right answer led nowhere, and returns why: stop. After the failure of a function the same answer can be given again, a
// few times; what refuses the sign-in as a whole ends the challenge.
func (s *Service) halt(ctx context.Context, h *held, stop error) error {
	if fault.CodeOf(stop) == fault.InternalError {
		return stop
	}
	return s.write(ctx, func(tx *unit) error { return tx.halt(ctx, h, stop, s.now()) })
}

func (u *unit) halt(ctx context.Context, h *held, stop error, now time.Time) (err error) {
	switch {
	case h == nil:
	case triggerFault(stop):
		err = u.addTry(ctx, h, now)
	case fault.CodeOf(stop) == fault.WrongCredentials || fault.CodeOf(stop) == fault.LoginRefused:
		err = u.spend(ctx, h, now)
	}
	if err != nil {
		return err
	}
	return store.Keep(stop)
}
