package origination

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
)

// Enforce says which messages need an identity where the country needs one.
type Enforce string

// The ways.
const (
	// EnforceAccount, the default: those of the SMS account (Publish, SendTextMessage), as Amazon's account has it. Messages of pools go by their
	// providers' own senders, unless there is an identity for the country.
	EnforceAccount Enforce = "account"
	// EnforceAll: those of pools, too.
	EnforceAll Enforce = "all"
	// EnforceOff: none.
	EnforceOff Enforce = "off"
)

// Settings are what a deployment says of origination.
type Settings struct {
	// Enforce is EnforceAccount if empty.
	Enforce Enforce `json:"enforce,omitempty"`
	// Countries correct the published table, by country code.
	Countries map[string]Correction `json:"countries,omitempty"`
}

// Correction replaces facts of a country's row.
type Correction struct {
	SenderID Support `json:"sender_id,omitempty"`
	// Types replaces the numbers that are offered, Needed whether an identity is needed.
	Types  []Type `json:"number_types,omitempty"`
	Needed *bool  `json:"identity_required,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Check names the field that is wrong, and what would be right.
func (s Settings) Check() error {
	switch s.Enforce {
	case "", EnforceAccount, EnforceAll, EnforceOff:
	default:
		return fault.Invalidf("enforce", "enforce must be account, all or off.")
	}
	if len(s.Countries) > 300 {
		return fault.Invalidf("countries", "There are not so many countries.")
	}
	for _, iso := range slices.Sorted(maps.Keys(s.Countries)) {
		c := s.Countries[iso]
		if len(iso) != 2 || strings.ToUpper(iso) != iso {
			return fault.Invalidf("countries", "Countries are two capital letters (ISO 3166).")
		}
		switch c.SenderID {
		case "", Supported, Optional, Required, NotSupported:
		default:
			return fault.Invalidf("countries", "sender_id of %s must be supported, registration_optional, registration_required or not_supported.", iso)
		}
		for _, t := range c.Types {
			if t != LongCode && t != TollFree && t != TenDLC && t != ShortCode {
				return fault.Invalidf("countries", "number_types of %s are long_code, toll_free, ten_dlc and short_code.", iso)
			}
		}
		if len(c.Note) > maxText {
			return fault.Invalidf("countries", "The note of %s is too long.", iso)
		}
	}
	return nil
}

// Settings returns the settings and their version, 0 if they were never written.
func (s *Service) Settings(ctx context.Context) (Settings, int64, error) {
	v, err := s.view(ctx)
	if err != nil {
		return Settings{}, 0, err
	}
	out := v.settings
	out.Countries = maps.Clone(out.Countries)
	return out, v.version, nil
}

// PutSettings replaces the settings that have this version (0: there are none) and returns the new one. Errors: fault.InvalidParameter,
// fault.ConcurrentModification.
func (s *Service) PutSettings(ctx context.Context, set Settings, version int64) (int64, error) {
	if err := set.Check(); err != nil {
		return 0, err
	}
	doc, err := json.Marshal(set)
	if err != nil {
		return 0, fault.Internalf("origination settings: %w", err)
	}
	ev := s.c.Log.Event(eventlog.Entry{Type: eventlog.OriginationChanged,
		Data: access.Signed(ctx, map[string]any{"what": "settings", "enforce": string(set.Enforce), "countries": slices.Sorted(maps.Keys(set.Countries))})})
	s.memory.ForgetAll()
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		row := &store.Setting{Name: settingName, Doc: doc, UpdatedAt: s.c.Now().UTC(), Version: version}
		ok, err := tx.Settings().PutSetting(ctx, row)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.ConcurrentModification)
		}
		return tx.Events().Append(ctx, ev)
	})
	s.memory.ForgetAll()
	if err != nil {
		return 0, err
	}
	s.c.Log.Publish(ev)
	return version + 1, nil
}

// Enforced reports whether a message needs an identity where its country needs one; pool says that it is a pool's message, not the account's.
func (s *Service) Enforced(ctx context.Context, pool bool) (bool, error) {
	v, err := s.view(ctx)
	if err != nil {
		return false, err
	}
	switch v.settings.Enforce {
	case EnforceOff:
		return false, nil
	case EnforceAll:
		return true, nil
	}
	return !pool, nil
}

// country returns a country's row with the deployment's corrections.
func (v *view) country(iso string) Country {
	c := PublishedCountry(strings.ToUpper(iso))
	o, ok := v.settings.Countries[c.ISO]
	if !ok {
		return c
	}
	if o.SenderID != "" {
		c.SenderID = o.SenderID
	}
	if o.Types != nil {
		c.Types, c.ReceiveOnly = slices.Clone(o.Types), false
	}
	c.Needed = c.needed()
	set(&c.Needed, o.Needed)
	if o.Note != "" {
		c.Note = o.Note
	}
	c.Source, c.Sure = "settings of this deployment", true
	return c
}

// CountryOf returns what a country allows, with the deployment's corrections. A country that is not listed has an empty SenderID.
func (s *Service) CountryOf(ctx context.Context, iso string) (Country, error) {
	v, err := s.view(ctx)
	if err != nil {
		return Country{}, err
	}
	return v.country(iso), nil
}

// Countries returns the whole table, by country code, with the deployment's corrections.
func (s *Service) Countries(ctx context.Context) ([]Country, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	out := PublishedCountries()
	for i := range out {
		out[i] = v.country(out[i].ISO)
	}
	for _, iso := range slices.Sorted(maps.Keys(v.settings.Countries)) {
		if _, ok := table()[iso]; !ok {
			out = append(out, v.country(iso))
		}
	}
	return out, nil
}
