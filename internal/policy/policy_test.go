package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	keyARN  = "arn:aws:kms:us-local-1:000000000000:key/1"
	poolA   = "arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_a"
	poolB   = "arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_b"
	cognito = "cognito-idp.amazonaws.com"
	root    = "arn:aws:iam::000000000000:root"
	ann     = "arn:aws:iam::000000000000:user/ann"
)

func mustParse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestDecide(t *testing.T) {
	st := func(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }
	allow := func(rest string) string {
		return `{"Effect":"Allow","Action":"kms:*","Resource":"*",` + rest + `}`
	}
	user := Request{Principal: ann, Action: "kms:Decrypt", Resource: keyARN}
	with := func(r Request, keys ...string) Request {
		r.Keys = map[string]string{}
		for i := 0; i < len(keys); i += 2 {
			r.Keys[NormalKey(keys[i])] = keys[i+1]
		}
		return r
	}
	service := with(Request{Service: cognito, Action: "kms:GenerateDataKey", Resource: keyARN}, "aws:SourceArn", poolA, "aws:SourceAccount", "000000000000")
	source := func(op, key, value string) string {
		return st(allow(`"Principal":{"Service":"` + cognito + `"},"Condition":{"` + op + `":{"` + key + `":"` + value + `"}}`))
	}
	for name, c := range map[string]struct {
		policy string
		r      Request
		want   Decision
	}{
		"account by root":          {st(allow(`"Principal":{"AWS":"` + root + `"}`)), user, Allow},
		"account by number":        {st(allow(`"Principal":{"AWS":"000000000000"}`)), user, Allow},
		"another account":          {st(allow(`"Principal":{"AWS":"111111111111"}`)), user, None},
		"the user":                 {st(allow(`"Principal":{"AWS":["arn:aws:iam::000000000000:user/bob","` + ann + `"]}`)), user, Allow},
		"another user":             {st(allow(`"Principal":{"AWS":"arn:aws:iam::000000000000:user/bob"}`)), user, None},
		"everybody":                {st(allow(`"Principal":"*"`)), user, Allow},
		"everybody in a list":      {st(allow(`"Principal":{"AWS":["*"]}`)), service, Allow},
		"a role's session":         {st(allow(`"Principal":{"AWS":"arn:aws:iam::000000000000:role/r"}`)), Request{Principal: "arn:aws:sts::000000000000:assumed-role/r/s", Action: "kms:Decrypt", Resource: keyARN}, Allow},
		"root is no service":       {st(allow(`"Principal":{"AWS":"` + root + `"}`)), service, None},
		"a service is no user":     {st(allow(`"Principal":{"Service":"` + cognito + `"}`)), user, None},
		"the service":              {st(allow(`"Principal":{"Service":"` + cognito + `"}`)), service, Allow},
		"another service":          {st(allow(`"Principal":{"Service":"lambda.amazonaws.com"}`)), service, None},
		"action, other case":       {st(`{"Effect":"Allow","Principal":"*","Action":"KMS:decr*","Resource":"*"}`), user, Allow},
		"another action":           {st(`{"Effect":"Allow","Principal":"*","Action":["kms:Encrypt","kms:Sign"],"Resource":"*"}`), user, None},
		"NotAction":                {st(`{"Effect":"Allow","Principal":"*","NotAction":"kms:Encrypt","Resource":"*"}`), user, Allow},
		"NotAction of it":          {st(`{"Effect":"Allow","Principal":"*","NotAction":"kms:D*","Resource":"*"}`), user, None},
		"the resource":             {st(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"` + keyARN + `"}`), user, Allow},
		"another resource":         {st(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"` + keyARN + `0"}`), user, None},
		"deny wins, first":         {st(`{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"},` + allow(`"Principal":"*"`)), user, Deny},
		"deny wins, last":          {st(allow(`"Principal":"*"`) + `,{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}`), user, Deny},
		"one statement, no list":   {`{"Statement":` + allow(`"Principal":"*"`) + `}`, user, Allow},
		"source":                   {source("ArnLike", "AWS:SourceArn", poolA), service, Allow},
		"another source":           {source("ArnLike", "aws:SourceArn", poolB), service, None},
		"source by pattern":        {source("ArnLike", "aws:SourceArn", "arn:aws:cognito-idp:*:000000000000:userpool/us-local-1_?"), service, Allow},
		"a star stays in its part": {source("ArnEquals", "aws:SourceArn", "arn:aws:*"), service, None},
		"StringEquals":             {source("StringEquals", "aws:SourceAccount", "000000000000"), service, Allow},
		"StringEquals is no like":  {source("StringEquals", "aws:SourceAccount", "0*"), service, None},
		"StringLike":               {source("StringLike", "aws:SourceAccount", "0*"), service, Allow},
		"a missing key":            {source("StringEquals", "aws:other", "x"), service, None},
		"a missing key, IfExists":  {source("StringEqualsIfExists", "aws:other", "x"), service, Allow},
		"a wrong key, IfExists":    {source("StringEqualsIfExists", "aws:SourceAccount", "x"), service, None},
		"a missing key, negated":   {source("StringNotEquals", "aws:other", "x"), service, Allow},
		"negated":                  {source("ArnNotLike", "aws:SourceArn", poolA), service, None},
		"Null, missing":            {source("Null", "aws:other", "true"), service, Allow},
		"Null, there":              {source("Null", "aws:SourceArn", "true"), service, None},
		"Null false, there":        {source("Null", "aws:SourceArn", "false"), service, Allow},
		"Bool":                     {st(allow(`"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":true}}`)), with(user, "aws:SecureTransport", "true"), Allow},
		"one of several values":    {st(allow(`"Principal":"*","Condition":{"StringEquals":{"kms:EncryptionContext:a":["x","y"]}}`)), with(user, "kms:EncryptionContext:a", "y"), Allow},
		"context names have case":  {st(allow(`"Principal":"*","Condition":{"StringEquals":{"kms:EncryptionContext:A":"y"}}`)), with(user, "kms:EncryptionContext:a", "y"), None},
		"all conditions":           {st(allow(`"Principal":"*","Condition":{"StringEquals":{"a:b":"1","a:c":"2"}}`)), with(user, "a:b", "1"), None},
	} {
		if got := mustParse(t, c.policy).Decide(c.r); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	p := mustParse(t, `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"`+root+`"},"Action":"*","Resource":"*"},
		{"Effect":"Deny","Principal":{"Service":"a.b"},"Action":"*","Resource":"*"},{"Effect":"Allow","Principal":{"Service":["`+cognito+`"]},"Action":"*","Resource":"*"}]}`)
	if !p.Names(cognito) || p.Names("a.b") || p.Names("lambda.amazonaws.com") {
		t.Error("Names is wrong")
	}
}

