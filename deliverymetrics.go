package countersign

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/provider"
)

// sending are the metrics of messages. Countries are ISO 3166 regions ("" unknown), accounts are the operators' names for them.
type sending struct {
	requested, attempts, ended, verified, receipts, events, guarded *prometheus.CounterVec
	call, handoff, typing                                           *prometheus.HistogramVec
}

func newSending(r *prometheus.Registry) *sending {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &sending{
		requested: counter("countersign_codes_requested_total", "Messages with a code that were committed.", "channel", "country", "lane"),
		attempts:  counter("countersign_send_attempts_total", "Calls of providers, by what they came to: sent, ambiguous, or the reason.", "account", "channel", "country", "outcome"),
		ended:     counter("countersign_messages_total", "Messages that reached a state after which we do no more: sent (and later delivered or undelivered), failed, expired, suppressed.", "account", "channel", "country", "state"),
		verified:  counter("countersign_codes_verified_total", "Codes that were typed in.", "account", "channel", "country"),
		receipts:  counter("countersign_receipts_total", "What providers reported, by whether it was authenticated.", "account", "state", "authentic"),
		events:    counter("countersign_events_total", "Entries of the log by type.", "type"),
		guarded:   counter("countersign_guard_refused_total", "Messages that a guard refused, or would have refused if it did not only record.", "reason", "mode"),
		call: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "countersign_send_duration_seconds", Help: "Time that a provider took to answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"account"}),
		handoff: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "countersign_handoff_seconds", Help: "Time from the message's commit until a provider had accepted it.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"lane"}),
		typing: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "countersign_code_typing_seconds", Help: "Time from the provider's acceptance until the code was typed in.",
			Buckets: []float64{1, 2.5, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600},
		}, []string{"channel"}),
	}
	r.MustRegister(m.requested, m.attempts, m.ended, m.verified, m.receipts, m.events, m.guarded, m.call, m.handoff, m.typing)
	return m
}

// laneName is a lane in metrics and routes.
func laneName(l store.Lane) string {
	return [...]string{"sign_in", "recovery", "sign_up", "notice"}[l]
}

func (m *sending) seen(s delivery.Seen) {
	switch s.Step {
	case delivery.Requested:
		m.requested.WithLabelValues(s.Channel, s.Country, laneName(s.Lane)).Inc()
	case delivery.Attempted:
		m.attempts.WithLabelValues(s.Account, s.Channel, s.Country, s.Outcome).Inc()
		m.call.WithLabelValues(s.Account).Observe(s.Took.Seconds())
	case delivery.Ended:
		m.ended.WithLabelValues(s.Account, s.Channel, s.Country, s.Outcome).Inc()
		if s.Outcome == string(store.Sent) {
			m.handoff.WithLabelValues(laneName(s.Lane)).Observe(s.Took.Seconds())
		}
	}
}

// typed counts a code that was typed in.
func (m *sending) typed(msg *store.Message, at time.Time) {
	m.verified.WithLabelValues(msg.Account, msg.Channel, msg.Country).Inc()
	if !msg.SentAt.IsZero() {
		m.typing.WithLabelValues(msg.Channel).Observe(at.Sub(msg.SentAt).Seconds())
	}
}

// reported counts a receipt, and the message's new state if it moved it.
func (m *sending) reported(msg *store.Message, account string, state provider.State, authentic, moved bool) {
	m.receipts.WithLabelValues(account, string(state), strconv.FormatBool(authentic)).Inc()
	if moved {
		m.ended.WithLabelValues(msg.Account, msg.Channel, msg.Country, string(msg.State)).Inc()
	}
}

// scrape bounds the reading of the database when metrics are read.
const scrape = 2 * time.Second

// queueAge registers what is read when somebody asks: how long the oldest due message waits, and what is at work.
func (s *Server) queueAge(r *prometheus.Registry) {
	work := func(place string, pick func(delivery.Stats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "countersign_delivery_messages", Help: "Messages that this node has claimed.", ConstLabels: prometheus.Labels{"place": place},
		}, func() float64 { return float64(pick(s.parts.worker.Stats())) })
	}
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "countersign_queue_age_seconds", Help: "How long the oldest message that is due waits, on all nodes.",
		}, s.oldestDue),
		work("working", func(s delivery.Stats) int { return s.InFlight }), work("waiting", func(s delivery.Stats) int { return s.Waiting }))
}

func (s *Server) oldestDue() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), scrape)
	defer cancel()
	var age time.Duration
	err := s.parts.store.Read(ctx, func(tx store.Tx) error {
		at, ok, err := tx.Outbox().NextDue(ctx)
		if ok {
			age = max(s.c.Now().Sub(at), 0)
		}
		return err
	})
	if err != nil {
		return -1
	}
	return age.Seconds()
}
