package api

import (
	"encoding/json"
	"slices"
	"testing"

	"countersign/internal/awsapi/wire"
)

func TestOperationsAreSortedAndUnique(t *testing.T) {
	names := make([]string, len(Operations))
	for i, m := range Operations {
		names[i] = m.Name
		for _, e := range m.Errors {
			if !slices.Contains(Exceptions, e) {
				t.Errorf("%s declares %s, which is no exception", m.Name, e)
			}
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) != len(Operations) {
		t.Error("the table of operations is not sorted or holds one twice")
	}
}

func TestBlobsAreBase64AndPatternsCompile(t *testing.T) {
	var in EncryptRequest
	if err := json.Unmarshal([]byte(`{"KeyId":"alias/a","Plaintext":"aGk="}`), &in); err != nil || string(in.Plaintext) != "hi" {
		t.Errorf("%+v, %v", in, err)
	}
	str := func(s string) *string { return &s }
	for name, tt := range map[string]struct {
		in interface{ Validate(*wire.Violations) }
		ok bool
	}{
		"encrypt":    {&in, true},
		"empty":      {&EncryptRequest{KeyId: str("k"), Plaintext: []byte{}}, false},
		"marker":     {&ListKeysRequest{Marker: str("abc_ÿ")}, true},
		"bad marker": {&ListKeysRequest{Marker: str("a\n")}, false},
		"policy":     {&PutKeyPolicyRequest{KeyId: str("k"), Policy: str("{\n\t\"a\": \"é\"}\r\n")}, true},
		"bad policy": {&PutKeyPolicyRequest{KeyId: str("k"), Policy: str("{\x00}")}, false},
		"alias":      {&CreateAliasRequest{AliasName: str("alias/a"), TargetKeyId: str("k")}, true},
		"bad alias":  {&CreateAliasRequest{AliasName: str("alias/ä"), TargetKeyId: str("k")}, false},
	} {
		var v wire.Violations
		tt.in.Validate(&v)
		if err := v.Err(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
