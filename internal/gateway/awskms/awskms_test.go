package awskms

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/envelope"
	"countersign/internal/fault"
	"countersign/internal/kmssdk"
	"countersign/internal/kmssdk/fakekms"
)

const (
	keyARN  = "arn:aws:kms:eu-west-1:000000000000:key/0d2f1c2e-7a55-4b8e-9f52-3b1f6a6d7c10"
	poolARN = "arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_AbCdEf123"
)

// start returns Keys over a fake, and its clock.
func start(t *testing.T) (*Keys, *fakekms.KMS, *time.Time) {
	t.Helper()
	fake := fakekms.Start(t, keyARN)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	k := New(fake.Config("us-local-1"))
	k.Now = func() time.Time { return now }
	return k, fake, &now
}

func TestUsable(t *testing.T) {
	for name, c := range map[string]struct {
		arn    string
		change func(*fakekms.Key)
		want   fault.Code
		hint   string
	}{
		"usable":           {},
		"disabled":         {change: func(k *fakekms.Key) { k.State = "Disabled" }, want: fault.KeyDisabled, hint: "aws kms enable-key --region eu-west-1"},
		"pending deletion": {change: func(k *fakekms.Key) { k.State = "PendingDeletion" }, want: fault.KeyStateInvalid, hint: "cancel-key-deletion"},
		"pending import":   {change: func(k *fakekms.Key) { k.State = "PendingImport" }, want: fault.KeyStateInvalid},
		"a state of later": {change: func(k *fakekms.Key) { k.State = "Asleep" }, want: fault.KeyStateInvalid},
		"RSA":              {change: func(k *fakekms.Key) { k.Spec = "RSA_2048" }, want: fault.KeyUsageWrong, hint: "create-key"},
		"for signatures":   {change: func(k *fakekms.Key) { k.Spec, k.Usage = "ECC_NIST_P256", "SIGN_VERIFY" }, want: fault.KeyUsageWrong},
		"HMAC":             {change: func(k *fakekms.Key) { k.Spec, k.Usage = "HMAC_256", "GENERATE_VERIFY_MAC" }, want: fault.KeyUsageWrong},
		"denied":           {change: func(k *fakekms.Key) { k.Fail = "AccessDeniedException" }, want: fault.AccessDenied, hint: "create-grant"},
		"unknown caller":   {change: func(k *fakekms.Key) { k.Fail = "UnrecognizedClientException" }, want: fault.AccessDenied},
		"missing":          {arn: keyARN[:len(keyARN)-1] + "1", want: fault.ResourceNotFound, hint: "list-keys --region eu-west-1"},
		"broken":           {change: func(k *fakekms.Key) { k.Fail = "InvalidArnException" }, want: fault.ResourceNotFound},
		"not an ARN":       {arn: "alias/codes", want: fault.InvalidParameter},
		"another service":  {arn: strings.Replace(keyARN, ":kms:", ":s3:", 1), want: fault.InvalidParameter},
		"a host as region": {arn: strings.Replace(keyARN, "eu-west-1", "evil.example/", 1), want: fault.InvalidParameter},
	} {
		t.Run(name, func(t *testing.T) {
			k, fake, _ := start(t)
			if c.change != nil {
				fake.Change(keyARN, c.change)
			}
			if c.arn == "" {
				c.arn = keyARN
			}
			err := k.Usable(t.Context(), c.arn, poolARN)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if fault.CodeOf(err) != c.want || !strings.Contains(fault.Of(err).Hint, c.hint) {
				t.Fatalf("%v, hint %q", err, fault.Of(err).Hint)
			}
		})
	}
}

