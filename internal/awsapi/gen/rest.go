package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// places maps the model's locations to the constants of the generated package's rest.go.
var places = map[string]string{"uri": "InURI", "querystring": "InQuery", "header": "InHeader", "statusCode": "InStatus"}

// restOperations writes the definitions and tables of a rest-json API.
func (g *generator) restOperations(b *bytes.Buffer) error {
	for _, name := range g.operationNames() {
		if err := g.restOperation(b, name, g.Operations[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	b.WriteString("// Served lists the operations that have types, by name. It is not to be changed.\nvar Served = []Route{\n")
	for _, name := range g.operationNames() {
		fmt.Fprintf(b, "Op%s.Route,\n", name)
	}
	b.WriteString("}\n\n// Operations lists all operations of the model, by name, with their methods and paths. It is not to be changed.\nvar Operations = []Route{\n")
	for _, name := range slices.Sorted(maps.Keys(g.known)) {
		if op := g.known[name]; g.Operations[name] != nil {
			fmt.Fprintf(b, "Op%s.Route,\n", name)
		} else {
			fmt.Fprintf(b, "{Meta: wire.Meta{Name: %q, Auth: wire.%s}, Method: %q, URI: %q, Status: %d},\n", name, op.auth, op.HTTP.Method, op.HTTP.URI, restStatus(op))
		}
	}
	b.WriteString("}\n\n")
	g.exceptions(b)
	b.WriteString("\n// ExceptionStatus holds the HTTP status of every declared exception. It is not to be changed.\nvar ExceptionStatus = map[string]int{\n")
	for _, name := range slices.Sorted(maps.Keys(g.Shapes)) {
		if s := g.Shapes[name]; s.Exception {
			if s.Error.Status == 0 {
				return fmt.Errorf("%s has no HTTP status", name)
			}
			fmt.Fprintf(b, "%q: %d,\n", name, s.Error.Status)
		}
	}
	b.WriteString("}\n")
	return nil
}

// restStatus is the status of success: the model's, or the protocol's default.
func restStatus(op *operation) int {
	if op.HTTP.Status == 0 {
		return 200
	}
	return op.HTTP.Status
}

func (g *generator) restOperation(b *bytes.Buffer, name string, op *operation) error {
	output, none := "wire.Empty", ""
	if op.Output != nil {
		output = op.Output.Shape
	} else {
		none = ", NoOutput: true"
	}
	fmt.Fprintf(b, "// Op%s defines the operation %s.\nvar Op%s = Def[%s, %s]{Route: Route{\nMeta: wire.Meta{Name: %q, Auth: wire.%s%s,\nErrors: []string{%s}},\n",
		name, name, name, op.Input.Shape, output, name, op.auth, none, quoted(slices.Sorted(slices.Values(op.Errors))))
	fmt.Fprintf(b, "Method: %q, URI: %q, Status: %d,\n", op.HTTP.Method, op.HTTP.URI, restStatus(op))
	if err := g.fields(b, "Input", op.Input.Shape); err != nil {
		return err
	}
	if op.Output != nil {
		if err := g.fields(b, "Output", op.Output.Shape); err != nil {
			return err
		}
	}
	b.WriteString("}}\n\n")
	return nil
}

// fields writes where the members of a shape live that are no members of the body's object.
func (g *generator) fields(b *bytes.Buffer, side, name string) error {
	s := g.Shapes[name]
	var list []string
	for _, f := range s.Members {
		place, wireName := places[f.location], f.wireName
		switch {
		case f.name == s.Payload:
			place, wireName = "InPayload", ""
		case f.location == "":
			continue
		case place == "":
			return fmt.Errorf("%s.%s is in %s", name, f.name, f.location)
		}
		list = append(list, fmt.Sprintf("{Member: %q, In: %s, Name: %q},\n", fieldName(f.name), place, wireName))
	}
	if len(list) > 0 {
		fmt.Fprintf(b, "%s: []Field{\n", side)
		for _, f := range list {
			b.WriteString(f)
		}
		b.WriteString("},\n")
	}
	return nil
}
