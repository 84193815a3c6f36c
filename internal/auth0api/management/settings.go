package management

import (
	"context"
	"encoding/json"
	"errors"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/store"
)

// Names of settings (store.Settings) that others read: credentials of providers. Doc is in clear, the sealed part is under the pool's key, sealed by
// SealRecord(pool, SettingsTable, name, SettingsColumn).
const (
	SettingsTable  = "settings"
	SettingsColumn = "sealed"
	// SettingTwilio is the phone factor's Twilio account: Doc is a TwilioAccount, the sealed part the auth token.
	SettingTwilio = "phone/twilio"
	// SettingPhoneProvider is the branding phone provider: Doc is a PhoneProvider, the sealed part its credentials, an object of strings.
	SettingPhoneProvider = "branding/phone/provider"

	settingPush      = "push/sns"
	settingTemplates = "branding/phone/templates"
	settingTenant    = "tenant"
	settingDocument  = "document/"
)

// maxDocument bounds a kept document, in bytes.
const maxDocument = 64 << 10

// config returns the settings of the request's pool. The tenant is never nil.
func (a *api) config(ctx context.Context, r *Request) (*pool.Config, *pool.TenantConfig, error) {
	p, err := a.Pools.GetPool(ctx, r.PoolID)
	if err != nil {
		return nil, nil, err
	}
	return &p.Config, tenantOf(p), nil
}

func tenantOf(p *pool.Pool) *pool.TenantConfig {
	if p.Config.Tenant == nil {
		p.Config.Tenant = &pool.TenantConfig{}
	}
	return p.Config.Tenant
}

// change changes the settings of the request's pool. f may run more than once.
func (a *api) change(ctx context.Context, r *Request, f func(*pool.Config, *pool.TenantConfig) error) (*pool.TenantConfig, error) {
	ctx = context.WithoutCancel(ctx) // a caller who goes away between the two halves of a setting does not leave one of them
	a.changes.Lock()                 // clients change settings of one pool side by side; nodes beside this one are waited for by UpdatePool
	defer a.changes.Unlock()
	p, err := a.Pools.UpdatePool(ctx, r.Caller, r.PoolID, func(p *pool.Pool) error { return f(&p.Config, tenantOf(p)) })
	if err != nil {
		return nil, err
	}
	return tenantOf(p), nil
}

// kept is a setting, opened.
type kept struct {
	// Doc is nil if there is no such setting.
	Doc    json.RawMessage
	Secret []byte
	row    *store.Setting
}

// into decodes Doc; an absent one leaves v as it is.
func (k *kept) into(v any) error {
	if k.Doc == nil {
		return nil
	}
	if err := json.Unmarshal(k.Doc, v); err != nil {
		return fault.Internalf("setting %s: %w", k.row.Name, err)
	}
	return nil
}

// setting returns a setting of a pool; one that is not there is empty.
func (a *api) setting(ctx context.Context, poolID, name string) (*kept, error) {
	k := &kept{row: &store.Setting{PoolID: poolID, Name: name}}
	err := a.Store.Read(ctx, func(tx store.Tx) error {
		s, err := tx.Settings().Setting(ctx, poolID, name)
		if err == nil {
			k.row, k.Doc = s, s.Doc
		} else if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil || len(k.row.Sealed) == 0 {
		return k, err
	}
	k.Secret, err = a.Keys.OpenRecord(ctx, poolID, SettingsTable, name, SettingsColumn, k.row.Sealed)
	return k, err
}

// save changes a setting. f sets Secret and returns the document, nil to delete the setting. It may run more than once.
func (a *api) save(ctx context.Context, poolID, name string, f func(*kept) (any, error)) error {
	ctx = context.WithoutCancel(ctx) // as above
	a.changes.Lock()
	defer a.changes.Unlock()
	for range 4 {
		k, err := a.setting(ctx, poolID, name)
		if err != nil {
			return err
		}
		v, err := f(k)
		if err != nil {
			return err
		}
		ok, err := a.put(ctx, k, v)
		if ok || err != nil {
			return err
		}
	}
	return fault.New(fault.ConcurrentModification)
}

func (a *api) put(ctx context.Context, k *kept, v any) (ok bool, err error) {
	s := *k.row
	if v == nil {
		err = a.Store.Write(ctx, func(tx store.Tx) error {
			_, err := tx.Settings().DeleteSetting(ctx, s.PoolID, s.Name)
			return err
		})
		return true, err
	}
	if s.Doc, err = json.Marshal(v); err != nil {
		return false, fault.Internalf("setting %s: %w", s.Name, err)
	}
	if len(s.Doc) > maxDocument {
		return false, fault.New(fault.PayloadTooLarge).WithPublic("These settings are larger than %d KiB.", maxDocument>>10)
	}
	s.Sealed, s.UpdatedAt = nil, a.Now().UTC()
	if len(k.Secret) > 0 {
		if s.Sealed, err = a.Keys.SealRecord(ctx, s.PoolID, SettingsTable, s.Name, SettingsColumn, k.Secret); err != nil {
			return false, err
		}
	}
	err = a.Store.Write(ctx, func(tx store.Tx) (err error) {
		row := s // the transaction may run twice
		ok, err = tx.Settings().PutSetting(ctx, &row)
		return err
	})
	return ok, err
}
