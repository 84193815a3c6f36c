package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"countersign/internal/fault"
)

// TestEveryFaultHasARow walks the codes: none without a row, no row without a code.
func TestEveryFaultHasARow(t *testing.T) {
	known := map[fault.Code]bool{}
	for _, c := range fault.Codes() {
		known[c] = true
		r, ok := table[c]
		if !ok || r.message == "" || r.status < 400 || http.StatusText(r.status) == "" {
			t.Errorf("%s has no usable row: %+v", c, r)
		}
	}
	for c := range table {
		if !known[c] {
			t.Errorf("a row for %s, which is no code", c)
		}
	}
}

func TestOf(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a fault":           {fault.New(fault.UserNotFound), `{"statusCode":404,"error":"Not Found","message":"The user does not exist.","errorCode":"inexistent_user"}`},
		"its own sentence":  {fault.Invalidf("x", "Name is odd."), `{"statusCode":400,"error":"Bad Request","message":"Name is odd.","errorCode":"invalid_body"}`},
		"no cause is told":  {fault.Internalf("password is %s", "hunter2"), `{"statusCode":500,"error":"Internal Server Error","message":"Internal error"}`},
		"nor any other":     {errors.New("open /etc/shadow"), `{"statusCode":500,"error":"Internal Server Error","message":"Internal error"}`},
		"nor a sentence":    {fault.New(fault.InternalError).WithPublic("secret"), `{"statusCode":500,"error":"Internal Server Error","message":"Internal error"}`},
		"an unknown code":   {fault.New("nonsense"), `{"statusCode":500,"error":"Internal Server Error","message":"Internal error"}`},
		"no code, no field": {NotFound("Hook not found"), `{"statusCode":404,"error":"Not Found","message":"Hook not found"}`},
		"a payload": {BadBody("name", "The name of this hook", "String is too short (0 chars), minimum 1"),
			`{"statusCode":400,"error":"Bad Request","message":"Payload validation error: 'String is too short (0 chars), minimum 1' on property name (The name of this hook).","errorCode":"invalid_body"}`},
		"a query": {BadQuery("page", "", "x"), `{"statusCode":400,"error":"Bad Request","message":"Query validation error: 'x' on property page.","errorCode":"invalid_query_string"}`},
		"a path":  {BadPath("", "", "x"), `{"statusCode":400,"error":"Bad Request","message":"Path validation error: 'x'.","errorCode":"invalid_uri"}`},
		"a scope": {InsufficientScope("read:hooks"), `{"statusCode":403,"error":"Forbidden","message":"Insufficient scope, expected any of: read:hooks","errorCode":"insufficient_scope"}`},
	} {
		got, err := json.Marshal(Of(tt.err))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s:\n%s\n%s", name, got, tt.want)
		}
	}
	if Of(nil) != nil {
		t.Error("no error became one")
	}
}