func TestParseRefuses(t *testing.T) {
	ok := `"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"`
	for text, want := range map[string]string{
		"": "JSON", "[]": "object", "{": "JSON", `{} {}`: "after its end", `{"Statement":[]}`: "missing", `{}`: "missing",
		`{"Version":"2020-01-01","Statement":{` + ok + `}}`:                                                                   "2020-01-01",
		`{"Owner":"x","Statement":{` + ok + `}}`:                                                                              `"Owner"`,
		`{"Statement":{` + ok + `,"NotPrincipal":"*"}}`:                                                                       "NotPrincipal",
		`{"Statement":{` + ok + `,"NotResource":"*"}}`:                                                                        "NotResource",
		`{"Statement":{` + ok + `,"NotAction":"*"}}`:                                                                          "exclude",
		`{"Statement":{` + ok + `,"Effect":"Deny"}}`:                                                                          "twice",
		`{"Statement":{` + ok + `,"effect":"Deny"}}`:                                                                          `"effect"`,
		`{"Statement":{"Principal":"*","Action":"kms:*","Resource":"*"}}`:                                                     "Effect",
		`{"Statement":{"Effect":"allow","Principal":"*","Action":"kms:*","Resource":"*"}}`:                                    "Effect",
		`{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`:                                                    "Principal",
		`{"Statement":{"Effect":"Allow","Principal":"*","Resource":"*"}}`:                                                     "Action",
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*"}}`:                                                   "Resource",
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":[],"Resource":"*"}}`:                                         "empty",
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"Decrypt","Resource":"*"}}`:                                  "service:Name",
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"${aws:x}"}}`:                             "variable",
		`{"Statement":{"Effect":"Allow","Principal":{"Federated":"x"},"Action":"*","Resource":"*"}}`:                          "Federated",
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":"x"},"Action":"*","Resource":"*"}}`:                                `"x"`,
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/*"},"Action":"*","Resource":"*"}}`: "wildcards",
		`{"Statement":{"Effect":"Allow","Principal":{"Service":"*"},"Action":"*","Resource":"*"}}`:                            "service principal",
		`{"Statement":{` + ok + `,"Condition":{"NumericEquals":{"a":"1"}}}}`:                                                  "NumericEquals",
		`{"Statement":{` + ok + `,"Condition":{"ForAnyValue:StringEquals":{"a":"1"}}}}`:                                       "ForAnyValue",
		`{"Statement":{` + ok + `,"Condition":{"NullIfExists":{"a":"true"}}}}`:                                                "NullIfExists",
		`{"Statement":{` + ok + `,"Condition":{"StringEquals":{"a":1}}}}`:                                                     "strings",
		`{"Statement":{` + ok + `,"Condition":{"StringEquals":"a"}}}`:                                                         "object",
		`{"Statement":[[[[[[[[1]]]]]]]]}`:                                                                                     "deep",
		`{"Id":"` + strings.Repeat("x", MaxSize) + `"}`:                                                                       "bytes",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: error %v, want one with %q", text, err, want)
		}
	}
}

func TestARNLike(t *testing.T) {
	tests := []struct {
		pattern, arn string
		want         bool
	}{
		{"arn:aws:s:r:a:x", "arn:aws:s:r:a:x", true},
		{"arn:aws:s:r:a:*", "arn:aws:s:r:a:x:y/z", true},
		{"arn:aws:s:*:a:x", "arn:aws:s:r:b:x", false},
		{"arn:*", "arn:aws:s:r:a:x", false},
		{"arn:aws:s:r:a:x?z", "arn:aws:s:r:a:xyz", true},
		{"arn:aws:s:r:a:x?z", "arn:aws:s:r:a:xz", false},
		{"arn:aws:s:r:a:a*b*c", "arn:aws:s:r:a:aXbYbc", true},
		{"arn:aws:s:r:a:a*b*c", "arn:aws:s:r:a:acb", false},
		{"arn:aws:s:r:a:" + strings.Repeat("a*", 500) + "b", "arn:aws:s:r:a:" + strings.Repeat("a", 1500), false},
		{"arn:aws:s:r:a:X", "arn:aws:s:r:a:x", false},
	}
	for _, tt := range tests {
		if got := ARNLike(tt.pattern, tt.arn); got != tt.want {
			t.Errorf("%.60s, %.60s: %v", tt.pattern, tt.arn, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"AWS":["` + root + `","*"],"Service":"` + cognito +
		`"},"NotAction":["kms:*","*"],"Resource":"*","Condition":{"ArnLike":{"AWS:SourceArn":"` + poolA + `"},"Bool":{"a":true}}}]}`)
	f.Add(`{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":["a","b"]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse([]byte(text))
		if err != nil {
			return
		}
		again := p.Marshal()
		if len(again) > MaxSize {
			return
		}
		q, err := Parse(again)
		if err != nil {
			t.Fatalf("%s does not parse: %v", again, err)
		}
		for _, x := range []*Policy{p, q} { // the order of conditions and principals is not kept
			for i := range x.Statements {
				s := &x.Statements[i]
				slices.SortFunc(s.Conditions, func(a, b Condition) int {
					return strings.Compare(a.Operator+"\x00"+a.Key, b.Operator+"\x00"+b.Key)
				})
			}
		}
		if !reflect.DeepEqual(p, q) {
			t.Fatalf("%s:\n%+v\n%+v", again, p, q)
		}
		r := Request{Principal: ann, Service: cognito, Action: "kms:Decrypt", Resource: keyARN, Keys: map[string]string{"aws:sourcearn": poolA}}
		if p.Decide(r) != q.Decide(r) {
			t.Fatal("decisions differ")
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	p := mustParse(b, `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"`+root+`"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow",
		"Principal":{"Service":"`+cognito+`"},"Action":["kms:GenerateDataKey","kms:DescribeKey"],"Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"`+poolA+`"}}}]}`)
	r := Request{Service: cognito, Action: "kms:GenerateDataKey", Resource: keyARN, Keys: map[string]string{"aws:sourcearn": poolA}}
	for b.Loop() {
		if p.Decide(r) != Allow {
			b.Fatal("not allowed")
		}
	}
}
