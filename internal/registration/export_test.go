package registration

import "context"

// Sweep is one look of Run.
func Sweep(ctx context.Context, s *Service) error { return s.sweep(ctx) }
