package origination_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/origination"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/phone"
)

// world is a service on a store, with a clock that is moved by hand.
type world struct {
	*testing.T
	*origination.Service
	c   origination.Config
	now time.Time
}

func newWorld(t *testing.T, s store.Store, dev bool) *world {
	w := &world{T: t, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	w.c = origination.Config{Store: s, Log: eventlog.New(eventlog.Config{Keys: keyringtest.New(t)}), Now: func() time.Time { return w.now }, Dev: dev}
	w.Service = origination.New(w.c)
	return w
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) code(err error, want fault.Code) {
	w.Helper()
	if fault.CodeOf(err) != want || err == nil {
		w.Errorf("got %v, want %s", err, want)
	}
}

// events are the kinds of change that were logged.
func (w *world) events() (out []string) {
	w.Helper()
	err := w.c.Store.Read(w.Context(), func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(w.Context(), store.EventQuery{Limit: 100})
		for _, e := range list {
			if e.Type == string(eventlog.OriginationChanged) {
				out = append(out, string(e.Data))
			}
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func TestLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s, true)
		ctx := t.Context()
		n := must(w.Request(ctx, origination.Order{Kind: origination.Number, Country: "US", Type: origination.TollFree, Capabilities: []string{"VOICE", "SMS"},
			Token: "t1", Tags: map[string]string{"team": "id"}}))(t)
		if !strings.HasPrefix(n.ID, "phone-") || len(n.ID) != 38 || n.Status != origination.Active || !n.Simulated || n.MonthlyPrice != "0.00" ||
			!slices.Equal(n.Capabilities, []string{"SMS", "VOICE"}) || n.OptOutList != "Default" || n.Version == 0 || n.Country != "US" {
			t.Errorf("%+v", n)
		}
		if p, err := phone.Parse(n.Value); err != nil || !p.Fictional() {
			t.Errorf("%s is nobody's range", n.Value)
		}
		again := must(w.Request(ctx, origination.Order{Kind: origination.Number, Country: "US", Token: "t1"}))(t)
		if again.ID != n.ID {
			t.Errorf("the same token gave %s and %s", n.ID, again.ID)
		}
		for _, name := range []string{n.ID, n.Value, n.Value[1:], n.ARN("us-local-1", "000000000000")} {
			if got := must(w.Identity(ctx, name))(t); got.ID != n.ID {
				t.Errorf("%s: %+v", name, got)
			}
		}
		changed := must(w.Change(ctx, n.ID, origination.Changes{TwoWay: new(true), Protected: new(true)}, n.Version))(t)
		if !changed.TwoWay || !changed.Protected || changed.Version == n.Version || changed.Value != n.Value {
			t.Errorf("%+v", changed)
		}
		_, err := w.Change(ctx, n.ID, origination.Changes{TwoWay: new(false)}, n.Version)
		w.code(err, fault.ConcurrentModification)
		_, err = w.Change(ctx, n.ID, origination.Changes{MonthlyPrice: new("cheap")}, 0)
		w.code(err, fault.InvalidParameter)
		_, err = w.Release(ctx, n.ID)
		w.code(err, fault.PoolProtected)
		_ = must(w.Change(ctx, n.ID, origination.Changes{Protected: new(false)}, 0))(t)
		if gone := must(w.Release(ctx, n.Value))(t); gone.ID != n.ID {
			t.Errorf("%+v", gone)
		}
		_, err = w.Identity(ctx, n.ID)
		w.code(err, fault.ResourceNotFound)
		_, err = w.Release(ctx, n.ID)
		w.code(err, fault.ResourceNotFound)
		if ev := w.events(); len(ev) != 4 || strings.Contains(strings.Join(ev, ""), n.Value) {
			t.Errorf("events %q", ev)
		}
	})
}

