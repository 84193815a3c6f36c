package hook

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"countersign/internal/fault"
	"countersign/internal/module"
	"countersign/internal/store"
)

// ParseExport reads a hook as auth0-deploy-cli and the Management API write it: a JSON object with name, script, triggerId (send-phone-message if
// there is none), dependencies, enabled (a boolean, or its name in a string) and secrets (an object with placeholders, or a list of names). The CLI keeps
// the script in a file beside it: script, if not empty, replaces what the object says.
func ParseExport(data []byte, script string) (*Export, error) {
	var in struct {
		Name         string            `json:"name"`
		Script       string            `json:"script"`
		TriggerID    string            `json:"triggerId"`
		Dependencies map[string]string `json:"dependencies"`
		Enabled      any               `json:"enabled"`
		Secrets      json.RawMessage   `json:"secrets"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fault.Invalidf("export", "This is not the export of a hook: %s.", words(err.Error()))
	}
	e := &Export{Name: in.Name, Script: in.Script, TriggerID: in.TriggerID, Dependencies: in.Dependencies, Enabled: in.Enabled == true || in.Enabled == "true"}
	if script != "" {
		e.Script = script
	}
	if e.TriggerID == "" {
		e.TriggerID = SendPhoneMessage
	}
	var names []string
	if err := json.Unmarshal(in.Secrets, &names); err == nil {
		e.Secrets = map[string]string{}
		for _, n := range names {
			e.Secrets[n] = Placeholder
		}
	} else if len(in.Secrets) > 0 {
		if err := json.Unmarshal(in.Secrets, &e.Secrets); err != nil {
			return nil, fault.Invalidf("secrets", "The secrets of the export are no object of strings.")
		}
	}
	return e, nil
}

// ImportHook makes a hook of an export, or gives the hook of that name its script, dependencies and state. Values of secrets that are there stay. A hook
// of a trigger that does not run here is stored disabled, with a warning.
func (s *Service) ImportHook(ctx context.Context, poolID string, e *Export, save Save) (*Imported, error) {
	given := maps.Clone(e.Secrets)
	maps.DeleteFunc(given, func(_, v string) bool { return v == "" || isPlaceholder(v) })
	enabled := e.Enabled && runs(e.TriggerID)
	h, built, err := s.importHook(ctx, poolID, e, enabled, given, save)
	if err != nil {
		return nil, err
	}
	if e.Enabled && !enabled {
		built.Warnings = append(built.Warnings, module.Warning{
			Text: "The hook was enabled where it comes from. It is not here: only hooks of " + SendPhoneMessage + " run.",
		})
	}
	out := &Imported{Hook: h, Built: built}
	for _, name := range slices.Sorted(maps.Keys(e.Secrets)) {
		if !slices.ContainsFunc(h.Secrets, func(s Secret) bool { return s.Name == name }) {
			out.Missing = append(out.Missing, name)
		}
	}
	return out, nil
}

func (s *Service) importHook(ctx context.Context, poolID string, e *Export, enabled bool, given map[string]string, save Save) (*Hook, *Built, error) {
	rows, _, err := s.list(ctx, store.ScriptQuery{PoolID: poolID, Kind: kindHook, Name: e.Name, Limit: 1})
	if err != nil {
		return nil, nil, err
	}
	if len(rows) == 0 || e.Name == "" {
		return s.CreateHook(ctx, poolID, &NewHook{
			Name: e.Name, TriggerID: e.TriggerID, Script: e.Script, Dependencies: e.Dependencies, Enabled: enabled, Secrets: given, Save: save,
		})
	}
	row := rows[0]
	if row.Trigger != e.TriggerID {
		return nil, nil, fault.Invalidf("triggerId", "The hook %q is one of %s: its trigger cannot change.", e.Name, row.Trigger)
	}
	if err := judgeSecrets(given, maxHookSecrets); err != nil {
		return nil, nil, err
	}
	deps := e.Dependencies
	_, built, err := s.UpdateHook(ctx, poolID, row.ID, &HookChange{Script: &e.Script, Dependencies: &deps, Enabled: &enabled, Save: save})
	if err != nil {
		return nil, nil, err
	}
	err = s.changeHookSecrets(ctx, poolID, row.ID, func(values map[string]string) error {
		if maps.Copy(values, given); len(values) > maxHookSecrets {
			return fault.New(fault.TooMany).WithField("secrets").WithPublic("A hook has at most %d secrets.", maxHookSecrets)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	h, err := s.Hook(ctx, poolID, row.ID)
	return h, built, err
}
