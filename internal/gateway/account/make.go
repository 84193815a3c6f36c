package account

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"countersign/provider"
)

// maxValue bounds a setting, in bytes; keys in PEM are the longest.
const maxValue = 8192

// Make makes the provider of an account after a check of what all kinds have in common: no unknown settings, nothing required missing, values of
// the closed lists, secrets among the secrets. Each error names its field.
func (s Spec) Make(a Account, d Deps) (provider.Provider, error) {
	var errs []error
	known := map[string]Field{}
	for _, f := range s.Fields {
		known[f.Name] = f
		v := a.Settings[f.Name]
		if f.Secret {
			v = a.Secrets[f.Name].Reveal()
		}
		switch {
		case f.Required && v == "":
			errs = append(errs, fmt.Errorf("%s: %s is missing", s.Kind, f.Name))
		case len(v) > maxValue:
			errs = append(errs, fmt.Errorf("%s: %s is too long", s.Kind, f.Name))
		case v != "" && len(f.Values) > 0 && !slices.Contains(f.Values, v):
			errs = append(errs, fmt.Errorf("%s: %s must be one of %s", s.Kind, f.Name, strings.Join(f.Values, ", ")))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Settings)) {
		if f, ok := known[name]; !ok || f.Secret {
			errs = append(errs, fmt.Errorf("%s: there is no setting %.40q", s.Kind, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Secrets)) {
		if f, ok := known[name]; !ok || !f.Secret {
			errs = append(errs, fmt.Errorf("%s: there is no secret %.40q", s.Kind, name))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s.New(a, d)
}
