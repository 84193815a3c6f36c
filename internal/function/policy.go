package function

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/form"
	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

const (
	// maxPolicy is the size of a resource policy in bytes (Lambda quotas), maxPolicies that of all policies of a function.
	maxPolicy   = 20 << 10
	maxPolicies = 256 << 10
	// invokeAction is what a trigger does.
	invokeAction = "lambda:InvokeFunction"
)

var (
	sidForm    = form.New(`^[a-zA-Z0-9_-]{1,100}$`)
	actionForm = form.New(`^(lambda:\*|lambda:[a-zA-Z]{1,64}|\*)$`)
	tokenForm  = form.New(`^[a-zA-Z0-9._-]{0,256}$`)
	orgForm    = form.New(`^(o-[a-z0-9]{10,32})?$`)
	sourceForm = form.New(`^arn:aws[a-zA-Z0-9-]*:[a-zA-Z0-9-]+:[a-z0-9*?-]*:([0-9]{12}|\*)?:.+$`)
	principals = form.New(`^([a-z0-9-]+(\.[a-z0-9-]+)+|[0-9]{12}|arn:aws[a-zA-Z-]*:(iam|sts)::[0-9]{12}:[^\s]+|\*)$`)
)

// resourcePolicy is a policy as it is kept. What it means is package policy's to say.
type resourcePolicy struct {
	Revision   string       `json:"revision"`
	Statements []Permission `json:"statements"`
}

func (p *Permission) judge() error {
	switch {
	case !sidForm.MatchString(p.StatementID):
		return fault.Invalidf("StatementId", "StatementId must have 1 to 100 letters, digits, hyphens and underscores.")
	case !actionForm.MatchString(p.Action):
		return fault.Invalidf("Action", "Action must be lambda:InvokeFunction, another action of lambda, lambda:* or *.")
	case len(p.Principal) > 2048 || !principals.MatchString(p.Principal):
		return fault.Invalidf("Principal", "The provided principal was invalid. Please check the principal and try again.")
	case p.SourceARN != "" && (len(p.SourceARN) > 2048 || !text(p.SourceARN) || !sourceForm.MatchString(p.SourceARN)):
		return fault.Invalidf("SourceArn", "SourceArn must be an ARN.")
	case p.SourceAccount != "" && !accountForm.MatchString(p.SourceAccount):
		return fault.Invalidf("SourceAccount", "SourceAccount must be the 12 digits of an account.")
	case !orgForm.MatchString(p.PrincipalOrgID):
		return fault.Invalidf("PrincipalOrgID", "PrincipalOrgID must begin with o-.")
	case !tokenForm.MatchString(p.EventSourceToken):
		return fault.Invalidf("EventSourceToken", "EventSourceToken must have at most 256 letters, digits, dots, hyphens and underscores.")
	case p.FunctionURLAuthType != "" && p.FunctionURLAuthType != "NONE" && p.FunctionURLAuthType != "AWS_IAM":
		return fault.Invalidf("FunctionUrlAuthType", "FunctionUrlAuthType must be NONE or AWS_IAM.")
	}
	return nil
}

// service reports whether the principal is a service's.
func (p *Permission) service() bool {
	return strings.Contains(p.Principal, ".") && !strings.HasPrefix(p.Principal, "arn:")
}

