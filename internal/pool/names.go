package pool

import (
	"context"
	"errors"
	"maps"
	"net/mail"
	"strings"

	"github.com/google/uuid"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/phone"
)

// Kinds of alias keys. The kind is part of the key, so that a username can never own a phone number.
const (
	keyUsername  = "u:"
	keyPhone     = "p:"
	keyEmail     = "e:"
	keyPreferred = "n:"
)

const (
	attrPhone         = "phone_number"
	attrPhoneVerified = "phone_number_verified"
	attrEmail         = "email"
	attrEmailVerified = "email_verified"
	attrPreferred     = "preferred_username"
)

// isEmail reports whether s has the form local@domain, one address and nothing else.
func isEmail(s string) bool {
	if len(s) > 254 || strings.ContainsAny(s, " <>\r\n\t,;\"") {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == "" && strings.Contains(s[strings.LastIndexByte(s, '@')+1:], ".")
}

func isPhone(s string) bool {
	_, err := phone.Parse(s)
	return err == nil
}

// fold makes names equal that the pool takes for equal.
func (c *Config) fold(s string) string {
	if c.CaseSensitive {
		return s
	}
	return strings.ToLower(s)
}

// attributeKey is the alias key of an attribute's value, "" if the value cannot be one.
func (c *Config) attributeKey(attr, value string) string {
	switch attr {
	case attrPhone:
		n, err := phone.Parse(value)
		if err != nil {
			return ""
		}
		return keyPhone + n.LineKey()
	case attrEmail:
		return keyEmail + c.fold(value)
	case attrPreferred:
		return keyPreferred + c.fold(value)
	}
	return ""
}

// nameKeys returns the alias keys under which a typed name may be owned, the most specific first, and the user id that it may be.
func (c *Config) nameKeys(name string) (keys []string, id string) {
	if _, err := uuid.Parse(name); err == nil && len(name) == 36 {
		id = strings.ToLower(name)
	}
	if len(c.UsernameAttributes) == 0 {
		keys = append(keys, keyUsername+c.fold(name))
	}
	if c.aliases(attrPhone) && isPhone(name) {
		keys = append(keys, c.attributeKey(attrPhone, name))
	}
	if c.aliases(attrEmail) && isEmail(name) {
		keys = append(keys, c.attributeKey(attrEmail, name))
	}
	if c.aliases(attrPreferred) {
		keys = append(keys, c.attributeKey(attrPreferred, name))
	}
	return keys, id
}

// nameKey is the first alias key of a typed name, or what stands for it where it can have none.
func (c *Config) nameKey(name string) string {
	keys, id := c.nameKeys(name)
	if len(keys) > 0 {
		return keys[0]
	}
	return "s:" + id
}

// account is what a typed name stands for.
type account struct {
	name string
	// user is nil if nobody owns the name. Pending attempts own nothing, so they are nobody here.
	user *store.User
	// subject is what counters count by: the user's id, or the keyed hash of the name.
	subject string
	// nameKey is the name's first alias key.
	nameKey string
	// network is the keyed hash of the caller's network, known whether the user had a success there lately.
	network string
	known   bool
	// methods are the factors that the session proved, where the account is an access token's (methodOf).
	methods []string
}

// find looks a name up. Unknown names cost the same queries as known ones, but for the row itself.
func (s *Service) find(ctx context.Context, t *tenant, c Caller, name string) (*account, error) {
	keys, id := t.cfg.nameKeys(name)
	a := &account{name: name, nameKey: t.cfg.nameKey(name)}
	var err error
	if a.network, err = s.network(ctx, t.pool.ID, c.IP); err != nil {
		return nil, err
	}
	if a.subject, err = s.lookup(ctx, t.pool.ID, "name", a.nameKey); err != nil {
		return nil, err
	}
	err = s.Store.Read(ctx, func(tx store.Tx) error { return s.read(ctx, tx, t, a, keys, id) })
	return a, err
}

func (s *Service) read(ctx context.Context, tx store.Tx, t *tenant, a *account, keys []string, id string) (err error) {
	a.user, a.known = nil, false
	if id != "" { // first: nobody may take the sub of another as a name
		a.user, err = tx.Users().User(ctx, t.pool.ID, id)
	}
	if len(keys) > 0 && (id == "" || errors.Is(err, store.ErrNotFound)) {
		a.user, _, err = tx.Users().FindUser(ctx, t.pool.ID, keys...)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if a.user == nil {
		return nil
	}
	a.subject = a.user.ID
	if a.network != "" {
		a.known, err = tx.Users().NetworkSeen(ctx, t.pool.ID, a.user.ID, []byte(a.network), s.now())
	}
	return err
}

// mustFind is find for administrators, who are told what does not exist.
func (s *Service) mustFind(ctx context.Context, t *tenant, c Caller, name string) (*account, error) {
	a, err := s.find(ctx, t, c, name)
	if err == nil && a.user == nil {
		return nil, fault.New(fault.UserNotFound)
	}
	return a, err
}

// event prepares an entry about an account. extra is not personal.
func (s *Service) event(ctx context.Context, t *tenant, c Caller, kind eventlog.Type, u *store.User, number string, extra map[string]any) (*store.Event, error) {
	return s.entry(ctx, t, c, kind, u, number, extra, map[string]any{})
}

// entry is event with more that is personal.
func (s *Service) entry(ctx context.Context, t *tenant, c Caller, kind eventlog.Type, u *store.User, number string, extra, personal map[string]any) (*store.Event, error) {
	e := eventlog.Entry{PoolID: t.pool.ID, Type: kind, ClientID: t.clientID(), Number: number, Data: extra, Personal: personal, At: s.now()}
	if c.IP.IsValid() {
		e.Personal["ip"] = c.IP.String()
	}
	if c.UserAgent != "" {
		e.Personal["user_agent"] = c.UserAgent
	}
	if c.Admin != "" {
		e.Data = withValue(extra, "access_key", c.Admin)
	}
	if u == nil {
		return s.Events.Prepare(ctx, e, secret.Key{})
	}
	e.UserID = u.ID
	if len(u.SealedDataKey) == 0 {
		return s.Events.Prepare(ctx, e, secret.Key{})
	}
	key, err := s.Keys.OpenDataKey(ctx, u.PoolID, u.ID, u.SealedDataKey)
	if err != nil {
		return nil, err
	}
	return s.Events.Prepare(ctx, e, key)
}

func withValue(m map[string]any, key string, v any) map[string]any {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]any{}
	}
	out[key] = v
	return out
}
