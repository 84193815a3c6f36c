package lambda

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"countersign/internal/awsapi/lambda/api"
)

func TestEveryPathOfTheModelIsFound(t *testing.T) {
	rs, _ := newRoutes(api.Operations)
	for _, route := range api.Operations {
		path := strings.NewReplacer("{", "", "}", "%3Ax").Replace(route.URI)
		e, labels := rs.find(httptest.NewRequest(route.Method, path, nil))
		if e == nil || e.Name != route.Name {
			t.Errorf("%s %s: %v", route.Method, path, e)
			continue
		}
		for name, value := range labels {
			equal(t, route.Name+" "+name, value, name+":x")
		}
		equal(t, route.Name+" labels", len(labels), strings.Count(route.URI, "{"))
	}
}

func TestFind(t *testing.T) {
	rs, _ := newRoutes(api.Operations)
	const arn = "arn:aws:lambda:us-local-1:000000000000:function:f:$LATEST"
	tests := map[string]struct{ method, target, operation, name string }{
		"name":              {"GET", "/2015-03-31/functions/f", "GetFunction", "f"},
		"encoded ARN":       {"GET", "/2015-03-31/functions/" + url.PathEscape(arn), "GetFunction", arn},
		"all encoded":       {"GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-local-1%3A000000000000%3Afunction%3Af%3A%24LATEST", "GetFunction", arn},
		"ARN as it is":      {"GET", "/2015-03-31/functions/" + arn, "GetFunction", arn},
		"slash at the end":  {"GET", "/2015-03-31/functions/", "ListFunctions", ""},
		"no slash":          {"GET", "/2015-03-31/functions", "ListFunctions", ""},
		"encoded slash":     {"GET", "/2015-03-31/functions/a%2Fpolicy", "GetFunction", "a/policy"},
		"policy":            {"GET", "/2015-03-31/functions/a/policy", "GetPolicy", "a"},
		"two slashes":       {"GET", "/2015-03-31/functions//policy", "", ""},
		"empty label":       {"GET", "/2015-03-31/functions//", "", ""},
		"too long":          {"GET", "/2015-03-31/functions/a/policy/b/c", "", ""},
		"another method":    {"PATCH", "/2015-03-31/functions/f", "", ""},
		"another date":      {"GET", "/2015-04-01/functions/f", "", ""},
		"the query decides": {"GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", "GetLayerVersionByArn", ""},
		"without the query": {"GET", "/2018-10-31/layers", "ListLayers", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, labels := rs.find(httptest.NewRequest(tt.method, tt.target, nil))
			if tt.operation == "" {
				if e != nil {
					t.Errorf("found %s", e.Name)
				}
				return
			}
			if e == nil || e.Name != tt.operation || labels["FunctionName"] != tt.name {
				t.Errorf("got %v %v", e, labels)
			}
		})
	}
}

// Whatever the path is: a found endpoint has as many segments, and its labels are what the segments say.
func FuzzFind(f *testing.F) {
	for _, s := range []string{
		"/2015-03-31/functions/f", "/2015-03-31/functions/a%2fb/policy/x", "/2017-03-31/tags/arn%3Aaws%3Alambda", "//", "/%", "/2015-03-31/functions/%zz", "/2015-03-31/code/x/y.zip",
	} {
		f.Add("GET", s)
	}
	rs, _ := newRoutes(api.Operations)
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: method, URL: u}
		downloadToken(r)
		e, labels := rs.find(r)
		if e == nil {
			return
		}
		if e.Method != method || len(split(u.EscapedPath())) != len(e.segments) {
			t.Errorf("%s %q is not %s", method, target, e.Name)
		}
		rest := strings.Trim(e.URI, "/")
		for name, value := range labels {
			if value == "" {
				t.Errorf("%q: empty %s", target, name)
			}
			rest = strings.ReplaceAll(rest, "{"+name+"}", url.PathEscape(value))
		}
		again, err := url.Parse("/" + rest)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := rs.find(&http.Request{Method: method, URL: again}); second != e {
			t.Errorf("%q found %s, %q found %v", target, e.Name, rest, second)
		}
	})
}
