package route

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Accounts returns a pool's accounts by name, and for poolID "" those of the configuration file.
func (s *Service) Accounts(ctx context.Context, poolID string) ([]Account, error) {
	v, err := s.viewOf(ctx, poolID)
	if err != nil {
		return nil, err
	}
	out := make([]Account, 0, len(v.accounts))
	for _, name := range slices.Sorted(maps.Keys(v.accounts)) {
		a, err := s.show(ctx, v.accounts[name])
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Account returns one account. Errors: fault.ResourceNotFound.
func (s *Service) Account(ctx context.Context, poolID, name string) (Account, error) {
	v, err := s.viewOf(ctx, poolID)
	if err != nil {
		return Account{}, err
	}
	l := v.accounts[name]
	if l == nil {
		return Account{}, fault.New(fault.ResourceNotFound).WithField("account")
	}
	return s.show(ctx, l)
}

func (s *Service) show(ctx context.Context, l *live) (Account, error) {
	names := []string{}
	if l.secrets != nil {
		names = slices.AppendSeq(names, maps.Keys(l.secrets))
	} else {
		secrets, err := s.openSecrets(ctx, l.owner, l.c.Name, l.sealed)
		if err != nil {
			return Account{}, err
		}
		names = slices.AppendSeq(names, maps.Keys(secrets))
	}
	slices.Sort(names)
	return l.shown(names), nil
}

// PutAccount creates (version 0) or replaces the account that has this version. A secret that is not in secrets stays as it is; an empty one is
// removed. With another kind or address all must be given again. Errors: fault.InvalidParameter with the field's name, fault.ResourceExists,
// fault.ResourceNotFound, fault.ConcurrentModification, fault.TooMany.
func (s *Service) PutAccount(ctx context.Context, poolID string, c AccountConfig, secrets map[string]string, version int64) (Account, error) {
	ctx = context.WithoutCancel(ctx)
	old, err := s.setting(ctx, poolID, accountPrefix+c.Name)
	if err != nil {
		return Account{}, err
	}
	if err := checkVersion(old, version); err != nil {
		return Account{}, err
	}
	if version == 0 && s.static != nil && s.static.accounts[c.Name] != nil {
		return Account{}, fault.Invalidf("name", "An account of the configuration file has this name.")
	}
	merged, err := s.openSecrets(ctx, poolID, c.Name, old.Sealed)
	if err != nil {
		return Account{}, err
	}
	if err := checkKept(old.Doc, c, merged, secrets); err != nil {
		return Account{}, err
	}
	for name, value := range secrets {
		if merged[name] = value; value == "" {
			delete(merged, name)
		}
	}
	if err := s.checkAccount(c, hidden(merged)); err != nil {
		return Account{}, err
	}
	row, err := s.accountRow(ctx, poolID, c, merged, version)
	if err != nil {
		return Account{}, err
	}
	change := map[string]any{"what": "account", "account": c.Name, "before": document(old.Doc), "after": document(row.Doc),
		"secrets_changed": slices.Sorted(maps.Keys(secrets))}
	if err := s.save(ctx, row, change, func(ctx context.Context, tx store.Tx) error { return hasRoom(ctx, tx, poolID, version) }); err != nil {
		return Account{}, err
	}
	return s.Account(ctx, poolID, c.Name)
}

// addresses are the settings that say where an account's requests, and with them its secrets, go.
var addresses = [...]string{"base_url", "url", "host", "port"}

// checkKept refuses to send kept secrets elsewhere: who may change an account must not thereby learn secrets that are never shown.
func checkKept(before json.RawMessage, c AccountConfig, kept, given map[string]string) error {
	if len(before) == 0 {
		return nil
	}
	var old AccountConfig
	if err := json.Unmarshal(before, &old); err != nil {
		return fault.Internalf("route: %w", err)
	}
	moved := ""
	if old.Kind != c.Kind {
		moved = "kind"
	}
	for _, name := range addresses {
		if old.Settings[name] != c.Settings[name] {
			moved = name
		}
	}
	if moved == "" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		if _, again := given[name]; !again {
			return fault.Invalidf("secrets", "With another %s the secrets must be given again: %s is missing.", moved, name)
		}
	}
	return nil
}

// accountRow makes the setting of an account.
func (s *Service) accountRow(ctx context.Context, poolID string, c AccountConfig, secrets map[string]string, version int64) (*store.Setting, error) {
	row := &store.Setting{PoolID: poolID, Name: accountPrefix + c.Name, Version: version, UpdatedAt: s.c.Now().UTC()}
	var err error
	if row.Doc, err = json.Marshal(c); err != nil {
		return nil, fault.Internalf("route: %w", err)
	}
	if len(secrets) == 0 {
		return row, nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return nil, fault.Internalf("route: %w", err)
	}
	row.Sealed, err = s.c.Keys.SealRecord(ctx, poolID, table, row.Name, column, plain)
	return row, err
}

// hasRoom refuses one account too many.
func hasRoom(ctx context.Context, tx store.Tx, poolID string, version int64) error {
	if version != 0 {
		return nil
	}
	rows, err := tx.Settings().ListSettings(ctx, poolID, accountPrefix, "", maxAccounts)
	if err == nil && len(rows) >= maxAccounts {
		return fault.New(fault.TooMany).WithPublic("A pool has at most %d accounts.", maxAccounts)
	}
	return err
}

// DeleteAccount deletes an account that no rule names. Errors: fault.ResourceNotFound, fault.InvalidParameter.
func (s *Service) DeleteAccount(ctx context.Context, poolID, name string) error {
	ctx = context.WithoutCancel(ctx)
	old, err := s.setting(ctx, poolID, accountPrefix+name)
	if err != nil {
		return err
	}
	return s.drop(ctx, old, map[string]any{"what": "account", "account": name, "before": document(old.Doc)}, func(ctx context.Context, tx store.Tx) error {
		set, err := tx.Settings().Setting(ctx, poolID, planName)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var p Plan
		if err := json.Unmarshal(set.Doc, &p); err != nil {
			return fault.Internalf("route: %w", err)
		}
		if where := p.names(name); where != "" {
			return fault.Invalidf("account", "The account is still used by %s.", where)
		}
		return nil
	})
}

// names returns where a plan names an account, or "".
func (p Plan) names(account string) string {
	for _, r := range p.Rules {
		for _, c := range r.Use {
			if c.Account == account {
				return "the rule " + r.Name
			}
		}
	}
	for _, c := range p.Voice.Use {
		if c.Account == account {
			return "the calls"
		}
	}
	return ""
}

// Plan returns a pool's plan and its version, an empty one with version 0 if it has none, and for poolID "" the one of the configuration file.
func (s *Service) Plan(ctx context.Context, poolID string) (Plan, int64, error) {
	v, err := s.viewOf(ctx, poolID)
	if err != nil || v.plan == nil {
		return Plan{Rules: []Rule{}}, 0, err
	}
	return v.plan.Plan, v.plan.version, nil
}

// PutPlan creates (version 0) or replaces the plan that has this version, and returns the new version. Errors: as PutAccount.
func (s *Service) PutPlan(ctx context.Context, poolID string, p Plan, version int64) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	old, err := s.setting(ctx, poolID, planName)
	if err != nil {
		return 0, err
	}
	if err := checkVersion(old, version); err != nil {
		return 0, err
	}
	row := &store.Setting{PoolID: poolID, Name: planName, Version: version, UpdatedAt: s.c.Now().UTC()}
	if row.Doc, err = json.Marshal(p); err != nil {
		return 0, fault.Internalf("route: %w", err)
	}
	change := map[string]any{"what": "plan", "before": document(old.Doc), "after": document(row.Doc)}
	err = s.save(ctx, row, change, func(ctx context.Context, tx store.Tx) error {
		configs, err := accountsOf(ctx, tx, poolID)
		if err != nil {
			return err
		}
		return checkPlan(p, func(name string) (AccountConfig, bool) { c, ok := configs[name]; return c, ok })
	})
	if err != nil {
		return 0, err
	}
	_, version, err = s.Plan(ctx, poolID)
	return version, err
}

