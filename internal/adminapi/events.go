package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Event is an entry of the log.
type Event struct {
	ID       string          `json:"id"`
	PoolID   string          `json:"pool_id"`
	Type     string          `json:"type"`
	UserID   string          `json:"user_id,omitempty"`
	ClientID string          `json:"client_id,omitempty"`
	At       time.Time       `json:"at"`
	Data     json.RawMessage `json:"data,omitempty"`
	// Personal is there only if it was asked for and may be shown. Dark says that its user was erased.
	Personal map[string]any `json:"personal,omitempty"`
	Dark     bool           `json:"dark,omitempty"`
}

// deployment stands for a pool where events of none are asked for: changes of functions and keys, calls of functions by name. No pool's id
// is without an underscore.
const deployment = "deployment"

type eventsInput struct {
	Pool   string    `query:"pool" maxLength:"128" doc:"Needed where there are several. The word deployment: the events of no pool, such as changes of functions and keys."`
	Type   []string  `query:"type" maxItems:"32" doc:"One or several types, separated by commas."`
	User   string    `query:"user" maxLength:"128" doc:"The user's id (sub)."`
	Client string    `query:"client" maxLength:"128" doc:"The app client's id."`
	Number string    `query:"number" maxLength:"32" doc:"A phone number in E.164 form."`
	From   time.Time `query:"from"`
	To     time.Time `query:"to"`
	Reveal bool      `query:"reveal" doc:"Show what is sealed; needs the action personal.decrypt."`
	ListQuery
	After     string `query:"after" maxLength:"1024" deprecated:"true" doc:"The older name of cursor."`
	Ascending bool   `query:"ascending" deprecated:"true" doc:"The older name of sort=at."`
}

