package receipt

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/keyring"
	"countersign/internal/optout"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

const (
	// rememberText is how long the id of a text is remembered; rememberBody how long a text without one is: long enough for a service that comes again
	// because it got no answer, short enough for a person who says the same once more.
	rememberText = 30 * 24 * time.Hour
	rememberBody = 2 * time.Minute
	// helpEvery is how often a number is told who we are.
	helpEvery = 24 * time.Hour
	maxSender = 40
	maxInText = 1600
	// maxPools bounds the pools that are asked whether they have texted a number, poolPage those of one transaction.
	maxPools = 5000
	poolPage = 100
	// maxUnsigned bounds the unsigned texts of an account that are kept in a minute: whoever knows a door could otherwise fill the log.
	maxUnsigned = 60
	// lastTexts are the messages to a number that are looked through for one of the account.
	lastTexts = 50
)

// inbound is a text from a phone.
type inbound struct {
	poolID, account string
	in              provider.Inbound
	// id is the service's, empty if it gives none; then seed and place tell the text from others.
	id      string
	once    bool
	seed    []byte
	place   int
	trusted bool
}

// hear does what a text says, for the pool of the account; for an account of the configuration file, for every pool that has texted the number
// through it.
func (s *Service) hear(ctx context.Context, in inbound) error {
	if !in.trusted && !s.unsigned.allow(in.poolID+" "+in.account, maxUnsigned, s.c.Now()) {
		s.dropped.Add(1)
		return nil
	}
	in.in.To = optout.Sender(short(in.in.To, maxSender))
	from, err := phone.Parse(in.in.From)
	if err != nil && in.poolID != "" {
		return s.hearIn(ctx, in, in.poolID, phone.Number{})
	}
	if in.poolID != "" {
		return s.hearIn(ctx, in, in.poolID, from)
	}
	if err != nil {
		return nil
	}
	if fresh, err := s.firstOf(ctx, in); err != nil || !fresh {
		return err
	}
	pools, err := s.poolsOf(ctx, in.account, from)
	for _, p := range pools {
		if err == nil {
			err = s.hearIn(ctx, in, p, from)
		}
	}
	return err
}

// keyword is what a text asks for: what we read in it, else what the service did.
func (in *inbound) keyword() optout.Keyword {
	if k, ok := optout.Read(in.in.Text); ok {
		return k
	}
	switch k := optout.Keyword(in.in.Keyword); k {
	case optout.Stop, optout.Start, optout.Help:
		return k
	}
	return ""
}

// hearIn is hear for one pool: the mark of the text, what it changes and its events are one commit.
func (s *Service) hearIn(ctx context.Context, in inbound, poolID string, from phone.Number) error {
	k := in.keyword()
	ev, err := s.c.Log.Prepare(ctx, s.inboundEntry(in, poolID, from, k), secret.Key{})
	if err != nil {
		return err
	}
	mark, expires, err := s.mark(ctx, in, poolID)
	if err != nil {
		return err
	}
	helpMark, err := s.c.Keys.Lookup(ctx, keyring.Deployment, "help", poolID, hex.EncodeToString(ev.Number))
	if err != nil {
		return err
	}
	var changed *store.Event
	fresh, help := false, false
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		ctx := context.WithoutCancel(ctx)
		changed, help = nil, false
		if fresh, err = tx.Challenges().Spend(ctx, mark, expires); err != nil || !fresh {
			return err
		}
		if err := tx.Events().Append(ctx, ev); err != nil || !in.trusted || from.IsZero() {
			return err
		}
		if k == optout.Help && s.c.Text != nil {
			// Whoever forges the sender of a text could otherwise have us text numbers that we have nothing to do with, at our cost.
			list, err := tx.Outbox().ListMessages(ctx, store.MessageQuery{PoolID: poolID, Number: ev.Number, Limit: 1})
			if err != nil || len(list) == 0 {
				return err
			}
			help, err = tx.Challenges().Spend(ctx, helpMark, s.c.Now().Add(helpEvery))
			return err
		}
		changed, err = s.c.OptOuts.HearTx(ctx, tx, poolID, in.in.To, ev.Number, from.Mask(), k)
		return err
	})
	if err != nil || !fresh {
		return err
	}
	s.c.Log.Publish(ev)
	if changed != nil {
		s.c.Log.Publish(changed)
	}
	if help {
		if err := s.c.Text(ctx, Answer{PoolID: poolID, Account: in.account, From: in.in.To, To: from, Keyword: k}); err != nil {
			s.c.Logger.WarnContext(ctx, "HELP was not answered", "pool", poolID, "account", in.account, "error", err)
		}
	}
	return nil
}

