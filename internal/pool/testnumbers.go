package pool

import (
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

// TestPhone is a number with a fixed code, for reviewers of app stores and end-to-end tests. Nothing is ever sent to it; its code is one code more that
// is judged, counted, bound and spent as all others are, and passes over no factor. It holds for accounts that were made after the number was set
// (Since) and for those that are not there yet: whoever may change a pool's settings thereby gets into no account that exists.
type TestPhone struct {
	// Number is in E.164 form; Code has six digits.
	Number string `json:"number"`
	Code   string `json:"code"`
	// Until is when the number becomes one like all others, at most 90 days ahead.
	Until time.Time `json:"until"`
	// Since is when it was set, by the server.
	Since time.Time `json:"since"`
}

const (
	maxTestNumbers = 10
	maxTestLife    = 90 * 24 * time.Hour
	// testAccount is the account of messages that are not sent for that reason: no account has such a name. testProvider is their provider.
	testAccount, testProvider = "test number", "test"
)

func checkTestNumbers(list []TestPhone, now time.Time) error {
	if len(list) > maxTestNumbers {
		return fault.Invalidf("test_numbers", "A pool has at most %d test numbers.", maxTestNumbers)
	}
	seen := map[string]bool{}
	for _, x := range list {
		n, err := phone.Parse(x.Number)
		switch {
		case err != nil:
			return fault.Invalidf("test_numbers", "A test number is in E.164 form, like +12025550123.")
		case len(x.Code) != 6 || strings.Trim(x.Code, "0123456789") != "":
			return fault.Invalidf("test_numbers", "The code of a test number has six digits.")
		case !x.Until.After(now) || x.Until.Sub(now) > maxTestLife:
			return fault.Invalidf("test_numbers", "A test number ends in the future, and within 90 days.")
		case seen[n.LineKey()]:
			return fault.Invalidf("test_numbers", "A test number is there twice.")
		}
		seen[n.LineKey()] = true
	}
	return nil
}

// testPhone returns the test number that a letter goes to, nil if it is none.
func (t *tenant) testPhone(l *letter, now time.Time) *TestPhone {
	if len(t.cfg.TestNumbers) == 0 || l.attr != attrPhone {
		return nil
	}
	for i := range t.cfg.TestNumbers {
		x := &t.cfg.TestNumbers[i]
		if x.Number == l.to && now.Before(x.Until) && (l.user == nil || !l.user.CreatedAt.Before(x.Since)) {
			return x
		}
	}
	return nil
}

// unsent makes a message one that counts as sent without anybody having it.
func unsent(m *store.Message, now time.Time) {
	m.State, m.Sealed, m.Segments = store.Sent, nil, 0
	m.Provider, m.Account, m.SentAt = testProvider, testAccount, now
}

// testNumberUsed is the event of each use.
func testNumberUsed(m *store.Message) eventlog.Entry {
	return eventlog.Entry{
		PoolID: m.PoolID, Type: eventlog.TestNumberUsed, UserID: m.UserID, ClientID: m.ClientID, NumberHash: m.Number,
		Data: map[string]any{"message_id": m.ID, "mask": m.Mask},
	}
}
