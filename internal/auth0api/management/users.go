package management

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/store"
)

const readUsers = "read:users read:user_idp_tokens"

func userRoutes() []route {
	return []route{
		{"GET", "/users", readUsers, (*api).listUsers, "q, page, per_page, sort, connection, fields, include_totals; 1000 users can be reached"},
		{"POST", "/users", "create:users", (*api).createUser, "connection, email, phone_number, username, password, blocked, metadata; sends nothing"},
		{"GET", "/users-by-email", readUsers, (*api).usersByEmail, "email"},
		{"GET", "/users/{id}", readUsers, (*api).getUser, "fields; any prefix of the id will do"},
		{"PATCH", "/users/{id}", "update:users update:users_app_metadata", (*api).updateUser, "verify_email and verify_phone_number send a code"},
		{"DELETE", "/users/{id}", "delete:users", (*api).deleteUser, "204 for unknown ones, too"},
		{"POST", "/users/{id}/recovery-code-regeneration", "update:users", (*api).regenerateRecovery, "the code is shown this once"},
		{"POST", "/users/{id}/multifactor/actions/invalidate-remember-browser", "update:users", (*api).forgetBrowsers, "every network is new to the user again"},
		{"POST", "/users/{id}/revoke-access", "update:users", (*api).revokeAccess, "all sessions; 202"},
		{"DELETE", "/users/{id}/multifactor/{name}", "update:users", (*api).deleteAuthenticatorApp, "google-authenticator; duo is never there"},
		{"GET", "/users/{id}/roles", "read:users", noneOf("roles"), "an empty list"},
		{"GET", "/users/{id}/permissions", "read:users", noneOf("permissions"), "an empty list"},
		{"GET", "/users/{id}/organizations", "read:users", noneOf("organizations"), "an empty list"},
	}
}

// noneOf answers an empty list about a user.
func noneOf(key string) func(*api, context.Context, *Request) (int, any, error) {
	return func(a *api, ctx context.Context, r *Request) (int, any, error) {
		if _, err := a.onUser(ctx, r); err != nil {
			return 0, nil, err
		}
		return emptyList(r, key)
	}
}

// connectionDatabase is the id of the connection of users with a password; the others are "con_sms" and "con_email".
const connectionDatabase = "con_database"

// identity says where a user comes from.
type identity struct {
	Connection string `json:"connection"`
	Provider   string `json:"provider"`
	UserID     string `json:"user_id"`
	IsSocial   bool   `json:"isSocial"`
}

// userBody is a user on the wire.
type userBody struct {
	UserID        string          `json:"user_id"`
	Email         string          `json:"email,omitempty"`
	EmailVerified *bool           `json:"email_verified,omitempty"`
	Phone         string          `json:"phone_number,omitempty"`
	PhoneVerified *bool           `json:"phone_verified,omitempty"`
	Username      string          `json:"username,omitempty"`
	Name          string          `json:"name,omitempty"`
	Nickname      string          `json:"nickname,omitempty"`
	GivenName     string          `json:"given_name,omitempty"`
	FamilyName    string          `json:"family_name,omitempty"`
	Picture       string          `json:"picture,omitempty"`
	Identities    []identity      `json:"identities"`
	UserMetadata  json.RawMessage `json:"user_metadata,omitempty"`
	AppMetadata   json.RawMessage `json:"app_metadata,omitempty"`
	Multifactor   []string        `json:"multifactor,omitempty"`
	Blocked       bool            `json:"blocked,omitempty"`
	CreatedAt     string          `json:"created_at"`
	UpdatedAt     string          `json:"updated_at"`
	LastLogin     string          `json:"last_login,omitempty"`
	Logins        int             `json:"logins_count"`
}

// connectionOf is the connection that a user belongs to, and its provider.
func connectionOf(u *store.User) (name, provider string) {
	if u.Meta != nil && u.Meta.Connection != "" {
		return u.Meta.Connection, u.Meta.Connection
	}
	return pool.DatabaseConnection, "auth0"
}

