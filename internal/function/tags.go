package function

import (
	"context"
	"maps"
	"slices"

	"countersign/internal/fault"
)

// Tag adds tags or replaces their values.
func (s *Service) Tag(ctx context.Context, ref Ref, tags map[string]string) error {
	if err := judgeTags(tags); err != nil {
		return err
	}
	_, err := s.change(ctx, ref.Unqualified(), "tag", func(_ context.Context, d *draft) error {
		all := maps.Clone(d.doc.Tags)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, tags)
		d.doc.Tags = all
		return judgeTags(all)
	})
	return err
}

// Untag removes tags; unknown keys are no error.
func (s *Service) Untag(ctx context.Context, ref Ref, keys []string) error {
	if len(keys) > maxTags {
		return fault.Invalidf("TagKeys", "At most %d keys can be removed at once.", maxTags)
	}
	_, err := s.change(ctx, ref.Unqualified(), "untag", func(_ context.Context, d *draft) error {
		maps.DeleteFunc(d.doc.Tags, func(k, _ string) bool { return slices.Contains(keys, k) })
		return nil
	})
	return err
}

// SetReserved sets the reserved concurrency, which bounds the calls of the function at work on each node; 0 stops it, nil lifts
// the bound.
func (s *Service) SetReserved(ctx context.Context, ref Ref, n *int) error {
	if n != nil && (*n < 0 || *n > 1000) {
		return fault.Invalidf("ReservedConcurrentExecutions", "ReservedConcurrentExecutions must be 0 to 1000.")
	}
	_, err := s.change(ctx, ref.Unqualified(), "reserve concurrency", func(_ context.Context, d *draft) error {
		d.doc.Reserved = nil
		if n != nil {
			c := *n
			d.doc.Reserved = &c
		}
		return nil
	})
	return err
}
