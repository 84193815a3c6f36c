package smpp

import (
	"strconv"
	"strings"
	"sync"
)

// IDs says how the ids of receipts relate to those of submit_sm_resp. Many centres answer in hexadecimal and report in decimal, or with zeros before.
type IDs string

const (
	// IDsLearned finds out by the ids of texts sent over this account since the start.
	IDsLearned IDs = "learned"
	// IDsSame: the same but for zeros before it and the case of hexadecimal letters.
	IDsSame IDs = "same"
	// IDsDecimal: receipts are in decimal, answers in hexadecimal. IDsHex: the other way round.
	IDsDecimal IDs = "receipts_decimal"
	IDsHex     IDs = "receipts_hex"
)

const (
	// maxKnown bounds the ids that are remembered to learn by.
	maxKnown = 10000
	// maxID bounds an id, in octets (5.2.23 has 64).
	maxID = 128
)

// names turns ids of receipts into the form of Receipt.ProviderID, which is plainID of the answer's.
type names struct {
	mu   sync.Mutex
	rule IDs
	// votes count, for each rule, the receipts that made sense by it alone.
	votes map[IDs]int
	known map[string]bool
	order []string
	next  int
}

func newNames(rule IDs) *names {
	return &names{rule: rule, votes: map[IDs]int{}, known: map[string]bool{}}
}

// sent remembers an answer's id.
func (n *names) sent(id string) {
	id = plainID(id)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rule != IDsLearned || id == "" || n.known[id] {
		return
	}
	n.known[id] = true
	if len(n.order) < maxKnown {
		n.order = append(n.order, id)
		return
	}
	delete(n.known, n.order[n.next])
	n.order[n.next] = id
	n.next = (n.next + 1) % maxKnown
}

// reported is the form of a receipt's id.
func (n *names) reported(id string) string {
	id = plainID(id)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rule != IDsLearned {
		return convert(id, n.rule)
	}
	var fits []IDs
	for _, rule := range []IDs{IDsSame, IDsDecimal, IDsHex} {
		if c := convert(id, rule); n.known[c] && (rule == IDsSame || c != id) {
			fits = append(fits, rule)
		}
	}
	if len(fits) == 1 {
		n.votes[fits[0]]++
	}
	// The most votes win: a single fit may be chance, where another node sent the text.
	best := IDsSame
	for rule, votes := range n.votes {
		if votes > n.votes[best] {
			best = rule
		}
	}
	return convert(id, best)
}

// convert turns a receipt's id into the answer's by a rule; what is no number stays.
func convert(id string, rule IDs) string {
	from, to := 10, 16
	switch rule {
	case IDsHex:
		from, to = 16, 10
	case IDsSame:
		return id
	}
	v, err := strconv.ParseUint(id, from, 64)
	if err != nil {
		return id
	}
	return strconv.FormatUint(v, to)
}

// plainID takes spaces, zeros before a number and the case of hexadecimal letters away; other ids stay as they are.
func plainID(id string) string {
	id = strings.TrimSpace(strings.TrimRight(id, "\x00"))
	if len(id) > maxID {
		id = id[:maxID]
	}
	if id == "" || strings.Trim(id, "0123456789abcdefABCDEF") != "" {
		return id
	}
	id = strings.TrimLeft(strings.ToLower(id), "0")
	if id == "" {
		return "0"
	}
	return id
}
