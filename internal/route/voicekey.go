package route

import (
	"context"
	"slices"
)

// AsksKey reports whether a call may take the place of a text of this purpose, and would ask for a key: then whoever waits for the code must be
// shown one. A plan that cannot be read asks for none. Clients are not told apart: a key that nobody asks for does no harm.
func (s *Service) AsksKey(ctx context.Context, poolID, purpose, _ string) bool {
	v, err := s.pool(ctx, poolID)
	if err != nil {
		return false
	}
	p := v.plan
	if p == nil && s.static != nil {
		p = s.static.plan
	}
	return p != nil && p.Voice.Fallback && slices.Contains(p.Voice.purposes(), purpose)
}

// purposes are what a call may be made for.
func (v *Voice) purposes() []string {
	if len(v.Purposes) > 0 {
		return v.Purposes
	}
	return []string{SignIn, SignUp}
}
