package envelope

import "errors"

// Errors of Parse and Decrypt, to be tested with errors.Is. Their texts hold nothing of the plaintext or of keys.
var (
	// ErrMalformed: not a message, or one of a kind that this package does not read.
	ErrMalformed = errors.New("envelope: not a message that can be read")
	// ErrNoKey: the keyring can open none of the message's data keys. Keyrings return it.
	ErrNoKey = errors.New("envelope: no data key of the message can be opened")
	// ErrPolicy: the message's suite does not commit to its key, and the reader wants that.
	ErrPolicy = errors.New("envelope: the message's algorithm suite is not accepted")
	// ErrContext: the encryption context is not the expected one.
	ErrContext = errors.New("envelope: unexpected encryption context")
	// ErrAuthentication: a tag, the commitment or the signature is wrong: the message was changed, or the data key is not its own.
	ErrAuthentication = errors.New("envelope: the message is not authentic")
)
