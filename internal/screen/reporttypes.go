package screen

import (
	"time"

	"countersign/internal/store"
)

// Line is what one guard thinks of a message.
type Line struct {
	// Guard is rules, fictional, countries, line_types, client, pool, country, range, spend, strangers_..., pumping, number, account or address.
	Guard string `json:"guard"`
	Mode  Mode   `json:"mode"`
	// Result is passes, refuses, would refuse (it only records), or not asked.
	Result string `json:"result"`
	Reason Reason `json:"reason,omitempty"`
	// Text says in words what it allows and where it stands.
	Text string `json:"text"`
	// Limit and Taken are of quotas; money in millionths.
	Limit int64 `json:"limit,omitempty"`
	Taken int64 `json:"taken,omitempty"`
}

// Report is where a pool's guards stand.
type Report struct {
	At time.Time `json:"at"`
	// Mode is the policy's.
	Mode  Mode     `json:"mode"`
	Spend SpendNow `json:"spend"`
	// Quotas are those of the pool and of the clients, countries and ranges that this node has seen in this hour or day.
	Quotas []QuotaNow `json:"quotas"`
	// Blocks are the detector's and operators'.
	Blocks []*store.GuardBlock `json:"blocks"`
	// Countries and Ranges are those with the most untyped codes of the last 24 hours, the worst first.
	Countries []store.GuardCount `json:"countries"`
	Ranges    []store.GuardCount `json:"ranges"`
}

// SpendNow is what today's messages have cost, in millionths of Currency. Limit 0: there is none.
type SpendNow struct {
	Day       string `json:"day"`
	Currency  string `json:"currency"`
	Spent     int64  `json:"spent_micros"`
	Strangers int64  `json:"strangers_micros"`
	Limit     int64  `json:"limit_micros"`
}

// QuotaNow is a quota of the present hour or day.
type QuotaNow struct {
	Key   string    `json:"key"`
	Ends  time.Time `json:"ends"`
	Taken int64     `json:"taken"`
	Limit int64     `json:"limit"`
}
