package kms

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/form"
	"countersign/internal/policy"
)

const (
	// poolContext is the entry of the encryption context that names the pool (Cognito developer guide, custom senders).
	poolContext = "userpool-id"
	// maxTokens is how many grant tokens a call may carry (KMS API reference, GrantTokens).
	maxTokens = 10
)

// poolForm is the form of a pool's id (Cognito API reference, UserPoolIdType).
var poolForm = form.New(`^[a-z0-9-]{1,40}_[0-9a-zA-Z]{1,40}$`)

// root is the principal that stands for the whole account.
func (s *Service) root() string { return "arn:aws:iam::" + s.c.Account + ":root" }

func (s *Service) principal(c Caller) string {
	if c.ARN == "" {
		return s.root()
	}
	return c.ARN
}

// conditions are the condition keys that every request about a key has.
func (r *record) conditions(ec map[string]string) map[string]string {
	keys := map[string]string{"kms:keyspec": r.doc.Spec, "kms:keyusage": r.doc.Usage, "kms:keyorigin": OriginHere}
	for k, v := range ec {
		keys[policy.NormalKey("kms:EncryptionContext:"+k)] = v
	}
	return keys
}

// decide asks the key's policy about a principal.
func (s *Service) decide(c Caller, r *record, action string, ec map[string]string) policy.Decision {
	keys := r.conditions(ec)
	who := s.principal(c)
	keys["aws:principalarn"] = who
	if p := strings.SplitN(who, ":", 6); len(p) == 6 {
		keys["aws:principalaccount"], keys["kms:calleraccount"] = p[4], p[4]
	}
	return r.policy.Decide(policy.Request{Principal: who, Action: "kms:" + action, Resource: r.arn, Keys: keys})
}

// may returns nil if the caller may do this with the key: its policy decides, then its grants. ec is the encryption context.
func (s *Service) may(ctx context.Context, c Caller, r *record, action string, ec map[string]string) error {
	if c.Function != "" {
		return s.functionMay(ctx, c, r, action, ec)
	}
	switch s.decide(c, r, action, ec) {
	case policy.Allow:
		return s.checkTokens(ctx, c)
	case policy.Deny:
		return s.denied(c, r, action).WithHint("a Deny of the key's policy says so: aws kms get-key-policy --key-id %s", r.arn)
	}
	if err := s.checkTokens(ctx, c); err != nil {
		return err
	}
	if r.granted(s.principal(c), action, ec) {
		return nil
	}
	return s.denied(c, r, action).WithHint("aws kms create-grant --key-id %s --grantee-principal %s --operations %s", r.arn, s.principal(c), action)
}

func (s *Service) denied(c Caller, r *record, action string) *fault.Error {
	return fault.New(fault.AccessDenied).WithPublic("User: %s is not authorized to perform: kms:%s on resource: %s", s.principal(c), action, r.arn)
}

// functionMay decides for a function with its own credentials: it opens the codes of the pools that call it, and nothing else.
func (s *Service) functionMay(ctx context.Context, c Caller, r *record, action string, ec map[string]string) error {
	denied := fault.New(fault.AccessDenied).WithPublic("Function %s is not authorized to perform: kms:%s on resource: %s", c.Function, action, r.arn)
	if action != actionDecrypt {
		return denied.WithHint("functions may call Decrypt alone; for more give this one an access key in its environment")
	}
	pool := ec[poolContext]
	if !poolForm.MatchString(pool) {
		return denied.WithHint("the encryption context must name the user pool as %s", poolContext)
	}
	if s.decide(c, r, action, ec) == policy.Deny {
		return denied.WithHint("a Deny of the key's policy says so: aws kms get-key-policy --key-id %s", r.arn)
	}
	ok, err := s.c.FunctionMay(ctx, c.Function, r.arn, pool)
	if err != nil {
		return stored(err)
	}
	if !ok {
		return denied.WithHint(`let the pool call this function with this key: aws cognito-idp update-user-pool --user-pool-id %s --lambda-config "CustomSMSSender={LambdaVersion=V1_0,LambdaArn=%s},KMSKeyID=%s"`,
			pool, c.Function, r.arn)
	}
	return nil
}

// Granted reports whether a grant of the key lends it to this very caller for the operation, spelled as grants do: one to the whole
// account leaves it to package access who may use the key. For RetireGrant the principals that may retire a grant count too. The error is fault.InvalidParameter (GrantTokens) for an invalid token.
func (s *Service) Granted(ctx context.Context, c Caller, key, operation string, ec map[string]string) (bool, error) {
	if c.Function != "" {
		return false, nil
	}
	r, err := s.find(ctx, c.Region, key)
	if err != nil {
		return false, err
	}
	if err := s.checkTokens(ctx, c); err != nil {
		return false, err
	}
	who := s.principal(c)
	if operation == actionRetireGrant && slices.ContainsFunc(r.grants, func(g *Grant) bool { return g.Retiring == who }) {
		return true, nil
	}
	lent := func(g *Grant) bool { return !s.wholeAccount(g.Grantee) && g.lends(who, operation, ec) }
	return slices.ContainsFunc(r.grants, lent), nil
}

// wholeAccount reports whether a grantee is everybody in the account.
func (s *Service) wholeAccount(grantee string) bool {
	return grantee == s.c.Account || grantee == s.root()
}

func (r *record) granted(principal, operation string, ec map[string]string) bool {
	return slices.ContainsFunc(r.grants, func(g *Grant) bool { return g.lends(principal, operation, ec) })
}

func (g *Grant) lends(principal, operation string, ec map[string]string) bool {
	return g.SourceARN == "" && policy.SamePrincipal(g.Grantee, principal) && g.allows(operation, ec)
}

func (g *Grant) allows(operation string, ec map[string]string) bool {
	if !slices.Contains(g.Operations, operation) {
		return false
	}
	if operation == actionRetireGrant || operation == "DescribeKey" {
		return true // constraints are about encryption contexts, which these have none of
	}
	for k, v := range g.ContextSubset {
		if got, ok := ec[k]; !ok || got != v {
			return false
		}
	}
	if g.ContextEquals != nil {
		if len(ec) != len(g.ContextEquals) {
			return false
		}
		for k, v := range g.ContextEquals {
			if got, ok := ec[k]; !ok || got != v {
				return false
			}
		}
	}
	return true
}