// rule is p as package policy has it. arn is the resource.
func (p *Permission) rule(arn string) policy.Statement {
	out := policy.Statement{Sid: p.StatementID, Effect: policy.Allowing, Actions: []string{p.Action}, Resources: []string{arn}}
	switch {
	case p.Principal == "*":
		out.Everybody = true
	case p.service():
		out.Services = []string{p.Principal}
	case accountForm.MatchString(p.Principal):
		out.AWS = []string{"arn:aws:iam::" + p.Principal + ":root"}
	default:
		out.AWS = []string{p.Principal}
	}
	add := func(operator, key, value string) {
		if value != "" {
			out.Conditions = append(out.Conditions, policy.Condition{Operator: operator, Key: key, Values: []string{value}})
		}
	}
	add("StringEquals", "AWS:SourceAccount", p.SourceAccount)
	add("StringEquals", "aws:PrincipalOrgID", p.PrincipalOrgID)
	add("StringEquals", "lambda:EventSourceToken", p.EventSourceToken)
	add("StringEquals", "lambda:FunctionUrlAuthType", p.FunctionURLAuthType)
	add("ArnLike", "AWS:SourceArn", p.SourceARN)
	if p.InvokedViaFunctionURL != nil {
		add("Bool", "lambda:InvokedViaFunctionUrl", strconv.FormatBool(*p.InvokedViaFunctionURL))
	}
	return out
}

// rules is the whole policy of a resource; nil for none.
func (p *resourcePolicy) rules(arn string) *policy.Policy {
	if p == nil {
		return nil
	}
	out := &policy.Policy{Version: "2012-10-17", ID: "default"}
	for i := range p.Statements {
		out.Statements = append(out.Statements, p.Statements[i].rule(arn))
	}
	return out
}

// permits reports whether the policy of a resource lets a service call it on behalf of a source. A statement without SourceArn and
// SourceAccount is for all sources; one with a condition that a trigger cannot meet is for none.
func permits(p *policy.Policy, arn string, c trigger.Caller) bool {
	return p != nil && policy.Allow == p.Decide(policy.Request{
		Service: c.Service, Action: invokeAction, Resource: arn,
		Keys: map[string]string{"aws:sourcearn": c.SourceARN, "aws:sourceaccount": c.SourceAccount},
	})
}

// policyKey is the qualifier under which a policy is kept: $LATEST has the function's.
func policyKey(ref Ref) string {
	if ref.latest() {
		return ""
	}
	return ref.Qualifier
}

// policyARN is the resource that a policy is about.
func (s *Service) policyARN(ref Ref) string {
	ref.Qualifier = policyKey(ref)
	return ref.ARN(s.c.Account)
}

