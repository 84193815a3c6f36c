package pool_test

import (
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
)

func (w *world) managed(connection string, attrs ...pool.Attr) (string, error) {
	u, err := w.Service.CreateManaged(w.t.Context(), w.Admin(), pool.ManagedUser{PoolID: w.pool, Connection: connection, Attributes: attrs})
	if err != nil {
		return "", err
	}
	return u.ID, nil
}

// Users of a passwordless connection that an administrator made sign in with their number or address, and with no other once it changed.
func TestPasswordlessManagedUser(t *testing.T) {
	for to, at := range map[string][3]string{cell: {"sms", "phone_number", cell2}, carol: {"email", "email", "dave@example.com"}} {
		connection, attr, other := at[0], at[1], at[2]
		each(t, func(t *testing.T, w *world) {
			signsIn := func(to, sub string) {
				t.Helper()
				w.Advance(time.Minute)
				_, err := w.start(w.a0(), to)
				w.must(err)
				if len(w.To(to)) == 0 {
					t.Fatalf("no message to %s", to)
				}
				out, err := w.finish(w.a0(), to, w.Code(to), "openid")
				w.must(err)
				if got := claimsOf(t, out.Tokens.ID)["sub"]; got != connection+"|"+sub {
					t.Errorf("%s signs in %v, want %s", to, got, sub)
				}
			}
			sub, err := w.managed(connection, pool.Attr{Name: attr, Value: to})
			w.must(err)
			signsIn(to, sub)
			_, err = w.managed(connection, pool.Attr{Name: attr, Value: to})
			w.want(err, fault.AliasTaken, fault.UsernameTaken, fault.SignInNameTaken)
			change := pool.ManagedChange{Attributes: []pool.Attr{{Name: attr, Value: other}}}
			w.must(w.Service.UpdateManaged(t.Context(), w.Admin(), w.pool, sub, change))
			signsIn(other, sub)
			before := len(w.To(to))
			_, err = w.start(w.a0(), to)
			w.must(err)
			if len(w.To(to)) != before {
				t.Errorf("%s still signs in", to)
			}
		}, byCode, noSignUp, func(p *pool.Config, _ *pool.ClientConfig) { p.AutoVerified, p.UsernameAttributes = nil, nil })
	}
}
