package pool

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/token"
	"countersign/internal/trigger"
)

// userScope is what an API sign-in's access token carries and what T-class operations demand.
const userScope = "aws.cognito.signin.user.admin"

// networkLife is how long a network counts as known after a success.
const networkLife = 30 * 24 * time.Hour

// olderKept bounds the superseded refresh tokens that reuse is told by; olderSize is the size of each hash there.
const (
	olderKept = 16
	olderSize = 16
)

// issued is what a sign-in ends with.
type issued struct {
	tokens  Tokens
	family  *store.Family
	poolID  string
	userID  string
	network string
	until   time.Time
	// first is set if it must be known later that the user has signed in.
	first bool
}

func (i *issued) commit(ctx context.Context, tx *unit) error {
	if i.network != "" {
		if err := tx.Users().SeeNetwork(ctx, i.poolID, i.userID, []byte(i.network), i.until); err != nil {
			return err
		}
	}
	if i.first {
		if err := tx.Users().SeeNetwork(ctx, i.poolID, i.userID, []byte(seenAnywhere), i.family.CreatedAt.Add(seenAnywhereLife)); err != nil {
			return err
		}
	}
	return tx.Families().InsertFamily(ctx, i.family)
}

// issue begins a family and signs its first tokens. Only the gate calls it.
func (s *Service) issue(ctx context.Context, t *tenant, c Caller, a *account, d signIn, v *facts.Verdict) (*issued, error) {
	now := s.now()
	refresh, id, hash := token.NewRefresh(now)
	f := &store.Family{
		ID: id, OriginJTI: uuid.NewString(), PoolID: t.pool.ID, UserID: a.user.ID, ClientID: t.client.ID, Hash: hash,
		Methods:  strings.Join(d.methods(), " "),
		AuthTime: now.Truncate(time.Second), CreatedAt: now, ExpiresAt: now.Add(t.ccfg.RefreshTTL), Version: 1,
	}
	if len(t.secrets) > 0 {
		f.Name = d.Name
	}
	why := askAuthentication
	if d.NewPassword {
		why = askNewPassword
	}
	tk, err := s.sign(ctx, t, c, a.user, f, why, v)
	if err != nil {
		return nil, err
	}
	tk.Refresh = refresh
	return &issued{tokens: *tk, family: f, poolID: t.pool.ID, userID: a.user.ID, network: a.network, until: now.Add(networkLife)}, nil
}

// sign makes an access and an ID token of a family. why is what PreTokenGeneration is asked about. Claims: developer guide, using tokens.
func (s *Service) sign(ctx context.Context, t *tenant, c Caller, u *store.User, f *store.Family, why string, v *facts.Verdict) (*Tokens, error) {
	changes, err := s.tokenChanges(ctx, t, c, u, why)
	if err != nil {
		return nil, err
	}
	eventID := uuid.NewString()
	now := s.now().Unix()
	common := func(use string, ttl time.Duration) map[string]any {
		m := map[string]any{
			"sub": u.ID, "iss": t.issuer(), "token_use": use, "auth_time": f.AuthTime.Unix(), "iat": now, "exp": now + int64(ttl.Seconds()),
			"jti": uuid.NewString(), "event_id": eventID,
		}
		if t.ccfg.Revocation {
			m["origin_jti"] = f.OriginJTI
		}
		return m
	}
	access := common("access", t.ccfg.AccessTTL)
	access["client_id"], access["scope"], access["username"] = t.client.ID, userScope, u.Username
	if !t.ccfg.Revocation {
		// The server itself must still know the family: a session ended by sign-out is ended here.
		access["family"] = f.OriginJTI
	}
	id := common("id", t.ccfg.IDTTL)
	id["aud"], id["cognito:username"] = t.client.ID, u.Username
	for k, v := range u.Attributes {
		if !t.readable(k) || k == "sub" {
			continue
		}
		switch k {
		case attrPhoneVerified, attrEmailVerified:
			id[k] = v == "true"
		default:
			id[k] = v
		}
	}
	changeTokens(changes, access, id)
	addClaims(v, access, id, append([]string{"aud"}, fixedAccessClaims...), fixedIDClaims)
	at, err := s.Tokens.Sign(ctx, t.pool.ID, token.Access, access)
	if err != nil {
		return nil, s.unsigned(ctx, t, c, u, why, changes, access, err)
	}
	it, err := s.Tokens.Sign(ctx, t.pool.ID, token.ID, id)
	if err != nil {
		return nil, s.unsigned(ctx, t, c, u, why, changes, id, err)
	}
	return &Tokens{Access: at, ID: it, ExpiresIn: int(t.ccfg.AccessTTL.Seconds())}, nil
}