// inboundEntry is the event of a text. What the person wrote is sealed.
func (s *Service) inboundEntry(in inbound, poolID string, from phone.Number, k optout.Keyword) eventlog.Entry {
	data := map[string]any{"account": in.account, "to": in.in.To, "acted_upon": in.trusted && !from.IsZero() && k != ""}
	if k != "" {
		data["keyword"] = string(k)
	}
	if !in.trusted {
		data["unsigned"] = true
	}
	return eventlog.Entry{
		PoolID: poolID, Type: eventlog.InboundText, Number: from.String(), Data: data, At: s.c.Now(),
		Personal: map[string]any{"from": short(in.in.From, maxSender), "text": short(in.in.Text, maxInText)},
	}
}

// mark is the single-use mark of a text.
func (s *Service) mark(ctx context.Context, in inbound, poolID string) ([]byte, time.Time, error) {
	now := s.c.Now()
	if in.id != "" {
		mark, err := s.idMark(ctx, poolID, in.account, in.id)
		return mark, now.Add(rememberText), err
	}
	parts := []string{"inbound", poolID, in.account, "body", string(in.seed), strconv.Itoa(in.place), in.in.From, in.in.To, in.in.Text}
	if in.seed == nil { // from a connection: nobody sends it twice
		parts = append(parts, store.NewID(now))
	}
	mark, err := s.c.Keys.Lookup(ctx, keyring.Deployment, parts...)
	return mark, now.Add(rememberBody), err
}

// firstOf takes the id of a text to an account of all pools, whose signature does not cover it.
func (s *Service) firstOf(ctx context.Context, in inbound) (fresh bool, err error) {
	if !in.once {
		return true, nil
	}
	mark, err := s.idMark(ctx, "", in.account, in.id)
	if err != nil {
		return false, err
	}
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		fresh, err = tx.Challenges().Spend(context.WithoutCancel(ctx), mark, s.c.Now().Add(rememberText))
		return err
	})
	return fresh, err
}

// idMark is the single-use mark of a notice by the id that its service gave it.
func (s *Service) idMark(ctx context.Context, poolID, account, id string) ([]byte, error) {
	return s.c.Keys.Lookup(ctx, keyring.Deployment, "inbound", poolID, account, "id", id)
}

// poolsOf returns the pools that have texted a number through an account of the configuration file.
func (s *Service) poolsOf(ctx context.Context, account string, from phone.Number) (out []string, err error) {
	after := ""
	for seen := 0; seen < maxPools; seen += poolPage {
		var pools []*store.Pool
		err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
			pools, err = tx.Pools().ListPools(ctx, after, poolPage)
			return err
		})
		if err != nil {
			return nil, err
		}
		hashes := make([][]byte, len(pools))
		for i, p := range pools {
			after = p.ID
			if hashes[i], err = s.c.Log.NumberHash(ctx, p.ID, from.String()); err != nil {
				return nil, err
			}
		}
		err = s.c.Store.Read(ctx, func(tx store.Tx) error {
			for i, p := range pools {
				list, err := tx.Outbox().ListMessages(ctx, store.MessageQuery{PoolID: p.ID, Number: hashes[i], Limit: lastTexts})
				if err != nil {
					return err
				}
				for _, m := range list {
					if m.Account == account {
						out = append(out, p.ID)
						break
					}
				}
			}
			return nil
		})
		if err != nil || len(pools) < poolPage {
			return out, err
		}
	}
	return out, nil
}
