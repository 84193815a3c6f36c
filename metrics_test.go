package countersign

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/internal/delivery"
	"countersign/internal/password"
	"countersign/internal/store"
	"countersign/provider"
)

// names are the names of everything that is registered.
func names(r *prometheus.Registry) map[string]bool {
	ch, out := make(chan *prometheus.Desc, 256), map[string]bool{}
	r.Describe(ch)
	close(ch)
	quoted := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range ch {
		out[quoted.FindStringSubmatch(d.String())[1]] = true
	}
	return out
}

func everything() *prometheus.Registry {
	r := prometheus.NewRegistry()
	newSending(r)
	newMetrics(r, password.New(0, 1), "test")
	(&Server{parts: &parts{}}).queueAge(r)
	(&Server{parts: &parts{}}).guardState(r)
	return r
}

// Each panel of the dashboard asks for metrics that exist, and each metric of messages is on it or in the document.
func TestDashboard(t *testing.T) {
	known := names(everything())
	raw, err := os.ReadFile("docs/grafana/countersign.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			found := regexp.MustCompile(`countersign_[a-z_]+`).FindAllString(q.Expr, -1)
			if len(found) == 0 {
				t.Errorf("%s: asks for nothing of ours: %s", p.Title, q.Expr)
			}
			for _, name := range found {
				asked++
				if !known[name] && !known[strings.TrimSuffix(name, "_bucket")] {
					t.Errorf("%s: there is no metric %s", p.Title, name)
				}
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d metrics are asked for", asked)
	}
	doc, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range known {
		if strings.HasPrefix(name, "countersign_") && !strings.Contains(string(doc), "`"+name) {
			t.Errorf("docs/metrics.md does not name %s", name)
		}
	}
}

func TestMessagesAreCounted(t *testing.T) {
	r := prometheus.NewRegistry()
	m := newSending(r)
	m.seen(delivery.Seen{Step: delivery.Requested, Lane: store.LaneSignUp, Channel: "sms", Country: "GB"})
	m.seen(delivery.Seen{Step: delivery.Attempted, Channel: "sms", Country: "GB", Account: "a", Outcome: "temporary", Took: time.Second})
	m.seen(delivery.Seen{Step: delivery.Ended, Lane: store.LaneSignUp, Channel: "sms", Country: "GB", Account: "b", Outcome: "sent", Took: time.Second})
	msg := &store.Message{Account: "b", Channel: "sms", Country: "GB", State: store.Delivered, SentAt: time.Unix(10, 0)}
	m.reported(msg, "b", provider.StateDelivered, true, true)
	m.reported(msg, "b", provider.StateDelivered, false, false)
	m.typed(msg, time.Unix(22, 0))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, x := range f.Metric {
			if strings.HasPrefix(f.GetName(), "countersign_") {
				got[f.GetName()] += x.GetCounter().GetValue() + x.GetHistogram().GetSampleSum()
			}
		}
	}
	for name, want := range map[string]float64{
		"countersign_codes_requested_total": 1, "countersign_send_attempts_total": 1, "countersign_messages_total": 2, "countersign_receipts_total": 2,
		"countersign_codes_verified_total": 1, "countersign_code_typing_seconds": 12, "countersign_handoff_seconds": 1,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
}
