package countersign

import (
	"context"
	"encoding/json"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

// guardState reads where the guards stand when somebody asks for metrics. It implements prometheus.Collector.
type guardState struct {
	s                      *Server
	blocks, spent, portion *prometheus.Desc
}

func (s *Server) guardState(r *prometheus.Registry) {
	r.MustRegister(guardState{
		s:       s,
		blocks:  prometheus.NewDesc("countersign_guard_blocks", "Keys to which nothing is sent for a while, over all pools and nodes.", []string{"by"}, nil),
		spent:   prometheus.NewDesc("countersign_guard_spent_today", "What messages have cost since midnight UTC, over the pools that this node knows.", []string{"currency"}, nil),
		portion: prometheus.NewDesc("countersign_guard_spend_share", "The greatest part of its day's money that a pool has used.", nil, nil),
	})
}

// Describe implements prometheus.Collector.
func (g guardState) Describe(ch chan<- *prometheus.Desc) {
	ch <- g.blocks
	ch <- g.spent
	ch <- g.portion
}

// Collect implements prometheus.Collector. What the database does not say is left out.
func (g guardState) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrape)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if n, err := g.s.blocksBy(ctx); err == nil {
		for _, by := range []string{"detector", "operator"} {
			gauge(g.blocks, float64(n[by]), by)
		}
	}
	spending, err := g.s.parts.screen.Spending(ctx)
	if err != nil {
		return
	}
	for currency, micros := range spending.Micros {
		gauge(g.spent, float64(micros)/1e6, currency)
	}
	gauge(g.portion, spending.Share)
}

// blocksBy counts the blocks of all pools by who placed them.
func (s *Server) blocksBy(ctx context.Context) (map[string]int, error) {
	n := map[string]int{}
	err := s.parts.store.Read(ctx, func(tx store.Tx) error {
		list, err := tx.Guards().GuardBlocks(ctx, "", s.c.Now().UTC())
		for _, b := range list {
			n[b.By]++
		}
		return err
	})
	return n, err
}

// logged counts an entry of the log; those of guards by their reason as well, which is one of a closed list.
func (m *sending) logged(ev *store.Event) {
	m.events.WithLabelValues(ev.Type).Inc()
	mode := "enforced"
	switch eventlog.Type(ev.Type) {
	case eventlog.GuardRefused, eventlog.CodeRateExceeded:
	case eventlog.GuardRecorded:
		mode = "recorded"
	default:
		return
	}
	var data struct{ Reason, Guard string }
	if json.Unmarshal(ev.Data, &data) == nil && data.Reason != "" && data.Guard == "" { // with Guard it tells of a block
		m.guarded.WithLabelValues(data.Reason, mode).Inc()
	}
}
