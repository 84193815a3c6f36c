package management

import (
	"context"
	"net/http"

	"countersign/internal/hook"
)

// actionForm is the body of POST /actions/actions that makes a hook's twin.
type actionForm struct {
	Name              string            `json:"name"`
	SupportedTriggers []hook.TriggerRef `json:"supported_triggers"`
	Code              string            `json:"code"`
	Dependencies      []hook.Dependency `json:"dependencies"`
	Secrets           []actionFormValue `json:"secrets"`
}

type actionFormValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// getHookAction returns the hook in the form of an action, ready to be sent back once its secrets are typed in. Nothing is stored.
func (a *api) getHookAction(ctx context.Context, r *Request) (int, any, error) {
	as, err := a.Hooks.HookAsAction(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noHook(err)
	}
	out := actionForm{
		Name: as.Name, SupportedTriggers: []hook.TriggerRef{as.Trigger}, Code: as.Code, Dependencies: append([]hook.Dependency{}, as.Dependencies...),
		Secrets: []actionFormValue{},
	}
	for _, name := range as.Secrets {
		out.Secrets = append(out.Secrets, actionFormValue{Name: name})
	}
	return http.StatusOK, out, nil
}
