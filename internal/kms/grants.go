package kms

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/form"
	"countersign/internal/keyring"
	"countersign/internal/policy"
	"countersign/internal/store"
)

const (
	// maxGrants bounds the grants of a key: they are read with it.
	maxGrants = 1000
	// maxToken is the length of the longest token taken (KMS API reference, GrantTokenType).
	maxToken = 8192
	// tokenAudience binds tokens to their use.
	tokenAudience = "kms_grant"
	// maxConstraint bounds a constraint's context in its canonical form.
	maxConstraint = 4096

	actionDecrypt     = "Decrypt"
	actionRetireGrant = "RetireGrant"
)

var (
	nameForm    = form.New(`^[a-zA-Z0-9:/_-]{0,256}$`)
	granteeForm = form.New(`^(arn:aws:(iam|sts)::[0-9]{12}:[\w+=,.@:/-]{1,200}|[0-9]{12}|[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com)$`)
	sourceForm  = form.New(`^arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:[\w+=,.@:/-]{1,200}$`)
)

// What grants may allow, by the usage of the key.
var (
	encryptOperations = []string{
		actionDecrypt, "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "DescribeKey", actionRetireGrant,
	}
	signOperations = []string{"Sign", "Verify", "GetPublicKey", "DescribeKey", actionRetireGrant}
)

// grantDocument is what a row keeps.
type grantDocument struct {
	Name       string            `json:"name,omitempty"`
	Grantee    string            `json:"grantee"`
	Operations []string          `json:"operations"`
	Subset     map[string]string `json:"subset,omitempty"`
	Equals     map[string]string `json:"equals,omitempty"`
	SourceARN  string            `json:"source_arn,omitempty"`
}

func (s *Service) grant(keyARN string, row *store.KMSGrant) (*Grant, error) {
	var d grantDocument
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return nil, fault.Internalf("kms: grant %s: %w", row.ID, err)
	}
	return &Grant{
		NewGrant: NewGrant{
			Name: d.Name, Grantee: d.Grantee, Retiring: row.Retiring, Operations: d.Operations, ContextSubset: d.Subset, ContextEquals: d.Equals,
			SourceARN: d.SourceARN,
		},
		ID: row.ID, KeyARN: keyARN, CreatedAt: row.CreatedAt,
	}, nil
}

func (g *NewGrant) judge(r *record) error {
	known := encryptOperations
	if r.doc.Usage != EncryptDecrypt {
		known = signOperations
	}
	switch {
	case !granteeForm.MatchString(g.Grantee):
		return fault.Invalidf("GranteePrincipal", "GranteePrincipal must be the ARN of a principal, or a service.")
	case g.Retiring != "" && !granteeForm.MatchString(g.Retiring):
		return fault.Invalidf("RetiringPrincipal", "RetiringPrincipal must be the ARN of a principal.")
	case !nameForm.MatchString(g.Name):
		return fault.Invalidf("Name", "Name has up to 256 letters, digits, colons, slashes, underscores and hyphens.")
	case len(g.Operations) == 0 || len(g.Operations) > len(known):
		return fault.Invalidf("Operations", "Operations must name at least one operation, and each of them once.")
	case len(g.ContextSubset) > 0 && len(g.ContextEquals) > 0:
		return fault.Invalidf("Constraints", "EncryptionContextSubset and EncryptionContextEquals exclude each other.")
	case g.SourceARN != "" && (!sourceForm.MatchString(g.SourceARN) || isARN(g.Grantee)):
		return fault.Invalidf("Constraints", "SourceArn is the ARN of a resource, and for services alone.")
	}
	for i, op := range g.Operations {
		if !slices.Contains(known, op) || slices.Contains(g.Operations[:i], op) {
			return fault.Invalidf("Operations", "Grants of %s cannot allow %s, or name it twice. They may allow: %s.", r.arn, short(op), strings.Join(known, ", "))
		}
	}
	for _, ec := range []map[string]string{g.ContextSubset, g.ContextEquals} {
		if b, err := canonical(ec); err != nil || len(b) > maxConstraint {
			return fault.Invalidf("Constraints", "The constraint is longer than %d bytes.", maxConstraint)
		}
	}
	return nil
}

// CreateGrant lets a principal use a key. The same request again makes another grant, unless it has a name: then it returns the
// grant that is there.
func (s *Service) CreateGrant(ctx context.Context, c Caller, key string, g NewGrant) (id, token string, err error) {
	id = hex.EncodeToString(randomBytes(32))
	k, err := s.change(ctx, c, key, "CreateGrant", func(r *record, n *change) error {
		if err := g.judge(r); err != nil {
			return err
		}
		if err := r.usable(); err != nil {
			return err
		}
		if len(r.grants) >= maxGrants {
			return fault.New(fault.TooMany).WithPublic("A key has at most %d grants.", maxGrants)
		}
		doc, err := json.Marshal(grantDocument{g.Name, g.Grantee, g.Operations, g.ContextSubset, g.ContextEquals, g.SourceARN})
		if err != nil {
			return fault.Internalf("kms: %w", err)
		}
		if i := slices.IndexFunc(r.grants, func(o *Grant) bool { return g.Name != "" && o.NewGrant.same(&g) }); i >= 0 {
			id = r.grants[i].ID
			return nil
		}
		row := &store.KMSGrant{ID: id, KeyID: r.row.ID, Retiring: g.Retiring, Doc: doc, CreatedAt: s.now()}
		n.event["grant"], n.event["grantee"] = id, g.Grantee
		n.also = func(tx store.Tx) error { return tx.KMS().InsertKMSGrant(ctx, row) }
		return nil
	})
	if err != nil {
		return "", "", err
	}
	sealed, err := s.c.Keyring.SealToken(ctx, keyring.Deployment, tokenAudience, []byte(k.ARN+" "+id))
	if err != nil {
		return "", "", stored(err)
	}
	return id, base64.StdEncoding.EncodeToString(sealed), nil
}

