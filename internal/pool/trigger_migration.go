package pool

import (
	"context"
	"maps"
	"slices"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

const askForgotPassword = "ForgotPassword"

// migrate asks UserMigration about a name that nobody has, and creates the user that the function knows. It returns the account as it is
// then. what is askAuthentication, with the password that was typed, or askForgotPassword. Where existence is hidden every failure of the
// function is as if it did not know the user.
func (s *Service) migrate(ctx context.Context, t *tenant, c Caller, a *account, what, pw string) (*account, error) {
	if a.user != nil || !t.has(trigger.UserMigration) || (what == askAuthentication && pw == "") {
		return a, nil
	}
	if what == askAuthentication { // a locked name is not tried at the other side either
		err := s.Store.Read(ctx, func(tx store.Tx) error { return s.guard.Check(ctx, tx, s.try(t, a, guard.Password)) })
		if err != nil {
			return nil, err
		}
	}
	answer, err := ask[trigger.MigrationAnswer](ctx, s, t, c, trigger.UserMigration, what, "", a.whom(), trigger.MigrationRequest{
		Password: pw, ValidationData: c.first, ClientMetadata: c.Metadata,
	})
	var u *store.User
	var attr string
	if err == nil {
		if u, attr, err = s.migratedUser(ctx, t, a, answer, pw); err != nil && fault.CodeOf(err) != fault.InternalError {
			err = s.triggerFailed(ctx, t, c, trigger.UserMigration, what, a.whom(), trigger.Invalid(trigger.UserMigration, fault.Of(err).Public+" "+fault.Of(err).Hint))
		}
	}
	if err != nil {
		return a, s.notMigrated(ctx, t, c, a, what, err)
	}
	now, err := s.storeMigrated(ctx, t, c, a, u, attr, answer.ForceAliasCreation)
	switch code := fault.CodeOf(err); code {
	case fault.UsernameTaken, fault.SignInNameTaken, fault.AliasTaken:
		err = s.triggerFailed(ctx, t, c, trigger.UserMigration, what, a.whom(), trigger.Invalid(trigger.UserMigration, "the username or a verified attribute belongs to another user"))
		return a, s.notMigrated(ctx, t, c, a, what, err)
	}
	return now, err
}

// migratedUser is the user that a function described. Its attributes are taken as an administrator's.
func (s *Service) migratedUser(ctx context.Context, t *tenant, a *account, answer trigger.MigrationAnswer, pw string) (*store.User, string, error) {
	name, attrs := a.name, maps.Clone(answer.UserAttributes)
	if own := attrs["username"]; own != "" && len(t.cfg.UsernameAttributes) == 0 {
		name = own // signed in with an alias
	}
	delete(attrs, "username")
	var list []Attr
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		list = append(list, Attr{k, attrs[k]})
	}
	u, attr, err := s.newUser(ctx, t, name, list, byAdmin)
	if err != nil {
		return nil, "", err
	}
	if !t.leadsTo(a.name, u) {
		return nil, "", fault.Invalidf("username", "userAttributes are not of the user that was asked for: its username or a verified alias.")
	}
	switch answer.FinalUserStatus {
	case string(store.Confirmed):
		u.Status = store.Confirmed
	case "", string(store.ResetRequired):
		u.Status = store.ResetRequired
	default:
		return nil, "", fault.Invalidf("finalUserStatus", "finalUserStatus must be CONFIRMED or RESET_REQUIRED.")
	}
	u.MFA.SMS = answer.EnableSMSMFA && u.Attributes[attrPhone] != ""
	return u, attr, s.setPassword(ctx, t, u, pw)
}

// leadsTo reports whether a new user is found by a typed name: by its username, or an alias that is verified.
func (t *tenant) leadsTo(name string, u *store.User) bool {
	keys, _ := t.cfg.nameKeys(name)
	for _, attr := range []string{attrPhone, attrEmail, attrPreferred} {
		own := t.cfg.usesName(attr) || attr == attrPreferred || u.Attributes[attr+"_verified"] == "true"
		if v := u.Attributes[attr]; v != "" && own && slices.Contains(keys, t.cfg.attributeKey(attr, v)) {
			return true
		}
	}
	return slices.Contains(keys, keyUsername+t.cfg.fold(u.Username))
}

// storeMigrated stores the user and returns the account as it is then. What is taken may have been so by a sign-in of the same user at the
// same time.
func (s *Service) storeMigrated(ctx context.Context, t *tenant, c Caller, a *account, u *store.User, attr string, force bool) (*account, error) {
	ev, err := s.event(ctx, t, c, eventlog.UserCreated, u, "", map[string]any{"status": string(u.Status), "migrated": true})
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		if err := tx.Users().InsertUser(ctx, u); err != nil {
			return err
		}
		if err := s.claimInvited(ctx, tx, t, u, attr, force); err != nil {
			return err
		}
		if err := tx.Users().DeleteAttempts(ctx, t.pool.ID, a.nameKey); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
	switch fault.CodeOf(err) {
	case "", fault.UsernameTaken, fault.SignInNameTaken, fault.AliasTaken:
	default:
		return nil, err
	}
	now, lost := s.find(ctx, t, c, a.name)
	if lost != nil {
		return nil, lost
	}
	if now.user != nil {
		err = nil
	}
	return now, err
}

// notMigrated is the answer where the function did not give the user.
func (s *Service) notMigrated(ctx context.Context, t *tenant, c Caller, a *account, what string, cause error) error {
	switch code := fault.CodeOf(cause); {
	case code == fault.InternalError || ctx.Err() != nil:
		return cause
	case t.concealed():
		return nil
	case code != fault.TriggerRefused:
		return cause
	}
	refused := fault.New(fault.UserNotFound).WithPublic("Exception migrating user in app client %s", t.clientID())
	if what != askAuthentication {
		return refused
	}
	bad, err := s.failure(ctx, t, c, a)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error { // the password was tried: it counts, or else it could be guessed through this server
		turn, err := s.guard.Begin(ctx, tx, s.try(t, a, guard.Password))
		if err != nil {
			return err
		}
		return s.wrong(ctx, tx, t, a, turn, bad, refused)
	})
}
