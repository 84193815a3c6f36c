// Package envelope reads and writes messages of the AWS Encryption SDK: the form in which Amazon Cognito hands codes to custom
// senders. It needs the standard library alone and talks to KMS through the two-method interface KMS.
//
//	message, err := envelope.Encrypt(ctx, envelope.DefaultSuite, keyring, envelope.Context{"userpool-id": pool}, []byte("123456"))
//
//	d := envelope.Decrypter{Keyring: keyring, Expect: envelope.Context{"userpool-id": pool}}
//	code, header, err := d.Decrypt(ctx, message)
//
// # What it holds to
//
// Messages are short: MaxPlaintext bytes in one final frame, which is how Cognito writes them. What the format allows beyond that
// (several frames, bodies without frames, the older suites without key derivation) is refused with ErrMalformed, and so is every
// message that would not be encoded to the same bytes again, but for the initialisation vectors, which are taken as they stand.
// Nothing is returned before all tags, the commitment and the signature were checked. Lengths that a message claims are compared
// with the bytes at hand before anything is allocated. Data keys are overwritten after use.
//
// The format and its messages are stable: what this version writes, later versions read. Source: AWS Encryption SDK Developer
// Guide, "Message format reference" and "Algorithms reference"; aws-encryption-sdk-specification.
package envelope