func accountsOf(ctx context.Context, tx store.Tx, poolID string) (map[string]AccountConfig, error) {
	rows, err := tx.Settings().ListSettings(ctx, poolID, accountPrefix, "", maxAccounts)
	if err != nil {
		return nil, err
	}
	out := make(map[string]AccountConfig, len(rows))
	for _, row := range rows {
		var c AccountConfig
		if err := json.Unmarshal(row.Doc, &c); err != nil {
			return nil, fault.Internalf("route: %w", err)
		}
		out[c.Name] = c
	}
	return out, nil
}

// DeletePlan removes the pool's plan: the static one serves it, if there is one. Errors: fault.ResourceNotFound.
func (s *Service) DeletePlan(ctx context.Context, poolID string) error {
	ctx = context.WithoutCancel(ctx)
	old, err := s.setting(ctx, poolID, planName)
	if err != nil {
		return err
	}
	return s.drop(ctx, old, map[string]any{"what": "plan", "before": document(old.Doc)}, nil)
}

// setting returns a setting; one that is not there has version 0.
func (s *Service) setting(ctx context.Context, poolID, name string) (*store.Setting, error) {
	if poolID == "" {
		return nil, fault.Invalidf("pool", "The accounts and the plan of the configuration file are changed in that file.")
	}
	set := &store.Setting{PoolID: poolID, Name: name}
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		found, err := tx.Settings().Setting(ctx, poolID, name)
		if err == nil {
			set = found
		} else if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	return set, err
}

