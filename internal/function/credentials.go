package function

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

// AccessKeyPrefix begins the access key ids of functions.
const AccessKeyPrefix = "CSFN"

const (
	accessKeyLength = len(AccessKeyPrefix) + 26
	maxOwners       = 1024
)

var keyEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// accessKeyID names a function by its id: 128 bits in base32 behind the prefix.
func accessKeyID(functionID string) (string, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(functionID, "-", ""))
	if err != nil || len(raw) != 16 {
		return "", fault.Internalf("function: id %q", functionID)
	}
	return AccessKeyPrefix + keyEncoding.EncodeToString(raw), nil
}

// functionID is the reverse; ok is false for what accessKeyID cannot have made.
func functionID(accessKeyID string) (id string, ok bool) {
	rest, found := strings.CutPrefix(accessKeyID, AccessKeyPrefix)
	if !found || len(accessKeyID) != accessKeyLength {
		return "", false
	}
	raw, err := keyEncoding.DecodeString(rest)
	if err != nil || len(raw) != 16 || keyEncoding.EncodeToString(raw) != rest {
		return "", false
	}
	h := hex.EncodeToString(raw)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], true
}

// IsAccessKey reports whether an access key id has the form of a function's.
func IsAccessKey(id string) bool {
	_, ok := functionID(id)
	return ok
}

// credentials derives the access key of a function from its id and a key of the deployment: nothing is stored, every node
// derives the same, and a function made anew has another.
func (s *Service) credentials(ctx context.Context, functionID string) (id, secretKey string, err error) {
	if id, err = accessKeyID(functionID); err != nil {
		return "", "", err
	}
	var raw []byte
	for _, half := range []string{"1", "2"} {
		h, err := s.c.Keys.Lookup(ctx, keyring.Deployment, "function credentials", functionID, half)
		if err != nil {
			return "", "", fault.Internalf("function: credentials: %w", err)
		}
		raw = append(raw, h...)
	}
	return id, base64.RawURLEncoding.EncodeToString(raw[:30]), nil
}

// Credentials returns the access key that a function hosted here is given for our own endpoints (KMS). The error is
// fault.ResourceNotFound for what is not hosted here.
func (s *Service) Credentials(ctx context.Context, functionARN string) (accessKeyID, secretKey string, err error) {
	ref, t, err := s.resolveARN(ctx, functionARN)
	if errors.Is(err, errElsewhere) {
		return "", "", s.notFound(ref)
	}
	if err != nil {
		return "", "", err
	}
	return s.credentials(ctx, t.functionID)
}

// SecretOf returns the secret of a function's access key, for the verifier of signatures (which compares in constant time), and
// the ARN of the function that holds it, without a qualifier. The error is fault.AccessKeyUnknown for everything else: other
// access keys, and those of functions that are gone. A deletion is known at once here and within two seconds on other nodes.
func (s *Service) SecretOf(ctx context.Context, accessKeyID string) (secretKey, functionARN string, err error) {
	id, ok := functionID(accessKeyID)
	if !ok {
		return "", "", fault.New(fault.AccessKeyUnknown)
	}
	arn, err := s.owner(ctx, id)
	if err != nil {
		return "", "", err
	}
	_, secretKey, err = s.credentials(ctx, id)
	return secretKey, arn, err
}

// owners are the ARNs of functions by id.
type owners struct {
	mu    sync.Mutex
	known map[string]owned
	epoch uint64
}

type owned struct {
	arn string
	at  time.Time
}

func (o *owners) forget(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.epoch++
	delete(o.known, id)
}

// owner returns the ARN of the function with an id, from memory if it was read in the last two seconds.
func (s *Service) owner(ctx context.Context, id string) (string, error) {
	o, now := &s.owners, s.c.Now()
	o.mu.Lock()
	hit, ok := o.known[id]
	epoch := o.epoch
	o.mu.Unlock()
	if age := now.Sub(hit.at); ok && age >= 0 && age < stale {
		return hit.arn, nil
	}
	var f *store.Function
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		f, err = tx.Functions().FunctionByID(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		o.forget(id)
		return "", fault.New(fault.AccessKeyUnknown)
	}
	if err != nil {
		return "", stored(err)
	}
	arn := Ref{Region: f.Region, Name: f.Name}.ARN(s.c.Account)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.epoch == epoch {
		if o.known == nil || len(o.known) >= maxOwners {
			o.known = map[string]owned{}
		}
		o.known[id] = owned{arn, now}
	}
	return arn, nil
}
