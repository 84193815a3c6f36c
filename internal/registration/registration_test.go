package registration_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/registration"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

type world struct {
	*testing.T
	*registration.Service
	s   store.Store
	now time.Time
}

func newWorld(t *testing.T, s store.Store) *world {
	w := &world{T: t, s: s, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	w.Service = w.node()
	return w
}

// node is another one on the same store.
func (w *world) node() *registration.Service {
	now := func() time.Time { return w.now }
	log := eventlog.New(eventlog.Config{Keys: keyringtest.New(w.T, "p"), Now: now})
	return registration.New(registration.Config{Store: w.s, Log: log, Now: now, Logger: slog.New(slog.DiscardHandler)})
}

func (w *world) put(r registration.Registration) registration.Registration {
	w.Helper()
	r.PoolID, r.Status = cmp.Or(r.PoolID, "p"), cmp.Or(r.Status, registration.Approved)
	if r.PoolID == "*" {
		r.PoolID = ""
	}
	r, err := w.Put(w.Context(), r)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// events returns the types of a pool's events with their data, oldest first.
func (w *world) events(pool string) (out []string) {
	w.Helper()
	err := w.s.Read(w.Context(), func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(w.Context(), store.EventQuery{PoolID: pool, Ascending: true, Limit: 100})
		for _, ev := range list {
			out = append(out, ev.Type+" "+string(ev.Data))
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) india() (entity, template registration.Registration) {
	entity = w.put(registration.Registration{Name: "acme", Country: "IN", Kind: registration.DLTEntity, EntityID: "1101456324675322134"})
	template = w.put(registration.Registration{Name: "otp", Country: "IN", Kind: registration.DLTTemplate, Sender: "ACMEIN", TemplateID: "1107457532145798767",
		Text: "{#numeric#} is your OTP to sign in at Acme. Do not share it.", ParentID: "acme", Purposes: []string{"sign_in", "sign_up"}})
	return entity, template
}

// blocked fails unless Check refuses with this reason, "" for none.
func (w *world) blocked(m registration.Candidate, want registration.Reason) *registration.Blocker {
	w.Helper()
	return w.blockedIn("p", m, want)
}

func (w *world) blockedIn(pool string, m registration.Candidate, want registration.Reason) *registration.Blocker {
	w.Helper()
	err := w.Check(w.Context(), pool, m)
	var b *registration.Blocker
	if !errors.As(err, &b) {
		if err != nil || want != "" {
			w.Errorf("%+v: %v, want %s", m, err, want)
		}
		return &registration.Blocker{}
	}
	if b.Reason != want || b.Public == "" || b.Hint == "" || b.Country != m.Country {
		w.Errorf("%+v: %+v, want %s", m, b, want)
	}
	return b
}

func TestIndia(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.blocked(registration.Candidate{Country: "IN", Text: "anything"}, "")
		entity, template := w.india()
		c, ok, err := w.Choose(w.Context(), "p", "IN", "sign_in", "hi-IN")
		want := registration.Choice{Text: "{####} is your OTP to sign in at Acme. Do not share it.", Sender: "ACMEIN", EntityID: "1101456324675322134",
			TemplateID: "1107457532145798767"}
		if err != nil || !ok || c.Text != want.Text || c.Sender != want.Sender || c.EntityID != want.EntityID || c.TemplateID != want.TemplateID ||
			len(c.IDs) != 2 || c.IDs[0] != template.ID || c.IDs[1] != entity.ID {
			t.Errorf("%+v, %v, %v", c, ok, err)
		}
		if _, ok, _ := w.Choose(w.Context(), "p", "IN", "recovery", ""); ok {
			t.Error("a text for another purpose was chosen")
		}
		good := registration.Candidate{Country: "IN", Purpose: "sign_in", Sender: "ACMEIN", EntityID: entity.EntityID, TemplateID: template.TemplateID,
			Text: "482913 is your OTP to sign in at Acme. Do not share it."}
		w.blocked(good, "")
		change := func(f func(*registration.Candidate)) registration.Candidate { c := good; f(&c); return c }
		w.blocked(change(func(c *registration.Candidate) { c.Country = "GB" }), "")
		w.blocked(change(func(c *registration.Candidate) { c.Sender, c.EntityID, c.TemplateID, c.Text = "", "", "", "" }), "")
		b := w.blocked(change(func(c *registration.Candidate) { c.Text += " Now." }), registration.TextMismatch)
		if b.Name != "otp" || b.ID != template.ID || strings.Contains(b.Error(), "482913") {
			t.Errorf("%+v", b)
		}
		w.blocked(change(func(c *registration.Candidate) { c.Sender = "acmein" }), registration.SenderMismatch) // the DLT tells them apart
		w.blocked(change(func(c *registration.Candidate) { c.Sender, c.RegistrationID = "other", entity.ID }), "")
		w.blocked(change(func(c *registration.Candidate) { c.Sender, c.RegistrationID = "other", "otp" }), "")
		w.blocked(change(func(c *registration.Candidate) { c.Sender, c.RegistrationID = "other", "else" }), registration.SenderMismatch)
		w.blocked(change(func(c *registration.Candidate) { c.Purpose = "notice" }), registration.PurposeMismatch)
		w.blocked(change(func(c *registration.Candidate) { c.TemplateID = "1107000000000000000" }), registration.IDMismatch)
		w.blocked(change(func(c *registration.Candidate) { c.EntityID = "1101000000000000000" }), registration.IDMismatch)

		entity.Status = registration.Rejected
		entity = w.put(entity)
		if b := w.blocked(good, registration.NotApproved); b.Name != "acme" || b.Kind != registration.DLTEntity {
			t.Errorf("%+v", b)
		}
		entity.Status, entity.ExpiresAt = registration.Approved, w.now.Add(time.Hour)
		w.put(entity)
		w.blocked(good, "")
		w.now = w.now.Add(time.Hour)
		if b := w.blocked(good, registration.Over); b.Name != "acme" {
			t.Errorf("%+v", b)
		}
		if _, ok, _ := w.Choose(w.Context(), "p", "IN", "sign_in", ""); ok {
			t.Error("an expired text was chosen")
		}
		if r, err := w.Registration(w.Context(), "p", "acme"); err != nil || r.Status != registration.Expired {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestUnitedStates: a campaign with two texts below it is for these alone, without any it is for every text from its number.
func TestUnitedStates(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.put(registration.Registration{Name: "brand", Country: "US", Kind: registration.TenDLCBrand, BrandID: "B1A2B3C"})
	w.blocked(registration.Candidate{Country: "US", Text: "x"}, registration.Missing)
	campaign := w.put(registration.Registration{Name: "2fa", Country: "US", Kind: registration.TenDLCCampaign, CampaignID: "C1A2B3C", ParentID: "brand",
		Sender: "12065550100", Status: registration.Submitted})
	if campaign.Sender != "+12065550100" {
		t.Errorf("sender %q", campaign.Sender)
	}
	w.blocked(registration.Candidate{Country: "US", Sender: "+12065550100", Text: "x"}, registration.NotApproved)
	campaign.Status = registration.Approved
	campaign = w.put(campaign)
	w.blocked(registration.Candidate{Country: "US", Sender: "+12065550100", Text: "x"}, "")
	w.blocked(registration.Candidate{Country: "US", Sender: "12065550100", Text: "x"}, "")
	w.blocked(registration.Candidate{Country: "US", Sender: "+12065550101", Text: "x"}, registration.SenderMismatch)
	if c, ok, err := w.Choose(w.Context(), "p", "US", "sign_in", "en"); !ok || err != nil || c.Text != "" || c.Sender != "+12065550100" {
		t.Errorf("%+v, %v, %v", c, ok, err)
	}
	w.put(registration.Registration{Name: "2fa-en", Country: "US", Kind: registration.Template, ParentID: campaign.ID, Text: "{{code}} is your Acme code.",
		Purposes: []string{"sign_in"}})
	w.put(registration.Registration{Name: "2fa-es", Country: "US", Kind: registration.Template, ParentID: campaign.ID, Text: "{{code}} es tu código de Acme.",
		Locale: "es", Status: registration.Draft})
	w.blocked(registration.Candidate{Country: "US", Sender: "+12065550100", Text: "x"}, registration.TextMismatch)
	w.blocked(registration.Candidate{Country: "US", Sender: "+12065550100", Text: "123456 is your Acme code.", Purpose: "sign_in"}, "")
	c, err := w.Clear(w.Context(), "p", registration.Candidate{Country: "US", Text: "123456 is your Acme code."})
	if err != nil || c.Sender != "+12065550100" || c.IDs[1] != campaign.ID {
		t.Errorf("%+v, %v", c, err)
	}
	w.blockedIn("q", registration.Candidate{Country: "US", Text: "x"}, "")
	w.blocked(registration.Candidate{Country: "PR", Text: "x"}, registration.TextMismatch) // Puerto Rico is served from there
	w.blocked(registration.Candidate{Country: "CA", Text: "x"}, "")
	w.put(registration.Registration{Name: "pr", Country: "PR", Kind: registration.TollFree, Sender: "+18885550100"})
	w.blocked(registration.Candidate{Country: "PR", Text: "x"}, "")
}

func TestChoice(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	sender := w.put(registration.Registration{Name: "acme", Country: "SG", Kind: registration.SenderID, Sender: "Acme"})
	shared := w.put(registration.Registration{PoolID: "*", Name: "acme", Country: "SG", Kind: registration.SenderID, Sender: "AcmeAll"})
	for name, r := range map[string]registration.Registration{
		"en": {Locale: "en", Text: "{{code}} en"}, "en-GB": {Locale: "en-GB", Text: "{{code}} gb"}, "any": {Text: "{{code}} any"},
		"reset": {Text: "{{code}} reset", Purposes: []string{"recovery"}}, "de": {Locale: "de", Text: "{{code}} de", Status: registration.Rejected},
	} {
		r.Name, r.Country, r.Kind, r.ParentID = name, "SG", registration.Template, sender.ID
		w.put(r)
	}
	w.put(registration.Registration{PoolID: "*", Name: "fr", Country: "SG", Kind: registration.Template, ParentID: shared.ID, Locale: "fr", Text: "{{code}} fr"})
	for _, c := range []struct{ pool, purpose, locale, want string }{
		{"p", "sign_in", "en-GB", "{####} gb"}, {"p", "sign_in", "en-AU", "{####} en"}, {"p", "sign_in", "en", "{####} en"}, {"p", "sign_in", "", "{####} any"},
		{"p", "sign_in", "de", "{####} any"}, {"p", "recovery", "", "{####} reset"}, {"p", "recovery", "en", "{####} en"}, {"p", "sign_in", "fr-CA", "{####} fr"},
		{"q", "sign_in", "de", "{####} fr"}, {"", "sign_in", "de", "{####} fr"},
	} {
		got, ok, err := w.Choose(w.Context(), c.pool, "SG", c.purpose, c.locale)
		if err != nil || !ok || got.Text != c.want {
			t.Errorf("%+v: %q, %v, %v", c, got.Text, ok, err)
		}
	}
}

func TestRequired(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	in := registration.Candidate{Country: "IN", Text: "x"}
	w.blocked(in, "")
	v, err := w.PutSettings(w.Context(), "p", registration.Settings{Require: []string{"US", "IN", "IN"}}, 0)
	if err != nil || v == 0 {
		t.Fatal(v, err)
	}
	if b := w.blocked(in, registration.Missing); b.ID != "" {
		t.Errorf("%+v", b)
	}
	w.blockedIn("q", in, "")
	set, again, err := w.Settings(w.Context(), "p")
	if err != nil || again != v || strings.Join(set.Require, " ") != "IN US" {
		t.Errorf("%+v, %d, %v", set, again, err)
	}
	for _, c := range []struct {
		set     registration.Settings
		version int64
		want    fault.Code
	}{
		{registration.Settings{Require: []string{"in"}}, v, fault.InvalidParameter}, {registration.Settings{Require: []string{"IND"}}, v, fault.InvalidParameter},
		{registration.Settings{}, 0, fault.ResourceExists}, {registration.Settings{}, v + 1, fault.ConcurrentModification},
	} {
		if _, err := w.PutSettings(w.Context(), "p", c.set, c.version); fault.CodeOf(err) != c.want {
			t.Errorf("%+v: %v, want %s", c, err, c.want)
		}
	}
	if _, err := w.PutSettings(w.Context(), "q", registration.Settings{}, 7); fault.CodeOf(err) != fault.ResourceNotFound {
		t.Error(err)
	}
	if err := w.DeleteSettings(w.Context(), "p"); err != nil {
		t.Error(err)
	}
	w.blocked(in, "")
	if err := w.DeleteSettings(w.Context(), "p"); fault.CodeOf(err) != fault.ResourceNotFound {
		t.Error(err)
	}
	if _, err := w.PutSettings(w.Context(), "", registration.Settings{Require: []string{"IN"}}, 0); err != nil {
		t.Error(err)
	}
	w.blocked(in, registration.Missing)
	if got := w.events("p"); len(got) != 2 || !strings.HasPrefix(got[0], "cs_registration_changed ") || !strings.Contains(got[0], `"IN","US"`) {
		t.Errorf("%q", got)
	}
}

// TestOtherNode: what one node writes is seen by the other after three seconds, and by itself at once.
func TestOtherNode(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	other := w.node()
	in := registration.Candidate{Country: "IN", Text: "x"}
	w.blocked(in, "")
	if err := other.Check(t.Context(), "p", in); err != nil {
		t.Fatal(err)
	}
	w.india()
	w.blocked(in, registration.TextMismatch)
	if err := other.Check(t.Context(), "p", in); err != nil {
		t.Fatal("it was not remembered:", err)
	}
	w.now = w.now.Add(3 * time.Second)
	if err := other.Check(t.Context(), "p", in); err == nil {
		t.Error("the other node did not see it")
	}
}

func TestPut(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		entity, template := w.india()
		valid := registration.Registration{PoolID: "p", Name: "x", Country: "US", Kind: registration.TollFree, Sender: "+18885550100", Status: registration.Approved}
		for field, f := range map[string]func(*registration.Registration){
			"kind": func(r *registration.Registration) { r.Kind = "x" }, "country": func(r *registration.Registration) { r.Country = "us" },
			"status": func(r *registration.Registration) { r.Status = "done" }, "name": func(r *registration.Registration) { r.Name = " x" },
			"sender": func(r *registration.Registration) { r.Sender = "" }, "sender ": func(r *registration.Registration) { r.Sender = "Acmé" },
			"parent_id":  func(r *registration.Registration) { r.ParentID = entity.ID },
			"parent_id ": func(r *registration.Registration) { r.Kind = registration.TenDLCCampaign },
			"parent_id  ": func(r *registration.Registration) {
				r.Kind, r.Sender, r.ParentID = registration.SenderID, "Acme", entity.ID
			},
			"parent_id   ": func(r *registration.Registration) {
				r.Kind, r.CampaignID, r.ParentID = registration.TenDLCCampaign, "C1", "nobody"
			},
			"country ":    func(r *registration.Registration) { r.Kind = registration.DLTEntity },
			"brand_id":    func(r *registration.Registration) { r.Kind = registration.TenDLCBrand },
			"template_id": func(r *registration.Registration) { r.TemplateID = "1 2" },
			"locale":      func(r *registration.Registration) { r.Locale = "en_US" }, "purposes": func(r *registration.Registration) { r.Purposes = []string{"x"} },
			"purposes ": func(r *registration.Registration) { r.Purposes = []string{"sign_in", "sign_in"} },
			"text":      func(r *registration.Registration) { r.Text = "no code" }, "variables": func(r *registration.Registration) { r.Variables = []string{"x"} },
			"text ": func(r *registration.Registration) {
				r.Kind, r.BrandID, r.Text = registration.TenDLCBrand, "B1", "{{code}}"
			},
			"text  ":  func(r *registration.Registration) { r.Kind, r.ParentID = registration.Template, "x" },
			"reason":  func(r *registration.Registration) { r.Reason = "a\nb" },
			"name   ": func(r *registration.Registration) { r.Name = strings.Repeat("x", 65) },
		} {
			r := valid
			f(&r)
			_, err := w.Put(t.Context(), r)
			if got := fault.Of(err); err == nil || got.Code != fault.InvalidParameter || got.Field != strings.TrimSpace(field) || got.Public == "" {
				t.Errorf("%s: %v", field, err)
			}
		}
		draft := valid
		draft.Sender, draft.Status = "", registration.Draft
		if _, err := w.Put(t.Context(), draft); err != nil {
			t.Error(err)
		}
		for what, c := range map[string]struct {
			f    func(*registration.Registration)
			want fault.Code
		}{
			"name taken":     {func(r *registration.Registration) { r.ID, r.Version, r.Name = "", 0, "otp" }, fault.ResourceExists},
			"renamed":        {func(r *registration.Registration) { r.Name = "acme" }, fault.ResourceExists},
			"old":            {func(r *registration.Registration) { r.Version++ }, fault.ConcurrentModification},
			"unknown":        {func(r *registration.Registration) { r.ID, r.Name = "registration-x", "y" }, fault.ResourceNotFound},
			"by name":        {func(r *registration.Registration) { r.ID, r.Name = "otp", "y" }, fault.ResourceNotFound},
			"another's pool": {func(r *registration.Registration) { r.PoolID = "q" }, fault.InvalidParameter}, // its parent is not there
		} {
			r := template
			c.f(&r)
			if _, err := w.Put(t.Context(), r); fault.CodeOf(err) != c.want {
				t.Errorf("%s: %v, want %s", what, err, c.want)
			}
		}
		if err := w.Delete(t.Context(), "p", "acme"); fault.CodeOf(err) != fault.InvalidParameter {
			t.Error("an entity with a template was deleted:", err)
		}
		template.Status, template.Reason = registration.Rejected, "the brand is missing"
		if r, err := w.Put(registration.By(t.Context(), "AKIA"), template); err != nil || r.Version != template.Version+1 || r.CreatedAt != template.CreatedAt {
			t.Errorf("%+v, %v", r, err)
		}
		for _, id := range []string{"otp", entity.ID} {
			if err := w.Delete(t.Context(), "p", id); err != nil {
				t.Error(err)
			}
		}
		if err := w.Delete(t.Context(), "p", "otp"); fault.CodeOf(err) != fault.ResourceNotFound {
			t.Error(err)
		}
		w.blocked(registration.Candidate{Country: "IN", Text: "x"}, "")
		got := w.events("p")
		rejected := func(ev string) bool {
			return strings.Contains(ev, `"by":"AKIA"`) && strings.Contains(ev, `"status":"rejected"`)
		}
		if len(got) != 6 || !slices.ContainsFunc(got, rejected) {
			t.Errorf("%q", got)
		}
	})
}

func TestList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		for i, name := range []string{"d", "b", "e", "a", "c"} {
			w.put(registration.Registration{Name: name, Country: []string{"US", "CA"}[i%2], Kind: registration.TollFree, Sender: "+18885550100"})
			w.now = w.now.Add(time.Second)
		}
		w.put(registration.Registration{PoolID: "*", Name: "z", Country: "US", Kind: registration.ShortCode, Sender: "12345"})
		for _, c := range []struct {
			q    registration.Query
			want string
		}{
			{registration.Query{PoolID: "p"}, "dbeac"}, {registration.Query{PoolID: "p", Sort: "-id"}, "caebd"},
			{registration.Query{PoolID: "p", Sort: "name"}, "abcde"},
			{registration.Query{PoolID: "p", Sort: "-name"}, "edcba"}, {registration.Query{PoolID: "p", Sort: "-created"}, "caebd"},
			{registration.Query{PoolID: "p", Country: "CA"}, "ba"}, {registration.Query{PoolID: "p", Status: registration.Draft}, ""},
			{registration.Query{PoolID: "p", Name: "e"}, "e"}, {registration.Query{}, "z"}, {registration.Query{Kind: registration.TollFree}, ""},
		} {
			for _, limit := range []int{0, 1, 2, 5} {
				got, cursor := "", ""
				for page := 0; page < 10; page++ {
					q := c.q
					q.Limit, q.Cursor = limit, cursor
					rows, next, err := w.List(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range rows {
						got += r.Name
					}
					if cursor = next; next == "" {
						break
					}
				}
				if got != c.want {
					t.Errorf("%+v by %d: %q, want %q", c.q, limit, got, c.want)
				}
			}
		}
		_, next, err := w.List(t.Context(), registration.Query{PoolID: "p", Limit: 1})
		if err != nil || next == "" {
			t.Fatal(err)
		}
		for _, q := range []registration.Query{{Cursor: "x"}, {Cursor: next, Sort: "name"}, {Sort: "sender"}} {
			q.PoolID = "p"
			if _, _, err := w.List(t.Context(), q); fault.CodeOf(err) != fault.InvalidParameter {
				t.Errorf("%+v: %v", q, err)
			}
		}
	})
}

// TestEnds: each warning is given once, by one of the nodes.
func TestEnds(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	err := w.s.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Pools().InsertPool(t.Context(), &store.Pool{ID: "p", Name: "p"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r := w.put(registration.Registration{Name: "tf", Country: "US", Kind: registration.TollFree, Sender: "+18885550100",
		ExpiresAt: w.now.Add(40 * 24 * time.Hour)})
	w.put(registration.Registration{Name: "draft", Country: "US", Kind: registration.TollFree, Status: registration.Draft, ExpiresAt: w.now.Add(time.Hour)})
	look := func() {
		for _, n := range []*registration.Service{w.Service, w.node()} {
			if err := registration.Sweep(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := ""
	for _, step := range []struct {
		left time.Duration
		days string
	}{{40 * 24 * time.Hour, ""}, {30 * 24 * time.Hour, "30"}, {29 * 24 * time.Hour, ""}, {6 * 24 * time.Hour, "6"}, {time.Hour, "1"}, {0, "0"}, {-time.Hour, ""}} {
		w.now = r.ExpiresAt.Add(-step.left)
		look()
		if step.days != "" {
			want += step.days + " "
		}
		got := ""
		for _, ev := range w.events("p")[2:] {
			kind, data, _ := strings.Cut(ev, " ")
			var d struct {
				Name string      `json:"name"`
				Days json.Number `json:"days_left"`
			}
			if err := json.Unmarshal([]byte(data), &d); err != nil || kind != "cs_registration_expires" || d.Name != "tf" {
				t.Errorf("%q, %v", ev, err)
			}
			got += d.Days.String() + " "
		}
		if got != want {
			t.Errorf("%s before the end: %q, want %q", step.left, got, want)
		}
	}
	if got, _, err := w.List(t.Context(), registration.Query{PoolID: "p", Status: registration.Expired}); err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func BenchmarkClear(b *testing.B) {
	s := storetest.SQLite(b)
	svc := registration.New(registration.Config{Store: s, Log: eventlog.New(eventlog.Config{Keys: keyringtest.New(b, "p")})})
	for _, r := range []registration.Registration{
		{Name: "acme", Kind: registration.DLTEntity, EntityID: "1101456324675322134"},
		{Name: "otp", Kind: registration.DLTTemplate, Sender: "ACMEIN", TemplateID: "1107457532145798767", ParentID: "acme",
			Text: "{#numeric#} is your OTP to sign in at Acme. Do not share it."},
	} {
		r.PoolID, r.Country, r.Status = "p", "IN", registration.Approved
		if _, err := svc.Put(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	m := registration.Candidate{Country: "IN", Purpose: "sign_in", Sender: "ACMEIN", Text: "482913 is your OTP to sign in at Acme. Do not share it."}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := svc.Clear(b.Context(), "p", m); err != nil {
			b.Fatal(err)
		}
	}
}
