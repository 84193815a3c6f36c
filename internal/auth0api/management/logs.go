package management

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/eventlog"
	"countersign/internal/store"
)

const readLogs = "read:logs read:logs_users"

func logRoutes() []route {
	return []route{
		{"GET", "/logs", readLogs, (*api).listLogs, "from and take, or q (also named search), page, per_page, sort, fields, include_totals"},
		{"GET", "/logs/{id}", readLogs, (*api).getLog, "details.message_id names the message of a gd_send_* entry"},
		{"GET", "/users/{id}/logs", readLogs, (*api).listUserLogs, "page, per_page, sort, include_totals"},
	}
}

const (
	// maxReach is how many results of a search can be reached.
	maxReach = 1000
	// maxScan bounds the events that one search goes through, scanPage those that it reads at once.
	maxScan  = 20_000
	scanPage = 500
	// settled is how old an event must be before a checkpoint passes it: an older one may still be waiting for its commit, behind a lock or in the queue of
	// a busy server, and a reader that has passed its place would never see it.
	settled = 10 * time.Second
)

func (a *api) getLog(ctx context.Context, r *Request) (int, any, error) {
	none := wire.NotFound("The log event does not exist.")
	id, ok := eventID(r.Param("id"))
	if !ok {
		return 0, nil, none
	}
	var ev *store.Event
	err := a.Store.Read(ctx, func(tx store.Tx) (err error) {
		ev, err = tx.Events().Event(ctx, r.PoolID, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil, none
	}
	if err != nil {
		return 0, nil, err
	}
	b, err := a.logBook(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	rec, err := b.shown(ctx, ev)
	return http.StatusOK, rec, err
}

func (a *api) listLogs(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	if page.Checkpoint {
		return a.checkpoint(ctx, r, page)
	}
	param := "q"
	if !r.Query.Has(param) {
		param = "search"
	}
	n, err := parseSearch(param, r.Query.Get(param), logFields)
	if err != nil {
		return 0, nil, err
	}
	if n != nil {
		done, err := a.scans.turn(ctx)
		if err != nil {
			return 0, nil, err
		}
		defer done()
	}
	return a.search(ctx, r, page, n, n.needs(knownTypes()))
}

func (a *api) listUserLogs(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	return a.search(ctx, r, page, nil, need{userID: userIDOf(r.Param("id"))})
}

func knownTypes() (out []string) {
	for _, i := range eventlog.Types() {
		out = append(out, string(i.Type))
	}
	return out
}

// checkpoint answers the entries after one, oldest first, with a link to the next ones.
func (a *api) checkpoint(ctx context.Context, r *Request, page wire.Page) (int, any, error) {
	q := eventlog.Query{PoolID: r.PoolID, Ascending: true, Limit: page.Size}
	if page.From != "" {
		id, ok := eventID(page.From)
		if !ok {
			return 0, nil, wire.BadQuery("from", "", "Not the log_id of an entry")
		}
		q.After = id
	}
	if !a.Dev {
		q.To = a.Now().Add(-settled)
	}
	list, err := a.Events.List(ctx, a.Store, q)
	if err != nil {
		return 0, nil, err
	}
	b, err := a.logBook(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	out := make([]*logRecord, len(list))
	for i, ev := range list {
		if out[i], err = b.shown(ctx, ev); err != nil {
			return 0, nil, err
		}
	}
	next := url.Values{"take": {strconv.Itoa(page.Size)}}
	if len(out) > 0 {
		page.From = out[len(out)-1].LogID
	}
	if page.From != "" {
		next.Set("from", page.From)
	}
	r.Header().Set("Link", "<"+a.base(r, b.pool.Config.BaseURL)+Prefix+`/logs?`+next.Encode()+`>; rel="next"`)
	return http.StatusOK, out, nil
}

// base is the declared base URL that the request came by, or the pool's own.
func (a *api) base(r *Request, usual string) string {
	if a.BaseURLOf != nil {
		if b := a.BaseURLOf(r.HTTP); b != "" {
			return b
		}
	}
	return strings.TrimSuffix(usual, "/")
}

// search answers a page of the entries that match. The database looks for what all of them must have; the rest is compared here, over at most
// maxScan entries.
func (a *api) search(ctx context.Context, r *Request, page wire.Page, n *searchNode, w need) (int, any, error) {
	ascending, err := sortOf(r)
	if err != nil {
		return 0, nil, err
	}
	if page.Start()+page.Size > maxReach && page.Start() > 0 {
		return 0, nil, wire.Errorf(http.StatusBadRequest, "invalid_paging",
			"You can only page through the first %d entries; take checkpoints (from, take) for more.", maxReach)
	}
	b, err := a.logBook(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	want := page.Start() + page.Size
	if page.Totals {
		want = maxReach
	}
	s := &logSearch{book: b, node: n, start: page.Start(), size: page.Size, want: want}
	if err := s.run(ctx, w, ascending); err != nil {
		return 0, nil, err
	}
	if s.partial {
		r.Header().Set("X-Countersign-Search", "partial; ask for fewer entries with type, user_id, client_id or date")
	}
	return http.StatusOK, page.Listed("logs", s.out, len(s.out), s.found), nil
}

// sortOf reads the parameter sort.
func sortOf(r *Request) (ascending bool, err error) {
	field, order, _ := strings.Cut(r.Query.Get("sort"), ":")
	if field == "" {
		return false, nil
	}
	if field != "date" && field != "log_id" || order != "1" && order != "-1" {
		return false, wire.BadQuery("sort", "", "Entries are sorted by date:1 or date:-1")
	}
	return order == "1", nil
}

// logSearch collects matches.
type logSearch struct {
	book        *logBook
	node        *searchNode
	start, size int
	// want is how many matches are looked for.
	want  int
	found int
	out   []*logRecord
	// partial: the search gave up before the end.
	partial bool
}

func (s *logSearch) run(ctx context.Context, w need, ascending bool) error {
	s.out = []*logRecord{}
	if w.types != nil && len(w.types) == 0 || !w.from.IsZero() && !w.to.IsZero() && !w.from.Before(w.to) {
		return nil
	}
	q := eventlog.Query{PoolID: s.book.pool.ID, UserID: w.userID, ClientID: w.clientID, From: w.from, To: w.to, Ascending: ascending, Limit: scanPage}
	for _, t := range w.types {
		q.Types = append(q.Types, eventlog.Type(t))
	}
	if s.node == nil {
		q.Limit = min(scanPage, s.want)
	}
	for scanned := 0; ; {
		list, err := s.book.a.Events.List(ctx, s.book.a.Store, q)
		if err != nil {
			return err
		}
		for _, ev := range list {
			if err := s.take(ctx, ev); err != nil || s.found >= s.want {
				return err
			}
		}
		if len(list) < q.Limit {
			return nil
		}
		if scanned += len(list); scanned >= maxScan {
			s.partial = true
			return nil
		}
		q.After = list[len(list)-1].ID
	}
}

// take judges an event. Only what is searched for or shown is opened.
func (s *logSearch) take(ctx context.Context, ev *store.Event) error {
	if s.node != nil {
		r, err := s.book.record(ctx, ev, s.node.mentions("ip", "user_agent"))
		if err != nil || !s.node.matches(r.field) {
			return err
		}
	}
	if s.found++; s.found <= s.start || len(s.out) >= s.size {
		return nil
	}
	r, err := s.book.shown(ctx, ev)
	if err == nil {
		s.out = append(s.out, r)
	}
	return err
}
