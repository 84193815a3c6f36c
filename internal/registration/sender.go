package registration

import "context"

// SenderID returns the id of the approved registration that a sender has in a country, of the pool or of all pools. ok is false if there is none. The only
// errors are the store's.
func (s *Service) SenderID(ctx context.Context, poolID, country, from string) (id string, ok bool, err error) {
	v, err := s.viewOf(ctx, poolID)
	if err != nil {
		return "", false, err
	}
	lines, _ := v.of(country)
	now := s.c.Now()
	for _, l := range lines {
		if l.Sender != "" && l.Sender == sender(from) && !l.broken && l.bad == nil && !l.over(now) {
			return l.ID, true, nil
		}
	}
	return "", false, nil
}
