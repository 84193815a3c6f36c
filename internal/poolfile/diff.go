package poolfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two documents.
type Change struct {
	// Path leads to what changes: accounts[twilio].settings.from. Entries of lists are named by their id or name.
	Path string `json:"path"`
	// Before and After are absent where there is nothing.
	Before any `json:"before,omitempty"`
	After  any `json:"after,omitempty"`
}

// Tree is a value as JSON has it: maps, lists, texts, numbers and flags.
func Tree(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var out any
	return out, d.Decode(&out)
}

// Diff lists what is different between two documents in canonical form, by path.
func Diff(before, after *Document) ([]Change, error) {
	b, err := Tree(before)
	if err != nil {
		return nil, err
	}
	a, err := Tree(after)
	if err != nil {
		return nil, err
	}
	var d differ
	d.compare("", b, a)
	return d.changes, nil
}

type differ struct{ changes []Change }

func (d *differ) add(path string, before, after any) {
	d.changes = append(d.changes, Change{path, before, after})
}

func (d *differ) compare(path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			d.maps(path, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok && d.lists(path, b, a) {
			return
		}
	case string:
		if a, ok := after.(string); ok && path == "rates" {
			d.lines(path, b, a)
			return
		}
	}
	// A part that is new, or gone, is shown by its entries.
	if before == nil || after == nil {
		if list, ok := firstOf(before, after).([]any); ok && len(list) > 0 && keysOf(list) != nil {
			empty := []any{}
			if before == nil {
				d.lists(path, empty, list)
			} else {
				d.lists(path, list, empty)
			}
			return
		}
	}
	d.add(path, before, after)
}

func firstOf(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

func (d *differ) maps(path string, before, after map[string]any) {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, k := range sortedKeys(keys) {
		d.compare(join(path, k), before[k], after[k])
	}
}

// lists compares lists whose entries have names, and reports whether they have.
func (d *differ) lists(path string, before, after []any) bool {
	was, is := keysOf(before), keysOf(after)
	if was == nil || is == nil {
		return false
	}
	for i, k := range was {
		if j := slices.Index(is, k); j >= 0 {
			d.compare(path+"["+k+"]", before[i], after[j])
		} else {
			d.add(path+"["+k+"]", before[i], nil)
		}
	}
	for j, k := range is {
		if !slices.Contains(was, k) {
			d.add(path+"["+k+"]", nil, after[j])
		}
	}
	// The same entries in another order: in a plan, who is asked first.
	old := slices.DeleteFunc(slices.Clone(was), func(k string) bool { return !slices.Contains(is, k) })
	now := slices.DeleteFunc(slices.Clone(is), func(k string) bool { return !slices.Contains(was, k) })
	if !slices.Equal(old, now) {
		d.add(path, "in the order "+strings.Join(old, ", "), "in the order "+strings.Join(now, ", "))
	}
	return true
}

// lines compares texts of many lines whose order says nothing.
func (d *differ) lines(path, before, after string) {
	was, is := strings.Split(strings.TrimSpace(before), "\n"), strings.Split(strings.TrimSpace(after), "\n")
	for _, l := range was {
		if !slices.Contains(is, l) && l != "" {
			d.add(path, l, nil)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) && l != "" {
			d.add(path, nil, l)
		}
	}
}

// keysOf are the names of a list's entries, nil if they have none or not each its own. An empty list has none, but is not nil.
func keysOf(list []any) []string {
	out := make([]string, 0, len(list))
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil
		}
		k := keyOf(m)
		if k == "" || slices.Contains(out, k) {
			return nil
		}
		out = append(out, k)
	}
	return out
}

func keyOf(m map[string]any) string {
	for _, name := range []string{"id", "name", "Name", "account"} {
		if k, ok := m[name].(string); ok {
			return k
		}
	}
	value, _ := m["value"].(string)
	country, _ := m["country"].(string)
	if value == "" {
		return ""
	}
	return value + "/" + country
}

// join adds a key to a path; one that is more than a word is quoted.
func join(path, key string) string {
	if strings.Trim(key, wordRunes+"-") != "" || key == "" {
		return fmt.Sprintf("%s[%q]", path, key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
