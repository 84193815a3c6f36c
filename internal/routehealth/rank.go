package routehealth

import "sync/atomic"

// probeEvery is how many messages go elsewhere before one goes to a degraded account first, counted on each node: enough to notice that it is
// well again, and few enough that hardly anybody has to ask for a second code.
const probeEvery = 20

// view is what Rank reads. It is never changed.
type view struct {
	degraded map[Key]*degraded
	// well are networks with a judgement of their own, of countries that are degraded as a whole.
	well map[Key]bool
}

type degraded struct {
	evidence Evidence
	asked    *atomic.Uint32
}

// of returns what is known against an account, or nil. The most specific judgement decides.
func (v *view) of(k Key) *degraded {
	if d := v.degraded[k]; d != nil {
		return d
	}
	if d := v.degraded[k.whole()]; d != nil && !v.well[k] {
		return d
	}
	return nil
}

// Rank returns accounts in the order in which a message should try them: degraded ones last, the rest as they came. One message in twenty goes
// first to a degraded account that would have been before every healthy one. It returns the slice it was given where nothing changes, and
// never changes it. Call it once for each send.
func (m *Monitor) Rank(poolID, channel, country, network string, accounts []string) []string {
	if m == nil || len(accounts) < 2 {
		return accounts
	}
	v := m.view.Load()
	if v == nil || len(v.degraded) == 0 {
		return accounts
	}
	k := Key{PoolID: poolID, Channel: channel, Country: country, Network: network}.clean()
	first := -1 // the first healthy one
	var bad uint64
	for i, a := range accounts[:min(len(accounts), 64)] {
		if k.Account = a; v.of(k) != nil {
			bad |= 1 << i
		} else if first < 0 {
			first = i
		}
	}
	if bad == 0 || first < 0 {
		return accounts
	}
	probe := -1
	for i, a := range accounts[:first] {
		if k.Account = a; v.of(k).asked.Add(1)%probeEvery == 0 {
			probe = i
			break
		}
	}
	return order(accounts, bad, probe)
}

// order puts the probed account first and the other bad ones last.
func order(accounts []string, bad uint64, probe int) []string {
	out := make([]string, 0, len(accounts))
	if probe >= 0 {
		out = append(out, accounts[probe])
	}
	for _, wantBad := range [...]bool{false, true} {
		for i, a := range accounts {
			if isBad := i < 64 && bad>>i&1 == 1; isBad == wantBad && i != probe {
				out = append(out, a)
			}
		}
	}
	return out
}

// Degraded returns the evidence against an account for a network (or AllNetworks), if there is any.
func (m *Monitor) Degraded(k Key) (Evidence, bool) {
	if m == nil {
		return Evidence{}, false
	}
	v := m.view.Load()
	if v == nil {
		return Evidence{}, false
	}
	if k.Network != AllNetworks {
		k = k.clean()
	}
	d := v.of(k)
	if d == nil {
		return Evidence{}, false
	}
	return d.evidence, true
}
