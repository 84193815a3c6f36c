package pool_test

import (
	"encoding/json"
	"testing"
	"time"

	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
)

func factsOf(t *testing.T, event json.RawMessage) (f facts.Message) {
	t.Helper()
	if err := json.Unmarshal(event, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// A ticket enrols one phone, once, within five days.
func TestTicket(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.a0()
		sub := w.SignUp(w.client, carol, passw0rd)
		_, err := w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, "auth0|b0000000-0000-4000-8000-000000000000", false)
		w.want(err, fault.UserNotFound)
		ticket, err := w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, "auth0|"+sub, false)
		w.must(err)
		late, err := w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, sub, false)
		w.must(err)
		_, _, err = w.Service.TicketEnroll(ctx, c, ticket, "0170", "sms")
		w.want(err, fault.InvalidParameter)
		oob, _, err := w.Service.TicketEnroll(ctx, c, ticket, cell, "sms")
		w.must(err)
		_, err = w.Service.TicketConfirm(ctx, c, late, oob, w.Code(cell))
		w.want(err, fault.OOBCodeInvalid)
		_, err = w.Service.TicketConfirm(ctx, c, ticket, oob, pooltest.Wrong(w.Code(cell)))
		w.want(err, fault.ChallengeCodeMismatch)
		recovery, err := w.Service.TicketConfirm(ctx, c, ticket, oob, w.Code(cell))
		w.must(err)
		if len(recovery) != 24 || !w.user(sub).MFA.SMS {
			t.Errorf("recovery %q, %+v", recovery, w.user(sub).MFA)
		}
		_, err = w.Service.TicketConfirm(ctx, c, ticket, oob, w.Code(cell))
		w.want(err, fault.ResourceNotFound)
		_, _, err = w.Service.TicketEnroll(ctx, c, ticket, cell2, "sms")
		w.want(err, fault.ResourceNotFound)
		_, _, err = w.Service.TicketEnroll(ctx, c, late, cell2, "sms") // since the user enrolled
		w.want(err, fault.AlreadyEnrolled)
		_, err = w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, sub, false)
		w.want(err, fault.AlreadyEnrolled)
		more, err := w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, sub, true)
		w.must(err)
		oob, _, err = w.Service.TicketEnroll(ctx, c, more, cell2, "voice")
		w.must(err)
		w.Advance(5*time.Minute - time.Second)
		recovery2, err := w.Service.TicketConfirm(ctx, c, more, oob, w.Code(cell2))
		w.must(err)
		if recovery2 != "" || len(w.user(sub).MFA.Phones) != 2 {
			t.Errorf("recovery %q, %+v", recovery2, w.user(sub).MFA)
		}
		_, err = w.recover(w.owing(carol).Token, recovery)
		w.must(err)
		last, err := w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, sub, true)
		w.must(err)
		w.Advance(5 * 24 * time.Hour)
		_, _, err = w.Service.TicketEnroll(ctx, c, last, "+12025550166", "sms")
		w.want(err, fault.ResourceNotFound)
	}, guardian)
}

// CVE-2024-32868: the code of a ticket is not to be guessed.
func TestAdvisory_CVE_2024_32868_ticket(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.a0()
		sub := w.SignUp(w.client, carol, passw0rd)
		judged := 0
		for range 10 {
			ticket, err := w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, sub, false)
			w.must(err)
			oob, _, err := w.Service.TicketEnroll(ctx, c, ticket, cell, "sms")
			w.must(err)
			for range 8 {
				_, err := w.Service.TicketConfirm(ctx, c, ticket, oob, pooltest.Wrong(w.Code(cell)))
				if fault.CodeOf(err) == fault.ChallengeCodeMismatch {
					judged++
				}
				w.Advance(5 * time.Second)
			}
		}
		if judged > 12 {
			t.Errorf("%d guesses were judged", judged)
		}
	}, guardian, func(p *pool.Config, _ *pool.ClientConfig) { p.Tenant.RecoveryCodes = false })
}
