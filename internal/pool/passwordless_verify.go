package pool

import (
	"context"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
)

// VerifyPasswordless says whether a code of StartPasswordless is right, and leaves it for the grant (POST /passwordless/verify of older clients). It is
// judged and counted as the grant does, in one commit, so that asking here gives nobody a try more. Errors: those of PasswordlessGrant.
func (s *Service) VerifyPasswordless(ctx context.Context, c Caller, in PasswordlessGrantInput) error {
	c = c.onAuth0()
	t, err := s.oauth(ctx, c, in.OAuthClient, GrantPasswordless)
	if err != nil {
		return err
	}
	d, err := t.destinationOf(in.Realm, in.Username)
	if err != nil {
		return err
	}
	if err := t.passwordlessOn(d); err != nil {
		return err
	}
	return again(func() error { return s.verifyFirst(ctx, t, c, d, in.Code) })
}

func (s *Service) verifyFirst(ctx context.Context, t *tenant, c Caller, d *destination, code string) error {
	a, err := s.findPasswordless(ctx, t, c, d)
	if err != nil {
		return err
	}
	f := &firstFactor{d: d, a: a, code: code, spec: firstSpec(t, a, d.to)}
	if err := s.askFirst(ctx, t, f); err != nil {
		return err
	}
	bad, err := s.event(ctx, t, c, eventlog.PasswordlessFailed, a.user, numberOf(d), map[string]any{"connection": d.connection})
	if err != nil {
		return err
	}
	limited, err := s.event(ctx, t, c, eventlog.CodeRateExceeded, a.user, numberOf(d), map[string]any{"what": limitCodes, "connection": d.connection})
	if err != nil {
		return err
	}
	var early error
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		_, early = s.judgeFirst(ctx, tx, t, f)
		return nil
	})
	if err != nil {
		return err
	}
	if fault.CodeOf(early) == fault.InternalError {
		return early
	}
	return s.write(ctx, func(tx *unit) error {
		_, _, err := s.decideFirst(ctx, tx, t, f, early == nil, bad, &proofEvents{limited: limited})
		return err
	})
}
