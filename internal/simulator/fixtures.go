package simulator

import (
	"context"
	"errors"
	"time"

	"countersign/provider"
)

// fixture is one event of the story; a reply if text is typed on the phone. by is the simulated provider that took it.
type fixture struct {
	ago   time.Duration
	send  provider.Message
	reply string
	by    string
}

// Fixtures returns an inbox in memory with sample messages of every kind, to look at the page, to test it and to draw
// pictures for the docs. The story ends at the given moment, where the inbox's clock stands still.
func Fixtures(end time.Time) (*Inbox, error) {
	now := end
	b, err := Open(Options{Now: func() time.Time { return now }, Segments: func(text string) int { return 1 + len(text)/160 }})
	if err != nil {
		return nil, err
	}
	for _, f := range story {
		now = end.Add(-f.ago)
		if f.reply != "" {
			_, err = b.Reply(f.send.To, f.reply)
		} else {
			m := f.send
			if f.by == "" {
				m.PoolID = "us-local-1_countersign"
			}
			if m.Code != "" && f.by == "" {
				m.ExpiresAt = now.Add(3 * time.Minute)
			}
			_, err = b.accept(context.Background(), m, f.by)
		}
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	now = end
	return b, nil
}

var story = []fixture{
	{ago: 26 * time.Hour, send: provider.Message{To: "+12025550123", From: "COUNTERSGN", Text: "Welcome, Ada. Your verification code is 604417.", Code: "604417", TriggerSource: "CustomSMSSender_SignUp"}},
	{ago: 25 * time.Hour, send: provider.Message{To: "+447700900456", From: "COUNTERSGN", Text: "Your sign-in code is 118209. We never ask for it.", Code: "118209", TriggerSource: "CustomSMSSender_Authentication"}},
	{ago: 24 * time.Hour, send: provider.Message{To: "+447700900456"}, reply: "STOP"},
	{ago: 24*time.Hour - time.Minute, send: provider.Message{To: "+447700900456", From: "COUNTERSGN", Text: "You are unsubscribed and will get no more texts. Reply START to undo."}},
	{ago: 90 * time.Minute, send: provider.Message{Channel: provider.Email, To: "grace@example.com", From: "no-reply@example.com", Subject: "Your verification code", Text: "Hello Grace,\n\nyour verification code is 772051.\n\nIt is good for an hour. If you did not ask for it, you can ignore this message.", Code: "772051", TriggerSource: "CustomEmailSender_SignUp"}},
	{ago: 50 * time.Minute, send: provider.Message{Channel: provider.Voice, To: "+4915735990000", From: "+12025550199", Text: "Hello. Your code is: 3, 9, 0, 2, 5, 8. Once more: 3, 9, 0, 2, 5, 8.", Code: "390258"}, by: "twilio"},
	{ago: 22 * time.Minute, send: provider.Message{To: "+33639980011", From: "COUNTERSGN", Text: "Votre code de réinitialisation est 481516. Il expire dans 1 heure.", Code: "481516", TriggerSource: "CustomSMSSender_ForgotPassword"}},
	{ago: 9 * time.Minute, send: provider.Message{To: "+12025550177", From: "COUNTERSGN", Text: "You were invited to Example. Your username is lin and your temporary password is Quiet-Harbor-42.", TriggerSource: "CustomSMSSender_AdminCreateUser"}},
	{ago: 6 * time.Minute, send: provider.Message{To: "+12025550123", From: "COUNTERSGN", Text: "Your sign-in code is 275931. We never ask for it.", Code: "275931", TriggerSource: "CustomSMSSender_Authentication"}},
	{ago: 5 * time.Minute, send: provider.Message{To: "+12025550123"}, reply: "HELP"},
	{ago: 4 * time.Minute, send: provider.Message{To: "+12025550123", From: "COUNTERSGN", Text: "Example: sign-in codes on request only. Write to help@example.com. Reply STOP to end."}},
	{ago: 40 * time.Second, send: provider.Message{ID: "0199a3c2-7d10-7c55-9a40-0d6f3b1e2a77", To: "+12025550123", From: "COUNTERSGN", Text: "Your sign-in code is 493027. We never ask for it.", Code: "493027", TriggerSource: "CustomSMSSender_Authentication"}},
}
