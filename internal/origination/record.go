package origination

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

// Bounds of what people write.
const (
	maxTags    = 50
	maxText    = 256
	maxTag     = 256
	shortLeast = 3
	shortMost  = 8
)

// complete checks an identity and fills in what was left out.
func complete(i *Identity) error {
	if i.Kind == "" && i.Type == TypeSenderID {
		i.Kind = SenderID
	}
	i.Country = strings.ToUpper(i.Country)
	if len(i.Country) != 2 || strings.Trim(i.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fault.Invalidf("country", "The country must be two letters (ISO 3166).")
	}
	var err error
	switch i.Kind {
	case SenderID:
		err = completeSender(i)
	case Number:
		err = completeNumber(i)
	default:
		err = fault.Invalidf("kind", "The kind must be number or sender_id.")
	}
	if err != nil {
		return err
	}
	i.MessageType = cmp.Or(i.MessageType, Transactional)
	i.Status = cmp.Or(i.Status, Active)
	i.OptOutList = cmp.Or(i.OptOutList, DefaultOptOutList)
	i.MonthlyPrice = cmp.Or(i.MonthlyPrice, "0.00")
	return i.check()
}

func completeSender(i *Identity) error {
	if !SenderIDForm(i.Value) {
		return fault.Invalidf("value", "A sender ID has 1 to 11 letters, digits, hyphens and underscores, at least one of them a letter.")
	}
	i.Type, i.Capabilities, i.TwoWay = TypeSenderID, []string{SMS}, false
	return nil
}

func completeNumber(i *Identity) error {
	switch i.Type {
	case "":
		i.Type = LongCode
	case LongCode, TollFree, TenDLC, ShortCode, Simulator:
	default:
		return fault.Invalidf("type", "The type must be long_code, toll_free, ten_dlc, short_code or simulator.")
	}
	if i.Type == ShortCode {
		if len(i.Value) < shortLeast || len(i.Value) > shortMost || strings.Trim(i.Value, "0123456789") != "" {
			return fault.Invalidf("value", "A short code has %d to %d digits.", shortLeast, shortMost)
		}
	} else if _, err := phone.Parse(i.Value); err != nil {
		return fault.Invalidf("value", "The number must be in E.164 form, such as +12025550123.")
	}
	if len(i.Capabilities) == 0 {
		i.Capabilities = []string{SMS}
	}
	for _, c := range i.Capabilities {
		if c != SMS && c != Voice && c != MMS {
			return fault.Invalidf("capabilities", "The capabilities are SMS, VOICE and MMS.")
		}
	}
	i.Capabilities = slices.Compact(slices.Sorted(slices.Values(i.Capabilities)))
	return nil
}

// check judges what can be changed later.
func (i *Identity) check() error {
	switch {
	case i.MessageType != Transactional && i.MessageType != Promotional:
		return fault.Invalidf("message_type", "The message type must be TRANSACTIONAL or PROMOTIONAL.")
	case i.Status != Active && i.Status != Pending:
		return fault.Invalidf("status", "The status must be active or pending.")
	case len(i.OptOutList) > 64:
		return fault.Invalidf("opt_out_list", "The name of an opt-out list has at most 64 characters.")
	case len(i.RegistrationID) > maxText:
		return fault.Invalidf("registration_id", "The registration's id is too long.")
	case len(i.Account) > maxText:
		return fault.Invalidf("account", "The account's name is too long.")
	case i.TwoWay && i.Kind == SenderID:
		return fault.Invalidf("two_way", "Nobody can answer a sender ID.")
	case len(i.Tags) > maxTags:
		return fault.Invalidf("tags", "There may be %d tags at most.", maxTags)
	}
	if p, err := strconv.ParseFloat(i.MonthlyPrice, 64); err != nil || p < 0 || p > 1e6 || len(i.MonthlyPrice) > 16 {
		return fault.Invalidf("monthly_price", "The monthly price must be an amount of dollars, such as 1.00.")
	}
	for k, v := range i.Tags {
		if k == "" || len(k) > maxTag || len(v) > maxTag {
			return fault.Invalidf("tags", "Keys of tags have 1 to %d characters, values at most %d.", maxTag, maxTag)
		}
	}
	return nil
}

// newID returns "phone-" or "sender-" and 32 hexadecimal digits.
func newID(k Kind) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	if k == SenderID {
		return "sender-" + hex.EncodeToString(b[:])
	}
	return "phone-" + hex.EncodeToString(b[:])
}

func decode(r *store.Record) (Identity, error) {
	var i Identity
	if err := json.Unmarshal(r.Body, &i); err != nil {
		return Identity{}, fault.Internalf("origination %s: %w", r.ID, err)
	}
	i.ID, i.Version, i.CreatedAt, i.UpdatedAt = r.ID, r.Version, r.CreatedAt, r.UpdatedAt
	return i, nil
}