// What was learnt is asked again after its time, and refusals sooner.
func TestUsableRemembers(t *testing.T) {
	k, fake, now := start(t)
	ask := func(want fault.Code, calls int) {
		t.Helper()
		for range 3 {
			if err := k.Usable(t.Context(), keyARN, poolARN); (err == nil) != (want == "") || (err != nil && fault.CodeOf(err) != want) {
				t.Fatalf("%v, not %q", err, want)
			}
		}
		if got := fake.Calls(); len(got) != calls {
			t.Fatalf("calls %v, not %d", got, calls)
		}
	}
	ask("", 1)
	fake.Change(keyARN, func(key *fakekms.Key) { key.State = "Disabled" })
	*now = now.Add(usableFor - 1)
	ask("", 0)
	*now = now.Add(1)
	ask(fault.KeyDisabled, 1)
	fake.Change(keyARN, func(key *fakekms.Key) { key.State = "Enabled" })
	ask(fault.KeyDisabled, 0)
	*now = now.Add(refusedFor)
	ask("", 1)
	*now = now.Add(24 * time.Hour)
	fake.Change(keyARN, func(key *fakekms.Key) { key.State = "Disabled" })
	ask(fault.KeyDisabled, 1)
}

// A way to AWS that is broken is no answer about the key: it is not remembered, and tried twice.
func TestUsableWithoutAnswer(t *testing.T) {
	k, fake, _ := start(t)
	fake.Change(keyARN, func(key *fakekms.Key) { key.Fail, key.Status = "KMSInternalException", 500 })
	if err := k.Usable(t.Context(), keyARN, poolARN); fault.CodeOf(err) != fault.Overloaded {
		t.Fatal(err)
	}
	if calls := fake.Calls(); len(calls) != maxAttempts {
		t.Fatalf("calls %v", calls)
	}
	fake.Change(keyARN, func(key *fakekms.Key) { key.Fail = "" })
	if err := k.Usable(t.Context(), keyARN, poolARN); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New(fake.Config("x")).Usable(ctx, keyARN, poolARN); fault.CodeOf(err) != fault.Overloaded || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestUsableConcurrently(t *testing.T) {
	k, fake, now := start(t)
	if err := k.Usable(t.Context(), keyARN, poolARN); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(usableFor)
	fake.Calls()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := k.Usable(t.Context(), keyARN, poolARN); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if calls := fake.Calls(); len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
}

// A message made with the keyring names the key's ARN and is opened by who may decrypt with it.
func TestKeyring(t *testing.T) {
	k, fake, _ := start(t)
	ec := envelope.Context{"userpool-id": "us-local-1_AbCdEf123"}
	m, err := envelope.Encrypt(t.Context(), envelope.DefaultSuite, k.Keyring(keyARN), ec, []byte("123456"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := envelope.Parse(m)
	if err != nil || len(h.Keys) != 1 || h.Keys[0].Provider != "aws-kms" || string(h.Keys[0].Info) != keyARN {
		t.Fatalf("%v, %v", h, err)
	}
	reader := &envelope.KMSKeyring{Service: kmssdk.Service{Client: fake.Client("eu-west-1")}, Keys: []string{keyARN}}
	for _, ring := range []envelope.Keyring{reader, k.Keyring(keyARN)} {
		if got, _, err := (envelope.Decrypter{Keyring: ring, Expect: ec}).Decrypt(t.Context(), m); err != nil || string(got) != "123456" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if calls := fake.Calls(); !slices.Equal(calls, []string{"GenerateDataKey", "Decrypt", "Decrypt"}) {
		t.Fatal(calls)
	}
}

func TestKeyringFails(t *testing.T) {
	for kind, want := range map[string]fault.Code{
		"DisabledException": fault.KeyDisabled, "KMSInvalidStateException": fault.KeyStateInvalid, "AccessDeniedException": fault.AccessDenied,
		"InvalidKeyUsageException": fault.KeyUsageWrong, "NotFoundException": fault.ResourceNotFound, "DependencyTimeoutException": fault.Overloaded,
	} {
		k, fake, _ := start(t)
		fake.Change(keyARN, func(key *fakekms.Key) { key.Fail = kind })
		_, err := envelope.Encrypt(t.Context(), envelope.AES, k.Keyring(keyARN), nil, []byte("123456"))
		if fault.CodeOf(err) != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
	k, _, _ := start(t)
	if _, err := envelope.Encrypt(t.Context(), envelope.AES, k.Keyring("alias/codes"), nil, nil); fault.CodeOf(err) != fault.InvalidParameter {
		t.Error(err)
	}
}
