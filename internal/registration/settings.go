package registration

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// Settings returns a pool's setting, or the deployment's for an empty poolID, with its version; version 0 if there is none. Both count for a pool.
func (s *Service) Settings(ctx context.Context, poolID string) (Settings, int64, error) {
	var row *store.Setting
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = setting(ctx, tx, poolID)
		return err
	})
	if err != nil {
		return Settings{}, 0, err
	}
	set, err := settingsOf(row)
	return set, row.Version, err
}

// setting returns the row; one that is not there has version 0.
func setting(ctx context.Context, tx store.Tx, poolID string) (*store.Setting, error) {
	row, err := tx.Settings().Setting(ctx, poolID, SettingName)
	if errors.Is(err, store.ErrNotFound) {
		return &store.Setting{PoolID: poolID, Name: SettingName}, nil
	}
	return row, err
}

func settingsOf(row *store.Setting) (Settings, error) {
	set := Settings{Require: []string{}}
	if len(row.Doc) > 0 {
		if err := json.Unmarshal(row.Doc, &set); err != nil {
			return Settings{}, fault.Internalf("registration: %w", err)
		}
	}
	return set, nil
}

// Check refuses countries that are none. Errors: fault.InvalidParameter.
func (x Settings) Check() error {
	if len(x.Require) > 300 {
		return fault.Invalidf("require", "There are at most 300 countries.")
	}
	for _, c := range x.Require {
		if !isCountry(c) {
			return fault.Invalidf("require", "%q is no country: two capital letters are, such as IN.", c)
		}
	}
	return nil
}

// PutSettings creates (version 0) or replaces the setting of this version, and returns the new version. Errors: fault.InvalidParameter,
// fault.ResourceExists, fault.ResourceNotFound, fault.ConcurrentModification.
func (s *Service) PutSettings(ctx context.Context, poolID string, x Settings, version int64) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	if err := x.Check(); err != nil {
		return 0, err
	}
	x.Require = slices.Compact(slices.Sorted(slices.Values(x.Require)))
	if x.Require == nil {
		x.Require = []string{}
	}
	doc, err := json.Marshal(x)
	if err != nil {
		return 0, fault.Internalf("registration: %w", err)
	}
	err = s.change(ctx, poolID, version, x, func(tx store.Tx) (bool, error) {
		return tx.Settings().PutSetting(ctx, &store.Setting{PoolID: poolID, Name: SettingName, Doc: doc, Version: version, UpdatedAt: s.c.Now().UTC()})
	})
	if err != nil {
		return 0, err
	}
	_, version, err = s.Settings(ctx, poolID)
	return version, err
}

// DeleteSettings removes the setting. Errors: fault.ResourceNotFound.
func (s *Service) DeleteSettings(ctx context.Context, poolID string) error {
	ctx = context.WithoutCancel(ctx)
	_, version, err := s.Settings(ctx, poolID)
	if err != nil {
		return err
	}
	if version == 0 {
		return fault.New(fault.ResourceNotFound).WithField(SettingName)
	}
	return s.change(ctx, poolID, version, nil, func(tx store.Tx) (bool, error) { return tx.Settings().DeleteSetting(ctx, poolID, SettingName) })
}

// change writes the setting of a version, with its event.
func (s *Service) change(ctx context.Context, poolID string, version int64, after any, write func(store.Tx) (bool, error)) error {
	var ev *store.Event
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		old, err := setting(ctx, tx, poolID)
		if err != nil {
			return err
		}
		if err := checkVersion(old.Version, version); err != nil {
			return err
		}
		before, err := settingsOf(old)
		if err != nil {
			return err
		}
		ok, err := write(tx)
		if err != nil || !ok {
			return orConflict(err)
		}
		ev = s.changed(ctx, poolID, map[string]any{"what": "settings", "before": document(before), "after": document(after)})
		return tx.Events().Append(ctx, ev)
	})
	s.forget(poolID)
	if err != nil {
		return err
	}
	s.c.Log.Publish(ev)
	return nil
}

func checkVersion(is, asked int64) error {
	switch {
	case is == asked:
		return nil
	case asked == 0:
		return fault.New(fault.ResourceExists)
	case is == 0:
		return fault.New(fault.ResourceNotFound)
	}
	return fault.New(fault.ConcurrentModification)
}
