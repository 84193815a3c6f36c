package smsaccount_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/optout"
	"countersign/internal/origination"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/phone"
)

const alice, bob, german = "+12025550123", "+12025550124", "+4915112345678"

func number(t testing.TB, s string) phone.Number {
	t.Helper()
	n, err := phone.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sandboxed is a sandbox that lets one number through.
type sandboxed struct {
	on      bool
	ok      string
	numbers []sandbox.Number
}

func (s *sandboxed) Enabled(context.Context) (bool, error) { return s.on, nil }
func (s *sandboxed) Numbers(context.Context, sandbox.Query) ([]sandbox.Number, string, error) {
	return s.numbers, "", nil
}

func (s *sandboxed) Allowed(_ context.Context, n phone.Number) (bool, error) {
	return !s.on || n.String() == s.ok, nil
}

// identities has the US number of the account, and takes any sender ID in Germany.
type identities struct {
	own   origination.Identity
	mu    sync.Mutex
	asked []string
}

func (o *identities) Choose(_ context.Context, country, channel, preferred string) (origination.Identity, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, country+" "+channel+" "+preferred)
	switch {
	case preferred == "" && country == "US", preferred == o.own.Value:
		return o.own, nil
	case preferred == "":
		return origination.Identity{}, nil
	case country == "US":
		return origination.Identity{}, &origination.Blocker{Reason: origination.SenderNotSupported, Country: country, Public: "The United States show no sender IDs."}
	}
	return origination.Identity{Value: preferred, OptOutList: "Default"}, nil
}

type world struct {
	*testing.T
	*smsaccount.Service
	s       store.Store
	optouts *optout.Service
	sandbox *sandboxed
	ids     *identities
	sent    []delivery.Draft
	spent   int64
	price   int64
	now     time.Time
	config  smsaccount.Config
}

func newWorld(t *testing.T, s store.Store) *world {
	keys := keyringtest.New(t, "p", "q")
	w := &world{T: t, s: s, sandbox: &sandboxed{ok: alice}, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), price: 10_000}
	w.ids = &identities{own: origination.Identity{ID: "phone-1", Value: "+12025550199", OptOutList: "Default"}}
	log := eventlog.New(eventlog.Config{Keys: keys, Now: w.clock})
	w.optouts = optout.New(optout.Config{Store: s, Log: log, Keys: keys, Now: w.clock})
	w.config = smsaccount.Config{
		Store: s, Keys: keys, Log: log, Sandbox: w.sandbox, Originations: w.ids, OptOuts: w.optouts, Now: w.clock,
		DefaultPool: func(context.Context) (string, error) { return "p", nil },
		Enqueue: func(_ context.Context, d delivery.Draft) (string, error) {
			w.ids.mu.Lock()
			defer w.ids.mu.Unlock()
			w.sent = append(w.sent, d)
			return fmt.Sprintf("message %d", len(w.sent)), nil
		},
		Spent: func(_ context.Context, poolID, channel string, month time.Time) (int64, error) {
			if poolID != "p" || !month.Equal(time.Date(2026, w.now.Month(), 1, 0, 0, 0, 0, time.UTC)) {
				t.Errorf("spent of %s since %s", poolID, month)
			}
			return w.spent, nil
		},
		Price: func(_ context.Context, _, _, _ string, segments int) (int64, bool, error) {
			return w.price * int64(segments), w.price > 0, nil
		},
	}
	w.Service = smsaccount.New(w.config)
	w.must(s.Write(t.Context(), func(tx store.Tx) error {
		for _, id := range []string{"p", "q"} {
			p := &store.Pool{ID: id, Name: id, Config: []byte("{}"), Wire: []byte("{}"), CreatedAt: w.now, UpdatedAt: w.now}
			if _, err := tx.Pools().InsertPool(t.Context(), p); err != nil {
				return err
			}
		}
		return nil
	}))
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(what string, err error, code fault.Code, field ...string) {
	w.Helper()
	if fault.CodeOf(err) != code || len(field) > 0 && fault.Of(err).Field != field[0] {
		w.Errorf("%s: %v, want %q %q", what, err, code, field)
	}
}

