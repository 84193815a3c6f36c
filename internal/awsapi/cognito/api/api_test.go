package api

import (
	"encoding/json"
	"slices"
	"testing"
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

func TestAbsentDiffersFromZero(t *testing.T) {
	for _, body := range []string{
		`{}`,
		`{"UserPoolClient":{}}`,
		`{"UserPoolClient":{"RefreshTokenValidity":0,"CallbackURLs":[],"EnableTokenRevocation":false}}`,
		`{"UserPoolClient":{"ClientName":"","LastModifiedDate":1767772800.123,"CreationDate":0}}`,
	} {
		var out UpdateUserPoolClientResponse
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if json.Unmarshal([]byte(body), &want) != nil || json.Unmarshal(b, &got) != nil {
			t.Fatal("no JSON")
		}
		a, _ := json.Marshal(want)
		if c, _ := json.Marshal(got); string(a) != string(c) {
			t.Errorf("%s became %s", body, b)
		}
	}
}
