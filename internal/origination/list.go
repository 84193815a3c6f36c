package origination

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"countersign/internal/fault"
)

// Query selects identities. Empty conditions fit all.
type Query struct {
	Kind    Kind
	Country string
	Type    Type
	Status  Status
	// Capability is SMS, VOICE or MMS.
	Capability string
	// Text is in the value or id.
	Text string
	// Sort is id (default), value, country, type, status or created, with a leading "-" for the other direction. Ties go by id.
	Sort string
	// After is the cursor of the page before; empty: the first page. Limit defaults to 50, at most 1000.
	After string
	Limit int
}

const (
	usualPage = 50
	timeForm  = "2006-01-02T15:04:05.000000Z"
)

// List returns a page and the cursor of the next, empty after the last. Errors: fault.InvalidParameter with Field "sort" or "after".
func (s *Service) List(ctx context.Context, q Query) ([]Identity, string, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, "", err
	}
	key, back, err := sortKey(q.Sort)
	if err != nil {
		return nil, "", err
	}
	var found []Identity
	for _, i := range v.all {
		if q.fits(i) {
			found = append(found, i)
		}
	}
	order := func(k1, id1, k2, id2 string) int {
		d := strings.Compare(k1, k2)
		if d == 0 {
			d = strings.Compare(id1, id2)
		}
		if back {
			return -d
		}
		return d
	}
	slices.SortFunc(found, func(x, y Identity) int { return order(key(x), x.ID, key(y), y.ID) })
	if q.After != "" {
		k, id, err := openCursor(q.After)
		if err != nil {
			return nil, "", err
		}
		at := slices.IndexFunc(found, func(i Identity) bool { return order(key(i), i.ID, k, id) > 0 })
		if at < 0 {
			at = len(found)
		}
		found = found[at:]
	}
	limit := q.Limit
	if limit <= 0 {
		limit = usualPage
	}
	next := ""
	if limit = min(limit, MaxIdentities); len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		next = base64.RawURLEncoding.EncodeToString([]byte(key(last) + "\x00" + last.ID))
	}
	out := make([]Identity, len(found))
	for n, i := range found {
		out[n] = clone(i)
	}
	return out, next, nil
}

func (q Query) fits(i Identity) bool {
	return (q.Kind == "" || i.Kind == q.Kind) && (q.Country == "" || strings.EqualFold(i.Country, q.Country)) && (q.Type == "" || i.Type == q.Type) &&
		(q.Status == "" || i.Status == q.Status) && (q.Capability == "" || i.Can(q.Capability)) &&
		(q.Text == "" || strings.Contains(strings.ToLower(i.Value), strings.ToLower(q.Text)) || strings.Contains(i.ID, q.Text))
}

func sortKey(sort string) (key func(Identity) string, back bool, err error) {
	sort, back = strings.CutPrefix(sort, "-")
	switch sort {
	case "", "id":
		return func(Identity) string { return "" }, back, nil
	case "value":
		return func(i Identity) string { return i.Value }, back, nil
	case "country":
		return func(i Identity) string { return i.Country }, back, nil
	case "type":
		return func(i Identity) string { return string(i.Type) }, back, nil
	case "status":
		return func(i Identity) string { return string(i.Status) }, back, nil
	case "created":
		return func(i Identity) string { return i.CreatedAt.UTC().Format(timeForm) }, back, nil
	}
	return nil, false, fault.Invalidf("sort", "sort must be id, value, country, type, status or created, with a leading - for the other direction.")
}

func openCursor(after string) (key, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(after)
	if err != nil || len(raw) > maxText {
		return "", "", fault.Invalidf("after", "The cursor is not one of ours.")
	}
	key, id, ok := strings.Cut(string(raw), "\x00")
	if !ok {
		return "", "", fault.Invalidf("after", "The cursor is not one of ours.")
	}
	return key, id, nil
}