func (t *tenant) issuer() string { return strings.TrimSuffix(t.cfg.BaseURL, "/") + "/" + t.pool.ID }

// Refresh trades a refresh token for new tokens, and rotates it where the client says so.
// API reference, GetTokensFromRefreshToken and REFRESH_TOKEN_AUTH.
func (s *Service) Refresh(ctx context.Context, c Caller, in RefreshInput) (*Tokens, error) {
	c = c.asking()
	t, err := s.byClient(ctx, in.ClientID, in.PoolID)
	if err != nil {
		return nil, err
	}
	if !t.ccfg.allows("ALLOW_REFRESH_TOKEN_AUTH") && !t.ccfg.Rotation {
		return nil, fault.New(fault.FlowNotEnabled).WithField("REFRESH_TOKEN_AUTH")
	}
	if in.Legacy && t.ccfg.Rotation {
		return nil, fault.New(fault.FlowNotEnabled).WithField("REFRESH_TOKEN_AUTH").WithHint("The client rotates refresh tokens: call GetTokensFromRefreshToken.")
	}
	if !in.Legacy {
		if err := t.checkSecret(in.Secret); err != nil {
			return nil, err
		}
	}
	id, hash, err := token.ParseRefresh(in.RefreshToken)
	if err != nil {
		return nil, fault.New(fault.RefreshTokenInvalid)
	}
	var out *Tokens
	err = again(func() (err error) {
		out, err = s.refresh(ctx, t, c, in, id, hash)
		return err
	})
	return out, err
}

func (s *Service) refresh(ctx context.Context, t *tenant, c Caller, in RefreshInput, id string, hash []byte) (*Tokens, error) {
	var f *store.Family
	var u *store.User
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if f, err = tx.Families().Family(ctx, id); err != nil {
			return err
		}
		u, err = tx.Users().User(ctx, f.PoolID, f.UserID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.RefreshTokenInvalid)
	}
	if err != nil {
		return nil, err
	}
	if f.PoolID != t.pool.ID || f.ClientID != t.client.ID || !(session{f}).onWire(wireCognito) {
		return nil, fault.New(fault.RefreshTokenInvalid)
	}
	if in.Legacy {
		if err := t.checkSecretHash(in.SecretHash, u.Username, u.ID, f.Name); err != nil {
			return nil, err
		}
	}
	if err := s.usable(ctx, t, c, f, u, hash); err != nil {
		return nil, err
	}
	v, err := s.judgeUser(ctx, t, c, u, facts.Login{Protocol: protocolRefresh})
	if err != nil {
		return nil, err
	}
	tk, err := s.sign(ctx, t, c, u, f, askRefresh, v)
	if err != nil {
		return nil, err
	}
	if t.ccfg.Rotation {
		tk.Refresh, err = s.rotate(ctx, t, f, u, in.RefreshToken, hash, v)
		return tk, err
	}
	if v != nil && len(v.UserMetadata)+len(v.AppMetadata) > 0 {
		err = s.write(ctx, func(tx *unit) error {
			if err := unchanged(ctx, tx, f, u); err != nil {
				return err
			}
			return s.remember(ctx, tx, u, v, "")
		})
	} else if t.has(trigger.PreTokenGeneration) || v != nil { // which may have taken its time
		err = s.Store.Read(ctx, func(tx store.Tx) error { return unchanged(ctx, tx, f, u) })
	}
	return tk, err
}

// unchanged is errStale if the user is another by now, or the family was ended.
func unchanged(ctx context.Context, tx store.Tx, f *store.Family, u *store.User) error {
	now, err := tx.Families().Family(ctx, f.ID)
	if err == nil && now.RevokedAt.IsZero() {
		return current(ctx, tx, u)
	}
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return errStale
	}
	return err
}

