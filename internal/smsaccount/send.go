package smsaccount

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/message"
	"countersign/internal/optout"
	"countersign/internal/origination"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	channelSMS   = string(provider.SMS)
	channelVoice = string(provider.Voice)

	// maxText and maxSpoken are in characters (SNS API reference, Publish; End User Messaging API reference, SendTextMessage and SendVoiceMessage).
	maxText, maxSpoken = 1600, 6000
	// defaultTTL and maxTTL are how long a message may wait (SendTextMessage, TimeToLive: 72 hours).
	defaultTTL, maxTTL = 72 * time.Hour, 72 * time.Hour
	minTTL             = 5 * time.Second
	// maxID bounds India's ids: theirs have 19 digits, the API allows 50 characters.
	maxID = 50
)

// Send checks a message as the package comment says, hands it to the outbox, and returns its id. Errors: the faults listed there, those of Config's
// functions.
func (s *Service) Send(ctx context.Context, m Message) (id string, err error) {
	maxPrice, err := m.check()
	if err != nil {
		return "", err
	}
	pool, err := s.Pool(ctx)
	if err != nil {
		return "", err
	}
	set, err := s.Settings(ctx)
	if err != nil {
		return "", err
	}
	identity, price, err := s.clear(ctx, &set, pool, &m, maxPrice)
	if err != nil {
		s.refused(ctx, pool, &m, err)
		return "", err
	}
	if m.DryRun {
		s.spend(pool, m.channel(), -price)
		return store.NewID(s.c.Now()), nil
	}
	if id, err = s.c.Enqueue(ctx, s.draft(&set, pool, &m, identity)); err != nil {
		s.spend(pool, m.channel(), -price)
		s.refused(ctx, pool, &m, err)
	}
	return id, err
}

func (m *Message) channel() string {
	if m.Voice {
		return channelVoice
	}
	return channelSMS
}

// check judges what lies in the message alone, and returns its ceiling, 0 for none.
func (m *Message) check() (maxPrice int64, err error) {
	limit := maxText
	if m.Voice {
		limit = maxSpoken
	}
	switch {
	case m.To.IsZero():
		return 0, fault.Invalidf("to", "The phone number is missing.")
	case strings.TrimSpace(m.Text) == "" || !utf8.ValidString(m.Text):
		return 0, fault.Invalidf("text", "The text is empty, or not UTF-8.")
	case utf8.RuneCountInString(m.Text) > limit:
		return 0, fault.Invalidf("text", "The text is longer than %d characters.", limit)
	case m.Sender != "" && !SenderID(m.Sender):
		return 0, fault.Invalidf("sender", "A sender ID is 1 to 11 letters, digits and hyphens, with at least one letter.")
	case m.Type != "" && m.Type != Promotional && m.Type != Transactional:
		return 0, fault.Invalidf("type", "The type is Promotional or Transactional.")
	case len(m.EntityID) > maxID || !printable(m.EntityID):
		return 0, fault.Invalidf("entity_id", "The entity id is not one.")
	case len(m.TemplateID) > maxID || !printable(m.TemplateID):
		return 0, fault.Invalidf("template_id", "The template id is not one.")
	case m.TTL != 0 && (m.TTL < minTTL || m.TTL > maxTTL):
		return 0, fault.Invalidf("ttl", "The time to live is from 5 seconds to 72 hours.")
	case m.MaxPrice == "":
		return 0, nil
	}
	micros, ok := dollars(m.MaxPrice)
	if !ok || micros == 0 {
		return 0, fault.Invalidf("max_price", "The maximum price is an amount of US dollars above 0.")
	}
	return micros, nil
}

// clear asks everybody who may hold the message back, and returns what it comes from and what it is taken to cost, which counts from now on.
func (s *Service) clear(ctx context.Context, set *Settings, pool string, m *Message, maxPrice int64) (origination.Identity, int64, error) {
	var none origination.Identity
	allowed, err := s.c.Sandbox.Allowed(ctx, m.To)
	if err != nil {
		return none, 0, err
	}
	if !allowed {
		return none, 0, fault.New(fault.DestinationNotVerified).WithField("to").
			WithPublic("The account is in its sandbox, and the number is not a verified destination number.").
			WithHint("countersign sandbox add NUMBER, then countersign sandbox verify NUMBER CODE; or countersign sandbox off")
	}
	identity, err := s.choose(ctx, set, m)
	if err != nil {
		return none, 0, err
	}
	out, err := s.refuses(ctx, pool, m, identity)
	if err != nil {
		return none, 0, err
	}
	if out {
		return none, 0, fault.New(fault.OptedOut).WithField("to").WithPublic("The phone number is opted out.")
	}
	price, err := s.price(ctx, pool, m, maxPrice)
	if err != nil {
		return none, 0, err
	}
	return identity, price, s.takeSpend(ctx, set, pool, m.channel(), price)
}

