package kms_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"countersign/internal/access"
	"countersign/internal/awsapi/kms/api"
)

const denied = "AccessDeniedException"

// Grants speak of keys by id or ARN; requests name them by alias as well.
func TestAGrantForOneKeyCountsForAllItsNames(t *testing.T) {
	w := newWorld(t)
	boss, c := w.client(owner), w.client(somebody)
	mine, other := newKey(t, boss), newKey(t, boss)
	for alias, key := range map[string]*types.KeyMetadata{"alias/mine": mine, "alias/other": other} {
		_, err := boss.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: &alias, TargetKeyId: key.KeyId})
		check(t, err)
	}
	for _, grant := range []string{*mine.KeyId, *mine.Arn} {
		w.allow(onKeys([]string{grant}, "Encrypt", "Decrypt", "ReEncrypt", "UpdateAlias", "DeleteAlias", "ListAliases"))
		for _, name := range []string{*mine.KeyId, *mine.Arn, "alias/mine", "arn:aws:kms:us-local-1:000000000000:alias/mine"} {
			sealed, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &name, Plaintext: []byte("x")})
			check(t, err)
			_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
			check(t, err)
		}
		for _, name := range []string{*other.KeyId, *other.Arn, "alias/other", "arn:aws:kms:us-local-1:000000000000:alias/other",
			"alias/none", "8f6bb1a2-0000-4000-8000-000000000000", "alias/" + *mine.KeyId + "x"} {
			_, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &name, Plaintext: []byte("x")})
			failsWith(t, err, denied)
		}
	}
	theirs, err := boss.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: other.KeyId, Plaintext: []byte("secret")})
	check(t, err)
	ours, err := boss.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: mine.KeyId, Plaintext: []byte("secret")})
	check(t, err)
	for what, call := range map[string]func() error{
		"decrypt by the ciphertext alone": func() error {
			_, err := c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: theirs.CiphertextBlob})
			return err
		},
		"take over": func() error {
			_, err := c.ReEncrypt(t.Context(), &awskms.ReEncryptInput{CiphertextBlob: theirs.CiphertextBlob, DestinationKeyId: mine.KeyId})
			return err
		},
		"give away": func() error {
			_, err := c.ReEncrypt(t.Context(), &awskms.ReEncryptInput{CiphertextBlob: ours.CiphertextBlob, DestinationKeyId: other.KeyId})
			return err
		},
		"take an alias": func() error {
			_, err := c.UpdateAlias(t.Context(), &awskms.UpdateAliasInput{AliasName: aws.String("alias/other"), TargetKeyId: mine.KeyId})
			return err
		},
		"give an alias": func() error {
			_, err := c.UpdateAlias(t.Context(), &awskms.UpdateAliasInput{AliasName: aws.String("alias/mine"), TargetKeyId: other.KeyId})
			return err
		},
		"delete an alias": func() error {
			_, err := c.DeleteAlias(t.Context(), &awskms.DeleteAliasInput{AliasName: aws.String("alias/other")})
			return err
		},
		"list all aliases": func() error {
			_, err := c.ListAliases(t.Context(), &awskms.ListAliasesInput{})
			return err
		},
		"list a foreign key's aliases": func() error {
			_, err := c.ListAliases(t.Context(), &awskms.ListAliasesInput{KeyId: other.KeyId})
			return err
		},
	} {
		if err := call(); code(err) != denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	list, err := c.ListAliases(t.Context(), &awskms.ListAliasesInput{KeyId: mine.KeyId})
	check(t, err)
	if len(list.Aliases) != 1 || *list.Aliases[0].AliasName != "alias/mine" {
		t.Errorf("%+v", list.Aliases)
	}
	got, err := c.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: mine.KeyId, CiphertextBlob: theirs.CiphertextBlob})
	if failsAs[*types.IncorrectKeyException](t, err); got != nil && got.Plaintext != nil {
		t.Error("a foreign ciphertext was opened")
	}
}

