package smssender

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"countersign/envelope"
	"countersign/internal/kmssdk"
)

// KeysFromEnv returns a keyring over AWS KMS, as the environment describes it:
//
//   - KEY_ID: the ARN of the pool's key; several are separated by commas (a new key beside the old one). Required. An alias or a bare
//     key id does not do, since codes name the ARN, and only the keys named here are ever used.
//   - AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL: another KMS, as all AWS SDKs read them; Countersign sets the first.
//   - AWS_REGION, AWS_ACCESS_KEY_ID and so on: set by Lambda and by Countersign. The region asked is each key's own.
//
// It opens codes only. Start reports what is missing; used without Start, Open does.
func KeysFromEnv() envelope.Keyring {
	return &envKeys{load: sync.OnceValues(func() (*envelope.KMSKeyring, error) { return loadKeys(os.Getenv("KEY_ID")) })}
}

type envKeys struct {
	load func() (*envelope.KMSKeyring, error)
}

func (k *envKeys) ready() error {
	_, err := k.load()
	return err
}

// Generate implements envelope.Keyring.
func (k *envKeys) Generate(context.Context, envelope.Context) ([]byte, []envelope.EncryptedKey, error) {
	return nil, nil, errors.New("smssender: these keys only open codes")
}

// Open implements envelope.Keyring.
func (k *envKeys) Open(ctx context.Context, keys []envelope.EncryptedKey, ec envelope.Context) ([]byte, error) {
	ring, err := k.load()
	if err != nil {
		return nil, err
	}
	return ring.Open(ctx, keys, ec)
}

// loadKeys makes a client for each region of the keys.
func loadKeys(list string) (*envelope.KMSKeyring, error) {
	service := regions{}
	ring := &envelope.KMSKeyring{Service: service}
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
	}
	for id := range strings.SplitSeq(list, ",") {
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		a, err := arn.Parse(id)
		if err != nil || a.Service != "kms" || a.Region == "" || !strings.HasPrefix(a.Resource, "key/") {
			return nil, fmt.Errorf("KEY_ID: %q is not the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>)", id)
		}
		if service[a.Region] == nil {
			service[a.Region] = kmssdk.Service{Client: kms.NewFromConfig(cfg, func(o *kms.Options) { o.Region = a.Region })}
		}
		ring.Keys = append(ring.Keys, id)
	}
	if len(ring.Keys) == 0 {
		return nil, errors.New("KEY_ID is not set: it is the ARN of the pool's KMS key")
	}
	return ring, nil
}

// regions is KMS in each region that has a key.
type regions map[string]envelope.KMS

func (r regions) of(keyARN string) (envelope.KMS, error) {
	a, err := arn.Parse(keyARN)
	if err != nil || r[a.Region] == nil {
		return nil, fmt.Errorf("no KMS client for the key %q", keyARN)
	}
	return r[a.Region], nil
}

// GenerateDataKey implements envelope.KMS.
func (r regions) GenerateDataKey(ctx context.Context, keyID string, ec envelope.Context) (plaintext, blob []byte, keyARN string, err error) {
	s, err := r.of(keyID)
	if err != nil {
		return nil, nil, "", err
	}
	return s.GenerateDataKey(ctx, keyID, ec)
}

// Decrypt implements envelope.KMS.
func (r regions) Decrypt(ctx context.Context, keyARN string, blob []byte, ec envelope.Context) (plaintext []byte, answeredARN string, err error) {
	s, err := r.of(keyARN)
	if err != nil {
		return nil, "", err
	}
	return s.Decrypt(ctx, keyARN, blob, ec)
}
