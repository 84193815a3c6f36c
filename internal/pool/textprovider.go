package pool

import "context"

// Who sends the texts and calls of a pool, as its settings in the Auth0 dialect say.
const (
	// ProviderOwn is this server's own route.
	ProviderOwn = ""
	// ProviderTwilio is an account at Twilio, ProviderHook the pool's hook or action send-phone-message, ProviderAction its action custom-phone-provider.
	ProviderTwilio = "twilio"
	ProviderHook   = "phone-message-hook"
	ProviderAction = "custom"
)

// textProvider is one of the providers above.
func (c *Config) textProvider() string {
	t := c.Tenant
	switch {
	case t == nil:
		return ProviderOwn
	case t.Consolidated:
		return t.BrandingProvider
	case t.Provider == "auth0":
		return ProviderOwn
	}
	return t.Provider
}

// TextProvider says who sends a pool's texts and calls. It answers from memory. Errors: PoolNotFound.
func (s *Service) TextProvider(ctx context.Context, poolID string) (string, error) {
	t, err := s.byPool(ctx, poolID)
	if err != nil {
		return "", err
	}
	return t.cfg.textProvider(), nil
}
