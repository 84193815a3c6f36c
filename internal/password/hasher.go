package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"countersign/internal/fault"
)

// The parameters of new hashes (OWASP Password Storage Cheat Sheet, argon2id; RFC 9106 for the algorithm).
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltSize  = 16
	hashSize  = 32
)

// Cost is what one hash takes. Production has Strong; less is for tests of what stands on passwords.
type Cost struct{ MemoryKiB, Passes uint32 }

// Strong is the cost of New.
var Strong = Cost{MemoryKiB: memoryKiB, Passes: passes}

// MaxBytes is the longest password that is hashed: 256 characters of up to four bytes.
const MaxBytes = 4 * MaxLength

// Hasher hashes and verifies, a bounded number at a time. It is safe for concurrent use; make it with New.
type Hasher struct {
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
	dummy   string
	cost    Cost
}

// New returns a Hasher that works on at most workers passwords at once (below 1: the number of cores that Go may use)
// while at most queue others wait (below 0: none).
func New(workers, queue int) *Hasher { return NewWithCost(Strong, workers, queue) }

// NewWithCost is New with another cost for new hashes; older ones are replaced at the next success, as ever.
func NewWithCost(cost Cost, workers, queue int) *Hasher {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	// Random bytes in place of a hash: nothing hashes to them, and making them costs nothing at start.
	random := make([]byte, saltSize+hashSize)
	rand.Read(random) // never fails
	return &Hasher{
		slots: make(chan struct{}, workers),
		queue: int64(max(queue, 0)),
		cost:  cost,
		dummy: encode(cost, random[:saltSize], random[saltSize:]),
	}
}

// Hash returns a new hash of password with a salt of its own. Errors: fault.Overloaded where the queue is full or ctx
// ends first, fault.PasswordPolicy above MaxBytes.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxBytes {
		return "", refusal("Password too long")
	}
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	return encode(h.cost, salt, argon2.IDKey([]byte(password), salt, h.cost.Passes, h.cost.MemoryKiB, lanes, hashSize)), nil
}

// Verify reports whether encoded is a hash of password, and if so whether it should be replaced by one of Hash because it
// has another algorithm or other parameters. Errors: ErrEncoding (an unknown form, or a cost beyond the bounds) and
// fault.Overloaded as for Hash; ok is false then.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (ok, needsRehash bool, err error) {
	stored, err := parse(encoded)
	if err != nil {
		return false, false, err
	}
	if len(password) > MaxBytes {
		return false, false, nil
	}
	if err := h.acquire(ctx); err != nil {
		return false, false, err
	}
	defer h.release()
	ok, err = stored.matches(password)
	return ok, ok && stored.cost != h.cost, err
}

// Dummy does the work of a Verify that fails, for a user who does not exist or has no password. Its errors are Verify's.
func (h *Hasher) Dummy(ctx context.Context, password string) error {
	_, _, err := h.Verify(ctx, h.dummy, password)
	return err
}

// acquire waits for a slot; release gives it back.
func (h *Hasher) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return overloaded(err)
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return overloaded(nil)
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return overloaded(ctx.Err())
	}
}

func (h *Hasher) release() { <-h.slots }

func overloaded(cause error) error {
	e := fault.New(fault.Overloaded).WithErr(cause)
	e.RetryAfter = time.Second
	return e
}

// Busy returns how many passwords are being worked on and how many wait, for metrics.
func (h *Hasher) Busy() (working, waiting int) { return len(h.slots), int(h.waiting.Load()) }

func encode(c Cost, salt, hash []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.MemoryKiB, c.Passes, lanes,
		b64.EncodeToString(salt), b64.EncodeToString(hash))
}

// equal compares in constant time. An empty or short hash never gets here (see parse).
func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
