package wire

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"countersign/internal/fault"
)

// maxViolations bounds how many violations are looked for in one input.
const maxViolations = 20

// maxEcho bounds the bytes of a refused value that are repeated in the message.
const maxEcho = 128

// StringRule holds the constraints of a string. Lengths count characters; zero means no bound.
type StringRule struct {
	Min, Max  int
	Pattern   *Pattern
	Enum      []string
	Sensitive bool
}

// IntRule holds the bounds of a number, both inclusive; nil means none.
type IntRule struct{ Min, Max *int64 }

// SizeRule holds the bounds of the number of elements of a list or map, or of the bytes of a blob; zero means none.
type SizeRule struct {
	Min, Max  int
	Sensitive bool
}

// Violations collects what is wrong with one input, in AWS's words. Validate methods call it; the zero value is
// ready. Member names are in camel case, as AWS prints them.
type Violations struct {
	path []step
	list []string
}

// Full reports that enough violations are known; loops over elements stop.
func (v *Violations) Full() bool { return len(v.list) >= maxViolations }

// Err returns nil, or one InvalidParameter that names every violation.
func (v *Violations) Err() error {
	if len(v.list) == 0 {
		return nil
	}
	noun := " validation errors detected: "
	if len(v.list) == 1 {
		noun = " validation error detected: "
	}
	return &fault.Error{Code: fault.InvalidParameter, Public: strconv.Itoa(len(v.list)) + noun + strings.Join(v.list, "; ")}
}

// step is one level of the path to a member. It is turned into text only when something is wrong.
type step struct {
	name  string
	index int // of a list element, from 0; -1 otherwise
}

func (s step) text() string {
	if s.index >= 0 {
		return s.name + "." + strconv.Itoa(s.index+1) + ".member."
	}
	return s.name + "."
}

// Enter descends into a member, Item into the element i (from 0) of a list member. Each is undone by Leave.
func (v *Violations) Enter(name string) { v.path = append(v.path, step{name: name, index: -1}) }

// Item descends into an element of a list; see Enter.
func (v *Violations) Item(name string, i int) { v.path = append(v.path, step{name: name, index: i}) }

// Leave undoes the last Enter or Item.
func (v *Violations) Leave() { v.path = v.path[:len(v.path)-1] }

func (v *Violations) add(value, name, constraint string) {
	if v.Full() {
		return
	}
	at := ""
	for _, s := range v.path {
		at += s.text()
	}
	v.list = append(v.list, value+" at '"+at+name+"' failed to satisfy constraint: "+constraint)
}

// Require reports a required member that is null.
func (v *Violations) Require(name string, null bool) {
	if null {
		v.add("Value null", name, "Member must not be null")
	}
}

func echo(sensitive bool, s string) string {
	if sensitive {
		return "Value"
	}
	if len(s) > maxEcho {
		s = strings.ToValidUTF8(s[:maxEcho], "") + "..."
	}
	return "Value '" + s + "'"
}

// String checks a string; nil is fine.
func (v *Violations) String(name string, p *string, r *StringRule) {
	if p == nil || r.ok(*p) {
		return
	}
	value := echo(r.Sensitive, *p)
	for _, c := range r.broken(*p) {
		v.add(value, name, c)
	}
}

// Int checks a number; nil is fine.
func (v *Violations) Int(name string, p *int64, r *IntRule) {
	if p == nil {
		return
	}
	if r.Max != nil && *p > *r.Max {
		v.add(echo(false, strconv.FormatInt(*p, 10)), name, "Member must have value less than or equal to "+strconv.FormatInt(*r.Max, 10))
	}
	if r.Min != nil && *p < *r.Min {
		v.add(echo(false, strconv.FormatInt(*p, 10)), name, "Member must have value greater than or equal to "+strconv.FormatInt(*r.Min, 10))
	}
}

// Size checks the number of elements of a list or map, or of the bytes of a blob. Call it for present members only.
func (v *Violations) Size(name string, n int, r *SizeRule) { v.size(name, n, r, "Value") }

func (v *Violations) size(name string, n int, r *SizeRule, value string) {
	if n < r.Min {
		v.add(value, name, atLeast+strconv.Itoa(r.Min))
	}
	if r.Max > 0 && n > r.Max {
		v.add(value, name, atMost+strconv.Itoa(r.Max))
	}
}

