package pool_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

const (
	adminPhone    = "+12025550100"
	adminPassword = "Passw0rd!"
)

// Every change that an administrator makes is an event that names its access key.
func TestAdminEventsNameTheKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		h := pooltest.New(t, s)
		poolID := h.Pool(pooltest.PhonePool())
		h.SignUp(h.Client(poolID, pooltest.AppClient()), adminPhone, adminPassword)
		ctx, c, svc := t.Context(), h.Admin(), h.Service
		for _, a := range []struct {
			name string
			do   func() error
		}{
			{"update", func() error {
				return svc.AdminUpdateAttributes(ctx, c, poolID, adminPhone, []pool.Attr{{Name: "name", Value: "Ann"}})
			}},
			{"delete attributes", func() error { return svc.AdminDeleteAttributes(ctx, c, poolID, adminPhone, []string{"name"}) }},
			{"disable", func() error { return svc.AdminDisable(ctx, c, poolID, adminPhone) }},
			{"enable", func() error { return svc.AdminEnable(ctx, c, poolID, adminPhone) }},
			{"preference", func() error {
				return svc.AdminSetMFAPreference(ctx, c, poolID, adminPhone, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}})
			}},
			{"sign out", func() error { return svc.AdminSignOut(ctx, c, poolID, adminPhone) }},
			{"reset", func() error { return svc.AdminResetPassword(ctx, c, poolID, adminPhone) }},
			{"password", func() error { return svc.AdminSetPassword(ctx, c, poolID, adminPhone, adminPassword, true) }},
			{"authenticator", func() error { return svc.AdminDeleteTOTP(ctx, c, poolID, adminPhone) }},
			{"delete", func() error { return svc.AdminDeleteUser(ctx, c, poolID, adminPhone) }},
			{"create", func() error {
				_, err := svc.AdminCreateUser(ctx, c, pool.AdminCreateInput{PoolID: poolID, Username: adminPhone})
				return err
			}},
			{"invite again", func() error {
				_, err := svc.AdminCreateUser(ctx, c, pool.AdminCreateInput{PoolID: poolID, Username: adminPhone, Action: "RESEND"})
				return err
			}},
		} {
			before := signedEvents(h, poolID, c.Admin)
			if err := a.do(); err != nil {
				t.Fatalf("%s: %v", a.name, err)
			}
			if n := signedEvents(h, poolID, c.Admin) - before; n != 1 {
				t.Errorf("%s: %d events name the key, want 1", a.name, n)
			}
			h.Advance(time.Minute)
		}
	})
}

func signedEvents(h *pooltest.Harness, poolID, key string) (n int) {
	h.Read(func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(context.Background(), store.EventQuery{PoolID: poolID, Limit: 500})
		for _, e := range list {
			if strings.Contains(string(e.Data), key) {
				n++
			}
		}
		return err
	})
	return n
}

// Invitations go on the slowest lane, and neither they nor resets are limited by the network of the server that asks for them.
func TestBulkInvitations(t *testing.T) {
	h := pooltest.New(t, storetest.SQLite(t), func(o *pool.Options) { o.Limits.SendsNetwork = 3 })
	cfg := pooltest.PhonePool()
	cfg.Templates.SMSInvite = "{username}, you are welcome: {####}"
	poolID := h.Pool(cfg)
	for i := range 10 {
		name := fmt.Sprintf("+1202555%04d", i)
		if _, err := h.Service.AdminCreateUser(t.Context(), h.Admin(), pool.AdminCreateInput{
			PoolID: poolID, Username: name, TemporaryPassword: "Temp0rary!",
		}); err != nil {
			t.Fatalf("invitation %d: %v", i, err)
		}
	}
	if n := len(h.Messages()); n != 10 {
		t.Errorf("%d invitations, want 10", n)
	}
	for _, m := range h.Messages() {
		if m.Lane != store.LaneNotice || m.Text != m.To+", you are welcome: Temp0rary!" {
			t.Fatalf("lane %d, text %q", m.Lane, m.Text)
		}
	}
}

