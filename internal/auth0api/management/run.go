package management

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/hook"
	"countersign/internal/module"
	"countersign/internal/script"
)

func runRoutes() []route {
	return []route{
		{"POST", "/hooks/run", "create:hooks", (*api).runHookText, "ours: runs {script, dependencies, secrets, body} without keeping it"},
		{"POST", "/hooks/{id}/run", "update:hooks", (*api).runHook, "ours: runs a hook with its secrets, or another text in its place; nothing is kept"},
		{"POST", "/actions/actions/run", "create:actions", (*api).runActionText, "ours: the same for {trigger_id, code, dependencies, secrets, payload}"},
		{"POST", "/rules/run", "create:rules", (*api).runRuleText, "ours: the same for {script, dependencies, configuration, body}"},
	}
}

// runBody is what came of a run.
type runBody struct {
	// Success: the code gave a good answer. Envelope is a hook's answer as its platform gave it.
	Success  bool             `json:"success"`
	Envelope json.RawMessage  `json:"envelope,omitempty"`
	Error    *runError        `json:"error,omitempty"`
	Data     json.RawMessage  `json:"data,omitempty"`
	Commands []script.Command `json:"commands,omitempty"`
	Console  string           `json:"console"`
	Requests []runRequest     `json:"requests"`
	// Warnings are about the text, Remarks about what happened.
	Warnings []module.Warning `json:"warnings"`
	Remarks  []string         `json:"remarks"`
	Modules  []module.Module  `json:"modules"`
	Changes  []module.Change  `json:"module_changes,omitempty"`
	// Times are in milliseconds: the run, loading the code, the build.
	Duration float64 `json:"duration_ms"`
	Init     float64 `json:"init_ms"`
	Build    float64 `json:"build_ms"`
}

type runError struct {
	Failure string `json:"failure"`
	Name    string `json:"name,omitempty"`
	Message string `json:"message"`
	Code    string `json:"code,omitempty"`
	Status  int    `json:"status,omitempty"`
	Stack   string `json:"stack,omitempty"`
}

type runRequest struct {
	Method   string  `json:"method"`
	Host     string  `json:"host"`
	Path     string  `json:"path"`
	Status   int     `json:"status,omitempty"`
	Error    string  `json:"error,omitempty"`
	Duration float64 `json:"duration_ms"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func runOf(res *hook.RunResult) runBody {
	o := res.Outcome
	b := runBody{
		Success: o.Error == nil, Envelope: o.Envelope, Data: o.Data, Commands: o.Commands, Console: o.Console, Requests: []runRequest{},
		Warnings: orEmpty(res.Built.Warnings), Remarks: orEmpty(o.Warnings), Modules: orEmpty(res.Modules), Changes: res.Changes,
		Duration: milliseconds(o.Duration), Init: milliseconds(o.Init), Build: milliseconds(res.BuildTime),
	}
	if e := o.Error; e != nil {
		b.Error = &runError{string(e.Failure), e.Name, e.Message, e.Code, e.Status, e.Stack}
	}
	for _, q := range o.Requests {
		b.Requests = append(b.Requests, runRequest{q.Method, q.Host, q.Path, q.Status, q.Error, milliseconds(q.Duration)})
	}
	return b
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

var (
	runSecrets = wire.Rule{Title: "Secrets for this run", Max: 100}
	runName    = wire.Rule{Title: "Name in messages", Max: 128}
)

// inputOf reads the members that all runs share. code is the name of the member with the text, body that of the input.
func inputOf(r *Request, f *wire.Fields, kind script.Kind, code, body, secrets string) *hook.RunInput {
	return &hook.RunInput{
		Pool: r.PoolID, Kind: kind, Name: value(f.Text("name", runName)),
		Code:         value(f.Text(code, wire.Rule{Title: "Code to run", Required: true, Min: 1, Max: module.MaxCode})),
		Dependencies: dependenciesOf(f), Secrets: f.Map(secrets, runSecrets), Body: f.Raw(body, wire.Rule{}), Save: saveOf(f),
	}
}

func (a *api) run(ctx context.Context, f *wire.Fields, in *hook.RunInput) (int, any, error) {
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if in.Body == nil {
		in.Body = hook.SampleBody(string(in.Kind))
	}
	res, err := a.Hooks.Run(ctx, in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, runOf(res), nil
}

func (a *api) runHookText(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	return a.run(ctx, f, inputOf(r, f, script.Hook, "script", "body", "secrets"))
}

func (a *api) runRuleText(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	return a.run(ctx, f, inputOf(r, f, script.Rule, "script", "body", "configuration"))
}

func (a *api) runActionText(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	kinds := []string{string(script.SendPhoneMessage), string(script.CustomPhoneProvider), string(script.PostLogin)}
	kind := value(f.Text("trigger_id", wire.Rule{Title: "The trigger", Required: true, OneOf: kinds}))
	return a.run(ctx, f, inputOf(r, f, script.Kind(kind), "code", "payload", "secrets"))
}

// overrideOf reads what replaces parts of a saved script.
func overrideOf(f *wire.Fields, code, body string) *hook.Override {
	o := &hook.Override{
		Code: f.Text(code, wire.Rule{Title: "Code to run", Max: module.MaxCode}), Secrets: f.Map("secrets", runSecrets),
		Body: f.Raw(body, wire.Rule{}), Save: saveOf(f),
	}
	if deps := dependenciesOf(f); deps != nil {
		o.Dependencies = &deps
	}
	return o
}

func (a *api) runHook(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	o := overrideOf(f, "script", "body")
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if o.Body == nil {
		o.Body = hook.SampleBody(string(script.Hook))
	}
	res, err := a.Hooks.RunHook(ctx, r.PoolID, r.Param("id"), o)
	if err != nil {
		return 0, nil, noHook(err)
	}
	return http.StatusOK, runOf(res), nil
}

// dependenciesOf takes both forms: a hook's object {name: version} and an action's list [{name, version}]. Nil if absent.
func dependenciesOf(f *wire.Fields) map[string]string {
	raw := f.Raw("dependencies", wire.Rule{})
	if raw == nil {
		return nil
	}
	if raw[0] == '{' {
		return f.Map("dependencies", dependencies)
	}
	out := map[string]string{}
	for _, d := range actionDependencies(f) {
		out[d.Name] = d.Version
	}
	return out
}
