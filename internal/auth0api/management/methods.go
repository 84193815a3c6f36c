package management

import (
	"context"
	"net/http"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

func methodRoutes() []route {
	const path = "/users/{id}/authentication-methods"
	return []route{
		{"GET", path, "read:authentication_methods", (*api).listMethods, "page, per_page, include_totals"},
		{"POST", path, "create:authentication_methods", (*api).addMethod, "phone, totp, email; confirmed at once"},
		{"PUT", path, "update:authentication_methods", (*api).replaceMethods, "the whole list"},
		{"DELETE", path, "delete:authentication_methods", (*api).deleteMethods, ""},
		{"GET", path + "/{method_id}", "read:authentication_methods", (*api).getMethod, ""},
		{"PATCH", path + "/{method_id}", "update:authentication_methods", (*api).updateMethod, "name and preferred_authentication_method of phones"},
		{"DELETE", path + "/{method_id}", "delete:authentication_methods", (*api).deleteMethod, "the user is told"},
		{"DELETE", "/users/{id}/authenticators", "delete:guardian_enrollments", (*api).deleteMethods, "all factors"},
	}
}

// channelBody is one channel of a phone.
type channelBody struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// methodBody is a factor on the wire.
type methodBody struct {
	ID         string        `json:"id"`
	Type       string        `json:"type"`
	Name       string        `json:"name,omitempty"`
	Phone      string        `json:"phone_number,omitempty"`
	Email      string        `json:"email,omitempty"`
	Secret     string        `json:"totp_secret,omitempty"`
	Confirmed  bool          `json:"confirmed"`
	Channels   []channelBody `json:"authentication_methods,omitempty"`
	Preferred  string        `json:"preferred_authentication_method,omitempty"`
	CreatedAt  string        `json:"created_at"`
	EnrolledAt string        `json:"enrolled_at,omitempty"`
	LastAuth   string        `json:"last_auth_at,omitempty"`
}

// methodTypes are the names of factors among authentication methods; "otp" is "totp" there.
func methodType(kind string) string {
	if kind == pool.FactorOTP {
		return "totp"
	}
	return kind
}

// methodOf shows a factor. masked hides all of a number but its end.
func methodOf(f *pool.ManagedFactor, masked bool, created time.Time) methodBody {
	if !f.CreatedAt.IsZero() {
		created = f.CreatedAt
	}
	kind := methodType(f.Kind)
	b := methodBody{
		ID: kind + "|" + f.ID, Type: kind, Name: f.Name, Phone: f.Number, Email: f.Email, Confirmed: f.Confirmed, Preferred: f.Preferred,
		CreatedAt: created.UTC().Format(logTime),
	}
	if masked {
		b.Phone = maskedNumber(f.Number)
	}
	if f.Confirmed {
		b.EnrolledAt = b.CreatedAt
	}
	if !f.LastAuth.IsZero() {
		b.LastAuth = f.LastAuth.UTC().Format(logTime)
	}
	for _, ch := range f.Channels {
		b.Channels = append(b.Channels, channelBody{ch, ch + "|" + f.ID})
	}
	return b
}

// maskedNumber shows the last four digits.
func maskedNumber(number string) string {
	if number == "" {
		return ""
	}
	return "XXXXXXXX" + number[max(len(number)-4, 0):]
}

// masks reports whether the tenant hides numbers in answers of this API; usually not.
func (a *api) masks(ctx context.Context, poolID string) (bool, error) {
	shown, err := a.flag(ctx, poolID, "disable_management_api_sms_obfuscation", true)
	return !shown, err
}

// methods are the factors of the user that the path names.
func (a *api) methods(ctx context.Context, r *Request) ([]methodBody, error) {
	u, err := a.onUser(ctx, r)
	if err != nil {
		return nil, err
	}
	list, err := a.Pools.Factors(ctx, r.Caller, r.PoolID, u.ID)
	if err != nil {
		return nil, err
	}
	masked, err := a.masks(ctx, r.PoolID)
	if err != nil {
		return nil, err
	}
	out := make([]methodBody, len(list))
	for i := range list {
		out[i] = methodOf(&list[i], masked, u.CreatedAt)
	}
	return out, nil
}

func (a *api) listMethods(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	list, err := a.methods(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	part := wire.Cut(page, list)
	return http.StatusOK, page.Listed("authenticators", part, len(part), len(list)), nil
}

// method is one factor of the list. Any channel before its id will do.
func (a *api) method(ctx context.Context, r *Request) (*methodBody, error) {
	list, err := a.methods(ctx, r)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if userIDOf(list[i].ID) == userIDOf(r.Param("method_id")) {
			return &list[i], nil
		}
	}
	return nil, errNoMethod()
}

func errNoMethod() error { return wire.NotFound("The authentication method does not exist.") }

func (a *api) getMethod(ctx context.Context, r *Request) (int, any, error) {
	m, err := a.method(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, m, nil
}

var methodName = wire.Rule{Title: "A human-readable label to identify the authentication method", Min: 1, Max: 20}

// methodFrom reads a factor to be made. A secret is made for an authenticator app that names none.
func methodFrom(f *wire.Fields) pool.NewFactor {
	n := pool.NewFactor{
		Kind: value(f.Text("type", wire.Rule{Required: true, OneOf: []string{
			"phone", "email", "totp", "webauthn-roaming", "webauthn-platform", "passkey", "push-notification", "recovery-code", "password"}})),
		Name:   value(f.Text("name", methodName)),
		Number: value(f.Text("phone_number", wire.Rule{Title: "Applies to phone authentication methods only", Min: 2, Max: 30})),
		Email:  value(f.Text("email", wire.Rule{Max: 254})),
		Secret: value(f.Text("totp_secret", wire.Rule{Title: "Base32 encoded secret for TOTP generation", Max: 128})),
		Preferred: value(f.Text("preferred_authentication_method", wire.Rule{
			Title: "Applies to phone authentication methods only", OneOf: []string{pool.ChannelSMS, pool.ChannelVoice}})),
	}
	f.Ignore("key_id", "public_key", "relying_party_identifier")
	switch n.Kind {
	case "totp":
		n.Kind = pool.FactorOTP
		if n.Secret == "" {
			n.Secret = pool.NewTOTPSecret()
		}
	case "phone", "email", "":
	default:
		f.Fail("type", "", "Factors of this type cannot be made here; there are phone, totp and email")
	}
	return n
}

// noMethod words the errors of factors.
func noMethod(err error) error {
	switch fault.CodeOf(err) {
	case fault.AlreadyEnrolled:
		return wire.Errorf(http.StatusConflict, "", "The authentication method exists already.")
	case fault.MfaMethodNotFound:
		return errNoMethod()
	}
	return err
}

func (a *api) addMethod(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	n := methodFrom(f)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	list, err := a.setMethods(ctx, r, []pool.NewFactor{n}, true)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, list[0], nil
}

// setMethods gives a user factors and returns them, in the order in which they were asked for.
func (a *api) setMethods(ctx context.Context, r *Request, list []pool.NewFactor, keep bool) ([]methodBody, error) {
	id, err := a.userID(r)
	if err != nil {
		return nil, err
	}
	ids, err := a.Pools.SetFactors(ctx, r.Caller, r.PoolID, id, list, keep)
	if err != nil {
		return nil, noMethod(err)
	}
	all, err := a.methods(ctx, r)
	if err != nil {
		return nil, err
	}
	out := make([]methodBody, 0, len(ids))
	for i, id := range ids {
		b := methodBody{ID: methodType(list[i].Kind) + "|" + id, Type: methodType(list[i].Kind), Confirmed: true}
		for _, m := range all {
			if userIDOf(m.ID) == id {
				b = m
			}
		}
		if list[i].Kind == pool.FactorOTP {
			b.Secret = list[i].Secret
		}
		out = append(out, b)
	}
	return out, nil
}

func (a *api) replaceMethods(ctx context.Context, r *Request) (int, any, error) {
	// The body is a list: it is read as the only member of an object.
	f, err := wire.ParseFields("application/json", append(append([]byte(`{"methods":`), r.Body...), '}'))
	if err != nil {
		return 0, nil, err
	}
	var list []pool.NewFactor
	for _, m := range f.Objects("methods", wire.Rule{Required: true, Max: 20}) {
		list = append(list, methodFrom(m))
		if err := m.Done(); err != nil {
			return 0, nil, err
		}
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	out, err := a.setMethods(ctx, r, list, false)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, out, nil
}

func (a *api) updateMethod(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	name := f.Text("name", methodName)
	preferred := f.Text("preferred_authentication_method", wire.Rule{OneOf: []string{pool.ChannelSMS, pool.ChannelVoice}})
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	m, err := a.method(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if m.Type != "phone" && (name != nil || preferred != nil) {
		return 0, nil, wire.Errorf(http.StatusBadRequest, "operation_not_supported", "Only phones have a name and a preferred method.")
	}
	id, err := a.userID(r)
	if err == nil && (name != nil || preferred != nil) {
		err = a.Pools.UpdatePhoneFactor(ctx, r.Caller, r.PoolID, id, r.Param("method_id"), name, preferred)
	}
	if err != nil {
		return 0, nil, noMethod(err)
	}
	if m, err = a.method(ctx, r); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, m, nil
}

func (a *api) deleteMethod(ctx context.Context, r *Request) (int, any, error) {
	id, err := a.userID(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, noMethod(a.Pools.RemoveFactor(ctx, r.Caller, r.PoolID, id, r.Param("method_id")))
}

func (a *api) deleteMethods(ctx context.Context, r *Request) (int, any, error) {
	_, err := a.setMethods(ctx, r, nil, false)
	return http.StatusNoContent, nil, err
}
