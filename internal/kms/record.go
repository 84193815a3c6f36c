package kms

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/policy"
	"countersign/internal/store"
)

// document is what a row keeps in clear.
type document struct {
	Description string `json:"description,omitempty"`
	State       string `json:"state"`
	Usage       string `json:"usage"`
	Spec        string `json:"spec"`
	Policy      string `json:"policy"`
	Tags        []Tag  `json:"tags,omitempty"`
	// Versions are those of the material, from 1.
	Versions []version `json:"versions"`
	// Days is the period of automatic rotation, 0 if it is off; NextAt is when it is due.
	Days   int       `json:"days,omitempty"`
	NextAt time.Time `json:"next_at,omitzero"`
}

// version describes one version of the material. Kind is empty for the first.
type version struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind,omitempty"`
}

// record is a key as it was read. It is not changed after that.
type record struct {
	row    *store.KMSKey
	doc    *document
	arn    string
	policy *policy.Policy
	grants []*Grant
	// material holds the versions of a symmetric key, one after another; the PKCS #8 form of the private key of others.
	material []byte
	private  privateKey
}

// The place that material is sealed for.
const (
	table  = "kms_keys"
	column = "sealed"
)

// load reads a key. The error is fault.ResourceNotFound for a key that is not there or whose time has come.
func (s *Service) load(ctx context.Context, id string) (*record, error) {
	var row *store.KMSKey
	var grants []*store.KMSGrant
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		if row, err = tx.KMS().KMSKey(ctx, id); err != nil {
			return err
		}
		grants, err = tx.KMS().KMSGrants(ctx, id, "", maxGrants)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && !row.DeleteAt.IsZero() && !row.DeleteAt.After(s.now()) {
		return nil, unknown(id)
	}
	if err != nil {
		return nil, stored(err)
	}
	return s.record(ctx, row, grants)
}

func (s *Service) record(ctx context.Context, row *store.KMSKey, grants []*store.KMSGrant) (*record, error) {
	r := &record{row: row, doc: &document{}, arn: s.keyARN(row.Region, row.ID)}
	if err := json.Unmarshal(row.Doc, r.doc); err != nil {
		return nil, fault.Internalf("kms: document of key %s: %w", row.ID, err)
	}
	var err error
	if r.policy, err = policy.Parse([]byte(r.doc.Policy)); err != nil {
		return nil, fault.Internalf("kms: policy of key %s: %w", row.ID, err)
	}
	if r.material, err = s.c.Keyring.OpenRecord(ctx, keyring.Deployment, table, row.ID, column, row.Sealed); err != nil {
		return nil, fault.Internalf("kms: material of key %s: %w", row.ID, err)
	}
	if !r.symmetric() {
		if r.private, err = parsePrivate(r.material); err != nil {
			return nil, fault.Internalf("kms: material of key %s: %w", row.ID, err)
		}
	} else if len(r.material) != materialSize*len(r.doc.Versions) || len(r.material) == 0 {
		return nil, fault.Internalf("kms: material of key %s has %d bytes for %d versions", row.ID, len(r.material), len(r.doc.Versions))
	}
	for _, g := range grants {
		grant, err := s.grant(r.arn, g)
		if err != nil {
			return nil, err
		}
		r.grants = append(r.grants, grant)
	}
	return r, nil
}

func (r *record) symmetric() bool { return r.doc.Spec == SymmetricDefault }

// key describes r.
func (r *record) key() *Key {
	k := &Key{
		ID: r.row.ID, ARN: r.arn, Region: r.row.Region, State: r.doc.State, Usage: r.doc.Usage, Spec: r.doc.Spec, Origin: OriginHere,
		Description: r.doc.Description, CreatedAt: r.row.CreatedAt, DeleteAt: r.row.DeleteAt,
	}
	if r.symmetric() {
		k.MaterialID = r.doc.Versions[len(r.doc.Versions)-1].ID
	}
	return k
}

// current returns the number and the material of the version that encrypts.
func (r *record) current() (uint32, []byte) {
	n := uint32(len(r.doc.Versions))
	return n, r.version(n)
}

// version returns the material of version n, nil if there is none.
func (r *record) version(n uint32) []byte {
	if n < 1 || int64(n) > int64(len(r.doc.Versions)) {
		return nil
	}
	return r.material[(n-1)*materialSize : n*materialSize : n*materialSize]
}

// due reports whether an automatic rotation is due.
func (r *record) due(now time.Time) bool {
	return r.doc.Days > 0 && r.doc.State == Enabled && !r.doc.NextAt.After(now) && len(r.doc.Versions) < maxVersions
}

// usable returns nil if the key may be used for something now. The errors are those of KMS's table "Key states".
func (r *record) usable() error {
	switch r.doc.State {
	case Disabled:
		return fault.New(fault.KeyDisabled).WithField(r.arn).WithHint("aws kms enable-key --key-id %s", r.arn)
	case PendingDeletion:
		return fault.New(fault.KeyStateInvalid).WithField(r.arn).
			WithHint("aws kms cancel-key-deletion --key-id %s && aws kms enable-key --key-id %s", r.arn, r.arn)
	}
	return nil
}

// encrypts returns nil if the key may encrypt and decrypt now.
func (r *record) encrypts() error {
	if r.doc.Usage != EncryptDecrypt {
		return fault.New(fault.KeyUsageWrong).WithField(r.arn).WithPublic("%s key usage is %s which is not valid for this operation.", r.arn, r.doc.Usage).
			WithHint("make a symmetric key: aws kms create-key")
	}
	return r.usable()
}

// clone returns a copy of the document that may be changed.
func (d *document) clone() *document {
	c := *d
	c.Tags, c.Versions = slices.Clone(d.Tags), slices.Clone(d.Versions)
	return &c
}