func TestRequestRefuses(t *testing.T) {
	dev, serve := newWorld(t, storetest.SQLite(t), true), newWorld(t, storetest.SQLite(t), false)
	ctx := t.Context()
	for name, tt := range map[string]struct {
		w     *world
		o     origination.Order
		code  fault.Code
		block origination.Reason
	}{
		"sender in the US":    {dev, origination.Order{Kind: origination.SenderID, Country: "US", Value: "ACME"}, "", origination.SenderNotSupported},
		"sender in India":     {dev, origination.Order{Kind: origination.SenderID, Country: "IN", Value: "ACME"}, "", origination.SenderNotRegistered},
		"sender of digits":    {dev, origination.Order{Kind: origination.SenderID, Country: "GB", Value: "12345"}, fault.InvalidParameter, ""},
		"sender too long":     {dev, origination.Order{Kind: origination.SenderID, Country: "GB", Value: "TwelveLetter"}, fault.InvalidParameter, ""},
		"sender with space":   {dev, origination.Order{Kind: origination.SenderID, Country: "GB", Value: "AC ME"}, fault.InvalidParameter, ""},
		"no country":          {dev, origination.Order{Kind: origination.SenderID, Value: "ACME"}, fault.InvalidParameter, ""},
		"10DLC in Germany":    {dev, origination.Order{Kind: origination.Number, Country: "DE", Type: origination.TenDLC}, fault.InvalidParameter, ""},
		"no numbers":          {dev, origination.Order{Kind: origination.Number, Country: "AL"}, fault.InvalidParameter, ""},
		"number in serve":     {serve, origination.Order{Kind: origination.Number, Country: "US"}, fault.UnsupportedOperation, ""},
		"capability":          {dev, origination.Order{Kind: origination.Number, Country: "US", Capabilities: []string{"FAX"}}, fault.InvalidParameter, ""},
		"number with a value": {dev, origination.Order{Kind: origination.Number, Country: "US", Value: "+12025550123"}, fault.InvalidParameter, ""},
	} {
		_, err := tt.w.Request(ctx, tt.o)
		if tt.block != "" && origination.ReasonOf(err) != tt.block || tt.block == "" && fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := serve.Request(ctx, origination.Order{Kind: origination.SenderID, Country: "GB", Value: "ACME"}); err != nil {
		t.Errorf("a sender ID needs no purchase: %v", err)
	}
	_, err := serve.Request(ctx, origination.Order{Kind: origination.SenderID, Country: "GB", Value: "ACME"})
	serve.code(err, fault.ResourceExists)
	if _, err := serve.Request(ctx, origination.Order{Kind: origination.SenderID, Country: "FR", Value: "ACME"}); err != nil {
		t.Errorf("the same sender ID in another country: %v", err)
	}
	_, err = serve.Add(ctx, origination.Identity{Kind: origination.Number, Value: "+442079460123", Country: "GB", Simulated: true})
	serve.code(err, fault.InvalidParameter)
}

// A sender whose registration is approved elsewhere is registered.
func TestRegisteredElsewhere(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t), true)
	w.c.Registered = func(_ context.Context, poolID, country, sender string) (string, bool, error) {
		return "reg-1", country == "IN" && (sender == "ACME" || sender == "POOLS" && poolID == "p"), nil
	}
	w.Service = origination.New(w.c)
	i := must(w.Request(t.Context(), origination.Order{Kind: origination.SenderID, Country: "IN", Value: "ACME"}))(t)
	if i.RegistrationID != "reg-1" || !i.Registered() {
		t.Errorf("%+v", i)
	}
	if got := must(w.ChooseFor(t.Context(), "p", "IN", "sms", "POOLS"))(t); got.Value != "POOLS" {
		t.Errorf("%+v", got)
	}
	if _, err := w.ChooseFor(t.Context(), "q", "IN", "sms", "POOLS"); origination.ReasonOf(err) != origination.SenderNotRegistered {
		t.Errorf("another pool's registration counts: %v", err)
	}
	if _, err := w.Request(t.Context(), origination.Order{Kind: origination.SenderID, Country: "IN", Value: "OTHER"}); origination.ReasonOf(err) != origination.SenderNotRegistered {
		t.Errorf("got %v", err)
	}
}

