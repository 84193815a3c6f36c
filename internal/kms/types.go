package kms

import (
	"time"
)

// States of a key, as KMS spells them.
const (
	Enabled         = "Enabled"
	Disabled        = "Disabled"
	PendingDeletion = "PendingDeletion"
)

// What keys are for, of which kind they are, and where their material comes from.
const (
	EncryptDecrypt   = "ENCRYPT_DECRYPT"
	SignVerify       = "SIGN_VERIFY"
	SymmetricDefault = "SYMMETRIC_DEFAULT"
	RSA2048          = "RSA_2048"
	P256             = "ECC_NIST_P256"
	OriginHere       = "AWS_KMS"
)

// Kinds of rotation.
const (
	Automatic = "AUTOMATIC"
	OnDemand  = "ON_DEMAND"
)

// Caller is who calls an operation.
type Caller struct {
	// ID is the access key's id, for the event log. ARN is the principal; empty means the account itself.
	ID, ARN string
	// Region is where the call arrived: keys of others are not found. Empty: the region of the key's ARN.
	Region string
	// Function is the ARN of the function that runs here and calls with its own credentials, else empty.
	Function string
	// GrantTokens are tokens of grants. Grants count without them; an invalid one is refused.
	GrantTokens []string
}

// Key describes a key. It holds no secret.
type Key struct {
	ID, ARN, Region                         string
	State, Usage, Spec, Origin, Description string
	// MaterialID names the material that encrypts, 64 hex digits; empty for asymmetric keys.
	MaterialID string
	CreatedAt  time.Time
	// DeleteAt is when the key is gone, zero unless its state is PendingDeletion.
	DeleteAt time.Time
}

// Tag is a tag of a key.
type Tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// NewKey is what CreateKey asks for.
type NewKey struct {
	// Policy is a document; empty means the account's root may do everything.
	Description, Policy string
	// BypassPolicyCheck accepts a policy that does not let the caller change it again.
	BypassPolicyCheck bool
	// Usage, Spec and Origin default to ENCRYPT_DECRYPT, SYMMETRIC_DEFAULT and AWS_KMS.
	Usage, Spec, Origin string
	Tags                []Tag
}

// Rotation is the automatic rotation of a key.
type Rotation struct {
	On bool
	// Days is the period, NextAt when it is due. Both are zero if On is false.
	Days   int
	NextAt time.Time
}

// Rotated is a rotation that happened.
type Rotated struct {
	At time.Time
	// Kind is AUTOMATIC or ON_DEMAND. MaterialID names the material that began to encrypt.
	Kind, MaterialID string
}

// Alias is a second name of a key.
type Alias struct {
	Name, ARN, KeyID     string
	CreatedAt, UpdatedAt time.Time
}

// NewGrant is what CreateGrant asks for.
type NewGrant struct {
	Name string
	// Grantee is a principal's ARN, or a service principal. Retiring may be empty.
	Grantee, Retiring string
	// Operations are as KMS spells them: Decrypt, GenerateDataKey ...
	Operations []string
	// ContextSubset and ContextEquals constrain the encryption context; at most one is set. SourceARN constrains a service to one
	// resource on whose behalf it calls.
	ContextSubset, ContextEquals map[string]string
	SourceARN                    string
}

// Grant lets a principal use a key.
type Grant struct {
	NewGrant
	ID, KeyARN string
	CreatedAt  time.Time
}

// Sealed is a ciphertext.
type Sealed struct {
	Blob               []byte
	KeyARN, MaterialID string
}

// Opened is what a ciphertext held.
type Opened struct {
	Plaintext          []byte
	KeyARN, MaterialID string
}
