package pumping

import (
	"context"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Kinds of keys, their first letter.
const (
	countryKind = "c"
	wideKind    = "w"
	rangeKind   = "r"
	addressKind = "a"
	networkKind = "n"
	clientKind  = "k"
	// abroadKey stands for all countries together in which too few codes have been typed in to know them.
	abroadKey = "c:*"
	// hashLength is how much is kept of a keyed hash: 72 bits.
	hashLength = 12
	// maxField bounds each part of a key.
	maxField = 64
)

var keyForm = regexp.MustCompile(`^(c:([A-Z0-9]{1,4}|\*)|[wr]:\+[0-9]{1,13}|[an]:[A-Za-z0-9_=-]{4,12}|a:[A-Za-z0-9_=-]{4,12}:[A-Z0-9]{1,4})$`)

// LogKey is a key as events spell it: without the plus sign of a range, by which the log would take it for a person's number and mask it. Block and Unblock
// take both spellings.
func LogKey(key string) string { return strings.Replace(key, ":+", ":", 1) }

// withPlus undoes LogKey.
func withPlus(key string) string {
	if kind, rest, _ := strings.Cut(key, ":"); (kind == rangeKind || kind == wideKind) && !strings.HasPrefix(rest, "+") {
		return kind + ":+" + rest
	}
	return key
}

// places is what a message counts by.
type places struct {
	country, prefix, address, network, client string
	// abroad says that the country is one of those that are not known yet.
	abroad bool
	// proven says that people at this address type in codes of this country: what they do says nothing about what the address sends elsewhere.
	proven bool
}

// wide is the range of a million numbers around a prefix; empty if the prefix is too short to have one.
func (p places) wide() string {
	if len(p.prefix) < 4 {
		return ""
	}
	return p.prefix[:len(p.prefix)-2]
}

// keys returns the keys that a message is counted by, those of narrow reach first.
func (p places) keys() []string {
	out := make([]string, 0, 8)
	if p.prefix != "" {
		out = append(out, rangeKind+":"+p.prefix)
	}
	if p.address != "" {
		out = append(out, addressKind+":"+p.address+":"+p.country)
	}
	if p.address != "" && !p.proven {
		out = append(out, addressKind+":"+p.address)
	}
	if w := p.wide(); w != "" {
		out = append(out, wideKind+":"+w)
	}
	if p.network != "" && !p.proven {
		out = append(out, networkKind+":"+p.network)
	}
	out = append(out, countryKind+":"+p.country)
	if p.abroad {
		out = append(out, abroadKey)
	}
	if p.client != "" {
		out = append(out, clientKind+":"+p.client)
	}
	return out
}

// fromHere is the key of the address and country together; empty without an address.
func (p places) fromHere() string {
	if p.address == "" {
		return ""
	}
	return addressKind + ":" + p.address + ":" + p.country
}

// kindOf returns the letter of a key; "ac" for an address and country.
func kindOf(key string) string {
	kind, rest, _ := strings.Cut(key, ":")
	switch {
	case kind == addressKind && strings.Contains(rest, ":"):
		return "ac"
	case key == abroadKey:
		return "c*"
	}
	return kind
}

// What a mark says of a message.
const (
	counted  = '+' // it counts as sent
	repeated = '~' // a further code for a number that had one lately: only its verification counts
	recorded = '!' // it should not have been sent; only its verification counts
)

// mark is what is kept with a message.
type mark struct {
	flag byte
	places
	// first is when the number's first code was asked for, if this is a further one.
	first time.Time
}

func (m mark) String() string {
	first := ""
	if !m.first.IsZero() {
		first = strconv.FormatInt(m.first.Unix(), 36)
	}
	country := m.country
	if m.proven {
		country = "=" + country
	}
	if m.abroad {
		country = "*" + country
	}
	return string(m.flag) + strings.Join([]string{country, m.prefix, m.address, m.network, m.client, first}, ";")
}

// parseMark reads what String wrote; ok is false for anything else.
func parseMark(s string) (m mark, ok bool) {
	if s == "" || !strings.ContainsRune("+~!", rune(s[0])) {
		return m, false
	}
	f := strings.Split(s[1:], ";")
	if len(f) != 6 || f[0] == "" {
		return m, false
	}
	for _, part := range f {
		if len(part) > maxField+2 {
			return m, false
		}
	}
	m = mark{flag: s[0], places: places{prefix: f[1], address: f[2], network: f[3], client: f[4]}}
	m.country, m.abroad = strings.CutPrefix(f[0], "*")
	m.country, m.proven = strings.CutPrefix(m.country, "=")
	if f[5] != "" {
		n, err := strconv.ParseInt(f[5], 36, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return m, false
		}
		m.first = time.Unix(n, 0).UTC()
	}
	return m, true
}

// field makes a value fit to stand in a key and a mark.
func field(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r == ';' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), maxField)]
}

// placesOf finds what a message counts by.
func (d *Detector) placesOf(ctx context.Context, a Ask) (p places, err error) {
	p = places{country: field(a.Country), prefix: field(a.Prefix), client: field(a.ClientID)}
	if p.country == "" {
		p.country = "ZZ"
	}
	if a.Address.IsValid() {
		p.address, p.network, err = d.hashes(ctx, a.PoolID, a.Address)
	}
	return p, err
}

// hashes returns the keyed hashes of an address and of its network.
func (d *Detector) hashes(ctx context.Context, poolID string, a netip.Addr) (address, network string, err error) {
	a = a.Unmap().WithZone("")
	single, around := 32, 24
	if a.Is6() {
		single, around = 64, 48
	}
	if address, err = d.hash(ctx, poolID, a, single); err != nil {
		return "", "", err
	}
	network, err = d.hash(ctx, poolID, a, around)
	return address, network, err
}

func (d *Detector) hash(ctx context.Context, poolID string, a netip.Addr, bits int) (string, error) {
	p, err := a.Prefix(bits)
	if err != nil {
		return "", err
	}
	h, err := d.c.Hash(ctx, poolID, "pumping", p.String())
	return h[:min(len(h), hashLength)], err
}

// AddressKeys returns the keys of an address and of the network around it, as blocks and reports spell them.
func (d *Detector) AddressKeys(ctx context.Context, poolID string, a netip.Addr) (address, network string, err error) {
	address, network, err = d.hashes(ctx, poolID, a)
	return addressKind + ":" + address, networkKind + ":" + network, err
}
