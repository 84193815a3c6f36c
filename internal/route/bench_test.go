package route_test

import (
	"context"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/gateway/account"
	"countersign/internal/optout"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/provider"
)

var (
	_ route.Health  = (*routehealth.Monitor)(nil)
	_ route.OptOuts = (*optout.Service)(nil)
)

// instant is a provider that costs nothing.
type instant struct{}

func (instant) Name() string { return "instant" }
func (instant) Send(context.Context, provider.Message) (provider.Receipt, error) {
	return provider.Receipt{ProviderID: "x"}, nil
}

// calm is a health monitor without anything to say.
type calm struct{}

func (calm) Rank(_, _, _, _ string, names []string) []string                  { return names }
func (calm) Degraded(routehealth.Key) (e routehealth.Evidence, degraded bool) { return e, false }

// What a route costs over the provider alone (plain): the choice, circuit, rates, price and the note for the timeline.
func BenchmarkSend(b *testing.B) {
	m, s := texted(), row()
	m.ExpiresAt = time.Now().Add(time.Hour)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.Run("plain", func(b *testing.B) {
		d := delivery.FromProvider(instant{})
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := d.Send(ctx, m); err != nil {
				b.Fatal(err)
			}
		}
	})
	bench := func(name string, p route.Plan, accounts ...route.AccountConfig) {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, sqlite(b), func(c *route.Config) {
				c.Health = calm{}
				c.Specs = []account.Spec{{Kind: "fake", Channels: []provider.Channel{provider.SMS}, New: func(account.Account, account.Deps) (provider.Provider, error) {
					return instant{}, nil
				}}}
			})
			r.setUp(p, accounts...)
			b.ReportAllocs()
			for b.Loop() {
				d, _, err := r.r.SenderFor(ctx, s)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := d.Send(ctx, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	bench("one account", newPlan("a"), named("a")...)
	weighted := newPlan("a", "b", "c")
	use := weighted.Rules[0].Use
	weighted.Rules = append([]route.Rule{{Name: "de", Countries: []string{"DE"}, Use: use}, {Name: "vip", Clients: []string{"x"}, Use: use}}, weighted.Rules...)
	for i := range 3 {
		weighted.Rules[2].Use[i].Weight = 1 + i
	}
	bench("three accounts with weights and rates", weighted,
		append(named("b", "c"), route.AccountConfig{Name: "a", PerSecond: 100_000, SenderPerSecond: 100_000})...)
}
