package hook

import (
	"slices"

	"countersign/internal/fault"
	"countersign/internal/script"
)

const defaultRuntime = "node22"

// node maps runtimes of actions to those of package runner. They are what an action asks for; it runs on the Node that is there.
var node = map[string]string{"node12": "nodejs12.x", "node16": "nodejs16.x", "node18": "nodejs18.x", "node18-actions": "nodejs18.x", "node22": "nodejs22.x"}

// triggers are the places where actions run here, as the Management API lists them (recordings of GET /actions/triggers). The deprecated version of
// send-phone-message has the same contract here.
var triggers = []Trigger{
	trigger(PostLogin, "v3", "CURRENT", "trigger-bound"),
	trigger(PostLogin, "v2", "DEPRECATED", "trigger-bound"),
	trigger(SendPhoneMessage, "v2", "CURRENT", "trigger-bound"),
	trigger(SendPhoneMessage, "v1", "DEPRECATED", "trigger-bound"),
	trigger(CustomPhoneProvider, "v1", "CURRENT", "entity-bound"),
}

func trigger(id, version, status, policy string) Trigger {
	return Trigger{
		TriggerRef: TriggerRef{id, version}, Status: status, Runtimes: []string{"node18-actions", defaultRuntime}, DefaultRuntime: defaultRuntime,
		BindingPolicy: policy,
	}
}

// Triggers returns the triggers of actions, deprecated versions included.
func (s *Service) Triggers() []Trigger { return slices.Clone(triggers) }

// judgeTrigger refuses what there is not, and fills in the newest version.
func judgeTrigger(ref *TriggerRef) error {
	for _, t := range triggers {
		if t.ID == ref.ID && (t.Version == ref.Version || ref.Version == "") {
			ref.Version = t.Version
			return nil
		}
	}
	if knownTrigger(ref.ID) {
		return fault.Invalidf("supported_triggers", "The trigger %s has no version %q.", ref.ID, ref.Version)
	}
	return fault.New(fault.UnsupportedOperation).WithField("supported_triggers").WithPublic(
		"Actions of the trigger %q do not run here. Those of %s, %s and %s do.", ref.ID, SendPhoneMessage, CustomPhoneProvider, PostLogin)
}

func knownTrigger(id string) bool {
	return slices.ContainsFunc(triggers, func(t Trigger) bool { return t.ID == id })
}

func judgeRuntime(runtime *string) error {
	if *runtime == "" {
		*runtime = defaultRuntime
	}
	if node[*runtime] == "" {
		return fault.Invalidf("runtime", "There is no runtime %q. Use %s.", *runtime, defaultRuntime)
	}
	return nil
}

// kindOf is the contract of a trigger's actions.
func kindOf(triggerID string) script.Kind { return script.Kind(triggerID) }
