package pool

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"countersign/internal/store"
	"countersign/internal/totp"
)

// pendingFactor keeps a secret of the Auth0 wire that has not been proved: "chain unix-time recovery-hash sealed-secret". Only who asked for it, and
// soon, can prove it.
const pendingFactor = "software_token_auth0"

// associateTOTP hands out an authenticator secret.
func (s *Service) associateTOTP(ctx context.Context, hd *holder, c Caller) (*AssociateResult, error) {
	t, u := hd.t, hd.a.user
	out := &AssociateResult{Type: "otp", Secret: totp.NewSecret()}
	out.URI = totp.URI(out.Secret, t.facts().FriendlyName, t.userFacts(u).Name)
	sealed, err := s.sealTOTP(ctx, t, u.ID, out.Secret)
	if err != nil {
		return nil, err
	}
	codes, hash, err := s.firstRecovery(ctx, t, u)
	if err != nil {
		return nil, err
	}
	out.RecoveryCodes = codes
	ev, _, err := s.enrolEvents(ctx, t, c, u, enrolment{factor: kindTOTP})
	if err != nil {
		return nil, err
	}
	up := cloneUser(u)
	if up.Pending == nil {
		up.Pending = map[string]string{}
	}
	up.Pending[pendingFactor] = strings.Join([]string{hd.chain(), strconv.FormatInt(s.now().Unix(), 10), hash, base64.StdEncoding.EncodeToString(sealed)}, " ")
	return out, s.write(ctx, func(tx *unit) error {
		if err := s.stillHeld(ctx, tx, hd); err != nil {
			return err
		}
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
}

// pendingTOTPOf is the secret that a holder asked for, and the hash of the recovery code shown with it; nil if there is none.
func (s *Service) pendingTOTPOf(u *store.User, chain string) (sealed []byte, recovery string) {
	parts := strings.Split(u.Pending[pendingFactor], " ")
	if len(parts) != 4 || parts[0] != chain {
		return nil, ""
	}
	at, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || s.now().Sub(time.Unix(at, 0)) >= mfaTokenLife {
		return nil, ""
	}
	sealed, err = base64.StdEncoding.DecodeString(parts[3])
	if err != nil {
		return nil, ""
	}
	return sealed, parts[2]
}
