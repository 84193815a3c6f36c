package envelope

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

// vector is a line of testdata/vectors.json. Bytes are base64.
type vector struct {
	Name    string  `json:"name"`
	Suite   Suite   `json:"suite"`
	Context Context `json:"context"`
	// Namespace, KeyName and Key are the raw AES keyring; DataKey and IV its randomness.
	Namespace string `json:"namespace"`
	KeyName   string `json:"key_name"`
	Key       []byte `json:"key"`
	DataKey   []byte `json:"data_key"`
	IV        []byte `json:"iv"`
	MessageID []byte `json:"message_id"`
	// Scalar is the private key of signed suites. Signatures are those of RFC 6979.
	Scalar    []byte `json:"scalar,omitempty"`
	Plaintext []byte `json:"plaintext"`
	Message   []byte `json:"message"`
	// Failure is empty if the message is good, else which error a reader returns: malformed, no key, authentication.
	Failure string `json:"failure,omitempty"`
}

var failures = map[string]error{"malformed": ErrMalformed, "no key": ErrNoKey, "authentication": ErrAuthentication}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []*vector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 12 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			k, err := NewRawAES(v.Namespace, v.KeyName, v.Key)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := Decrypt(t.Context(), k, v.Message)
			if v.Failure != "" {
				if want := failures[v.Failure]; want == nil || !errors.Is(err, want) {
					t.Fatalf("got %v, want %s", err, v.Failure)
				}
				return
			}
			if err != nil || !bytes.Equal(got, v.Plaintext) {
				t.Fatalf("%q, %v", got, err)
			}
			if again := v.encrypt(t); !bytes.Equal(again, v.Message) {
				t.Fatalf("written anew:\n%x\nnot\n%x", again, v.Message)
			}
		})
	}
}

// encrypt writes the vector's message from its randomness.
func (v *vector) encrypt(t *testing.T) []byte {
	t.Helper()
	k, err := NewRawAES(v.Namespace, v.KeyName, v.Key)
	if err != nil {
		t.Fatal(err)
	}
	k.rand = bytes.NewReader(append(bytes.Clone(v.DataKey), v.IV...))
	e := entropy{id: v.MessageID}
	if v.Suite.Signed() {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), v.Scalar)
		if err != nil {
			t.Fatal(err)
		}
		e.signer = &signer{key: key}
	}
	m, err := encrypt(t.Context(), v.Suite, k, v.Context, v.Plaintext, e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fill(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

// writeVectors makes three good messages of each suite and one for each kind of failure.
func writeVectors(t *testing.T) {
	var all []*vector
	for _, s := range suites {
		for _, c := range []struct {
			name      string
			ec        Context
			plaintext string
		}{
			{"code", poolContext, "123456"},
			{"no context, nothing inside", Context{}, ""},
			{"contexts are sorted by bytes", Context{"z": "1", "Ω": "2", "aa": "3", "B": "電話"}, "Temporary&amp;1"},
		} {
			v := &vector{
				Name: s.String() + " " + c.name, Suite: s, Context: c.ec, Namespace: "countersign", KeyName: "vector", Key: fill(0x10, 32),
				DataKey: fill(0x40, 32), IV: fill(0x70, 12), MessageID: fill(0x90, s.idLength()), Plaintext: []byte(c.plaintext),
			}
			if s.Signed() {
				v.Scalar = fill(0x05, scalarLength)
			}
			v.Message = v.encrypt(t)
			all = append(all, v)
		}
		good := all[len(all)-3]
		for _, f := range []struct {
			name, failure string
			change        func(v *vector)
		}{
			{"another wrapping key", "no key", func(v *vector) { v.Key = fill(0x11, 32) }},
			{"truncated", "malformed", func(v *vector) { v.Message = v.Message[:len(v.Message)-1] }},
			{"a byte too many", "malformed", func(v *vector) { v.Message = append(v.Message, 0) }},
			{"last byte changed", "authentication", func(v *vector) { v.Message[len(v.Message)-1] ^= 1 }},
		} {
			v := *good
			v.Name, v.Failure, v.Message = good.Suite.String()+" "+f.name, f.failure, bytes.Clone(good.Message)
			f.change(&v)
			all = append(all, &v)
		}
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/vectors.json", append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
