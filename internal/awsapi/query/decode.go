package query

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// names are what the tag of a member says.
type names struct {
	// member is the member's own name; first and second are those of a list's elements, or of a map's keys and values.
	member, first, second string
}

func namesOf(f reflect.StructField) names {
	member, rest, _ := strings.Cut(f.Tag.Get("query"), ",")
	n := names{member: member, first: "member"}
	if f.Type.Kind() == reflect.Map {
		n.first, n.second = "key", "value"
	}
	if rest != "" {
		first, second, _ := strings.Cut(rest, ",")
		n.first = first
		if second != "" {
			n.second = second
		}
	}
	return n
}

var (
	timeType  = reflect.TypeFor[wire.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// mustCarry panics if T, a struct, has members without a tag or of a type that the protocol does not carry.
func mustCarry[T any]() {
	if err := carries(reflect.TypeFor[T]()); err != nil {
		panic(fmt.Sprintf("query: %s: %v", reflect.TypeFor[T](), err))
	}
}

func carries(t reflect.Type) error {
	switch {
	case t == timeType || t == bytesType:
		return nil
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() || namesOf(f).member == "" {
				return fmt.Errorf("%s has no tag", f.Name)
			}
			if k := f.Type.Kind(); k != reflect.Pointer && k != reflect.Slice && k != reflect.Map {
				return fmt.Errorf("%s cannot be absent", f.Name)
			}
			if err := carries(f.Type); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		return nil
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int64, reflect.Float64:
		return nil
	case reflect.Pointer, reflect.Slice:
		return carries(t.Elem())
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return carries(t.Elem())
		}
	}
	return fmt.Errorf("type %s is not carried", t)
}

// decode reads form into the struct that into points to. Unknown parameters are ignored.
func decode(form *node, into any) error {
	return decodeStruct(form, reflect.ValueOf(into).Elem(), "")
}

func decodeStruct(n *node, v reflect.Value, path string) error {
	t := v.Type()
	for i := range t.NumField() {
		names := namesOf(t.Field(i))
		c := n.child(names.member)
		if c == nil {
			continue
		}
		if err := decodeValue(c, v.Field(i), names, path+names.member); err != nil {
			return err
		}
	}
	return nil
}

// decodeValue reads n into v, which is settable.
func decodeValue(n *node, v reflect.Value, names names, path string) error {
	switch {
	case v.Type() == bytesType:
		b, err := base64.StdEncoding.DecodeString(n.value)
		if err != nil {
			return unreadable(path, "base64")
		}
		v.SetBytes(b)
		return nil
	case v.Type() == timeType:
		at, err := time.Parse(time.RFC3339, n.value)
		if err != nil {
			return unreadable(path, "a time in the form 2006-01-02T15:04:05Z")
		}
		v.Set(reflect.ValueOf(wire.Time(at.UTC())))
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return decodeValue(n, v.Elem(), names, path)
	case reflect.Struct:
		return decodeStruct(n, v, path+".")
	case reflect.Slice:
		return decodeList(n, v, names, path)
	case reflect.Map:
		return decodeMap(n, v, names, path)
	}
	return decodeScalar(n, v, path)
}

func decodeScalar(n *node, v reflect.Value, path string) error {
	if !n.set {
		return fault.Invalidf(path, "Invalid parameter: %s Reason: a value is expected, not a structure", path)
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.value)
	case reflect.Bool:
		if n.value != "true" && n.value != "false" {
			return unreadable(path, "true or false")
		}
		v.SetBool(n.value == "true")
	case reflect.Int64:
		i, err := strconv.ParseInt(n.value, 10, 64)
		if err != nil {
			return unreadable(path, "a whole number")
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.value, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return unreadable(path, "a number")
		}
		v.SetFloat(f)
	}
	return nil
}

// unreadable says what a parameter should be. The value is not repeated: it may be a secret.
func unreadable(path, want string) error {
	return fault.Invalidf(path, "Invalid parameter: %s Reason: it is not %s", path, want)
}

// decodeList reads X.member.N. X= alone is the empty list.
func decodeList(n *node, v reflect.Value, names names, path string) error {
	path += "." + names.first
	items, ok := n.child(names.first).items()
	if !ok {
		return fault.Invalidf(path, "Invalid parameter: %s Reason: its elements are numbered from 1", path)
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := decodeValue(item, list.Index(i), names, path); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// decodeMap reads X.entry.N.key and X.entry.N.value. X= alone is the empty map.
func decodeMap(n *node, v reflect.Value, names names, path string) error {
	path += ".entry"
	items, ok := n.child("entry").items()
	if !ok {
		return fault.Invalidf(path, "Invalid parameter: %s Reason: its entries are numbered from 1", path)
	}
	out := reflect.MakeMapWithSize(v.Type(), len(items))
	for _, item := range items {
		key, value := item.child(names.first), item.child(names.second)
		if key == nil || !key.set || value == nil {
			return fault.Invalidf(path, "Invalid parameter: %s Reason: an entry has a %s and a %s", path, names.first, names.second)
		}
		k := reflect.ValueOf(key.value)
		if out.MapIndex(k).IsValid() {
			return fault.Invalidf(path, "Invalid parameter: %s Reason: a %s is given twice", path, names.first)
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		if err := decodeValue(value, elem, names, path); err != nil {
			return err
		}
		out.SetMapIndex(k, elem)
	}
	v.Set(out)
	return nil
}
