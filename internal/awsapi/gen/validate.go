package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// validation writes the rules of the constrained shapes and a Validate method for each structure of an input.
func (g *generator) validation(b *bytes.Buffer) error {
	names := g.reachable(g.inputs())
	roots := g.inputs()
	for _, name := range names {
		s := g.Shapes[name]
		if s.Type != "structure" || s.Document {
			continue
		}
		checks := g.checks(s)
		if len(checks) == 0 && !slices.Contains(roots, name) {
			continue
		}
		arg := "v"
		if len(checks) == 0 {
			arg = "_"
		}
		fmt.Fprintf(b, "// Validate reports what the model forbids.\nfunc (in *%s) Validate(%s *wire.Violations) {\n%s}\n\n", name, arg, strings.Join(checks, ""))
	}
	b.WriteString("var (\n")
	for _, name := range names {
		if err := g.compiles(name); err != nil {
			return err
		}
		if rule := g.rule(name); rule != "" {
			fmt.Fprintf(b, "%s = %s\n", ruleName(name), rule)
		}
	}
	b.WriteString(")\n")
	return nil
}

// compiles reports a pattern that RE2 does not know. The overlay can spell it anew.
func (g *generator) compiles(name string) error {
	expr := g.Shapes[name].expr
	if expr == "" {
		expr = g.Shapes[name].Pattern
	}
	if _, err := regexp.Compile(expr); err != nil {
		return fmt.Errorf("shape %s: %w", name, err)
	}
	return nil
}

func ruleName(shape string) string { return "rule" + shape }

// rule is the Go literal of a shape's own constraints, or "".
func (g *generator) rule(name string) string {
	s := g.Shapes[name]
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	kind := ""
	switch s.Type {
	case "string":
		kind = "StringRule"
		if s.Pattern != "" && s.expr != "" {
			add("Pattern: wire.NewPattern(%s, %s)", literal(s.Pattern), literal(s.expr))
		} else if s.Pattern != "" {
			add(`Pattern: wire.NewPattern(%s, "")`, literal(s.Pattern))
		}
		if len(s.Enum) > 0 {
			add("Enum: []string{%s}", quoted(s.Enum))
		}
	case "list", "map", "blob":
		kind = "SizeRule"
	case "integer", "long":
		if s.Min != nil {
			add("Min: new(int64(%d))", *s.Min)
		}
		if s.Max != nil {
			add("Max: new(int64(%d))", *s.Max)
		}
		if len(parts) == 0 {
			return ""
		}
		return "wire.IntRule{" + strings.Join(parts, ", ") + "}"
	default:
		return ""
	}
	if s.Min != nil && *s.Min > 0 {
		add("Min: %d", *s.Min)
	}
	if s.Max != nil && *s.Max > 0 {
		add("Max: %d", *s.Max)
	}
	if len(parts) == 0 {
		return ""
	}
	if s.Sensitive {
		add("Sensitive: true")
	}
	return "wire." + kind + "{" + strings.Join(parts, ", ") + "}"
}

func literal(s string) string {
	if strings.Contains(s, "`") {
		return fmt.Sprintf("%q", s)
	}
	return "`" + s + "`"
}

// ruleRef is the argument for a rule: its address, or nil.
func (g *generator) ruleRef(name string) string {
	if g.rule(name) == "" {
		return "nil"
	}
	return "&" + ruleName(name)
}

// checks returns the statements of a structure's Validate method.
func (g *generator) checks(s *shape) (out []string) {
	for _, f := range s.Members {
		field, path := fieldName(f.name), strings.ToLower(f.name[:1])+f.name[1:]
		if slices.Contains(s.Required, f.name) {
			out = append(out, fmt.Sprintf("v.Require(%q, in.%s == nil)\n", path, field))
		}
		if c := g.check(f.shape, field, path); c != "" {
			out = append(out, c)
		}
	}
	return out
}

func (g *generator) check(name, field, path string) string {
	s, own := g.Shapes[name], g.ruleRef(name)
	switch s.Type {
	case "string":
		return unless(own == "nil", fmt.Sprintf("v.String(%q, in.%s, %s)\n", path, field, own))
	case "integer", "long":
		return unless(own == "nil", fmt.Sprintf("v.Int(%q, in.%s, %s)\n", path, field, own))
	case "blob":
		return unless(own == "nil", fmt.Sprintf("if in.%s != nil {\nv.Size(%q, len(in.%s), %s)\n}\n", field, path, field, own))
	case "map":
		if g.Shapes[s.Value.Shape].Type != "string" { // the size alone; the operation judges the rest
			return unless(own == "nil", fmt.Sprintf("if in.%s != nil {\nv.Size(%q, len(in.%s), %s)\n}\n", field, path, field, own))
		}
		key, value := g.ruleRef(s.Key.Shape), g.ruleRef(s.Value.Shape)
		return unless(own+key+value == "nilnilnil", fmt.Sprintf("v.StringMap(%q, in.%s, %s, %s, %s)\n", path, field, own, key, value))
	case "structure":
		if s.Document || len(g.checks(s)) == 0 {
			return ""
		}
		return fmt.Sprintf("if in.%s != nil {\nv.Enter(%q)\nin.%s.Validate(v)\nv.Leave()\n}\n", field, path, field)
	case "list":
		return g.checkList(s, own, field, path)
	}
	return ""
}

func (g *generator) checkList(s *shape, own, field, path string) string {
	elem := g.Shapes[s.Member.Shape]
	if elem.Type == "string" {
		each := g.ruleRef(s.Member.Shape)
		return unless(own+each == "nilnil", fmt.Sprintf("v.Strings(%q, in.%s, %s, %s)\n", path, field, own, each))
	}
	out := unless(own == "nil", fmt.Sprintf("if in.%s != nil {\nv.Size(%q, len(in.%s), %s)\n}\n", field, path, field, own))
	if len(g.checks(elem)) > 0 {
		out += fmt.Sprintf("for i := range in.%s {\nif v.Full() {\nbreak\n}\nv.Item(%q, i)\nin.%s[i].Validate(v)\nv.Leave()\n}\n", field, path, field)
	}
	return out
}

func unless(not bool, s string) string {
	if not {
		return ""
	}
	return s
}
