package hook

import (
	"context"
	"encoding/json"

	"countersign/internal/delivery"
	"countersign/internal/facts"
	"countersign/internal/fault"
)

var errNotYet = fault.New(fault.UnsupportedOperation)

// CreateHook makes a hook. Errors: InvalidParameter, ResourceExists (the name), TooMany, UnsupportedOperation (a trigger that does not run here was to
// be enabled), and those of module.Builder. Where a script is not to be run, it is stored without being built.
func (s *Service) CreateHook(ctx context.Context, poolID string, in *NewHook) (*Hook, *Built, error) {
	return nil, nil, errNotYet
}

// Hook returns a hook, or fault.ResourceNotFound.
func (s *Service) Hook(ctx context.Context, poolID, id string) (*Hook, error) { return nil, errNotYet }

// Hooks returns a page of hooks and how many there are in all.
func (s *Service) Hooks(ctx context.Context, poolID string, q HookQuery) ([]*Hook, int, error) {
	return nil, 0, errNotYet
}

// UpdateHook changes a hook. If its script or dependencies change they are built first; where that fails, the hook stays as it was.
func (s *Service) UpdateHook(ctx context.Context, poolID, id string, c *HookChange) (*Hook, *Built, error) {
	return nil, nil, errNotYet
}

// DeleteHook deletes a hook. An unknown one is fault.ResourceNotFound.
func (s *Service) DeleteHook(ctx context.Context, poolID, id string) error { return errNotYet }

// AddHookSecrets adds secrets: fault.ResourceExists if one of them is there, TooMany beyond 20, InvalidParameter.
func (s *Service) AddHookSecrets(ctx context.Context, poolID, id string, secrets map[string]string) error {
	return errNotYet
}

// UpdateHookSecrets replaces values of secrets that are there, else fault.ResourceNotFound.
func (s *Service) UpdateHookSecrets(ctx context.Context, poolID, id string, secrets map[string]string) error {
	return errNotYet
}

// DeleteHookSecrets deletes secrets; unknown names are passed over.
func (s *Service) DeleteHookSecrets(ctx context.Context, poolID, id string, names []string) error {
	return errNotYet
}

// ImportHook makes a hook of an export, or gives the hook of that name its script. Values of secrets that are there stay.
func (s *Service) ImportHook(ctx context.Context, poolID string, e *Export, save Save) (*Imported, error) {
	return nil, errNotYet
}

// HookAsAction returns the action that does what the hook does; nothing is stored.
func (s *Service) HookAsAction(ctx context.Context, poolID, id string) (*AsAction, error) {
	return nil, errNotYet
}

// Triggers returns the triggers of actions, deprecated versions included.
func (s *Service) Triggers() []Trigger { return nil }

// CreateAction makes an action and builds it: Status is Ready (or Failed) if that was quick, else Pending.
func (s *Service) CreateAction(ctx context.Context, poolID string, in *NewAction) (*Action, error) {
	return nil, errNotYet
}

// Action returns an action, or fault.ResourceNotFound.
func (s *Service) Action(ctx context.Context, poolID, id string) (*Action, error) {
	return nil, errNotYet
}

// Actions returns a page of actions and how many there are in all.
func (s *Service) Actions(ctx context.Context, poolID string, q ActionQuery) ([]*Action, int, error) {
	return nil, 0, errNotYet
}

// UpdateAction changes the draft and builds it, as CreateAction does.
func (s *Service) UpdateAction(ctx context.Context, poolID, id string, c *ActionChange) (*Action, error) {
	return nil, errNotYet
}

// DeleteAction deletes an action with its versions. One that is bound is InvalidParameter unless force, which takes it out of the bindings.
func (s *Service) DeleteAction(ctx context.Context, poolID, id string, force bool) error {
	return errNotYet
}

// DeployAction makes a version of the draft and runs it from now on. A draft that is not built is InvalidParameter ("… must be in the 'built' state …").
func (s *Service) DeployAction(ctx context.Context, poolID, id string) (*Version, error) {
	return nil, errNotYet
}

// Versions returns a page of versions, newest first, and how many there are in all.
func (s *Service) Versions(ctx context.Context, poolID, actionID string, skip, limit int) ([]*Version, int, error) {
	return nil, 0, errNotYet
}

