package pool_test

import (
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/pool"
)

// Code of the pool's own is for codes: switching a factor on does not call it with a test message.
func TestNoTestMessagesForCode(t *testing.T) {
	for provider, sends := range map[string]int{"": 1, "auth0": 1, pool.ProviderTwilio: 1, pool.ProviderHook: 0, pool.ProviderAction: 0} {
		each(t, func(t *testing.T, w *world) {
			_, err := w.Service.UpdatePool(t.Context(), w.Admin(), w.pool, func(p *pool.Pool) error { p.Config.MFASMS = true; return nil })
			w.must(err)
			const operator = "+12025550177"
			if n := len(w.To(operator)); n != sends {
				t.Errorf("%q: %d messages", provider, n)
			}
			all, err := w.Log.List(t.Context(), w.Store, eventlog.Query{PoolID: w.pool, Types: []eventlog.Type{eventlog.TestMessage}})
			if err != nil || len(all) != 1 {
				t.Errorf("%q: %d events, %v", provider, len(all), err)
			}
		}, func(p *pool.Config, _ *pool.ClientConfig) {
			p.MFASMS, p.SMSConfigured, p.MFA, p.OperatorNumber = false, true, "OPTIONAL", "+12025550177"
			p.Tenant = &pool.TenantConfig{Provider: provider}
			if provider == pool.ProviderAction {
				p.Tenant = &pool.TenantConfig{Consolidated: true, BrandingProvider: provider}
			}
		})
	}
}
