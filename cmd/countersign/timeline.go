package main

import (
	"fmt"
	"strings"
	"time"

	"countersign/internal/adminapi"
)

// printMessage tells a message's life: one line each step, oldest first, and what may be done about a failure.
func printMessage(a *app, m *adminapi.Message) error {
	w := a.stdout
	fmt.Fprintf(w, "%s to %s%s, %s: %s\n", m.Channel, m.To, inCountry(m), m.TriggerSource, m.State)
	step := func(at time.Time, format string, args ...any) {
		fmt.Fprintf(w, "  %s  %s\n", at.Local().Format("2006-01-02 15:04:05.000"), strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
	step(m.CreatedAt, "asked for%s", segmentsOf(m.Segments))
	if len(m.Recorded) > 0 {
		fmt.Fprintf(w, "      guards that only record would have refused it: %s\n", strings.Join(m.Recorded, ", "))
	}
	advice := ""
	for _, x := range m.Timeline {
		step(x.StartedAt, "attempt %d by %s%s: %s (%s)", x.N, by(x.Account, x.Provider), with(" from ", x.From), outcome(x), x.EndedAt.Sub(x.StartedAt).Round(time.Millisecond))
		if x.VendorCode+x.Text != "" {
			fmt.Fprintf(w, "      it said: %s\n", strings.TrimSpace(printable(x.VendorCode)+" "+printable(x.Text)))
		}
		advice = x.Advice
	}
	for _, r := range m.Receipts {
		proof := ""
		if !r.Authentic {
			proof = ", unsigned: evidence only"
		}
		step(r.ReceivedAt, "receipt of %s: %s%s%s (%s%s)", r.Account, r.State, with(" ", r.Reason), with(" ", strings.TrimSpace(printable(r.VendorCode)+" "+printable(r.Text))), r.Source, proof)
	}
	if m.VerifiedAt != nil {
		step(*m.VerifiedAt, "the code was typed in")
	}
	if m.Cost != "" {
		kind := "estimated"
		if m.Settled {
			kind = "as billed"
		}
		fmt.Fprintf(w, "  cost %s %s (%s)\n", m.Cost, m.Currency, kind)
	}
	if m.State != "sent" && m.State != "delivered" && advice != "" {
		fmt.Fprintf(w, "  what to do: %s\n", advice)
	}
	return nil
}

func inCountry(m *adminapi.Message) string {
	if m.Network != "" {
		return fmt.Sprintf(" (%s, network %s)", m.Country, m.Network)
	}
	if m.Country != "" {
		return " (" + m.Country + ")"
	}
	return ""
}

func segmentsOf(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", %d segments", n)
}

func by(account, provider string) string {
	if account == "" && provider == "" {
		return "nobody"
	}
	if account == "" || account == provider {
		return provider
	}
	return account + " (" + provider + ")"
}

func with(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func outcome(x adminapi.Attempt) string {
	if x.Outcome == "sent" {
		return "accepted" + with(" as ", printable(x.ProviderID))
	}
	if x.Outcome == "ambiguous" {
		return "no answer: it may have been sent"
	}
	return x.Outcome + with(", ", x.Reason)
}
