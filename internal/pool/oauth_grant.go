package pool

import (
	"context"
	"errors"
	"slices"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/token"
)

// Auth0's words for flows (context.protocol, event.transaction.protocol).
const (
	protocolPassword     = "oauth2-password"
	protocolRefresh      = "oauth2-refresh-token"
	protocolPasswordless = "oauth2-otp"
)

// maxName bounds the names that people sign in with.
const maxName = 128

// PasswordGrant signs in with a password. The caller's wire is "auth0". The password is judged by the counters that the Cognito wire uses, and
// whether a user exists is hidden whatever the client says.
func (s *Service) PasswordGrant(ctx context.Context, c Caller, in PasswordGrantInput) (*OAuthResult, error) {
	c = c.onAuth0()
	grant := GrantPassword
	if in.Realm != "" {
		grant = GrantPasswordRealm
	}
	t, err := s.oauth(ctx, c, in.OAuthClient, grant)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Username == "" || len(in.Username) > maxName:
		return nil, fault.Invalidf("username", "Missing required parameter: username")
	case in.Password == "":
		return nil, fault.Invalidf("password", "Missing required parameter: password")
	case in.Realm != "" && in.Realm != DatabaseConnection && in.Realm != t.pool.Name:
		return nil, fault.Invalidf("realm", "There is no such connection.").WithHint("The connection of users with a password is %s.", DatabaseConnection)
	}
	ok, err := t.granted(in.Asked)
	if err != nil {
		return nil, err
	}
	d := signIn{Name: in.Username, OAuth: &oauthAsked{Audience: ok.Audience, Scope: ok.Scope, Protocol: protocolPassword, Type: "password"}}
	var out *AuthResult
	err = again(func() (err error) {
		out, err = s.beginPassword(ctx, t, c, in.Password, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.oauth, nil
}

func (s *Service) beginPassword(ctx context.Context, t *tenant, c Caller, pw string, d signIn) (*AuthResult, error) {
	a, err := s.find(ctx, t, c, d.Name)
	if err != nil {
		return nil, err
	}
	if a, err = s.migrate(ctx, t, c, a, askAuthentication, pw); err != nil {
		return nil, err
	}
	if err := s.preAuthentication(ctx, t, c, a); err != nil {
		return nil, err
	}
	return s.passwordStep(ctx, t, c, a, pw, nil, d)
}

// RefreshGrant trades a refresh token of the Auth0 wire for new tokens. Rules and actions are asked again; a second factor that they demand was
// proved, or not demanded, when the session began.
func (s *Service) RefreshGrant(ctx context.Context, c Caller, in RefreshGrantInput) (*OAuthTokens, error) {
	c = c.onAuth0()
	t, err := s.oauth(ctx, c, in.OAuthClient, GrantRefresh)
	if err != nil {
		return nil, err
	}
	id, hash, err := token.ParseRefresh(in.RefreshToken)
	if err != nil {
		return nil, fault.New(fault.RefreshTokenInvalid)
	}
	var out *OAuthTokens
	err = again(func() (err error) {
		out, err = s.refreshGrant(ctx, t, c, in, id, hash)
		return err
	})
	return out, err
}

func (s *Service) refreshGrant(ctx context.Context, t *tenant, c Caller, in RefreshGrantInput, id string, hash []byte) (*OAuthTokens, error) {
	f, u, err := s.familyOf(ctx, t, id)
	if err != nil {
		return nil, err
	}
	if !f.onWire(wireAuth0) {
		return nil, fault.New(fault.RefreshTokenInvalid)
	}
	if err := s.usable(ctx, t, c, f.Family, u, hash); err != nil {
		return nil, err
	}
	scope, err := narrowed(f.Scope, in.Scope)
	if err != nil {
		return nil, err
	}
	still, err := t.granted(Asked{Audience: f.Audience, Scope: scope}) // what the client was given may have been taken from it
	if err != nil {
		return nil, err
	}
	scope = still.Scope
	v, err := s.judgeUser(ctx, t, c, u, facts.Login{
		Protocol: protocolRefresh, Audience: f.Audience, Scopes: strings.Fields(scope), Methods: strings.Fields(f.Methods)})
	if err != nil {
		return nil, err
	}
	tk, err := s.signOAuth(ctx, t, c, u, f.Family, oauthSigning{scope: scope, why: askRefresh, verdict: v})
	if err != nil {
		return nil, err
	}
	ev, err := s.event(ctx, t, c, eventlog.TokenRefreshed, u, "", nil)
	if err != nil {
		return nil, err
	}
	up := (*store.Family)(nil)
	if t.ccfg.Rotation {
		if tk.Refresh, up, err = s.rotated(ctx, t, f.Family, in.RefreshToken, hash); err != nil {
			return nil, err
		}
	}
	return tk, s.write(ctx, func(tx *unit) error {
		if err := unchanged(ctx, tx, f.Family, u); err != nil {
			return err
		}
		if up != nil {
			if err := changed(tx.Families().UpdateFamily(ctx, up)); err != nil {
				return err
			}
		}
		if err := s.remember(ctx, tx, u, v, ""); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
}

// changed is the error of a guarded update: errStale if somebody else was faster.
func changed(ok bool, err error) error {
	if err == nil && !ok {
		return errStale
	}
	return err
}

// session is a family as it was read.
type session struct{ *store.Family }

// onWire reports whether the session was begun in a dialect.
func (f session) onWire(wire string) bool {
	return f.Wire == wire || f.Wire == "" && wire == wireCognito
}

// wireCognito is Caller.Wire of the Cognito dialect, and of families without one.
const wireCognito = "cognito"

// familyOf reads the family of a refresh token and its user. One of another client is as if there were none.
func (s *Service) familyOf(ctx context.Context, t *tenant, id string) (f session, u *store.User, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if f.Family, err = tx.Families().Family(ctx, id); err != nil {
			return err
		}
		u, err = tx.Users().User(ctx, f.PoolID, f.UserID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (f.PoolID != t.pool.ID || f.ClientID != t.client.ID) {
		err = fault.New(fault.RefreshTokenInvalid)
	}
	return f, u, err
}

// narrowed is the scope that a refresh asks for, which must be among what was granted: RFC 6749, section 6.
func narrowed(granted, asked string) (string, error) {
	if asked == "" {
		return granted, nil
	}
	have := strings.Fields(granted)
	var list []string
	for _, s := range strings.Fields(asked) {
		if !slices.Contains(have, s) {
			return "", fault.Invalidf("scope", "The scope was not granted.")
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return strings.Join(list, " "), nil
}

// RevokeGrant ends the session of a refresh token (POST /oauth/revoke). Unknown tokens are no error: RFC 7009, section 2.2.
func (s *Service) RevokeGrant(ctx context.Context, c Caller, client OAuthClient, refreshToken string) error {
	c = c.onAuth0()
	t, err := s.oauth(ctx, c, client, "")
	if err != nil {
		return err
	}
	id, hash, err := token.ParseRefresh(refreshToken)
	if err != nil {
		return nil
	}
	return again(func() error {
		f, u, err := s.familyOf(ctx, t, id)
		if fault.CodeOf(err) == fault.RefreshTokenInvalid {
			return nil
		}
		if err != nil {
			return err
		}
		if !f.onWire(wireAuth0) || !f.RevokedAt.IsZero() || !ownsToken(f.Family, hash) {
			return nil
		}
		ev, err := s.event(ctx, t, c, eventlog.TokenRevoked, u, "", nil)
		if err != nil {
			return err
		}
		up := *f.Family
		up.RevokedAt = s.now()
		return s.write(ctx, func(tx *unit) error {
			if err := changed(tx.Families().UpdateFamily(ctx, &up)); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		})
	})
}