// Operations that name no key need the grant for all.
func TestOperationsWithoutAKeyNeedTheGrantForAll(t *testing.T) {
	w := newWorld(t)
	k := newKey(t, w.client(owner))
	c := w.client(somebody)
	calls := map[string]func() error{
		"CreateKey": func() error { _, err := c.CreateKey(t.Context(), &awskms.CreateKeyInput{}); return err },
		"ListKeys":  func() error { _, err := c.ListKeys(t.Context(), &awskms.ListKeysInput{}); return err },
		"GenerateRandom": func() error {
			_, err := c.GenerateRandom(t.Context(), &awskms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)})
			return err
		},
		"ListRetirableGrants": func() error {
			_, err := c.ListRetirableGrants(t.Context(), &awskms.ListRetirableGrantsInput{RetiringPrincipal: aws.String("arn:aws:iam::000000000000:user/x")})
			return err
		},
	}
	for name, call := range calls {
		w.allow(onKeys([]string{*k.KeyId}, "*"))
		failsWith(t, call(), denied)
		w.allow(onKeys([]string{"*"}, "DescribeKey"))
		failsWith(t, call(), denied)
		w.allow(onKeys([]string{"*"}, name))
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever may do nothing learns nothing: every operation refuses a caller without grants, and says the same of a key that
// exists as of one that does not.
func TestNothingWithoutAGrant(t *testing.T) {
	w := newWorld(t)
	boss := w.client(owner)
	k := newKey(t, boss)
	sealed, err := boss.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	check(t, err)
	c := w.client(somebody)
	calls := everyOperation(c, *k.KeyId, sealed.CiphertextBlob)
	for _, m := range api.Operations {
		if served := len(m.Errors) > 0; served && calls[m.Name] == nil {
			t.Errorf("%s is not tried", m.Name)
		}
	}
	for _, id := range []string{*k.KeyId, *k.Arn, "8f6bb1a2-0000-4000-8000-000000000000", "alias/none"} {
		for name, call := range everyOperation(c, id, sealed.CiphertextBlob) {
			if err := call(t.Context()); code(err) != denied {
				t.Errorf("%s of %s: %v", name, id, err)
			}
		}
	}
}

// A function has no grants. Only Decrypt gets as far as the domain, which refuses what is not its pool's.
func TestFunctionsMayOnlyDecrypt(t *testing.T) {
	w := newWorld(t)
	boss := w.client(owner)
	k := newKey(t, boss)
	sealed, err := boss.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	check(t, err)
	c := w.client(worker)
	for _, id := range []string{*k.KeyId, *k.Arn, "8f6bb1a2-0000-4000-8000-000000000000"} {
		for name, call := range everyOperation(c, id, sealed.CiphertextBlob) {
			if err := call(t.Context()); code(err) != denied {
				t.Errorf("%s of %s: %v", name, id, err)
			}
		}
	}
}

func TestFunctionsDecryptForTheirPool(t *testing.T) {
	w := newWorld(t)
	boss, c := w.client(owner), w.client(worker)
	k := newKey(t, boss)
	for pool, ok := range map[string]bool{"us-local-1_mine": true, "us-local-1_other": false, "": false} {
		ec := map[string]string{"userpool-id": pool, "aws-crypto-public-key": "x"}
		sealed, err := boss.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("123456"), EncryptionContext: ec})
		check(t, err)
		for _, name := range []*string{k.Arn, nil} {
			out, err := c.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: name, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
			if ok {
				check(t, err)
				if string(out.Plaintext) != "123456" || *out.KeyId != *k.Arn {
					t.Errorf("%+v", out)
				}
			} else {
				failsWith(t, err, denied)
			}
		}
	}
}

