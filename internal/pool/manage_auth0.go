package pool

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
)

// ManagedUser is a user whom an administrator creates on the Auth0 wire: complete at once, without an invitation.
type ManagedUser struct {
	PoolID string
	// Connection is DatabaseConnection, ConnectionSMS or ConnectionEmail. Users of the first need a Password, others have none, and their number or address
	// is verified unless Attributes say otherwise.
	Connection string
	// Username may be empty: users are then found by number or address.
	Username string
	Password string
	// Attributes may hold *_verified.
	Attributes []Attr
	Blocked    bool
	// UserMetadata and AppMetadata are JSON objects, 16 KiB each at most; empty: none.
	UserMetadata, AppMetadata json.RawMessage
}

// CreateManaged creates a user and returns it. Errors: InvalidParameter, UsernameTaken, AliasTaken, PasswordPolicy, those of the trigger PreSignUp.
func (s *Service) CreateManaged(ctx context.Context, c Caller, in ManagedUser) (*store.User, error) {
	t, err := s.byPool(ctx, in.PoolID)
	if err != nil {
		return nil, err
	}
	name, err := t.managedName(&in)
	if err != nil {
		return nil, err
	}
	u, attr, err := s.newUser(ctx, t, name, in.Attributes, byAdmin)
	if err != nil {
		return nil, err
	}
	a, err := s.find(ctx, t, c, name)
	if err != nil {
		return nil, err
	}
	if a.user != nil {
		return nil, taken(attr)
	}
	if err := t.complete(u, &in); err != nil {
		return nil, err
	}
	if _, err := s.preSignUp(ctx, t, c, askAdminCreate, u, nil); err != nil {
		return nil, err
	}
	if in.Password != "" {
		if err := t.cfg.Password.Check(in.Password); err != nil {
			return nil, err
		}
		if err := s.setPassword(ctx, t, u, in.Password); err != nil {
			return nil, err
		}
	}
	ev, err := s.event(ctx, t, c, eventlog.UserCreated, u, "", map[string]any{"status": string(u.Status), "connection": in.Connection})
	if err != nil {
		return nil, err
	}
	err = again(func() error {
		return s.write(ctx, func(tx *unit) error {
			if err := s.storeInvited(ctx, tx, t, a, u, attr, false, nil, ev); err != nil {
				return err
			}
			d := t.destinationOfUser(u)
			if d == nil {
				return nil
			}
			own, err := claimDestination(ctx, tx, t, u, d)
			if err == nil && !own {
				err = fault.New(fault.AliasTaken).WithField(d.attr)
			}
			return err
		})
	})
	return u, err
}

// managedName is the name under which a user is created: what the pool's users sign in with.
func (t *tenant) managedName(in *ManagedUser) (string, error) {
	value := map[string]string{}
	for _, a := range in.Attributes {
		value[a.Name] = a.Value
	}
	own := ownAttribute[in.Connection]
	switch in.Connection {
	case ConnectionSMS, ConnectionEmail:
	case DatabaseConnection:
		if in.Password == "" {
			return "", fault.Invalidf("password", "Users of the connection %s need a password.", in.Connection)
		}
	default:
		return "", fault.Invalidf("connection", "There is no connection %q.", in.Connection)
	}
	in.Attributes = vouched(in.Connection, in.Attributes, nil)
	switch {
	case own != "" && (value[own] == "" || in.Password != "" || in.Username != ""):
		return "", fault.Invalidf(own, "Users of the connection %s have a %s, and neither a password nor a username.", in.Connection, own)
	case in.Username != "" && len(t.cfg.UsernameAttributes) > 0:
		return "", fault.Invalidf("username", "Users sign in with their phone number or e-mail address here; they have no username.")
	case in.Username != "":
		return in.Username, nil
	}
	for _, attr := range []string{own, attrEmail, attrPhone} {
		if v := value[attr]; v != "" && (t.cfg.usesName(attr) || len(t.cfg.UsernameAttributes) == 0 && !t.cfg.aliases(attr)) {
			return v, nil
		}
	}
	if len(t.cfg.UsernameAttributes) == 0 && (value[attrEmail] != "" || value[attrPhone] != "") {
		return randomText(lowerAndDigits, 20), nil // found by the number or address alone
	}
	want := firstOf(strings.Join(t.cfg.UsernameAttributes, " or "), "username, email or phone_number")
	return "", fault.Invalidf("username", "The user needs a name to sign in with: %s.", want)
}

// ownAttribute is what users of a passwordless connection sign in with.
var ownAttribute = map[string]string{ConnectionSMS: attrPhone, ConnectionEmail: attrEmail}

// vouched adds that the number or address of a user of a passwordless connection is verified, if it is among the attributes and nothing else is said: the
// administrator says who it signs in.
func vouched(connection string, list []Attr, verify []string) []Attr {
	own := ownAttribute[connection]
	has := func(name string) bool {
		return slices.ContainsFunc(list, func(a Attr) bool { return a.Name == name && a.Value != "" })
	}
	if own == "" || !has(own) || has(own+"_verified") || slices.Contains(verify, own) {
		return list
	}
	return append(slices.Clone(list), Attr{own + "_verified", "true"})
}

// complete makes a new user one that can sign in.
func (t *tenant) complete(u *store.User, in *ManagedUser) error {
	u.Status, u.Enabled = store.Confirmed, !in.Blocked
	m := &store.Meta{}
	if in.Connection != DatabaseConnection {
		m.Connection = in.Connection
	}
	var err error
	if m.User, err = patchMeta(nil, in.UserMetadata, "user_metadata"); err != nil {
		return err
	}
	if m.App, err = patchMeta(nil, in.AppMetadata, "app_metadata"); err != nil {
		return err
	}
	u.Meta = m
	return nil
}