// send sends a text and returns the draft.
func (w *world) send(m smsaccount.Message) delivery.Draft {
	w.Helper()
	_, err := w.Send(w.Context(), m)
	w.must(err)
	return w.sent[len(w.sent)-1]
}

func text(t testing.TB, to string) smsaccount.Message {
	return smsaccount.Message{To: number(t, to), Text: "hello"}
}

func TestSend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		d := w.send(text(t, alice))
		if d.PoolID != "p" || d.To != alice || d.From != "+12025550199" || d.Text != "hello" || d.TriggerSource != "Publish" || d.Channel != "sms" ||
			d.Lane != store.LaneNotice || !d.ExpiresAt.Equal(w.now.Add(72*time.Hour)) {
			t.Errorf("%+v", d)
		}
		d = w.send(smsaccount.Message{
			To: number(t, german), Text: "hallo", Sender: "Acme", Type: smsaccount.Transactional, EntityID: "1", TemplateID: "2", TTL: time.Minute, MaxPrice: "0.01",
		})
		if d.From != "Acme" || d.Lane != store.LaneSignUp || d.EntityID != "1" || d.TemplateID != "2" || !d.ExpiresAt.Equal(w.now.Add(time.Minute)) {
			t.Errorf("%+v", d)
		}
		d = w.send(smsaccount.Message{To: number(t, alice), Text: strings.Repeat("x", 6000), Voice: true, Language: "de-DE", Origination: "+12025550199"})
		if d.Channel != "voice" || d.Locale != "de-DE" || d.From != "+12025550199" {
			t.Errorf("%+v", d)
		}
		id, err := w.Send(t.Context(), smsaccount.Message{To: number(t, alice), Text: "hello", DryRun: true})
		if err != nil || id == "" || len(w.sent) != 3 {
			t.Errorf("dry run: %q, %v, %d sent", id, err, len(w.sent))
		}
	})
}

func TestSendRefusesTheForm(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		for field, change := range map[string]func(*smsaccount.Message){
			"to":          func(m *smsaccount.Message) { m.To = phone.Number{} },
			"text":        func(m *smsaccount.Message) { m.Text = " \n" },
			"sender":      func(m *smsaccount.Message) { m.Sender = "123456" },
			"type":        func(m *smsaccount.Message) { m.Type = "promotional" },
			"max_price":   func(m *smsaccount.Message) { m.MaxPrice = "1e3" },
			"entity_id":   func(m *smsaccount.Message) { m.EntityID = strings.Repeat("1", 51) },
			"template_id": func(m *smsaccount.Message) { m.TemplateID = "a b" },
			"ttl":         func(m *smsaccount.Message) { m.TTL = 73 * time.Hour },
		} {
			m := text(t, alice)
			change(&m)
			_, err := w.Send(t.Context(), m)
			w.want(field, err, fault.InvalidParameter, field)
		}
		for _, long := range []string{strings.Repeat("x", 1601), strings.Repeat("ä", 1601), "\xff"} {
			_, err := w.Send(t.Context(), smsaccount.Message{To: number(t, alice), Text: long})
			w.want("long", err, fault.InvalidParameter, "text")
		}
		w.send(smsaccount.Message{To: number(t, alice), Text: strings.Repeat("ä", 1600)})
		if len(w.sent) != 1 {
			t.Error(len(w.sent))
		}
	})
}