// A retry of RESEND whose answer was lost makes no second password and no second message.
func TestInvitationRetry(t *testing.T) {
	h := pooltest.New(t, storetest.SQLite(t))
	poolID := h.Pool(pooltest.PhonePool())
	clientID := h.Client(poolID, pooltest.AppClient())
	c := h.Admin()
	in := pool.AdminCreateInput{PoolID: poolID, Username: adminPhone}
	if _, err := h.Service.AdminCreateUser(t.Context(), c, in); err != nil {
		t.Fatal(err)
	}
	c.Invocation, in.Action = "7f1c", "RESEND"
	for range 3 {
		if _, err := h.Service.AdminCreateUser(t.Context(), c, in); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(h.To(adminPhone)); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	if out := h.Begin(clientID, adminPhone, h.Code(adminPhone)); out.Challenge != "NEW_PASSWORD_REQUIRED" {
		t.Errorf("got challenge %q", out.Challenge)
	}
}

// Passwords that nobody chose satisfy the policy, and invitations of pools without one carry none.
func TestInvitationPasswords(t *testing.T) {
	h := pooltest.New(t, storetest.SQLite(t))
	cfg := pooltest.PhonePool()
	cfg.Password.MinLength, cfg.FirstFactors = 30, []string{"PASSWORD", "SMS_OTP"}
	poolID := h.Pool(cfg)
	verified := []pool.Attr{{Name: "phone_number_verified", Value: "true"}}
	create := func(name string, attrs []pool.Attr) *pool.UserView {
		t.Helper()
		u, err := h.Service.AdminCreateUser(t.Context(), h.Admin(), pool.AdminCreateInput{PoolID: poolID, Username: name, Attributes: attrs})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	// The default text has a place for a password.
	if u := create("+12025550101", verified); u.Status != store.ForceChangePassword || len(h.Code("+12025550101")) < 30 {
		t.Errorf("got %s", u.Status)
	}
	h.Reconfigure(poolID, func(c *pool.Config) { c.Templates.SMSInvite = "Welcome, {username}." })
	if u := create("+12025550102", verified); u.Status != store.Confirmed || h.Last("+12025550102").Text != "Welcome, +12025550102." || h.Last("+12025550102").Code != "" {
		t.Errorf("got %s, %+v", u.Status, h.Last("+12025550102"))
	}
	// A number that nobody vouches for can receive no first factor.
	if u := create("+12025550103", nil); u.Status != store.ForceChangePassword {
		t.Errorf("got %s", u.Status)
	}
}

func TestParseFilter(t *testing.T) {
	for in, want := range map[string]pool.UserFilter{
		"":                                     {},
		"  ":                                   {},
		`name = "Ann"`:                         {Field: "name", Value: "Ann"},
		`name="Ann"`:                           {Field: "name", Value: "Ann"},
		`"name" ^= "An"`:                       {Field: "name", Value: "An", Prefix: true},
		`given_name = "A \"B\" \\ C"`:          {Field: "given_name", Value: `A "B" \ C`},
		`name = "a = ^= b"`:                    {Field: "name", Value: "a = ^= b"},
		`username = ""`:                        {Field: "username"},
		`cognito:user_status = "Confirmed"`:    {Field: "status", Value: "CONFIRMED"},
		`status = "Enabled"`:                   {Field: "enabled", Value: "true"},
		`status ^= "Dis"`:                      {Field: "enabled", Value: "false"},
		`status ^= ""`:                         {},
		`status = "true"`:                      {Field: "sub", Value: "-"},
		`sub = "7C3F2B1E-5A64-4A0E-9D53-0000"`: {Field: "sub", Value: "7c3f2b1e-5a64-4a0e-9d53-0000"},
	} {
		if got, err := pool.ParseFilter(in); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{
		"name", `name "Ann"`, `name = Ann`, `name = "Ann`, `name = "Ann\"`, `name = "Ann" and sub = "x"`, `name ^ "A"`, `= "A"`, `custom:x = "A"`, `name = "` + strings.Repeat("x", 250) + `"`,
		"name = \"\xff\"", `name ^^= "A"`, `Name = "A"`,
	} {
		if got, err := pool.ParseFilter(in); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%s: got %+v, %v", in, got, err)
		}
	}
}

// A filter that was read can be written again and reads the same.
func FuzzParseFilter(f *testing.F) {
	f.Add(`name ^= "A \"B\" \\"`)
	f.Add(`status = "Enabled"`)
	f.Add(`phone_number="+1202"`)
	f.Fuzz(func(t *testing.T, in string) {
		got, err := pool.ParseFilter(in)
		if err != nil || got.Field == "" || got.Field == "enabled" || got.Field == "status" {
			return
		}
		op := "="
		if got.Prefix {
			op = "^="
		}
		again := got.Field + op + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(got.Value) + `"`
		if len(again) > 256 {
			return
		}
		if back, err := pool.ParseFilter(again); err != nil || back != got {
			t.Errorf("%q reads as %+v; %q as %+v, %v", in, got, again, back, err)
		}
	})
}

// Pages of a prefix go on where they ended, whatever was deleted meanwhile.
func TestListUsersPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		h := pooltest.New(t, s)
		poolID := h.Pool(pooltest.PhonePool())
		for _, n := range []string{"1", "2", "3", "4", "5"} {
			in := pool.AdminCreateInput{PoolID: poolID, Username: "+1202555010" + n, Action: "SUPPRESS", TemporaryPassword: "Temp0rary!"}
			if _, err := h.Service.AdminCreateUser(t.Context(), h.Admin(), in); err != nil {
				t.Fatal(err)
			}
		}
		for _, filter := range []string{"", `phone_number ^= "+1202"`, `cognito:user_status = "FORCE_CHANGE_PASSWORD"`} {
			seen := map[string]bool{}
			in := pool.ListInput{PoolID: poolID, Filter: filter, Limit: 2}
			for range 4 {
				list, next, err := h.Service.ListUsers(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range list {
					seen[u.Sub] = true
				}
				if in.After = next; next == nil {
					break
				}
			}
			if len(seen) != 5 || in.After != nil {
				t.Errorf("%q: saw %d of 5, ended: %t", filter, len(seen), in.After == nil)
			}
		}
		list, next, err := h.Service.ListUsers(t.Context(), pool.ListInput{PoolID: poolID, Filter: `phone_number ^= "+1202"`, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Service.AdminDeleteUser(t.Context(), h.Admin(), poolID, list[1].Sub); err != nil {
			t.Fatal(err)
		}
		rest, _, err := h.Service.ListUsers(t.Context(), pool.ListInput{PoolID: poolID, Filter: `phone_number ^= "+1202"`, After: next})
		if err != nil || len(rest) != 3 {
			t.Errorf("after a deletion: %d users, %v", len(rest), err)
		}
	})
}
