// Package ratecard holds what messages cost: a dated price for each account, country and channel, kept as CSV, by which a send reserves its cost
// before anybody has said the true one.
//
//	account,country,channel,price,currency,from
//	twilio-eu,DE,sms,0.0985,USD,2026-01-01
//	twilio,*,sms,0.05,USD,
//	*,*,voice,0.12,EUR,
//
// account is an account's name or its kind ("twilio"), country an ISO 3166 region, channel sms or voice; "*" stands for all of them. price is for
// one segment of a text or one call, in a currency (ISO 4217); from is the first day (UTC) on which it holds, empty: ever.
//
// Of the rows that fit, the most specific one wins: account first (name before kind before "*"), then country, then channel. Of rows that
// differ in their day alone, the newest that has begun wins. A row whose day is still to come does not fit. Where none fits, DefaultPrice is
// assumed: too dear rather than too cheap, so that a budget holds.
//
// Invariants: prices are whole millionths of their currency, never floats; a Card is never changed and is safe for concurrent use; a nil Card
// is an empty one; Parse(c.Format()) holds the same rows, and Format is the same for the same rows whatever order they came in.
package ratecard
