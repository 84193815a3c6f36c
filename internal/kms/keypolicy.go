package kms

import (
	"context"

	"countersign/internal/fault"
	"countersign/internal/policy"
)

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
