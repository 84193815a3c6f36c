package awskms

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"countersign/envelope"
	"countersign/internal/fault"
	"countersign/internal/kmssdk"
	"countersign/internal/trigger"
)

const (
	usableFor   = 30 * time.Second
	refusedFor  = 5 * time.Second
	callTimeout = 5 * time.Second
	maxAttempts = 2
	// maxRegions and maxKnown bound what is in memory; beyond them it starts anew.
	maxRegions = 64
	maxKnown   = 4096
)

// Keys is AWS KMS. It is safe for concurrent use.
type Keys struct {
	// Now defaults to time.Now. It may not be changed later.
	Now    func() time.Time
	config aws.Config

	mu      sync.Mutex
	regions map[string]*kms.Client
	known   map[string]known
}

// known is what DescribeKey said of a key.
type known struct {
	err   error
	until time.Time
}

var _ trigger.Keys = (*Keys)(nil)

// New returns Keys. The configuration carries credentials and the HTTP client; its region and retryer are not used.
func New(config aws.Config) *Keys {
	return &Keys{Now: time.Now, config: config, regions: map[string]*kms.Client{}, known: map[string]known{}}
}

// Usable implements trigger.Keys. Other errors than the contract's are of the way to AWS: fault.Overloaded.
func (k *Keys) Usable(ctx context.Context, keyARN, _ string) error {
	region, err := regionOf(keyARN)
	if err != nil {
		return err
	}
	if e, ok := k.remembered(keyARN); ok {
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := k.client(region).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &keyARN})
	if err != nil {
		err = classify(keyARN, err)
	} else {
		err = judge(keyARN, out.KeyMetadata)
	}
	if fault.CodeOf(err) != fault.Overloaded {
		k.remember(keyARN, err)
	}
	return err
}

// remembered returns the answer of last time. The first one to come after its end is sent to ask again, while the others go on.
func (k *Keys) remembered(keyARN string) (error, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.known[keyARN]
	if !ok {
		return nil, false
	}
	if now := k.Now(); !now.Before(e.until) {
		if e.err != nil || now.After(e.until.Add(usableFor)) {
			delete(k.known, keyARN)
			return nil, false
		}
		e.until = now.Add(callTimeout)
		k.known[keyARN] = e
		return nil, false
	}
	return e.err, true
}

func (k *Keys) remember(keyARN string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKnown {
		clear(k.known)
	}
	until := k.Now().Add(usableFor)
	if err != nil {
		until = k.Now().Add(refusedFor)
	}
	k.known[keyARN] = known{err, until}
}

// judge says whether a key can seal codes.
func judge(keyARN string, m *types.KeyMetadata) error {
	switch {
	case m == nil:
		return &fault.Error{Code: fault.Overloaded}
	case m.KeySpec != types.KeySpecSymmetricDefault || m.KeyUsage != types.KeyUsageTypeEncryptDecrypt:
		return refusal(fault.KeyUsageWrong, keyARN, nil)
	case m.KeyState == types.KeyStateDisabled:
		return refusal(fault.KeyDisabled, keyARN, nil)
	case m.KeyState != types.KeyStateEnabled:
		return refusal(fault.KeyStateInvalid, keyARN, nil)
	}
	return nil
}

// Keyring implements trigger.Keys. Errors of its calls are those of Usable.
func (k *Keys) Keyring(keyARN string) envelope.Keyring {
	return &envelope.KMSKeyring{Service: service{k}, Generator: keyARN}
}

// service is envelope.KMS with errors as package fault has them.
type service struct{ keys *Keys }

// GenerateDataKey implements envelope.KMS.
func (s service) GenerateDataKey(ctx context.Context, keyID string, ec envelope.Context) (plaintext, blob []byte, keyARN string, err error) {
	region, err := regionOf(keyID)
	if err != nil {
		return nil, nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	plaintext, blob, keyARN, err = kmssdk.Service{Client: s.keys.client(region)}.GenerateDataKey(ctx, keyID, ec)
	if err != nil {
		return nil, nil, "", classify(keyID, err)
	}
	return plaintext, blob, keyARN, nil
}

// Decrypt implements envelope.KMS.
func (s service) Decrypt(ctx context.Context, keyARN string, blob []byte, ec envelope.Context) (plaintext []byte, answeredARN string, err error) {
	region, err := regionOf(keyARN)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	plaintext, answeredARN, err = kmssdk.Service{Client: s.keys.client(region)}.Decrypt(ctx, keyARN, blob, ec)
	if err != nil {
		return nil, "", classify(keyARN, err)
	}
	return plaintext, answeredARN, nil
}

func (k *Keys) client(region string) *kms.Client {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.regions[region]; c != nil {
		return c
	}
	if len(k.regions) >= maxRegions {
		clear(k.regions)
	}
	c := kms.NewFromConfig(k.config, func(o *kms.Options) {
		o.Region = region
		o.Retryer = retry.AddWithMaxAttempts(retry.NewStandard(), maxAttempts)
	})
	k.regions[region] = c
	return c
}

// regionOf takes the region from arn:PARTITION:kms:REGION:ACCOUNT:key/ID; aliases have one, too.
func regionOf(arn string) (string, error) {
	p := strings.SplitN(arn, ":", 6)
	if len(arn) > 2048 || len(p) != 6 || p[0] != "arn" || p[2] != "kms" || p[3] == "" ||
		!strings.HasPrefix(p[5], "key/") && !strings.HasPrefix(p[5], "alias/") {
		return "", fault.Invalidf("KMSKeyID", "The key is not named by its ARN.")
	}
	for _, r := range p[3] {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return "", fault.Invalidf("KMSKeyID", "The region in the key's ARN is not one.")
		}
	}
	return p[3], nil
}
