package hook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	"countersign/internal/fault"
	"countersign/internal/runner"
	"countersign/internal/script"
	"countersign/internal/store"
)

// sealedUnit is a unit whose secrets are still to be opened.
type sealedUnit struct {
	*unit
	sealed []byte
}

// read reads what runs in a pool.
func (s *Service) read(ctx context.Context, poolID string) (*live, error) {
	var l *live
	var sealed []sealedUnit
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		r := &liveReader{s: s, tx: tx, poolID: poolID, l: &live{}}
		l, err = r.read(ctx)
		sealed = r.sealed
		return err
	})
	if err != nil {
		return nil, stored(err)
	}
	for _, u := range sealed {
		if u.secrets, err = s.open(ctx, poolID, u.id, u.sealed); err != nil {
			return nil, err
		}
	}
	if len(l.rules) > 0 {
		set, _, err := s.configuration(ctx, poolID)
		if err != nil {
			return nil, err
		}
		values, err := s.open(ctx, poolID, ruleConfigs, set.Sealed)
		if err != nil {
			return nil, err
		}
		for _, u := range l.rules {
			u.secrets = values
			u.ID += fingerprint(set.Sealed)
		}
	}
	return l, nil
}

// liveReader reads in one transaction.
type liveReader struct {
	s      *Service
	tx     store.Tx
	poolID string
	l      *live
	sealed []sealedUnit
}

func (r *liveReader) read(ctx context.Context) (*live, error) {
	on := true
	hooks, err := r.tx.Scripts().ListScripts(ctx, store.ScriptQuery{PoolID: r.poolID, Kind: kindHook, Trigger: SendPhoneMessage, Enabled: &on, Limit: 1})
	if err != nil {
		return nil, err
	}
	for _, row := range hooks {
		r.l.hook = r.unit(row, script.Hook, row.Artifact, row.Sealed)
	}
	rules, err := r.tx.Scripts().ListScripts(ctx, store.ScriptQuery{PoolID: r.poolID, Kind: kindRule, Enabled: &on, Limit: maxList})
	if err != nil {
		return nil, err
	}
	for _, row := range rules {
		if u := r.unit(row, script.Rule, row.Artifact, nil); u != nil {
			r.l.rules = append(r.l.rules, u)
		}
	}
	sets, err := r.tx.Settings().ListSettings(ctx, r.poolID, bindingsPrefix, "", len(triggers))
	if err != nil {
		return nil, err
	}
	var custom []*unit
	for _, set := range sets {
		list, err := r.bound(ctx, set)
		if err != nil {
			return nil, err
		}
		switch set.Name {
		case bindingsPrefix + SendPhoneMessage:
			r.l.sends = list
		case bindingsPrefix + PostLogin:
			r.l.logins = list
		case bindingsPrefix + CustomPhoneProvider:
			custom = list
		}
	}
	if len(custom) > 0 {
		r.l.custom = custom[0]
		return r.l, nil
	}
	return r.l, r.unbound(ctx)
}

// unbound finds the action of custom-phone-provider, which needs no binding: the oldest that is deployed.
func (r *liveReader) unbound(ctx context.Context) error {
	rows, err := r.tx.Scripts().ListScripts(ctx, store.ScriptQuery{PoolID: r.poolID, Kind: kindAction, Trigger: CustomPhoneProvider, Limit: maxList})
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b *store.Script) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, row := range rows {
		if row.Deployed > 0 {
			r.l.custom, err = r.deployed(ctx, row, "")
			return err
		}
	}
	return nil
}

func (r *liveReader) bound(ctx context.Context, set *store.Setting) ([]*unit, error) {
	var list []binding
	if err := json.Unmarshal(set.Doc, &list); err != nil {
		return nil, fault.Internalf("hook: %s: %w", set.Name, err)
	}
	var out []*unit
	for _, b := range list {
		row, err := r.tx.Scripts().Script(ctx, r.poolID, b.ActionID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		u, err := r.deployed(ctx, row, b.ID)
		if err != nil {
			return nil, err
		}
		if u != nil {
			out = append(out, u)
		}
	}
	return out, nil
}

// deployed is the unit of the version of an action that runs, nil if there is none.
func (r *liveReader) deployed(ctx context.Context, row *store.Script, bindingID string) (*unit, error) {
	if row.Deployed == 0 {
		return nil, nil
	}
	v, err := r.tx.Scripts().ScriptVersionByNumber(ctx, row.ID, row.Deployed)
	if err != nil {
		return nil, err
	}
	var c code
	if err := json.Unmarshal(v.Doc, &c); err != nil {
		return nil, fault.Internalf("hook: version %s: %w", v.ID, err)
	}
	u := r.unit(row, kindOf(row.Trigger), v.Artifact, v.Sealed)
	if u != nil {
		u.versionID, u.bindingID, u.Node = v.ID, bindingID, node[c.Runtime]
	}
	return u, nil
}

// unit is a script as it runs, nil if it was never built.
func (r *liveReader) unit(row *store.Script, kind script.Kind, artifact string, sealed []byte) *unit {
	if artifact == "" {
		return nil
	}
	u := r.s.unit(row, kind, artifact)
	if sealed != nil {
		u.ID += fingerprint(sealed)
		r.sealed = append(r.sealed, sealedUnit{u, sealed})
	}
	return u
}

// unit makes a unit of a script and a package. Its id has the pool's and the script's: equal code of two scripts does not share a worker.
func (s *Service) unit(row *store.Script, kind script.Kind, artifact string) *unit {
	return &unit{
		Unit: script.Unit{
			ID: row.PoolID + "/" + row.ID + "/" + artifact, Name: row.Kind + ":" + row.Name, Kind: kind, Artifact: artifact,
			Open: func(ctx context.Context) (runner.Package, error) { return s.artifacts.Open(ctx, artifact) },
		},
		poolID: row.PoolID, kind: row.Kind, id: row.ID, name: row.Name, trigger: row.Trigger,
	}
}

// fingerprint is the part of a unit's id that changes with its secrets: code may keep in its module what it made of them (a provider's client), so
// new values need a new worker. What is sealed tells nothing of the values.
func fingerprint(sealed []byte) string {
	if len(sealed) == 0 {
		return ""
	}
	sum := sha256.Sum256(sealed)
	return "/" + hex.EncodeToString(sum[:8])
}
