package envelopego

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"strings"
	"testing"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"

	"countersign/envelope"
	"countersign/internal/kmssdk"
	"countersign/internal/kmssdk/fakekms"
)

const keyARN = "arn:aws:kms:us-local-1:000000000000:key/0d2f1c2e-7a55-4b8e-9f52-3b1f6a6d7c10"

const otherARN = "arn:aws:kms:us-local-1:000000000000:key/5b0e1a6f-0c0a-4f6c-8f43-6a3f8c6b1a22"

var suites = []envelope.Suite{envelope.AES, envelope.AESSigned, envelope.Committed, envelope.CommittedSigned}

// rounds is how many random messages go each way for each suite and keyring.
const rounds = 12

// pair is one wrapping key, as both libraries hold it.
type pair struct {
	ours   envelope.Keyring
	theirs mpltypes.IKeyring
}

func TestExchange(t *testing.T) {
	client := providers(t)
	for name, p := range map[string]pair{"raw AES": raw(t, client), "KMS": overKMS(t, client)} {
		for _, s := range suites {
			t.Run(fmt.Sprintf("%s/%s", name, s), func(t *testing.T) {
				lib := library(t, s)
				for range rounds {
					plaintext, ec := randomPlaintext(), randomContext()
					p.oursToTheirs(t, lib, s, ec, plaintext)
					p.theirsToOurs(t, lib, s, ec, plaintext)
				}
			})
		}
	}
}

// oursToTheirs writes with package envelope and reads with the library.
func (p pair) oursToTheirs(t *testing.T, lib *esdk.Client, s envelope.Suite, ec envelope.Context, plaintext []byte) {
	t.Helper()
	message, err := envelope.Encrypt(t.Context(), s, p.ours, ec, plaintext)
	check(t, err)
	out, err := lib.Decrypt(context.Background(), esdktypes.DecryptInput{Ciphertext: message, Keyring: p.theirs, EncryptionContext: ec})
	check(t, err)
	if !bytes.Equal(out.Plaintext, plaintext) || !strings.EqualFold(string(out.AlgorithmSuiteId), s.String()) {
		t.Fatalf("the library reads %d bytes with %s, not %d with %s", len(out.Plaintext), out.AlgorithmSuiteId, len(plaintext), s)
	}
	if got := envelope.Context(out.EncryptionContext).Without(); !maps.Equal(got, ec) {
		t.Fatalf("the library reads the context %q, not %q", got, ec)
	}
	message[mrand.IntN(len(message))] ^= 1 << mrand.IntN(8)
	if out, err := lib.Decrypt(context.Background(), esdktypes.DecryptInput{Ciphertext: message, Keyring: p.theirs}); err == nil {
		t.Fatalf("the library accepts a changed message: %q", out.Plaintext)
	}
}

// theirsToOurs writes with the library and reads with package envelope.
func (p pair) theirsToOurs(t *testing.T, lib *esdk.Client, s envelope.Suite, ec envelope.Context, plaintext []byte) {
	t.Helper()
	id := suiteID(t, s)
	out, err := lib.Encrypt(context.Background(), esdktypes.EncryptInput{Plaintext: plaintext, AlgorithmSuiteId: &id, Keyring: p.theirs, EncryptionContext: ec})
	check(t, err)
	d := envelope.Decrypter{Keyring: p.ours, Expect: ec, RequireCommitment: s.Commits()}
	got, h, err := d.Decrypt(t.Context(), out.Ciphertext)
	check(t, err)
	if !bytes.Equal(got, plaintext) || h.Suite != s || !maps.Equal(h.Context.Without(), ec) {
		t.Fatalf("read %d bytes with %s and %q, not %d with %s and %q", len(got), h.Suite, h.Context, len(plaintext), s, ec)
	}
	ours, err := envelope.Encrypt(t.Context(), s, p.ours, ec, plaintext)
	check(t, err)
	if len(ours) != len(out.Ciphertext) {
		t.Fatalf("our message has %d bytes, the library's %d", len(ours), len(out.Ciphertext))
	}
}