type eventsOutput struct {
	Body struct {
		Events []Event `json:"events"`
		Next   string  `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
	}
}

func (in *eventsInput) resource() access.Resource {
	if in.Pool == deployment {
		return access.Resource{}
	}
	return onPool(in.Pool)
}

func (s *server) registerEvents() {
	register(s, "GET", "/events", "events.read", "Read the log, newest first",
		func(in *eventsInput) access.Resource { return in.resource() }, s.listEvents)
	register(s, "GET", "/event-types", "events.read", "What the types of events mean", nil,
		func(_ context.Context, in *eventTypesInput) (*eventTypesOutput, error) {
			p, err := eventTypeList().understand(ListQuery{Filter: in.Filter, Sort: in.Sort, Limit: 1000}, "")
			if err != nil {
				return nil, err
			}
			out := &eventTypesOutput{}
			out.Body, _ = p.page(eventlog.Types())
			return out, nil
		})
}

type (
	eventTypesInput struct {
		Filter string `query:"filter" maxLength:"1000" doc:"As in other lists; of type, failure, own and meaning."`
		Sort   string `query:"sort" maxLength:"64"`
	}
	eventTypesOutput struct{ Body []eventlog.Info }
)

func eventTypeList() listing[eventlog.Info] {
	return listing[eventlog.Info]{name: "event-types", key: func(i eventlog.Info) string { return string(i.Type) }, fields: []field[eventlog.Info]{
		textBy("type", func(i eventlog.Info) string { return string(i.Type) }), textBy("meaning", func(i eventlog.Info) string { return i.Meaning }),
		flagBy("failure", func(i eventlog.Info) bool { return i.Failure }), flagBy("own", func(i eventlog.Info) bool { return i.Own }),
	}}
}

// eventList: the store keeps both directions.
func eventList() listing[*store.Event] {
	return listing[*store.Event]{name: "events", natural: []string{"-at", "at"}, limit: 50, key: func(e *store.Event) string { return e.ID }, fields: []field[*store.Event]{
		timeBy("at", func(e *store.Event) time.Time { return e.At }), textBy("id", func(e *store.Event) string { return e.ID }),
		textBy("type", func(e *store.Event) string { return e.Type }), textBy("user_id", func(e *store.Event) string { return e.UserID }),
		textBy("client_id", func(e *store.Event) string { return e.ClientID }), textBy("data", func(e *store.Event) string { return string(e.Data) }),
	}}
}

func (s *server) listEvents(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	if in.Reveal {
		if err := access.Allow(access.From(ctx), access.Admin, access.ReadPersonal, in.resource()); err != nil {
			return nil, err
		}
	}
	pool := in.Pool
	if pool == deployment {
		pool = keyring.Deployment
	} else if err := s.onlyPool(ctx, &pool); err != nil {
		return nil, err
	}
	if in.Reveal {
		s.audit(ctx, "personal data of events shown", "pool", pool)
	}
	if in.Ascending && in.Sort == "" {
		in.Sort = "at"
	}
	p, err := eventList().understand(in.ListQuery, in.After, pool, strings.Join(in.Type, ","), in.User, in.Client, in.Number)
	if err != nil {
		return nil, err
	}
	if len(in.Type) == 0 {
		if t := p.take("type", ""); t != "" {
			in.Type = []string{t}
		}
	}
	types, err := knownTypes(in.Type)
	if err != nil {
		return nil, err
	}
	q := eventlog.Query{PoolID: pool, UserID: p.take("user_id", in.User), ClientID: p.take("client_id", in.Client), Types: types, Number: in.Number, From: in.From, To: in.To}
	rows, next, err := p.read(func(sort, after string, limit int) ([]*store.Event, error) {
		q.Ascending, q.After, q.Limit = sort == "at", after, limit
		return s.Events.List(ctx, s.Store, q)
	})
	if err != nil {
		return nil, err
	}
	out := &eventsOutput{}
	out.Body.Next = next
	out.Body.Events, err = s.eventViews(ctx, rows, in.Reveal)
	return out, err
}

// knownTypes refuses a type that no event can have: an empty list would look like an answer.
func knownTypes(asked []string) (out []eventlog.Type, err error) {
	var names []string
	for _, i := range eventlog.Types() {
		names = append(names, string(i.Type))
	}
	for _, name := range asked {
		if !slices.Contains(names, name) {
			return nil, fault.Invalidf("type", "type: %q is not a type of event.", name).WithHint("one of %s", strings.Join(names, ", "))
		}
		out = append(out, eventlog.Type(name))
	}
	return out, nil
}

func (s *server) eventViews(ctx context.Context, rows []*store.Event, reveal bool) ([]Event, error) {
	keys := map[string]secret.Key{}
	out := make([]Event, 0, len(rows))
	for _, r := range rows {
		e := Event{ID: r.ID, PoolID: r.PoolID, Type: r.Type, UserID: r.UserID, ClientID: r.ClientID, At: r.At, Data: r.Data}
		if reveal && len(r.Sealed) > 0 {
			key, err := s.userKey(ctx, keys, r.PoolID, r.UserID)
			if err != nil {
				return nil, err
			}
			e.Personal, err = s.Events.Open(ctx, r, key)
			switch {
			case errors.Is(err, eventlog.ErrDark):
				e.Dark = true
			case err != nil:
				return nil, err
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// userKey returns the data key of a user, the zero key if there is none any more.
func (s *server) userKey(ctx context.Context, cache map[string]secret.Key, poolID, userID string) (secret.Key, error) {
	if userID == "" {
		return secret.Key{}, nil
	}
	if k, ok := cache[poolID+"/"+userID]; ok {
		return k, nil
	}
	var u *store.User
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		u, err = tx.Users().User(ctx, poolID, userID)
		return err
	})
	var k secret.Key
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return k, err
	case len(u.SealedDataKey) > 0:
		if k, err = s.Keyring.OpenDataKey(ctx, poolID, userID, u.SealedDataKey); err != nil {
			return k, err
		}
	}
	cache[poolID+"/"+userID] = k
	return k, nil
}
