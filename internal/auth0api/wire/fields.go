package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxMembers bounds the members of an object and the elements of a list in a body.
const MaxMembers = 1000

// Fields reads the members of a JSON object (or of a form, whose values are strings). The first thing that is wrong is kept for Done, so that a
// caller reads all it needs and asks once.
type Fields struct {
	path  string
	m     map[string]json.RawMessage
	asked map[string]bool
	err   **Error
	form  bool
}

// Rule is what a member must be. The zero Rule takes anything of its type.
type Rule struct {
	// Title is the member's description in errors.
	Title    string
	Required bool
	// Min and Max bound the length of a string in characters, the elements of a list or the value of a number. Zero: unbounded.
	Min, Max int
	OneOf    []string
	// Null: null counts as absent. It does for no other member.
	Null bool
}

// ParseFields reads a body. An empty one, or null (which go-auth0 sends where it has nothing to say), is an empty object.
func ParseFields(contentType string, body []byte) (*Fields, error) {
	f := &Fields{asked: map[string]bool{}, err: new(*Error)}
	if t, _, _ := mime.ParseMediaType(contentType); t == "application/x-www-form-urlencoded" {
		return f, f.readForm(string(body))
	}
	if text := bytes.TrimSpace(body); len(text) == 0 || string(text) == "null" {
		return f, nil
	}
	if err := json.Unmarshal(body, &f.m); err != nil || f.m == nil {
		return nil, notObject(body, err)
	}
	if len(f.m) > MaxMembers {
		return nil, BadBody("", "", "Too many properties defined (%d), maximum %d", len(f.m), MaxMembers)
	}
	return f, nil
}

func (f *Fields) readForm(body string) error {
	form, err := url.ParseQuery(body)
	if err != nil || len(form) > MaxMembers {
		return BadBody("", "", "The form is malformed")
	}
	f.form, f.m = true, map[string]json.RawMessage{}
	for name, values := range form {
		if list, ok := strings.CutSuffix(name, "[]"); ok {
			f.m[list], _ = json.Marshal(values)
			continue
		}
		f.m[name], _ = json.Marshal(values[0])
	}
	return nil
}

func notObject(body []byte, err error) *Error {
	if json.Valid(body) {
		return BadBody("", "", "Expected type object but found type %s", typeOf(body))
	}
	e := Errorf(400, invalidBody, "Invalid request payload JSON format")
	if s, ok := err.(*json.SyntaxError); ok {
		e.Hint = fmt.Sprintf("%s, at byte %d", s, s.Offset)
	}
	return e
}

// ParseStrings reads a body that is a JSON list of strings, at least min.
func ParseStrings(body []byte, min int) ([]string, error) {
	var out []string
	if err := json.Unmarshal(body, &out); err != nil || out == nil {
		if json.Valid(body) {
			return nil, BadBody("", "", "Expected type array of strings but found type %s", typeOf(body))
		}
		return nil, Errorf(400, invalidBody, "Invalid request payload JSON format")
	}
	if len(out) < min || len(out) > MaxMembers {
		return nil, BadBody("", "", "Array is too short or too long (%d), minimum %d, maximum %d", len(out), min, MaxMembers)
	}
	return out, nil
}

// Has reports whether the member is there and not null.
func (f *Fields) Has(name string) bool { _, ok := f.raw(name); return ok }

// IsNull reports whether the member is there and null.
func (f *Fields) IsNull(name string) bool {
	f.asked[name] = true
	v, ok := f.m[name]
	return ok && string(v) == "null"
}

// Names returns the names of all members, sorted.
func (f *Fields) Names() []string { return slices.Sorted(maps.Keys(f.m)) }

// Members returns all members as they are, and takes them as asked for.
func (f *Fields) Members() map[string]json.RawMessage {
	f.Ignore(f.Names()...)
	return maps.Clone(f.m)
}

// Len is how many members there are.
func (f *Fields) Len() int { return len(f.m) }

func (f *Fields) raw(name string) (json.RawMessage, bool) {
	f.asked[name] = true
	v, ok := f.m[name]
	return v, ok && string(v) != "null"
}

// member returns a member, or false if it is absent; it complains where it must not be.
func (f *Fields) member(name string, r Rule) (json.RawMessage, bool) {
	v, ok := f.raw(name)
	if _, there := f.m[name]; !ok && there && !r.Null {
		f.Fail(name, r.Title, "Expected type %s but found type null", "other than null")
	} else if !ok && r.Required {
		f.missing(name)
	}
	return v, ok
}

func (f *Fields) missing(name string) {
	if *f.err == nil {
		*f.err = BadBody(f.path, "", "Missing required property: %s", name)
	}
}

// Fail complains about a member in the caller's words. Only the first complaint counts.
func (f *Fields) Fail(name, title, format string, args ...any) {
	if *f.err == nil {
		*f.err = BadBody(f.at(name), title, format, args...)
	}
}

func (f *Fields) at(name string) string {
	name = Printable(name)
	if f.path == "" {
		return name
	}
	return f.path + "." + name
}

func (f *Fields) wrongType(name string, r Rule, want string, v json.RawMessage) {
	f.Fail(name, r.Title, "Expected type %s but found type %s", want, typeOf(v))
}

// Text returns a string, nil if it is absent.
func (f *Fields) Text(name string, r Rule) *string {
	v, ok := f.member(name, r)
	if !ok {
		return nil
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		f.wrongType(name, r, "string", v)
		return nil
	}
	if !f.checkText(name, r, s) {
		return nil
	}
	return &s
}

