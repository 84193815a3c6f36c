package smsaccount

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

const (
	// Setting is the deployment's setting that holds Settings.
	Setting = "sms/account"
	// freshFor is how old what is remembered may be.
	freshFor = 2 * time.Second
	// maxRaces is how often a change of one field is tried again.
	maxRaces = 8
)

// forget drops what is remembered. It is called before a change is committed and after it.
func (s *Service) forget() { s.memory.ForgetAll() }

// Settings returns the settings as they were put.
func (s *Service) Settings(ctx context.Context) (Settings, error) {
	return s.memory.Get(ctx, struct{}{})
}

func (s *Service) read(ctx context.Context, _ struct{}) (out Settings, err error) {
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		out, err = readSettings(ctx, tx)
		return err
	})
	return out, err
}

func readSettings(ctx context.Context, tx store.Tx) (out Settings, err error) {
	row, err := tx.Settings().Setting(ctx, keyring.Deployment, Setting)
	if errors.Is(err, store.ErrNotFound) {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, err
	}
	if err := json.Unmarshal(row.Doc, &out); err != nil {
		return Settings{}, fault.Internalf("smsaccount: settings: %w", err)
	}
	out.Version = row.Version
	return out, nil
}

// PutSettings replaces the settings of this version, and returns them with the new one. Errors: fault.InvalidParameter with the field's name (as in
// JSON), fault.PoolNotFound, fault.ConcurrentModification.
func (s *Service) PutSettings(ctx context.Context, in Settings) (Settings, error) {
	if err := in.check(jsonNames); err != nil {
		return Settings{}, err
	}
	doc, err := json.Marshal(in)
	if err != nil {
		return Settings{}, err
	}
	now := s.c.Now().UTC()
	var ev *store.Event
	s.forget()
	defer s.forget()
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		if err := poolExists(ctx, tx, in.Pool); err != nil {
			return err
		}
		before, err := readSettings(ctx, tx)
		if err != nil {
			return err
		}
		ok, err := tx.Settings().PutSetting(ctx, &store.Setting{
			PoolID: keyring.Deployment, Name: Setting, Doc: doc, UpdatedAt: now, Version: in.Version,
		})
		if err == nil && !ok {
			err = fault.New(fault.ConcurrentModification).WithPublic("The settings are not the ones that you read.")
		}
		if err != nil {
			return err
		}
		ev = s.c.Log.Event(eventlog.Entry{
			PoolID: keyring.Deployment, Type: eventlog.SMSAccountChanged, At: now,
			Data: access.Signed(ctx, map[string]any{"what": "settings", "before": document(before), "after": document(in)}),
		})
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return Settings{}, err
	}
	s.c.Log.Publish(ev)
	in.Version++
	return in, nil
}

// document is what an event says of settings.
func document(in Settings) (out map[string]any) {
	raw, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return nil // not of this type
	}
	return out
}

func poolExists(ctx context.Context, tx store.Tx, id string) error {
	if id == "" {
		return nil
	}
	_, err := tx.Pools().Pool(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.PoolNotFound).WithField("pool")
	}
	return err
}

// change puts the settings with a change of some fields, again and again if others change them meanwhile.
func (s *Service) change(ctx context.Context, f func(*Settings) error) (out Settings, err error) {
	for range maxRaces {
		s.forget()
		now, err := s.Settings(ctx)
		if err == nil {
			err = f(&now)
		}
		if err != nil {
			return Settings{}, err
		}
		if out, err = s.PutSettings(ctx, now); fault.CodeOf(err) != fault.ConcurrentModification {
			return out, err
		}
	}
	return Settings{}, fault.New(fault.ConcurrentModification)
}

// Pool returns the account pool. Errors: fault.InvalidParameter (Field "pool") if it was deleted; those of Config.DefaultPool where the settings name none.
func (s *Service) Pool(ctx context.Context) (string, error) {
	set, err := s.Settings(ctx)
	if err != nil {
		return "", err
	}
	if set.Pool == "" {
		return s.c.DefaultPool(ctx)
	}
	err = s.c.Store.Read(ctx, func(tx store.Tx) error { return poolExists(ctx, tx, set.Pool) })
	if fault.CodeOf(err) == fault.PoolNotFound {
		err = fault.New(fault.InvalidParameter).WithField("pool").WithPublic("The pool that carries the account's messages was deleted.").
			WithHint("name another one: countersign sms-account set --pool ID")
	}
	if err != nil {
		return "", err
	}
	return set.Pool, nil
}

// SetPool names the account pool; empty: the only pool. Errors: fault.PoolNotFound.
func (s *Service) SetPool(ctx context.Context, poolID string) error {
	_, err := s.change(ctx, func(set *Settings) error {
		set.Pool = poolID
		return nil
	})
	return err
}

// Reset forgets the settings and the named opt-out lists: dev mode's start state. Opt-outs go with the pool.
func (s *Service) Reset(ctx context.Context) error {
	ev := s.c.Log.Event(eventlog.Entry{
		PoolID: keyring.Deployment, Type: eventlog.SMSAccountChanged, At: s.c.Now(), Data: map[string]any{"what": "settings reset"},
	})
	s.forget()
	defer s.forget()
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Records().DeleteRecords(ctx, listKind, keyring.Deployment); err != nil {
			return err
		}
		if _, err := tx.Settings().DeleteSetting(ctx, keyring.Deployment, Setting); err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err == nil {
		s.c.Log.Publish(ev)
	}
	return err
}

// Check says what PutSettings would refuse, but for a pool that is not there. Errors: fault.InvalidParameter with the field's name.
func (in Settings) Check() error { return in.check(jsonNames) }
