package canary

import (
	"context"
	"crypto/subtle"
)

// Check says what Put would refuse of a canary whatever the version, and whether its phone is another one than now; an empty one stays. Nothing is
// written. Errors: InvalidParameter with the field's name.
func (s *Service) Check(ctx context.Context, poolID string, c Canary) (moved bool, err error) {
	x, err := s.read(ctx, poolID, true)
	if err != nil {
		return false, err
	}
	if err := c.check(x.find(c.Name)); err != nil {
		return false, err
	}
	return c.To != "" && subtle.ConstantTimeCompare([]byte(c.To), []byte(x.numbers[c.Name])) == 0, nil
}
