// Package kmssdk lets the KMS client of the AWS SDK serve as envelope.KMS. It adds nothing: retries, credentials and endpoint are
// the client's.
package kmssdk

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"countersign/envelope"
)

// API is the part of *kms.Client that is used.
type API interface {
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput, options ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput, options ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// Service is envelope.KMS over Client.
type Service struct{ Client API }

var _ envelope.KMS = Service{}

// GenerateDataKey implements envelope.KMS. Like the Encryption SDKs it asks for 32 bytes, not for a key spec.
func (s Service) GenerateDataKey(ctx context.Context, keyID string, ec envelope.Context) (plaintext, blob []byte, keyARN string, err error) {
	out, err := s.Client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &keyID, NumberOfBytes: aws.Int32(32), EncryptionContext: ec,
	})
	if err != nil {
		return nil, nil, "", fmt.Errorf("kms: %w", err)
	}
	return out.Plaintext, out.CiphertextBlob, aws.ToString(out.KeyId), nil
}

// Decrypt implements envelope.KMS.
func (s Service) Decrypt(ctx context.Context, keyARN string, blob []byte, ec envelope.Context) (plaintext []byte, answeredARN string, err error) {
	out, err := s.Client.Decrypt(ctx, &kms.DecryptInput{KeyId: &keyARN, CiphertextBlob: blob, EncryptionContext: ec})
	if err != nil {
		return nil, "", fmt.Errorf("kms: %w", err)
	}
	return out.Plaintext, aws.ToString(out.KeyId), nil
}
