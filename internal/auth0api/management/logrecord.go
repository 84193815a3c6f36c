package management

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/provider"
)

// logTime is how times look on this wire.
const logTime = "2006-01-02T15:04:05.000Z"

// logRecord is an entry of the log on the wire, with the original's names.
type logRecord struct {
	ID           string         `json:"_id"`
	LogID        string         `json:"log_id"`
	Date         string         `json:"date"`
	Type         string         `json:"type"`
	Description  string         `json:"description"`
	ClientID     string         `json:"client_id"`
	ClientName   string         `json:"client_name"`
	Connection   string         `json:"connection,omitempty"`
	ConnectionID string         `json:"connection_id"`
	Strategy     string         `json:"strategy,omitempty"`
	StrategyType string         `json:"strategy_type,omitempty"`
	IP           string         `json:"ip"`
	UserAgent    string         `json:"user_agent"`
	IsMobile     bool           `json:"isMobile"`
	Hostname     string         `json:"hostname,omitempty"`
	UserID       string         `json:"user_id"`
	UserName     string         `json:"user_name"`
	Audience     string         `json:"audience,omitempty"`
	Scope        any            `json:"scope,omitempty"`
	Tenant       string         `json:"tenant_name"`
	Environment  string         `json:"environment_name"`
	Details      map[string]any `json:"details"`
	References   map[string]any `json:"references,omitempty"`
}

// logBook makes records. It remembers users and clients for the length of one request.
type logBook struct {
	a      *api
	pool   *pool.Pool
	host   string
	kinds  map[string]string
	users  map[string]*logUser
	client map[string]string
}

// logUser is what records show of a user. The zero value is one who no longer exists: what was sealed under its key stays dark.
type logUser struct {
	name, connection string
	key              secret.Key
}

func (a *api) logBook(ctx context.Context, poolID string) (*logBook, error) {
	p, err := a.Pools.GetPool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	b := &logBook{a: a, pool: p, kinds: map[string]string{}, users: map[string]*logUser{"": {}}, client: map[string]string{"": ""}}
	if u, err := url.Parse(p.Config.BaseURL); err == nil {
		b.host = u.Hostname()
	}
	for _, i := range eventlog.Types() {
		b.kinds[string(i.Type)], _, _ = strings.Cut(strings.TrimSuffix(i.Meaning, "."), ";")
	}
	return b, nil
}

// user reads what is shown of a user, once.
func (b *logBook) user(ctx context.Context, id string) (*logUser, error) {
	if u, ok := b.users[id]; ok {
		return u, nil
	}
	out := &logUser{}
	var row *store.User
	err := b.a.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Users().User(ctx, b.pool.ID, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		out.connection = pool.DatabaseConnection
		if row.Meta != nil && row.Meta.Connection != "" {
			out.connection = row.Meta.Connection
		}
		out.name = logName(row)
		if len(row.SealedDataKey) > 0 {
			if out.key, err = b.a.Keys.OpenDataKey(ctx, b.pool.ID, id, row.SealedDataKey); err != nil {
				return nil, err
			}
		}
	}
	b.users[id] = out
	return out, nil
}

// logName is the user's e-mail address, number or name.
func logName(u *store.User) string {
	for _, v := range []string{u.Attributes["email"], u.Attributes["phone_number"]} {
		if v != "" {
			return v
		}
	}
	if u.Username != u.ID {
		return u.Username
	}
	return ""
}

// clientName is the name of an app client, or empty.
func (b *logBook) clientName(ctx context.Context, id string) (string, error) {
	if name, ok := b.client[id]; ok {
		return name, nil
	}
	c, err := b.a.Pools.GetClient(ctx, b.pool.ID, id)
	switch {
	case fault.CodeOf(err) == fault.ClientNotFound:
		b.client[id] = ""
	case err != nil:
		return "", err
	default:
		b.client[id] = c.Name
	}
	return b.client[id], nil
}

// record makes the record of an event; open opens its personal part.
func (b *logBook) record(ctx context.Context, ev *store.Event, open bool) (*logRecord, error) {
	u, err := b.user(ctx, ev.UserID)
	if err != nil {
		return nil, err
	}
	name, err := b.clientName(ctx, ev.ClientID)
	if err != nil {
		return nil, err
	}
	var personal map[string]any
	if open {
		if personal, err = b.a.Events.Open(ctx, ev, u.key); err != nil && !errors.Is(err, eventlog.ErrDark) {
			return nil, err
		}
	}
	data := map[string]any{}
	if len(ev.Data) > 0 {
		if err := json.Unmarshal(ev.Data, &data); err != nil {
			return nil, fault.Internalf("event %s: %w", ev.ID, err)
		}
	}
	id := logID(ev.ID)
	r := &logRecord{
		ID: id, LogID: id, Date: ev.At.UTC().Format(logTime), Type: ev.Type, Description: b.describe(ev.Type, data), ClientID: ev.ClientID, ClientName: name,
		Hostname: b.host, UserName: u.name, Tenant: b.pool.Name, Environment: "countersign",
	}
	r.belongs(ev.UserID, u.connection)
	agent := text(personal, "user_agent")
	r.IP, r.UserAgent, r.IsMobile = text(personal, "ip"), summary(agent), strings.Contains(agent, "Mobi")
	r.detail(ev, data, personal)
	return r, nil
}

