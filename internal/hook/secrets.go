package hook

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Where the values are sealed. A version's are sealed as its script's, so that they move between the two as they are.
const (
	secretTable  = "scripts"
	secretColumn = "secrets"
)

// seal seals values, nil if there are none.
func (s *Service) seal(ctx context.Context, poolID, scriptID string, values map[string]string) ([]byte, error) {
	if len(values) == 0 {
		return nil, nil
	}
	plain, err := encode(values)
	if err != nil {
		return nil, err
	}
	sealed, err := s.c.Keys.SealRecord(ctx, poolID, secretTable, scriptID, secretColumn, plain)
	if err != nil {
		return nil, fault.Internalf("hook: seal: %w", err)
	}
	return sealed, nil
}

// open undoes seal.
func (s *Service) open(ctx context.Context, poolID, scriptID string, sealed []byte) (map[string]string, error) {
	values := map[string]string{}
	if len(sealed) == 0 {
		return values, nil
	}
	plain, err := s.c.Keys.OpenRecord(ctx, poolID, secretTable, scriptID, secretColumn, sealed)
	if err == nil {
		err = json.Unmarshal(plain, &values)
	}
	if err != nil {
		return nil, fault.Internalf("hook: the secrets of %s: %w", scriptID, errors.Join(secret.ErrOpen, err))
	}
	return values, nil
}

// named is the list of names after values were changed; those whose value changed get a new time.
func named(before []Secret, old, values map[string]string, now time.Time) []Secret {
	out := make([]Secret, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := now
		if i := slices.IndexFunc(before, func(s Secret) bool { return s.Name == name }); i >= 0 && old[name] == values[name] {
			at = before[i].UpdatedAt
		}
		out = append(out, Secret{name, at})
	}
	return out
}

// withSecrets has f change the values of an edit.
func (s *Service) withSecrets(ctx context.Context, e *edit, f func(values map[string]string) error) error {
	old, err := s.open(ctx, e.row.PoolID, e.row.ID, e.row.Sealed)
	if err != nil {
		return err
	}
	values := maps.Clone(old)
	if err := f(values); err != nil {
		return err
	}
	if maps.Equal(old, values) {
		return nil
	}
	e.doc.Secrets = named(e.doc.Secrets, old, values, s.now())
	e.row.Sealed, err = s.seal(ctx, e.row.PoolID, e.row.ID, values)
	return err
}

// changeHookSecrets has f change the secrets of a hook. No build is needed: they are given to the code with each call.
func (s *Service) changeHookSecrets(ctx context.Context, poolID, id string, f func(values map[string]string) error) error {
	_, err := s.change(ctx, poolID, kindHook, id, func(ctx context.Context, e *edit) error { return s.withSecrets(ctx, e, f) })
	return err
}

// AddHookSecrets adds secrets: fault.ResourceExists if one of them is there, TooMany beyond 20, InvalidParameter. What has the placeholder for a value
// is passed over: who imports an export has no values.
func (s *Service) AddHookSecrets(ctx context.Context, poolID, id string, secrets map[string]string) error {
	if err := judgeGiven(secrets); err != nil {
		return err
	}
	return s.changeHookSecrets(ctx, poolID, id, func(values map[string]string) error {
		for name, v := range secrets {
			if isPlaceholder(v) {
				continue
			}
			if _, there := values[name]; there {
				return fault.New(fault.ResourceExists).WithField(name).WithPublic("The secret %s exists already.", name)
			}
			values[name] = v
		}
		if len(values) > maxHookSecrets {
			return fault.New(fault.TooMany).WithField("secrets").WithPublic("A hook has at most %d secrets.", maxHookSecrets)
		}
		return nil
	})
}

// judgeGiven is for calls that name secrets: 1 to 20 of them.
func judgeGiven(secrets map[string]string) error {
	if len(secrets) == 0 {
		return fault.Invalidf("secrets", "Name 1 to %d secrets.", maxHookSecrets)
	}
	return judgeSecrets(secrets, maxHookSecrets)
}

