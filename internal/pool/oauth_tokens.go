package pool

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"countersign/internal/facts"
	"countersign/internal/store"
	"countersign/internal/token"
	"countersign/internal/trigger"
)

// auth0ID is how the Auth0 wire shows a user: "auth0|…", or "sms|…" and "email|…" for users who came by a passwordless code.
func auth0ID(u *store.User) string {
	if u.Meta != nil && u.Meta.Connection != "" {
		return u.Meta.Connection + "|" + u.ID
	}
	return "auth0|" + u.ID
}

// userOf is the user's id of one on the Auth0 wire; any prefix will do.
func userOf(id string) string {
	if _, own, ok := strings.Cut(id, "|"); ok {
		return own
	}
	return id
}

// methodOf are the words of facts.Login and amr for what was proved (RFC 8176, where it has one).
var methodOf = map[string]string{
	passedPassword: "pwd", kindSMSOTP: "sms", kindEmailOTP: "email", passedSignUp: "sms", passedCustom: "custom", passedMFA: "mfa",
}

func (d *signIn) methods() []string {
	var out []string
	for _, p := range d.Passed {
		m, ok := methodOf[p]
		if !ok {
			m = p
		}
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// oauthSigning is what tokens of the Auth0 wire depend on, besides user and family.
type oauthSigning struct {
	// scope is that of these tokens; why is what PreTokenGeneration is asked about; kind is gty.
	scope, why, kind string
	verdict          *facts.Verdict
	// methods are of these tokens; nil: those of the family.
	methods []string
}

// issueOAuth begins a family and signs its first tokens. Only the gate calls it.
func (s *Service) issueOAuth(ctx context.Context, t *tenant, c Caller, a *account, d signIn, v *facts.Verdict) (*issued, *OAuthTokens, error) {
	now, offline := s.now(), hasScope(d.OAuth.Scope, scopeOffline)
	refresh, id, hash := token.NewRefresh(now)
	f := &store.Family{
		ID: id, OriginJTI: uuid.NewString(), PoolID: t.pool.ID, UserID: a.user.ID, ClientID: t.client.ID, Hash: hash,
		Wire: wireAuth0, Scope: d.OAuth.Scope, Audience: d.OAuth.Audience, Methods: strings.Join(d.methods(), " "),
		AuthTime: now.Truncate(time.Second), CreatedAt: now, ExpiresAt: now.Add(t.ccfg.RefreshTTL), Version: 1,
	}
	if !offline { // the session ends with its tokens
		f.ExpiresAt = now.Add(max(t.ccfg.AccessTTL, t.ccfg.IDTTL))
	}
	tk, err := s.signOAuth(ctx, t, c, a.user, f, oauthSigning{scope: d.OAuth.Scope, why: askAuthentication, kind: d.OAuth.Type, verdict: v})
	if err != nil {
		return nil, nil, err
	}
	if offline {
		tk.Refresh = refresh
	}
	return &issued{family: f, poolID: t.pool.ID, userID: a.user.ID, network: a.network, until: now.Add(networkLife)}, tk, nil
}

// signOAuth makes the tokens of a family on the Auth0 wire. Claims: Auth0's "Access tokens" and "ID token structure"; OpenID Connect Core, section 2.
func (s *Service) signOAuth(ctx context.Context, t *tenant, c Caller, u *store.User, f *store.Family, how oauthSigning) (*OAuthTokens, error) {
	changes, err := s.tokenChanges(ctx, t, c, u, how.why)
	if err != nil {
		return nil, err
	}
	if how.methods == nil {
		how.methods = strings.Fields(f.Methods)
	}
	now := s.now().Unix()
	common := func(ttl time.Duration) map[string]any {
		return map[string]any{"iss": t.base + "/", "sub": auth0ID(u), "iat": now, "exp": now + int64(ttl.Seconds())}
	}
	access := common(t.ccfg.AccessTTL)
	access["aud"], access["azp"], access["scope"] = t.audience(f.Audience, how.scope), t.client.ID, how.scope
	access["jti"], access["origin_jti"] = uuid.NewString(), f.OriginJTI
	if how.kind != "" {
		access["gty"] = how.kind
	}
	if t.isOwn(f.Audience, pathMFA) {
		access["amr"] = how.methods
	}
	id := common(t.ccfg.IDTTL)
	maps.Copy(id, t.identity(u, how.scope))
	id["aud"], id["sid"], id["auth_time"] = t.client.ID, f.OriginJTI, f.AuthTime.Unix()
	if slices.Contains(how.methods, "mfa") {
		id["amr"] = how.methods
	}
	if changes != nil {
		changeClaims(access, trigger.Claims{AddOrOverride: changes.Access.AddOrOverride}, fixedOAuthClaims)
		changeClaims(id, trigger.Claims{AddOrOverride: changes.ID.AddOrOverride, Suppress: changes.ID.Suppress}, fixedOAuthClaims)
	}
	addClaims(how.verdict, access, id, fixedOAuthClaims, fixedOAuthClaims)
	out := &OAuthTokens{Scope: how.scope, ExpiresIn: int(t.ccfg.AccessTTL.Seconds())}
	if out.Access, err = s.Tokens.Sign(ctx, t.pool.ID, token.Access, access); err != nil {
		return nil, s.unsigned(ctx, t, c, u, how.why, changes, access, err)
	}
	if !hasScope(how.scope, scopeOpenID) {
		return out, nil
	}
	if out.ID, err = s.Tokens.Sign(ctx, t.pool.ID, token.ID, id); err != nil {
		return nil, s.unsigned(ctx, t, c, u, how.why, changes, id, err)
	}
	return out, nil
}

// fixedOAuthClaims are those that the server sets on this wire, and those that would make a token look like one of the other.
var fixedOAuthClaims = []string{"aud", "scope", "gty", "sid", "client_id", "username", "family", "event_id", "identities", "cnf", "act"}

// addClaims adds what rules and actions want. own are the names that are not theirs, besides those that no function may change.
func addClaims(v *facts.Verdict, access, id map[string]any, ownAccess, ownID []string) {
	if v == nil {
		return
	}
	changeClaims(access, trigger.Claims{AddOrOverride: v.AccessClaims}, ownAccess)
	changeClaims(id, trigger.Claims{AddOrOverride: v.IDClaims}, ownID)
}

// audience is the aud claim: the API asked for, with the server's own userinfo beside it where the token is for that as well.
func (t *tenant) audience(asked, scope string) any {
	own := t.base + pathUserInfo
	switch {
	case asked == "":
		return own
	case hasScope(scope, scopeOpenID):
		return []string{asked, own}
	}
	return asked
}

// profileClaims are those of the scope profile: OpenID Connect Core, section 5.4.
var profileClaims = []string{"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
	"birthdate", "zoneinfo", "locale"}

// identity are the claims about the user that the scopes ask for, as far as the client may read them.
func (t *tenant) identity(u *store.User, scope string) map[string]any {
	out := map[string]any{}
	put := func(names ...string) {
		for _, n := range names {
			if v := u.Attributes[n]; v != "" && t.readable(n) {
				out[n] = v
			}
		}
	}
	flag := func(of, name string) {
		if out[of] != nil {
			out[name] = u.Attributes[name] == "true"
		}
	}
	if hasScope(scope, "profile") {
		put(profileClaims...)
		out["updated_at"] = u.UpdatedAt.UTC().Format(time.RFC3339)
	}
	if hasScope(scope, "email") {
		put(attrEmail)
		flag(attrEmail, attrEmailVerified)
	}
	if hasScope(scope, "phone") {
		put(attrPhone)
		flag(attrPhone, attrPhoneVerified)
	}
	if hasScope(scope, "address") {
		put("address")
	}
	return out
}
