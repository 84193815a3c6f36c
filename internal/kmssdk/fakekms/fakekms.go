// Package fakekms answers as AWS KMS does, for tests: GenerateDataKey, Encrypt, Decrypt and DescribeKey over HTTP. It checks no
// signatures and keeps its one key in clear.
package fakekms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// KMS is a running fake.
type KMS struct {
	// URL is its endpoint.
	URL string

	mu    sync.Mutex
	keys  map[string]*Key
	calls []string
}

// Key is a key of the fake.
type Key struct {
	// Spec, Usage and State are what DescribeKey answers. Keys are made SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT, Enabled.
	Spec, Usage, State string
	// AnswerAs, if not empty, is the KeyId of answers instead of the key's own ARN.
	AnswerAs string
	// Fail, if not empty, is the __type of the error that answers every call.
	Fail string
	// Status is the status of errors. Default 400.
	Status int

	aead cipher.AEAD
}

// Start starts a fake with keys of the given ARNs and ends it with the test.
func Start(t testing.TB, arns ...string) *KMS {
	t.Helper()
	k := &KMS{keys: map[string]*Key{}}
	for _, arn := range arns {
		raw := make([]byte, 32)
		rand.Read(raw)
		block, err := aes.NewCipher(raw)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		k.keys[arn] = &Key{Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", State: "Enabled", aead: aead}
	}
	srv := httptest.NewServer(http.HandlerFunc(k.serve))
	t.Cleanup(srv.Close)
	k.URL = srv.URL
	return k
}

// Config is a configuration for the fake: static credentials, its endpoint, the region given.
func (k *KMS) Config(region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &k.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
}

// Client is a client for the fake.
func (k *KMS) Client(region string) *kms.Client { return kms.NewFromConfig(k.Config(region)) }

// Change changes a key.
func (k *KMS) Change(arn string, f func(*Key)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(k.keys[arn])
}

// Calls returns the operations called so far, and forgets them.
func (k *KMS) Calls() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.calls
	k.calls = nil
	return out
}

// request has the members of all operations.
type request struct {
	KeyID             string `json:"KeyId"`
	NumberOfBytes     int
	CiphertextBlob    []byte
	Plaintext         []byte
	EncryptionContext map[string]string
}

func (k *KMS) serve(w http.ResponseWriter, r *http.Request) {
	op := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	var in request
	if r.Method != http.MethodPost || json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in) != nil {
		fail(w, "SerializationException", 400)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, op)
	key := k.keys[in.KeyID]
	switch {
	case key == nil:
		fail(w, "NotFoundException", 400)
	case key.Fail != "":
		fail(w, key.Fail, max(key.Status, 400))
	default:
		arn := in.KeyID
		if key.AnswerAs != "" {
			arn = key.AnswerAs
		}
		key.answer(w, op, arn, &in)
	}
}

func (key *Key) answer(w http.ResponseWriter, op, arn string, in *request) {
	aad, _ := json.Marshal(in.EncryptionContext) // sorted
	out := map[string]any{"KeyId": arn}
	switch op {
	case "GenerateDataKey":
		plaintext := make([]byte, in.NumberOfBytes)
		rand.Read(plaintext)
		out["Plaintext"], out["CiphertextBlob"] = plaintext, key.aead.Seal(nil, nil, plaintext, aad)
	case "Encrypt":
		out["CiphertextBlob"] = key.aead.Seal(nil, nil, in.Plaintext, aad)
	case "Decrypt":
		plaintext, err := key.aead.Open(nil, nil, in.CiphertextBlob, aad)
		if err != nil {
			fail(w, "InvalidCiphertextException", 400)
			return
		}
		out["Plaintext"] = plaintext
	case "DescribeKey":
		out = map[string]any{"KeyMetadata": map[string]any{
			"KeyId": arn[strings.LastIndexByte(arn, '/')+1:], "Arn": arn, "KeySpec": key.Spec, "CustomerMasterKeySpec": key.Spec,
			"KeyUsage": key.Usage, "KeyState": key.State, "Enabled": key.State == "Enabled",
		}}
	default:
		fail(w, "UnknownOperationException", 400)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	var b bytes.Buffer
	json.NewEncoder(&b).Encode(out)
	w.Write(b.Bytes())
}

func fail(w http.ResponseWriter, kind string, status int) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": "this is what " + kind + " says"})
}
