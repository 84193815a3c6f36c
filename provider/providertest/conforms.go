package providertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// Conforms fails the test unless the request is as the service's published description has it: path and method, required parameters, media
// type, and the names, types, enums, lengths and patterns of the body. file is its name below specs/sms. The path may have a prefix, and a
// ".json" that the description leaves out.
func Conforms(t testing.TB, file string, r Request) {
	t.Helper()
	d := load(t, filepath.Join("sms", file))
	template, operation := d.operation(r.Method, r.URL.Path)
	if operation == nil {
		t.Errorf("%s: no operation %s %s", file, r.Method, r.URL.Path)
		return
	}
	where := file + " " + template
	for _, p := range d.request(where, operation, r) {
		t.Error(p)
	}
}

// ConformsAnswer fails the test unless an answer (JSON) is as the description has it for the operation of r: for doubles of services.
func ConformsAnswer(t testing.TB, file string, r Request, status int, body []byte) {
	t.Helper()
	d := load(t, filepath.Join("sms", file))
	template, operation := d.operation(r.Method, r.URL.Path)
	answer := d.at(operation, "responses", fmt.Sprint(status))
	if len(answer) == 0 {
		t.Errorf("%s %s: an answer %d is not described", file, template, status)
		return
	}
	for kind, content := range d.at(answer, "content") {
		if !strings.HasPrefix(kind, "application/json") {
			continue
		}
		v := map[string]any{}
		if err := json.Unmarshal(body, &v); err != nil {
			t.Errorf("%s %s: the answer is no JSON object: %v", file, template, err)
			return
		}
		for _, p := range d.problems("answer", d.at(content, "schema"), v) {
			t.Errorf("%s %s: %s", file, template, p)
		}
	}
}

// ConformsAWS fails the test unless v, a decoded JSON body, is the input of an operation in an AWS model. file is its name below specs/aws.
func ConformsAWS(t testing.TB, file, operation string, v any) {
	t.Helper()
	d := load(t, filepath.Join("aws", file))
	input := d.at(map[string]any(d), "operations", operation, "input")
	if len(input) == 0 {
		t.Errorf("%s: no operation %s", file, operation)
		return
	}
	for _, p := range d.shape(operation, input, v) {
		t.Error(p)
	}
}

// request says what is wrong with a request.
func (d description) request(where string, operation map[string]any, r Request) (out []string) {
	query := r.URL.Query()
	parameters, _ := operation["parameters"].([]any)
	known := map[string]bool{}
	for _, p := range parameters {
		m := d.resolve(p)
		name := fmt.Sprint(m["name"])
		switch {
		case m["in"] == "query":
			known[name] = true
			if m["required"] == true && !query.Has(name) {
				out = append(out, fmt.Sprintf("%s: the parameter %s is missing", where, name))
			}
			if query.Has(name) {
				out = append(out, d.problems(where+": form."+name, m["schema"], query.Get(name))...)
			}
		case m["in"] == "header" && m["required"] == true && r.Header.Get(name) == "":
			out = append(out, fmt.Sprintf("%s: the header %s is missing", where, name))
		}
	}
	for name := range query {
		if !known[name] {
			out = append(out, fmt.Sprintf("%s: a parameter %s is not described", where, name))
		}
	}
	return append(out, d.body(where, operation, r)...)
}

func (d description) body(where string, operation map[string]any, r Request) (out []string) {
	content := d.at(operation, "requestBody", "content")
	if len(content) == 0 {
		if len(r.Body) > 0 {
			out = append(out, where+": a body is not described")
		}
		return out
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	described, ok := content[kind]
	if !ok {
		return []string{fmt.Sprintf("%s: a request of %q is not described", where, kind)}
	}
	if kind != "application/x-www-form-urlencoded" {
		var v any
		if err := json.Unmarshal(r.Body, &v); err != nil {
			return []string{fmt.Sprintf("%s: the body is no JSON: %v", where, err)}
		}
		return d.problems(where+": body", d.at(described, "schema"), v)
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return []string{fmt.Sprintf("%s: the form cannot be read: %v", where, err)}
	}
	v := map[string]any{}
	for name := range form {
		v[name] = form.Get(name)
	}
	return d.problems(where+": form", d.at(described, "schema"), v)
}

// operation finds the longest path that the end of p is.
func (d description) operation(method, p string) (template string, operation map[string]any) {
	bases := []string{""}
	servers, _ := d["servers"].([]any)
	for _, s := range servers {
		if u, err := url.Parse(fmt.Sprint(d.resolve(s)["url"])); err == nil && u.Path != "" {
			bases = append(bases, u.Path)
		}
	}
	for _, base := range bases {
		for t := range d.at(map[string]any(d), "paths") {
			op := d.at(map[string]any(d), "paths", t, strings.ToLower(method))
			whole := path.Join("/", base, t)
			if len(op) > 0 && whole != "/" && closer(whole, template) && (endsWith(p, whole) || endsWith(strings.TrimSuffix(p, ".json"), whole)) {
				template, operation = whole, op
			}
		}
	}
	return template, operation
}

// closer reports whether template a, which fits, says more than b: more segments, then fewer of them variable, then longer.
func closer(a, b string) bool {
	return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), cmp.Compare(strings.Count(b, "{"), strings.Count(a, "{")),
		cmp.Compare(len(a), len(b))) > 0
}

// endsWith reports whether the last segments of p are those of the template, whose {names} stand for one segment each.
func endsWith(p, template string) bool {
	have, want := strings.Split(strings.Trim(p, "/"), "/"), strings.Split(strings.Trim(template, "/"), "/")
	if len(have) < len(want) {
		return false
	}
	have = have[len(have)-len(want):]
	for i, w := range want {
		before, rest, variable := strings.Cut(w, "{")
		_, after, _ := strings.Cut(rest, "}")
		if !variable && have[i] != w || variable && (!strings.HasPrefix(have[i], before) || !strings.HasSuffix(have[i], after) ||
			len(have[i]) <= len(before)+len(after)) {
			return false
		}
	}
	return true
}

// load reads a description.
func load(t testing.TB, name string) description {
	t.Helper()
	file := filepath.Join(reference(t), "specs", name)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the API description is missing: set COUNTERSIGN_REFERENCE to the folder that holds specs/sms and specs/aws (%v)", err)
	}
	d := description{}
	if strings.HasSuffix(name, ".json") {
		err = json.Unmarshal(raw, &d)
	} else {
		err = yaml.Unmarshal(raw, &d)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return d
}

// reference is the folder of descriptions: COUNTERSIGN_REFERENCE, or ../shared beside the repository.
func reference(t testing.TB) string {
	if dir := os.Getenv("COUNTERSIGN_REFERENCE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder: set COUNTERSIGN_REFERENCE to the folder that holds specs/sms and specs/aws")
		}
		dir = up
	}
}