// usable judges a family and the presented refresh token. A superseded token after its grace means that somebody has a copy: the
// family ends.
func (s *Service) usable(ctx context.Context, t *tenant, c Caller, f *store.Family, u *store.User, hash []byte) error {
	now := s.now()
	known, previous := hmac.Equal(hash, f.Hash), hmac.Equal(hash, f.Previous)
	switch {
	case !ownsToken(f, hash):
		return fault.New(fault.RefreshTokenInvalid)
	case !f.RevokedAt.IsZero() || f.CreatedAt.Before(u.TokensAfter):
		return fault.New(fault.RefreshTokenRevoked)
	case !now.Before(f.ExpiresAt):
		return fault.New(fault.RefreshTokenExpired)
	case !u.Enabled:
		return fault.New(fault.UserDisabled)
	case u.Status == store.ResetRequired:
		return fault.New(fault.PasswordResetRequired)
	case u.Status == store.Unconfirmed || u.Status == store.ForceChangePassword:
		return fault.New(fault.RefreshTokenRevoked)
	case known || (previous && now.Before(f.PreviousUntil)):
		return nil
	}
	ev, err := s.event(ctx, t, c, eventlog.TokenReused, u, "", nil)
	if err != nil {
		return err
	}
	f.RevokedAt = now
	err = s.write(ctx, func(tx *unit) error {
		ok, err := tx.Families().UpdateFamily(ctx, f)
		if err != nil {
			return err
		}
		if !ok {
			return errStale
		}
		return tx.append(ctx, ev)
	})
	if err != nil {
		return err
	}
	return fault.New(fault.RefreshTokenReused)
}

// ownsToken reports whether the hash is of the family's present refresh token or of one before it.
func ownsToken(f *store.Family, hash []byte) bool {
	older := func(o []byte) bool { return hmac.Equal(o, short(hash)) }
	return hmac.Equal(hash, f.Hash) || hmac.Equal(hash, f.Previous) || slices.ContainsFunc(slices.Collect(slices.Chunk(f.Older, olderSize)), older)
}

func short(hash []byte) []byte {
	h := sha256.Sum256(hash)
	return h[:olderSize:olderSize]
}

// rotate replaces the refresh token. The old one stays good for the client's grace period, in which it gets the same successor again: the
// successor is derived from it under a key of the pool.
func (s *Service) rotate(ctx context.Context, t *tenant, f *store.Family, u *store.User, presented string, presentedHash []byte, v *facts.Verdict) (string, error) {
	next, up, err := s.rotated(ctx, t, f, presented, presentedHash)
	if err != nil || up == nil {
		return next, err
	}
	return next, s.write(ctx, func(tx *unit) error {
		if err := current(ctx, tx, u); err != nil {
			return err
		}
		if err := changed(tx.Families().UpdateFamily(ctx, up)); err != nil {
			return err
		}
		return s.remember(ctx, tx, u, v, "")
	})
}

// rotated is the successor of a refresh token and the family as it then is; nil if the token was replaced before.
func (s *Service) rotated(ctx context.Context, t *tenant, f *store.Family, presented string, presentedHash []byte) (string, *store.Family, error) {
	var derived []byte
	for _, half := range []string{"first half", "second half"} {
		h, err := s.Keys.Lookup(ctx, t.pool.ID, "refresh token", half, presented)
		if err != nil {
			return "", nil, err
		}
		derived = append(derived, h...)
	}
	next, hash := token.RenewWith(token.Refresh, f.ID, [32]byte(derived))
	if !hmac.Equal(presentedHash, f.Hash) {
		if !hmac.Equal(hash, f.Hash) {
			return "", nil, fault.New(fault.RefreshTokenInvalid)
		}
		return next, nil, nil
	}
	up := *f
	if len(f.Previous) > 0 {
		up.Older = append(short(f.Previous), f.Older...)
		up.Older = up.Older[:min(len(up.Older), olderKept*olderSize)]
	}
	up.Previous, up.PreviousUntil, up.Hash = f.Hash, s.now().Add(t.ccfg.Grace), hash
	return next, &up, nil
}

