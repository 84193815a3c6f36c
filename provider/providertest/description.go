package providertest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// description is an OpenAPI description or an AWS model.
type description map[string]any

// at follows keys, and references on the way.
func (d description) at(v any, keys ...string) map[string]any {
	m := d.resolve(v)
	for _, k := range keys {
		m = d.resolve(m[k])
	}
	return m
}

func (d description) resolve(v any) map[string]any {
	m, _ := v.(map[string]any)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	return d.at(map[string]any(d), strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// problems says where a value is not as its schema has it. Members that the schema does not name are problems too.
func (d description) problems(where string, schema, v any) []string {
	m := d.resolve(schema)
	if len(m) == 0 || v == nil && m["nullable"] == true {
		return nil
	}
	for _, either := range []string{"oneOf", "anyOf"} {
		if options, ok := m[either].([]any); ok {
			return d.either(where, options, v)
		}
	}
	if parts, ok := m["allOf"].([]any); ok {
		m = d.merged(m, parts)
	}
	out := bounds(where, m, v)
	switch v := v.(type) {
	case map[string]any:
		return append(out, d.members(where, m, v)...)
	case []any:
		for i, item := range v {
			out = append(out, d.problems(fmt.Sprintf("%s[%d]", where, i), m["items"], item)...)
		}
	}
	return out
}

func (d description) either(where string, options []any, v any) (all []string) {
	for _, o := range options {
		p := d.problems(where, o, v)
		if len(p) == 0 {
			return nil
		}
		all = append(all, p...)
	}
	return all
}

// merged is a schema with those of allOf in it.
func (d description) merged(m map[string]any, parts []any) map[string]any {
	out, properties := maps.Clone(m), map[string]any{}
	var required []any
	delete(out, "allOf")
	for _, part := range append(slices.Clone(parts), map[string]any{"properties": m["properties"], "required": m["required"]}) {
		p := d.resolve(part)
		if inner, ok := p["allOf"].([]any); ok {
			p = d.merged(p, inner)
		}
		for k, v := range p {
			if _, ok := out[k]; !ok {
				out[k] = v
			}
		}
		members, _ := p["properties"].(map[string]any)
		maps.Copy(properties, members)
		names, _ := p["required"].([]any)
		required = append(required, names...)
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	out["required"] = required
	return out
}

func (d description) members(where string, m, v map[string]any) (out []string) {
	properties, _ := m["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if p, ok := properties[name]; ok {
			out = append(out, d.problems(where+"."+name, p, v[name])...)
		} else if len(properties) > 0 && m["additionalProperties"] == nil {
			out = append(out, where+"."+name+" is not described")
		}
	}
	required, _ := m["required"].([]any)
	for _, r := range required {
		if _, ok := v[fmt.Sprint(r)]; !ok {
			out = append(out, fmt.Sprintf("%s.%v is missing", where, r))
		}
	}
	return out
}

// kind is the name of a JSON type.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case bool:
		return "boolean"
	case float64:
		return "number"
	}
	return fmt.Sprintf("%T", v)
}

// bounds checks type, enum, length and pattern.
func bounds(where string, m map[string]any, v any) (out []string) {
	text, isText := v.(string)
	if isText && strings.Contains(where, "form.") { // a form has nothing but text
		switch m["type"] {
		case "integer", "number":
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				return nil
			}
		case "boolean":
			if text == "true" || text == "false" {
				return nil
			}
		case "array":
			return nil
		}
	}
	if want, ok := m["type"].(string); ok && want != kind(v) && !(want == "integer" && kind(v) == "number") {
		return []string{fmt.Sprintf("%s is %v (%s), not %s", where, v, kind(v), want)}
	}
	if enum, ok := m["enum"].([]any); ok && !slices.ContainsFunc(enum, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(v) }) {
		out = append(out, fmt.Sprintf("%s is %v, none of %v", where, v, enum))
	}
	if !isText {
		return out
	}
	var least, most int
	n := utf8.RuneCountInString(text)
	fmt.Sscan(fmt.Sprint(m["minLength"]), &least)
	if _, err := fmt.Sscan(fmt.Sprint(m["maxLength"]), &most); err == nil && n > most || n < least {
		out = append(out, fmt.Sprintf("%s has %d characters", where, n))
	}
	if p, ok := m["pattern"].(string); ok {
		if re, err := regexp.Compile("^(?:" + p + ")$"); err == nil && !re.MatchString(text) { // what Go cannot read is not checked
			out = append(out, fmt.Sprintf("%s is %q, not %s", where, text, p))
		}
	}
	return out
}

// shape says where a value is not as its shape in an AWS model has it.
func (d description) shape(where string, ref map[string]any, v any) (out []string) {
	s := d.at(map[string]any(d), "shapes", fmt.Sprint(ref["shape"]))
	wants := map[string]string{"structure": "object", "map": "object", "list": "array", "string": "string", "boolean": "boolean",
		"integer": "number", "long": "number", "float": "number", "double": "number", "timestamp": "number", "blob": "string"}
	if want := wants[fmt.Sprint(s["type"])]; want != kind(v) {
		return []string{fmt.Sprintf("%s is %v (%s), not %s", where, v, kind(v), want)}
	}
	switch v := v.(type) {
	case map[string]any:
		if s["type"] == "map" {
			for k, item := range v {
				out = append(out, d.shape(where+"."+k, d.resolve(s["value"]), item)...)
			}
			return out
		}
		members := d.resolve(s["members"])
		for name, item := range v {
			if members[name] == nil {
				out = append(out, where+"."+name+" is not described")
				continue
			}
			out = append(out, d.shape(where+"."+name, d.resolve(members[name]), item)...)
		}
		required, _ := s["required"].([]any)
		for _, r := range required {
			if _, ok := v[fmt.Sprint(r)]; !ok {
				out = append(out, fmt.Sprintf("%s.%v is missing", where, r))
			}
		}
	case []any:
		for i, item := range v {
			out = append(out, d.shape(fmt.Sprintf("%s[%d]", where, i), d.resolve(s["member"]), item)...)
		}
	case string:
		m := map[string]any{"enum": s["enum"], "pattern": s["pattern"], "minLength": s["min"], "maxLength": s["max"]}
		out = append(out, bounds(where, m, v)...)
	}
	return out
}
