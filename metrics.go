package countersign

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"countersign/internal/front"
	"countersign/internal/password"
)

// metrics are kept in a registry of our own. No label names a user, a number or a pool: their values are bounded.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	// functions has the time of handlers, by how the call came about, its outcome, and whether a worker had to be started.
	functions *prometheus.HistogramVec
}

func newMetrics(r *prometheus.Registry, h *password.Hasher, version string) *metrics {
	m := &metrics{
		registry: r,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_http_requests_total", Help: "Requests by surface and HTTP status.",
		}, []string{"surface", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "countersign_http_request_duration_seconds", Help: "Time from the first look at a request until its answer was written.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"surface"}),
		functions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "countersign_function_duration_seconds", Help: "Time that functions took, without starting their worker.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60},
		}, []string{"mode", "outcome", "cold"}),
	}
	hashing := func(name, help string, pick func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(pick()) })
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "countersign_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.functions, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		hashing("countersign_password_hashes_working", "Password hashes at work.", func() int { w, _ := h.Busy(); return w }),
		hashing("countersign_password_hashes_waiting", "Password hashes waiting for a core.", func() int { _, w := h.Busy(); return w }))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) observe(s front.Seen) {
	m.requests.WithLabelValues(string(s.Surface), strconv.Itoa(s.Status)).Inc()
	m.duration.WithLabelValues(string(s.Surface)).Observe(s.Duration.Seconds())
}
