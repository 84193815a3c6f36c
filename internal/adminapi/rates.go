package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/ratecard"
	"countersign/internal/store"
)

// RatesSetting is the pool's setting that holds its rate card, as {"csv": "..."}.
const RatesSetting = "delivery/rates"

// Rates is a rate card.
type Rates struct {
	CSV     string `json:"csv" maxLength:"1048576" doc:"Columns account, country, channel, price, currency, from. * stands for all; the newest date that has come counts."`
	Version int64  `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
}

// Cost is what messages cost.
type Cost struct {
	By        []string `json:"by" doc:"The values of what was grouped by, in that order."`
	Messages  int      `json:"messages"`
	Delivered int      `json:"delivered"`
	Verified  int      `json:"verified"`
	Segments  int      `json:"segments"`
	Cost      string   `json:"cost"`
	Settled   string   `json:"settled" doc:"The part of the cost that a provider has named; the rest is the rate card's."`
	Currency  string   `json:"currency"`
	PerCode   string   `json:"per_verified_code,omitempty" doc:"Cost of one code that was typed in."`
}

type (
	ratesInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body Rates
	}
	ratesOutput struct{ Body Rates }
	importInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body struct {
			Account string `json:"account" maxLength:"64"`
			CSV     string `json:"csv" maxLength:"1048576" doc:"Columns provider_id, price, currency; segments if you like."`
		}
	}
	importOutput struct {
		Body struct {
			Settled int `json:"settled" doc:"Messages whose price is now known."`
		}
	}
	costsInput struct {
		Pool string    `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		From time.Time `query:"from" doc:"Default: 30 days ago."`
		To   time.Time `query:"to" doc:"Default: now."`
		By   string    `query:"by" maxLength:"128" default:"account,country" doc:"Comma-separated: account, country, channel, network, state, trigger_source, client, day."`
		ListQuery
	}
	costsOutput struct {
		Body struct {
			Costs []Cost `json:"costs"`
			Next  string `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
)

func (s *server) registerRates() {
	register(s, "GET", "/rates", "senders.read", "A pool's rate card", func(in *ofPoolInput) access.Resource { return onPool(in.Pool) }, s.getRates)
	register(s, "GET", "/rates/rows", "senders.read", "The rows of a pool's rate card",
		func(in *ofPoolListInput) access.Resource { return onPool(in.Pool) }, s.listRates)
	register(s, "PUT", "/rates", "senders.write", "Replace a pool's rate card",
		func(in *ratesInput) access.Resource { return onPool(in.Pool) }, s.putRates)
	register(s, "POST", "/rates/settle", "senders.write", "Import the prices of an account's bill",
		func(in *importInput) access.Resource { return onPool(in.Pool) }, s.importPrices)
	register(s, "GET", "/costs", "messages.read", "What messages cost, and what a typed code cost",
		func(in *costsInput) access.Resource { return onPool(in.Pool) }, s.costs)
}

func (s *server) getRates(ctx context.Context, in *ofPoolInput) (*ratesOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	var row *store.Setting
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Settings().Setting(ctx, in.Pool, RatesSetting)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &ratesOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	out := &ratesOutput{}
	err = json.Unmarshal(row.Doc, &out.Body)
	out.Body.Version = row.Version
	return out, err
}

func (s *server) putRates(ctx context.Context, in *ratesInput) (*ratesOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	card, err := ratecard.Parse([]byte(in.Body.CSV))
	if err != nil {
		return nil, fault.Of(err).WithHint("the columns are account,country,channel,price,currency,from; * stands for all")
	}
	clean := string(card.Format())
	doc, err := json.Marshal(Rates{CSV: clean})
	if err != nil {
		return nil, err
	}
	ev := s.Events.Event(eventlog.Entry{PoolID: in.Pool, Type: eventlog.SenderChanged, Data: map[string]any{"what": "rate card", "rows": card.Len(), "by": access.From(ctx).ID}})
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Settings().PutSetting(ctx, &store.Setting{
			PoolID: in.Pool, Name: RatesSetting, Doc: doc, UpdatedAt: s.Now().UTC(), Version: in.Body.Version,
		})
		if err == nil && !ok {
			err = fault.New(fault.ConcurrentModification).WithPublic("The rate card is not the one that you read.").WithHint("read it again, and repeat with its version")
		}
		if err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return nil, err
	}
	s.Events.Publish(ev)
	s.Delivery.Routes.Forget(in.Pool)
	s.audit(ctx, "rate card replaced", "pool", in.Pool, "rows", card.Len())
	return &ratesOutput{Rates{CSV: clean, Version: in.Body.Version + 1}}, nil
}

func (s *server) importPrices(ctx context.Context, in *importInput) (*importOutput, error) {
	if _, err := s.account(ctx, &in.Pool, in.Body.Account); err != nil {
		return nil, err
	}
	n, err := s.Delivery.Receipts.Import(ctx, in.Pool, in.Body.Account, []byte(in.Body.CSV))
	if err == nil {
		s.tell(ctx, in.Pool, eventlog.SenderChanged, map[string]any{"what": "prices of a bill", "account": in.Body.Account, "settled": n})
	}
	out := &importOutput{}
	out.Body.Settled = n
	return out, err
}

// groups are what costs can be grouped by.
var groups = []string{"account", "country", "channel", "network", "state", "trigger_source", "client", "day"}

// maxSpan bounds what costs are added up over.
const maxSpan = 400 * 24 * time.Hour

func (s *server) costs(ctx context.Context, in *costsInput) (*costsOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	q := store.TotalsQuery{PoolID: in.Pool, From: in.From.UTC(), To: in.To.UTC()}
	if in.To.IsZero() {
		q.To = s.Now().UTC()
	}
	if in.From.IsZero() {
		q.From = q.To.AddDate(0, 0, -30)
	}
	if q.To.Before(q.From) || q.To.Sub(q.From) > maxSpan {
		return nil, fault.Invalidf("from", "from and to must be in order, and at most 400 days apart.")
	}
	for g := range strings.SplitSeq(in.By, ",") {
		if !slices.Contains(groups, g) || slices.Contains(q.By, g) {
			return nil, fault.Invalidf("by", "by: %q cannot be grouped by, or stands there twice.", g).WithHint("some of %s", strings.Join(groups, ", "))
		}
		q.By = append(q.By, g)
	}
	p, err := costList(q.By).understand(in.ListQuery, "", in.Pool, in.By)
	if err != nil {
		return nil, err
	}
	var totals []store.Total
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		totals, err = tx.Outbox().Totals(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &costsOutput{}
	out.Body.Costs, out.Body.Next = p.page(views(totals, costOf))
	return out, nil
}

func costOf(t store.Total) Cost {
	c := Cost{
		By: t.By, Messages: t.Messages, Delivered: t.Delivered, Verified: t.Verified, Segments: t.Segments,
		Cost: Amount(t.Cost), Settled: Amount(t.Settled), Currency: t.Currency,
	}
	if t.Verified > 0 {
		c.PerCode = Amount(t.Cost / int64(t.Verified))
	}
	return c
}

// costList has what was grouped by among its fields.
func costList(by []string) listing[Cost] {
	l := listing[Cost]{name: "costs", limit: 1000, key: func(c Cost) string { return strings.Join(c.By, "\x00") + "\x00" + c.Currency }, fields: []field[Cost]{
		textBy("currency", func(c Cost) string { return c.Currency }),
		numberBy("messages", func(c Cost) float64 { return float64(c.Messages) }), numberBy("delivered", func(c Cost) float64 { return float64(c.Delivered) }),
		numberBy("verified", func(c Cost) float64 { return float64(c.Verified) }), numberBy("segments", func(c Cost) float64 { return float64(c.Segments) }),
		numberBy("cost", func(c Cost) float64 { return decimal(c.Cost) }), numberBy("settled", func(c Cost) float64 { return decimal(c.Settled) }),
		numberBy("per_verified_code", func(c Cost) float64 { return decimal(c.PerCode) }),
	}}
	for i, name := range by {
		l.fields = append(l.fields, textBy(name, func(c Cost) string { return c.By[i] }))
	}
	return l
}

// decimal is an amount as a number, for comparing; 0 for none.
func decimal(amount string) float64 {
	n, err := strconv.ParseFloat(amount, 64)
	if err != nil {
		return 0
	}
	return n
}
