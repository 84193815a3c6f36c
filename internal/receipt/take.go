package receipt

import (
	"context"
	"errors"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/route"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	// maxNotices bounds those of one callback; chunk is how many are written in one transaction.
	maxNotices = 1000
	chunk      = 100
)

// Take reads a callback at a door and does what it says. The reply is the service's. Errors: fault.ResourceNotFound for doors that are not open or
// lead nowhere, fault.AccessDenied for a wrong signature, fault.InvalidParameter for what cannot be understood, fault.Overloaded if the service should
// come again; all others are ours.
func (s *Service) Take(ctx context.Context, kind, secret string, c provider.Callback) (provider.Reply, error) {
	g, err := s.guest(ctx, kind, secret)
	if err != nil {
		return provider.Reply{}, err
	}
	reader, ok := g.provider.(provider.CallbackReader)
	if !ok {
		return provider.Reply{}, fault.New(fault.ResourceNotFound)
	}
	notices, reply, err := reader.ReadCallback(ctx, c)
	if err != nil {
		return provider.Reply{}, s.unreadable(ctx, g, err)
	}
	if len(notices) > maxNotices {
		s.dropped.Add(int64(len(notices) - maxNotices))
		notices = notices[:maxNotices]
	}
	return reply, s.do(ctx, g, notices, digest(c))
}

// Open says whether there is an open door, before anything of a callback is read. Errors: fault.ResourceNotFound; all others are ours.
func (s *Service) Open(ctx context.Context, kind, secret string) error {
	_, err := s.enter(ctx, kind, secret)
	return err
}

// guest is whoever came by a door.
type guest struct {
	door     *store.Door
	provider provider.Provider
	config   route.AccountConfig
}

// guest finds door and provider.
func (s *Service) guest(ctx context.Context, kind, secret string) (guest, error) {
	d, err := s.enter(ctx, kind, secret)
	if err != nil {
		return guest{}, err
	}
	p, c, err := s.c.Routes.Provider(ctx, d.PoolID, d.Account)
	if fault.CodeOf(err) == fault.ResourceNotFound && err != nil || err == nil && c.Kind != kind {
		return guest{}, fault.New(fault.ResourceNotFound)
	}
	if err != nil {
		return guest{}, fault.New(fault.Overloaded).WithErr(err)
	}
	return guest{d, p, c}, nil
}

// trusted reports whether what comes by the door may change anything.
func (g guest) trusted() bool {
	if r, ok := g.provider.(provider.CallbackReader); ok && r.Signed() {
		return true
	}
	return g.config.TrustUnsigned && !g.polled()
}

func (g guest) polled() bool {
	_, ok := g.provider.(provider.Poller)
	return ok
}

// unreadable is the answer to a callback that its provider did not take.
func (s *Service) unreadable(ctx context.Context, g guest, err error) error {
	if errors.Is(err, provider.ErrSignature) {
		s.refuse(ctx, g.door, g.config.Kind, "signature", "")
		return fault.New(fault.AccessDenied)
	}
	if class, _ := provider.ClassOf(err); class == provider.ClassThrottled {
		return fault.New(fault.Overloaded).WithErr(err)
	}
	s.refuse(ctx, g.door, g.config.Kind, "unreadable", short(err.Error(), maxText))
	return fault.Invalidf("", "The callback cannot be understood.").WithErr(err)
}

// refuse counts a callback that was turned away and writes an event, at most one a minute for a door and reason.
func (s *Service) refuse(ctx context.Context, d *store.Door, kind, reason, text string) {
	s.refused.Add(1)
	if !s.quiet.first(reason+string(d.Hash), s.c.Now()) {
		return
	}
	data := map[string]any{"account": d.Account, "kind": kind, "reason": reason}
	if text != "" {
		data["text"] = text
	}
	s.c.Logger.WarnContext(ctx, "a callback was refused", "pool", d.PoolID, "account", d.Account, "kind", kind, "reason", reason)
	s.append(ctx, s.c.Log.Event(eventlog.Entry{PoolID: d.PoolID, Type: eventlog.ReceiptRefused, Data: data, At: s.c.Now()}))
}

// append writes one event of its own.
func (s *Service) append(ctx context.Context, ev *store.Event) {
	ctx = context.WithoutCancel(ctx)
	if err := s.c.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) }); err != nil {
		s.c.Logger.ErrorContext(ctx, "an event was lost", "type", ev.Type, "pool", ev.PoolID, "error", err)
		return
	}
	s.c.Log.Publish(ev)
}

// do does what the notices of a callback say. seed tells callbacks apart whose notices have no ids.
func (s *Service) do(ctx context.Context, g guest, notices []provider.Notice, seed []byte) error {
	var reports []report
	for i, n := range notices {
		if n.Inbound != nil {
			in := inbound{poolID: g.door.PoolID, account: g.door.Account, in: *n.Inbound, id: n.ID, once: n.Once, trusted: g.trusted(), seed: seed, place: i}
			if err := s.hear(ctx, in); err != nil {
				return err
			}
			continue
		}
		if r, ok := s.report(g.door.PoolID, g.door.Account, n, Push, g.trusted()); ok {
			r.ask = g.polled()
			if n.Once {
				var err error
				if r.once, err = s.idMark(ctx, g.door.PoolID, g.door.Account, n.ID); err != nil {
					return err
				}
			}
			reports = append(reports, r)
		}
	}
	return s.apply(ctx, reports)
}

// Notice takes one notice of a pool's account that came otherwise than by a callback: over a connection that we made, say. poolID is empty for accounts of
// the configuration file. A notice of an unknown message is no error.
func (s *Service) Notice(ctx context.Context, poolID, account string, n provider.Notice, source string, authentic bool) error {
	if n.Inbound != nil {
		return s.hear(ctx, inbound{poolID: poolID, account: account, in: *n.Inbound, id: n.ID, trusted: authentic})
	}
	r, ok := s.report(poolID, account, n, source, authentic)
	if !ok {
		return nil
	}
	return s.apply(ctx, []report{r})
}

// Inbound takes a text from a phone to a pool's account, from a source that is sure of it.
func (s *Service) Inbound(ctx context.Context, poolID, account string, in provider.Inbound) error {
	return s.hear(ctx, inbound{poolID: poolID, account: account, in: in, trusted: true})
}
