package wire

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"countersign/internal/fault"
)

// maxList bounds lists of strings in a body.
const maxList = 100

// Parameters are the strings, and lists of strings, of a request's body: a JSON object or a form. Auth0's own clients send both. Members of
// other types are left out.
type Parameters struct {
	texts map[string]string
	lists map[string][]string
}

// Get returns a string, "" if there is none.
func (p *Parameters) Get(name string) string { return p.texts[name] }

// Set gives a string another value.
func (p *Parameters) Set(name, value string) { p.texts[name] = value }

// List returns a list of strings; a single string is a list of one, as go-auth0 sends it. Empty strings are left out.
func (p *Parameters) List(name string) []string {
	if l := p.lists[name]; l != nil {
		return l
	}
	if s := p.texts[name]; s != "" {
		return []string{s}
	}
	return nil
}

// ReadParameters reads a body of at most limit bytes. Errors: PayloadTooLarge; InvalidParameter, with a sentence, for what is neither JSON nor a
// form or has a parameter twice (RFC 6749, section 3.2). A body without Content-Type is a form; an empty one has no parameters.
func ReadParameters(w http.ResponseWriter, r *http.Request, limit int64) (*Parameters, error) {
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	switch t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t {
	case "application/json":
		return jsonParameters(body)
	case "application/x-www-form-urlencoded", "":
		return formParameters(string(body))
	}
	return nil, fault.Invalidf("", "The body must be JSON or a form.")
}

// ReadBody reads a body of at most limit bytes. Error: PayloadTooLarge.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, fault.New(fault.PayloadTooLarge).WithPublic("The body cannot be read or is larger than %d KiB.", limit>>10)
	}
	return body, nil
}

func jsonParameters(body []byte) (*Parameters, error) {
	malformed := fault.Invalidf("", "The body is not a JSON object.")
	d := json.NewDecoder(strings.NewReader(string(body)))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, malformed
	}
	p, seen := &Parameters{texts: map[string]string{}, lists: map[string][]string{}}, map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, malformed
		}
		if seen[name] {
			return nil, fault.Invalidf("", "A parameter comes twice: %s", Printable(name))
		}
		seen[name] = true
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, malformed
		}
		switch v := v.(type) {
		case string:
			p.texts[name] = v
		case []any:
			p.lists[name] = strs(v)
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, malformed
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, malformed
	}
	return p, nil
}

// strs keeps the strings of a list.
func strs(values []any) []string {
	out := []string{}
	for _, v := range values {
		if s, ok := v.(string); ok && s != "" && len(out) < maxList {
			out = append(out, s)
		}
	}
	return out
}

// formParameters takes a=b; a[]=b, as many times as it comes, is a list.
func formParameters(body string) (*Parameters, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, fault.Invalidf("", "The form is malformed.")
	}
	p := &Parameters{texts: make(map[string]string, len(form)), lists: map[string][]string{}}
	for name, values := range form {
		if list, ok := strings.CutSuffix(name, "[]"); ok {
			p.lists[list] = slices.DeleteFunc(values[:min(len(values), maxList)], func(s string) bool { return s == "" })
			continue
		}
		if len(values) > 1 {
			return nil, fault.Invalidf("", "A parameter comes twice: %s", Printable(name))
		}
		p.texts[name] = values[0]
	}
	return p, nil
}

// Printable cuts s to what may be echoed: 100 characters of ASCII.
func Printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), 100)]
}
