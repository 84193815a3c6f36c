package interop

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"countersign/envelope"
)

// esdkRequest and esdkAnswer are lines of node/envelope/exchange.js.
type esdkRequest struct {
	Op        string           `json:"op"`
	Policy    string           `json:"policy"`
	Suite     envelope.Suite   `json:"suite"`
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	Key       []byte           `json:"key"`
	Context   envelope.Context `json:"context,omitempty"`
	Plaintext []byte           `json:"plaintext"`
	Message   []byte           `json:"message,omitempty"`
}

type esdkAnswer struct {
	Message   []byte           `json:"message"`
	Plaintext []byte           `json:"plaintext"`
	Suite     envelope.Suite   `json:"suite"`
	Context   envelope.Context `json:"context"`
	Error     string           `json:"error"`
}

// esdk is a running exchange.js.
type esdk struct {
	in  io.Writer
	out *bufio.Scanner
}

func startESDK(t *testing.T) *esdk {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "envelope/exchange.js")
	cmd.Dir = "node"
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && !strings.Contains(err.Error(), "killed") {
			t.Errorf("node ended with %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return &esdk{in, lines}
}

func (e *esdk) ask(t *testing.T, r esdkRequest) esdkAnswer {
	t.Helper()
	line, err := json.Marshal(r)
	check(t, err)
	_, err = e.in.Write(append(line, '\n'))
	check(t, err)
	if !e.out.Scan() {
		t.Fatalf("node answers nothing: %v", e.out.Err())
	}
	var a esdkAnswer
	check(t, json.Unmarshal(e.out.Bytes(), &a))
	return a
}

// Random messages of all suites, both ways, with the npm client of the Encryption SDK and under each commitment policy.
func TestEncryptionSDKForNode(t *testing.T) {
	node := startESDK(t)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	ours, err := envelope.NewRawAES("countersign", "interop 1", key)
	check(t, err)
	for _, s := range []envelope.Suite{envelope.AES, envelope.AESSigned, envelope.Committed, envelope.CommittedSigned} {
		t.Run(s.String(), func(t *testing.T) {
			for i := range 15 {
				plaintext, ec := esdkPlaintext(i), envelope.Context{"userpool-id": "us-local-1_" + rand.Text()[:9], "ü" + fmt.Sprint(i): "電話 🔑"}
				r := esdkRequest{Suite: s, Namespace: "countersign", Name: "interop 1", Key: key, Context: ec, Plaintext: plaintext}
				nodeReads(t, node, r, ours)
				nodeWrites(t, node, r, ours)
			}
		})
	}
}

func nodeReads(t *testing.T, node *esdk, r esdkRequest, ours envelope.Keyring) {
	t.Helper()
	message, err := envelope.Encrypt(t.Context(), r.Suite, ours, r.Context, r.Plaintext)
	check(t, err)
	r.Op, r.Message = "decrypt", message
	for _, policy := range []string{"FORBID_ENCRYPT_ALLOW_DECRYPT", "REQUIRE_ENCRYPT_ALLOW_DECRYPT", "REQUIRE_ENCRYPT_REQUIRE_DECRYPT"} {
		r.Policy = policy
		a := node.ask(t, r)
		if strings.HasSuffix(policy, "REQUIRE_DECRYPT") && !r.Suite.Commits() {
			if a.Error == "" {
				t.Fatalf("%s under %s: node accepts it", r.Suite, policy)
			}
			continue
		}
		if a.Error != "" || !bytes.Equal(a.Plaintext, r.Plaintext) || a.Suite != r.Suite || !maps.Equal(a.Context.Without(), r.Context) {
			t.Fatalf("node reads %s with %q, not %d bytes: %s", a.Suite, a.Context, len(r.Plaintext), a.Error)
		}
	}
	r.Policy = "REQUIRE_ENCRYPT_ALLOW_DECRYPT"
	r.Message[mrand.IntN(len(message))] ^= 1 << mrand.IntN(8)
	if a := node.ask(t, r); a.Error == "" {
		t.Fatal("node accepts a changed message")
	}
}

func nodeWrites(t *testing.T, node *esdk, r esdkRequest, ours envelope.Keyring) {
	t.Helper()
	r.Op, r.Policy = "encrypt", "FORBID_ENCRYPT_ALLOW_DECRYPT"
	if r.Suite.Commits() {
		r.Policy = "REQUIRE_ENCRYPT_REQUIRE_DECRYPT"
	}
	a := node.ask(t, r)
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	got, h, err := envelope.Decrypter{Keyring: ours, Expect: r.Context, RequireCommitment: r.Suite.Commits()}.Decrypt(t.Context(), a.Message)
	check(t, err)
	if !bytes.Equal(got, r.Plaintext) || h.Suite != r.Suite || !maps.Equal(h.Context.Without(), r.Context) {
		t.Fatalf("read %d bytes with %s and %q, not %d", len(got), h.Suite, h.Context, len(r.Plaintext))
	}
}

// esdkPlaintext is a code, nothing, a password, the longest frame that either side writes alone, or random bytes.
func esdkPlaintext(i int) []byte {
	switch i {
	case 0:
		return []byte{}
	case 1:
		return []byte("123456")
	case 2:
		return []byte(strings.Repeat("Pässwört&amp;", 18))
	case 3:
		return bytes.Repeat([]byte{'x'}, envelope.MaxPlaintext-1)
	}
	b := make([]byte, mrand.IntN(envelope.MaxPlaintext))
	_, _ = rand.Read(b)
	return b
}
