package ratecard

import (
	"slices"
	"strings"
	"time"
)

// All stands for every account, country or channel.
const All = "*"

// DefaultPrice is what one segment or call is taken to cost where no row fits, in millionths of DefaultCurrency: 0.50, more than a text costs to
// nearly every country, so that what is unknown is counted dear.
const (
	DefaultPrice    = 500_000
	DefaultCurrency = "USD"
)

// maxSegments bounds what one message is multiplied by (3GPP TS 23.040, 9.2.3.24.1: 255 parts).
const maxSegments = 255

// Price is what a message costs.
type Price struct {
	// Micros is for the whole message, in millionths of Currency (ISO 4217).
	Micros   int64
	Currency string
	// Known is false for the assumed price.
	Known bool
}

// Row is a line of the card.
type Row struct {
	// Account is an account's name or kind; it, Country and Channel may be All.
	Account, Country, Channel string
	// Micros is the price of one segment or call, in millionths of Currency.
	Micros   int64
	Currency string
	// From is the first day (UTC midnight) on which it holds; zero: ever.
	From time.Time
}

type key struct{ account, country, channel string }

// dated is what a price was from a day on.
type dated struct {
	from     time.Time
	micros   int64
	currency string
}

// Card is a rate card.
type Card struct {
	rows []Row // as Format writes them
	// prices are ordered by day, oldest first.
	prices map[key][]dated
}

// newCard indexes rows, which are sorted and without doubles.
func newCard(rows []Row) *Card {
	c := &Card{rows: rows, prices: make(map[key][]dated, len(rows))}
	for _, r := range rows {
		k := key{r.Account, r.Country, r.Channel}
		c.prices[k] = append(c.prices[k], dated{r.From, r.Micros, r.Currency})
	}
	return c
}

// Price returns what a message of so many segments (fewer than 1 count as 1) costs on the day of at. kind is the account's kind, country the ISO
// 3166 region of the destination or empty, channel sms or voice: a call has no segments.
func (c *Card) Price(account, kind, country, channel string, segments int, at time.Time) Price {
	n := int64(min(max(segments, 1), maxSegments))
	if channel == "voice" {
		n = 1
	}
	if c != nil {
		for _, a := range [...]string{account, kind, All} {
			for _, l := range [...]string{country, All} {
				for _, ch := range [...]string{channel, All} {
					if d, ok := newest(c.prices[key{a, l, ch}], at); ok {
						return Price{d.micros * n, d.currency, true}
					}
				}
			}
		}
	}
	return Price{DefaultPrice * n, DefaultCurrency, false}
}

// newest returns the last price that has begun at a time.
func newest(list []dated, at time.Time) (dated, bool) {
	for _, d := range slices.Backward(list) {
		if !d.from.After(at) {
			return d, true
		}
	}
	return dated{}, false
}

// Rows returns a copy of the rows, in the order of Format.
func (c *Card) Rows() []Row {
	if c == nil {
		return nil
	}
	return slices.Clone(c.rows)
}

// Len returns the number of rows.
func (c *Card) Len() int {
	if c == nil {
		return 0
	}
	return len(c.rows)
}

func compare(a, b Row) int {
	for _, d := range [...]int{
		strings.Compare(a.Account, b.Account), strings.Compare(a.Country, b.Country), strings.Compare(a.Channel, b.Channel), a.From.Compare(b.From),
	} {
		if d != 0 {
			return d
		}
	}
	return 0
}
