package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"

	"countersign/internal/fault"
)

// protocolError is a fault below the operations: it has a fixed AWS name and no fault code of its own.
type protocolError struct{ name, message string }

func (e *protocolError) Error() string { return e.name + ": " + e.message }

func serialization(message string) error {
	return &protocolError{name: "SerializationException", message: message}
}

// maxDepth bounds how deep objects and lists of a body may nest; the deepest input of the models has seven levels.
const maxDepth = 32

// decode reads one JSON object into the struct that into points to. Unknown members are ignored, null counts as
// absent, an empty body as {}. Every error is a *protocolError.
func decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if tooDeep(body) {
		return serialization("The request body nests too deep")
	}
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return serialization(typeMessage(t))
	}
	return serialization("The request body is not valid JSON")
}

// tooDeep counts brackets outside strings. It needs no valid JSON: the decoder judges that.
func tooDeep(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i+1)
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// skipString returns the index of the quote that ends the string whose content begins at i, or len(b).
func skipString(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n
		escapes := 0
		for j := i - 1; b[j] == '\\'; j-- {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
		i++
	}
}

var kinds = map[reflect.Kind]string{
	reflect.String: "a String", reflect.Bool: "a Boolean", reflect.Int64: "an Integer", reflect.Float64: "a Double",
}

// typeMessage words a type mismatch as AWS does. The value is not repeated.
func typeMessage(t *json.UnmarshalTypeError) string {
	if t.Type != nil {
		switch t.Type.Kind() {
		case reflect.Struct, reflect.Map:
			return "Expected a map or structure" + at(t.Field)
		case reflect.Slice:
			return "Expected a list" + at(t.Field)
		}
	}
	switch {
	case t.Value == "object":
		return "Start of structure or map found where not expected" + at(t.Field)
	case t.Value == "array":
		return "Start of list found where not expected" + at(t.Field)
	}
	from := map[string]string{"string": "STRING_VALUE", "bool": "BOOLEAN_VALUE"}[t.Value]
	if from == "" {
		from = "NUMBER_VALUE"
	}
	to := "this type"
	if t.Type != nil && kinds[t.Type.Kind()] != "" {
		to = kinds[t.Type.Kind()]
	}
	return from + " can not be converted to " + to + at(t.Field)
}

func at(field string) string {
	if field == "" {
		return ""
	}
	return " at '" + cut(field, maxEcho) + "'"
}

var errTooLarge = &protocolError{name: "SerializationException", message: "The request body is too large"}

// errorOf returns err as what the mux can answer.
func errorOf(err error) (*fault.Error, *protocolError) {
	if p, ok := errors.AsType[*protocolError](err); ok {
		return nil, p
	}
	return fault.Of(err), nil
}
