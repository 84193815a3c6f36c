package policy

import (
	"slices"
	"strings"
)

// operators are the condition operators known here, without their IfExists (IAM user guide, "IAM JSON policy elements:
// Condition operators"). Those with not are the negations: they hold if no value matches.
var operators = map[string]struct {
	match func(pattern, value string) bool
	not   bool
}{
	"StringEquals":              {equal, false},
	"StringNotEquals":           {equal, true},
	"StringEqualsIgnoreCase":    {strings.EqualFold, false},
	"StringNotEqualsIgnoreCase": {strings.EqualFold, true},
	"StringLike":                {wild, false},
	"StringNotLike":             {wild, true},
	"ArnEquals":                 {ARNLike, false},
	"ArnNotEquals":              {ARNLike, true},
	"ArnLike":                   {ARNLike, false},
	"ArnNotLike":                {ARNLike, true},
	"Bool":                      {strings.EqualFold, false},
}

const (
	ifExists = "IfExists"
	null     = "Null"
)

func equal(pattern, value string) bool { return pattern == value }

// ARNLike is the condition operator ArnLike: each of the six parts of an ARN by itself, with * (any run) and ? (any one byte).
func ARNLike(pattern, arn string) bool {
	a, b := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(a) != 6 || len(b) != 6 {
		return false
	}
	for i := range a {
		if !wild(a[i], b[i]) {
			return false
		}
	}
	return true
}

func knownOperator(name string) bool {
	_, ok := operators[strings.TrimSuffix(name, ifExists)]
	return ok || name == null
}

// holds: a key that the request lacks meets negations and IfExists, and nothing else.
func (c *Condition) holds(keys map[string]string) bool {
	value, ok := keys[NormalKey(c.Key)]
	if c.Operator == null {
		return slices.ContainsFunc(c.Values, func(v string) bool { return strings.EqualFold(v, "true") != ok })
	}
	name, optional := strings.CutSuffix(c.Operator, ifExists)
	op := operators[name]
	if !ok {
		return optional || op.not
	}
	return slices.ContainsFunc(c.Values, func(v string) bool { return op.match(v, value) }) != op.not
}

// contextKey is the beginning of the condition keys that hold an encryption context.
const contextKey = "kms:encryptioncontext:"

// NormalKey is the spelling of a condition key's name in Request.Keys: lower case, since names count without regard to
// case. The names of an encryption context after "kms:EncryptionContext:" stay as they are: two that differ in case are two.
func NormalKey(name string) string {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, contextKey) && len(lower) == len(name) {
		return contextKey + name[len(contextKey):]
	}
	return lower
}
