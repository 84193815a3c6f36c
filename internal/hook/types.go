package hook

import (
	"encoding/json"
	"time"

	"countersign/internal/module"
	"countersign/internal/script"
)

// Placeholder is what reads of secrets show in place of values. A write with it, with or without the last underscore, changes nothing.
const Placeholder = "_VALUE_NOT_SHOWN_"

// Triggers of hooks. Only SendPhoneMessage is called; the others can be stored, so that a tenant can be imported as it is, but not enabled.
const (
	SendPhoneMessage     = "send-phone-message"
	CredentialsExchange  = "credentials-exchange"
	PreUserRegistration  = "pre-user-registration"
	PostUserRegistration = "post-user-registration"
	PostChangePassword   = "post-change-password"
)

// Triggers of actions, besides SendPhoneMessage.
const (
	CustomPhoneProvider = "custom-phone-provider"
	PostLogin           = "post-login"
)

// Hook is a hook.
type Hook struct {
	// ID is 26 characters.
	ID, Name     string
	TriggerID    string
	Script       string
	Dependencies map[string]string
	Enabled      bool
	// Secrets are there by name only.
	Secrets []Secret
	// Modules are what the built script holds; empty for one that was stored without being built.
	Modules              []module.Module
	CreatedAt, UpdatedAt time.Time
}

// Secret is a secret without its value.
type Secret struct {
	Name      string    `json:"name"`
	UpdatedAt time.Time `json:"updated_at"`
}

// NewHook is a hook to be made.
type NewHook struct {
	Name, TriggerID, Script string
	Dependencies            map[string]string
	Enabled                 bool
	Secrets                 map[string]string
	Save
}

// HookChange changes what is not nil.
type HookChange struct {
	Name, Script *string
	Enabled      *bool
	Dependencies *map[string]string
	Save
}

// Save is how a script is to be built.
type Save struct {
	// Confirm consents to modules that were released a few days ago (fault.ConfirmationNeeded names them).
	Confirm bool
	// Progress hears sentences for people, if not nil.
	Progress func(string)
}

// Built is what came of a build, for people.
type Built struct {
	Modules  []module.Module
	Changes  []module.Change
	Warnings []module.Warning
}

// HookQuery selects hooks by name. Empty fields select all; Limit 0 means 100.
type HookQuery struct {
	TriggerID   string
	Enabled     *bool
	Skip, Limit int
}

// TriggerRef names a version of a trigger ("v2").
type TriggerRef struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// Trigger is a place where actions run.
type Trigger struct {
	TriggerRef
	// Status is CURRENT or DEPRECATED.
	Status         string
	Runtimes       []string
	DefaultRuntime string
	// BindingPolicy is trigger-bound, or entity-bound: the branding phone provider runs the one action of the trigger.
	BindingPolicy string
}

// Dependency is an npm module of an action.
type Dependency struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// RegistryURL is kept as it came; modules come from this server's registry alone.
	RegistryURL string `json:"registry_url,omitempty"`
}

// Status is the state of an action's draft.
type Status string

// The states.
const (
	Pending Status = "pending"
	Ready   Status = "built"
	Failed  Status = "failed"
)

// BuildError says why a draft could not be built. ID is the fault's code.
type BuildError struct {
	ID  string `json:"id"`
	Msg string `json:"msg"`
}

// Action is an action; its fields are the draft's.
type Action struct {
	// ID is a UUID.
	ID, Name     string
	Trigger      TriggerRef
	Code         string
	Dependencies []Dependency
	Runtime      string
	Secrets      []Secret
	Status       Status
	// Errors are there if Status is Failed.
	Errors   []BuildError
	Warnings []module.Warning
	Modules  []module.Module
	// Changes are the modules that differ from the build before.
	Changes []module.Change
	// BuiltAt is zero until the draft is built.
	BuiltAt time.Time
	// Deployed is the version that runs, nil if there is none. Current reports whether it is what the draft holds (all_changes_deployed).
	Deployed             *Version
	Current              bool
	CreatedAt, UpdatedAt time.Time
	// cutOff: the build ended with its node.
	cutOff bool
}

// Version is a deployed version of an action; it never changes.
type Version struct {
	// ID is a UUID, Number counts from 1.
	ID, ActionID string
	Number       int64
	Code         string
	Dependencies []Dependency
	Runtime      string
	Secrets      []Secret
	Modules      []module.Module
	// Deployed reports whether it is the one that runs.
	Deployed           bool
	BuiltAt, CreatedAt time.Time
}