func checkVersion(old *store.Setting, version int64) error {
	switch {
	case old.Version == version:
		return nil
	case version == 0:
		return fault.New(fault.ResourceExists)
	case old.Version == 0:
		return fault.New(fault.ResourceNotFound)
	}
	return fault.New(fault.ConcurrentModification)
}

// save writes a setting with its event, if check in the same transaction agrees, and puts it to use.
func (s *Service) save(ctx context.Context, row *store.Setting, change map[string]any, check func(context.Context, store.Tx) error) error {
	ev := s.changed(ctx, row.PoolID, change)
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if err := check(ctx, tx); err != nil {
			return err
		}
		set := *row // the transaction may run twice
		if ok, err := tx.Settings().PutSetting(ctx, &set); err != nil || !ok {
			return orConflict(err)
		}
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return err
	}
	s.c.Log.Publish(ev)
	return s.refresh(ctx, row.PoolID)
}

// drop deletes a setting with its event.
func (s *Service) drop(ctx context.Context, old *store.Setting, change map[string]any, check func(context.Context, store.Tx) error) error {
	if old.Version == 0 {
		return fault.New(fault.ResourceNotFound)
	}
	ev := s.changed(ctx, old.PoolID, change)
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if check != nil {
			if err := check(ctx, tx); err != nil {
				return err
			}
		}
		if ok, err := tx.Settings().DeleteSetting(ctx, old.PoolID, old.Name); err != nil || !ok {
			return orConflict(err)
		}
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return err
	}
	s.c.Log.Publish(ev)
	return s.refresh(ctx, old.PoolID)
}

func orConflict(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.ConcurrentModification)
}

// changed makes the event of a change. It never holds a secret.
func (s *Service) changed(ctx context.Context, poolID string, data map[string]any) *store.Event {
	if who, ok := ctx.Value(byKey{}).(string); ok {
		data["by"] = who
	}
	return s.c.Log.Event(eventlog.Entry{PoolID: poolID, Type: eventlog.SenderChanged, Data: data})
}

type byKey struct{}

// By returns a context for changes that says in the log who made them: an access key, an operator.
func By(ctx context.Context, who string) context.Context { return context.WithValue(ctx, byKey{}, who) }

// document is a setting's document for the log; nil if there was none.
func document(doc json.RawMessage) any {
	var v map[string]any
	if len(doc) == 0 || json.Unmarshal(doc, &v) != nil {
		return nil
	}
	return v
}

// checkAccount refuses accounts that cannot work, by making their provider once.
func (s *Service) checkAccount(c AccountConfig, secrets map[string]secret.String) error {
	if err := s.checkFields(c, secrets); err != nil {
		return err
	}
	p, err := s.make(c, secrets)
	if err != nil {
		return err
	}
	if closer, ok := p.(io.Closer); ok {
		_ = closer.Close()
	}
	return nil
}