// patchMeta merges a JSON object into metadata by its first level; a null member removes. An empty object, or null, removes all.
func patchMeta(old, change json.RawMessage, name string) (json.RawMessage, error) {
	if len(change) == 0 {
		return old, nil
	}
	var members map[string]any
	if err := json.Unmarshal(change, &members); err != nil {
		return nil, fault.Invalidf(name, "%s must be an object.", name)
	}
	if len(members) == 0 {
		return nil, nil
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(change, &raw); err != nil {
		return nil, fault.Invalidf(name, "%s must be an object.", name)
	}
	for k, v := range members { // numbers as they were written
		if v != nil {
			members[k] = raw[k]
		}
	}
	out, err := mergeMeta(old, members)
	switch {
	case fault.CodeOf(err) == fault.LoginRefused:
		return nil, fault.Invalidf(name, "%s must not be larger than %d KiB.", name, maxMeta>>10)
	case err != nil:
		return nil, err
	case string(out) == "{}":
		return nil, nil
	}
	return out, nil
}

// ManagedChange is a change of a user by an administrator on the Auth0 wire. What is nil or empty stays.
type ManagedChange struct {
	// Attributes as in AdminUpdateAttributes, but codes go only to the contacts in Verify (phone_number, email), and what a user of a passwordless
	// connection signs in with is verified unless Attributes or Verify say otherwise.
	Attributes []Attr
	Verify     []string
	Password   *string
	Blocked    *bool
	// UserMetadata and AppMetadata are merged into what is there by their first level; an empty object removes all.
	UserMetadata, AppMetadata json.RawMessage
}

// UpdateManaged changes a user. It is done in up to four steps (attributes, password, block, metadata), each of which is whole; what can be judged
// before is. Errors: UserNotFound, InvalidParameter, AliasTaken, PasswordPolicy, PasswordReused.
func (s *Service) UpdateManaged(ctx context.Context, c Caller, poolID, userID string, ch ManagedChange) error {
	c = c.asking()
	if err := s.judgeManaged(ctx, c, poolID, userID, &ch); err != nil {
		return err
	}
	if len(ch.Attributes) > 0 {
		err := s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
			values, err := t.checkAttributes(vouched(metaOf(a.user).Connection, ch.Attributes, ch.Verify), byAdmin, false)
			if err != nil {
				return err
			}
			_, err = s.change(ctx, t.verifying(ch.Verify), c, a, values, byAdmin)
			return err
		})
		if err != nil {
			return err
		}
	}
	if ch.Password != nil {
		if err := s.AdminSetPassword(ctx, c, poolID, userID, *ch.Password, true); err != nil {
			return err
		}
	}
	if ch.Blocked != nil {
		block := s.AdminEnable
		if *ch.Blocked {
			block = s.AdminDisable
		}
		if err := block(ctx, c, poolID, userID); err != nil {
			return err
		}
	}
	if len(ch.UserMetadata)+len(ch.AppMetadata) == 0 {
		return nil
	}
	return s.setMeta(ctx, c, poolID, userID, &ch)
}

// judgeManaged refuses what could be known to fail in a later step.
func (s *Service) judgeManaged(ctx context.Context, c Caller, poolID, userID string, ch *ManagedChange) error {
	return s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		if ch.Password != nil {
			if name := metaOf(a.user).Connection; name != "" {
				return fault.Invalidf("password", "Users of the connection %s have no password.", name)
			}
			if err := t.cfg.Password.Check(*ch.Password); err != nil {
				return err
			}
		}
		if _, err := patchMeta(metaOf(a.user).User, ch.UserMetadata, "user_metadata"); err != nil {
			return err
		}
		_, err := patchMeta(metaOf(a.user).App, ch.AppMetadata, "app_metadata")
		return err
	})
}

// verifying is the tenant with codes for changed contacts switched on for these alone.
func (t *tenant) verifying(contacts []string) *tenant {
	cfg, on := *t.cfg, *t
	cfg.AutoVerified, on.cfg = contacts, &cfg
	return &on
}

func (s *Service) setMeta(ctx context.Context, c Caller, poolID, userID string, ch *ManagedChange) error {
	return s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		up := cloneUser(a.user)
		m := *metaOf(a.user)
		var err error
		if m.User, err = patchMeta(m.User, ch.UserMetadata, "user_metadata"); err != nil {
			return err
		}
		if m.App, err = patchMeta(m.App, ch.AppMetadata, "app_metadata"); err != nil {
			return err
		}
		up.Meta = &m
		return s.saveManaged(ctx, t, c, up, eventlog.UserChanged, map[string]any{"metadata": true})
	})
}

// saveManaged stores a user that an administrator changed.
func (s *Service) saveManaged(ctx context.Context, t *tenant, c Caller, up *store.User, kind eventlog.Type, data map[string]any) error {
	ev, err := s.event(ctx, t, c, kind, up, "", data)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error {
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
}

// ForgetNetworks makes every network and device new to the user again. Errors: UserNotFound.
func (s *Service) ForgetNetworks(ctx context.Context, c Caller, poolID, userID string) error {
	return s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		ev, err := s.event(ctx, t, c, eventlog.FactorsChanged, a.user, "", map[string]any{"networks": "forgotten"})
		if err != nil {
			return err
		}
		return s.write(ctx, func(tx *unit) error {
			if err := tx.Users().ForgetNetworks(ctx, a.user.PoolID, a.user.ID); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		})
	})
}
