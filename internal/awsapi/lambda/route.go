package lambda

import (
	"net/http"
	"net/url"
	"strings"

	"countersign/internal/awsapi/lambda/api"
)

// endpoint is an operation of the model, served if run is set.
type endpoint struct {
	operation
	segments []string // of the path; labels keep their braces
	query    string   // "find=LayerVersion", where the model's path has one
}

// routes finds endpoints by the first segment of the path, a date.
type routes map[string][]*endpoint

func newRoutes(known []api.Route) (routes, map[string]*endpoint) {
	all, byName := routes{}, make(map[string]*endpoint, len(known))
	for _, r := range known {
		path, query, _ := strings.Cut(r.URI, "?")
		e := &endpoint{operation: operation{Route: r}, segments: split(path), query: query}
		byName[r.Name] = e
		if date := e.segments[0]; query == "" {
			all[date] = append(all[date], e)
		} else {
			all[date] = append([]*endpoint{e}, all[date]...) // a path with a query is asked before the one without
		}
	}
	return all, byName
}

// split cuts an escaped path into segments. One slash at the end does not count: older clients list functions at "/functions/".
func split(path string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
}

// find returns the endpoint of a request and the values of its labels, or nil.
func (rs routes) find(r *http.Request) (*endpoint, map[string]string) {
	segments := split(r.URL.EscapedPath())
	for _, e := range rs[segments[0]] {
		if e.Method == r.Method && e.asked(r.URL.RawQuery) {
			if labels, ok := e.match(segments); ok {
				return e, labels
			}
		}
	}
	return nil, nil
}

func (e *endpoint) asked(query string) bool {
	if e.query == "" {
		return true
	}
	for part := range strings.SplitSeq(query, "&") {
		if part == e.query {
			return true
		}
	}
	return false
}

// match compares segment by segment. A label is one segment, percent-decoded, and never empty.
func (e *endpoint) match(segments []string) (map[string]string, bool) {
	if len(segments) != len(e.segments) {
		return nil, false
	}
	var labels map[string]string
	for i, want := range e.segments {
		name, isLabel := strings.CutPrefix(want, "{")
		if !isLabel {
			if segments[i] != want {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		if labels == nil {
			labels = make(map[string]string, 2)
		}
		labels[strings.TrimSuffix(name, "}")] = value
	}
	return labels, true
}
