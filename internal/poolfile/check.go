package poolfile

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
)

// check refuses what a document cannot hold: members that there are not, and values of another type. It names the path.
func check(tree any) error {
	if tree == nil {
		return fmt.Errorf("the file is empty; it begins with version: %d", Version)
	}
	return fits("", tree, reflect.TypeFor[Document]())
}

// Fits refuses a tree, at a path, that a type of JSON members cannot hold: members that there are not, and values of another type. It names the path of
// the first.
func Fits(path string, tree any, t reflect.Type) error { return fits(path, tree, t) }

var (
	timeType = reflect.TypeFor[time.Time]()
	anyType  = reflect.TypeFor[any]()
)

// fits compares a value with the type that it is for.
func fits(path string, v any, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == anyType || v == nil:
		return nil
	case t == timeType:
		s, ok := v.(string)
		if _, err := time.Parse(time.RFC3339, s); !ok || err != nil {
			return wrong(path, "a time like 2027-01-31T00:00:00Z")
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return fitsStruct(path, v, t)
	case reflect.Map:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong(path, "a mapping")
		}
		for _, k := range sortedKeys(m) {
			if err := fits(join(path, k), m[k], t.Elem()); err != nil {
				return err
			}
		}
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return wrong(path, "a list")
		}
		for i, e := range list {
			if err := fits(fmt.Sprintf("%s[%d]", path, i), e, t.Elem()); err != nil {
				return err
			}
		}
	default:
		return fitsScalar(path, v, t.Kind())
	}
	return nil
}

func fitsScalar(path string, v any, kind reflect.Kind) error {
	switch kind {
	case reflect.String:
		if _, ok := v.(string); !ok {
			return wrong(path, "a text; put it in quotes")
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			return wrong(path, "true or false")
		}
	case reflect.Float64:
		if _, ok := numberOf(v); !ok {
			return wrong(path, "a number")
		}
	default:
		if n, ok := numberOf(v); !ok || n != math.Trunc(n) {
			return wrong(path, "a whole number")
		}
	}
	return nil
}

func numberOf(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}

func wrong(path, want string) error {
	if path == "" {
		path = "the file"
	}
	return fmt.Errorf("%s must be %s", path, want)
}

func fitsStruct(path string, v any, t reflect.Type) error {
	m, ok := v.(map[string]any)
	if !ok {
		return wrong(path, "a mapping")
	}
	members := membersOf(t)
	for _, k := range sortedKeys(m) {
		f, ok := members[k]
		if !ok {
			return fmt.Errorf("%s: there is no such setting; there are %s", join(path, k), strings.Join(sortedKeys(members), ", "))
		}
		if err := fits(join(path, k), m[k], f); err != nil {
			return err
		}
	}
	return nil
}

// membersOf are the members of a struct by their names in JSON, those of embedded structs among them.
func membersOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			for k, v := range membersOf(f.Type) {
				out[k] = v
			}
		case name != "":
			out[name] = f.Type
		}
	}
	return out
}

// Check refuses a document whose form is not known, and lists in which an entry has no name or stands twice. It names the path.
func (d *Document) Check() error {
	if d.Version != Version {
		return fmt.Errorf("version: there is no form %d of this document; %d is the one there is", d.Version, Version)
	}
	var lists []named
	for _, x := range d.Clients {
		lists = append(lists, named{"clients", "id", x.ID})
	}
	for _, x := range d.Accounts {
		lists = append(lists, named{"accounts", "name", x.Name})
	}
	for _, x := range d.Canaries {
		lists = append(lists, named{"canaries", "name", x.Name})
	}
	for _, x := range d.Registrations {
		lists = append(lists, named{"registrations", "name", x.Name})
	}
	if p := d.Deployment; p != nil {
		for _, x := range p.Registrations {
			lists = append(lists, named{"deployment.registrations", "name", x.Name})
		}
		for _, x := range p.Originations {
			lists = append(lists, named{"deployment.originations", "value", strings.TrimPrefix(x.Key(), "/")})
		}
	}
	seen := map[named]bool{}
	for _, n := range lists {
		if n.key == "" {
			return fmt.Errorf("%s: an entry has no %s", n.list, n.by)
		}
		if seen[n] {
			return fmt.Errorf("%s[%s]: it stands there twice", n.list, n.key)
		}
		seen[n] = true
	}
	return nil
}

// named is an entry of a list.
type named struct{ list, by, key string }
