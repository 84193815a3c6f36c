package sandbox

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
	"countersign/phone"
)

const (
	// Setting is the deployment's setting that says whether the sandbox is on, as {"enabled": true}.
	Setting = "sms/sandbox"
	// lockSetting is rewritten by each change that MaxVerified or MaxNumbers bounds, so that two nodes cannot both take the last place.
	lockSetting = "sms/destination_numbers"
	// freshFor is how old what is remembered may be.
	freshFor = 2 * time.Second
)

type switched struct {
	Enabled bool `json:"enabled"`
}

// view is what Enabled and Allowed know. It is never changed.
type view struct {
	enabled  bool
	verified map[string]bool // by keyed hash
}

// forget drops what is remembered. It is called before a change is committed and after it.
func (s *Service) forget() { s.memory.ForgetAll() }

func (s *Service) view(ctx context.Context) (*view, error) { return s.memory.Get(ctx, struct{}{}) }

func (s *Service) load(ctx context.Context, _ struct{}) (*view, error) {
	v := &view{}
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		v.verified = map[string]bool{}
		on, _, err := enabled(ctx, tx)
		if v.enabled = on; err != nil || !on {
			return err
		}
		rows, err := tx.Records().ListRecords(ctx, store.RecordQuery{Kind: kind, PoolID: keyring.Deployment, Status: string(Verified), Limit: MaxNumbers})
		for _, row := range rows {
			v.verified[string(row.Hash)] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// enabled reads the switch and its version, 0 if it was never set.
func enabled(ctx context.Context, tx store.Tx) (bool, int64, error) {
	row, err := tx.Settings().Setting(ctx, keyring.Deployment, Setting)
	if errors.Is(err, store.ErrNotFound) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	var doc switched
	if err := json.Unmarshal(row.Doc, &doc); err != nil {
		return false, 0, fault.Internalf("sandbox: setting: %w", err)
	}
	return doc.Enabled, row.Version, nil
}

// Enabled reports whether the account is in its sandbox.
func (s *Service) Enabled(ctx context.Context) (bool, error) {
	v, err := s.view(ctx)
	if err != nil {
		return false, err
	}
	return v.enabled, nil
}

// Allowed reports whether a message may go to a number: always while the sandbox is off.
func (s *Service) Allowed(ctx context.Context, n phone.Number) (bool, error) {
	v, err := s.view(ctx)
	if err != nil || !v.enabled {
		return err == nil, err
	}
	hash, err := s.c.Log.NumberHash(ctx, keyring.Deployment, n.String())
	return err == nil && v.verified[string(hash)], err
}

// SetEnabled puts the account into its sandbox, or takes it out.
func (s *Service) SetEnabled(ctx context.Context, on bool) error {
	_, err := again(func() (struct{}, error) { return struct{}{}, s.setEnabled(ctx, on) })
	return err
}

func (s *Service) setEnabled(ctx context.Context, on bool) error {
	var ev *store.Event
	s.forget()
	defer s.forget()
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		ev = nil
		was, version, err := enabled(ctx, tx)
		if err != nil || was == on {
			return err
		}
		if err := put(ctx, tx, Setting, switched{on}, s.now(), version); err != nil {
			return err
		}
		ev = s.c.Log.Event(eventlog.Entry{
			PoolID: keyring.Deployment, Type: eventlog.SMSAccountChanged, At: s.now(), Data: access.Signed(ctx, map[string]any{"what": "sandbox", "before": was, "after": on}),
		})
		return tx.Events().Append(ctx, ev)
	})
	if err == nil && ev != nil {
		s.c.Log.Publish(ev)
	}
	return err
}

// put writes a setting of the deployment. Errors: errRace.
func put(ctx context.Context, tx store.Tx, name string, value any, now time.Time, version int64) error {
	doc, err := json.Marshal(value)
	if err != nil {
		return err
	}
	ok, err := tx.Settings().PutSetting(ctx, &store.Setting{PoolID: keyring.Deployment, Name: name, Doc: doc, UpdatedAt: now, Version: version})
	if err == nil && !ok {
		err = errRace
	}
	return err
}

// room fails with fault.TooMany if there is no place for one more number, or for one more that is verified.
func (s *Service) room(ctx context.Context, verified bool) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		var version int64
		row, err := tx.Settings().Setting(ctx, keyring.Deployment, lockSetting)
		if err == nil {
			version = row.Version
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := put(ctx, tx, lockSetting, struct{}{}, s.now(), version); err != nil {
			return err
		}
		n, err := tx.Records().CountRecords(ctx, kind, keyring.Deployment, string(Verified))
		if err == nil && n >= MaxVerified {
			return fault.New(fault.TooMany).WithField("destination_number").WithPublic("At most %d destination numbers may be verified.", MaxVerified)
		}
		if err != nil || verified {
			return err
		}
		if n, err = tx.Records().CountRecords(ctx, kind, keyring.Deployment, ""); err == nil && n >= MaxNumbers {
			err = fault.New(fault.TooMany).WithField("destination_number").WithPublic("There may be at most %d destination numbers.", MaxNumbers)
		}
		return err
	}
}

// Reset takes the account out of its sandbox and forgets all destination numbers: dev mode's start state.
func (s *Service) Reset(ctx context.Context) error {
	ev := s.c.Log.Event(eventlog.Entry{
		PoolID: keyring.Deployment, Type: eventlog.SMSAccountChanged, At: s.now(), Data: map[string]any{"what": "sandbox reset"},
	})
	s.forget()
	defer s.forget()
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Records().DeleteRecords(ctx, kind, keyring.Deployment); err != nil {
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
