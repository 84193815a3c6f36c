package receipt

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign/internal/eventlog"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	maxID, maxCode, maxText = 128, 64, 300
	maxSegments             = 255
	// maxPrice is a million, in millionths.
	maxPrice = 1e12
)

// report is a notice about a message, cleaned of what we would not store.
type report struct {
	// poolID is empty for accounts of the configuration file: then the message may be of any pool.
	poolID, account string
	source          string
	authentic       bool
	// messageID is set where the message itself is known.
	messageID string
	reference string
	// once is the mark that the notice is taken by, of one whose signature does not cover it; nil for all others.
	once []byte
	// ask has the service asked at once if the report alone decides nothing.
	ask bool
	// pollAt is when the service is to be asked again; zero: never. It counts for answers to polls only.
	pollAt time.Time
	// row is the receipt without id, message and pool.
	row store.Receipt
	// tries is how often it was in vain; see waiting.
	tries int
}

// report makes a report of a notice. It returns false for one that says nothing.
func (s *Service) report(poolID, account string, n provider.Notice, source string, authentic bool) (report, bool) {
	if !known(n.State) || n.ProviderID == "" && n.Reference == "" {
		return report{}, false
	}
	now := s.c.Now().UTC()
	r := report{poolID: poolID, account: account, source: source, authentic: authentic, reference: short(n.Reference, maxID)}
	r.row = store.Receipt{
		Account: account, ProviderID: short(n.ProviderID, maxID), State: string(n.State), Reason: string(reasonOf(n)),
		VendorCode: eventlog.Scrub(short(n.VendorCode, maxCode)), Text: eventlog.Scrub(short(n.Text, maxText)), Source: source, Authentic: authentic,
		Segments: min(max(n.Segments, 0), maxSegments), ReceivedAt: now.Truncate(time.Microsecond),
	}
	if n.Price > 0 && n.Price <= maxPrice && currency(n.Currency) {
		r.row.Cost, r.row.Currency = n.Price, n.Currency
	}
	if network(n.Network) {
		r.row.Network = n.Network
	}
	if !n.At.IsZero() && n.At.After(now.AddDate(-1, 0, 0)) && n.At.Before(now.AddDate(0, 0, 1)) {
		r.row.At = n.At.UTC().Truncate(time.Microsecond)
	}
	return r, true
}

// states are those that a notice may have, with what they make of a message.
var states = map[provider.State]store.State{
	provider.StateQueued: "", provider.StateSent: "", provider.StateDelivered: store.Delivered,
	provider.StateUndelivered: store.Undelivered, provider.StateFailed: store.Undelivered, provider.StateExpired: store.Undelivered,
}

func known(s provider.State) bool { _, ok := states[s]; return ok }

// reasonOf is the notice's reason, if it is one and the state has any.
func reasonOf(n provider.Notice) provider.Reason {
	if n.Reason == "" || states[n.State] != store.Undelivered {
		return ""
	}
	if !slices.Contains(provider.Reasons(), n.Reason) {
		return provider.Unknown
	}
	return n.Reason
}

// currency reports whether s is spelled as a code of ISO 4217.
func currency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// network reports whether s is an MCC of three digits and an MNC of two or three.
func network(s string) bool {
	return (len(s) == 5 || len(s) == 6) && strings.Trim(s, "0123456789") == ""
}

// short is foreign text of at most n bytes, without control characters.
func short(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s[:min(len(s), 4*n)])
	s = strings.TrimSpace(s)
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// digest tells a callback from all others: everything that its sender chose.
func digest(c provider.Callback) []byte {
	h := sha256.New()
	part := func(s string) {
		h.Write([]byte{byte(len(s) >> 24), byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))})
		h.Write([]byte(s))
	}
	part(c.Method)
	if c.URL != nil {
		part(c.URL.RawQuery)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Header)) {
		if strings.Contains(strings.ToLower(k), "sign") || k == "Authorization" {
			part(k + ": " + strings.Join(c.Header[k], "\n"))
		}
	}
	part(string(c.Body))
	return h.Sum(nil)
}
