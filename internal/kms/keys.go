package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/policy"
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

// Create makes a key. The errors are fault.InvalidParameter, fault.UnsupportedOperation for what is not made here, by name, and
// fault.PolicyMalformed.
func (s *Service) Create(ctx context.Context, c Caller, n NewKey) (*Key, error) {
	if c.Function != "" {
		return nil, fault.New(fault.AccessDenied).WithHint("functions may call Decrypt alone")
	}
	if c.Region == "" {
		return nil, fault.Invalidf("Region", "The region is missing.")
	}
	d, material, err := newDocument(&n, s.now())
	if err != nil {
		return nil, err
	}
	defer clear(material)
	row := &store.KMSKey{ID: uuid.NewString(), Region: c.Region, CreatedAt: s.now(), UpdatedAt: s.now(), Version: 1}
	r := &record{row: row, doc: d, arn: s.keyARN(row.Region, row.ID)}
	if d.Policy == "" {
		d.Policy = s.defaultPolicy()
	}
	if err := s.judgePolicy(c, r, d.Policy, n.BypassPolicyCheck); err != nil {
		return nil, err
	}
	if row.Doc, err = json.Marshal(d); err != nil {
		return nil, fault.Internalf("kms: %w", err)
	}
	if row.Sealed, err = s.c.Keyring.SealRecord(ctx, keyring.Deployment, table, row.ID, column, material); err != nil {
		return nil, stored(err)
	}
	ev := s.event(c, "CreateKey", r.arn, row.CreatedAt, map[string]any{"spec": d.Spec})
	if err := s.write(ctx, ev, func(tx store.Tx) error { return tx.KMS().InsertKMSKey(ctx, row) }); err != nil {
		return nil, err
	}
	return r.key(), nil
}

// newDocument judges a request and makes the document and the material of a new key.
func newDocument(n *NewKey, now time.Time) (*document, []byte, error) {
	d := &document{Description: n.Description, State: Enabled, Usage: n.Usage, Spec: n.Spec, Policy: n.Policy}
	if d.Usage == "" {
		d.Usage = EncryptDecrypt
	}
	if d.Spec == "" {
		d.Spec = SymmetricDefault
	}
	if err := judgeDescription(d.Description); err != nil {
		return nil, nil, err
	}
	if n.Origin != "" && n.Origin != OriginHere {
		return nil, nil, fault.New(fault.UnsupportedOperation).WithPublic("Keys of origin %s are not supported: material is made here (AWS_KMS)", short(n.Origin))
	}
	var err error
	if d.Tags, err = addTags(nil, n.Tags); err != nil {
		return nil, nil, err
	}
	material, err := newMaterial(d)
	return d, material, err
}