// Each refusal has its name and is an event.
func TestSendIsHeldBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		w.sandbox.on = true
		_, err := w.Send(ctx, text(t, bob))
		w.want("sandbox", err, fault.DestinationNotVerified)
		w.send(text(t, alice))
		w.sandbox.on = false

		m := text(t, bob)
		m.Sender = "Acme"
		_, err = w.Send(ctx, m)
		w.want("sender ID", err, fault.OriginationRefused, string(origination.SenderNotSupported))
		var b *origination.Blocker
		if !errors.As(err, &b) || fault.Of(err).Public != b.Public {
			t.Errorf("%v", err)
		}
		m = text(t, german)
		m.MaxPrice = "0.0099"
		_, err = w.Send(ctx, m)
		w.want("price", err, fault.PriceTooHigh)

		_, err = w.OptOut(ctx, "Default", number(t, german))
		w.must(err)
		_, err = w.Send(ctx, text(t, german))
		w.want("opt-out", err, fault.OptedOut)
		m = text(t, german)
		m.Voice = true
		w.send(m) // a call is no text

		w.must(w.SetAttributes(ctx, map[string]string{"MonthlySpendLimit": "0"}))
		_, err = w.Send(ctx, text(t, bob))
		w.want("spend", err, fault.SpendLimitReached, "text")

		events, err := w.config.Log.List(ctx, s, eventlog.Query{PoolID: "p", Types: []eventlog.Type{eventlog.GuardRefused}, Limit: 10})
		w.must(err)
		var all string
		for _, ev := range events {
			all += string(ev.Data)
		}
		for _, code := range []fault.Code{fault.DestinationNotVerified, fault.OriginationRefused, fault.PriceTooHigh, fault.OptedOut, fault.SpendLimitReached} {
			if strings.Count(all, string(code)) != 1 {
				t.Errorf("%s is not in %s", code, all)
			}
		}
		if strings.Contains(all, bob[1:]) || strings.Contains(all, german[1:]) {
			t.Errorf("%s", all)
		}
	})
}

// The default sender is used where the country takes it; where it does not, the account's own number is.
func TestDefaultSender(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.must(w.SetAttributes(t.Context(), map[string]string{"DefaultSenderID": "Acme", "DefaultSMSType": "Transactional"}))
		if d := w.send(text(t, german)); d.From != "Acme" || d.Lane != store.LaneSignUp {
			t.Errorf("%+v", d)
		}
		if d := w.send(text(t, alice)); d.From != "+12025550199" {
			t.Errorf("%+v", d)
		}
		m := text(t, german)
		m.Type, m.Sender = smsaccount.Promotional, "Other"
		if d := w.send(m); d.From != "Other" || d.Lane != store.LaneNotice {
			t.Errorf("%+v", d)
		}
		m = text(t, alice)
		m.Voice = true
		w.send(m)
		if last := w.ids.asked[len(w.ids.asked)-1]; last != "US voice " {
			t.Error(last)
		}
	})
}

func TestMonthlySpend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		w.spent, w.price = 5_000_000, 400_000
		w.send(text(t, alice)) // no limit
		w.must(w.SetAttributes(ctx, map[string]string{"MonthlySpendLimit": "6.00"}))
		w.send(text(t, alice))
		w.send(text(t, alice)) // 5.80 with the one before
		_, err := w.Send(ctx, text(t, alice))
		w.want("above 6.00", err, fault.SpendLimitReached)
		w.now = w.now.Add(10 * time.Second)
		w.send(text(t, alice)) // what was spent really is 5.00
		w.spent = 6_000_000
		w.now = w.now.Add(10 * time.Second)
		_, err = w.Send(ctx, text(t, alice))
		w.want("spent", err, fault.SpendLimitReached)
		w.spent = 0
		w.now = w.now.AddDate(0, 1, 0)
		w.send(text(t, alice)) // another month

		one := int64(0)
		_, err = w.SetSpendLimit(ctx, smsaccount.Voice, &one)
		w.must(err)
		w.send(text(t, alice))
		m := text(t, alice)
		m.Voice = true
		_, err = w.Send(ctx, m)
		w.want("no calls", err, fault.SpendLimitReached, "voice")
	})
}

// Many messages at once share what is left, and dry runs and messages that could not be stored leave it.
func TestAdvisory_MonthlySpendAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.spent, w.price = 5_000_000, 400_000
		w.must(w.SetAttributes(t.Context(), map[string]string{"MonthlySpendLimit": "6.00"}))
		dry := text(t, alice)
		dry.DryRun = true
		for range 5 {
			_, err := w.Send(t.Context(), dry)
			w.must(err)
		}
		var all sync.WaitGroup
		var sent atomic.Int64
		for range 20 {
			all.Go(func() {
				if _, err := w.Send(t.Context(), text(t, alice)); err == nil {
					sent.Add(1)
				}
			})
		}
		all.Wait()
		if n := sent.Load(); n != 2 {
			t.Errorf("%d messages of 0.40 in what was left of 1.00", n)
		}
	})
}