// AddPermission adds a statement to the policy of what the reference names and returns it as Lambda shows it. The errors are
// fault.ResourceExists for a statement id in use, fault.ResourceNotFound, fault.InvalidParameter, fault.PayloadTooLarge (Field
// "Policy") beyond 20 KiB, and fault.ConcurrentModification.
func (s *Service) AddPermission(ctx context.Context, ref Ref, p *Permission) (json.RawMessage, error) {
	if err := p.judge(); err != nil {
		return nil, err
	}
	key := policyKey(ref)
	_, err := s.change(ctx, ref, "add permission", func(ctx context.Context, d *draft) error {
		old := d.doc.Policies[key]
		if old == nil {
			old = &resourcePolicy{}
		}
		if err := revision(p.Revision, old.Revision, d.doc.Revision); err != nil {
			return err
		}
		if slices.ContainsFunc(old.Statements, func(o Permission) bool { return o.StatementID == p.StatementID }) {
			return &fault.Error{Code: fault.ResourceExists, Field: p.StatementID,
				Public: "The statement id (" + p.StatementID + ") provided already exists. Please provide a new statement id, or remove the existing statement."}
		}
		next := &resourcePolicy{Revision: store.NewID(s.now()), Statements: append(slices.Clone(old.Statements), *p)}
		if err := s.judgePolicySize(ref, d.doc, key, next); err != nil {
			return err
		}
		d.data["statement"], d.data["principal"], d.data["source"] = p.StatementID, p.Principal, p.SourceARN
		d.also = append(d.also, func(ctx context.Context, tx store.Tx) error {
			_, err := s.locate(ctx, tx, ref)
			return err
		})
		if d.doc.Policies == nil {
			d.doc.Policies = map[string]*resourcePolicy{}
		}
		d.doc.Policies[key] = next
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(p.rule(s.policyARN(ref)))
}

func (s *Service) judgePolicySize(ref Ref, d *document, key string, next *resourcePolicy) error {
	shown := next.rules(s.policyARN(ref)).Marshal()
	total := len(shown)
	for k, p := range d.Policies {
		if k != key {
			b, err := encode(p)
			if err != nil {
				return err
			}
			total += len(b)
		}
	}
	if len(shown) > maxPolicy || total > maxPolicies {
		return &fault.Error{Code: fault.PayloadTooLarge, Field: "Policy", Public: "The final policy size (" + itoa(len(shown)) + ") is bigger than the limit (20480)."}
	}
	return nil
}

// RemovePermission removes a statement. The error is fault.ResourceNotFound if there is none of that id.
func (s *Service) RemovePermission(ctx context.Context, ref Ref, statementID, rev string) error {
	key := policyKey(ref)
	_, err := s.change(ctx, ref, "remove permission", func(_ context.Context, d *draft) error {
		old := d.doc.Policies[key]
		if old == nil {
			return s.noPolicy("No policy is associated with the given resource.")
		}
		if err := revision(rev, old.Revision, d.doc.Revision); err != nil {
			return err
		}
		rest := slices.DeleteFunc(slices.Clone(old.Statements), func(o Permission) bool { return o.StatementID == statementID })
		if len(rest) == len(old.Statements) {
			return s.noPolicy("Statement " + strings.ToValidUTF8(statementID[:min(len(statementID), 100)], "") + " is not found in resource policy.")
		}
		d.data["statement"] = statementID
		if len(rest) == 0 {
			delete(d.doc.Policies, key)
			return nil
		}
		d.doc.Policies[key] = &resourcePolicy{Revision: store.NewID(s.now()), Statements: rest}
		return nil
	})
	return err
}

func (s *Service) noPolicy(public string) error {
	return &fault.Error{Code: fault.ResourceNotFound, Field: "Policy", Public: public}
}

// Policy returns the policy of what the reference names, as Lambda shows it, and its revision. The error is
// fault.ResourceNotFound if there is none.
func (s *Service) Policy(ctx context.Context, ref Ref) (json.RawMessage, string, error) {
	l, err := s.find(ctx, ref)
	if err != nil {
		return nil, "", err
	}
	p := l.doc.Policies[policyKey(ref)]
	if p == nil {
		return nil, "", s.noPolicy("The resource you requested does not exist.")
	}
	return p.rules(s.policyARN(ref)).Marshal(), p.Revision, nil
}

// Permit implements trigger.Functions.
func (s *Service) Permit(ctx context.Context, arn string, c trigger.Caller) error {
	ref, t, err := s.resolveARN(ctx, arn)
	if err != nil {
		if errors.Is(err, errElsewhere) {
			return nil // whoever hosts it decides when it is called
		}
		return err
	}
	if !t.permits(c) {
		return s.denied(ref, c)
	}
	return nil
}

// denied says what to run.
func (s *Service) denied(ref Ref, c trigger.Caller) error {
	command := "aws lambda add-permission --function-name " + ref.Name
	if !ref.latest() {
		command += " --qualifier " + ref.Qualifier
	}
	_, pool, _ := strings.Cut(c.SourceARN, "/")
	sid := strings.Trim("countersign-"+notSid().ReplaceAllString(pool, "-"), "-")
	command += " --statement-id " + sid[:min(len(sid), 100)] + " --action " + invokeAction + " --principal " + c.Service + " --source-arn " + c.SourceARN
	arn := ref.ARN(s.c.Account)
	return &fault.Error{Code: fault.AccessDenied, Field: arn, Hint: command,
		Public: "The resource policy of " + arn + " does not let " + c.Service + " invoke it for " + c.SourceARN + "."}
}

var notSid = form.New(`[^a-zA-Z0-9_-]+`)
