package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// MaxSize is the length of the longest document in bytes: that of a key policy (KMS quotas).
	MaxSize = 32 << 10
	// maxDepth is how deep lists and objects lie in each other: document, statements, statement, condition, operator, values.
	maxDepth = 6
	// maxName is the length of names from the document in errors.
	maxName = 64
)

// object is a JSON object in the order of the text.
type object []member

type member struct {
	name  string
	value any
}

// Parse reads a document. Errors are sentences for its author.
func Parse(text []byte) (*Policy, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("the policy has %d bytes, more than %d", len(text), MaxSize)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the policy is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	v, err := read(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("the policy goes on after its end")
	}
	o, ok := v.(object)
	if !ok {
		return nil, errors.New("the policy is not a JSON object")
	}
	return document(o)
}

// read reads one value: object, []any, string, bool, or another scalar, which no element has.
func read(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("the policy is nested too deep")
	}
	t, err := d.Token()
	if err != nil {
		return nil, errors.New("the policy is not valid JSON")
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := read(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, closed(d)
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, errors.New("the policy is not valid JSON")
			}
			m := member{name: name.(string)}
			if slices.ContainsFunc(o, func(n member) bool { return n.name == m.name }) {
				return nil, fmt.Errorf("%s is there twice", quoted(m.name))
			}
			if m.value, err = read(d, depth+1); err != nil {
				return nil, err
			}
			o = append(o, m)
		}
		return o, closed(d)
	}
	return t, nil
}

func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errors.New("the policy is not valid JSON")
	}
	return nil
}

func quoted(s string) string {
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

func document(o object) (*Policy, error) {
	p := &Policy{Version: "2008-10-17"}
	for _, m := range o {
		var err error
		switch m.name {
		case "Version":
			if p.Version, err = text(m); err == nil && p.Version != "2012-10-17" && p.Version != "2008-10-17" {
				err = fmt.Errorf("element Version %s is not known: it is 2012-10-17 or 2008-10-17", quoted(p.Version))
			}
		case "Id":
			p.ID, err = text(m)
		case "Statement":
			p.Statements, err = statements(m.value)
		default:
			err = fmt.Errorf("element %s is not known", quoted(m.name))
		}
		if err != nil {
			return nil, err
		}
	}
	if len(p.Statements) == 0 {
		return nil, errors.New("Statement is missing")
	}
	return p, nil
}

func statements(v any) ([]Statement, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []Statement
	for i, v := range list {
		o, ok := v.(object)
		if !ok {
			return nil, errors.New("Statement must be an object or a list of objects")
		}
		s, err := statement(o)
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func statement(o object) (Statement, error) {
	var s Statement
	for _, m := range o {
		if err := s.element(m); err != nil {
			return s, err
		}
	}
	switch {
	case s.Effect == "":
		return s, errors.New("Effect is missing")
	case !s.Everybody && len(s.AWS)+len(s.Services) == 0:
		return s, errors.New("element Principal is missing")
	case len(s.Actions) == 0:
		return s, errors.New("element Action is missing")
	case len(s.Resources) == 0:
		return s, errors.New("element Resource is missing")
	}
	return s, nil
}

func (s *Statement) element(m member) (err error) {
	switch m.name {
	case "Sid":
		s.Sid, err = text(m)
	case "Effect":
		var effect string
		effect, err = text(m)
		if s.Effect = Effect(effect); err == nil && s.Effect != Allowing && s.Effect != Denying {
			err = errors.New("Effect must be Allow or Deny")
		}
	case "Principal":
		err = s.principals(m.value)
	case "Action", "NotAction":
		if s.Actions != nil {
			return errors.New("elements Action and NotAction exclude each other")
		}
		s.NotActions = m.name == "NotAction"
		if s.Actions, err = texts(m); err == nil {
			err = checkActions(s.Actions)
		}
	case "Resource":
		s.Resources, err = texts(m)
	case "Condition":
		err = s.conditions(m.value)
	case "NotPrincipal", "NotResource":
		err = fmt.Errorf("element %s is not supported", m.name)
	default:
		err = fmt.Errorf("element %s is not known", quoted(m.name))
	}
	return err
}

func checkActions(list []string) error {
	for _, a := range list {
		service, name, ok := strings.Cut(a, ":")
		if a != "*" && (!ok || service == "" || name == "") {
			return fmt.Errorf("action %s must be like service:Name", quoted(a))
		}
	}
	return nil
}

// principals reads "*", or an object of lists by kind.
func (s *Statement) principals(v any) error {
	if v == "*" {
		s.Everybody = true
		return nil
	}
	o, ok := v.(object)
	if !ok {
		return errors.New(`element Principal must be "*" or an object`)
	}
	for _, m := range o {
		list, err := texts(m)
		if err != nil {
			return err
		}
		switch m.name {
		case "AWS":
			err = s.addAWS(list)
		case "Service":
			s.Services = list
			if slices.ContainsFunc(list, func(p string) bool { return !strings.Contains(p, ".") || strings.ContainsAny(p, "*?:") }) {
				err = errors.New("a service principal is like cognito-idp.amazonaws.com")
			}
		default:
			err = fmt.Errorf("principals of kind %s are not supported", quoted(m.name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Statement) addAWS(list []string) error {
	for _, p := range list {
		switch {
		case p == "*":
			s.Everybody = true
		case strings.ContainsAny(p, "*?"):
			return fmt.Errorf("principal %s: an ARN of a principal has no wildcards", quoted(p))
		case !isAccount(p) && !isIdentity(p):
			return fmt.Errorf("principal %s is neither an ARN of IAM or STS nor an account", quoted(p))
		default:
			s.AWS = append(s.AWS, p)
		}
	}
	return nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func isIdentity(arn string) bool {
	p := strings.SplitN(arn, ":", 6)
	return len(p) == 6 && p[0] == "arn" && p[1] == "aws" && (p[2] == "iam" || p[2] == "sts") && p[3] == "" && isAccount(p[4]) && p[5] != ""
}

func (s *Statement) conditions(v any) error {
	o, ok := v.(object)
	if !ok {
		return errors.New("Condition must be an object")
	}
	for _, op := range o {
		if !knownOperator(op.name) {
			return fmt.Errorf("condition operator %s is not supported", quoted(op.name))
		}
		keys, ok := op.value.(object)
		if !ok {
			return fmt.Errorf("condition operator %s must have an object", op.name)
		}
		for _, k := range keys {
			values, err := texts(k)
			if err != nil {
				return err
			}
			if k.name == "" {
				return errors.New("a condition key has no name")
			}
			s.Conditions = append(s.Conditions, Condition{op.name, k.name, values})
		}
	}
	return nil
}

func text(m member) (string, error) {
	s, ok := m.value.(string)
	if !ok {
		return "", fmt.Errorf("%s must be a string", quoted(m.name))
	}
	return s, nil
}

// texts reads a string or a list of strings, none of them with a policy variable. Booleans are strings to conditions.
func texts(m member) ([]string, error) {
	list, ok := m.value.([]any)
	if !ok {
		list = []any{m.value}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is an empty list", quoted(m.name))
	}
	out := make([]string, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case string:
			out[i] = v
		case bool:
			out[i] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s must hold strings", quoted(m.name))
		}
		if strings.Contains(out[i], "${") {
			return nil, fmt.Errorf("%s holds a policy variable, which is not supported", quoted(m.name))
		}
	}
	return out, nil
}
