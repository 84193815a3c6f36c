package sandbox

import (
	"context"
	"slices"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// TriggerSource is that of the messages with codes.
const TriggerSource = "DestinationNumberVerification"

// Exempt reports whether a message of this trigger source goes out although its number is not verified: the one with the code.
func Exempt(triggerSource string) bool { return triggerSource == TriggerSource }

// Create adds a number without sending anything. Errors: fault.ResourceExists if it is there, fault.OptedOut, fault.TooMany.
func (s *Service) Create(ctx context.Context, n phone.Number) (Number, error) {
	return again(func() (Number, error) {
		if _, err := s.of(ctx, n); fault.CodeOf(err) != fault.ResourceNotFound {
			if err == nil {
				err = fault.New(fault.ResourceExists).WithField("destination_number")
			}
			return Number{}, err
		}
		if err := s.wanted(ctx, n); err != nil {
			return Number{}, err
		}
		e, err := s.fresh(ctx, n)
		if err == nil {
			err = s.save(ctx, e, changed("added"), s.room(ctx, false))
		}
		return e.shownIf(err, s.now())
	})
}

// shownIf returns the entry as callers see it, unless there was an error.
func (e *entry) shownIf(err error, now time.Time) (Number, error) {
	if err != nil {
		return Number{}, err
	}
	return e.shown(now), nil
}

// Add adds a number, unless it is there and pending, and texts it a code in a language. Errors: fault.VerificationComplete for a verified number,
// fault.TooMany, and those of SendCode.
func (s *Service) Add(ctx context.Context, n phone.Number, language string) (Number, error) {
	return again(func() (Number, error) {
		e, err := s.of(ctx, n)
		if fault.CodeOf(err) == fault.ResourceNotFound {
			e, err = s.fresh(ctx, n)
		}
		if err != nil {
			return Number{}, err
		}
		_, err = s.send(ctx, e, CodeOptions{Language: language})
		return e.shownIf(err, s.now())
	})
}

// SendCode sends a code to a number, named by its id or in E.164 form, and returns the message's id. Errors: fault.ResourceNotFound,
// fault.VerificationComplete, fault.AttemptLimit after five codes within 24 hours (with RetryAfter), fault.OptedOut for texts, those of Config.Pool.
func (s *Service) SendCode(ctx context.Context, ref string, o CodeOptions) (messageID string, err error) {
	return again(func() (string, error) {
		e, err := s.find(ctx, ref)
		if err != nil {
			return "", err
		}
		return s.send(ctx, e, o)
	})
}

// send makes a code, and commits it with the message that carries it. Errors: errRace, and those of SendCode.
func (s *Service) send(ctx context.Context, e *entry, o CodeOptions) (string, error) {
	now := s.now()
	e.Sent = e.recent(now)
	switch {
	case e.status() == Verified:
		return "", fault.New(fault.VerificationComplete).WithField("destination_number")
	case len(e.Sent) >= MaxCodes:
		f := fault.New(fault.AttemptLimit).WithField("destination_number").
			WithPublic("At most %d codes are sent to a number within %d hours.", MaxCodes, int(CodesWithin/time.Hour))
		f.RetryAfter = e.Sent[0].Add(CodesWithin).Sub(now)
		return "", f
	}
	if !o.Voice {
		if err := s.wanted(ctx, e.number); err != nil {
			return "", err
		}
	}
	value, row, err := s.codes().New(ctx, e.spec(), CodeLife)
	if err != nil {
		return "", err
	}
	m, err := s.message(ctx, e, o, value, row.ExpiresAt)
	if err != nil {
		return "", err
	}
	e.Sent = append(slices.Clone(e.Sent), now)
	e.Codes = append(e.good(now), code{ID: row.ID, Hash: row.Hash, Target: row.Target, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt})
	e.Codes = e.Codes[max(0, len(e.Codes)-otp.Keep):]
	ev, also := changed("code sent"), []func(store.Tx) error{func(tx store.Tx) error { return s.c.Deliver.Enqueue(ctx, tx, m) }}
	ev.Data["message"], ev.Data["channel"] = m.ID, m.Channel
	if e.row.Version == 0 {
		ev.Data["what"] = "added, code sent"
		also = append(also, s.room(ctx, false))
	}
	id := m.ID
	if err := s.save(ctx, e, ev, also...); err != nil {
		return "", err
	}
	s.c.Deliver.Wake(m)
	return id, nil
}

// wanted fails with fault.OptedOut for a number that does not want texts.
func (s *Service) wanted(ctx context.Context, n phone.Number) error {
	if s.c.OptedOut == nil {
		return nil
	}
	out, err := s.c.OptedOut(ctx, n)
	if err == nil && out {
		err = fault.New(fault.OptedOut).WithField("destination_number").WithPublic("The phone number is opted out.")
	}
	return err
}

// good are the codes that are still good for answers.
func (e *entry) good(now time.Time) []code {
	return slices.DeleteFunc(slices.Clone(e.Codes), func(c code) bool { return c.Tries >= MaxTries || !now.Before(c.ExpiresAt) })
}

func (s *Service) codes() *otp.Codes {
	return &otp.Codes{Key: s.c.Keys.Codes, Now: s.c.Now, Fixed: s.c.Fixed}
}

// message makes the row of the message with a code. It is the account pool's.
func (s *Service) message(ctx context.Context, e *entry, o CodeOptions, value string, until time.Time) (*store.Message, error) {
	pool, err := s.c.Pool(ctx)
	if err != nil {
		return nil, err
	}
	text, locale := textFor(o.Language, value, o.Voice)
	d := delivery.Draft{
		PoolID: pool, Lane: store.LaneSignUp, Channel: provider.SMS, To: e.number.String(), From: o.From, Text: text, Code: value,
		TriggerSource: TriggerSource, Locale: locale, ExpiresAt: until,
	}
	if o.Voice {
		d.Channel = provider.Voice
	}
	return s.c.Deliver.Prepare(ctx, d)
}

// Verify takes the code that was sent to a number. Errors: fault.ResourceNotFound, fault.CodeMismatch, fault.CodeExpired (too old, or killed by five
// wrong answers, or none was sent), fault.VerificationComplete, fault.TooMany if ten are verified.
func (s *Service) Verify(ctx context.Context, ref, answer string) (Number, error) {
	return again(func() (Number, error) {
		e, err := s.find(ctx, ref)
		if err != nil {
			return Number{}, err
		}
		if e.status() == Verified {
			return Number{}, fault.New(fault.VerificationComplete).WithField("destination_number")
		}
		now := s.now()
		e.Codes = e.good(now)
		_, err = s.codes().Judge(ctx, e.live(), e.spec(), answer)
		switch fault.CodeOf(err) {
		case "":
			e.row.Status, e.VerifiedAt, e.Codes = string(Verified), now, nil
			err = s.save(ctx, e, eventlog.Entry{Type: eventlog.NumberVerified}, s.room(ctx, true))
			return e.shownIf(err, now)
		case fault.CodeMismatch:
			// The answer is told only once it has been counted: else many at once would all be free.
			for i := range e.Codes {
				e.Codes[i].Tries++
			}
			if lost := s.save(ctx, e, changed("wrong code")); lost != nil {
				err = lost
			}
		}
		return Number{}, err
	})
}

// Remove takes a number away and returns what it was. Errors: fault.ResourceNotFound, fault.TooSoon (with RetryAfter) before a day has passed.
func (s *Service) Remove(ctx context.Context, ref string) (Number, error) {
	e, err := s.find(ctx, ref)
	if err != nil {
		return Number{}, err
	}
	now := s.now()
	n := e.shown(now)
	if wait := later(n.VerifiedAt, n.LastCodeAt).Add(RemoveAfter).Sub(now); wait > 0 && !s.c.Dev {
		f := fault.New(fault.TooSoon).WithField("destination_number").
			WithPublic("A destination number may be removed %d hours after it was verified or a code was last sent to it.", int(RemoveAfter/time.Hour))
		f.RetryAfter = wait
		return Number{}, f
	}
	event := s.event(ctx, e, changed("removed"))
	s.forget()
	defer s.forget()
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Records().DeleteRecord(ctx, kind, keyring.Deployment, e.row.ID)
		if err == nil && !ok {
			err = notFound()
		}
		if err != nil {
			return err
		}
		return tx.Events().Append(ctx, event)
	})
	if err != nil {
		return Number{}, err
	}
	s.c.Log.Publish(event)
	return n, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Number returns a number by its id or in E.164 form, with or without the plus. Errors: fault.ResourceNotFound.
func (s *Service) Number(ctx context.Context, ref string) (Number, error) {
	e, err := s.find(ctx, ref)
	return e.shownIf(err, s.now())
}
