package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"countersign/internal/store"
)

const countColumns = `pool_id, span, account, channel, country, network, sent, failed, delivered, undelivered, verified, verify_micros`

func readRouteCount(s *scan) store.RouteCount {
	return store.RouteCount{
		PoolID: s.text(), Span: s.time(), Account: s.text(), Channel: s.text(), Country: s.text(), Network: s.text(), Sent: s.int(), Failed: s.int(),
		Delivered: s.int(), Undelivered: s.int(), Verified: s.int(), VerifyTime: time.Duration(s.int64()) * time.Microsecond,
	}
}

func compareCounts(a, b store.RouteCount) int {
	return cmp.Or(cmp.Compare(a.PoolID, b.PoolID), a.Span.Compare(b.Span), cmp.Compare(a.Account, b.Account),
		cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Country, b.Country), cmp.Compare(a.Network, b.Network))
}

// AddRouteCounts goes in the order of the keys: two nodes that add to the same rows never wait for each other in a circle.
func (t routeTx) AddRouteCounts(ctx context.Context, counts []store.RouteCount) error {
	for _, c := range slices.SortedFunc(slices.Values(counts), compareCounts) {
		err := t.exec(ctx, `INSERT INTO route_counts AS c (`+countColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (pool_id, span, account, channel, country, network) DO UPDATE SET sent = c.sent + excluded.sent,
			failed = c.failed + excluded.failed, delivered = c.delivered + excluded.delivered,
			undelivered = c.undelivered + excluded.undelivered, verified = c.verified + excluded.verified,
			verify_micros = c.verify_micros + excluded.verify_micros`,
			c.PoolID, c.Span.UnixMicro(), c.Account, c.Channel, c.Country, c.Network, c.Sent, c.Failed, c.Delivered, c.Undelivered, c.Verified,
			c.VerifyTime.Microseconds())
		if err != nil {
			return err
		}
	}
	return nil
}

func (t routeTx) RouteCounts(ctx context.Context, poolID string, from, to time.Time) ([]store.RouteCount, error) {
	if poolID == "" {
		return many(ctx, t.tx, `SELECT `+countColumns+` FROM route_counts WHERE span >= $1 AND span < $2
			ORDER BY span, pool_id, account, channel, country, network`, readRouteCount, from.UnixMicro(), to.UnixMicro())
	}
	return many(ctx, t.tx, `SELECT `+countColumns+` FROM route_counts WHERE pool_id = $1 AND span >= $2 AND span < $3
		ORDER BY span, account, channel, country, network`, readRouteCount, poolID, from.UnixMicro(), to.UnixMicro())
}

func (t routeTx) PruneRouteCounts(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.change(ctx, `DELETE FROM route_counts WHERE (pool_id, span, account, channel, country, network) IN
		(SELECT pool_id, span, account, channel, country, network FROM route_counts WHERE span < $1 ORDER BY span LIMIT $2)`,
		before.UnixMicro(), limit)
}

const (
	// carrierAge is how long a carrier is believed after the last receipt that named it.
	carrierAge = 400 * day
	// carrierFresh is how long it is not written again.
	carrierFresh = 30 * day
	// maxPrefixes bounds one question.
	maxPrefixes = 32
)

// LearnNetwork writes nothing if the row says the same and is fresh: receipts come by the thousand.
func (t routeTx) LearnNetwork(ctx context.Context, prefix, network string, now time.Time) error {
	return t.exec(ctx, `INSERT INTO carriers AS c (prefix, network, expires_at) VALUES ($1, $2, $3) ON CONFLICT (prefix) DO UPDATE
		SET network = excluded.network, expires_at = excluded.expires_at WHERE c.network <> excluded.network OR c.expires_at < $4`,
		prefix, network, micros(now.Add(carrierAge)), micros(now.Add(carrierAge-carrierFresh)))
}

func (t routeTx) NetworksOf(ctx context.Context, prefixes []string) (map[string]string, error) {
	out := map[string]string{}
	for some := range slices.Chunk(prefixes, maxPrefixes) {
		f := filter{sql: `SELECT prefix, network FROM carriers WHERE 1 = 1`}
		values := make([]any, maxPrefixes)
		for i := range values {
			values[i] = some[min(i, len(some)-1)]
		}
		if len(some) == 1 {
			values = values[:1]
		}
		f.in(`prefix`, values)
		if err := t.query(ctx, f.sql, f.args, func(s *scan) { out[s.text()] = s.text() }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

const doorColumns = `hash, sealed, pool_id, account, created_at, expires_at`

func readDoor(s *scan) *store.Door {
	return &store.Door{Hash: s.blob(), Sealed: s.blob(), PoolID: s.text(), Account: s.text(), CreatedAt: s.time(), EndsAt: s.time()}
}

func (t routeTx) PutDoor(ctx context.Context, d *store.Door) error {
	return t.insert(ctx, `INSERT INTO doors (`+doorColumns+`) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hash) DO NOTHING`,
		d.Hash, d.Sealed, d.PoolID, d.Account, micros(d.CreatedAt), micros(d.EndsAt))
}

func (t routeTx) DoorByHash(ctx context.Context, hash []byte) (*store.Door, error) {
	return one(ctx, t.tx, `SELECT `+doorColumns+` FROM doors WHERE hash = $1`, readDoor, hash)
}

func (t routeTx) ListDoors(ctx context.Context, poolID, account string) ([]*store.Door, error) {
	return many(ctx, t.tx, `SELECT `+doorColumns+` FROM doors WHERE pool_id = $1 AND account = $2 ORDER BY created_at DESC, hash`,
		readDoor, poolID, account)
}

func (t routeTx) EndDoors(ctx context.Context, poolID, account string, except []byte, at time.Time) error {
	if len(except) == 0 {
		except = []byte{0} // no hash is that short
	}
	return t.exec(ctx, `UPDATE doors SET expires_at = $1 WHERE pool_id = $2 AND account = $3 AND (expires_at IS NULL OR expires_at > $1) AND hash <> $4`,
		micros(at), poolID, account, except)
}
