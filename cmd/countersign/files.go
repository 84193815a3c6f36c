package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// printYAML prints a value by its JSON names.
func printYAML(a *app, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	out, err := yaml.JSONToYAML(raw)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(out)
	return err
}

// maxPlan bounds a file that is sent, in bytes.
const maxPlan = 1 << 20

// readFile reads a file, or standard input for "-".
func (a *app) readFile(name string) ([]byte, error) {
	r := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err == nil && len(raw) > maxPlan {
		err = errors.New("larger than 1 MiB")
	}
	return raw, err
}

// readYAML reads a file of YAML or JSON into out and refuses names that are not there. No value of the file is in an error: it may be a secret.
func readYAML(name string, raw []byte, out any, help string) error {
	asJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return hint(fmt.Errorf("%s: not YAML%s", name, placeOf(err)), "%s", help)
	}
	d := json.NewDecoder(strings.NewReader(string(asJSON)))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil && !errors.Is(err, io.EOF) {
		return hint(fmt.Errorf("%s: %s", name, explainJSON(err)), "%s", help)
	}
	return nil
}

// placeOf is where the YAML breaks, without its excerpt, which may hold a secret.
func placeOf(err error) string {
	place, _, ok := strings.Cut(strings.TrimPrefix(err.Error(), "["), "]")
	line, column, two := strings.Cut(place, ":")
	if !ok || !two || strings.Trim(line+column, "0123456789") != "" {
		return ""
	}
	return fmt.Sprintf(": line %s, column %s", line, column)
}

// explainJSON says what a decoder found, in the words of the file.
func explainJSON(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		found, _, _ := strings.Cut(t.Value, " ") // what follows is the value
		field := t.Field
		if field == "" {
			field = "the file"
		}
		return fmt.Sprintf("%s must be %s, not %s", field, yamlType(t.Type.Kind()), yamlWords[found])
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "there is no setting " + name
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// yamlWords are a decoder's names of what stands in a file.
var yamlWords = map[string]string{"string": "a text", "number": "a number", "bool": "true or false", "array": "a list", "object": "a mapping"}

func yamlType(k reflect.Kind) string {
	switch k {
	case reflect.Slice, reflect.Array:
		return yamlWords["array"]
	case reflect.Struct, reflect.Map:
		return yamlWords["object"]
	case reflect.String:
		return yamlWords["string"]
	case reflect.Bool:
		return yamlWords["bool"]
	}
	return yamlWords["number"]
}
