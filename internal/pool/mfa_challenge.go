package pool

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/internal/token"
)

// ChallengeMFA asks for a second factor, and waits for the first attempt to send its code.
func (s *Service) ChallengeMFA(ctx context.Context, c Caller, in ChallengeInput) (*ChallengeResult, error) {
	c = c.onAuth0()
	t, err := s.oauth(ctx, c, in.OAuthClient, "")
	if err != nil {
		return nil, err
	}
	var out *ChallengeResult
	var sent *store.Message
	err = again(func() error {
		hd, err := s.byMFAToken(ctx, c, in.Token, t.client.ID)
		if err != nil {
			return err
		}
		x, err := s.challenged(ctx, hd, in)
		if err != nil {
			return err
		}
		out, sent, err = s.challenge(ctx, hd, c, *x)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, s.await(ctx, sent)
}

// challenged chooses the factor: the one that is named, or else the first that the request accepts.
func (s *Service) challenged(ctx context.Context, hd *holder, in ChallengeInput) (*Authenticator, error) {
	ask := hd.asked()
	if len(ask) == 0 {
		return nil, fault.New(fault.AssociationRequired)
	}
	list, err := s.authenticators(ctx, hd.t, hd.a.user, ask)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(x Authenticator) bool {
		return !x.Active || x.Kind == FactorRecovery || !slices.Contains(kindsOf(ask), x.Kind) || hd.repeats(x)
	})
	preferred := kindOf(hd.a.user.MFA.Preferred)
	slices.SortStableFunc(list, func(a, b Authenticator) int {
		switch {
		case a.Kind == preferred && b.Kind != preferred:
			return -1
		case b.Kind == preferred && a.Kind != preferred:
			return 1
		}
		return 0
	})
	named := in.Authenticator != ""
	for i, x := range list {
		switch {
		case named && x.ID != in.Authenticator && !sameDevice(x.ID, in.Authenticator):
		case len(in.Types) > 0 && !slices.Contains(in.Types, x.Type):
		case in.Channel != "" && x.Channel != in.Channel:
		case in.Channel == "" && named && x.ID != in.Authenticator:
		default:
			return &list[i], hd.t.mayRedeem(x)
		}
	}
	if named && !slices.ContainsFunc(list, func(x Authenticator) bool { return sameDevice(x.ID, in.Authenticator) }) {
		return nil, fault.New(fault.MfaMethodNotFound)
	}
	return nil, fault.New(fault.ChallengeUnsupported).WithHint("Asked for %v; the user has %v.", in.Types, kindsOf(ask))
}

// repeats reports whether an authenticator is the telephone that the first factor's code went to.
func (h *holder) repeats(x Authenticator) bool {
	_, dev, _ := strings.Cut(x.ID, "|"+devicePrefix)
	number := phoneNumber(h.a.user, dev)
	return x.Kind == FactorPhone && h.h.data.repeats(h.a.user, cmp.Or(number, h.a.user.Attributes[attrPhone]))
}

// sameDevice reports whether two ids are channels of one telephone.
func sameDevice(a, b string) bool {
	_, x, ok := strings.Cut(a, "|")
	_, y, _ := strings.Cut(b, "|")
	return ok && x == y
}

// mayRedeem refuses a challenge that the client could not redeem.
func (t *tenant) mayRedeem(x Authenticator) error {
	grant := GrantMFAOOB
	if x.Type == "otp" {
		grant = GrantMFAOTP
	}
	if !t.grants(grant) {
		return fault.New(fault.GrantNotAllowed).WithField(grant).WithHint("Add %s to the client's grant types.", grant)
	}
	return nil
}

func (s *Service) challenge(ctx context.Context, hd *holder, c Caller, x Authenticator) (*ChallengeResult, *store.Message, error) {
	t, u := hd.t, hd.a.user
	ev, err := s.event(ctx, t, c, eventlog.StartAuth, u, "", map[string]any{"factor": x.Kind, "channel": x.Channel, "authenticator": x.ID})
	if err != nil {
		return nil, nil, err
	}
	out := &ChallengeResult{Type: x.Type, Channel: x.Channel}
	if x.Type == "otp" {
		return out, nil, s.write(ctx, func(tx *unit) error { return tx.append(ctx, ev) })
	}
	f := &oobFactor{Kind: x.Kind, Channel: x.Channel}
	if _, dev, ok := strings.Cut(x.ID, "|"+devicePrefix); ok && x.Kind == FactorPhone && phoneOf(u, dev) != nil {
		f.Phone = dev
	}
	o, err := s.openHandle(t, u.ID, token.OOBCode, kindOOB, hd.chain(), otp.OOB.Life(0, false), signIn{Name: hd.a.name, Factor: f})
	if err != nil {
		return nil, nil, err
	}
	p, err := s.post(ctx, t, c, factorLetter(hd.a, f, targetOf(u, f), hd.chain()))
	if err != nil {
		return nil, nil, err
	}
	refused, err := s.event(ctx, t, c, eventlog.CodeRateExceeded, u, "", map[string]any{"factor": x.Kind, "what": limitSends})
	if err != nil {
		return nil, nil, err
	}
	out.OOBCode, out.VoiceKey = o.handle, p.what.VoiceKey
	return out, p.message, s.write(ctx, func(tx *unit) error {
		if err := s.stillHeld(ctx, tx, hd); err != nil {
			return err
		}
		if err := s.countFactor(ctx, tx, p, refused); err != nil {
			return err
		}
		if err := current(ctx, tx, u); err != nil {
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
