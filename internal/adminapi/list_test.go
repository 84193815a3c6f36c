package adminapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

type fruit struct {
	id, name string
	price    float64
	ripe     bool
	at       time.Time
}

func fruits() listing[fruit] {
	return listing[fruit]{name: "fruits", key: func(f fruit) string { return f.id }, natural: []string{"id", "-id"}, limit: 3, fields: []field[fruit]{
		textBy("id", func(f fruit) string { return f.id }), textBy("name", func(f fruit) string { return f.name }),
		numberBy("price", func(f fruit) float64 { return f.price }), flagBy("ripe", func(f fruit) bool { return f.ripe }),
		timeBy("at", func(f fruit) time.Time { return f.at }),
	}}
}

// basket has 40 fruits of four names, in the order of their ids.
func basket() (out []fruit) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range 40 {
		out = append(out, fruit{fmt.Sprintf("%02d", i), []string{"apple", "fig", "Pear", "plum"}[i%4], float64(i-20) * 1.5, i%2 == 0, noon.Add(time.Duration(i) * time.Hour)})
	}
	return out
}

// shelf is a store that keeps fruits by id, in both directions, and counts what it read.
func shelf(rows []fruit, read *int) fetch[fruit] {
	return func(sort, after string, limit int) (out []fruit, err error) {
		list := slices.Clone(rows)
		if sort == "-id" {
			slices.Reverse(list)
		}
		for _, f := range list {
			if past := f.id > after; after != "" && past == (sort == "-id") || f.id == after || len(out) == limit {
				continue
			}
			out = append(out, f)
			*read++
		}
		return out, nil
	}
}

func ids(rows []fruit) string {
	var out []string
	for _, f := range rows {
		out = append(out, f.id)
	}
	return strings.Join(out, " ")
}

func TestListsAreFilteredSortedAndPaged(t *testing.T) {
	for _, tt := range []struct{ filter, sort, first, last string }{
		{"", "", "00 01 02", "39"}, {"", "-id", "39 38 37", "00"}, {"name=fig", "", "01 05 09", "37"}, {"name=pl*", "", "03 07 11", "39"},
		{"name~EA", "", "02 06 10", "38"}, {"name!=apple,ripe=true", "", "02 06 10", "38"}, {"price<-27", "", "00 01", ""}, {"price>27, ripe=false", "", "39", ""},
		{"price=0", "", "20", ""}, {"", "price", "00 01 02", "39"}, {"", "-price", "39 38 37", "00"}, {"", "name", "02 06 10", "39"}, {"", "-name", "39 35 31", "02"},
		{"at>2026-11-24", "at", "37 38 39", ""}, {"at<2026-11-22T14:00:00Z", "-at", "01 00", ""}, {"id=*", "", "00 01 02", "39"}, {"name=none", "", "", ""},
	} {
		q := ListQuery{Filter: tt.filter, Sort: tt.sort}
		var stored, inMemory []fruit
		for name, read := range map[string]func(*plan[fruit]) ([]fruit, string, error){
			"stored": func(p *plan[fruit]) ([]fruit, string, error) { return p.read(shelf(basket(), new(int))) },
			"memory": func(p *plan[fruit]) ([]fruit, string, error) {
				rows, next := p.page(basket())
				return rows, next, nil
			},
		} {
			var all []fruit
			for cursor, n := "", 0; ; n++ {
				q.Cursor = cursor
				p, err := fruits().understand(q, "", "pool")
				if err != nil || n > 40 {
					t.Fatalf("%+v: page %d: %v", tt, n, err)
				}
				page, next, err := read(p)
				if err != nil || len(page) > 3 {
					t.Fatalf("%+v: %v, %d rows", tt, err, len(page))
				}
				if n == 0 && ids(page) != tt.first {
					t.Errorf("%s %+v: the first page is %s", name, tt, ids(page))
				}
				all = append(all, page...)
				if cursor = next; next == "" {
					break
				}
			}
			if tt.last != "" && (len(all) == 0 || all[len(all)-1].id != tt.last) {
				t.Errorf("%s %+v: the last of %d is not %s", name, tt, len(all), tt.last)
			}
			if stored = all; name == "memory" {
				inMemory = all
			}
			if stored != nil && inMemory != nil && ids(stored) != ids(inMemory) {
				t.Errorf("%+v: from the store %s, from memory %s", tt, ids(stored), ids(inMemory))
			}
		}
	}
}