func TestChoose(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t), true)
	ctx := t.Context()
	add := func(i origination.Identity) origination.Identity {
		t.Helper()
		w.now = w.now.Add(time.Second)
		return must(w.Add(ctx, i))(t)
	}
	number := func(value, country string, typ origination.Type, caps ...string) origination.Identity {
		return add(origination.Identity{Kind: origination.Number, Value: value, Country: country, Type: typ, Capabilities: caps})
	}
	if _, err := w.Choose(ctx, "US", "sms", ""); origination.ReasonOf(err) != origination.NoIdentity {
		t.Errorf("the US without an identity: %v", err)
	}
	long := number("+12025550111", "US", origination.LongCode, "SMS")
	toll := number("+18005550199", "US", origination.TollFree, "SMS", "VOICE")
	pending := add(origination.Identity{Kind: origination.Number, Value: "+12025550112", Country: "US", Type: origination.TenDLC, Status: origination.Pending})
	india := number("+99900123456", "IN", origination.LongCode, "SMS", "VOICE")
	abroad := add(origination.Identity{Kind: origination.Number, Value: "+61255500123", Country: "AU", Capabilities: []string{"SMS"}, International: true})
	sender := add(origination.Identity{Kind: origination.SenderID, Value: "ACME", Country: "GB"})
	german := add(origination.Identity{Kind: origination.SenderID, Value: "Firma", Country: "DE"})
	registered := add(origination.Identity{Kind: origination.SenderID, Value: "ACMEIN", Country: "IN", RegistrationID: "reg"})

	for name, tt := range map[string]struct {
		country, channel, preferred string
		want                        string
		block                       origination.Reason
	}{
		"best in the US":              {"US", "sms", "", toll.ID, ""},
		"of the US in Puerto Rico":    {"PR", "sms", "", toll.ID, ""},
		"asked for by number":         {"US", "sms", long.Value, long.ID, ""},
		"asked for by ARN":            {"US", "sms", long.ARN("eu-west-1", "1"), long.ID, ""},
		"voice takes one that can":    {"US", "voice", "", toll.ID, ""},
		"voice, and none that can":    {"DE", "voice", "", "", ""},
		"voice in India, by sender":   {"IN", "voice", "", india.ID, ""},
		"voice from one that cannot":  {"US", "voice", long.ID, "", origination.NoVoice},
		"voice from a sender ID":      {"GB", "voice", "ACME", "", origination.NoVoice},
		"not active":                  {"US", "sms", pending.ID, "", origination.NotActive},
		"another country's number":    {"GB", "sms", long.ID, "", origination.OtherCountry},
		"international":               {"NZ", "sms", "", abroad.ID, ""},
		"receive only":                {"IN", "sms", india.ID, "", origination.ReceiveOnly},
		"calls from receive only":     {"IN", "voice", india.ID, india.ID, ""},
		"registered sender":           {"IN", "sms", "", registered.ID, ""},
		"unregistered sender":         {"IN", "sms", "ACME", "", origination.SenderNotRegistered},
		"sender ID by ARN":            {"GB", "sms", sender.ARN("us-local-1", "0"), sender.ID, ""},
		"sender ID in any case":       {"GB", "sms", "acme", sender.ID, ""},
		"sender ID of another":        {"FR", "sms", sender.ID, "", origination.OtherCountry},
		"sender ID nobody asked for":  {"FR", "sms", "Maison", "", ""},
		"sender ID where forbidden":   {"US", "sms", "ACME", "", origination.SenderNotSupported},
		"sender ID of the country":    {"DE", "sms", "", german.ID, ""},
		"unknown number":              {"US", "sms", "+12025550199", "", origination.Unknown},
		"unknown id":                  {"US", "sms", "phone-0123456789abcdef0123456789abcdef", "", origination.Unknown},
		"a country that is not there": {"ZZ", "sms", "ACME", "", ""},
		"lower case":                  {"gb", "sms", "", sender.ID, ""},
	} {
		got, err := w.Choose(ctx, tt.country, tt.channel, tt.preferred)
		if origination.ReasonOf(err) != tt.block || err == nil && got.ID != tt.want || err != nil && tt.block == "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if b, ok := errors.AsType[*origination.Blocker](err); ok && (b.Public == "" || b.Country != strings.ToUpper(tt.country)) {
			t.Errorf("%s: %+v", name, b)
		}
	}
	if got := must(w.Choose(ctx, "FR", "sms", "Maison"))(t); got.Value != "Maison" || got.Country != "FR" || got.ID != "" {
		t.Errorf("%+v", got)
	}
	if got := must(w.Choose(ctx, "CO", "sms", ""))(t); got.ID != abroad.ID {
		t.Errorf("%+v", got)
	}
	if got := must(w.Choose(ctx, "US", "sms", "+12025550111"))(t); got.Value != long.Value {
		t.Errorf("%+v", got)
	}
	got := must(w.Choose(ctx, "US", "sms", ""))(t)
	got.Capabilities[0] = "changed"
	if again := must(w.Choose(ctx, "US", "sms", ""))(t); again.Capabilities[0] != "SMS" {
		t.Error("a caller changed what is remembered")
	}
}

