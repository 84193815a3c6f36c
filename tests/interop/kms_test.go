package interop

import (
	"context"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
)

// kmsRegion has no keys but those of the test: a key's region is the one that the call was signed for.
const kmsRegion = "us-kmstest-1"

// kmsLog remembers which operations the SDK called with success.
type kmsLog struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (l *kmsLog) client() *kms.Client {
	return kms.New(kms.Options{
		BaseEndpoint: aws.String(srv.URL), Region: kmsRegion, Credentials: someone, RetryMaxAttempts: 1, HTTPClient: whole{},
		APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("record", func(
				ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
			) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, meta, err := next.HandleInitialize(ctx, in)
				if err == nil {
					l.mu.Lock()
					defer l.mu.Unlock()
					l.seen[middleware.GetOperationName(ctx)] = true
				}
				return out, meta, err
			}), middleware.After)
		}},
	})
}

// Every operation of KMS that is called implemented is called by the Go SDK.
func TestKMS(t *testing.T) {
	log := &kmsLog{seen: map[string]bool{}}
	c := log.client()
	for name, f := range map[string]func(*testing.T, *kms.Client){
		"keys": testKMSKeys, "data": testKMSData, "names": testKMSNames, "rotation": testKMSRotation, "grants": testKMSGrants, "signatures": testKMSSignatures,
	} {
		t.Run(name, func(t *testing.T) { f(t, c) })
	}
	if t.Failed() || !wholeRun() {
		return
	}
	page, err := os.ReadFile("../../docs/kms-operations.md")
	check(t, err)
	for _, m := range implemented.FindAllStringSubmatch(string(page), -1) {
		if _, known := reflect.TypeFor[*kms.Client]().MethodByName(m[1]); known && !log.seen[m[1]] {
			t.Errorf("no test calls %s", m[1])
		}
	}
}

func newKMSKey(t *testing.T, c *kms.Client) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{
		Description: aws.String("codes"), Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("identity")}},
	})
	check(t, err)
	return out.KeyMetadata
}

func testKMSKeys(t *testing.T, c *kms.Client) {
	var made []string
	for range 3 {
		k := newKMSKey(t, c)
		equal(t, "ARN", *k.Arn, "arn:aws:kms:"+kmsRegion+":000000000000:key/"+*k.KeyId)
		made = append(made, *k.KeyId)
	}
	var listed []string
	for p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		for _, k := range page.Keys {
			listed = append(listed, *k.KeyId)
		}
	}
	for _, id := range made {
		if !slices.Contains(listed, id) {
			t.Errorf("%s is not listed among %d", id, len(listed))
		}
	}
	id := aws.String(made[0])
	_, err := c.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: id, Description: aws.String("other")})
	check(t, err)
	_, err = c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: id})
	check(t, err)
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	wantError[*types.DisabledException](t, err)
	d, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})
	check(t, err)
	equal(t, "state", d.KeyMetadata.KeyState, types.KeyStateDisabled)
	equal(t, "description", *d.KeyMetadata.Description, "other")
	_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: id})
	check(t, err)
	_, err = c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)})
	check(t, err)
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	wantError[*types.KMSInvalidStateException](t, err)
	_, err = c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: id})
	check(t, err)
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/none")})
	wantError[*types.NotFoundException](t, err)
	_, err = c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: aws.String("none")})
	wantError[*types.InvalidMarkerException](t, err)
}

func testKMSData(t *testing.T, c *kms.Client) {
	k, other := newKMSKey(t, c), newKMSKey(t, c)
	ec := map[string]string{"userpool-id": "us-local-1_a", "café": "ja"}
	sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.Arn, Plaintext: []byte("123456"), EncryptionContext: ec})
	check(t, err)
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
	check(t, err)
	equal(t, "plaintext", string(opened.Plaintext), "123456")
	equal(t, "key", *opened.KeyId, *k.Arn)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	wantError[*types.InvalidCiphertextException](t, err)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: other.KeyId, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
	wantError[*types.IncorrectKeyException](t, err)
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.Arn, Plaintext: []byte("x"), DryRun: aws.Bool(true)})
	wantError[*types.DryRunOperationException](t, err)

	data, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256, EncryptionContext: ec})
	check(t, err)
	bare, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, NumberOfBytes: aws.Int32(24)})
	check(t, err)
	opened, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: bare.CiphertextBlob})
	check(t, err)
	equal(t, "bytes", len(opened.Plaintext), 24)
	moved, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: data.CiphertextBlob, SourceEncryptionContext: ec, DestinationKeyId: other.Arn})
	check(t, err)
	equal(t, "source", *moved.SourceKeyId, *k.Arn)
	opened, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: other.KeyId, CiphertextBlob: moved.CiphertextBlob})
	check(t, err)
	equal(t, "data key", string(opened.Plaintext), string(data.Plaintext))
	random, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(33)})
	check(t, err)
	equal(t, "bytes", len(random.Plaintext), 33)
}

