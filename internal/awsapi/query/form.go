package query

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxParameters bounds the parameters of a form, maxDepth the parts of a parameter's name, maxName its bytes.
	maxParameters = 1000
	maxDepth      = 8
	maxName       = 512
)

// node is a parameter, or a branch of the names of several: of A.B=x, A is a branch and B a parameter.
type node struct {
	value    string
	set      bool
	children map[string]*node
}

// child returns the branch of that name, nil if there is none. Of nil too.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	return n.children[name]
}

// get returns the value of a parameter that is no branch, "" if it is absent.
func (n *node) get(name string) string {
	if c := n.child(name); c != nil {
		return c.value
	}
	return ""
}

// parse reads a form (application/x-www-form-urlencoded). The text of the error may be shown.
func parse(body []byte) (*node, *refusal) {
	if bytes.Count(body, []byte("&")) >= maxParameters {
		return nil, malformed("The request has too many parameters")
	}
	root := &node{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, malformed("The name of a parameter is not encoded as in a form")
		}
		if value, err = url.QueryUnescape(value); err != nil || !utf8.ValidString(value) {
			return nil, malformed("The value of a parameter is not encoded as in a form")
		}
		if why := root.put(name, value); why != "" {
			return nil, malformed(why)
		}
	}
	return root, nil
}

// put adds a parameter below n. It returns why it cannot.
func (n *node) put(name, value string) string {
	if len(name) > maxName || strings.Count(name, ".") >= maxDepth || !utf8.ValidString(name) {
		return "The name of a parameter is too long"
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" {
			return "The name of a parameter has an empty part"
		}
		next := n.children[part]
		if next == nil {
			if n.children == nil {
				n.children = make(map[string]*node, 4)
			}
			next = &node{}
			n.children[part] = next
		}
		n = next
	}
	if n.set {
		return "A parameter is given twice"
	}
	n.value, n.set = value, true
	return ""
}

// items returns the children of n that have numbers from 1, by number, and reports whether it has no others. Numbers may be left out.
func (n *node) items() ([]*node, bool) {
	if n == nil {
		return nil, true
	}
	numbers := make([]int, 0, len(n.children))
	for name := range n.children {
		i, err := strconv.Atoi(name)
		if err != nil || i < 1 || strconv.Itoa(i) != name {
			return nil, false
		}
		numbers = append(numbers, i)
	}
	slices.Sort(numbers)
	out := make([]*node, len(numbers))
	for i, number := range numbers {
		out[i] = n.children[strconv.Itoa(number)]
	}
	return out, true
}
