package hook

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/script"
)

// judgeTime bounds all rules and actions of one sign-in together.
const judgeTime = 30 * time.Second

// unauthorized is the name of the error with which a rule denies a sign-in on purpose (Auth0: new UnauthorizedError(reason)).
const unauthorized = "UnauthorizedError"

// Judges reports, from memory, whether the pool has rules or bound post-login actions.
func (s *Service) Judges(ctx context.Context, poolID string) (bool, error) {
	l, err := s.running(ctx, poolID)
	if err != nil {
		return false, err
	}
	return len(l.rules)+len(l.logins) > 0, nil
}

// Judge runs the pool's rules in order and then its post-login actions. A rule that gives an UnauthorizedError, and an action that calls
// api.access.deny, deny the sign-in with their words; no later one is called. The error is fault.TriggerFailed, whose Field is the name of the script that
// failed: any other error, a throw, a timeout, no worker. The sign-in is refused then; what the script said is in the log.
func (s *Service) Judge(ctx context.Context, poolID string, in facts.Login) (*facts.Verdict, error) {
	l, err := s.running(ctx, poolID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, judgeTime)
	defer cancel()
	j := &judgement{s: s, in: &in}
	if denied, err := j.rules(ctx, l.rules); denied != nil || err != nil {
		return denied, err
	}
	if err := j.actions(ctx, l.logins); err != nil {
		return nil, err
	}
	v, err := script.Verdict(j.outcomes)
	if err != nil {
		return nil, fault.New(fault.TriggerFailed).WithErr(err)
	}
	return &v, nil
}

// judgement is one sign-in on its way through the scripts.
type judgement struct {
	s        *Service
	in       *facts.Login
	outcomes []*script.Outcome
}

// rules calls the rules; each gets user and context as the one before left them.
func (j *judgement) rules(ctx context.Context, units []*unit) (denied *facts.Verdict, err error) {
	body := script.RuleInput(j.in)
	for _, u := range units {
		o, err := j.call(ctx, u, body, "")
		if err != nil {
			return nil, err
		}
		if e := o.Error; e != nil { // an UnauthorizedError: see call
			v, err := script.Verdict([]*script.Outcome{o})
			return &v, err
		}
		if len(o.Data) > 0 {
			body = o.Data
		}
	}
	return nil, nil
}

func (j *judgement) actions(ctx context.Context, units []*unit) error {
	if len(units) == 0 {
		return nil
	}
	body := script.PostLoginEvent(j.in)
	for _, u := range units {
		o, err := j.call(ctx, u, body, u.poolID+"/"+PostLogin)
		if err != nil {
			return err
		}
		if denies(o) {
			return nil
		}
	}
	return nil
}

func denies(o *script.Outcome) bool {
	for _, c := range o.Commands {
		if c.Name == "access.deny" {
			return true
		}
	}
	return false
}

// call runs one script; what is no decision is an event and an error.
func (j *judgement) call(ctx context.Context, u *unit, body json.RawMessage, cache string) (*script.Outcome, error) {
	run := &report{u: u, started: j.s.c.Now(), clientID: j.in.Client.ID}
	_, run.userID, _ = strings.Cut(j.in.User.ID, "|")
	o, err := j.s.patiently(ctx, u, &script.Call{Body: body, Secrets: u.secrets, Sensitive: personal(&j.in.User), Cache: cache})
	run.o, run.err = o, err
	if err == nil && (o.Error == nil || u.Kind == script.Rule && o.Error.Failure == script.Refused && o.Error.Name == unauthorized) {
		j.outcomes = append(j.outcomes, o)
		j.s.printed(ctx, run)
		return o, nil
	}
	if err == nil {
		err = o.Error
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // else whoever signed in hung up
		j.s.failed(ctx, run)
	}
	return nil, fault.New(fault.TriggerFailed).WithField(u.Name).WithErr(err)
}
