package kms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failsAs demands the typed error of the SDK.
func failsAs[E error](t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[E](err); !ok {
		var want E
		t.Errorf("got %v, want %T", err, want)
	}
}

// failsWith demands an error by name, where the SDK has no type for it.
func failsWith(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// newKey makes a key and returns its metadata.
func newKey(t *testing.T, c *awskms.Client) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &awskms.CreateKeyInput{Description: aws.String("codes"), Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("id")}}})
	check(t, err)
	return out.KeyMetadata
}

func TestSDKKeys(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	k := newKey(t, c)
	if want := "arn:aws:kms:us-local-1:000000000000:key/" + *k.KeyId; *k.Arn != want || !k.Enabled || k.KeyState != types.KeyStateEnabled ||
		k.KeySpec != types.KeySpecSymmetricDefault || k.KeyUsage != types.KeyUsageTypeEncryptDecrypt || k.KeyManager != types.KeyManagerTypeCustomer ||
		k.Origin != types.OriginTypeAwsKms || *k.AWSAccountId != "000000000000" || *k.Description != "codes" || k.CreationDate.IsZero() {
		t.Errorf("%+v", k)
	}
	_, err := c.UpdateKeyDescription(t.Context(), &awskms.UpdateKeyDescriptionInput{KeyId: k.KeyId, Description: aws.String("other")})
	check(t, err)
	_, err = c.DisableKey(t.Context(), &awskms.DisableKeyInput{KeyId: k.Arn})
	check(t, err)
	_, err = c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	failsAs[*types.DisabledException](t, err)
	got, err := c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: k.Arn})
	check(t, err)
	if m := got.KeyMetadata; m.Enabled || m.KeyState != types.KeyStateDisabled || *m.Description != "other" {
		t.Errorf("%+v", m)
	}
	_, err = c.EnableKey(t.Context(), &awskms.EnableKeyInput{KeyId: k.KeyId})
	check(t, err)

	gone, err := c.ScheduleKeyDeletion(t.Context(), &awskms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(7)})
	check(t, err)
	if *gone.KeyId != *k.Arn || gone.KeyState != types.KeyStatePendingDeletion || gone.DeletionDate == nil || *gone.PendingWindowInDays != 7 {
		t.Errorf("%+v", gone)
	}
	_, err = c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	failsAs[*types.KMSInvalidStateException](t, err)
	back, err := c.CancelKeyDeletion(t.Context(), &awskms.CancelKeyDeletionInput{KeyId: k.KeyId})
	check(t, err)
	if *back.KeyId != *k.Arn {
		t.Errorf("%+v", back)
	}
	got, err = c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: k.KeyId})
	check(t, err)
	if got.KeyMetadata.KeyState != types.KeyStateDisabled {
		t.Errorf("a key whose deletion is cancelled is %s", got.KeyMetadata.KeyState)
	}
	_, err = c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: aws.String("8f6bb1a2-0000-4000-8000-000000000000")})
	failsAs[*types.NotFoundException](t, err)
	_, err = c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: aws.String("arn:aws:kms:eu-west-1:000000000000:key/" + *k.KeyId)})
	failsAs[*types.NotFoundException](t, err)
	_, err = c.CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac})
	failsAs[*types.UnsupportedOperationException](t, err)
	_, err = c.GenerateMac(t.Context(), &awskms.GenerateMacInput{KeyId: k.KeyId, Message: []byte("m"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	failsAs[*types.UnsupportedOperationException](t, err)
}

func TestSDKPaginators(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	var want []string
	for range 5 {
		want = append(want, *newKey(t, c).Arn)
	}
	var got []string
	for p := awskms.NewListKeysPaginator(c, &awskms.ListKeysInput{Limit: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		if len(page.Keys) > 2 {
			t.Errorf("a page of %d", len(page.Keys))
		}
		for _, k := range page.Keys {
			got = append(got, *k.KeyArn)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	for _, name := range []string{"alias/a", "alias/b", "alias/c"} {
		_, err := c.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: aws.String(name), TargetKeyId: aws.String(want[0])})
		check(t, err)
	}
	got = nil
	for p := awskms.NewListAliasesPaginator(c, &awskms.ListAliasesInput{KeyId: aws.String(want[0]), Limit: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		for _, a := range page.Aliases {
			got = append(got, *a.AliasName)
		}
	}
	if !slices.Equal(got, []string{"alias/a", "alias/b", "alias/c"}) {
		t.Errorf("aliases %v", got)
	}
	_, err := c.ListKeys(t.Context(), &awskms.ListKeysInput{Marker: aws.String("nonsense")})
	failsAs[*types.InvalidMarkerException](t, err)
	first, err := c.ListKeys(t.Context(), &awskms.ListKeysInput{Limit: aws.Int32(1)})
	check(t, err)
	_, err = c.ListAliases(t.Context(), &awskms.ListAliasesInput{Marker: first.NextMarker})
	failsAs[*types.InvalidMarkerException](t, err)
}

func TestSDKData(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	k := newKey(t, c)
	_, err := c.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: aws.String("alias/codes"), TargetKeyId: k.KeyId})
	check(t, err)
	ec := map[string]string{"userpool-id": "us-local-1_a", "naïve": "ja"}
	for _, name := range []string{*k.KeyId, *k.Arn, "alias/codes", "arn:aws:kms:us-local-1:000000000000:alias/codes"} {
		sealed, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &name, Plaintext: []byte("123456"), EncryptionContext: ec})
		check(t, err)
		if *sealed.KeyId != *k.Arn || sealed.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
			t.Errorf("%s: %+v", name, sealed)
		}
		for _, with := range []*string{nil, &name} {
			open, err := c.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: with, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
			check(t, err)
			if string(open.Plaintext) != "123456" || *open.KeyId != *k.Arn {
				t.Errorf("%s: %+v", name, open)
			}
		}
		_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
		failsAs[*types.InvalidCiphertextException](t, err)
		sealed.CiphertextBlob[len(sealed.CiphertextBlob)-1] ^= 1
		_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
		failsAs[*types.InvalidCiphertextException](t, err)
	}
	_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: []byte("no ciphertext at all")})
	failsAs[*types.InvalidCiphertextException](t, err)

	data, err := c.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: aws.String("alias/codes"), KeySpec: types.DataKeySpecAes256, EncryptionContext: ec})
	check(t, err)
	bare, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.Arn, NumberOfBytes: aws.Int32(24)})
	check(t, err)
	open, err := c.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: k.Arn, CiphertextBlob: data.CiphertextBlob, EncryptionContext: ec})
	check(t, err)
	hidden, err := c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: bare.CiphertextBlob})
	check(t, err)
	if len(data.Plaintext) != 32 || !bytes.Equal(open.Plaintext, data.Plaintext) || len(hidden.Plaintext) != 24 || *data.KeyId != *k.Arn {
		t.Errorf("data keys of %d and %d bytes", len(data.Plaintext), len(hidden.Plaintext))
	}
	_, err = c.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: k.KeyId})
	failsWith(t, err, "ValidationException")
	random, err := c.GenerateRandom(t.Context(), &awskms.GenerateRandomInput{NumberOfBytes: aws.Int32(33)})
	check(t, err)
	if len(random.Plaintext) != 33 {
		t.Errorf("%d random bytes", len(random.Plaintext))
	}

	other := newKey(t, c)
	moved, err := c.ReEncrypt(t.Context(), &awskms.ReEncryptInput{
		CiphertextBlob: data.CiphertextBlob, SourceEncryptionContext: ec, DestinationKeyId: other.KeyId, DestinationEncryptionContext: map[string]string{"a": "b"},
	})
	check(t, err)
	if *moved.KeyId != *other.Arn || *moved.SourceKeyId != *k.Arn {
		t.Errorf("%+v", moved)
	}
	open, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, EncryptionContext: map[string]string{"a": "b"}})
	check(t, err)
	if !bytes.Equal(open.Plaintext, data.Plaintext) {
		t.Error("what was encrypted anew is not what it was")
	}
	_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: moved.CiphertextBlob, EncryptionContext: map[string]string{"a": "b"}})
	failsAs[*types.IncorrectKeyException](t, err)
}