// choose returns the identity that the message comes from. A default sender ID that the country does not take is left out, an explicit one is refused.
func (s *Service) choose(ctx context.Context, set *Settings, m *Message) (origination.Identity, error) {
	preferred := m.Origination
	if preferred == "" {
		preferred = m.Sender
	}
	country := m.To.Region()
	if preferred == "" && set.DefaultSenderID != "" && !m.Voice {
		i, err := s.c.Originations.Choose(ctx, country, m.channel(), set.DefaultSenderID)
		if err == nil || origination.ReasonOf(err) == "" {
			return i, err
		}
	}
	i, err := s.c.Originations.Choose(ctx, country, m.channel(), preferred)
	if b, ok := errors.AsType[*origination.Blocker](err); ok {
		return i, &fault.Error{Code: fault.OriginationRefused, Field: string(b.Reason), Public: b.Public, Err: err}
	}
	return i, err
}

// refuses reports whether the number does not want texts of this identity: of its list, of itself, or of anybody. Calls are not texts.
func (s *Service) refuses(ctx context.Context, pool string, m *Message, i origination.Identity) (bool, error) {
	if m.Voice || i.SelfManagedOptOuts {
		return false, nil
	}
	senders := []string{i.Value} // "" stands for whichever the provider takes
	if i.OptOutList != "" && i.OptOutList != DefaultList {
		senders = append(senders, optout.List(i.OptOutList))
	}
	return s.c.OptOuts.Check(ctx, pool, m.To, senders...)
}

// price is what the message is taken to cost. Errors: fault.PriceTooHigh.
func (s *Service) price(ctx context.Context, pool string, m *Message, maxPrice int64) (int64, error) {
	if s.c.Price == nil {
		return 0, nil
	}
	_, segments, _ := message.Segments(m.Text)
	micros, known, err := s.c.Price(ctx, pool, m.To.Region(), m.channel(), segments)
	if err != nil || !known {
		return 0, err
	}
	if maxPrice > 0 && micros > maxPrice {
		return 0, fault.New(fault.PriceTooHigh).WithField("max_price").WithPublic("The message would cost more than its maximum price.")
	}
	return micros, nil
}

func (s *Service) draft(set *Settings, pool string, m *Message, i origination.Identity) delivery.Draft {
	ttl := m.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	kind := m.Type
	if kind == "" {
		kind = set.DefaultSMSType
	}
	d := delivery.Draft{
		PoolID: pool, Lane: store.LaneNotice, Channel: provider.Channel(m.channel()), To: m.To.String(), From: i.Value, Text: m.Text,
		TriggerSource: TriggerSource, Locale: m.Language, ExpiresAt: s.c.Now().Add(ttl), EntityID: m.EntityID, TemplateID: m.TemplateID,
	}
	if kind == Transactional {
		d.Lane = store.LaneSignUp
	}
	return d
}

// refused writes down what held a message back. It is lost if the store is: the caller has been told already.
func (s *Service) refused(ctx context.Context, pool string, m *Message, why error) {
	f := fault.Of(why)
	if f.Kind() == fault.Internal {
		return
	}
	hash, err := s.c.Log.NumberHash(ctx, pool, m.To.String())
	if err == nil {
		ev := s.c.Log.Event(eventlog.Entry{
			PoolID: pool, Type: eventlog.GuardRefused, NumberHash: hash, At: s.c.Now(),
			Data: map[string]any{"purpose": "publish", "reason": string(f.Code), "detail": f.Field, "country": m.To.Region(), "channel": m.channel()},
		})
		if err = s.c.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) }); err == nil {
			s.c.Log.Publish(ev)
		}
	}
	if err != nil {
		s.c.Logger.WarnContext(ctx, "a refused message is not in the log", "reason", f.Code, "error", err)
	}
}
