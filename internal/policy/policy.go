package policy

import (
	"slices"
	"strings"
)

// Effect of a statement.
type Effect string

// The effects.
const (
	Allowing Effect = "Allow"
	Denying  Effect = "Deny"
)

// Decision is what a policy says to a request.
type Decision int

// None: no statement speaks of the request. Deny: at least one statement denies it. Allow: at least one allows it and none denies it.
const (
	None Decision = iota
	Allow
	Deny
)

// String returns "none", "allow" or "deny".
func (d Decision) String() string { return [...]string{"none", "allow", "deny"}[d] }

// Policy is a policy document.
type Policy struct {
	// Version is "2012-10-17" or "2008-10-17" (the default of documents that name none). ID is free text.
	Version, ID string
	Statements  []Statement
}

// Statement is one rule.
type Statement struct {
	// Sid is free text.
	Sid    string
	Effect Effect
	// Everybody is Principal "*", or "*" among the principals of AWS. AWS are ARNs and account numbers, Services are service principals.
	Everybody     bool
	AWS, Services []string
	// Actions are patterns like "kms:Decrypt" or "kms:*"; with NotActions the statement is about all others.
	Actions    []string
	NotActions bool
	// Resources are patterns of ARNs. "*" in the policy of a resource means that resource.
	Resources  []string
	Conditions []Condition
}

// Condition holds if the request's Key has one of the Values, in the sense of the Operator.
type Condition struct {
	// Operator is spelled as in the documentation: "StringEquals", "ArnLikeIfExists".
	Operator, Key string
	Values        []string
}

// Request is what somebody wants to do.
type Request struct {
	// Principal is the caller's ARN, or empty if a service calls. Service is the service principal, or empty.
	Principal, Service string
	// Action is like "kms:Decrypt"; Resource is an ARN.
	Action, Resource string
	// Keys are the condition keys of the request. Their names have the spelling that NormalKey returns.
	Keys map[string]string
}

// Decide judges a request.
func (p *Policy) Decide(r Request) Decision {
	d := None
	for i := range p.Statements {
		if s := &p.Statements[i]; s.covers(&r) {
			if s.Effect == Denying {
				return Deny
			}
			d = Allow
		}
	}
	return d
}

// Names reports whether a statement allows the service something by name.
func (p *Policy) Names(service string) bool {
	return slices.ContainsFunc(p.Statements, func(s Statement) bool {
		return s.Effect == Allowing && slices.Contains(s.Services, service)
	})
}

func (s *Statement) covers(r *Request) bool {
	return s.principal(r) && s.action(r.Action) && slices.ContainsFunc(s.Resources, func(p string) bool { return wild(p, r.Resource) }) &&
		!slices.ContainsFunc(s.Conditions, func(c Condition) bool { return !c.holds(r.Keys) })
}

func (s *Statement) principal(r *Request) bool {
	if s.Everybody || r.Service != "" && slices.Contains(s.Services, r.Service) {
		return true
	}
	return r.Principal != "" && slices.ContainsFunc(s.AWS, func(p string) bool { return SamePrincipal(p, r.Principal) })
}

func (s *Statement) action(action string) bool {
	named := slices.ContainsFunc(s.Actions, func(p string) bool { return wild(strings.ToLower(p), strings.ToLower(action)) })
	return named != s.NotActions
}

// SamePrincipal reports whether the principal of a policy or grant is the caller: an account, by number or as its root, is everybody in it; a role is all its sessions.
func SamePrincipal(pattern, arn string) bool {
	if pattern == arn {
		return true
	}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return false
	}
	account := parts[4]
	if pattern == account || pattern == "arn:aws:iam::"+account+":root" {
		return account != ""
	}
	if role, ok := strings.CutPrefix(parts[5], "assumed-role/"); ok {
		role, _, _ = strings.Cut(role, "/")
		return pattern == "arn:aws:iam::"+account+":role/"+role
	}
	return false
}

// wild matches * (any run) and ? (any one byte) in time bounded by the product of the lengths.
func wild(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
