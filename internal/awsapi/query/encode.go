package query

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/awsapi/wire"
)

// writer writes XML of elements without attributes.
type writer struct{ bytes.Buffer }

func (w *writer) open(name string) {
	w.WriteByte('<')
	w.WriteString(name)
	w.WriteByte('>')
}

func (w *writer) close(name string) {
	w.WriteString("</")
	w.WriteString(name)
	w.WriteByte('>')
}

// text writes an element that holds s. What XML cannot hold becomes U+FFFD.
func (w *writer) text(name, s string) {
	w.open(name)
	_ = xml.EscapeText(w, []byte(s)) // a buffer takes everything
	w.close(name)
}

// root opens the outermost element.
func (w *writer) root(name, namespace string) {
	w.open(name + ` xmlns="` + namespace + `"`)
}

// members writes the present members of the struct that out points to. A nil out has none.
func (w *writer) members(out any) {
	if out != nil {
		w.structure(reflect.ValueOf(out).Elem())
	}
}

func (w *writer) structure(v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		if f := v.Field(i); !f.IsNil() {
			names := namesOf(t.Field(i))
			w.value(names.member, f, names)
		}
	}
}

// value writes an element with a value of a type that carries let pass.
func (w *writer) value(name string, v reflect.Value, names names) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Type() == bytesType:
		w.text(name, base64.StdEncoding.EncodeToString(v.Bytes()))
		return
	case v.Type() == timeType:
		w.text(name, stamp(v.Interface().(wire.Time).Time()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		w.text(name, v.String())
	case reflect.Bool:
		w.text(name, strconv.FormatBool(v.Bool()))
	case reflect.Int64:
		w.text(name, strconv.FormatInt(v.Int(), 10))
	case reflect.Float64:
		w.text(name, strconv.FormatFloat(v.Float(), 'g', -1, 64))
	default:
		w.open(name)
		w.content(v, names)
		w.close(name)
	}
}

// content writes what stands within the element of a structure, list or map.
func (w *writer) content(v reflect.Value, names names) {
	switch v.Kind() {
	case reflect.Struct:
		w.structure(v)
	case reflect.Slice:
		for i := range v.Len() {
			w.value(names.first, v.Index(i), names)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			w.open("entry")
			w.text(names.first, k.String())
			w.value(names.second, v.MapIndex(k), names)
			w.close("entry")
		}
	}
}

// stamp writes a time as the protocol wants it: ISO 8601 with milliseconds in UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