// Simulated identities reach no phone: serve refuses those of a copied database.
func TestSimulatedInServe(t *testing.T) {
	s := storetest.SQLite(t)
	dev, serve := newWorld(t, s, true), newWorld(t, s, false)
	n := must(dev.Request(t.Context(), origination.Order{Kind: origination.Number, Country: "US"}))(t)
	if _, err := serve.Choose(t.Context(), "US", "sms", n.ID); origination.ReasonOf(err) != origination.OnlySimulated {
		t.Errorf("got %v", err)
	}
}

// What this node changes it knows at once; another node knows it after two seconds.
func TestTwoNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		a, b := newWorld(t, s, true), newWorld(t, s, true)
		ctx := t.Context()
		if _, err := b.Choose(ctx, "US", "sms", ""); origination.ReasonOf(err) != origination.NoIdentity {
			t.Fatal(err)
		}
		n := must(a.Request(ctx, origination.Order{Kind: origination.Number, Country: "US"}))(t)
		if got := must(a.Choose(ctx, "US", "sms", ""))(t); got.ID != n.ID {
			t.Errorf("%+v", got)
		}
		b.now = b.now.Add(2 * time.Second)
		if got := must(b.Choose(ctx, "US", "sms", ""))(t); got.ID != n.ID {
			t.Errorf("%+v", got)
		}
	})
}

// A value is given once, however many ask at the same time.
func TestUnique(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s, true)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for n := range errs {
			wg.Go(func() {
				_, errs[n] = w.Request(t.Context(), origination.Order{Kind: origination.SenderID, Country: "GB", Value: "ACME"})
			})
		}
		wg.Wait()
		ok := 0
		for _, err := range errs {
			if err == nil {
				ok++
			} else {
				w.code(err, fault.ResourceExists)
			}
		}
		if ok != 1 {
			t.Errorf("%d got it", ok)
		}
	})
}

// One order gives one number, however often it is repeated at the same time.
func TestToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		a, b := newWorld(t, s, true), newWorld(t, s, true)
		var wg sync.WaitGroup
		ids := make([]string, 6)
		for n := range ids {
			wg.Go(func() {
				i, err := []*world{a, b}[n%2].Request(t.Context(), origination.Order{Kind: origination.Number, Country: "US", Token: "again"})
				if err != nil {
					t.Error(err)
				}
				ids[n] = i.ID
			})
		}
		wg.Wait()
		if len(slices.Compact(ids)) != 1 {
			t.Errorf("%q", ids)
		}
	})
}