// Strings checks a list of strings: its size and each element. The rules may be nil; a nil list is fine.
func (v *Violations) Strings(name string, list []string, size *SizeRule, each *StringRule) {
	if list == nil {
		return
	}
	sizeBad := size != nil && (len(list) < size.Min || (size.Max > 0 && len(list) > size.Max))
	eachBad := each != nil && slices.ContainsFunc(list, func(s string) bool { return !each.ok(s) })
	if !sizeBad && !eachBad {
		return
	}
	value := "Value"
	if (size == nil || !size.Sensitive) && (each == nil || !each.Sensitive) {
		value = echo(false, "["+joinBounded(list)+"]")
	}
	if eachBad {
		v.add(value, name, "Member must satisfy constraint: ["+strings.Join(each.constraints(), ", ")+"]")
	}
	if sizeBad {
		v.size(name, len(list), size, value)
	}
}

// StringMap checks a map from string to string: size, keys and values. The rules may be nil; a nil map is fine.
func (v *Violations) StringMap(name string, m map[string]string, size *SizeRule, key, value *StringRule) {
	if m == nil {
		return
	}
	if size != nil {
		v.Size(name, len(m), size)
	}
	var badKey, badValue bool
	for k, s := range m {
		badKey = badKey || (key != nil && !key.ok(k))
		badValue = badValue || (value != nil && !value.ok(s))
	}
	if badKey {
		v.add("Value", name, "Map keys must satisfy constraint: ["+strings.Join(key.constraints(), ", ")+"]")
	}
	if badValue {
		v.add("Value", name, "Map value must satisfy constraint: ["+strings.Join(value.constraints(), ", ")+"]")
	}
}

const (
	atLeast = "Member must have length greater than or equal to "
	atMost  = "Member must have length less than or equal to "
)

// ok is the hot path. Bytes bound characters from above, so most strings are never counted.
func (r *StringRule) ok(s string) bool {
	if r.Max > 0 && len(s) > r.Max && (len(s) > r.Max*utf8.UTFMax || utf8.RuneCountInString(s) > r.Max) {
		return false
	}
	if r.Min > 0 && (len(s) < r.Min || (len(s) < r.Min*utf8.UTFMax && utf8.RuneCountInString(s) < r.Min)) {
		return false
	}
	if r.Enum != nil && !slices.Contains(r.Enum, s) {
		return false
	}
	return r.Pattern == nil || r.Pattern.Match(s)
}

// broken lists the constraints that s breaks, in AWS's order. The pattern of an over-long string is not tried.
func (r *StringRule) broken(s string) []string {
	var out []string
	if r.Enum != nil && !slices.Contains(r.Enum, s) {
		out = append(out, r.enumText())
	}
	n := utf8.RuneCountInString(s)
	long := r.Max > 0 && n > r.Max
	if !long && r.Pattern != nil && !r.Pattern.Match(s) {
		out = append(out, r.patternText())
	}
	if n < r.Min {
		out = append(out, atLeast+strconv.Itoa(r.Min))
	}
	if long {
		out = append(out, atMost+strconv.Itoa(r.Max))
	}
	return out
}

// constraints lists all constraints, as AWS does for the elements of lists and maps.
func (r *StringRule) constraints() []string {
	var out []string
	if r.Max > 0 {
		out = append(out, atMost+strconv.Itoa(r.Max), atLeast+strconv.Itoa(r.Min))
	} else if r.Min > 0 {
		out = append(out, atLeast+strconv.Itoa(r.Min))
	}
	if r.Pattern != nil {
		out = append(out, r.patternText())
	}
	if r.Enum != nil {
		out = append(out, r.enumText())
	}
	return out
}

func (r *StringRule) patternText() string {
	return "Member must satisfy regular expression pattern: " + r.Pattern.String()
}

func (r *StringRule) enumText() string {
	return "Member must satisfy enum value set: [" + strings.Join(r.Enum, ", ") + "]"
}

// joinBounded joins as many elements as an echo can show.
func joinBounded(list []string) string {
	n := 0
	for i, s := range list {
		if n += len(s) + 2; n > 2*maxEcho {
			return strings.Join(list[:i+1], ", ")
		}
	}
	return strings.Join(list, ", ")
}