// SecretValue is a secret to be set. With an empty or placeholder value the one that is there stays.
type SecretValue struct{ Name, Value string }

// NewAction is an action to be made. Code defaults to one that does nothing, Runtime to the trigger's, and Trigger.Version to its newest.
type NewAction struct {
	Name         string
	Trigger      TriggerRef
	Code         string
	Dependencies []Dependency
	Runtime      string
	Secrets      []SecretValue
	// Deploy deploys the action as soon as it is built.
	Deploy bool
	Save
}

// ActionChange changes what is not nil. Secrets is the full set.
type ActionChange struct {
	Name         *string
	Trigger      *TriggerRef
	Code         *string
	Dependencies *[]Dependency
	Runtime      *string
	Secrets      *[]SecretValue
	Save
}

// ActionQuery selects actions by name. Empty fields select all; Limit 0 means 100.
type ActionQuery struct {
	TriggerID, Name string
	Deployed        *bool
	Skip, Limit     int
}

// Binding is an action in the list of a trigger.
type Binding struct {
	// ID is a UUID.
	ID                   string
	TriggerID            string
	DisplayName          string
	Action               *Action
	CreatedAt, UpdatedAt time.Time
}

// NewBinding names an action by one of the two.
type NewBinding struct {
	ActionID, ActionName string
	// DisplayName defaults to the action's name.
	DisplayName string
}

// Execution is a run of actions that is in the log: one that failed.
type Execution struct {
	// ID is that of the event.
	ID, TriggerID string
	// Status is final.
	Status               string
	Results              []ExecutionResult
	CreatedAt, UpdatedAt time.Time
}

// ExecutionResult is what became of one action.
type ExecutionResult struct {
	ActionName         string
	Error              *BuildError
	StartedAt, EndedAt time.Time
}

// Rule is a rule.
type Rule struct {
	// ID begins with "rul_".
	ID, Name, Script string
	// Order is unique in the pool; rules run by it.
	Order   int
	Enabled bool
	// Modules are what the built script holds.
	Modules              []module.Module
	CreatedAt, UpdatedAt time.Time
}

// NewRule is a rule to be made. Order nil: after all others. Enabled nil: true.
type NewRule struct {
	Name, Script string
	Order        *int
	Enabled      *bool
	Save
}

// RuleChange changes what is not nil.
type RuleChange struct {
	Name, Script *string
	Order        *int
	Enabled      *bool
	Save
}

// RuleQuery selects rules by order. Limit 0 means 100.
type RuleQuery struct {
	Enabled     *bool
	Skip, Limit int
}

// RunInput is a run of code that need not be saved.
type RunInput struct {
	Pool string
	Kind script.Kind
	// Name is for messages; empty: the kind's.
	Name         string
	Code         string
	Dependencies map[string]string
	Secrets      map[string]string
	// Body is the contract's input; see script.Call.
	Body json.RawMessage
	Save
}

// Override replaces parts of a saved script for one run: nil parts are the saved ones, and secrets are added to the saved ones.
type Override struct {
	Code         *string
	Dependencies *map[string]string
	Secrets      map[string]string
	Body         json.RawMessage
	Save
}

// RunResult is what came of a run. The Outcome's fields are cleaned of secrets.
type RunResult struct {
	*script.Outcome
	Built
	// BuildTime is how long the build took; zero if the saved package was run.
	BuildTime time.Duration
}

// Export is a hook as it is exported (auth0-deploy-cli, Management API). Secrets' values are placeholders as a rule.
type Export struct {
	Name         string            `json:"name"`
	Script       string            `json:"script"`
	TriggerID    string            `json:"triggerId"`
	Dependencies map[string]string `json:"dependencies"`
	Enabled      bool              `json:"enabled"`
	Secrets      map[string]string `json:"secrets"`
}

// Imported is what came of an import: the hook, and the names of the secrets that are to be typed in.
type Imported struct {
	Hook    *Hook
	Built   *Built
	Missing []string
}

// AsAction is an action that does what a hook does.
type AsAction struct {
	Name         string
	Trigger      TriggerRef
	Code         string
	Dependencies []Dependency
	// Secrets are the names to be typed in.
	Secrets []string
}

// Which is who sends a pool's texts.
type Which string

const (
	// PhoneHook is the provider "phone-message-hook": the enabled hook, or else the first action bound to send-phone-message.
	PhoneHook Which = "phone-message-hook"
	// PhoneProvider is the branding phone provider "custom": the action of custom-phone-provider.
	PhoneProvider Which = "custom"
)