// A filter that fits little looks at a bounded number of rows for each page, and still finds everything.
func TestListsLookAtABoundedNumberOfRows(t *testing.T) {
	var rows []fruit
	for i := range 3 * maxExamined {
		rows = append(rows, fruit{id: fmt.Sprintf("%06d", i), name: "stone"})
	}
	rows[len(rows)-1].name = "fig"
	read, found, pages := 0, 0, 0
	for cursor := ""; ; pages++ {
		p, err := fruits().understand(ListQuery{Filter: "name=fig", Cursor: cursor}, "")
		if err != nil {
			t.Fatal(err)
		}
		before := read
		page, next, err := p.read(shelf(rows, &read))
		if err != nil || read-before > maxExamined+1000 {
			t.Fatalf("%d rows were read: %v", read-before, err)
		}
		found += len(page)
		if cursor = next; next == "" {
			break
		}
	}
	if found != 1 || pages < 2 {
		t.Errorf("%d found on %d pages", found, pages)
	}
	p, err := fruits().understand(ListQuery{Sort: "price"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = p.read(shelf(rows, &read)); fault.CodeOf(err) != fault.InvalidParameter || !strings.Contains(fault.Of(err).Hint, "id or -id") {
		t.Errorf("too many to be sorted: %v", err)
	}
}

// TestListsRefuse: what is not understood is named, and cursors that are cut, changed, made up or of another list are refused.
func TestListsRefuse(t *testing.T) {
	p, err := fruits().understand(ListQuery{Filter: "ripe=true"}, "", "pool")
	if err != nil {
		t.Fatal(err)
	}
	_, cursor := p.page(basket())
	for name, x := range map[string]struct {
		q     ListQuery
		field string
		scope string
	}{
		"field":            {ListQuery{Filter: "color=red"}, "filter", "pool"},
		"no operator":      {ListQuery{Filter: "name"}, "filter", "pool"},
		"no name":          {ListQuery{Filter: "=x"}, "filter", "pool"},
		"half an operator": {ListQuery{Filter: "name!x"}, "filter", "pool"},
		"no number":        {ListQuery{Filter: "price=cheap"}, "filter", "pool"},
		"NaN":              {ListQuery{Filter: "price>NaN"}, "filter", "pool"},
		"no flag":          {ListQuery{Filter: "ripe=yes"}, "filter", "pool"},
		"no time":          {ListQuery{Filter: "at<noon"}, "filter", "pool"},
		"part of a number": {ListQuery{Filter: "price~1"}, "filter", "pool"},
		"many":             {ListQuery{Filter: strings.Repeat("name=a,", 17)}, "filter", "pool"},
		"order":            {ListQuery{Sort: "color"}, "sort", "pool"},
		"other filter":     {ListQuery{Filter: "ripe=false", Cursor: cursor}, "cursor", "pool"},
		"other order":      {ListQuery{Filter: "ripe=true", Sort: "name", Cursor: cursor}, "cursor", "pool"},
		"other pool":       {ListQuery{Filter: "ripe=true", Cursor: cursor}, "cursor", "other"},
		"cut":              {ListQuery{Filter: "ripe=true", Cursor: cursor[:len(cursor)-2]}, "cursor", "pool"},
		"made up":          {ListQuery{Filter: "ripe=true", Cursor: "' OR 1=1 --"}, "cursor", "pool"},
		"an id":            {ListQuery{Filter: "ripe=true", Cursor: "03"}, "cursor", "pool"},
	} {
		if _, err := fruits().understand(x.q, "", x.scope); fault.CodeOf(err) != fault.InvalidParameter || fault.Of(err).Field != x.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fruits().understand(ListQuery{Filter: "ripe=true", Cursor: cursor}, "", "pool"); err != nil {
		t.Errorf("its own cursor: %v", err)
	}
	if _, err := fruits().understand(ListQuery{Sort: "price"}, "03"); fault.CodeOf(err) != fault.InvalidParameter {
		t.Errorf("an id where there is an order: %v", err)
	}
}

func TestOrderedNumbers(t *testing.T) {
	list := []float64{-1e300, -2, -1.5, -1e-9, 0, 1e-9, 1, 1.5, 2, 10, 1e300}
	for i := 1; i < len(list); i++ {
		if a, b := orderedNumber(list[i-1]), orderedNumber(list[i]); a >= b {
			t.Errorf("%g %s, %g %s", list[i-1], a, list[i], b)
		}
	}
	if zero := 0.0; orderedNumber(-zero) != orderedNumber(zero) {
		t.Error("two zeros")
	}
}

func FuzzListQuery(f *testing.F) {
	f.Add("name=fig,price>3", "-at", "c~e30")
	f.Add("ripe!=true", "", "c~eyJiIjoiIn0")
	f.Fuzz(func(t *testing.T, filter, sort, cursor string) {
		p, err := fruits().understand(ListQuery{Filter: filter, Sort: sort, Cursor: cursor}, "")
		if err != nil {
			if fault.CodeOf(err) != fault.InvalidParameter {
				t.Errorf("%v", err)
			}
			return
		}
		if rows, _ := p.page(basket()); len(rows) > 3 {
			t.Errorf("%d rows", len(rows))
		}
	})
}

// TestEveryListHasFilterSortAndCursor walks the API's own description.
func TestEveryListHasFilterSortAndCursor(t *testing.T) {
	x := start(t)
	var doc struct {
		Paths map[string]struct {
			Get *struct {
				Parameters []struct{ Name string }
				Responses  map[string]struct {
					Content map[string]struct {
						Schema struct {
							Ref  string `json:"$ref"`
							Type any
						}
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Type any }
			}
		}
	}
	x.do("", "GET", "/openapi.json", "", &doc)
	// The steps of a route and of guards are a sequence: what is asked first stands first.
	sequences := map[string]bool{"/route-plan/explain": true, "/guards/explain": true, "/guards/report": true}
	lists := 0
	for path, item := range doc.Paths {
		if item.Get == nil || sequences[path] {
			continue
		}
		schema := item.Get.Responses["200"].Content["application/json"].Schema
		body := doc.Components.Schemas[schema.Ref[strings.LastIndexByte(schema.Ref, '/')+1:]]
		_, paged := body.Properties["next"]
		names := map[string]bool{}
		for _, p := range item.Get.Parameters {
			names[p.Name] = true
		}
		if !paged && !names["limit"] && !names["filter"] {
			continue // one thing, not a list
		}
		lists++
		for _, want := range []string{"filter", "sort", "cursor", "limit"} {
			if !names[want] && path != "/event-types" {
				t.Errorf("GET %s has no parameter %s", path, want)
			}
		}
		if !paged && path != "/event-types" {
			t.Errorf("GET %s has no next", path)
		}
	}
	if lists < 12 {
		t.Errorf("only %d lists", lists)
	}
}

// TestMessagesInPages: conditions that the store knows and others, both directions, and the older parameter.
func TestMessagesInPages(t *testing.T) {
	x := start(t)
	begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	x.write(func(tx store.Tx) error {
		for i := range 7 {
			m := &store.Message{
				ID: fmt.Sprintf("0197a1b2-0000-7000-8000-00000000000%d", i), PoolID: pool, Channel: "sms", State: store.Sent, Country: []string{"US", "GB"}[i%2],
				CreatedAt: begin.Add(time.Duration(i) * time.Hour), UpdatedAt: begin, NextAt: begin, ExpiresAt: begin,
			}
			if err := tx.Outbox().Enqueue(t.Context(), m); err != nil {
				return err
			}
		}
		return nil
	})
	type page struct {
		Messages []Message
		Next     string
	}
	for q, want := range map[string]string{
		"": "6543210", "filter=country%3DGB": "531", "filter=country%3DUS&sort=created_at": "0246", "filter=state%3Dsent,country%3DUS": "6420", "filter=state%3Dfailed": "",
		"sort=country": "1350246", "filter=created_at%3E2026-11-20T04:30:00Z": "65",
	} {
		for _, parameter := range []string{"cursor", "before"} {
			got := ""
			for next, n := "", 0; n < 10; n++ {
				var p page
				if w := x.do("owner", "GET", "/messages?limit=2&"+q+"&"+parameter+"="+url.QueryEscape(next), "", &p); w.Code != 200 {
					t.Fatalf("%s: %d %s", q, w.Code, w.Body)
				}
				for _, m := range p.Messages {
					got += m.ID[len(m.ID)-1:]
				}
				if next = p.Next; next == "" {
					break
				}
			}
			if got != want {
				t.Errorf("%s by %s: %s, want %s", q, parameter, got, want)
			}
		}
	}
	var p page
	if x.do("owner", "GET", "/messages?limit=2&before=0197a1b2-0000-7000-8000-000000000003", "", &p); len(p.Messages) != 2 || !strings.HasSuffix(p.Messages[0].ID, "2") {
		t.Errorf("before an id: %+v", p.Messages)
	}
}

// TestUsersAreListedMasked: the list helps to find users, and tells no number and no attribute.
func TestUsersAreListedMasked(t *testing.T) {
	x := start(t)
	x.user(sub)
	x.user("01890a5d-ac96-774b-bcce-b302099a8058")
	var page struct {
		Users []User
		Next  string
	}
	w := x.do("auditor", "GET", "/pools/"+pool+"/users?limit=1&filter=status%3DCONFIRMED", "", &page)
	if len(page.Users) != 1 || page.Next == "" || page.Users[0].Sub != sub || page.Users[0].Number != "+*******0123" || strings.Contains(w.Body.String(), "2025550") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if x.do("auditor", "GET", "/pools/"+pool+"/users?limit=1&filter=status%3DCONFIRMED&cursor="+page.Next, "", &page); len(page.Users) != 1 || page.Users[0].Sub == sub {
		t.Errorf("the next page: %+v", page)
	}
	if x.do("auditor", "GET", "/pools/"+pool+"/users?filter=enabled%3Dfalse", "", &page); len(page.Users) != 0 {
		t.Errorf("%+v", page)
	}
	x.want(403, "auditor", "GET", "/pools/us-local-1_b/users", "")
	for in, want := range map[string]string{"anna": "anna", "anna@example.com": "a***@example.com", "+12025550123": "+*******0123", "@x": "@x", "": ""} {
		if got := maskedName(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// TestWritesAreEvents: what no other service tells of is told by the API.
func TestWritesAreEvents(t *testing.T) {
	x := start(t)
	var made CreatedAccessKey
	x.do("owner", "POST", "/access-keys", `{"kind":"aws","name":"backend","preset":"app-backend"}`, &made)
	x.do("owner", "DELETE", "/access-keys/"+made.ID, "", nil)
	x.do("owner", "POST", "/root-key/rotate", "", nil)
	x.want(200, "owner", "POST", "/pools/"+pool+"/signing-keys/rotate", "")
	x.want(200, "owner", "PUT", "/rates", `{"csv":"account,country,channel,price,currency,from\n*,US,sms,0.01,USD,\nmain,GB,*,0.04,USD,2026-01-01\n"}`)
	x.want(200, "owner", "PUT", "/message-settings", `{"texts":{},"test_numbers":[]}`)
	for kind, want := range map[string]string{"cs_access_key_created": "deployment", "cs_access_key_revoked": "deployment"} {
		x.eventCount(want, kind, 1)
	}
	x.eventCount("deployment", "cs_keys_rotated", 1)
	x.eventCount(pool, "cs_keys_rotated", 1)
	x.eventCount(pool, "cs_sender_changed", 1)
	x.eventCount(pool, "cs_template_changed", 1)
	var rows struct{ Rates []Rate }
	if x.do("owner", "GET", "/rates/rows?sort=-price", "", &rows); len(rows.Rates) != 2 || rows.Rates[0].Country != "GB" || rows.Rates[0].From == nil || rows.Rates[1].From != nil {
		t.Errorf("%+v", rows)
	}
	if w := x.do("owner", "GET", "/events?pool=deployment", "", nil); strings.Contains(w.Body.String(), made.Secret) || !strings.Contains(w.Body.String(), `"by":"owner"`) {
		t.Errorf("%s", w.Body)
	}
}