// Revoke ends the family of a refresh token. API reference, RevokeToken.
func (s *Service) Revoke(ctx context.Context, c Caller, auth ClientAuth, refreshToken string) error {
	t, err := s.byClient(ctx, auth.ClientID, "")
	if err != nil {
		return err
	}
	if err := t.checkSecret(auth.Secret); err != nil {
		return err
	}
	if !t.ccfg.Revocation {
		return fault.New(fault.RevocationDisabled)
	}
	if strings.Count(refreshToken, ".") == 2 {
		return fault.New(fault.TokenTypeUnsupported)
	}
	id, hash, err := token.ParseRefresh(refreshToken)
	if err != nil {
		return fault.New(fault.TokenTypeUnsupported)
	}
	return again(func() error {
		return s.write(ctx, func(tx *unit) error {
			f, err := tx.Families().Family(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if f.PoolID != t.pool.ID || f.ClientID != t.client.ID {
				return fault.New(fault.ClientSecretWrong).WithField(t.client.ID)
			}
			if !f.RevokedAt.IsZero() || !ownsToken(f, hash) || !(session{f}).onWire(wireCognito) {
				return nil
			}
			f.RevokedAt = s.now()
			ok, err := tx.Families().UpdateFamily(ctx, f)
			if err == nil && !ok {
				return errStale
			}
			return err
		})
	})
}

// bearer is the holder of an access token.
type bearer struct {
	*account
	tenant    *tenant
	claims    token.Claims
	originJTI string
}

// bearerOf verifies an access token, and that its user and family are still good: a revocation is effective on the next call.
// T-class operations demand userScope.
func (s *Service) bearerOf(ctx context.Context, c Caller, accessToken string) (*bearer, error) {
	clientID, ok := clientOf(accessToken)
	if !ok {
		return nil, fault.New(fault.AccessTokenInvalid)
	}
	t, err := s.byClient(ctx, clientID, "")
	if fault.CodeOf(err) == fault.ClientNotFound {
		return nil, fault.New(fault.AccessTokenInvalid)
	}
	if err != nil {
		return nil, err
	}
	claims, err := s.Tokens.Verify(ctx, t.pool.ID, token.Access, accessToken, token.Expect{Issuers: []string{t.issuer()}, ClientID: clientID})
	if err != nil {
		return nil, err
	}
	if !claims.HasScope(userScope) {
		return nil, fault.New(fault.AccessTokenScope)
	}
	origin := claims.OriginJTI
	if origin == "" {
		var own struct {
			Family string `json:"family"`
		}
		if err := claims.Decode(&own); err != nil {
			return nil, fault.New(fault.AccessTokenInvalid)
		}
		origin = own.Family
	}
	var b *store.Bearer
	a := &account{}
	if a.network, err = s.network(ctx, t.pool.ID, c.IP); err != nil {
		return nil, err
	}
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		b, err = tx.Families().Bearer(ctx, t.pool.ID, claims.Subject, origin, s.now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.AccessTokenRevoked)
	}
	if err != nil {
		return nil, err
	}
	switch u := b.User; {
	case b.Revoked || b.AuthTime.Before(u.TokensAfter.Truncate(time.Second)):
		return nil, fault.New(fault.AccessTokenRevoked)
	case !u.Enabled:
		return nil, fault.New(fault.UserDisabled)
	case u.Status == store.ResetRequired:
		return nil, fault.New(fault.PasswordResetRequired)
	case u.Status == store.Unconfirmed:
		return nil, fault.New(fault.UserNotConfirmed)
	}
	a.user, a.subject, a.name, a.methods = b.User, b.User.ID, b.User.Username, strings.Fields(b.Methods)
	return &bearer{account: a, tenant: t, claims: claims, originJTI: origin}, nil
}

// clientOf reads client_id from a token that has not been verified, to know whose keys must have signed it.
func clientOf(accessToken string) (string, bool) {
	if len(accessToken) > token.MaxSize {
		return "", false
	}
	_, rest, ok := strings.Cut(accessToken, ".")
	if !ok {
		return "", false
	}
	body, _, ok := strings.Cut(rest, ".")
	if !ok {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return "", false
	}
	var claims struct {
		ClientID string `json:"client_id"`
	}
	return claims.ClientID, json.Unmarshal(raw, &claims) == nil && claims.ClientID != ""
}

// GlobalSignOut ends every session of the caller. API reference, GlobalSignOut.
func (s *Service) GlobalSignOut(ctx context.Context, c Caller, accessToken string) error {
	return again(func() error {
		b, err := s.bearerOf(ctx, c, accessToken)
		if err != nil {
			return err
		}
		return s.signOutAll(ctx, b.tenant, c, b.user)
	})
}

func (s *Service) signOutAll(ctx context.Context, t *tenant, c Caller, u *store.User) error {
	ev, err := s.event(ctx, t, c, eventlog.SignedOutAll, u, "", nil)
	if err != nil {
		return err
	}
	// TokensAfter also ends the family of a sign-in that commits at the same moment on another node.
	up := cloneUser(u)
	up.TokensAfter = s.now()
	return s.write(ctx, func(tx *unit) error {
		if err := tx.Families().RevokeFamilies(ctx, u.PoolID, u.ID, "", s.now()); err != nil {
			return err
		}
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		if err := tx.Challenges().EndChallenges(ctx, u.PoolID, u.ID, s.now()); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
}
