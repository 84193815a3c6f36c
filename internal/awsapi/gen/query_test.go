package main

import (
	"strings"
	"testing"
)

// queryModel has an operation whose members are named in every way that the protocol has.
func queryModel() *model {
	m := &model{
		Operations: map[string]*operation{"A": {Input: ref{Shape: "R"}, Output: &ref{Shape: "O", ResultWrapper: "AResult"}, Errors: errorRefs{"X"}, auth: "AuthIAM"}},
		Shapes: map[string]*shape{
			"S": {Type: "string"}, "L": {Type: "list", Member: ref{Shape: "S"}}, "N": {Type: "list", Member: ref{Shape: "S", LocationName: "item"}},
			"M": {Type: "map", Key: ref{Shape: "S"}, Value: ref{Shape: "S"}},
			"V": {Type: "map", Key: ref{Shape: "S", LocationName: "Name"}, Value: ref{Shape: "I", LocationName: "Value"}},
			"I": {Type: "structure", Members: members{{name: "T", shape: "W"}}}, "W": {Type: "timestamp"},
			"R": {Type: "structure", Members: members{
				{name: "plain", shape: "S"}, {name: "Other", shape: "S", wireName: "another"}, {name: "List", shape: "L"}, {name: "Named", shape: "N"},
				{name: "Map", shape: "M"}, {name: "Values", shape: "V"},
			}},
			"O": {Type: "structure", Members: members{{name: "B", shape: "S"}}},
			"X": {Type: "structure", Exception: true}, "Y": {Type: "structure", Exception: true},
		},
		svc: service{query: true},
	}
	m.known = map[string]*operation{"A": m.Operations["A"], "Z": {auth: "AuthIAM"}}
	m.Metadata.Version, m.Metadata.Namespace = "v", "n"
	m.Shapes["Y"].Error.Code, m.Shapes["Y"].Error.Status = "Why", 404
	return m
}

func TestQueryNames(t *testing.T) {
	files, err := generate(queryModel())
	if err != nil {
		t.Fatal(err)
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	types, ops := squeeze(string(files["types_gen.go"])), squeeze(string(files["operations_gen.go"]))
	for _, want := range []string{
		"Plain *string `query:\"plain\"`", "Other *string `query:\"another\"`", "List []string `query:\"List\"`", "Named []string `query:\"Named,item\"`",
		"Map map[string]string `query:\"Map\"`", "Values map[string]I `query:\"Values,Name,Value\"`", "T *wire.Time `query:\"T\"`",
	} {
		if !strings.Contains(types, want) {
			t.Errorf("no %s in %s", want, types)
		}
	}
	for _, want := range []string{
		`Version = "v"`, `Namespace = "n"`, "OpA = query.Def[R, O]{", `Result: "AResult"}`, `{Name: "Z", Auth: wire.AuthIAM},`,
		`"X": {Code: "X", Status: 400},`, `"Y": {Code: "Why", Status: 404},`,
	} {
		if !strings.Contains(ops, want) {
			t.Errorf("no %s in %s", want, ops)
		}
	}
}

// What package query cannot carry is not generated.
func TestFlattenedIsRefused(t *testing.T) {
	m := queryModel()
	m.Shapes["L"].Flattened = true
	if _, err := generate(m); err == nil || !strings.Contains(err.Error(), "R.List: flattened") {
		t.Errorf("got %v", err)
	}
}
