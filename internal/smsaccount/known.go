package smsaccount

import (
	"context"
	"errors"

	"countersign/internal/sandbox"
	"countersign/internal/store"
	"countersign/phone"
)

// fewMessages is how many messages to a number are looked at for the user that they were sent to.
const fewMessages = 5

// known returns the numbers of opt-outs by their keyed hash, as far as they are known: asked for, kept with the opt-out, of a destination number, or of a
// user whom a message went to. What nobody holds any more stays a hash, after a user was erased for one.
func (s *Service) known(ctx context.Context, pool string, list []*store.OptOut, asked phone.Number) (map[string]phone.Number, error) {
	out, err := s.c.OptOuts.Numbers(ctx, list)
	if err != nil || len(list) == 0 {
		return out, err
	}
	add := func(n phone.Number) error {
		hash, err := s.c.Log.NumberHash(ctx, pool, n.String())
		out[string(hash)] = n
		return err
	}
	if !asked.IsZero() {
		return out, add(asked)
	}
	if len(out) < len(list) {
		numbers, _, err := s.c.Sandbox.Numbers(ctx, sandbox.Query{})
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			if err := add(n.Number); err != nil {
				return nil, err
			}
		}
	}
	var candidates []phone.Number
	err = s.c.Store.Read(ctx, func(tx store.Tx) error {
		for _, o := range list {
			if _, ok := out[string(o.Number)]; ok {
				continue
			}
			found, err := usersNumbers(ctx, tx, pool, o.Number)
			if err != nil {
				return err
			}
			candidates = append(candidates, found...)
		}
		return nil
	})
	for _, n := range candidates {
		if err == nil {
			err = add(n) // one that the user has changed since has another hash, and harms nothing
		}
	}
	return out, err
}

// usersNumbers returns the numbers that users have to whom messages went that went to a number.
func usersNumbers(ctx context.Context, tx store.Tx, pool string, number []byte) (out []phone.Number, err error) {
	messages, err := tx.Outbox().ListMessages(ctx, store.MessageQuery{PoolID: pool, Number: number, Limit: fewMessages})
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if m.UserID == "" {
			continue
		}
		u, err := tx.Users().User(ctx, pool, m.UserID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, values := range []map[string]string{u.Attributes, u.Pending} {
			if n, err := phone.Parse(values["phone_number"]); err == nil {
				out = append(out, n)
			}
		}
	}
	return out, nil
}
