package policy

import (
	"encoding/json"
)

// Marshal writes the document in one form: elements in the order of the documentation, a list of one as its one string.
func (p *Policy) Marshal() []byte {
	doc := struct {
		Version   string
		ID        string `json:"Id,omitempty"`
		Statement []any
	}{p.Version, p.ID, []any{}}
	for i := range p.Statements {
		doc.Statement = append(doc.Statement, p.Statements[i])
	}
	out, err := json.Marshal(doc)
	if err != nil { // strings, lists and maps of these always marshal
		panic("policy: " + err.Error())
	}
	return out
}

// MarshalJSON writes the statement as Policy.Marshal does.
func (s Statement) MarshalJSON() ([]byte, error) { return json.Marshal(s.shape()) }

func (s *Statement) shape() any {
	out := struct {
		Sid       string `json:",omitempty"`
		Effect    Effect
		Principal any
		Action    any                       `json:",omitempty"`
		NotAction any                       `json:",omitempty"`
		Resource  any                       `json:",omitempty"`
		Condition map[string]map[string]any `json:",omitempty"`
	}{Sid: s.Sid, Effect: s.Effect, Principal: s.principalShape(), Resource: oneOrMore(s.Resources)}
	if s.NotActions {
		out.NotAction = oneOrMore(s.Actions)
	} else {
		out.Action = oneOrMore(s.Actions)
	}
	for _, c := range s.Conditions {
		if out.Condition == nil {
			out.Condition = map[string]map[string]any{}
		}
		if out.Condition[c.Operator] == nil {
			out.Condition[c.Operator] = map[string]any{}
		}
		out.Condition[c.Operator][c.Key] = oneOrMore(c.Values)
	}
	return out
}

func (s *Statement) principalShape() any {
	if s.Everybody && len(s.AWS)+len(s.Services) == 0 {
		return "*"
	}
	out := map[string]any{}
	aws := s.AWS
	if s.Everybody {
		aws = append([]string{"*"}, aws...)
	}
	if len(aws) > 0 {
		out["AWS"] = oneOrMore(aws)
	}
	if len(s.Services) > 0 {
		out["Service"] = oneOrMore(s.Services)
	}
	return out
}

func oneOrMore(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}
