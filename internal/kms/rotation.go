package kms

import (
	"context"
	"errors"
	"slices"
	"time"

	"countersign/internal/fault"
)

const (
	// maxVersions bounds the versions of a key's material, maxOnDemand those made on demand (KMS quotas).
	maxVersions = 1000
	maxOnDemand = 25
	// minDays, maxDays and defaultDays are the period of automatic rotation (KMS API reference, EnableKeyRotation).
	minDays, maxDays, defaultDays = 90, 2560, 365
)

// rotates returns nil if the key may be rotated.
func (r *record) rotates() error {
	if !r.symmetric() {
		return fault.New(fault.UnsupportedOperation).WithField(r.arn).WithPublic("Asymmetric keys cannot be rotated.")
	}
	return r.usable()
}

// SetRotation turns automatic rotation on or off. days is the period; 0 means 365.
func (s *Service) SetRotation(ctx context.Context, c Caller, name string, on bool, days int) error {
	action := "DisableKeyRotation"
	if on {
		action = "EnableKeyRotation"
	}
	if days == 0 {
		days = defaultDays
	}
	if on && (days < minDays || days > maxDays) {
		return fault.Invalidf("RotationPeriodInDays", "RotationPeriodInDays must be between %d and %d.", minDays, maxDays)
	}
	_, err := s.change(ctx, c, name, action, func(r *record, n *change) error {
		switch {
		case !on:
			n.doc.Days, n.doc.NextAt = 0, time.Time{}
		case n.doc.Days != days:
			n.doc.Days, n.doc.NextAt = days, s.now().AddDate(0, 0, days)
		}
		return r.rotates()
	})
	return err
}

// Rotation returns a key's automatic rotation.
func (s *Service) Rotation(ctx context.Context, c Caller, name string) (Rotation, error) {
	r, err := s.authorized(ctx, c, name, "GetKeyRotationStatus")
	if err != nil {
		return Rotation{}, err
	}
	if !r.symmetric() {
		return Rotation{}, r.rotates()
	}
	return Rotation{On: r.doc.Days > 0, Days: r.doc.Days, NextAt: r.doc.NextAt}, nil
}

// Rotate gives the key new material, which encrypts from then on. What was encrypted before stays readable.
func (s *Service) Rotate(ctx context.Context, c Caller, name string) error {
	_, err := s.change(ctx, c, name, "RotateKeyOnDemand", func(r *record, n *change) error {
		if err := r.rotates(); err != nil {
			return err
		}
		made := 0
		for _, v := range r.doc.Versions {
			if v.Kind == OnDemand {
				made++
			}
		}
		if made >= maxOnDemand || len(r.doc.Versions) >= maxVersions {
			return fault.New(fault.TooMany).WithPublic("A key is rotated on demand %d times at most.", maxOnDemand)
		}
		s.addVersion(r, n, OnDemand)
		return nil
	})
	return err
}

func (s *Service) addVersion(r *record, n *change, kind string) {
	v := version{ID: materialID(), At: s.now(), Kind: kind}
	n.doc.Versions = append(n.doc.Versions, v)
	n.material = append(slices.Clone(r.material), randomBytes(materialSize)...)
	n.event["kind"], n.event["version"] = kind, len(n.doc.Versions)
}

// rotate makes the automatic rotation that is due and returns the key after it, whoever made it.
func (s *Service) rotate(ctx context.Context, r *record) (*record, error) {
	for range tries {
		next, err := s.apply(ctx, Caller{}, r, "RotateKey", func(r *record, n *change) error {
			s.addVersion(r, n, Automatic)
			n.doc.NextAt = s.now().AddDate(0, 0, n.doc.Days)
			return nil
		})
		if !errors.Is(err, errChanged) {
			return next, err
		}
		if r, err = s.load(ctx, r.row.ID); err != nil || !r.due(s.now()) {
			return r, err
		}
	}
	return nil, errChanged
}

// Rotations returns the rotations that happened, the oldest first.
func (s *Service) Rotations(ctx context.Context, c Caller, name string) ([]Rotated, error) {
	r, err := s.authorized(ctx, c, name, "ListKeyRotations")
	if err != nil {
		return nil, err
	}
	if !r.symmetric() {
		return nil, r.rotates()
	}
	var out []Rotated
	for _, v := range r.doc.Versions[1:] {
		out = append(out, Rotated{v.At, v.Kind, v.ID})
	}
	return out, nil
}
