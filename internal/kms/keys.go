package kms

import (
	"context"
	"encoding/json"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

const (
	// maxDescription is in bytes (KMS API reference, DescriptionType).
	maxDescription = 8192
	// maxTags is how many tags a key may have (KMS quotas).
	maxTags = 50
	// maxPage bounds a page of keys, aliases and grants.
	maxPage = 1001
	// minWindow and maxWindow are how many days a key waits for its deletion (KMS API reference, ScheduleKeyDeletion).
	minWindow, maxWindow = 7, 30
)

// Resolve returns the key that an id, ARN, alias or alias ARN names in a region, fault.ResourceNotFound if there is none. It asks
// for no permission.
func (s *Service) Resolve(ctx context.Context, region, name string) (*Key, error) {
	r, err := s.find(ctx, region, name)
	if err != nil {
		return nil, err
	}
	return r.key(), nil
}

// Describe returns a key.
func (s *Service) Describe(ctx context.Context, c Caller, name string) (*Key, error) {
	r, err := s.authorized(ctx, c, name, "DescribeKey")
	if err != nil {
		return nil, err
	}
	return r.key(), nil
}

// authorized returns a key that the caller may do something with.
func (s *Service) authorized(ctx context.Context, c Caller, name, action string) (*record, error) {
	r, err := s.find(ctx, c.Region, name)
	if err != nil {
		return nil, err
	}
	return r, s.may(ctx, c, r, action, nil)
}

// ListKeys returns up to limit keys of a region with an id after the given one, by id.
func (s *Service) ListKeys(ctx context.Context, region, after string, limit int) ([]*Key, error) {
	var rows []*store.KMSKey
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.KMS().ListKMSKeys(ctx, region, after, min(limit, maxPage))
		return err
	})
	if err != nil {
		return nil, stored(err)
	}
	out := make([]*Key, len(rows))
	for i, row := range rows {
		r := &record{row: row, doc: &document{}, arn: s.keyARN(row.Region, row.ID)}
		if err := json.Unmarshal(row.Doc, r.doc); err != nil {
			return nil, fault.Internalf("kms: document of key %s: %w", row.ID, err)
		}
		out[i] = r.key()
	}
	return out, nil
}

// SetDescription replaces the description.
func (s *Service) SetDescription(ctx context.Context, c Caller, name, text string) error {
	if err := judgeDescription(text); err != nil {
		return err
	}
	_, err := s.change(ctx, c, name, "UpdateKeyDescription", func(r *record, n *change) error {
		n.doc.Description = text
		return r.notPending()
	})
	return err
}

// notPending returns fault.KeyStateInvalid for a key that waits for its deletion.
func (r *record) notPending() error {
	if r.doc.State != PendingDeletion {
		return nil
	}
	return r.usable()
}

// Enable lets the key be used again. Enabling an enabled key changes nothing.
func (s *Service) Enable(ctx context.Context, c Caller, name string) error {
	_, err := s.change(ctx, c, name, "EnableKey", func(r *record, n *change) error {
		n.doc.State = Enabled
		return r.notPending()
	})
	return err
}

// Disable stops all use of the key: on this node at once, on others within two seconds.
func (s *Service) Disable(ctx context.Context, c Caller, name string) error {
	_, err := s.change(ctx, c, name, "DisableKey", func(r *record, n *change) error {
		n.doc.State = Disabled
		return r.notPending()
	})
	return err
}

// ScheduleDeletion makes the key unusable, and gone after 7 to 30 days: then nothing sealed under it can be opened.
func (s *Service) ScheduleDeletion(ctx context.Context, c Caller, name string, days int) (*Key, error) {
	if days < minWindow || days > maxWindow {
		return nil, fault.Invalidf("PendingWindowInDays", "PendingWindowInDays must be between %d and %d.", minWindow, maxWindow)
	}
	return s.change(ctx, c, name, "ScheduleKeyDeletion", func(r *record, n *change) error {
		n.doc.State, n.deleteAt = PendingDeletion, s.now().AddDate(0, 0, days)
		n.event["delete_at"] = n.deleteAt
		return r.notPending()
	})
}

// CancelDeletion leaves the key disabled.
func (s *Service) CancelDeletion(ctx context.Context, c Caller, name string) (*Key, error) {
	return s.change(ctx, c, name, "CancelKeyDeletion", func(r *record, n *change) error {
		n.doc.State, n.deleteAt = Disabled, time.Time{}
		if r.doc.State != PendingDeletion {
			return fault.New(fault.KeyStateInvalid).WithField(r.arn).WithPublic("%s is not pending deletion.", r.arn)
		}
		return nil
	})
}
