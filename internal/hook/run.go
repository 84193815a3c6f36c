package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/module"
	"countersign/internal/runner"
	"countersign/internal/script"
	"countersign/internal/store"
)

// maxBody bounds the input of a run, in bytes.
const maxBody = 256 << 10

// Run builds and runs code without keeping it. What the code does wrong is in the Outcome. Errors: those of module.Builder, InvalidParameter,
// Overloaded, UnsupportedOperation (no Node here).
func (s *Service) Run(ctx context.Context, in *RunInput) (*RunResult, error) {
	deps := dependencyList(in.Dependencies)
	if err := firstOf(judgeCode("script", in.Code), judgeDependencies(deps), judgeSecrets(in.Secrets, maxRuleConfigs), judgeKind(in.Kind)); err != nil {
		return nil, err
	}
	c := &code{Code: in.Code, Dependencies: deps}
	for name := range in.Secrets {
		c.Secrets = append(c.Secrets, Secret{Name: name})
	}
	row := &store.Script{ID: "run", PoolID: in.Pool, Kind: string(in.Kind), Name: in.Name}
	return s.try(ctx, row, in.Kind, c, nil, in.Secrets, in.Body, in.Save)
}

func judgeKind(k script.Kind) error {
	if files[k] == "" {
		return fault.Invalidf("kind", "There is no kind of script %q.", string(k))
	}
	return nil
}

// try runs code that is not kept: it is built, run by a worker of its own, and that worker is ended.
func (s *Service) try(ctx context.Context, row *store.Script, kind script.Kind, c *code, before []module.Module,
	secrets map[string]string, body json.RawMessage, save Save) (*RunResult, error) {
	begun := time.Now()
	free, err := s.builds.reserve()
	if err != nil {
		return nil, err
	}
	b, err := s.build(ctx, kind, c, save)
	if free(); err != nil {
		return nil, err
	}
	took := time.Since(begun)
	c.Modules = before
	report := c.take(kind, b, s.now())
	u := s.unit(row, kind, b.Hash)
	u.Open = script.NewUnit(kind, u.Name, b.Artifact).Open
	out, err := s.apart(ctx, u, c, secrets, body)
	if err != nil {
		return nil, err
	}
	return &RunResult{Outcome: out, Built: *report, BuildTime: took}, nil
}

// apart runs a unit in a worker of its own and ends that: a run that breaks its worker breaks nobody else's, and what its code keeps of the run's
// input and secrets gets into no message.
func (s *Service) apart(ctx context.Context, u *unit, c *code, secrets map[string]string, body json.RawMessage) (*script.Outcome, error) {
	u.ID += "/" + newULID(s.now())
	u.Node = node[c.Runtime]
	defer s.breaker.forget(u.ID)
	defer s.c.forget(u)
	return s.attempt(ctx, u, secrets, body)
}

// forget ends the workers of a unit.
func (c *Config) forget(u *unit) {
	if c.Scripts != nil {
		c.Scripts.Forget(&u.Unit)
	}
}