func encode(i Identity) (*store.Record, error) {
	r := &store.Record{Kind: RecordKind, ID: i.ID, Name: i.name(), Country: i.Country, Status: string(i.Status), Type: string(i.Type), Version: i.Version,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt}
	i.Version = 0
	if i.Token != "" {
		sum := sha256.Sum256([]byte(i.Token))
		r.Hash = sum[:] // unique: one order, one identity
	}
	var err error
	if r.Body, err = json.Marshal(i); err != nil {
		return nil, fault.Internalf("origination: %w", err)
	}
	return r, nil
}

// insert commits a new identity.
func (s *Service) insert(ctx context.Context, what string, i Identity) (Identity, error) {
	now := s.c.Now().UTC()
	i.ID, i.Version, i.CreatedAt, i.UpdatedAt = newID(i.Kind), 0, now, now
	err := s.write(ctx, what, &i, func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Records().CountRecords(ctx, RecordKind, "", "")
		if err != nil {
			return err
		}
		if n >= MaxIdentities {
			return fault.New(fault.TooMany).WithField("origination identity")
		}
		r, err := encode(i)
		if err != nil {
			return err
		}
		r.Version = 0
		ok, err := tx.Records().PutRecord(ctx, r)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.ResourceExists).WithField("origination identity")
		}
		i.Version = 1
		return nil
	})
	if err != nil {
		return Identity{}, err
	}
	return i, nil
}

// rewrite commits changes to an identity.
func (s *Service) rewrite(ctx context.Context, id string, version int64, ch Changes) (Identity, error) {
	var i Identity
	err := s.write(ctx, "changed", &i, func(ctx context.Context, tx store.Tx) error {
		r, err := tx.Records().Record(ctx, RecordKind, "", id)
		if errors.Is(err, store.ErrNotFound) {
			return notFound()
		} else if err != nil {
			return err
		}
		if i, err = decode(r); err != nil {
			return err
		}
		if version != 0 && version != i.Version {
			return fault.New(fault.ConcurrentModification)
		}
		ch.apply(&i)
		if err := i.check(); err != nil {
			return err
		}
		i.UpdatedAt = s.c.Now().UTC()
		if r, err = encode(i); err != nil {
			return err
		}
		ok, err := tx.Records().PutRecord(ctx, r)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.ConcurrentModification)
		}
		i.Version++
		return nil
	})
	return i, err
}

func (ch Changes) apply(i *Identity) {
	set(&i.TwoWay, ch.TwoWay)
	set(&i.SelfManagedOptOuts, ch.SelfManagedOptOuts)
	set(&i.International, ch.International)
	set(&i.Protected, ch.Protected)
	set(&i.OptOutList, ch.OptOutList)
	set(&i.RegistrationID, ch.RegistrationID)
	set(&i.MonthlyPrice, ch.MonthlyPrice)
	set(&i.Account, ch.Account)
	set(&i.Status, ch.Status)
	if ch.Tags != nil {
		i.Tags = ch.Tags
	}
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

// write commits a change with its event. i is read after change has run.
func (s *Service) write(ctx context.Context, what string, i *Identity, change func(context.Context, store.Tx) error) error {
	var ev *store.Event
	s.memory.ForgetAll()
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		ev = s.c.Log.Event(eventlog.Entry{Type: eventlog.OriginationChanged, Data: access.Signed(ctx, map[string]any{
			"what": what, "id": i.ID, "kind": string(i.Kind), "type": string(i.Type), "country": i.Country, "value": i.masked(), "status": string(i.Status)})})
		return tx.Events().Append(ctx, ev)
	})
	s.memory.ForgetAll()
	if err != nil {
		return err
	}
	s.c.Log.Publish(ev)
	return nil
}

// Reset takes identities and settings back to none. It is for development.
func (s *Service) Reset(ctx context.Context) error {
	ev := s.c.Log.Event(eventlog.Entry{Type: eventlog.OriginationChanged, Data: map[string]any{"what": "reset"}})
	s.memory.ForgetAll()
	defer s.memory.ForgetAll()
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Records().DeleteRecords(ctx, RecordKind, ""); err != nil {
			return err
		}
		if _, err := tx.Settings().DeleteSetting(ctx, "", settingName); err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err == nil {
		s.c.Log.Publish(ev)
	}
	return err
}

// masked is the value as events show it.
func (i Identity) masked() string {
	if n, err := phone.Parse(i.Value); err == nil {
		return n.Mask()
	}
	return i.Value
}

// Check says what Add would refuse whatever else is there, and returns the identity with its defaults. Errors: fault.InvalidParameter.
func (i Identity) Check() (Identity, error) {
	err := complete(&i)
	return i, err
}