// UpdateHookSecrets replaces values of secrets that are there, else fault.ResourceNotFound.
func (s *Service) UpdateHookSecrets(ctx context.Context, poolID, id string, secrets map[string]string) error {
	if err := judgeGiven(secrets); err != nil {
		return err
	}
	return s.changeHookSecrets(ctx, poolID, id, func(values map[string]string) error {
		for name, v := range secrets {
			if _, there := values[name]; !there {
				return fault.New(fault.ResourceNotFound).WithField(name).WithPublic("There is no secret %s.", name)
			}
			if !isPlaceholder(v) {
				values[name] = v
			}
		}
		return nil
	})
}

// DeleteHookSecrets deletes secrets; unknown names are passed over.
func (s *Service) DeleteHookSecrets(ctx context.Context, poolID, id string, names []string) error {
	return s.changeHookSecrets(ctx, poolID, id, func(values map[string]string) error {
		for _, n := range names {
			delete(values, n)
		}
		return nil
	})
}

// ruleConfigs is the setting that holds what rules see as configuration.
const ruleConfigs = "rules-configs"

// configuration reads what rules see; names comes from the clear part.
func (s *Service) configuration(ctx context.Context, poolID string) (set *store.Setting, names []Secret, err error) {
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		set, err = tx.Settings().Setting(ctx, poolID, ruleConfigs)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &store.Setting{PoolID: poolID, Name: ruleConfigs}, nil, nil
	}
	if err == nil {
		err = json.Unmarshal(set.Doc, &names)
	}
	return set, names, stored(err)
}

// RuleConfigs returns the names of what rules see as configuration.
func (s *Service) RuleConfigs(ctx context.Context, poolID string) ([]Secret, error) {
	_, names, err := s.configuration(ctx, poolID)
	return names, err
}

// SetRuleConfig sets one of them; it is sealed as secrets are. The placeholder changes nothing.
func (s *Service) SetRuleConfig(ctx context.Context, poolID, name, value string) error {
	if err := judgeSecret(name, value); err != nil || isPlaceholder(value) {
		return err
	}
	return s.changeConfiguration(ctx, poolID, func(values map[string]string) error {
		if values[name] = value; len(values) > maxRuleConfigs {
			return fault.New(fault.TooMany).WithField("rules-configs").WithPublic("There are at most %d of them.", maxRuleConfigs)
		}
		return nil
	})
}

// DeleteRuleConfig deletes one; an unknown one is no error.
func (s *Service) DeleteRuleConfig(ctx context.Context, poolID, name string) error {
	return s.changeConfiguration(ctx, poolID, func(values map[string]string) error {
		delete(values, name)
		return nil
	})
}

func (s *Service) changeConfiguration(ctx context.Context, poolID string, f func(map[string]string) error) error {
	for range maxRaces {
		set, names, err := s.configuration(ctx, poolID)
		if err != nil {
			return err
		}
		old, err := s.open(ctx, poolID, ruleConfigs, set.Sealed)
		if err != nil {
			return err
		}
		values := maps.Clone(old)
		if err := f(values); err != nil || maps.Equal(old, values) {
			return err
		}
		if set.Doc, err = encode(named(names, old, values, s.now())); err != nil {
			return err
		}
		if set.Sealed, err = s.seal(ctx, poolID, ruleConfigs, values); err != nil {
			return err
		}
		if ok, err := s.put(ctx, set); ok || err != nil {
			return err
		}
	}
	return fault.New(fault.ConcurrentModification)
}

// put writes a setting and reports whether its version was still the stored one.
func (s *Service) put(ctx context.Context, set *store.Setting) (ok bool, err error) {
	set.UpdatedAt = s.now()
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		ok, err = tx.Settings().PutSetting(ctx, set)
		return err
	})
	s.live.forget(set.PoolID)
	return ok, stored(err)
}
