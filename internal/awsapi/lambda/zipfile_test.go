package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
)

func TestTakeZip(t *testing.T) {
	enc := base64.StdEncoding.EncodeToString([]byte("the package"))
	tests := map[string]struct {
		body  string
		path  []string
		taken bool
		rest  string
	}{
		"update":            {`{"ZipFile":"` + enc + `","Publish":true}`, []string{"ZipFile"}, true, `{"ZipFile":"","Publish":true}`},
		"create":            {`{"A":[{"ZipFile":"no"}],"Code": { "ZipFile" : "` + enc + `" } }`, []string{"Code", "ZipFile"}, true, `{"A":[{"ZipFile":"no"}],"Code": { "ZipFile" : "" } }`},
		"after tricky text": {`{"D":"\"ZipFile\":\"x\\","ZipFile":"` + enc + `"}`, []string{"ZipFile"}, true, `{"D":"\"ZipFile\":\"x\\","ZipFile":""}`},
		"in another object": {`{"Other":{"ZipFile":"` + enc + `"}}`, []string{"ZipFile"}, false, ""},
		"escaped":           {`{"ZipFile":"\/\/8="}`, []string{"ZipFile"}, false, ""},
		"empty":             {`{"ZipFile":""}`, []string{"ZipFile"}, false, ""},
		"null":              {`{"ZipFile":null}`, []string{"ZipFile"}, false, ""},
		"open end":          {`{"ZipFile":"` + enc, []string{"ZipFile"}, false, ""},
		"no object":         {`[1]`, []string{"ZipFile"}, false, ""},
		"nothing":           {``, []string{"ZipFile"}, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rest, zip, err := takeZip([]byte(tt.body), tt.path...)
			check(t, err)
			if !tt.taken {
				if zip != nil || string(rest) != tt.body {
					t.Errorf("took %q, left %q", zip, rest)
				}
				return
			}
			if string(zip) != "the package" || string(rest) != tt.rest {
				t.Errorf("took %q, left %s", zip, rest)
			}
		})
	}
	if _, _, err := takeZip([]byte(`{"ZipFile":"***"}`), "ZipFile"); err == nil {
		t.Error("what is no base64 passed")
	}
}

// The short way and the JSON decoder agree on every body.
func FuzzTakeZip(f *testing.F) {
	for _, s := range []string{`{"ZipFile":"aGk="}`, `{"ZipFile":"aGk=","ZipFile":"aG8="}`, `{"D":"\"ZipFile\":","ZipFile":"aGk="}`, `{"ZipFile":"\/w=="}`, `{"zipfile":"aGk="}`, `{"A":{"ZipFile":"aGk="}}`, `{"ZipFile" :"a`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want api.UpdateFunctionCodeRequest
		err := json.Unmarshal(body, &want)
		rest, zip, failed := takeZip(bytes.Clone(body), "ZipFile")
		if err != nil || zip == nil {
			return // what is no JSON, or was not taken, is the decoder's
		}
		var got api.UpdateFunctionCodeRequest
		if failed != nil || wire.Decode(rest, &got) != nil {
			t.Fatalf("%q: %v, left %q", body, failed, rest)
		}
		if bytes.Count(bytes.ToLower(body), []byte("zipfile")) == 1 && !bytes.Equal(zip, want.ZipFile) {
			t.Errorf("%q: took %q, the decoder %q", body, zip, want.ZipFile)
		}
	})
}

// BenchmarkTakeZip is a package of 8 MB.
func BenchmarkTakeZip(b *testing.B) {
	body := []byte(`{"Code":{"ZipFile":"` + base64.StdEncoding.EncodeToString(make([]byte, 8<<20)) + `"},"FunctionName":"f"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, zip, err := takeZip(body, "Code", "ZipFile"); err != nil || len(zip) != 8<<20 {
			b.Fatal(err)
		}
	}
}
