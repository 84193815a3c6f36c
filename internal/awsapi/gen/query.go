package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// queryTag names a member as package query reads it: its own name, then what its elements, or its keys and values, are called unless they have the
// protocol's usual names.
func (g *generator) queryTag(f member) (string, error) {
	s, name := g.Shapes[f.shape], f.name
	if f.wireName != "" {
		name = f.wireName
	}
	if s.Flattened {
		return "", errors.New("flattened lists and maps are not supported")
	}
	switch {
	case s.Type == "list" && s.Member.LocationName != "" && s.Member.LocationName != "member":
		name += "," + s.Member.LocationName
	case s.Type == "map":
		key, value := orDefault(s.Key.LocationName, "key"), orDefault(s.Value.LocationName, "value")
		if key+value != "keyvalue" {
			name += "," + key + "," + value
		}
	}
	return fmt.Sprintf("query:%q", name), nil
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// queryOperations writes the definitions and tables of an API of the AWS Query protocol.
func (g *generator) queryOperations(b *bytes.Buffer) error {
	fmt.Fprintf(b, "const (\n// Version is the version of the API, Namespace the XML namespace of its answers.\nVersion = %q\nNamespace = %q\n)\n\n",
		g.Metadata.Version, g.Metadata.Namespace)
	for _, name := range g.operationNames() {
		op := g.Operations[name]
		output, result, none := "wire.Empty", "", ", NoOutput: true"
		if op.Output != nil {
			output, none = op.Output.Shape, ""
			result = fmt.Sprintf(", Result: %q", op.Output.ResultWrapper)
		}
		fmt.Fprintf(b, "// Op%s defines the operation %s.\nvar Op%s = query.Def[%s, %s]{Meta: wire.Meta{\nName: %q, Auth: wire.%s%s,\n",
			name, name, name, op.Input.Shape, output, name, op.auth, none)
		fmt.Fprintf(b, "Errors: []string{%s},\n}%s}\n\n", quoted(slices.Sorted(slices.Values(op.Errors))), result)
	}
	b.WriteString("// Operations lists all operations of the model, by name. It is not to be changed.\nvar Operations = []wire.Meta{\n")
	for _, name := range slices.Sorted(maps.Keys(g.known)) {
		if g.Operations[name] != nil {
			fmt.Fprintf(b, "Op%s.Meta,\n", name)
		} else {
			fmt.Fprintf(b, "{Name: %q, Auth: wire.%s},\n", name, g.known[name].auth)
		}
	}
	b.WriteString("}\n\n// Exceptions holds what all declared exceptions are on the wire, by name. It is not to be changed.\n")
	b.WriteString("var Exceptions = map[string]query.Exception{\n")
	for _, name := range slices.Sorted(maps.Keys(g.Shapes)) {
		if s := g.Shapes[name]; s.Exception {
			status := s.Error.Status
			if status == 0 {
				status = 400 // the protocol's default
			}
			fmt.Fprintf(b, "%q: {Code: %q, Status: %d},\n", name, orDefault(s.Error.Code, name), status)
		}
	}
	b.WriteString("}\n")
	return nil
}
