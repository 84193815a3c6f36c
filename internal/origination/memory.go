package origination

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// freshFor is how old what is remembered may be.
const freshFor = 2 * time.Second

// view is all identities, by id, and the settings. It is never changed.
type view struct {
	all      []Identity
	settings Settings
	version  int64
}

func (s *Service) view(ctx context.Context) (*view, error) { return s.memory.Get(ctx, struct{}{}) }

func (s *Service) read(ctx context.Context, _ struct{}) (*view, error) {
	v := &view{}
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		v.all = v.all[:0]
		set, err := tx.Settings().Setting(ctx, "", settingName)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		default:
			v.version = set.Version
			if err := json.Unmarshal(set.Doc, &v.settings); err != nil {
				return fault.Internalf("origination settings: %w", err)
			}
		}
		var after *store.Record
		for len(v.all) <= MaxIdentities {
			rows, err := tx.Records().ListRecords(ctx, store.RecordQuery{Kind: RecordKind, After: after, Limit: pageRows})
			if err != nil {
				return err
			}
			for _, r := range rows {
				i, err := decode(r)
				if err != nil {
					return err
				}
				v.all = append(v.all, i)
			}
			if len(rows) < pageRows {
				return nil
			}
			after = rows[len(rows)-1]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// find returns the identity that a name means; of sender IDs that of the country, if it is given.
func (v *view) find(name, country string) (Identity, bool) {
	name = fromARN(name)
	at := slices.IndexFunc(v.all, func(i Identity) bool { return i.ID == name || i.name() == name })
	if at < 0 && country != "" {
		at = slices.IndexFunc(v.all, func(i Identity) bool { return i.Country == country && strings.EqualFold(i.Value, name) })
	}
	if at < 0 {
		// Clients leave out the plus sign.
		at = slices.IndexFunc(v.all, func(i Identity) bool {
			return strings.TrimPrefix(i.Value, "+") == strings.TrimPrefix(name, "+") && (country == "" || i.Kind == Number)
		})
	}
	if at < 0 {
		return Identity{}, false
	}
	return clone(v.all[at]), true
}

// clone keeps what is remembered out of callers' hands.
func clone(i Identity) Identity {
	i.Capabilities = slices.Clone(i.Capabilities)
	if i.Tags != nil {
		tags := make(map[string]string, len(i.Tags))
		for k, t := range i.Tags {
			tags[k] = t
		}
		i.Tags = tags
	}
	return i
}

func (s *Service) byToken(ctx context.Context, token string) (Identity, bool, error) {
	v, err := s.view(ctx)
	if err != nil {
		return Identity{}, false, err
	}
	at := slices.IndexFunc(v.all, func(i Identity) bool { return i.Token == token })
	if at < 0 {
		return Identity{}, false, nil
	}
	return clone(v.all[at]), true, nil
}
