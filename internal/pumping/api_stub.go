package pumping

import (
	"context"
	"net/netip"
	"time"

	"countersign/internal/store"
)

const minUsual, maxUsual = 0.2, 0.95

// Detector counts and judges. It is safe for concurrent use.
type Detector struct{ c Config }

// New returns a Detector. It panics without Store, Log or Hash, which is a mistake of the programmer.
func New(c Config) *Detector { return &Detector{c: c} }

// Judge judges a message and, unless it is blocked, reserves its place until Sent or Refused is called. Errors are those of the store and of Hash.
func (d *Detector) Judge(ctx context.Context, s Settings, a Ask) (Verdict, error) {
	return Verdict{}, nil
}

// Look is Judge without any trace: nothing is counted, reserved or blocked.
func (d *Detector) Look(ctx context.Context, s Settings, a Ask) (Verdict, error) {
	return Verdict{}, nil
}

// Sent counts a message that was committed.
func (d *Detector) Sent(poolID, mark string, at time.Time) {}

// Refused takes back a message that Judge let pass and that was not made after all: another guard refused it, or nothing was committed.
func (d *Detector) Refused(poolID, mark string, at time.Time) {}

// Verified counts a code that was typed in; sentAt is when it was asked for.
func (d *Detector) Verified(poolID, mark string, sentAt, at time.Time) {}

// Blocks returns the blocks of a pool that last, by key.
func (d *Detector) Blocks(ctx context.Context, poolID string) ([]*store.GuardBlock, error) {
	return nil, nil
}

// Block blocks a key by hand. Errors: fault.InvalidParameter for keys that are none; those of the store.
func (d *Detector) Block(ctx context.Context, poolID, key string, until time.Time, why string) error {
	return nil
}

// Unblock lifts the block of a key, and forgives what was counted of it. Errors: fault.ResourceNotFound if it is not blocked; those of the store.
func (d *Detector) Unblock(ctx context.Context, poolID, key string) error { return nil }

// AddressKeys returns the keys of an address and of the network around it.
func (d *Detector) AddressKeys(ctx context.Context, poolID string, a netip.Addr) (address, network string, err error) {
	return "", "", nil
}

// Top returns the keys of a kind (c, w, r, a, n) with the most untyped codes since a time, at most limit.
func (d *Detector) Top(ctx context.Context, poolID, kind string, since time.Time, limit int) ([]store.GuardCount, error) {
	return nil, nil
}

// Run writes what is counted every second, and sweeps, until the context ends; then it writes what is left.
func (d *Detector) Run(ctx context.Context) error { return nil }

// Flush writes what is counted now.
func (d *Detector) Flush(ctx context.Context) error { return nil }
