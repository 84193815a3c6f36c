package routehealth

// Line is what a report says of one key.
type Line struct {
	Key      Key  `json:"key"`
	Degraded bool `json:"degraded"`
	// Evidence has the present windows; Rule and Since only if Degraded.
	Evidence Evidence `json:"evidence"`
}

// Report returns a line for each key of a pool that had traffic in the last hour or is degraded, countries (AllNetworks) before their networks; of
// all pools if poolID is empty. It is at most ten seconds old.
func (m *Monitor) Report(poolID string) []Line {
	if m == nil {
		return nil
	}
	all := m.report.Load()
	if all == nil {
		return nil
	}
	var out []Line
	for _, l := range *all {
		if poolID == "" || l.Key.PoolID == poolID {
			out = append(out, l)
		}
	}
	return out
}
