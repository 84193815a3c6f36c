package function_test

import (
	"testing"

	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/store/storetest"
)

func TestParseRef(t *testing.T) {
	e := newEnv(t, storetest.SQLite(t))
	tests := []struct {
		text, qualifier string
		want            function.Ref
		code            fault.Code
	}{
		{"sender", "", fn(), ""},
		{"sender:live", "", fn("live"), ""},
		{"sender", "2", fn("2"), ""},
		{"sender:live", "live", fn("live"), ""},
		{"sender:live", "2", function.Ref{}, fault.InvalidParameter},
		{"sender:$LATEST", "", fn("$LATEST"), ""},
		{"000000000000:function:sender", "", fn(), ""},
		{"000000000000:function:sender:live", "", fn("live"), ""},
		{"000000000000:function:function:live", "", function.Ref{Region: region, Name: "function", Qualifier: "live"}, ""},
		{"us-local-1:000000000000:function:sender", "", fn(), ""},
		{arn, "", fn(), ""},
		{arn + ":3", "", fn("3"), ""},
		{"arn:aws-us-gov:lambda:us-local-1:000000000000:function:sender", "", fn(), ""},
		{"arn:aws:lambda:eu-west-1:000000000000:function:sender", "", function.Ref{}, fault.ResourceNotFound},
		{"arn:aws:lambda:us-local-1:123456789012:function:sender", "", function.Ref{}, fault.ResourceNotFound},
		{"123456789012:function:sender", "", function.Ref{}, fault.ResourceNotFound},
		{"", "", function.Ref{}, fault.InvalidParameter},
		{"a b", "", function.Ref{}, fault.InvalidParameter},
		{"sender:", "", function.Ref{}, fault.InvalidParameter},
		{"sender:a:b", "", function.Ref{}, fault.InvalidParameter},
		{"sender:$LATER", "", function.Ref{}, fault.InvalidParameter},
		{arn + ":1:2", "", function.Ref{}, fault.InvalidParameter},
		{"arn:aws:sns:us-local-1:000000000000:function:sender", "", function.Ref{}, fault.InvalidParameter},
		{"arn:aws:lambda:us-local-1:0:function:sender", "", function.Ref{}, fault.InvalidParameter},
		{"arn:aws:lambda::000000000000:function:sender", "", function.Ref{}, fault.InvalidParameter},
		{"arn:aws:lambda:us-local-1:000000000000:layer:sender", "", function.Ref{}, fault.InvalidParameter},
	}
	for _, tt := range tests {
		got, err := e.ParseRef(region, tt.text, tt.qualifier)
		if got != tt.want || fault.CodeOf(err) != tt.code {
			t.Errorf("%q, %q: %+v, %v; want %+v, %q", tt.text, tt.qualifier, got, err, tt.want, tt.code)
		}
	}
}

// FuzzParseReference: what parses has an ARN that parses to the same.
func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"sender", "sender:live", arn, arn + ":$LATEST", "us-local-1:000000000000:function:x:1", "function:a:b", "arn:aws:lambda", ":::::::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := function.ParseReference(s, region, account)
		if err != nil {
			if fault.CodeOf(err) != fault.InvalidParameter {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		text := r.ARN(r.Account)
		again, err := function.ParseReference(text, "", "")
		again.Partition = r.Partition // ARNs are written in one partition
		if err != nil || again != r {
			t.Fatalf("%q is %+v, and %q is %+v, %v", s, r, text, again, err)
		}
	})
}