func testKMSNames(t *testing.T, c *kms.Client) {
	k, other := newKMSKey(t, c), newKMSKey(t, c)
	name := aws.String("alias/names")
	_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: name, TargetKeyId: k.KeyId})
	check(t, err)
	_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: name, TargetKeyId: k.KeyId})
	wantError[*types.AlreadyExistsException](t, err)
	_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: name, TargetKeyId: other.KeyId})
	check(t, err)
	list, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: other.KeyId})
	check(t, err)
	if len(list.Aliases) != 1 || *list.Aliases[0].AliasArn != "arn:aws:kms:"+kmsRegion+":000000000000:alias/names" {
		t.Errorf("aliases %+v", list.Aliases)
	}
	_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: name})
	check(t, err)

	_, err = c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: k.KeyId, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
	check(t, err)
	_, err = c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"team"}})
	check(t, err)
	tags, err := c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: k.KeyId})
	check(t, err)
	if len(tags.Tags) != 1 || *tags.Tags[0].TagKey != "a" {
		t.Errorf("tags %+v", tags.Tags)
	}

	policy, err := c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: k.KeyId})
	check(t, err)
	_, err = c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: policy.Policy})
	check(t, err)
	_, err = c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: aws.String("{")})
	wantError[*types.MalformedPolicyDocumentException](t, err)
	policies, err := c.ListKeyPolicies(t.Context(), &kms.ListKeyPoliciesInput{KeyId: k.KeyId})
	check(t, err)
	if diff := cmp.Diff([]string{"default"}, policies.PolicyNames); diff != "" {
		t.Error(diff)
	}
}

func testKMSRotation(t *testing.T, c *kms.Client) {
	k := newKMSKey(t, c)
	sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("old")})
	check(t, err)
	_, err = c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId})
	check(t, err)
	status, err := c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: k.KeyId})
	check(t, err)
	equal(t, "period", aws.ToInt32(status.RotationPeriodInDays), 365)
	_, err = c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	check(t, err)
	_, err = c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: k.KeyId})
	check(t, err)
	rotations, err := c.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: k.KeyId})
	check(t, err)
	equal(t, "rotations", len(rotations.Rotations), 1)
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	check(t, err)
	equal(t, "plaintext", string(opened.Plaintext), "old")
}

func testKMSGrants(t *testing.T, c *kms.Client) {
	k := newKMSKey(t, c)
	who := aws.String("arn:aws:iam::000000000000:user/sender")
	grant := func() *kms.CreateGrantOutput {
		out, err := c.CreateGrant(t.Context(), &kms.CreateGrantInput{
			KeyId: k.KeyId, GranteePrincipal: who, RetiringPrincipal: who, Operations: []types.GrantOperation{"Decrypt"},
			Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"userpool-id": "us-local-1_a"}},
		})
		check(t, err)
		return out
	}
	first, second := grant(), grant()
	listed := 0
	for p := kms.NewListGrantsPaginator(c, &kms.ListGrantsInput{KeyId: k.KeyId, Limit: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		listed += len(page.Grants)
	}
	equal(t, "grants", listed, 2)
	retirable, err := c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: who})
	check(t, err)
	equal(t, "retirable grants", len(retirable.Grants), 2)
	_, err = c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: first.GrantToken})
	check(t, err)
	_, err = c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: k.KeyId, GrantId: second.GrantId})
	check(t, err)
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), GrantTokens: []string{"bm9uZQ=="}})
	wantError[*types.InvalidGrantTokenException](t, err)
}

func testKMSSignatures(t *testing.T, c *kms.Client) {
	made, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify})
	check(t, err)
	id, how := made.KeyMetadata.KeyId, types.SigningAlgorithmSpecEcdsaSha256
	signed, err := c.Sign(t.Context(), &kms.SignInput{KeyId: id, Message: []byte("m"), SigningAlgorithm: how})
	check(t, err)
	verified, err := c.Verify(t.Context(), &kms.VerifyInput{KeyId: id, Message: []byte("m"), Signature: signed.Signature, SigningAlgorithm: how})
	check(t, err)
	equal(t, "valid", verified.SignatureValid, true)
	_, err = c.Verify(t.Context(), &kms.VerifyInput{KeyId: id, Message: []byte("n"), Signature: signed.Signature, SigningAlgorithm: how})
	wantError[*types.KMSInvalidSignatureException](t, err)
	public, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: id})
	check(t, err)
	if len(public.PublicKey) == 0 || !strings.HasPrefix(*public.KeyId, "arn:aws:kms:") {
		t.Errorf("%+v", public)
	}
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	wantError[*types.InvalidKeyUsageException](t, err)
}