// Version returns a version, or fault.ResourceNotFound.
func (s *Service) Version(ctx context.Context, poolID, actionID, versionID string) (*Version, error) {
	return nil, errNotYet
}

// DeployVersion runs an older version from now on, as a new version with its contents; updateDraft gives the draft its contents, too.
func (s *Service) DeployVersion(ctx context.Context, poolID, actionID, versionID string, updateDraft bool) (*Version, error) {
	return nil, errNotYet
}

// Bindings returns the bindings of a trigger in order, or fault.ResourceNotFound for unknown triggers.
func (s *Service) Bindings(ctx context.Context, poolID, triggerID string) ([]*Binding, error) {
	return nil, errNotYet
}

// Bind replaces the bindings of a trigger. Actions must be deployed and be of the trigger.
func (s *Service) Bind(ctx context.Context, poolID, triggerID string, list []NewBinding) ([]*Binding, error) {
	return nil, errNotYet
}

// Execution returns a run from the log, or fault.ResourceNotFound.
func (s *Service) Execution(ctx context.Context, poolID, id string) (*Execution, error) {
	return nil, errNotYet
}

// CreateRule makes a rule.
func (s *Service) CreateRule(ctx context.Context, poolID string, in *NewRule) (*Rule, *Built, error) {
	return nil, nil, errNotYet
}

// Rule returns a rule, or fault.ResourceNotFound.
func (s *Service) Rule(ctx context.Context, poolID, id string) (*Rule, error) { return nil, errNotYet }

// Rules returns a page of rules and how many there are in all.
func (s *Service) Rules(ctx context.Context, poolID string, q RuleQuery) ([]*Rule, int, error) {
	return nil, 0, errNotYet
}

// UpdateRule changes a rule.
func (s *Service) UpdateRule(ctx context.Context, poolID, id string, c *RuleChange) (*Rule, *Built, error) {
	return nil, nil, errNotYet
}

// DeleteRule deletes a rule. An unknown one is fault.ResourceNotFound.
func (s *Service) DeleteRule(ctx context.Context, poolID, id string) error { return errNotYet }

// RuleConfigs returns the names of what rules see as configuration.
func (s *Service) RuleConfigs(ctx context.Context, poolID string) ([]Secret, error) {
	return nil, errNotYet
}

// SetRuleConfig sets one of them; it is sealed as secrets are.
func (s *Service) SetRuleConfig(ctx context.Context, poolID, name, value string) error {
	return errNotYet
}

// DeleteRuleConfig deletes one; an unknown one is no error.
func (s *Service) DeleteRuleConfig(ctx context.Context, poolID, name string) error { return errNotYet }

// Run builds and runs code without keeping it. What the code does wrong is in the Outcome. Errors: those of module.Builder, InvalidParameter,
// Overloaded, UnsupportedOperation (no Node here).
func (s *Service) Run(ctx context.Context, in *RunInput) (*RunResult, error) { return nil, errNotYet }

// RunHook runs a hook with its secrets, or another text in its place. Nothing is stored.
func (s *Service) RunHook(ctx context.Context, poolID, id string, o *Override) (*RunResult, error) {
	return nil, errNotYet
}

// TestAction runs the draft of an action with a payload. Nothing is stored.
func (s *Service) TestAction(ctx context.Context, poolID, id string, o *Override) (*RunResult, error) {
	return nil, errNotYet
}

// RunRule runs a rule with the pool's configuration.
func (s *Service) RunRule(ctx context.Context, poolID, id string, o *Override) (*RunResult, error) {
	return nil, errNotYet
}

// SampleBody is an input to try code of a kind with, for editors.
func SampleBody(kind string) json.RawMessage { return nil }

// Sender returns what sends a pool's texts, false if it has none of the kind. It answers from memory.
func (s *Service) Sender(ctx context.Context, poolID string, which Which) (delivery.Sender, bool, error) {
	return nil, false, errNotYet
}

// Judges reports, from memory, whether the pool has rules or bound post-login actions.
func (s *Service) Judges(ctx context.Context, poolID string) (bool, error) { return false, nil }

// Judge runs the pool's rules in order and then its post-login actions. An error means that one of them failed: the sign-in is refused.
func (s *Service) Judge(ctx context.Context, poolID string, in facts.Login) (*facts.Verdict, error) {
	return nil, errNotYet
}
