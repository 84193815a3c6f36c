package kms

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/internal/fault"
)

// addTags returns tags with more in their place, by key.
func addTags(tags, more []Tag) ([]Tag, error) {
	if len(more) > maxTags {
		return nil, tooManyTags()
	}
	out := slices.Clone(tags)
	for i, t := range more {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > 128 || utf8.RuneCountInString(t.Value) > 256 || !utf8.ValidString(t.Key+t.Value):
			return nil, fault.Invalidf("Tags", "A tag's key has 1 to 128 characters, its value up to 256.")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, fault.Invalidf("Tags", "Tag keys that begin with aws: are reserved.")
		case slices.ContainsFunc(more[:i], func(o Tag) bool { return o.Key == t.Key }):
			return nil, fault.Invalidf("Tags", "Duplicate tag keys found.")
		}
		out = slices.DeleteFunc(out, func(o Tag) bool { return o.Key == t.Key })
		out = append(out, t)
	}
	if len(out) > maxTags {
		return nil, tooManyTags()
	}
	slices.SortFunc(out, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func tooManyTags() error {
	return fault.New(fault.TooMany).WithPublic("A key has at most %d tags.", maxTags)
}

// Tag adds tags or replaces their values.
func (s *Service) Tag(ctx context.Context, c Caller, name string, tags []Tag) error {
	_, err := s.change(ctx, c, name, "TagResource", func(r *record, n *change) (err error) {
		if n.doc.Tags, err = addTags(n.doc.Tags, tags); err != nil {
			return err
		}
		return r.notPending()
	})
	return err
}

// Untag removes tags by key. Unknown keys are no error.
func (s *Service) Untag(ctx context.Context, c Caller, name string, keys []string) error {
	if len(keys) > maxTags {
		return tooManyTags()
	}
	_, err := s.change(ctx, c, name, "UntagResource", func(r *record, n *change) error {
		n.doc.Tags = slices.DeleteFunc(n.doc.Tags, func(t Tag) bool { return slices.Contains(keys, t.Key) })
		return r.notPending()
	})
	return err
}

// Tags returns a key's tags by key.
func (s *Service) Tags(ctx context.Context, c Caller, name string) ([]Tag, error) {
	r, err := s.authorized(ctx, c, name, "ListResourceTags")
	if err != nil {
		return nil, err
	}
	return slices.Clone(r.doc.Tags), nil
}