// A sandbox allows a dollar a month, in dev as many as you like.
func TestSandboxSpend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.sandbox.on = true
		w.spent = 1_000_000
		_, err := w.Send(t.Context(), text(t, alice))
		w.want("a dollar", err, fault.SpendLimitReached)
		got, err := w.Attributes(t.Context())
		if err != nil || !reflect.DeepEqual(got, map[string]string{"MonthlySpendLimit": "1.00"}) {
			t.Errorf("%v, %v", got, err)
		}
		w.config.Dev = true
		w.Service = smsaccount.New(w.config)
		w.send(text(t, alice))
		w.must(w.SetAttributes(t.Context(), map[string]string{"MonthlySpendLimit": "1"}))
		_, err = w.Send(t.Context(), text(t, alice))
		w.want("a dollar that was set", err, fault.SpendLimitReached)
	})
}

func TestAttributes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		good := map[string]string{
			"MonthlySpendLimit": "10.50", "DeliveryStatusIAMRole": "arn:aws:iam::123456789012:role/sms", "DeliveryStatusSuccessSamplingRate": "100",
			"DefaultSenderID": "My-Co1", "DefaultSMSType": "Transactional", "UsageReportS3Bucket": "my.bucket-1",
		}
		w.must(w.SetAttributes(ctx, good))
		got, err := w.Attributes(ctx)
		if err != nil || !reflect.DeepEqual(got, good) {
			t.Errorf("%v, %v", got, err)
		}
		for _, bad := range [][2]string{
			{"MonthlySpendLimit", "-1"}, {"MonthlySpendLimit", "1.001"}, {"MonthlySpendLimit", "1."}, {"MonthlySpendLimit", "."}, {"MonthlySpendLimit", "1e2"},
			{"MonthlySpendLimit", "10000000000"}, {"MonthlySpendLimit", " 1"},
			{"DeliveryStatusIAMRole", "role"}, {"DeliveryStatusIAMRole", "arn:aws:iam::1234:role/x"}, {"DeliveryStatusIAMRole", "arn:aws:iam::123456789012:user/x"},
			{"DeliveryStatusSuccessSamplingRate", "101"}, {"DeliveryStatusSuccessSamplingRate", "1.5"}, {"DeliveryStatusSuccessSamplingRate", "-1"},
			{"DefaultSenderID", "12345"}, {"DefaultSenderID", "abcdefghijkl"}, {"DefaultSenderID", "a b"}, {"DefaultSenderID", "Ä"},
			{"DefaultSMSType", "transactional"}, {"UsageReportS3Bucket", "A"}, {"UsageReportS3Bucket", "-bucket"}, {"UsageReportS3Bucket", "under_score"},
			{"Nonsense", "1"}, {"", ""},
		} {
			w.want(bad[0]+"="+bad[1], w.SetAttributes(ctx, map[string]string{bad[0]: bad[1]}), fault.InvalidParameter, bad[0])
		}
		w.must(w.SetAttributes(ctx, map[string]string{"DefaultSenderID": "", "MonthlySpendLimit": ""}))
		delete(good, "DefaultSenderID")
		delete(good, "MonthlySpendLimit")
		if got, err = w.Attributes(ctx); err != nil || !reflect.DeepEqual(got, good) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestSettings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		first, err := w.PutSettings(ctx, smsaccount.Settings{Pool: "q", DefaultSMSType: "Promotional"})
		w.must(err)
		if pool, err := w.Pool(ctx); pool != "q" || err != nil || first.Version != 1 {
			t.Error(pool, err, first)
		}
		_, err = w.PutSettings(ctx, smsaccount.Settings{})
		w.want("version 0 again", err, fault.ConcurrentModification)
		_, err = w.PutSettings(ctx, smsaccount.Settings{DefaultSMSType: "x", Version: 1})
		w.want("type", err, fault.InvalidParameter, "default_sms_type")
		less := int64(-1)
		_, err = w.PutSettings(ctx, smsaccount.Settings{MediaLimit: &less, Version: 1})
		w.want("limit", err, fault.InvalidParameter, "media_limit")
		w.want("pool", w.SetPool(ctx, "z"), fault.PoolNotFound)
		w.must(w.SetPool(ctx, ""))
		if pool, err := w.Pool(ctx); pool != "p" || err != nil {
			t.Error(pool, err)
		}
		now, err := w.Settings(ctx)
		w.must(err)
		if now.Version != 2 || now.DefaultSMSType != "Promotional" {
			t.Errorf("%+v", now)
		}
		events, err := w.config.Log.List(ctx, s, eventlog.Query{Types: []eventlog.Type{eventlog.SMSAccountChanged}, Limit: 10})
		if err != nil || len(events) != 2 {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}