// Keys for signatures are there so that a pool can be refused one, and because they cost little.
func TestSDKSignatures(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	made, err := c.CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify})
	check(t, err)
	k := made.KeyMetadata
	if len(k.EncryptionAlgorithms) != 0 || !slices.Equal(k.SigningAlgorithms, []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha256}) {
		t.Errorf("%+v", k)
	}
	message := []byte("signed here")
	sig, err := c.Sign(t.Context(), &awskms.SignInput{KeyId: k.KeyId, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	check(t, err)
	public, err := c.GetPublicKey(t.Context(), &awskms.GetPublicKeyInput{KeyId: k.KeyId})
	check(t, err)
	key, err := x509.ParsePKIXPublicKey(public.PublicKey)
	check(t, err)
	sum := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum[:], sig.Signature) || *sig.KeyId != *k.Arn {
		t.Error("the signature does not match the public key")
	}
	ok, err := c.Verify(t.Context(), &awskms.VerifyInput{
		KeyId: k.KeyId, Message: sum[:], MessageType: types.MessageTypeDigest, Signature: sig.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	check(t, err)
	if !ok.SignatureValid {
		t.Errorf("%+v", ok)
	}
	_, err = c.Verify(t.Context(), &awskms.VerifyInput{KeyId: k.KeyId, Message: []byte("other"), Signature: sig.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	failsAs[*types.KMSInvalidSignatureException](t, err)
	_, err = c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	failsAs[*types.InvalidKeyUsageException](t, err)
	_, err = c.Sign(t.Context(), &awskms.SignInput{KeyId: newKey(t, c).KeyId, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	failsAs[*types.InvalidKeyUsageException](t, err)
}

func TestSDKAliases(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	first, second := newKey(t, c), newKey(t, c)
	name := aws.String("alias/codes")
	_, err := c.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: name, TargetKeyId: first.Arn})
	check(t, err)
	_, err = c.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: name, TargetKeyId: second.Arn})
	failsAs[*types.AlreadyExistsException](t, err)
	for _, bad := range []string{"codes", "alias/aws/mine"} {
		_, err = c.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: &bad, TargetKeyId: first.Arn})
		if code := code(err); code != "InvalidAliasNameException" && code != "ValidationException" && code != "NotAuthorizedException" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	_, err = c.UpdateAlias(t.Context(), &awskms.UpdateAliasInput{AliasName: name, TargetKeyId: second.KeyId})
	check(t, err)
	got, err := c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: name})
	check(t, err)
	if *got.KeyMetadata.Arn != *second.Arn {
		t.Errorf("the alias leads to %s", *got.KeyMetadata.Arn)
	}
	list, err := c.ListAliases(t.Context(), &awskms.ListAliasesInput{})
	check(t, err)
	if len(list.Aliases) != 1 || *list.Aliases[0].TargetKeyId != *second.KeyId || *list.Aliases[0].AliasArn != "arn:aws:kms:us-local-1:000000000000:alias/codes" {
		t.Errorf("%+v", list.Aliases)
	}
	_, err = c.DeleteAlias(t.Context(), &awskms.DeleteAliasInput{AliasName: name})
	check(t, err)
	_, err = c.DeleteAlias(t.Context(), &awskms.DeleteAliasInput{AliasName: name})
	failsAs[*types.NotFoundException](t, err)
	_, err = c.UpdateAlias(t.Context(), &awskms.UpdateAliasInput{AliasName: name, TargetKeyId: second.KeyId})
	failsAs[*types.NotFoundException](t, err)
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func TestSDKPoliciesTagsAndRotation(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	k := newKey(t, c)
	policy, err := c.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: k.KeyId})
	check(t, err)
	if !strings.Contains(*policy.Policy, "arn:aws:iam::000000000000:root") || aws.ToString(policy.PolicyName) != "default" {
		t.Errorf("%+v", policy)
	}
	_, err = c.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: policy.Policy, PolicyName: aws.String("default")})
	check(t, err)
	_, err = c.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: aws.String("{")})
	failsAs[*types.MalformedPolicyDocumentException](t, err)
	names, err := c.ListKeyPolicies(t.Context(), &awskms.ListKeyPoliciesInput{KeyId: k.KeyId})
	check(t, err)
	if !slices.Equal(names.PolicyNames, []string{"default"}) || names.Truncated {
		t.Errorf("%+v", names)
	}

	_, err = c.TagResource(t.Context(), &awskms.TagResourceInput{KeyId: k.KeyId, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
	check(t, err)
	_, err = c.UntagResource(t.Context(), &awskms.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"team"}})
	check(t, err)
	tags, err := c.ListResourceTags(t.Context(), &awskms.ListResourceTagsInput{KeyId: k.KeyId})
	check(t, err)
	if len(tags.Tags) != 1 || *tags.Tags[0].TagKey != "a" || *tags.Tags[0].TagValue != "b" {
		t.Errorf("%+v", tags.Tags)
	}

	sealed, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("old")})
	check(t, err)
	_, err = c.EnableKeyRotation(t.Context(), &awskms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: aws.Int32(100)})
	check(t, err)
	st, err := c.GetKeyRotationStatus(t.Context(), &awskms.GetKeyRotationStatusInput{KeyId: k.KeyId})
	check(t, err)
	if !st.KeyRotationEnabled || aws.ToInt32(st.RotationPeriodInDays) != 100 || st.NextRotationDate == nil {
		t.Errorf("%+v", st)
	}
	rotated, err := c.RotateKeyOnDemand(t.Context(), &awskms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	check(t, err)
	if !strings.Contains(aws.ToString(rotated.KeyId), *k.KeyId) {
		t.Errorf("%+v", rotated)
	}
	list, err := c.ListKeyRotations(t.Context(), &awskms.ListKeyRotationsInput{KeyId: k.KeyId})
	check(t, err)
	if len(list.Rotations) != 1 || list.Rotations[0].RotationType != types.RotationTypeOnDemand || list.Rotations[0].RotationDate == nil {
		t.Errorf("%+v", list.Rotations)
	}
	open, err := c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	check(t, err)
	if string(open.Plaintext) != "old" {
		t.Error("rotation lost what was encrypted before")
	}
	_, err = c.DisableKeyRotation(t.Context(), &awskms.DisableKeyRotationInput{KeyId: k.KeyId})
	check(t, err)
	st, err = c.GetKeyRotationStatus(t.Context(), &awskms.GetKeyRotationStatusInput{KeyId: k.KeyId})
	check(t, err)
	if st.KeyRotationEnabled {
		t.Errorf("%+v", st)
	}
}

