package countersign

import (
	"cmp"
	"context"
	"encoding/hex"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/fault"
	"countersign/internal/origination"
	"countersign/internal/pumping"
	"countersign/internal/quota"
	"countersign/internal/recall"
	"countersign/internal/registration"
	"countersign/internal/sandbox"
	"countersign/internal/screen"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// numbers are what the deployment and its pools know of numbers and senders, and what guards the sending to them.
type numbers struct {
	quotas        *quota.Service
	pumping       *pumping.Detector
	screen        *screen.Service
	originations  *origination.Service
	registrations *registration.Service
	sandbox       *sandbox.Service
	smsAccount    *smsaccount.Service
	prices        prices
}

// openNumbers makes the guards, and what is known of numbers.
func (p *parts) openNumbers(c *Config) {
	dev := c.Mode == Dev
	p.prices = p.newPrices()
	p.quotas = quota.New(quota.Config{Store: p.store, Logger: c.Log, Now: c.Now})
	p.pumping = pumping.New(pumping.Config{Store: p.store, Log: p.events, Logger: c.Log, Now: c.Now, Hash: p.hashOf})
	p.screen = screen.New(screen.Config{
		Store: p.store, Log: p.events, Logger: c.Log, Now: c.Now, Dev: dev, Base: c.Guards, Quota: p.quotas, Pumping: p.pumping, Price: p.priceOf,
	})
	p.originations = origination.New(origination.Config{Store: p.store, Log: p.events, Logger: c.Log, Now: c.Now, Dev: dev, Registered: p.registeredSender})
	p.registrations = registration.New(registration.Config{Store: p.store, Log: p.events, Logger: c.Log, Now: c.Now})
	p.sandbox = sandbox.New(sandbox.Config{
		Store: p.store, Keys: p.keyring, Log: p.events, Deliver: p.worker, Logger: c.Log, Now: c.Now, Dev: dev, Fixed: c.FixedCode,
		Pool:     func(ctx context.Context) (string, error) { return p.smsAccount.Pool(ctx) },
		OptedOut: func(ctx context.Context, n phone.Number) (bool, error) { return p.smsAccount.IsOptedOut(ctx, n) },
	})
	p.smsAccount = smsaccount.New(smsaccount.Config{
		Store: p.store, Keys: p.keyring, Log: p.events, Logger: c.Log, Now: c.Now, Dev: dev, Sandbox: p.sandbox, Originations: p.originations, OptOuts: p.optouts,
		DefaultPool: func(ctx context.Context) (string, error) { return p.onlyPool(ctx, dev) },
		Enqueue:     p.enqueueJudged, Spent: p.spentOn,
		Price: func(ctx context.Context, poolID, country, channel string, segments int) (int64, bool, error) {
			micros, known := p.priceOf(ctx, poolID, country, channel, segments)
			return micros, known, nil
		},
	})
}

// enqueueJudged is enqueue for messages of the SMS account. They pass the guards of its pool as an operator's do: rules, fictional numbers, countries, lines,
// the pool's quota and the day's money.
func (p *parts) enqueueJudged(ctx context.Context, d delivery.Draft) (string, error) {
	to, err := phone.Parse(d.To)
	if err != nil {
		return "", err
	}
	judged, err := p.screen.Screen(ctx, screen.Ask{
		PoolID: d.PoolID, To: to, Channel: string(cmp.Or(d.Channel, provider.SMS)), Purpose: "notice", Typed: true, Operator: true, Segments: segments(d.Text),
	})
	if err != nil {
		return "", err
	}
	switch judged.Refused {
	case "":
	case screen.Country, screen.LineType, screen.Fictional, screen.DeniedRule:
		return "", fault.New(fault.DestinationRefused).WithField(string(judged.Refused)).WithHint("countersign guard explain --to NUMBER --operator")
	default:
		kind := "text"
		if d.Channel == provider.Voice {
			kind = "voice"
		}
		return "", fault.New(fault.SpendLimitReached).WithField(kind).WithHint("the pool's guards refuse it: %s; countersign guard report", judged.Refused)
	}
	d.Guard = judged.Mark
	id, err := p.enqueue(ctx, d)
	if err != nil {
		p.screen.Undo(judged)
		return "", err
	}
	p.screen.Committed(ctx, d.PoolID, judged)
	return id, nil
}

// registeredSender tells whether a sender ID is registered, for a pool or, where that is empty, for the account's.
func (p *parts) registeredSender(ctx context.Context, poolID, country, sender string) (id string, ok bool, err error) {
	if poolID == "" {
		// Without an account pool those of all pools count.
		if poolID, err = p.smsAccount.Pool(ctx); err != nil && fault.CodeOf(err).Kind() == fault.Internal {
			return "", false, err
		}
	}
	return p.registrations.SenderID(ctx, poolID, country, sender)
}

// hashOf is a pool's keyed hash as text.
func (p *parts) hashOf(ctx context.Context, poolID string, parts ...string) (string, error) {
	h, err := p.keyring.Lookup(ctx, poolID, parts...)
	return hex.EncodeToString(h), err
}

// onlyPool is the account pool where the settings name none.
func (p *parts) onlyPool(ctx context.Context, dev bool) (string, error) {
	if dev {
		return DevPool, nil
	}
	var list []*store.Pool
	err := p.store.Read(ctx, func(tx store.Tx) (err error) {
		list, err = tx.Pools().ListPools(ctx, "", 2)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case len(list) == 1:
		return list[0].ID, nil
	}
	return "", fault.New(fault.ResourceNotFound).WithPublic("The SMS account has no pool whose sender carries its messages.").
		WithHint("name it: countersign sms-account set --pool POOL")
}

// spentOn is what a pool's messages of a channel cost in a month.
func (p *parts) spentOn(ctx context.Context, poolID, channel string, month time.Time) (micros int64, err error) {
	err = p.store.Read(ctx, func(tx store.Tx) error {
		list, err := tx.Outbox().Totals(ctx, store.TotalsQuery{PoolID: poolID, From: month, To: month.AddDate(0, 1, 0), By: []string{"channel"}})
		for _, t := range list {
			if t.By[0] == channel {
				micros += t.Cost
			}
		}
		return err
	})
	return micros, err
}

// prices are what messages to countries cost by the account that would be asked first.
type prices = *recall.Memory[priceKey, price]

type priceKey struct{ pool, country, channel string }

// price is of one part of a text, or of a call; known says that a rate card has it.
type price struct {
	micros int64
	known  bool
}

const (
	priceAge  = 10 * time.Second
	maxPrices = 10_000
)

func (p *parts) newPrices() prices {
	return recall.New(recall.Config[priceKey, price]{Fresh: priceAge, Most: maxPrices, Now: p.now, Load: func(ctx context.Context, k priceKey) (price, error) {
		card, err := p.rates(ctx, k.pool)
		if err != nil || card == nil {
			return price{}, err
		}
		account, kind := p.routes.First(ctx, k.pool, k.country, k.channel)
		got := card.Price(account, kind, k.country, k.channel, 1, p.now())
		return price{got.Micros, got.Known}, nil
	}})
}

// priceOf is what a message would cost, and whether a rate card says so. A card that cannot be read says nothing.
func (p *parts) priceOf(ctx context.Context, poolID, country, channel string, segments int) (micros int64, known bool) {
	n := int64(max(segments, 1))
	if provider.Channel(channel) == provider.Voice {
		n = 1
	}
	one, err := p.prices.Get(ctx, priceKey{poolID, country, channel})
	if err != nil {
		return 0, false
	}
	return one.micros * n, one.known
}
