package route

import (
	"context"
	"crypto/subtle"
	"maps"
	"slices"
)

// CheckAccount says what PutAccount would refuse of an account whatever its version, and which of the secrets that are given differ from those that are
// set. Nothing is written.
func (s *Service) CheckAccount(ctx context.Context, poolID string, c AccountConfig, secrets map[string]string) (changed []string, err error) {
	old, err := s.setting(ctx, poolID, accountPrefix+c.Name)
	if err != nil {
		return nil, err
	}
	merged, err := s.openSecrets(ctx, poolID, c.Name, old.Sealed)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if subtle.ConstantTimeCompare([]byte(merged[name]), []byte(secrets[name])) == 0 {
			changed = append(changed, name)
		}
	}
	if err := checkKept(old.Doc, c, merged, secrets); err != nil {
		return nil, err
	}
	for name, value := range secrets {
		if merged[name] = value; value == "" {
			delete(merged, name)
		}
	}
	return changed, s.checkAccount(c, hidden(merged))
}

// CheckPlan says what PutPlan would refuse if the pool had these accounts.
func CheckPlan(p Plan, accounts []AccountConfig) error {
	return checkPlan(p, func(name string) (AccountConfig, bool) {
		i := slices.IndexFunc(accounts, func(c AccountConfig) bool { return c.Name == name })
		if i < 0 {
			return AccountConfig{}, false
		}
		return accounts[i], true
	})
}
