package smsaccount

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/optout"
	"countersign/internal/store"
	"countersign/phone"
)

const (
	// optInPause is how long after an opt-in through this API the next one of a number may be (SNS API reference, OptInPhoneNumber).
	optInPause = 30 * 24 * time.Hour
	// optedInHere is why in the events of such opt-ins.
	optedInHere = "sms_account"
	// maxPage bounds a page, readAtOnce and maxReads what one page looks through: the Default list shares its rows with named ones.
	maxPage, readAtOnce, maxReads = 100, 1000, 20
)

// sender is what a list is called in package optout: AnySender for the Default one.
func sender(list string) string {
	if list == DefaultList {
		return optout.AnySender
	}
	return optout.List(list)
}

// rows are the opt-outs of a number that are on a list.
func (s *Service) rows(ctx context.Context, pool, list string, n phone.Number) ([]*store.OptOut, error) {
	all, _, err := s.c.OptOuts.List(ctx, optout.Query{PoolID: pool, Number: n, Limit: readAtOnce})
	return slices.DeleteFunc(all, func(o *store.OptOut) bool { return !onList(o, list) }), err
}

// onList reports whether an opt-out belongs to a list: all that are of no named list are the Default one's.
func onList(o *store.OptOut, list string) bool {
	if list == DefaultList {
		return !optout.IsList(o.Sender)
	}
	return o.Sender == optout.List(list)
}

// IsOptedOut reports whether a number is on the Default list.
func (s *Service) IsOptedOut(ctx context.Context, n phone.Number) (bool, error) {
	pool, err := s.Pool(ctx)
	if err != nil {
		return false, err
	}
	return s.c.OptOuts.Check(ctx, pool, n)
}

// OptOut puts a number on a list. Errors: fault.ResourceNotFound for an unknown list.
func (s *Service) OptOut(ctx context.Context, list string, n phone.Number) (OptedOut, error) {
	pool, err := s.onKnown(ctx, list)
	if err != nil {
		return OptedOut{}, err
	}
	if _, err = s.c.OptOuts.Put(ctx, &store.OptOut{PoolID: pool, Sender: sender(list), Source: optout.Operator}, n); err != nil {
		return OptedOut{}, err
	}
	rows, err := s.rows(ctx, pool, list, n)
	if err != nil || len(rows) == 0 {
		return OptedOut{List: list, Number: n.String(), Known: true, At: s.c.Now()}, err // somebody lifted it at once
	}
	return shown(list, rows, n), nil
}

// onKnown returns the account pool if there is a list of this name.
func (s *Service) onKnown(ctx context.Context, list string) (pool string, err error) {
	if list != DefaultList {
		if _, err := s.list(ctx, list); err != nil {
			return "", err
		}
	}
	return s.Pool(ctx)
}

// shown is what a list says of the opt-outs of one number. n may be zero.
func shown(list string, rows []*store.OptOut, n phone.Number) OptedOut {
	out := OptedOut{List: list, Number: rows[0].Mask, At: rows[0].At}
	if !n.IsZero() {
		out.Number, out.Known = n.String(), true
	}
	for _, o := range rows {
		if o.At.Before(out.At) {
			out.At = o.At
		}
		out.EndUser = out.EndUser || o.Source != optout.Operator
	}
	return out
}

// OptIn takes a number off a list. Errors: fault.ResourceNotFound (Field "opt_out_list" or "number") for an unknown list and a number that is not on it,
// fault.TooSoon (with RetryAfter) if it was opted in less than thirty days ago.
func (s *Service) OptIn(ctx context.Context, list string, n phone.Number) (OptedOut, error) {
	pool, err := s.onKnown(ctx, list)
	if err != nil {
		return OptedOut{}, err
	}
	rows, err := s.rows(ctx, pool, list, n)
	if err != nil {
		return OptedOut{}, err
	}
	if len(rows) == 0 {
		return OptedOut{}, fault.New(fault.ResourceNotFound).WithField("number")
	}
	if err := s.mayOptIn(ctx, pool, list, n); err != nil {
		return OptedOut{}, err
	}
	for _, o := range rows {
		if _, err := s.c.OptOuts.Lift(ctx, pool, o.Sender, n, optedInHere); err != nil {
			return OptedOut{}, err
		}
	}
	return shown(list, rows, n), nil
}

