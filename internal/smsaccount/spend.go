package smsaccount

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign/internal/fault"
)

const (
	// million is how many millionths make one.
	million = 1_000_000
	// sandboxLimit is what may be spent in a month while the account is in its sandbox, unless the settings say otherwise (SNS developer guide, "Requesting
	// increases to your monthly SMS spending quota").
	sandboxLimit = 1 * million
	// spentFor is how long a sum of the month is remembered: summing it up reads all of the month's messages.
	spentFor = 10 * time.Second
)

// spends are all kinds, in the order of SpendLimits.
var spends = [...]Spend{Text, Voice, Media, Notify, RCS}

func (in *Settings) override(kind Spend) **int64 {
	switch kind {
	case Text:
		return &in.TextLimit
	case Voice:
		return &in.VoiceLimit
	case Media:
		return &in.MediaLimit
	case Notify:
		return &in.NotifyLimit
	case RCS:
		return &in.RCSLimit
	}
	return nil
}

// dollars reads an amount of US dollars, as in "1", "0.05" and ".5", in millionths.
func dollars(s string) (micros int64, ok bool) {
	whole, part, point := strings.Cut(s, ".")
	if len(whole) > 10 || len(part) > 6 || whole+part == "" || point && part == "" || strings.Trim(whole+part, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+part+strings.Repeat("0", 6-len(part)), 10, 64)
	return n, err == nil
}

// monthly is the account's own limit of a month, in millionths of a US dollar, and whether there is one.
func (s *Service) monthly(ctx context.Context, set *Settings) (micros int64, limited bool, err error) {
	if set.MonthlySpendLimit != "" {
		micros, _ := dollars(set.MonthlySpendLimit)
		return micros, true, nil
	}
	on, err := s.c.Sandbox.Enabled(ctx)
	return sandboxLimit, on, err
}

// SpendLimits returns the spend limits of all kinds of messages.
func (s *Service) SpendLimits(ctx context.Context) ([]SpendLimit, error) {
	set, err := s.Settings(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]SpendLimit, 0, len(spends))
	for _, kind := range spends {
		l, err := s.spendLimit(ctx, &set, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func (s *Service) spendLimit(ctx context.Context, set *Settings, kind Spend) (SpendLimit, error) {
	l := SpendLimit{Kind: kind, Max: NoLimit}
	micros, limited, err := s.monthly(ctx, set)
	if limited {
		l.Max = micros / million
	}
	l.Enforced = l.Max
	if v := *set.override(kind); v != nil {
		l.Enforced, l.Overridden = min(*v, l.Max), true
	}
	return l, err
}

// SetSpendLimit sets a spend limit in whole US dollars a month; nil takes it away. Errors: fault.InvalidParameter, Field "monthly_limit" for less than 0
// and "monthly_limit_above" for more than SpendLimit.Max.
func (s *Service) SetSpendLimit(ctx context.Context, kind Spend, limit *int64) (SpendLimit, error) {
	if (&Settings{}).override(kind) == nil {
		return SpendLimit{}, fault.Invalidf("kind", "There is no spend limit of this kind.")
	}
	if limit != nil && *limit < 0 {
		return SpendLimit{}, fault.Invalidf("monthly_limit", "A spend limit is 0 or more US dollars.")
	}
	set, err := s.change(ctx, func(set *Settings) error {
		l, err := s.spendLimit(ctx, set, kind)
		if err == nil && limit != nil && *limit > l.Max {
			err = fault.Invalidf("monthly_limit_above", "The account may spend at most %d US dollars a month.", l.Max)
		}
		*set.override(kind) = limit
		return err
	})
	if err != nil {
		return SpendLimit{}, err
	}
	return s.spendLimit(ctx, &set, kind)
}

// spentMemory is what each channel had cost in the month when it was last summed up.
type spentMemory struct {
	mu   sync.Mutex
	sums map[spentKey]spentSum
}

type spentKey struct{ pool, channel string }

type spentSum struct {
	micros int64
	month  time.Time
	at     time.Time
}

// spent is what a pool's messages of a channel cost in this month, with those of this node since it was summed up.
func (s *Service) spent(ctx context.Context, poolID, channel string) (int64, error) {
	if s.c.Spent == nil {
		return 0, nil
	}
	now := s.c.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	k := spentKey{poolID, channel}
	s.sums.mu.Lock()
	have, ok := s.sums.sums[k]
	s.sums.mu.Unlock()
	if ok && have.month.Equal(month) && now.Sub(have.at) < spentFor && !now.Before(have.at) {
		return have.micros, nil
	}
	micros, err := s.c.Spent(ctx, poolID, channel, month)
	if err != nil {
		return 0, err
	}
	s.sums.mu.Lock()
	defer s.sums.mu.Unlock()
	if len(s.sums.sums) > 16 || s.sums.sums == nil { // the account pool changes rarely
		s.sums.sums = map[spentKey]spentSum{}
	}
	s.sums.sums[k] = spentSum{micros, month, now}
	return micros, nil
}

// spend adds what a message is going to cost to what is remembered, or takes it back.
func (s *Service) spend(poolID, channel string, micros int64) {
	s.sums.mu.Lock()
	defer s.sums.mu.Unlock()
	k := spentKey{poolID, channel}
	if sum, ok := s.sums.sums[k]; ok {
		sum.micros += micros
		s.sums.sums[k] = sum
	}
}

// place adds a price to what is remembered if that makes no more than limit; spent is what was remembered a moment ago. Many messages at once see each other.
func (s *Service) place(poolID, channel string, price, limit, spent int64) bool {
	s.sums.mu.Lock()
	defer s.sums.mu.Unlock()
	k := spentKey{poolID, channel}
	sum, ok := s.sums.sums[k]
	if ok {
		spent = sum.micros
	}
	if spent >= limit || price > limit-spent {
		return false
	}
	if sum.micros += price; ok {
		s.sums.sums[k] = sum
	}
	return true
}

// takeSpend counts what a message is going to cost, or fails with fault.SpendLimitReached if it has no place in the month.
func (s *Service) takeSpend(ctx context.Context, set *Settings, poolID, channel string, price int64) error {
	limit, limited, err := s.monthly(ctx, set)
	if err != nil {
		return err
	}
	if s.c.Dev && set.MonthlySpendLimit == "" {
		limited = false
	}
	kind := Text
	if channel == channelVoice {
		kind = Voice
	}
	if v := *set.override(kind); v != nil && (!limited || *v*million < limit) {
		limit, limited = *v*million, true
	}
	if !limited {
		s.spend(poolID, channel, price)
		return nil
	}
	spent, err := s.spent(ctx, poolID, channel)
	if err != nil || s.place(poolID, channel, price, limit, spent) {
		return err
	}
	return fault.New(fault.SpendLimitReached).WithField(string(kind)).
		WithPublic("The spend limit of this month is reached.").
		WithHint("countersign sms-account show; raise MonthlySpendLimit with SetSMSAttributes or countersign sms-account set")
}