func (g *NewGrant) same(o *NewGrant) bool {
	a, _ := json.Marshal(g)
	b, _ := json.Marshal(o)
	return string(a) == string(b)
}

// GrantOf returns the key's ARN and the grant's id that a token was made for, or fault.InvalidParameter (GrantToken).
func (s *Service) GrantOf(ctx context.Context, token string) (keyARN, id string, err error) {
	bad := fault.Invalidf("GrantToken", "Invalid grant token.")
	if len(token) > maxToken {
		return "", "", bad
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return "", "", bad
	}
	plain, err := s.c.Keyring.OpenToken(ctx, keyring.Deployment, tokenAudience, raw)
	if err != nil {
		return "", "", bad.WithErr(err)
	}
	keyARN, id, _ = strings.Cut(string(plain), " ")
	return keyARN, id, nil
}

// checkTokens refuses tokens that were not made here.
func (s *Service) checkTokens(ctx context.Context, c Caller) error {
	if len(c.GrantTokens) > maxTokens {
		return fault.Invalidf("GrantTokens", "A request has at most %d grant tokens.", maxTokens)
	}
	for _, t := range c.GrantTokens {
		if _, _, err := s.GrantOf(ctx, t); err != nil {
			return fault.Of(err).WithField("GrantTokens")
		}
	}
	return nil
}

// Grants returns up to limit grants of a key with an id after the given one, by id.
func (s *Service) Grants(ctx context.Context, key, after string, limit int) ([]*Grant, error) {
	r, err := s.find(ctx, "", key)
	if err != nil {
		return nil, err
	}
	return s.grants(ctx, min(limit, maxPage), func(tx store.Tx, limit int) ([]*store.KMSGrant, error) {
		return tx.KMS().KMSGrants(ctx, r.row.ID, after, limit)
	}, func(string) string { return r.arn })
}

// RevokeGrant ends a grant. The caller needs the key's permission for it.
func (s *Service) RevokeGrant(ctx context.Context, c Caller, key, id string) error {
	_, err := s.change(ctx, c, key, "RevokeGrant", func(r *record, n *change) error { return s.endGrant(ctx, r, n, id) })
	return err
}

// RetireGrant ends a grant, for the principal that may retire it, and for a grantee that is allowed RetireGrant by it.
func (s *Service) RetireGrant(ctx context.Context, c Caller, key, id string) error {
	for range tries {
		r, err := s.find(ctx, c.Region, key)
		if err != nil {
			return err
		}
		if r, err = s.load(ctx, r.row.ID); err != nil {
			return err
		}
		if err := s.mayRetire(ctx, c, r, id); err != nil {
			return err
		}
		_, err = s.apply(ctx, c, r, actionRetireGrant, func(r *record, n *change) error { return s.endGrant(ctx, r, n, id) })
		if err != errChanged {
			return err
		}
	}
	return fault.New(fault.ConcurrentModification)
}

func (s *Service) mayRetire(ctx context.Context, c Caller, r *record, id string) error {
	who := s.principal(c)
	for _, g := range r.grants {
		if g.ID == id && c.Function == "" && (g.Retiring == who || policy.SamePrincipal(g.Grantee, who) && slices.Contains(g.Operations, actionRetireGrant)) &&
			s.decide(c, r, actionRetireGrant, nil) != policy.Deny {
			return nil
		}
	}
	if c.Function == "" && s.decide(c, r, actionRetireGrant, nil) == policy.Allow {
		return nil
	}
	return s.denied(c, r, actionRetireGrant).WithHint("aws kms revoke-grant --key-id %s --grant-id %s", r.arn, short(id))
}

func (s *Service) endGrant(ctx context.Context, r *record, n *change, id string) error {
	if !slices.ContainsFunc(r.grants, func(g *Grant) bool { return g.ID == id }) {
		return fault.New(fault.ResourceNotFound).WithField("grant").WithPublic("Grant ID %s not found", short(id))
	}
	n.event["grant"] = id
	n.also = func(tx store.Tx) error {
		_, err := tx.KMS().DeleteKMSGrant(ctx, r.row.ID, id)
		return err
	}
	return nil
}

// RetirableGrants returns up to limit grants of a region's keys that a principal may retire, with an id after the given one, by id.
func (s *Service) RetirableGrants(ctx context.Context, region, principal, after string, limit int) ([]*Grant, error) {
	return s.grants(ctx, min(limit, maxPage), func(tx store.Tx, limit int) ([]*store.KMSGrant, error) {
		return tx.KMS().RetirableKMSGrants(ctx, region, principal, after, limit)
	}, func(keyID string) string { return s.keyARN(region, keyID) })
}

func (s *Service) grants(ctx context.Context, limit int, read func(store.Tx, int) ([]*store.KMSGrant, error), arn func(keyID string) string) ([]*Grant, error) {
	var rows []*store.KMSGrant
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = read(tx, limit)
		return err
	})
	if err != nil {
		return nil, stored(err)
	}
	out := make([]*Grant, len(rows))
	for i, row := range rows {
		if out[i], err = s.grant(arn(row.KeyID), row); err != nil {
			return nil, err
		}
	}
	return out, nil
}