// mayOptIn fails with fault.TooSoon if the log says that the number was taken off the list here less than thirty days ago.
func (s *Service) mayOptIn(ctx context.Context, pool, list string, n phone.Number) error {
	now := s.c.Now()
	events, err := s.c.Log.List(ctx, s.c.Store, eventlog.Query{
		PoolID: pool, Types: []eventlog.Type{eventlog.OptedIn}, Number: n.String(), From: now.Add(-optInPause), Limit: readAtOnce,
	})
	for _, ev := range events {
		var data struct{ Sender, Why string }
		if json.Unmarshal(ev.Data, &data) != nil || data.Why != optedInHere || !onList(&store.OptOut{Sender: data.Sender}, list) {
			continue
		}
		f := fault.New(fault.TooSoon).WithField("number").WithPublic("A phone number may be opted in once in 30 days.")
		f.RetryAfter = ev.At.Add(optInPause).Sub(now)
		return f
	}
	return err
}

// OptedOut returns numbers of a list, and where the next page begins, "" if there is none. Errors: fault.ResourceNotFound for an unknown list,
// fault.InvalidParameter (after).
func (s *Service) OptedOut(ctx context.Context, q OptOutQuery) (list []OptedOut, next string, err error) {
	if q.List == "" {
		q.List = DefaultList
	}
	pool, err := s.onKnown(ctx, q.List)
	if err != nil {
		return nil, "", err
	}
	limit := min(q.Limit, maxPage)
	if limit <= 0 {
		limit = maxPage
	}
	groups, next, err := s.groups(ctx, pool, &q, limit)
	if err != nil {
		return nil, "", err
	}
	var firsts []*store.OptOut
	for _, g := range groups {
		firsts = append(firsts, g[0])
	}
	known, err := s.known(ctx, pool, firsts, q.Number)
	if err != nil {
		return nil, "", err
	}
	list = make([]OptedOut, 0, len(groups))
	for _, g := range groups {
		list = append(list, shown(q.List, g, known[string(g[0].Number)]))
	}
	return list, next, nil
}

// groups returns up to limit numbers of a list with their opt-outs, and where the next page begins.
func (s *Service) groups(ctx context.Context, pool string, q *OptOutQuery, limit int) (out [][]*store.OptOut, next string, err error) {
	in := optout.Query{PoolID: pool, Number: q.Number, After: q.After, Limit: readAtOnce}
	if q.List != DefaultList {
		in.Sender = sender(q.List)
	}
	var last *store.OptOut
	for range maxReads {
		rows, more, err := s.c.OptOuts.List(ctx, in)
		if err != nil {
			return nil, "", err
		}
		for _, o := range rows {
			last = o
			n := len(out)
			switch {
			case !onList(o, q.List):
			case n > 0 && bytes.Equal(out[n-1][0].Number, o.Number):
				out[n-1] = append(out[n-1], o)
			default:
				if n > 0 && q.EndUser != nil && shown(q.List, out[n-1], phone.Number{}).EndUser != *q.EndUser {
					out, n = out[:n-1], n-1 // whose opt-outs a number has is known when the next one comes
				}
				if n == limit {
					return out, optout.PlaceAfter(out[n-1][0].Number), nil
				}
				out = append(out, []*store.OptOut{o})
			}
		}
		if in.After = more; more == "" {
			break
		}
	}
	if n := len(out); n > 0 && q.EndUser != nil && shown(q.List, out[n-1], phone.Number{}).EndUser != *q.EndUser {
		out = out[:n-1]
	}
	if in.After != "" && last != nil {
		next = optout.PlaceAfter(last.Number)
	}
	return out, next, nil
}
