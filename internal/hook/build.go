package hook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign/internal/fault"
	"countersign/internal/form"
	"countersign/internal/module"
	"countersign/internal/script"
)

const (
	// quickBuild is how long the maker of an action waits for its build before it goes on in the background.
	quickBuild = 2 * time.Second
	// longBuild bounds a build in the background; one that is older is taken for lost, with the node that did it.
	longBuild = 5 * time.Minute
)

// builds bounds the builds of this node: some at work, some that wait.
type builds struct {
	places, queue chan struct{}
	// ctx ends with the service; background counts what works for nobody who waits.
	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup
}

func newBuilds(l Limits) *builds {
	b := &builds{places: make(chan struct{}, l.Builds), queue: make(chan struct{}, l.Queue+l.Builds)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// reserve takes a place in the queue; free gives it back.
func (b *builds) reserve() (free func(), err error) {
	if b.ctx.Err() != nil {
		return nil, fault.New(fault.ModulesUnavailable).WithPublic("This server is shutting down: try again.")
	}
	select {
	case b.queue <- struct{}{}:
		return func() { <-b.queue }, nil
	default:
		return nil, fault.New(fault.Overloaded).WithPublic("Too many scripts are being built: try again in a moment.")
	}
}

// files are the names of scripts in messages.
var files = map[script.Kind]string{
	script.Hook: "hook.js", script.SendPhoneMessage: "action.js", script.CustomPhoneProvider: "action.js", script.PostLogin: "action.js", script.Rule: "rule.js",
}

// build builds one script. The caller has a place in the queue.
func (s *Service) build(ctx context.Context, kind script.Kind, c *code, save Save) (*module.Build, error) {
	if s.c.Builder == nil {
		return nil, fault.New(fault.ModulesUnavailable).WithPublic("Scripts cannot be built on this server.")
	}
	select {
	case s.builds.places <- struct{}{}:
		defer func() { <-s.builds.places }()
	case <-ctx.Done():
		return nil, &fault.Error{Code: fault.Overloaded, Public: "Too many scripts are being built: try again in a moment.", Err: ctx.Err()}
	}
	b, err := s.c.Builder.Build(ctx, &module.Source{
		Code: c.Code, File: files[kind], Rule: kind == script.Rule, Dependencies: dependencyMap(c.Dependencies), Lock: unpack(c.Lock), AllowYoung: save.Confirm,
	}, save.Progress)
	if err != nil {
		return nil, built(err)
	}
	if len(b.Artifact) > module.MaxArtifact {
		return nil, fault.New(fault.PayloadTooLarge).WithPublic("The script and its modules make a package of more than %d MB.", module.MaxArtifact>>20)
	}
	return b, nil
}

// buildAndKeep is build for what is to be stored: the package is kept, too.
func (s *Service) buildAndKeep(ctx context.Context, kind script.Kind, c *code, save Save) (*module.Build, error) {
	b, err := s.build(ctx, kind, c, save)
	if err != nil {
		return nil, err
	}
	return b, s.artifacts.Keep(ctx, b.Hash, b.Artifact)
}

// built words what is no fault of the script.
func built(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &fault.Error{Code: fault.ModulesUnavailable, Public: "The build was cut off: try again.", Err: err}
	}
	return fault.Internalf("hook: build: %w", err)
}

// buildNow is buildAndKeep for those who wait for it.
func (s *Service) buildNow(ctx context.Context, kind script.Kind, c *code, save Save) (*module.Build, error) {
	free, err := s.builds.reserve()
	if err != nil {
		return nil, err
	}
	defer free()
	return s.buildAndKeep(ctx, kind, c, save)
}

// take puts the result of a build into a script's code and returns what changed.
func (c *code) take(kind script.Kind, b *module.Build, at time.Time) *Built {
	before := c.Modules
	c.Modules, c.Lock, c.BuiltAt = b.Modules, pack(b.Lock), at
	c.Warnings = slices.Concat(b.Warnings, remarks(kind, c))
	return c.report(before)
}

// report is what people are told of a built script.
func (c *code) report(before []module.Module) *Built {
	return &Built{Modules: c.Modules, Changes: module.Diff(before, c.Modules), Warnings: slices.Concat(c.Warnings, c.unset())}
}

// exports are the functions that actions must export.
var exports = map[script.Kind]string{
	script.SendPhoneMessage: "onExecuteSendPhoneMessage", script.CustomPhoneProvider: "onExecuteCustomPhoneProvider", script.PostLogin: "onExecutePostLogin",
}

// What Auth0 allows an action (limits of actions); more runs here, but not there.
const (
	theirCode    = 100_000
	theirModules = 10
)

// remarks are warnings about the form of a kind. They read no JavaScript: code that builds its names at run time may be right all the same.
func remarks(kind script.Kind, c *code) (out []module.Warning) {
	say := func(format string, args ...any) {
		out = append(out, module.Warning{Text: fmt.Sprintf(format, args...)})
	}
	want := exports[kind]
	switch {
	case kind == script.Hook && !strings.Contains(c.Code, "exports"):
		say("The script does not assign module.exports: a hook is module.exports = function (recipient, text, context, cb) { … }.")
	case want != "" && !strings.Contains(c.Code, want):
		say("The code does not export %s: an action of this trigger is exports.%s = async (event, api) => { … }.", want, want)
	}
	if want != "" && len(c.Code) > theirCode {
		say("The code has more than 100 kB, which is as much as an action of Auth0 may have.")
	}
	if want != "" && len(c.Dependencies) > theirModules {
		say("The action has more than %d modules, which is as many as one of Auth0 may have.", theirModules)
	}
	return out
}

// secretRead is a secret that a script reads by its name.
var secretRead = form.New(`\b(?:secrets|configuration)\.([A-Za-z_][A-Za-z0-9_]*)|\b(?:secrets|configuration)\[\s*['"]([A-Za-z0-9_-]+)['"]\s*\]`)

// maxUnset bounds the warnings about secrets.
const maxUnset = 20

// unset warns of secrets that the script reads and that are not set.
func (c *code) unset() []module.Warning {
	var out []module.Warning
	seen := map[string]bool{}
	for _, s := range c.Secrets {
		seen[s.Name] = true
	}
	for _, m := range secretRead().FindAllStringSubmatchIndex(c.Code, 20*maxUnset) {
		at := m[2]
		name := ""
		if at >= 0 {
			name = c.Code[m[2]:m[3]]
		} else {
			at, name = m[4], c.Code[m[4]:m[5]]
		}
		if seen[name] || len(out) == maxUnset {
			continue
		}
		seen[name] = true
		line := strings.Count(c.Code[:at], "\n")
		out = append(out, module.Warning{Line: line + 1, Column: at - strings.LastIndexByte(c.Code[:at], '\n'),
			Text: "The script reads the secret " + name + ", which is not set."})
	}
	return out
}