// everyOperation holds a call of each operation, on the key and the ciphertext given.
func everyOperation(c *awskms.Client, key string, blob []byte) map[string]func(context.Context) error {
	id, one, alias := &key, aws.Int32(1), aws.String("alias/x")
	return map[string]func(context.Context) error{
		"CancelKeyDeletion": func(ctx context.Context) error {
			_, err := c.CancelKeyDeletion(ctx, &awskms.CancelKeyDeletionInput{KeyId: id})
			return err
		},
		"CreateAlias": func(ctx context.Context) error {
			_, err := c.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: alias, TargetKeyId: id})
			return err
		},
		"CreateGrant": func(ctx context.Context) error {
			_, err := c.CreateGrant(ctx, &awskms.CreateGrantInput{KeyId: id, GranteePrincipal: aws.String("arn:aws:iam::000000000000:user/x"), Operations: []types.GrantOperation{"Decrypt"}})
			return err
		},
		"CreateKey": func(ctx context.Context) error { _, err := c.CreateKey(ctx, &awskms.CreateKeyInput{}); return err },
		"Decrypt": func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: blob})
			return err
		},
		"Decrypt by name": func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &awskms.DecryptInput{KeyId: id, CiphertextBlob: blob})
			return err
		},
		"DeleteAlias": func(ctx context.Context) error {
			_, err := c.DeleteAlias(ctx, &awskms.DeleteAliasInput{AliasName: alias})
			return err
		},
		"DescribeKey": func(ctx context.Context) error {
			_, err := c.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: id})
			return err
		},
		"DisableKey": func(ctx context.Context) error {
			_, err := c.DisableKey(ctx, &awskms.DisableKeyInput{KeyId: id})
			return err
		},
		"DisableKeyRotation": func(ctx context.Context) error {
			_, err := c.DisableKeyRotation(ctx, &awskms.DisableKeyRotationInput{KeyId: id})
			return err
		},
		"EnableKey": func(ctx context.Context) error {
			_, err := c.EnableKey(ctx, &awskms.EnableKeyInput{KeyId: id})
			return err
		},
		"EnableKeyRotation": func(ctx context.Context) error {
			_, err := c.EnableKeyRotation(ctx, &awskms.EnableKeyRotationInput{KeyId: id})
			return err
		},
		"Encrypt": func(ctx context.Context) error {
			_, err := c.Encrypt(ctx, &awskms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
			return err
		},
		"GenerateDataKey": func(ctx context.Context) error {
			_, err := c.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
			return err
		},
		"GenerateDataKeyWithoutPlaintext": func(ctx context.Context) error {
			_, err := c.GenerateDataKeyWithoutPlaintext(ctx, &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
			return err
		},
		"GenerateRandom": func(ctx context.Context) error {
			_, err := c.GenerateRandom(ctx, &awskms.GenerateRandomInput{NumberOfBytes: one})
			return err
		},
		"GetKeyPolicy": func(ctx context.Context) error {
			_, err := c.GetKeyPolicy(ctx, &awskms.GetKeyPolicyInput{KeyId: id})
			return err
		},
		"GetPublicKey": func(ctx context.Context) error {
			_, err := c.GetPublicKey(ctx, &awskms.GetPublicKeyInput{KeyId: id})
			return err
		},
		"Sign": func(ctx context.Context) error {
			_, err := c.Sign(ctx, &awskms.SignInput{KeyId: id, Message: []byte("m"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
			return err
		},
		"Verify": func(ctx context.Context) error {
			_, err := c.Verify(ctx, &awskms.VerifyInput{KeyId: id, Message: []byte("m"), Signature: []byte("s"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
			return err
		},
		"GetKeyRotationStatus": func(ctx context.Context) error {
			_, err := c.GetKeyRotationStatus(ctx, &awskms.GetKeyRotationStatusInput{KeyId: id})
			return err
		},
		"ListAliases": func(ctx context.Context) error {
			_, err := c.ListAliases(ctx, &awskms.ListAliasesInput{KeyId: id})
			return err
		},
		"ListGrants": func(ctx context.Context) error {
			_, err := c.ListGrants(ctx, &awskms.ListGrantsInput{KeyId: id})
			return err
		},
		"ListKeyPolicies": func(ctx context.Context) error {
			_, err := c.ListKeyPolicies(ctx, &awskms.ListKeyPoliciesInput{KeyId: id})
			return err
		},
		"ListKeyRotations": func(ctx context.Context) error {
			_, err := c.ListKeyRotations(ctx, &awskms.ListKeyRotationsInput{KeyId: id})
			return err
		},
		"ListKeys": func(ctx context.Context) error { _, err := c.ListKeys(ctx, &awskms.ListKeysInput{}); return err },
		"ListResourceTags": func(ctx context.Context) error {
			_, err := c.ListResourceTags(ctx, &awskms.ListResourceTagsInput{KeyId: id})
			return err
		},
		"ListRetirableGrants": func(ctx context.Context) error {
			_, err := c.ListRetirableGrants(ctx, &awskms.ListRetirableGrantsInput{RetiringPrincipal: aws.String("arn:aws:iam::000000000000:user/x")})
			return err
		},
		"PutKeyPolicy": func(ctx context.Context) error {
			_, err := c.PutKeyPolicy(ctx, &awskms.PutKeyPolicyInput{KeyId: id, Policy: aws.String("{}")})
			return err
		},
		"ReEncrypt": func(ctx context.Context) error {
			_, err := c.ReEncrypt(ctx, &awskms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: id})
			return err
		},
		"RetireGrant": func(ctx context.Context) error {
			_, err := c.RetireGrant(ctx, &awskms.RetireGrantInput{KeyId: id, GrantId: aws.String("x")})
			return err
		},
		"RevokeGrant": func(ctx context.Context) error {
			_, err := c.RevokeGrant(ctx, &awskms.RevokeGrantInput{KeyId: id, GrantId: aws.String("x")})
			return err
		},
		"RotateKeyOnDemand": func(ctx context.Context) error {
			_, err := c.RotateKeyOnDemand(ctx, &awskms.RotateKeyOnDemandInput{KeyId: id})
			return err
		},
		"ScheduleKeyDeletion": func(ctx context.Context) error {
			_, err := c.ScheduleKeyDeletion(ctx, &awskms.ScheduleKeyDeletionInput{KeyId: id})
			return err
		},
		"TagResource": func(ctx context.Context) error {
			_, err := c.TagResource(ctx, &awskms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
			return err
		},
		"UntagResource": func(ctx context.Context) error {
			_, err := c.UntagResource(ctx, &awskms.UntagResourceInput{KeyId: id, TagKeys: []string{"a"}})
			return err
		},
		"UpdateAlias": func(ctx context.Context) error {
			_, err := c.UpdateAlias(ctx, &awskms.UpdateAliasInput{AliasName: alias, TargetKeyId: id})
			return err
		},
		"UpdateKeyDescription": func(ctx context.Context) error {
			_, err := c.UpdateKeyDescription(ctx, &awskms.UpdateKeyDescriptionInput{KeyId: id, Description: aws.String("x")})
			return err
		},
	}
}

// A grant of KMS lends a key to whom package access gave nothing, for the operations and contexts that it names.
func TestGrantsOfKMSLendAKey(t *testing.T) {
	w := newWorld(t)
	boss, c := w.client(owner), w.client(somebody)
	k := newKey(t, boss)
	ec := map[string]string{"userpool-id": "us-local-1_a", "more": "x"}
	made, err := boss.CreateGrant(t.Context(), &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:user/AKIASOMEBODY/somebody"), Operations: []types.GrantOperation{types.GrantOperationDecrypt},
		Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"userpool-id": "us-local-1_a"}},
	})
	check(t, err)
	sealed, err := boss.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: ec})
	check(t, err)
	out, err := c.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: k.Arn, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
	check(t, err)
	if string(out.Plaintext) != "x" {
		t.Errorf("%+v", out)
	}
	_, err = c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: ec})
	failsWith(t, err, denied)
	foreign := map[string]string{"userpool-id": "us-local-1_b"}
	sealed, err = boss.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: foreign})
	check(t, err)
	_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: foreign})
	failsWith(t, err, denied)
	_, err = boss.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: k.KeyId, GrantId: made.GrantId})
	check(t, err)
	_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: k.Arn, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
	failsWith(t, err, denied)
}

