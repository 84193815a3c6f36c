package kms

import (
	"context"
	"slices"
	"strings"

	"countersign/envelope"
	"countersign/internal/fault"
	"countersign/internal/policy"
)

// cognito is the principal that user pools use keys as.
const cognito = "cognito-idp.amazonaws.com"

// Usable returns nil if user pools may seal codes under a key on behalf of the pool: it is there, symmetric, enabled, and
//
//   - no Deny of its policy speaks against it;
//   - if an Allow of the policy, or a grant, names Cognito, one of them covers this pool: by its conditions on aws:SourceArn,
//     aws:SourceAccount or the encryption context. Then the statement for the account's root does not count: who names pools
//     means these alone;
//   - else the policy lets the account use the key, as the usual one does.
//
// Cognito may be allowed GenerateDataKey, or CreateGrant as Amazon's guide has it. The errors are those of trigger.Keys.
func (s *Service) Usable(ctx context.Context, keyARN, poolARN string) error {
	r, err := s.forPools(ctx, keyARN)
	if err != nil {
		return err
	}
	return s.serves(r, poolARN)
}

// forPools returns a key that can seal codes.
func (s *Service) forPools(ctx context.Context, keyARN string) (*record, error) {
	r, err := s.find(ctx, "", keyARN)
	if err != nil {
		return nil, fault.Of(err).WithHint("make a key and give its ARN to the pool: aws kms create-key")
	}
	return r, r.encrypts()
}

// serves returns nil if Cognito may use the key for the pool.
func (s *Service) serves(r *record, poolARN string) error {
	p := strings.SplitN(poolARN, ":", 6)
	if len(p) != 6 || !strings.HasPrefix(p[5], "userpool/") {
		return fault.Internalf("kms: %q is not the ARN of a pool", poolARN)
	}
	pool := strings.TrimPrefix(p[5], "userpool/")
	ec := map[string]string{poolContext: pool}
	keys := r.conditions(ec)
	keys["aws:sourcearn"], keys["aws:sourceaccount"], keys["kms:viaservice"] = poolARN, p[4], "cognito-idp."+p[3]+".amazonaws.com"
	denied := fault.New(fault.AccessDenied).WithPublic("%s is not authorized to use %s for %s", cognito, r.arn, poolARN)
	if p[4] != s.c.Account {
		return denied
	}
	named := r.policy.Names(cognito)
	lent := false
	for _, g := range r.grants {
		if g.Grantee == cognito {
			named = true
			lent = lent || (g.SourceARN == "" || g.SourceARN == poolARN) && g.allows("GenerateDataKey", ec)
		}
	}
	switch s.poolDecision(r, keys, named) {
	case policy.Allow:
		return nil
	case policy.Deny:
		return denied.WithHint("a Deny of the key's policy says so: aws kms get-key-policy --key-id %s", r.arn)
	}
	if lent {
		return nil
	}
	return denied.WithHint("aws kms create-grant --key-id %s --grantee-principal %s --operations GenerateDataKey --constraints EncryptionContextSubset={%s=%s}",
		r.arn, cognito, poolContext, pool)
}

// poolDecision is what the key's policy says to Cognito, and to the account unless Cognito is named.
func (s *Service) poolDecision(r *record, keys map[string]string, named bool) policy.Decision {
	service := policy.Request{Service: cognito, Resource: r.arn, Keys: withKeys(keys, "aws:principalisawsservice", "true", "aws:principalservicename", cognito)}
	account := policy.Request{Principal: s.root(), Resource: r.arn, Keys: withKeys(keys, "aws:principalarn", s.root(), "aws:principalaccount", s.c.Account, "kms:calleraccount", s.c.Account)}
	var all []policy.Decision
	for _, action := range []string{"kms:GenerateDataKey", "kms:CreateGrant"} {
		service.Action, account.Action = action, action
		ofService, ofAccount := r.policy.Decide(service), r.policy.Decide(account)
		if action == "kms:GenerateDataKey" && (ofService == policy.Deny || ofAccount == policy.Deny) {
			return policy.Deny
		}
		if all = append(all, ofService); !named {
			all = append(all, ofAccount)
		}
	}
	if slices.Contains(all, policy.Allow) {
		return policy.Allow
	}
	return policy.None
}

func withKeys(keys map[string]string, more ...string) map[string]string {
	out := make(map[string]string, len(keys)+len(more)/2)
	for k, v := range keys {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// Keyring returns the envelope keyring of a key: for codes that the server seals itself. Its data keys have the provider "aws-kms"
// and the key's ARN. Generate asks Usable for the pool that the encryption context names as userpool-id.
func (s *Service) Keyring(keyARN string) envelope.Keyring {
	return &envelope.KMSKeyring{Service: own{s}, Generator: keyARN}
}

// own is the service as the server itself uses it: no caller is asked about.
type own struct{ s *Service }

var _ envelope.KMS = own{}

// GenerateDataKey implements envelope.KMS.
func (o own) GenerateDataKey(ctx context.Context, keyARN string, ec envelope.Context) (plaintext, blob []byte, arn string, err error) {
	bound, err := canonical(ec)
	if err != nil {
		return nil, nil, "", err
	}
	pool := ec[poolContext]
	if !poolForm.MatchString(pool) {
		return nil, nil, "", fault.New(fault.AccessDenied).WithHint("the encryption context must name the user pool as %s", poolContext)
	}
	r, err := o.s.forPools(ctx, keyARN)
	if err != nil {
		return nil, nil, "", err
	}
	region, _, _ := strings.Cut(pool, "_")
	if err := o.s.serves(r, "arn:aws:cognito-idp:"+region+":"+o.s.c.Account+":userpool/"+pool); err != nil {
		return nil, nil, "", err
	}
	plaintext = randomBytes(materialSize)
	sealed, err := r.seal(plaintext, bound)
	if err != nil {
		return nil, nil, "", err
	}
	return plaintext, sealed.Blob, sealed.KeyARN, nil
}

// Decrypt implements envelope.KMS.
func (o own) Decrypt(ctx context.Context, keyARN string, blob []byte, ec envelope.Context) (plaintext []byte, arn string, err error) {
	bound, err := canonical(ec)
	if err != nil {
		return nil, "", err
	}
	h, err := parseBlob(blob)
	if err != nil {
		return nil, "", fault.New(fault.CiphertextInvalid)
	}
	r, err := o.s.find(ctx, "", keyARN)
	if err != nil {
		return nil, "", err
	}
	opened, err := r.open(&h, bound)
	return opened.Plaintext, opened.KeyARN, err
}
