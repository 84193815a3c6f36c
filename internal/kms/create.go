package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

// Create makes a key. The errors are fault.InvalidParameter, fault.UnsupportedOperation for what is not made here, by name,
// fault.PolicyMalformed and fault.TooMany.
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
	if err := s.room(ctx, c.Region); err != nil {
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

// room refuses a key more than a region may have.
func (s *Service) room(ctx context.Context, region string) error {
	var n int64
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		n, err = tx.KMS().CountKMSKeys(ctx, region)
		return err
	})
	if err == nil && n >= int64(s.c.MaxKeys) {
		err = fault.New(fault.TooMany).WithPublic("The region has %d keys, which is as many as it may have.", n)
	}
	return stored(err)
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