// Nobody lends what they do not have: who deploys, and decrypts nothing, makes grants for Cognito and not for themselves.
func TestNobodyLendsWhatTheyHaveNot(t *testing.T) {
	w := newWorld(t)
	boss, c := w.client(owner), w.client(somebody)
	k := newKey(t, boss)
	grants, err := access.Preset("deployer", nil, nil)
	check(t, err)
	w.allow(grants...)
	me := aws.String("arn:aws:iam::000000000000:user/AKIASOMEBODY/somebody")
	lend := func(to *string, operations ...types.GrantOperation) error {
		_, err := c.CreateGrant(t.Context(), &awskms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: to, Operations: operations})
		return err
	}
	failsWith(t, lend(me, types.GrantOperationDecrypt), denied)
	failsWith(t, lend(me, types.GrantOperationDescribeKey, types.GrantOperationReEncryptFrom), denied)
	failsWith(t, lend(aws.String(account), types.GrantOperationDecrypt), denied)
	check(t, lend(me, types.GrantOperationDescribeKey, types.GrantOperationRetireGrant))
	check(t, lend(aws.String("cognito-idp.amazonaws.com"), types.GrantOperationGenerateDataKey, types.GrantOperationDecrypt))
	_, err = boss.CreateGrant(t.Context(), &awskms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: me, Operations: []types.GrantOperation{types.GrantOperationDecrypt}})
	check(t, err)
	failsWith(t, lend(aws.String("arn:aws:iam::000000000000:user/friend"), types.GrantOperationDecrypt), denied) // what is lent is not lent on
	w.allow(append(grants, access.Grant{Service: access.KMS, Actions: []string{"Decrypt"}, Keys: []string{*k.KeyId}})...)
	check(t, lend(aws.String("arn:aws:iam::000000000000:user/friend"), types.GrantOperationDecrypt))
}

// DescribeKey is lent as well; what grants cannot lend is not.
func TestGrantsOfKMSLendDescribeKey(t *testing.T) {
	w := newWorld(t)
	boss, c := w.client(owner), w.client(somebody)
	k := newKey(t, boss)
	_, err := c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: k.Arn})
	failsWith(t, err, denied)
	_, err = boss.CreateGrant(t.Context(), &awskms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:user/AKIASOMEBODY/somebody"), Operations: []types.GrantOperation{types.GrantOperationDescribeKey},
	})
	check(t, err)
	out, err := c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: k.Arn})
	check(t, err)
	if *out.KeyMetadata.Arn != *k.Arn {
		t.Errorf("%+v", out)
	}
	_, err = c.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: k.Arn})
	failsWith(t, err, denied)
}