func TestReset(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		w.must(w.SetPool(ctx, "q"))
		_, err := w.CreateOptOutList(ctx, "Marketing")
		w.must(err)
		w.must(w.Reset(ctx))
		set, err := w.Settings(ctx)
		if err != nil || set != (smsaccount.Settings{}) {
			t.Errorf("%+v, %v", set, err)
		}
		if lists, err := w.OptOutLists(ctx); len(lists) != 1 || err != nil {
			t.Error(lists, err)
		}
	})
}

// What another node set is seen after two seconds, and never overwritten by a change of one field.
func TestTwoNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		other := smsaccount.New(w.config)
		if _, err := w.Settings(ctx); err != nil {
			t.Fatal(err)
		}
		w.must(other.SetAttributes(ctx, map[string]string{"DefaultSMSType": "Transactional"}))
		set, err := w.Settings(ctx)
		if err != nil || set.DefaultSMSType != "" {
			t.Errorf("%+v, %v", set, err)
		}
		w.must(w.SetAttributes(ctx, map[string]string{"DefaultSenderID": "Acme"}))
		w.now = w.now.Add(2 * time.Second)
		for _, node := range []*smsaccount.Service{w.Service, other} {
			if set, err = node.Settings(ctx); err != nil || set.DefaultSMSType != "Transactional" || set.DefaultSenderID != "Acme" {
				t.Errorf("%+v, %v", set, err)
			}
		}
	})
}

func TestSpendLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		five, six, less := int64(5), int64(6), int64(-1)
		l, err := w.SetSpendLimit(ctx, smsaccount.Text, &six)
		w.must(err)
		if l != (smsaccount.SpendLimit{Kind: "text", Enforced: 6, Max: smsaccount.NoLimit, Overridden: true}) {
			t.Errorf("%+v", l)
		}
		w.must(w.SetAttributes(ctx, map[string]string{"MonthlySpendLimit": "5"}))
		_, err = w.SetSpendLimit(ctx, smsaccount.Voice, &six)
		w.want("above", err, fault.InvalidParameter, "monthly_limit_above")
		_, err = w.SetSpendLimit(ctx, smsaccount.Voice, &less)
		w.want("less", err, fault.InvalidParameter, "monthly_limit")
		_, err = w.SetSpendLimit(ctx, "letters", &five)
		w.want("kind", err, fault.InvalidParameter, "kind")
		_, err = w.SetSpendLimit(ctx, smsaccount.Voice, &five)
		w.must(err)
		got, err := w.SpendLimits(ctx)
		want := []smsaccount.SpendLimit{{"text", 5, 5, true}, {"voice", 5, 5, true}, {"media", 5, 5, false}, {"notify", 5, 5, false}, {"rcs", 5, 5, false}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		l, err = w.SetSpendLimit(ctx, smsaccount.Voice, nil)
		if err != nil || l.Overridden {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// A deleted pool carries no messages: they would go nowhere, and nobody would see them.
func TestPoolIsGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		w.must(w.SetPool(ctx, "q"))
		w.must(w.config.Store.Write(ctx, func(tx store.Tx) error {
			_, err := tx.Pools().DeletePool(ctx, "q", w.now)
			return err
		}))
		_, err := w.Pool(ctx)
		w.want("pool", err, fault.InvalidParameter, "pool")
		w.must(w.SetPool(ctx, ""))
		if got, err := w.Pool(ctx); got != "p" || err != nil {
			t.Errorf("the only pool: %q, %v", got, err)
		}
	})
}