func TestSettings(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t), true)
	ctx := t.Context()
	for name, set := range map[string]origination.Settings{
		"enforce": {Enforce: "sometimes"},
		"country": {Countries: map[string]origination.Correction{"usa": {}}},
		"support": {Countries: map[string]origination.Correction{"US": {SenderID: "maybe"}}},
		"type":    {Countries: map[string]origination.Correction{"US": {Types: []origination.Type{"fax"}}}},
	} {
		if _, err := w.PutSettings(ctx, set, 0); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := must(w.PutSettings(ctx, origination.Settings{Enforce: origination.EnforceAll,
		Countries: map[string]origination.Correction{"AL": {SenderID: origination.NotSupported, Types: []origination.Type{origination.LongCode}}}}, 0))(t)
	if _, err := w.Choose(ctx, "AL", "sms", ""); origination.ReasonOf(err) != origination.NoIdentity {
		t.Errorf("the correction does not hold: %v", err)
	}
	if on := must(w.Enforced(ctx, true))(t); !on {
		t.Error("enforce all is not")
	}
	_, err := w.PutSettings(ctx, origination.Settings{}, 0)
	w.code(err, fault.ConcurrentModification)
	_ = must(w.PutSettings(ctx, origination.Settings{Enforce: origination.EnforceOff}, v))(t)
	if got, err := w.Choose(ctx, "US", "sms", ""); err != nil || got.ID != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTable(t *testing.T) {
	all := origination.PublishedCountries()
	if len(all) < 200 {
		t.Fatalf("%d countries", len(all))
	}
	seen := map[string]bool{}
	for _, c := range all {
		if len(c.ISO) != 2 || c.Name == "" || !c.Listed() || c.Source == "" || c.Read == "" || seen[c.ISO] {
			t.Errorf("%+v", c)
		}
		seen[c.ISO] = true
	}
	for iso, want := range map[string]origination.Country{
		"US": {SenderID: origination.NotSupported, Needed: true}, "CA": {SenderID: origination.NotSupported, Needed: true},
		"IN": {SenderID: origination.Required, Needed: true}, "GB": {SenderID: origination.Optional}, "FR": {SenderID: origination.Supported},
		"VE": {SenderID: origination.NotSupported}, "ZZ": {},
	} {
		if got := origination.PublishedCountry(iso); got.SenderID != want.SenderID || got.Needed != want.Needed {
			t.Errorf("%s: %+v", iso, got)
		}
	}
}

func TestList(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t), true)
	ctx := t.Context()
	for n := range 7 {
		w.now = w.now.Add(time.Second)
		_ = must(w.Request(ctx, origination.Order{Kind: origination.SenderID, Country: []string{"GB", "FR"}[n%2], Value: fmt.Sprintf("ACME%d", n)}))(t)
	}
	for _, sort := range []string{"", "-id", "value", "-value", "country", "-country", "created", "-created", "type", "status"} {
		var got []origination.Identity
		for after := ""; ; {
			page, next, err := w.List(ctx, origination.Query{Sort: sort, Limit: 2, After: after})
			if err != nil || len(page) > 2 {
				t.Fatalf("%s: %d, %v", sort, len(page), err)
			}
			got = append(got, page...)
			if after = next; next == "" {
				break
			}
		}
		seen := map[string]bool{}
		for _, i := range got {
			seen[i.ID] = true
		}
		if len(got) != 7 || len(seen) != 7 {
			t.Errorf("%s: %d of %d", sort, len(seen), len(got))
		}
		if sort == "-value" && got[0].Value != "ACME6" || sort == "created" && got[0].Value != "ACME0" {
			t.Errorf("%s: %s first", sort, got[0].Value)
		}
	}
	if page, _, err := w.List(ctx, origination.Query{Country: "fr", Text: "acme3"}); err != nil || len(page) != 1 {
		t.Errorf("%v, %v", page, err)
	}
	for _, q := range []origination.Query{{Sort: "colour"}, {After: "?"}, {After: "YWJj"}} {
		_, _, err := w.List(ctx, q)
		w.code(err, fault.InvalidParameter)
	}
}

func FuzzSenderIDForm(f *testing.F) {
	for _, s := range []string{"ACME", "", "123", "A1-_", "Ä", "TwelveLetter", "a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if origination.SenderIDForm(s) && (len(s) == 0 || len(s) > 11 || strings.ContainsAny(s, "/: +")) {
			t.Errorf("%q has the form", s)
		}
	})
}

func BenchmarkChoose(b *testing.B) {
	s := storetest.SQLite(b)
	svc := origination.New(origination.Config{Store: s, Log: eventlog.New(eventlog.Config{Keys: keyringtest.New(b)}), Dev: true})
	for n := range 50 {
		if _, err := svc.Request(b.Context(), origination.Order{Kind: origination.SenderID, Country: "GB", Value: fmt.Sprintf("ACME%d", n)}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := svc.Choose(b.Context(), "GB", "sms", ""); err != nil {
			b.Fatal(err)
		}
	}
}
