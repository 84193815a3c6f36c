package api

import (
	"reflect"
	"regexp"
	"slices"
	"testing"

	"countersign/internal/awsapi/wire"
)

var label = regexp.MustCompile(`\{[^{}]*\}`)

func TestRoutes(t *testing.T) {
	names := make([]string, len(Operations))
	seen := make(map[string]string)
	for i, r := range Operations {
		names[i] = r.Name
		at := r.Method + " " + label.ReplaceAllString(r.URI, "{}")
		if seen[at] != "" {
			t.Errorf("%s and %s share %s", r.Name, seen[at], at)
		}
		seen[at] = r.Name
		for _, e := range r.Errors {
			if !slices.Contains(Exceptions, e) || ExceptionStatus[e] < 400 {
				t.Errorf("%s declares %s, which is no exception", r.Name, e)
			}
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) != len(Operations) {
		t.Error("the table of operations is not sorted or holds one twice")
	}
	for _, r := range Served {
		if !slices.Contains(names, r.Name) || r.Status < 200 || r.Status > 299 {
			t.Errorf("%s: unknown, or status %d", r.Name, r.Status)
		}
		labels := label.FindAllString(r.URI, -1)
		for _, f := range r.Input {
			if i := slices.Index(labels, "{"+f.Name+"}"); f.In == InURI && i >= 0 {
				labels = slices.Delete(labels, i, i+1)
			} else if f.In == InURI || f.In == InStatus {
				t.Errorf("%s: %+v has no place in %s", r.Name, f, r.URI)
			}
		}
		if len(labels) > 0 {
			t.Errorf("%s: no members for %v", r.Name, labels)
		}
	}
}

func TestPlacedMembersHaveFieldsThatCanHoldThem(t *testing.T) {
	check := func(op string, of any, fields []Field) {
		for _, f := range fields {
			s, ok := reflect.TypeOf(of).FieldByName(f.Member)
			if !ok || s.Tag.Get("json") != "-" {
				t.Errorf("%s: no field %s outside the body", op, f.Member)
				continue
			}
			switch reflect.Zero(s.Type).Interface().(type) {
			case *string, *int64, *bool:
			case []string:
				if f.In != InQuery {
					t.Errorf("%s: list %s outside the query", op, f.Member)
				}
			case []byte:
				if f.In != InPayload {
					t.Errorf("%s: bytes %s outside the payload", op, f.Member)
				}
			default:
				t.Errorf("%s: %s is %s", op, f.Member, s.Type)
			}
		}
	}
	check("Invoke", InvocationRequest{}, OpInvoke.Input)
	check("Invoke", InvocationResponse{}, OpInvoke.Output)
	check("UntagResource", UntagResourceRequest{}, OpUntagResource.Input)
	check("ListFunctions", ListFunctionsRequest{}, OpListFunctions.Input)
	check("RemovePermission", RemovePermissionRequest{}, OpRemovePermission.Input)
	check("DeleteFunction", DeleteFunctionResponse{}, OpDeleteFunction.Output)
	if len(OpInvoke.Input) != 8 || len(OpInvoke.Output) != 6 {
		t.Errorf("Invoke places %d and %d members", len(OpInvoke.Input), len(OpInvoke.Output))
	}
}

func TestValidate(t *testing.T) {
	str := func(s string) *string { return &s }
	for name, tt := range map[string]struct {
		in interface{ Validate(*wire.Violations) }
		ok bool
	}{
		"name":          {&GetFunctionRequest{FunctionName: str("send-code")}, true},
		"arn":           {&GetFunctionRequest{FunctionName: str("arn:aws:lambda:us-local-1:000000000000:function:send-code:live")}, true},
		"slash":         {&GetFunctionRequest{FunctionName: str("a/b")}, false},
		"none":          {&GetFunctionRequest{}, false},
		"alias":         {&GetAliasRequest{FunctionName: str("f"), Name: str("v2-live")}, true},
		"numeric alias": {&GetAliasRequest{FunctionName: str("f"), Name: str("12")}, false},
		"bucket":        {&UpdateFunctionCodeRequest{FunctionName: str("f"), S3Bucket: str("bucket.")}, false},
	} {
		var v wire.Violations
		tt.in.Validate(&v)
		if err := v.Err(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