// A message under two keys is read by the holder of either.
func TestTwoKeys(t *testing.T) {
	client := providers(t)
	kms := fakekms.Start(t, keyARN, otherARN)
	generator := kmsKeyring(t, client, kms, keyARN)
	multi, err := client.CreateMultiKeyring(context.Background(), mpltypes.CreateMultiKeyringInput{
		Generator: generator, ChildKeyrings: []mpltypes.IKeyring{kmsKeyring(t, client, kms, otherARN)},
	})
	check(t, err)
	for _, s := range suites {
		id := suiteID(t, s)
		out, err := library(t, s).Encrypt(context.Background(), esdktypes.EncryptInput{
			Plaintext: []byte("123456"), AlgorithmSuiteId: &id, Keyring: multi, EncryptionContext: envelope.Context{"userpool-id": "p"},
		})
		check(t, err)
		for _, arn := range []string{keyARN, otherARN} {
			k := &envelope.KMSKeyring{Service: kmssdk.Service{Client: kms.Client("us-local-1")}, Keys: []string{arn}}
			got, h, err := envelope.Decrypt(t.Context(), k, out.Ciphertext)
			check(t, err)
			if string(got) != "123456" || len(h.Keys) != 2 {
				t.Fatalf("read %q under %d keys", got, len(h.Keys))
			}
		}
	}
}

func providers(t *testing.T) *mpl.Client {
	t.Helper()
	c, err := mpl.NewClient(mpltypes.MaterialProvidersConfig{})
	check(t, err)
	return c
}

// library returns a client whose commitment policy lets it write the suite.
func library(t *testing.T, s envelope.Suite) *esdk.Client {
	t.Helper()
	policy := mpltypes.ESDKCommitmentPolicyForbidEncryptAllowDecrypt
	if s.Commits() {
		policy = mpltypes.ESDKCommitmentPolicyRequireEncryptRequireDecrypt
	}
	c, err := esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{CommitmentPolicy: &policy})
	check(t, err)
	return c
}

func suiteID(t *testing.T, s envelope.Suite) mpltypes.ESDKAlgorithmSuiteId {
	t.Helper()
	for _, id := range mpltypes.ESDKAlgorithmSuiteId("").Values() {
		if string(id) == s.String() {
			return id
		}
	}
	t.Fatalf("the library does not know %s", s)
	return ""
}

func raw(t *testing.T, client *mpl.Client) pair {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	ours, err := envelope.NewRawAES("countersign tests", "ключ 1", key)
	check(t, err)
	theirs, err := client.CreateRawAesKeyring(context.Background(), mpltypes.CreateRawAesKeyringInput{
		KeyNamespace: "countersign tests", KeyName: "ключ 1", WrappingKey: key, WrappingAlg: mpltypes.AesWrappingAlgAlgAes256GcmIv12Tag16,
	})
	check(t, err)
	return pair{ours, theirs}
}

func overKMS(t *testing.T, client *mpl.Client) pair {
	t.Helper()
	kms := fakekms.Start(t, keyARN)
	ours := &envelope.KMSKeyring{Service: kmssdk.Service{Client: kms.Client("us-local-1")}, Generator: keyARN}
	return pair{ours, kmsKeyring(t, client, kms, keyARN)}
}

func kmsKeyring(t *testing.T, client *mpl.Client, kms *fakekms.KMS, arn string) mpltypes.IKeyring {
	t.Helper()
	k, err := client.CreateAwsKmsKeyring(context.Background(), mpltypes.CreateAwsKmsKeyringInput{KmsClient: kms.Client("us-local-1"), KmsKeyId: arn})
	check(t, err)
	return k
}

// randomPlaintext is a code, nothing, or any bytes that fit in one frame of either library (theirs splits at 4096).
func randomPlaintext() []byte {
	switch n := mrand.IntN(10); {
	case n < 4:
		return []byte(fmt.Sprintf("%06d", mrand.IntN(1e6)))
	case n == 4:
		return []byte{}
	}
	b := make([]byte, mrand.IntN(envelope.MaxPlaintext))
	rand.Read(b)
	return b
}

func randomContext() envelope.Context {
	ec := envelope.Context{"userpool-id": "us-local-1_" + rand.Text()[:9]}
	for range mrand.IntN(4) {
		ec[words[mrand.IntN(len(words))]] = strings.Repeat(words[mrand.IntN(len(words))], mrand.IntN(20))
	}
	return ec
}

var words = []string{"a", "B", "pool", "z~", "ü", "電話", "Ω", "🔑", "tenant"}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
