package countersign

import (
	"context"
	"time"

	"countersign/internal/pool"
	"countersign/internal/store"
)

// devPool makes the pool and the public client of the start state: phone number or e-mail as username, the phone
// verified by a code, MFA optional.
func (s *Server) devPool(ctx context.Context) error {
	if err := s.parts.keyring.Create(ctx, DevPool); err != nil {
		return err
	}
	now := s.c.Now().UTC().Truncate(time.Microsecond)
	p := &store.Pool{ID: DevPool, Name: "countersign", Config: jsonText(s.devPoolConfig()), Wire: jsonText(struct{}{}), CreatedAt: now, UpdatedAt: now}
	c := &store.Client{ID: DevClient, PoolID: DevPool, Name: "development", Config: jsonText(devClientConfig()), Wire: jsonText(struct{}{}), CreatedAt: now, UpdatedAt: now}
	return s.parts.store.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Pools().InsertPool(ctx, p); err != nil {
			return err
		}
		_, err := tx.Pools().InsertClient(ctx, c)
		return err
	})
}

func (s *Server) devPoolConfig() pool.Config {
	c := pool.DefaultConfig()
	c.CaseSensitive = false
	c.UsernameAttributes = []string{"phone_number", "email"}
	c.AutoVerified = []string{"phone_number"}
	c.MFA, c.MFASMS, c.MFATOTP = "OPTIONAL", true, true
	c.FirstFactors = []string{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}
	c.SMSConfigured = true
	c.BaseURL = s.c.BaseURLs[0]
	return c
}

func devClientConfig() pool.ClientConfig {
	c := pool.DefaultClientConfig()
	c.Flows = []string{
		"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_CUSTOM_AUTH",
		"ALLOW_REFRESH_TOKEN_AUTH",
	}
	return c
}