// attempt runs a unit for somebody who watches.
func (s *Service) attempt(ctx context.Context, u *unit, secrets map[string]string, body json.RawMessage) (*script.Outcome, error) {
	if len(body) > maxBody || len(body) > 0 && !json.Valid(body) {
		return nil, fault.Invalidf("body", "The input is not JSON of at most %d kB.", maxBody>>10)
	}
	call := &script.Call{Body: filled(u.Kind, body), Secrets: secrets, Cache: u.poolID + "/try/" + string(u.Kind)}
	out, err := s.execute(ctx, u, call)
	if err == nil {
		out.Hide(call)
		return out, nil
	}
	var rests *restingError
	switch {
	case errors.As(err, &rests):
		return nil, &fault.Error{Code: fault.Overloaded, RetryAfter: rests.wait, Err: err,
			Public: "The script keeps crashing or timing out, and is left alone for a moment."}
	case errors.Is(err, runner.ErrBusy):
		return nil, &fault.Error{Code: fault.Overloaded, Public: "Too many scripts run at once: try again in a moment.", RetryAfter: time.Second, Err: err}
	case errors.Is(err, runner.ErrUnavailable):
		return nil, &fault.Error{Code: fault.UnsupportedOperation, Public: "Scripts cannot be run on this server.", Hint: err.Error(), Err: err}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, fault.Internalf("hook: run: %w", err)
}

// saved runs a saved script, or another text in its place.
func (s *Service) saved(ctx context.Context, row *store.Script, kind script.Kind, c code, secrets map[string]string, o *Override) (*RunResult, error) {
	before := c
	set(&c.Code, o.Code)
	if o.Dependencies != nil {
		c.Dependencies = dependencyList(*o.Dependencies)
	}
	if err := firstOf(judgeCode("script", c.Code), judgeDependencies(c.Dependencies), judgeSecrets(o.Secrets, maxRuleConfigs)); err != nil {
		return nil, err
	}
	for name, v := range o.Secrets {
		if !isPlaceholder(v) {
			secrets[name] = v
		}
	}
	c.Secrets = nil
	for name := range maps.Keys(secrets) {
		c.Secrets = append(c.Secrets, Secret{Name: name})
	}
	if row.Artifact == "" || c.differs(&before) {
		return s.try(ctx, row, kind, &c, before.Modules, secrets, o.Body, o.Save)
	}
	out, err := s.apart(ctx, s.unit(row, kind, row.Artifact), &c, secrets, o.Body)
	if err != nil {
		return nil, err
	}
	return &RunResult{Outcome: out, Built: *c.report(c.Modules)}, nil
}

// RunHook runs a hook with its secrets, or another text in its place. Nothing is stored.
func (s *Service) RunHook(ctx context.Context, poolID, id string, o *Override) (*RunResult, error) {
	row, d, err := s.row(ctx, poolID, kindHook, id)
	if err != nil {
		return nil, err
	}
	if !runs(row.Trigger) {
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("Only hooks of %s run here.", SendPhoneMessage)
	}
	secrets, err := s.open(ctx, poolID, id, row.Sealed)
	if err != nil {
		return nil, err
	}
	return s.saved(ctx, row, script.Hook, d.code, secrets, o)
}

// TestAction runs the draft of an action with a payload. A draft that is not built is refused as by DeployAction, unless there is another text in its
// place. Nothing is stored.
func (s *Service) TestAction(ctx context.Context, poolID, id string, o *Override) (*RunResult, error) {
	row, d, err := s.row(ctx, poolID, kindAction, id)
	if err != nil {
		return nil, err
	}
	if d.Status != Ready && o.Code == nil {
		return nil, notBuilt(d)
	}
	secrets, err := s.open(ctx, poolID, id, row.Sealed)
	if err != nil {
		return nil, err
	}
	return s.saved(ctx, row, kindOf(row.Trigger), d.code, secrets, o)
}

// RunRule runs a rule with the pool's configuration.
func (s *Service) RunRule(ctx context.Context, poolID, id string, o *Override) (*RunResult, error) {
	row, d, err := s.row(ctx, poolID, kindRule, id)
	if err != nil {
		return nil, err
	}
	conf, _, err := s.configuration(ctx, poolID)
	if err != nil {
		return nil, err
	}
	values, err := s.open(ctx, poolID, ruleConfigs, conf.Sealed)
	if err != nil {
		return nil, err
	}
	return s.saved(ctx, row, script.Rule, d.code, values, o)
}

// filled is the sample of a kind, changed by body as by a JSON Merge Patch (RFC 7396), so that a number alone can be tried. A body that is no object
// is the input as it stands.
func filled(kind script.Kind, body json.RawMessage) json.RawMessage {
	sample := SampleBody(string(kind))
	if len(body) == 0 {
		return sample
	}
	in, patch := object(sample), object(body)
	if in == nil || patch == nil {
		return body
	}
	mergePatch(in, patch)
	out, err := json.Marshal(in)
	if err != nil {
		return body
	}
	return out
}

// object reads a JSON object; nil if it is none. Numbers stay as they are written.
func object(raw json.RawMessage) (m map[string]any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

// mergePatch goes no deeper than both are objects.
func mergePatch(into, patch map[string]any) {
	for name, v := range patch {
		old, ok := into[name].(map[string]any)
		changes, both := v.(map[string]any)
		switch {
		case v == nil:
			delete(into, name)
		case ok && both:
			mergePatch(old, changes)
		default:
			into[name] = v
		}
	}
}

// SampleBody is an input to try code of a kind with, for editors. The numbers are of a range that nobody has.
func SampleBody(kind string) json.RawMessage {
	user := facts.User{ID: "auth0|5f7c8ec7c33c6c004bbafe82", Name: "Sam Sample", Nickname: "sam", Email: "sam@example.com", EmailVerified: true,
		Phone: "+15555550123", UserMetadata: json.RawMessage(`{"plan":"basic"}`), AppMetadata: json.RawMessage(`{}`), Logins: 3,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	client := facts.Client{ID: "countersigndevclient", Name: "My application", Metadata: map[string]string{}}
	request := facts.Request{IP: "203.0.113.7", UserAgent: "Mozilla/5.0", Method: "POST", Hostname: "localhost", Language: "en"}
	tenant := facts.Tenant{ID: "us-local-1_countersign", FriendlyName: "My tenant"}
	connection := facts.Connection{ID: "con_sample", Name: "Username-Password-Authentication", Strategy: "auth0"}
	m := &facts.Message{Purpose: facts.SecondFactor, Language: "en", Request: request, Client: client, User: &user, Tenant: tenant, Connection: &connection}
	t := script.Text{To: "+15555550123", Body: "000000 is your verification code for My tenant", Code: "000000", Channel: "sms"}
	l := &facts.Login{User: user, Client: client, Request: request, Tenant: tenant, Connection: connection, Protocol: "oauth2-password",
		Scopes: []string{"openid"}, Methods: []string{"pwd"}}
	switch script.Kind(kind) {
	case script.Hook:
		return script.HookBody(m, t)
	case script.SendPhoneMessage:
		return script.SendPhoneMessageEvent(m, t)
	case script.CustomPhoneProvider:
		return script.CustomPhoneProviderEvent(m, t)
	case script.PostLogin:
		return script.PostLoginEvent(l)
	case script.Rule:
		return script.RuleInput(l)
	}
	return nil
}
