package pool

import (
	"context"
	"encoding/json"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/store"
)

const (
	verdictAudience = "login_verdict"
	// maxDenied bounds the sentence of a refusal, in bytes.
	maxDenied = 1000
)

// judgeLogin asks the pool's rules and actions about a sign-in whose first factor was right, once; what they decided goes on with the sign-in. A
// network that is new to the user demands a second factor where the pool says so (Tenant.Adaptive). That one of them fails, or denies, refuses.
func (s *Service) judgeLogin(ctx context.Context, t *tenant, c Caller, a *account, d signIn) (signIn, error) {
	if d.Judged {
		return d, nil
	}
	d.Judged = true
	fresh := s.newNetwork(a)
	d.Must = fresh && t.cfg.tenant().Adaptive && !d.passed(passedSignUp) // a user who is new was nowhere before
	in := facts.Login{Protocol: protocolPassword, Methods: d.methods(), NewNetwork: fresh}
	if d.OAuth != nil {
		in.Protocol, in.Audience, in.Scopes = d.OAuth.Protocol, d.OAuth.Audience, strings.Fields(d.OAuth.Scope)
	} else if d.passed(kindSMSOTP) || d.passed(kindEmailOTP) {
		in.Protocol = protocolPasswordless
	}
	v, err := s.judgeUser(ctx, t, c, a.user, in)
	if err != nil || v == nil {
		return d, err
	}
	if v.MFA {
		d.Must, d.Kinds = true, v.Providers
	}
	d.Verdict, err = s.sealVerdict(ctx, t, v)
	return d, err
}

// newNetwork reports whether the user had no success from the caller's network lately. A developer's own machine is never new.
func (s *Service) newNetwork(a *account) bool {
	return !a.known && (a.network != "" || !s.Dev)
}

// judgeUser asks, once for each request however often the flow begins again. nil: the pool has no rules and actions.
func (s *Service) judgeUser(ctx context.Context, t *tenant, c Caller, u *store.User, in facts.Login) (*facts.Verdict, error) {
	const key = "login judge"
	if s.Logins == nil {
		return nil, nil
	}
	if has, err := s.Logins.Judges(ctx, t.pool.ID); err != nil || !has {
		return nil, err
	}
	v, known := c.asked[key].(*facts.Verdict)
	if !known {
		in.User, in.Client, in.Request, in.Tenant, in.Connection = *t.userFacts(u), t.clientFacts(), c.requestFacts(), t.facts(), connectionOf(u)
		var err error
		if v, err = s.Logins.Judge(ctx, t.pool.ID, in); err == nil {
			err = bounded(v)
		}
		if err != nil {
			return nil, s.refusedByRules(ctx, t, c, u, "failed", err)
		}
		if c.asked != nil {
			c.asked[key] = v
		}
	}
	if v.Denied != "" {
		refusal := fault.New(fault.LoginRefused).WithPublic("%s", cut(v.Denied, maxDenied))
		return nil, s.refusedByRules(ctx, t, c, u, "denied", refusal)
	}
	return v, nil
}

// bounded refuses a verdict that is too large to be kept, or none at all.
func bounded(v *facts.Verdict) error {
	if v == nil {
		return fault.Internalf("no verdict")
	}
	raw, err := json.Marshal([]any{v.AccessClaims, v.IDClaims})
	if err == nil && len(raw) > maxOverrides {
		err = fault.New(fault.LoginRefused).WithPublic("A rule or action added too much to the tokens.")
	}
	return err
}

// refusedByRules records why a sign-in ended, and returns it.
func (s *Service) refusedByRules(ctx context.Context, t *tenant, c Caller, u *store.User, why string, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	ev, err := s.entry(ctx, t, c, eventlog.LoginFailed, u, "", map[string]any{"reason": "rules_" + why, "code": string(fault.CodeOf(cause))},
		map[string]any{"message": fault.Of(cause).Public})
	if err != nil {
		return err
	}
	if err := s.write(ctx, func(tx *unit) error { return tx.append(ctx, ev) }); err != nil {
		return err
	}
	return cause
}

// sealVerdict keeps what rules and actions add to tokens and user until there are tokens; nil if that is nothing.
func (s *Service) sealVerdict(ctx context.Context, t *tenant, v *facts.Verdict) ([]byte, error) {
	keep := facts.Verdict{AccessClaims: v.AccessClaims, IDClaims: v.IDClaims, UserMetadata: v.UserMetadata, AppMetadata: v.AppMetadata}
	if len(keep.AccessClaims)+len(keep.IDClaims)+len(keep.UserMetadata)+len(keep.AppMetadata) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(keep)
	if err != nil {
		return nil, err
	}
	return s.Keys.SealToken(ctx, t.pool.ID, verdictAudience, raw)
}

// verdict opens what sealVerdict kept.
func (s *Service) verdict(ctx context.Context, t *tenant, d signIn) (*facts.Verdict, error) {
	if len(d.Verdict) == 0 {
		return nil, nil
	}
	raw, err := s.Keys.OpenToken(ctx, t.pool.ID, verdictAudience, d.Verdict)
	if err != nil {
		return nil, fault.Internalf("verdict of a sign-in: %w", err)
	}
	v := &facts.Verdict{}
	return v, json.Unmarshal(raw, v)
}

// cut shortens a text to at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