func userOf(u *store.User) *userBody {
	at := u.Attributes
	connection, provider := connectionOf(u)
	b := &userBody{
		UserID: provider + "|" + u.ID, Email: at["email"], Phone: at["phone_number"], Name: at["name"], Nickname: at["nickname"], GivenName: at["given_name"],
		FamilyName: at["family_name"], Picture: at["picture"], Identities: []identity{{connection, provider, u.ID, false}}, Blocked: !u.Enabled,
		CreatedAt: u.CreatedAt.UTC().Format(logTime), UpdatedAt: u.UpdatedAt.UTC().Format(logTime),
	}
	if b.Email != "" {
		b.EmailVerified = new(at["email_verified"] == "true")
	}
	if b.Phone != "" {
		b.PhoneVerified = new(at["phone_number_verified"] == "true")
	}
	if u.Username != u.ID {
		b.Username = u.Username
	}
	if u.MFA.SMS || u.MFA.TOTPReady || u.MFA.Email {
		b.Multifactor = []string{"guardian"}
	}
	if m := u.Meta; m != nil {
		b.UserMetadata, b.AppMetadata, b.Logins = m.User, m.App, m.Logins
		if !m.LastLogin.IsZero() {
			b.LastLogin = m.LastLogin.UTC().Format(logTime)
		}
	}
	return b
}

// userID is the user that the path names. Errors: UserNotFound.
func (a *api) userID(r *Request) (string, error) {
	id := userIDOf(r.Param("id"))
	u, err := uuid.Parse(id)
	if err != nil || len(id) != 36 {
		return "", fault.New(fault.UserNotFound)
	}
	return u.String(), nil
}

