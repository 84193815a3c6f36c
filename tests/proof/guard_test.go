package proof

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guarded is the line of a configuration with guards.
func guarded(t testing.TB, policy string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guards.yaml")
	check(t, os.WriteFile(file, []byte(policy), 0o600))
	return "guards: {file: " + file + "}"
}

// real are the default guards, but for numbers that reach nobody.
const real = "fictional: off\nline_types: {mode: off}\n"

// guards sets what a pool's guards allow.
func (n *node) guards(pool string, policy obj) {
	n.t.Helper()
	n.operate("DELETE", "/guards?pool="+url.QueryEscape(pool))
	if a := n.manage("PUT", "/guards?pool="+url.QueryEscape(pool), obj{"policy": policy}); a.status != 200 {
		n.t.Fatalf("guards: %d %s", a.status, a.raw)
	}
}

// unlimited is a policy in which nothing holds but what is given.
func unlimited(more obj) obj {
	none := obj{"hour": -1, "day": -1}
	limits := obj{"number": none, "confirmed_number": none, "account": obj{"hour": 1000, "day": -1}, "address": none, "network": none, "client": none, "pool": none, "country": none, "range": none,
		"cool_down_seconds": []int{}, "back_off_after": -1}
	out := obj{"fictional": "off", "line_types": obj{"mode": "off"}, "pumping": obj{"mode": "off"}, "spend": obj{"mode": "off"}, "limits": limits}
	for k, v := range more {
		if k == "limits" {
			maps.Copy(limits, v.(obj))
		} else {
			out[k] = v
		}
	}
	return out
}

// said are the reasons of a kind of events of a pool, sorted, each once; kinds are separated by commas.
func (n *node) said(pool, kinds string) (reasons []string) {
	n.t.Helper()
	a := n.operate("GET", "/events?limit=1000&type="+kinds+"&pool="+url.QueryEscape(pool))
	var list struct {
		Events []struct {
			Type string
			Data map[string]any
		}
	}
	check(n.t, json.Unmarshal(a.raw, &list))
	for _, e := range list.Events {
		why, _ := e.Data["reason"].(string)
		if why == "" {
			why = e.Type
		}
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// of returns the messages of a pool.
func (p *phones) of(pool string) (all []text) {
	for _, m := range p.all() {
		if m.PoolID == pool {
			all = append(all, m)
		}
	}
	return all
}

// to counts the messages to a number.
func (p *phones) to(number string) (n int) {
	for _, m := range p.all() {
		if m.To == number {
			n++
		}
	}
	return n
}

func joinedBy(list []string) string { return strings.Join(list, ", ") }