// belongs fills in the user and the connection.
func (r *logRecord) belongs(userID, connection string) {
	if userID == "" {
		return
	}
	switch connection {
	case pool.ConnectionSMS, pool.ConnectionEmail:
		r.Connection, r.ConnectionID, r.Strategy, r.StrategyType = connection, "con_"+connection, connection, "passwordless"
	case "":
		connection = pool.DatabaseConnection
		fallthrough
	default:
		r.Connection, r.ConnectionID, r.Strategy, r.StrategyType = connection, connectionDatabase, "auth0", "database"
	}
	r.UserID = r.Strategy + "|" + userID
}

// describe says in plain words what happened, with the words of a provider where there are any.
func (b *logBook) describe(kind string, data map[string]any) string {
	s := b.kinds[kind]
	if e, ok := data["provider_error"].(map[string]any); ok && text(e, "message") != "" {
		return s + ": " + text(e, "message")
	}
	return s + "."
}

// detail makes details: what the event holds, the request under the original's name, and a link to the message of a delivery.
func (r *logRecord) detail(ev *store.Event, data, personal map[string]any) {
	d := maps.Clone(data)
	for _, name := range []string{"audience", "scope"} {
		delete(d, name)
	}
	r.Audience, r.Scope = text(data, "audience"), data["scope"]
	request := map[string]any{}
	for from, to := range map[string]string{"ip": "ip", "user_agent": "userAgent"} {
		if v := text(personal, from); v != "" {
			request[to] = v
		}
	}
	for _, name := range []string{"method", "path"} {
		if v, ok := data[name]; ok {
			request[name] = v
			delete(d, name)
		}
	}
	if len(request) > 0 {
		d["request"] = request
	}
	if v, ok := data["status"].(float64); ok {
		d["response"] = map[string]any{"statusCode": v}
		delete(d, "status")
	}
	for k, v := range personal {
		if k != "ip" && k != "user_agent" {
			d[k] = v
		}
	}
	if id := text(data, "message_id"); id != "" {
		d["message_url"] = "/admin/v1/messages/" + id
		r.References = map[string]any{"correlation_id": id}
	}
	r.Details = d
}

// shown is the whole record of an event.
func (b *logBook) shown(ctx context.Context, ev *store.Event) (*logRecord, error) {
	r, err := b.record(ctx, ev, true)
	if err != nil {
		return nil, err
	}
	// What is shown and not searched: where a message went, masked, and what became of it.
	id := text(r.Details, "message_id")
	if id == "" {
		return r, nil
	}
	var m *store.Message
	err = b.a.Store.Read(ctx, func(tx store.Tx) (err error) {
		m, err = tx.Outbox().Message(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && m.PoolID != b.pool.ID {
		return r, nil // the message is older than messages are kept
	}
	if err != nil {
		return nil, err
	}
	to := "phone_number"
	if m.Channel == string(provider.Email) {
		to = "email"
	}
	r.Details["authenticator"] = map[string]any{"type": m.Channel, to: m.Mask}
	if r.Details["state"] = string(m.State); m.Provider != "" {
		r.Details["provider"] = m.Provider
	}
	return r, nil
}

// text is a member that is a string.
func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

// field is the value that a search compares.
func (r *logRecord) field(name string) string {
	switch name {
	case "client_id":
		return r.ClientID
	case "client_name":
		return r.ClientName
	case "connection":
		return r.Connection
	case "connection_id":
		return r.ConnectionID
	case "date":
		return r.Date
	case "description":
		return r.Description
	case "hostname":
		return r.Hostname
	case "ip":
		return r.IP
	case "log_id":
		return r.LogID
	case "strategy":
		return r.Strategy
	case "strategy_type":
		return r.StrategyType
	case "type":
		return r.Type
	case "user_agent":
		return r.UserAgent
	case "user_id":
		return r.UserID
	case "user_name":
		return r.UserName
	}
	return ""
}

// logFields is what a search of the log may name.
var logFields = searchable{
	fields: []string{
		"client_id", "client_name", "connection", "connection_id", "date", "description", "hostname", "ip", "log_id", "organization_id",
		"strategy", "strategy_type", "type", "user_agent", "user_id", "user_name",
	},
	bare: []string{"client_name", "connection", "description", "ip", "log_id", "type", "user_name"},
}