// readUser reads a user's row. Errors: UserNotFound.
func (a *api) readUser(ctx context.Context, poolID, id string) (u *store.User, err error) {
	err = a.Store.Read(ctx, func(tx store.Tx) (err error) {
		u, err = tx.Users().User(ctx, poolID, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.UserNotFound)
	}
	return u, err
}

// onUser reads the user that the path names.
func (a *api) onUser(ctx context.Context, r *Request) (*store.User, error) {
	id, err := a.userID(r)
	if err != nil {
		return nil, err
	}
	return a.readUser(ctx, r.PoolID, id)
}

func (a *api) getUser(ctx context.Context, r *Request) (int, any, error) {
	u, err := a.onUser(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, userOf(u), nil
}

var (
	emailRule    = wire.Rule{Title: "The user's email", Min: 1, Max: 254}
	phoneRule    = wire.Rule{Title: "The user's phone number (following the E.164 recommendation)", Min: 2, Max: 30}
	usernameRule = wire.Rule{Title: "The user's username", Min: 1, Max: 128}
	passwordRule = wire.Rule{Title: "Initial password for this user", Min: 1, Max: 256}
	// profile are members that are attributes of the same name.
	profile = []string{"name", "given_name", "family_name", "nickname", "picture"}
)

// connections are the names that there are.
func connections() []string {
	return []string{pool.DatabaseConnection, pool.ConnectionSMS, pool.ConnectionEmail}
}

// contacts reads what both creating and changing a user take: its attributes, and which contacts are to be verified by a code.
func contacts(f *wire.Fields, removable bool) (list []pool.Attr, verify []string) {
	set := func(name string, v *string) {
		switch {
		case v != nil:
			list = append(list, pool.Attr{Name: name, Value: *v})
		case removable && f.IsNull(name):
			list = append(list, pool.Attr{Name: name})
		}
	}
	email, number, text := emailRule, phoneRule, wire.Rule{Max: 300}
	email.Null, number.Null, text.Null = removable, removable, removable
	set("email", f.Text("email", email))
	set("phone_number", f.Text("phone_number", number))
	for _, name := range profile {
		set(name, f.Text(name, text))
	}
	for member, attr := range map[string]string{"email_verified": "email_verified", "phone_verified": "phone_number_verified"} {
		if v := f.Bool(member, wire.Rule{}); v != nil {
			list = append(list, pool.Attr{Name: attr, Value: map[bool]string{true: "true", false: "false"}[*v]})
		}
	}
	for member, attr := range map[string]string{"verify_email": "email", "verify_phone_number": "phone_number"} {
		if value(f.Bool(member, wire.Rule{})) {
			verify = append(verify, attr)
		}
	}
	return list, verify
}

func (a *api) createUser(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	in := pool.ManagedUser{
		PoolID: r.PoolID, Connection: value(f.Text("connection", wire.Rule{Title: "Name of the connection this user should be created in", Required: true, Max: 128})),
		Username: value(f.Text("username", usernameRule)), Password: value(f.Text("password", passwordRule)), Blocked: value(f.Bool("blocked", wire.Rule{})),
	}
	in.Attributes, _ = contacts(f, false)
	in.UserMetadata, in.AppMetadata = object(f, "user_metadata"), object(f, "app_metadata")
	if f.Has("user_id") {
		f.Fail("user_id", "", "Ids are chosen by this server")
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if _, ok := connectionByName(in.Connection); !ok {
		return 0, nil, wire.Errorf(http.StatusBadRequest, "inexistent_connection", "The connection does not exist.")
	}
	u, err := a.Pools.CreateManaged(ctx, r.Caller, in)
	if err != nil {
		return 0, nil, err
	}
	body := userOf(u)
	r.Detail("user", body.UserID)
	return http.StatusCreated, body, nil
}

// object is a member that is an object, as it was sent; null is an empty one.
func object(f *wire.Fields, name string) json.RawMessage {
	if f.IsNull(name) {
		return json.RawMessage("{}")
	}
	if f.Object(name, wire.Rule{Title: name}) == nil {
		return nil
	}
	return f.Raw(name, wire.Rule{})
}

func (a *api) updateUser(ctx context.Context, r *Request) (int, any, error) {
	id, err := a.userID(r)
	if err != nil {
		return 0, nil, err
	}
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	password := passwordRule
	password.Null = true
	ch := pool.ManagedChange{Password: f.Text("password", password), Blocked: f.Bool("blocked", wire.Rule{})}
	ch.Attributes, ch.Verify = contacts(f, true)
	ch.UserMetadata, ch.AppMetadata = object(f, "user_metadata"), object(f, "app_metadata")
	f.Text("connection", wire.Rule{OneOf: connections()})
	f.Ignore("client_id", "verify_password")
	if f.Has("username") {
		f.Fail("username", "", "A username cannot be changed")
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if f.Len() == 0 {
		return 0, nil, wire.BadBody("", "", "Too few properties defined (0), minimum 1")
	}
	if !r.may("update:users") && (ch.Password != nil || ch.Blocked != nil || len(ch.Attributes)+len(ch.Verify) > 0 || ch.UserMetadata != nil) {
		return 0, nil, wire.InsufficientScope("update:users")
	}
	if err := a.Pools.UpdateManaged(ctx, r.Caller, r.PoolID, id, ch); err != nil {
		return 0, nil, err
	}
	u, err := a.readUser(ctx, r.PoolID, id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, userOf(u), nil
}

func (a *api) deleteUser(ctx context.Context, r *Request) (int, any, error) {
	id, err := a.userID(r)
	if err == nil {
		err = a.Pools.AdminDeleteUser(ctx, r.Caller, r.PoolID, id)
	}
	if err != nil && fault.CodeOf(err) != fault.UserNotFound {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, nil
}

func (a *api) regenerateRecovery(ctx context.Context, r *Request) (int, any, error) {
	id, err := a.userID(r)
	if err != nil {
		return 0, nil, err
	}
	code, err := a.Pools.RegenerateRecovery(ctx, r.Caller, r.PoolID, id)
	if fault.CodeOf(err) == fault.UnsupportedOperation {
		return 0, nil, wire.Errorf(http.StatusBadRequest, "operation_not_supported", "The factor recovery-code is not enabled for this tenant.")
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"recovery_code": code}, nil
}

func (a *api) forgetBrowsers(ctx context.Context, r *Request) (int, any, error) {
	id, err := a.userID(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.Pools.ForgetNetworks(ctx, r.Caller, r.PoolID, id)
}

func (a *api) revokeAccess(ctx context.Context, r *Request) (int, any, error) {
	id, err := a.userID(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, nil, a.Pools.AdminSignOut(ctx, r.Caller, r.PoolID, id)
}

// deleteAuthenticatorApp takes the authenticator app away, which the original calls by the name of the first one.
func (a *api) deleteAuthenticatorApp(ctx context.Context, r *Request) (int, any, error) {
	u, err := a.onUser(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	switch r.Param("name") {
	case "google-authenticator":
		if !u.MFA.TOTPReady {
			return http.StatusNoContent, nil, nil
		}
		return http.StatusNoContent, nil, a.Pools.AdminDeleteTOTP(ctx, r.Caller, r.PoolID, u.ID)
	case "duo":
		return http.StatusNoContent, nil, nil
	}
	return 0, nil, wire.BadPath("provider", "The multi-factor provider", "No enum match for: %s", wire.Printable(r.Param("name")))
}

// usersByEmail finds users by their address, as it is stored or in lower case.
func (a *api) usersByEmail(ctx context.Context, r *Request) (int, any, error) {
	email := r.Query.Get("email")
	if email == "" {
		return 0, nil, wire.BadQuery("email", "Email address to search for (case-sensitive)", "Missing required property: email")
	}
	f := &userFinder{a: a, pool: r.PoolID, want: maxReach, seen: map[string]bool{}}
	for _, v := range []string{email, strings.ToLower(email)} {
		if err := f.query(ctx, store.UserQuery{Field: "email", Value: v}); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, bodies(f.found), nil
}

func bodies(list []*store.User) []*userBody {
	out := make([]*userBody, len(list))
	for i, u := range list {
		out[i] = userOf(u)
	}
	return out
}
