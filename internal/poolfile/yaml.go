package poolfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// YAML is a document in canonical form, as a file has it.
func YAML(d *Document) ([]byte, error) {
	d.Canonical()
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return toYAML(raw)
}

// Parse reads a document from YAML or JSON. Errors say where: the line of what is no YAML, the path of what there is not. They quote no value, which may
// be a secret.
func Parse(raw []byte) (*Document, error) {
	parts, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, fmt.Errorf("this is not YAML%s", placeOf(err))
	}
	if len(parts.Docs) > 1 {
		return nil, fmt.Errorf("a file holds one document; this one has %d", len(parts.Docs))
	}
	var read any
	if err := yaml.Unmarshal(raw, &read); err != nil {
		return nil, fmt.Errorf("this is not YAML%s", placeOf(err))
	}
	asJSON, err := json.Marshal(read)
	if err != nil {
		return nil, errors.New("the file has a number or key that cannot be used")
	}
	d := json.NewDecoder(bytes.NewReader(asJSON))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, errors.New("the file cannot be read")
	}
	if err := check(tree); err != nil {
		return nil, err
	}
	out := &Document{}
	if err := json.Unmarshal(asJSON, out); err != nil {
		return nil, errors.New("the file cannot be read") // check has seen what could be wrong
	}
	return out, out.Check()
}

// placeOf is where the YAML breaks, without its excerpt.
func placeOf(err error) string {
	place, _, ok := strings.Cut(strings.TrimPrefix(err.Error(), "["), "]")
	line, column, two := strings.Cut(place, ":")
	if !ok || !two || strings.Trim(line+column, "0123456789") != "" {
		return ""
	}
	return fmt.Sprintf(": line %s, column %s", line, column)
}
