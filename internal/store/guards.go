package store

import (
	"context"
	"time"
)

// GuardCount is what was seen of one key of a pool within one span of five minutes, by the time at which the message was asked for.
type GuardCount struct {
	PoolID string
	// Key names a country, a range of numbers, a network ...; package pumping spells it. It names no person.
	Key string
	// Span is the beginning of the five minutes.
	Span time.Time
	// Sent, Verified (whose code was typed in) and Refused are counts of messages with codes to unconfirmed numbers.
	Sent, Verified, Refused int
}

// GuardBlock is a key to which nothing is sent for a while.
type GuardBlock struct {
	PoolID, Key string
	// Reason is what the key was blocked for, Evidence the figures in words; By is detector or operator.
	Reason, Evidence, By string
	Since, Until         time.Time
	// Refused is how many messages the block held back.
	Refused int64
}

// QuotaKey names a quota of one span: what a pool, client, country or range may send, or a pool may spend.
type QuotaKey struct {
	PoolID, Key string
	// Span is the beginning of the hour or day.
	Span time.Time
}

// Guards reads and writes what guards share between nodes.
type Guards interface {
	// AddGuardCounts adds to the rows of these keys, in the order of the keys.
	AddGuardCounts(ctx context.Context, counts []GuardCount) error
	// GuardCounts returns the rows of these keys (at most 1,000) with Span in [from, to), by key and span.
	GuardCounts(ctx context.Context, poolID string, keys []string, from, to time.Time) ([]GuardCount, error)
	// TopGuardCounts sums the rows of keys that begin with a prefix and Span in [from, to), the most unverified first, at most limit. Span is the
	// first of each.
	TopGuardCounts(ctx context.Context, poolID, prefix string, from, to time.Time, limit int) ([]GuardCount, error)
	// PruneGuardCounts deletes up to limit rows with Span before a time.
	PruneGuardCounts(ctx context.Context, before time.Time, limit int) (int, error)

	// PutGuardBlock inserts or replaces the block of a key; Refused and Since of a block that has not ended when the new one begins stay. Until must be
	// set: after it the row may be swept.
	PutGuardBlock(ctx context.Context, b *GuardBlock) error
	// CountGuardBlock adds to Refused of a block and moves Until, if that is later.
	CountGuardBlock(ctx context.Context, poolID, key string, refused int64, until time.Time) error
	// GuardBlocks returns the blocks of a pool ("" all pools) that end after a time, by pool and key.
	GuardBlocks(ctx context.Context, poolID string, after time.Time) ([]*GuardBlock, error)
	// EndGuardBlock deletes the block of a key and reports whether there was one.
	EndGuardBlock(ctx context.Context, poolID, key string) (bool, error)

	// TakeQuota takes up to n of what is left below limit, and returns how many it took (0: nothing is left) and how many are taken in all.
	// The row may be swept after expires.
	TakeQuota(ctx context.Context, k QuotaKey, n, limit int64, expires time.Time) (granted, taken int64, err error)
	// GiveQuota gives back what a node did not use; never below 0.
	GiveQuota(ctx context.Context, k QuotaKey, n int64) error
	// AddQuota adds n (which may be negative) whatever the limit is: what a message really cost. It returns how many are taken in
	// all, never below 0.
	AddQuota(ctx context.Context, k QuotaKey, n int64, expires time.Time) (taken int64, err error)
	// QuotaTaken returns how many are taken; 0 for unknown keys.
	QuotaTaken(ctx context.Context, k QuotaKey) (int64, error)
}