// newMaterial makes the first material of a key.
func newMaterial(d *document) ([]byte, error) {
	switch {
	case d.Spec == SymmetricDefault && d.Usage == EncryptDecrypt:
		d.Versions = []version{{ID: materialID()}}
		return randomBytes(materialSize), nil
	case d.Spec == SymmetricDefault && d.Usage == SignVerify:
		return nil, fault.Invalidf("KeyUsage", "KeyUsage %s is not compatible with KeySpec %s.", d.Usage, d.Spec)
	case d.Usage == SignVerify:
		return newPrivate(d.Spec)
	case (d.Spec == RSA2048 || d.Spec == P256) && d.Usage == EncryptDecrypt:
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("Asymmetric keys that encrypt are not supported: KeySpec %s goes with KeyUsage %s", d.Spec, SignVerify)
	}
	return nil, fault.New(fault.UnsupportedOperation).WithPublic("KeySpec %s with KeyUsage %s is not supported", short(d.Spec), short(d.Usage))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func materialID() string { return hex.EncodeToString(randomBytes(32)) }

// short bounds a word of the caller in an error.
func short(s string) string {
	if len(s) > 64 || !utf8.ValidString(s) {
		return "of this name"
	}
	return s
}

func judgeDescription(text string) error {
	if len(text) > maxDescription || !utf8.ValidString(text) {
		return fault.Invalidf("Description", "Description must have at most %d bytes of UTF-8.", maxDescription)
	}
	return nil
}

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

// Policy returns the key's policy as it was put.
func (s *Service) Policy(ctx context.Context, c Caller, name string) (string, error) {
	r, err := s.authorized(ctx, c, name, "GetKeyPolicy")
	if err != nil {
		return "", err
	}
	return r.doc.Policy, nil
}

// PutPolicy replaces the key's policy. One that would not let the caller put another is refused unless bypass is set.
func (s *Service) PutPolicy(ctx context.Context, c Caller, name, text string, bypass bool) error {
	_, err := s.change(ctx, c, name, "PutKeyPolicy", func(r *record, n *change) error {
		n.doc.Policy = text
		return s.judgePolicy(c, r, text, bypass)
	})
	return err
}

// judgePolicy reads a policy and refuses one that locks the caller out (KMS API reference, BypassPolicyLockoutSafetyCheck).
func (s *Service) judgePolicy(c Caller, r *record, text string, bypass bool) error {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return fault.New(fault.PolicyMalformed).WithPublic("The policy is not valid: %v.", err)
	}
	with := *r
	with.policy = p
	if !bypass && s.decide(c, &with, "PutKeyPolicy", nil) != policy.Allow {
		return fault.New(fault.PolicyMalformed).
			WithPublic("The new key policy will not allow you to update the key policy in the future.").
			WithHint("keep the statement that allows kms:* to %s", s.root())
	}
	return nil
}

// defaultPolicy leaves the key to the account (KMS developer guide, "Default key policy").
func (s *Service) defaultPolicy() string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "` + s.root() + `"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

// change is what is to become of a key.
type change struct {
	doc      *document
	deleteAt time.Time
	// material replaces the material, if set.
	material []byte
	// also runs in the transaction, if set.
	also func(tx store.Tx) error
	// event is added to the event's data.
	event map[string]any
}

var errChanged = errors.New("kms: the key was changed meanwhile")

// change asks whether the caller may act, lets f decide what becomes of the key, and writes it; anew if the key changed meanwhile.
func (s *Service) change(ctx context.Context, c Caller, name, action string, f func(r *record, n *change) error) (*Key, error) {
	for range tries {
		r, err := s.find(ctx, c.Region, name)
		if err != nil {
			return nil, err
		}
		if r, err = s.load(ctx, r.row.ID); err != nil {
			return nil, err
		}
		if err := s.may(ctx, c, r, action, nil); err != nil {
			return nil, err
		}
		next, err := s.apply(ctx, c, r, action, f)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return next.key(), nil
	}
	return nil, fault.New(fault.ConcurrentModification)
}

// apply makes one change of a key that was just read. The error is errChanged if somebody else was faster.
func (s *Service) apply(ctx context.Context, c Caller, r *record, action string, f func(r *record, n *change) error) (*record, error) {
	n := &change{doc: r.doc.clone(), deleteAt: r.row.DeleteAt, event: map[string]any{}}
	if err := f(r, n); err != nil {
		return nil, err
	}
	row := *r.row
	row.DeleteAt, row.UpdatedAt = n.deleteAt, s.now()
	var err error
	if row.Doc, err = json.Marshal(n.doc); err != nil {
		return nil, fault.Internalf("kms: %w", err)
	}
	if n.material != nil {
		if row.Sealed, err = s.c.Keyring.SealRecord(ctx, keyring.Deployment, table, row.ID, column, n.material); err != nil {
			return nil, stored(err)
		}
	}
	err = s.write(ctx, s.event(c, action, r.arn, row.UpdatedAt, n.event), func(tx store.Tx) error {
		ok, err := tx.KMS().UpdateKMSKey(ctx, &row)
		if err == nil && !ok {
			err = errChanged
		}
		if err != nil || n.also == nil {
			return err
		}
		return n.also(tx)
	})
	s.forget(row.ID)
	if err != nil {
		return nil, err
	}
	row.Version++
	next := *r
	next.row, next.doc = &row, n.doc
	if n.material != nil {
		next.material = n.material
	}
	return &next, nil
}
