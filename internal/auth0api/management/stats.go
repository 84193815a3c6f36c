package management

import (
	"context"
	"net/http"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/eventlog"
	"countersign/internal/store"
)

func statRoutes() []route {
	return []route{
		{"GET", "/stats/daily", "read:stats", (*api).dailyStats, "from and to (YYYYMMDD), 30 days if there are none"},
		{"GET", "/stats/active-users", "read:stats", (*api).activeUsers, "users who signed in during the last 30 days"},
	}
}

const (
	statDays  = 30
	statMost  = 365
	statDay   = 24 * time.Hour
	statEvent = 1_000_000 // sign-ins that are looked through for the users who are active
	dateForm  = "20060102"
)

// dayBody is a day of the statistics.
type dayBody struct {
	Date      string `json:"date"`
	Logins    int    `json:"logins"`
	Signups   int    `json:"signups"`
	Leaked    int    `json:"leaked_passwords"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func (a *api) dailyStats(ctx context.Context, r *Request) (int, any, error) {
	today := a.Now().UTC().Truncate(statDay)
	to, err := dayOf(r, "to", today)
	if err != nil {
		return 0, nil, err
	}
	from, err := dayOf(r, "from", to.Add(-(statDays-1)*statDay))
	if err != nil {
		return 0, nil, err
	}
	switch {
	case to.Before(from):
		return 0, nil, wire.BadQuery("to", "", "The last day is before the first one")
	case to.Sub(from) >= statMost*statDay:
		return 0, nil, wire.BadQuery("from", "", "More than %d days", statMost)
	}
	var counts []store.DayCount
	err = a.Store.Read(ctx, func(tx store.Tx) (err error) {
		counts, err = tx.Events().CountDays(ctx, r.PoolID, []string{string(eventlog.LoginSucceeded), string(eventlog.SignUpSucceeded)}, from, to.Add(statDay))
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	out := []dayBody{}
	for day := from; !day.After(to); day = day.Add(statDay) {
		b := dayBody{Date: day.Format(logTime), CreatedAt: day.Format(logTime), UpdatedAt: day.Add(statDay - time.Millisecond).Format(logTime)}
		for _, c := range counts {
			switch {
			case !c.Day.Equal(day):
			case c.Type == string(eventlog.LoginSucceeded):
				b.Logins = c.N
			default:
				b.Signups = c.N
			}
		}
		out = append(out, b)
	}
	return http.StatusOK, out, nil
}

func dayOf(r *Request, name string, usual time.Time) (time.Time, error) {
	s := r.Query.Get(name)
	if s == "" {
		return usual, nil
	}
	t, err := time.Parse(dateForm, s)
	if err != nil {
		return t, wire.BadQuery(name, "Date in the form YYYYMMDD", "String does not match pattern ^[0-9]{8}$: %s", wire.Printable(s))
	}
	return t, nil
}

func (a *api) activeUsers(ctx context.Context, r *Request) (int, any, error) {
	done, err := a.scans.turn(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer done()
	var n int
	err = a.Store.Read(ctx, func(tx store.Tx) (err error) {
		n, err = tx.Events().CountActive(ctx, r.PoolID, []string{string(eventlog.LoginSucceeded)}, a.Now().Add(-statDays*statDay), statEvent)
		return err
	})
	return http.StatusOK, n, err
}
