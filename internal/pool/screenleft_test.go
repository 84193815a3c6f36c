package pool_test

import (
	"sync"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/pool"
	"countersign/internal/screen"
)

// Every decision that took a place in the quotas is committed or given back, whatever becomes of its request: who could leave places taken would use up a
// pool's money without a message.
func TestAdvisory_ScreenPlacesGoBack(t *testing.T) {
	repeated := func(w *world) pool.Caller {
		c := w.Caller()
		c.Invocation = "5d1e"
		return c
	}
	for name, cause := range map[string]func(t *testing.T, w *world){
		"a repeated call": func(t *testing.T, w *world) {
			for range 3 {
				_, err := w.Service.ForgotPassword(t.Context(), repeated(w), pool.NameInput{ClientAuth: w.auth(), Username: stranger})
				w.must(err)
			}
		},
		"a repeated call for a name that nobody has": func(t *testing.T, w *world) {
			for range 3 {
				_, err := w.Service.ForgotPassword(t.Context(), repeated(w), pool.NameInput{ClientAuth: w.auth(), Username: "+12025550189"})
				w.must(err)
			}
		},
		"a session that is used twice": func(t *testing.T, w *world) {
			ch, err := w.begin(w.Caller(), "USER_AUTH", "USERNAME", stranger, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			c := w.Caller()
			c.Control = map[string]string{"resend": "challenge"}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { _, _ = w.respond(c, ch, stranger) })
			}
			all.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachScreened(t, func(t *testing.T, w *world, sc *screener) {
				w.SignUp(w.client, stranger, passw0rd)
				cause(t, w)
				if n := len(sc.asked); n < 2 || sc.committed+sc.undone != n {
					t.Errorf("%d decisions, %d committed, %d given back", n, sc.committed, sc.undone)
				}
			}, hidden, userAuth)
		})
	}
}

// Notices are judged like all other messages, and what is only recorded of them is told.
func TestScreenJudgesNotices(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		w.SignUp(w.client, stranger, passw0rd)
		tk := w.SignIn(w.client, stranger, passw0rd)
		sc.limits = guard.Limits{SendsNumberDay: 1, SendsConfirmedDay: 1, SendsAccountDay: 1, Record: true}
		change := func(from, to string) {
			t.Helper()
			w.must(w.Service.ChangePassword(t.Context(), w.Caller(), tk.Access, from, to))
		}
		before := len(w.To(stranger))
		change(passw0rd, passw0rd+"1")
		if a := sc.last(); a.Purpose != "notice" || !a.Confirmed || a.To.String() != stranger {
			t.Errorf("asked %+v", a)
		}
		change(passw0rd+"1", passw0rd+"2")
		if n := len(w.To(stranger)) - before; n != 2 {
			t.Errorf("%d notices", n)
		}
		sc.decide = func(a screen.Ask) screen.Decision { return screen.Decision{Refused: screen.Country, Open: true} }
		change(passw0rd+"2", passw0rd+"3")
		if n := len(w.To(stranger)) - before; n != 2 {
			t.Errorf("%d notices, of which one was refused", n)
		}
		if code := fault.CodeOf(w.Service.ChangePassword(t.Context(), w.Caller(), tk.Access, "x", passw0rd)); code == "" {
			t.Error("a wrong password was taken")
		}
	})
}

// Refused requests do not fill the log: a pool's refusals are written one by one up to a bound, and go on when it is quieter.
func TestAdvisory_ScreenRefusalsDoNotFillTheLog(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		sc.decide = refuse(screen.Country, true)
		ask := func(times int) {
			for range times {
				w.want(w.forgot(w.Caller(), stranger), fault.DestinationRefused)
			}
		}
		ask(400)
		full := len(w.refusals())
		if full < 200 || full > 320 {
			t.Errorf("%d of 400 refusals are in the log", full)
		}
		w.Advance(2 * time.Second)
		ask(5)
		if n := len(w.refusals()); n != full+5 {
			t.Errorf("%d refusals later, of 5", n-full)
		}
	}, hidden)
}

// What is refused in silence costs client and pool what a message costs, as long as the caller's address has places: one address could use up a client's
// allowance otherwise. What is refused aloud costs nothing.
func TestAdvisory_ScreenRefusalsAreBoundByAddress(t *testing.T) {
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		w.SignUp(w.client, stranger, passw0rd)
		sc.limits = guard.Limits{SendsNetwork: 5}
		sc.decide = refuse(screen.Pumping, false)
		sc.committed, sc.undone = 0, 0
		for range 8 {
			w.must(w.forgot(w.from("198.51.100.9"), stranger))
		}
		if sc.committed != 5 || sc.undone != 3 {
			t.Errorf("%d kept, %d given back", sc.committed, sc.undone)
		}
	}, hidden)
	eachScreened(t, func(t *testing.T, w *world, sc *screener) {
		sc.decide = refuse(screen.Pumping, false)
		for range 3 {
			w.want(w.signUp(w.Caller(), stranger), fault.AttemptLimit)
		}
		if sc.committed != 0 || sc.undone != 3 {
			t.Errorf("%d kept, %d given back", sc.committed, sc.undone)
		}
	})
}