// Who may retire a grant may retire that one, and none of the key's others.
func TestRetiringPrincipals(t *testing.T) {
	w := newWorld(t)
	boss, c := w.client(owner), w.client(somebody)
	k := newKey(t, boss)
	make := func(retiring *string, operations ...types.GrantOperation) *awskms.CreateGrantOutput {
		out, err := boss.CreateGrant(t.Context(), &awskms.CreateGrantInput{
			KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:user/x"), RetiringPrincipal: retiring, Operations: append(operations, "Decrypt"),
		})
		check(t, err)
		return out
	}
	me := aws.String("arn:aws:iam::000000000000:user/AKIASOMEBODY/somebody")
	mine, again, other := make(me), make(me), make(nil)
	_, err := c.RetireGrant(t.Context(), &awskms.RetireGrantInput{KeyId: k.Arn, GrantId: other.GrantId})
	failsWith(t, err, denied)
	_, err = c.RetireGrant(t.Context(), &awskms.RetireGrantInput{GrantToken: other.GrantToken})
	failsWith(t, err, denied)
	_, err = c.RetireGrant(t.Context(), &awskms.RetireGrantInput{KeyId: k.Arn, GrantId: mine.GrantId})
	check(t, err)
	_, err = c.RetireGrant(t.Context(), &awskms.RetireGrantInput{GrantToken: again.GrantToken})
	check(t, err)
	_, err = c.RetireGrant(t.Context(), &awskms.RetireGrantInput{GrantToken: aws.String("bm9uZQ==")})
	failsAs[*types.InvalidGrantTokenException](t, err)
	left, err := boss.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: k.KeyId})
	check(t, err)
	if len(left.Grants) != 1 || *left.Grants[0].GrantId != *other.GrantId {
		t.Errorf("%+v", left.Grants)
	}
}

func TestDryRunDoesNothing(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	k := newKey(t, c)
	yes := aws.Bool(true)
	_, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), DryRun: yes})
	failsAs[*types.DryRunOperationException](t, err)
	_, err = c.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes128, DryRun: yes})
	failsAs[*types.DryRunOperationException](t, err)
	_, err = c.CreateGrant(t.Context(), &awskms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:user/x"), Operations: []types.GrantOperation{"Decrypt"}, DryRun: yes})
	failsAs[*types.DryRunOperationException](t, err)
	left, err := c.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: k.KeyId})
	check(t, err)
	if len(left.Grants) != 0 {
		t.Errorf("%+v", left.Grants)
	}
	_, err = w.client(somebody).Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), DryRun: yes})
	failsWith(t, err, denied)
}

func TestUnsignedAndForeignRequestsAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"unsigned":      {nil, 400, "MissingAuthenticationTokenException"},
		"other origin":  {[]string{"Origin", "https://evil.example"}, 403, denied},
		"cross site":    {[]string{"Sec-Fetch-Site", "cross-site"}, 403, denied},
		"bad signature": {[]string{"Authorization", "AWS4-HMAC-SHA256 nonsense"}, 400, "InvalidSignatureException"},
	} {
		resp, body := w.post("ListKeys", "{}", tt.headers...)
		if got := body["__type"]; resp.StatusCode != tt.status || got != tt.code {
			t.Errorf("%s: %d %v", name, resp.StatusCode, body)
		}
		if resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: pages may read the answer", name)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, w.URL+"/", nil)
	check(t, err)
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "x-amz-target")
	resp, err := w.Client().Do(r)
	check(t, err)
	resp.Body.Close()
	if resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the preflight of another origin is allowed")
	}
}

// What was encrypted, its context and its keys stand neither in the log nor in an event nor in an error.
func TestNothingLeaks(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	k := newKey(t, c)
	ec := map[string]string{"canary-key": "canary-value"}
	sealed, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("canary-plain"), EncryptionContext: ec})
	check(t, err)
	ec["canary-key"] = "canary-other"
	_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
	failsAs[*types.InvalidCiphertextException](t, err)
	if strings.Contains(err.Error(), "canary") || strings.Contains(w.logs.String(), "canary") {
		t.Errorf("%v\n%s", err, w.logs.String())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.events[len(w.events)-1]; e.Operation != "Decrypt" || e.Error != "InvalidCiphertextException" || e.Status != 400 {
		t.Errorf("%+v", e)
	}
}
