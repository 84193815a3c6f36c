package pool

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/token"
)

// oauthBearer is the holder of an access token of the Auth0 wire.
type oauthBearer struct {
	*account
	tenant *tenant
	claims token.Claims
}

// oauthBearer verifies an access token, that it is for one of the server's own audiences (path), and that its user and session are still good: a
// revocation is effective on the next call. scope, if not empty, must be among its scopes.
func (s *Service) oauthBearer(ctx context.Context, c Caller, accessToken, path, scope string) (*oauthBearer, error) {
	clientID, ok := partyOf(accessToken)
	if !ok {
		return nil, fault.New(fault.AccessTokenInvalid)
	}
	t, err := s.byClient(ctx, clientID, "")
	if err == nil {
		t, err = s.onAuth0(t, c)
	}
	if fault.CodeOf(err) == fault.ClientNotFound {
		return nil, fault.New(fault.AccessTokenInvalid)
	}
	if err != nil {
		return nil, err
	}
	claims, err := s.Tokens.Verify(ctx, t.pool.ID, token.Access, accessToken, token.Expect{Issuers: t.issuers(), NoTokenUse: true})
	if err != nil {
		return nil, err
	}
	var own struct {
		Methods []string `json:"amr"`
	}
	switch {
	case claims.OriginJTI == "" || claims.TokenUse != "" || claims.Decode(&own) != nil:
		return nil, fault.New(fault.AccessTokenInvalid)
	case !slices.ContainsFunc(claims.Audience, func(aud string) bool { return t.isOwn(aud, path) }):
		return nil, fault.New(fault.AccessTokenInvalid).WithHint("The token is not for %s%s.", t.base, path)
	case scope != "" && !claims.HasScope(scope):
		return nil, fault.New(fault.AccessTokenScope).WithField(scope)
	}
	b := &oauthBearer{account: &account{methods: own.Methods}, tenant: t, claims: claims}
	return b, s.bearing(ctx, t, c, b)
}

// bearing reads who the bearer is now.
func (s *Service) bearing(ctx context.Context, t *tenant, c Caller, b *oauthBearer) (err error) {
	if b.network, err = s.network(ctx, t.pool.ID, c.IP); err != nil {
		return err
	}
	var row *store.Bearer
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if row, err = tx.Families().Bearer(ctx, t.pool.ID, userOf(b.claims.Subject), b.claims.OriginJTI, s.now()); err != nil || b.network == "" {
			return err
		}
		b.known, err = tx.Users().NetworkSeen(ctx, t.pool.ID, row.User.ID, []byte(b.network), s.now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.AccessTokenRevoked)
	}
	if err != nil {
		return err
	}
	u := row.User
	if row.Revoked || row.AuthTime.Before(u.TokensAfter.Truncate(time.Second)) {
		return fault.New(fault.AccessTokenRevoked)
	}
	b.user, b.subject, b.name = u, u.ID, u.Username
	return mayProceed(u)
}

// partyOf reads azp from a token that has not been verified, to know whose keys must have signed it.
func partyOf(accessToken string) (string, bool) {
	parts := strings.SplitN(accessToken, ".", 4)
	if len(accessToken) > token.MaxSize || len(parts) != 3 {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Party string `json:"azp"`
	}
	return claims.Party, json.Unmarshal(raw, &claims) == nil && claims.Party != ""
}

// UserInfo returns the claims of the bearer of an access token of the Auth0 wire (GET /userinfo). OpenID Connect Core, section 5.3.
func (s *Service) UserInfo(ctx context.Context, c Caller, accessToken string) (map[string]any, error) {
	b, err := s.oauthBearer(ctx, c, accessToken, pathUserInfo, "")
	if err != nil {
		return nil, err
	}
	out := b.tenant.identity(b.user, b.claims.Scope)
	out["sub"] = auth0ID(b.user)
	return out, nil
}