func TestSDKGrants(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	k := newKey(t, c)
	who := aws.String("arn:aws:iam::000000000000:user/sender")
	made, err := c.CreateGrant(t.Context(), &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: who, RetiringPrincipal: who, Operations: []types.GrantOperation{types.GrantOperationDecrypt}, Name: aws.String("codes"),
		Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"userpool-id": "us-local-1_a"}},
	})
	check(t, err)
	if aws.ToString(made.GrantId) == "" || aws.ToString(made.GrantToken) == "" {
		t.Errorf("%+v", made)
	}
	var found []types.GrantListEntry
	for p := awskms.NewListGrantsPaginator(c, &awskms.ListGrantsInput{KeyId: k.KeyId}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		found = append(found, page.Grants...)
	}
	if len(found) != 1 || *found[0].GrantId != *made.GrantId || *found[0].GranteePrincipal != *who || *found[0].Name != "codes" ||
		found[0].Constraints.EncryptionContextSubset["userpool-id"] != "us-local-1_a" || !slices.Equal(found[0].Operations, []types.GrantOperation{"Decrypt"}) {
		t.Errorf("%+v", found)
	}
	retirable, err := c.ListRetirableGrants(t.Context(), &awskms.ListRetirableGrantsInput{RetiringPrincipal: who})
	check(t, err)
	if len(retirable.Grants) != 1 {
		t.Errorf("%+v", retirable.Grants)
	}
	_, err = c.RetireGrant(t.Context(), &awskms.RetireGrantInput{KeyId: k.Arn, GrantId: made.GrantId})
	check(t, err)
	made, err = c.CreateGrant(t.Context(), &awskms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: who, Operations: []types.GrantOperation{types.GrantOperationDecrypt}})
	check(t, err)
	_, err = c.RetireGrant(t.Context(), &awskms.RetireGrantInput{GrantToken: made.GrantToken})
	check(t, err)
	made, err = c.CreateGrant(t.Context(), &awskms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: who, Operations: []types.GrantOperation{types.GrantOperationDecrypt}})
	check(t, err)
	_, err = c.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: k.KeyId, GrantId: made.GrantId})
	check(t, err)
	left, err := c.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: k.KeyId})
	check(t, err)
	if len(left.Grants) != 0 {
		t.Errorf("%+v", left.Grants)
	}
	_, err = c.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: k.KeyId, GrantId: made.GrantId})
	if got := code(err); got != "NotFoundException" && got != "InvalidGrantIdException" {
		t.Errorf("got %v", err)
	}
}