func (f *Fields) checkText(name string, r Rule, s string) bool {
	n := utf8.RuneCountInString(s)
	switch {
	case strings.ContainsRune(s, 0):
		f.Fail(name, r.Title, "String holds the character U+0000")
	case n < r.Min:
		f.Fail(name, r.Title, "String is too short (%d chars), minimum %d", n, r.Min)
	case r.Max > 0 && n > r.Max:
		f.Fail(name, r.Title, "String is too long (%d chars), maximum %d", n, r.Max)
	case len(r.OneOf) > 0 && !slices.Contains(r.OneOf, s):
		f.Fail(name, r.Title, "No enum match for: %s", Printable(s))
	default:
		return true
	}
	return false
}

// Bool returns a boolean, nil if it is absent. The strings "true" and "false" count: Auth0's own documentation sends them.
func (f *Fields) Bool(name string, r Rule) *bool {
	v, ok := f.member(name, r)
	if !ok {
		return nil
	}
	b, err := strconv.ParseBool(strings.Trim(string(v), `"`))
	if err != nil || len(v) < 4 {
		f.wrongType(name, r, "boolean", v)
		return nil
	}
	return &b
}

// Int returns a whole number, nil if it is absent. A string of digits counts in forms.
func (f *Fields) Int(name string, r Rule) *int {
	v, ok := f.member(name, r)
	if !ok {
		return nil
	}
	s := string(v)
	if f.form {
		s = strings.Trim(s, `"`)
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		f.wrongType(name, r, "integer", v)
	case n < r.Min || r.Max > 0 && n > r.Max:
		f.Fail(name, r.Title, "Value %d is not between %d and %d", n, r.Min, r.Max)
	default:
		return &n
	}
	return nil
}

// Raw returns a member as it is, nil if it is absent.
func (f *Fields) Raw(name string, r Rule) json.RawMessage {
	v, _ := f.member(name, r)
	return v
}

// Texts returns a list of strings, nil if it is absent. OneOf is about the elements, Min and Max about their number.
func (f *Fields) Texts(name string, r Rule) []string {
	v, ok := f.member(name, r)
	if !ok {
		return nil
	}
	out := []string{}
	if json.Unmarshal(v, &out) != nil {
		f.wrongType(name, r, "array of strings", v)
		return nil
	}
	if !f.count(name, r, len(out)) {
		return nil
	}
	for i, s := range out {
		if !f.checkText(name+"["+strconv.Itoa(i)+"]", Rule{Title: r.Title, OneOf: r.OneOf}, s) {
			return nil
		}
	}
	return out
}

func (f *Fields) count(name string, r Rule, n int) bool {
	most := r.Max
	if most == 0 {
		most = MaxMembers
	}
	if n >= r.Min && n <= most {
		return true
	}
	f.Fail(name, r.Title, "Array or object has %d elements, minimum %d, maximum %d", n, r.Min, most)
	return false
}

// Map returns an object of strings, nil if it is absent. Min and Max bound the number of its members.
func (f *Fields) Map(name string, r Rule) map[string]string {
	o := f.Object(name, r)
	if o == nil || !f.count(name, r, len(o.m)) {
		return nil
	}
	out := make(map[string]string, len(o.m))
	for _, k := range o.Names() {
		if s := o.Text(k, Rule{Title: r.Title}); s != nil {
			out[k] = *s
		}
	}
	return out
}

// Object returns a member that is an object, nil if it is absent. Its complaints are f's.
func (f *Fields) Object(name string, r Rule) *Fields {
	v, ok := f.member(name, r)
	if !ok {
		return nil
	}
	return f.object(name, r, v)
}

func (f *Fields) object(name string, r Rule, v json.RawMessage) *Fields {
	o := &Fields{path: f.at(name), asked: map[string]bool{}, err: f.err}
	if json.Unmarshal(v, &o.m) != nil || o.m == nil {
		f.wrongType(name, r, "object", v)
		return nil
	}
	if len(o.m) > MaxMembers {
		f.Fail(name, r.Title, "Too many properties defined (%d), maximum %d", len(o.m), MaxMembers)
		return nil
	}
	return o
}

// Objects returns a list of objects, nil if it is absent. Min and Max bound its length.
func (f *Fields) Objects(name string, r Rule) []*Fields {
	v, ok := f.member(name, r)
	if !ok {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(v, &list) != nil {
		f.wrongType(name, r, "array", v)
		return nil
	}
	if !f.count(name, r, len(list)) {
		return nil
	}
	out := make([]*Fields, 0, len(list))
	for i, e := range list {
		o := f.object(name+"["+strconv.Itoa(i)+"]", r, e)
		if o == nil {
			return nil
		}
		out = append(out, o)
	}
	return out
}

// Ignore takes members as asked for.
func (f *Fields) Ignore(names ...string) {
	for _, n := range names {
		f.asked[n] = true
	}
}

// Unknown returns the members that nobody asked for, and takes them as asked for.
func (f *Fields) Unknown() map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, v := range f.m {
		if !f.asked[name] {
			out[name], f.asked[name] = v, true
		}
	}
	return out
}

// Err returns the first complaint.
func (f *Fields) Err() error {
	if *f.err == nil {
		return nil
	}
	return *f.err
}

// Done returns the first complaint, or one about a member that nobody asked for.
func (f *Fields) Done() error {
	for _, name := range f.Names() {
		if !f.asked[name] && *f.err == nil {
			*f.err = BadBody(f.path, "", "Additional properties not allowed: %s", Printable(name))
		}
	}
	return f.Err()
}

func typeOf(v []byte) string {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		return "nothing"
	}
	switch v[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
