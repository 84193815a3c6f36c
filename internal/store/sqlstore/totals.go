package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"countersign/internal/store"
)

// maxTotals bounds what Totals returns.
const maxTotals = 10000

// totalsBy are the columns that messages may be grouped by.
var totalsBy = map[string]string{
	"account": "account", "country": "country", "channel": "channel", "network": "network", "state": "state",
	"trigger_source": "trigger_source", "client": "client_id", "day": "created_at / 86400000000",
}

// Totals walks the ids of the range, which are made of the messages' times.
func (t outboxTx) Totals(ctx context.Context, q store.TotalsQuery) ([]store.Total, error) {
	if q.To.Sub(q.From) > maxDays*day {
		return nil, fmt.Errorf("store: more than %d days at once", maxDays)
	}
	var columns []string
	for _, by := range q.By {
		c, ok := totalsBy[by]
		if !ok {
			return nil, fmt.Errorf("store: messages cannot be grouped by %q", by)
		}
		columns = append(columns, c)
	}
	keys := strings.Join(append(columns, "currency"), ", ")
	return many(ctx, t.tx, `SELECT `+keys+`, count(*),
		CAST(sum(CASE WHEN state = 'delivered' THEN 1 ELSE 0 END) AS BIGINT), count(verified_at), CAST(sum(segments) AS BIGINT),
		CAST(sum(cost) AS BIGINT), CAST(sum(CASE WHEN settled = 1 THEN cost ELSE 0 END) AS BIGINT)
		FROM outbox WHERE pool_id = $1 AND id >= $2 AND id < $3 AND state IN ('sent', 'delivered', 'undelivered')
		GROUP BY `+keys+` ORDER BY `+keys+` LIMIT `+strconv.Itoa(maxTotals), func(s *scan) store.Total { return readTotal(s, q.By) },
		q.PoolID, store.MinID(q.From), store.MinID(q.To))
}

func readTotal(s *scan, by []string) store.Total {
	var out store.Total
	for _, b := range by {
		if b == "day" {
			out.By = append(out.By, time.Unix(s.int64()*int64(day/time.Second), 0).UTC().Format(time.DateOnly))
		} else {
			out.By = append(out.By, s.text())
		}
	}
	out.Currency = s.text()
	out.Messages, out.Delivered, out.Verified, out.Segments = s.int(), s.int(), s.int(), s.int()
	out.Cost, out.Settled = s.int64(), s.int64()
	return out
}
