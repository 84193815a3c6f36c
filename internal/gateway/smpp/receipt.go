package smpp

import (
	"fmt"
	"strings"

	"countersign/provider"
)

// Kinds of deliver_sm in esm_class, bits 5 to 2 (5.2.12).
const (
	esmKind         = 0x3C
	esmReceipt      = 0x04
	esmIntermediate = 0x20
)

// stateRow is a message state (5.2.28) and its word in the text of a receipt (appendix B).
type stateRow struct {
	word  string
	state provider.State
}

// states are by number; 0 and 9 are of later versions. UNKNOWN is an end without an outcome, so nobody is told that it arrived. Nothing writes to it.
var states = map[int]stateRow{
	0: {"SCHEDULED", provider.StateQueued},
	1: {"ENROUTE", provider.StateSent},
	2: {"DELIVRD", provider.StateDelivered},
	3: {"EXPIRED", provider.StateExpired},
	4: {"DELETED", provider.StateFailed},
	5: {"UNDELIV", provider.StateUndelivered},
	6: {"ACCEPTD", provider.StateSent},
	7: {"UNKNOWN", provider.StateUndelivered},
	8: {"REJECTD", provider.StateFailed},
	9: {"SKIPPED", provider.StateFailed},
}

// gsmErrors are codes of network_error_code for GSM networks (5.3.2.31, kind 3), where centres pass on those of 3GPP TS 29.002: no such subscriber,
// not known at all, no text service, absent, illegal subscriber or phone, barred. None ends the search for another way.
const gsmErrors = "\x01\x05\x06\x09\x0b\x0c\x0d\x15\x1b"

// isReceipt reports whether m is the centre's word on a text. A text that merely looks like one is a person's: anybody can write it.
func isReceipt(m *SM) bool {
	if kind := m.ESMClass & esmKind; kind == esmReceipt || kind == esmIntermediate {
		return true
	}
	_, ok := m.TLVs.Get(TagReceiptedID)
	return ok
}

// report is what a receipt says: the id as it stands there, the state, and the vendor's code.
type report struct {
	id, word, code string
	state          provider.State
	reason         provider.Reason
}

// readReceipt reads the parameters, and for what they lack the text of appendix B, which centres vary freely. ok is false if id or state is missing.
func readReceipt(m *SM) (r report, ok bool) {
	text := string(m.Short)
	if v, found := m.TLVs.Get(TagPayload); found && len(m.Short) == 0 {
		text = string(v)
	}
	fields := receiptFields(text)
	r.id, r.code = fields["id"], word(fields["err"], 8)
	if v, found := m.TLVs.Get(TagReceiptedID); found {
		r.id = strings.TrimRight(string(v), "\x00")
	}
	row, known := stateOfWord(fields["stat"])
	if n, found := m.TLVs.number(TagMessageState, 1); found {
		if byNumber, ok := states[n]; ok {
			row, known = byNumber, true
		}
	}
	if !known || strings.TrimSpace(r.id) == "" || len(r.id) > maxID {
		return report{}, false
	}
	r.word, r.state = row.word, row.state
	if r.state == provider.StateUndelivered || r.state == provider.StateFailed {
		r.reason = provider.Unknown
	}
	if v, found := m.TLVs.Get(TagNetworkError); found && len(v) == 3 {
		if r.code == "" {
			r.code = fmt.Sprintf("%d:%d", v[0], int(v[1])<<8|int(v[2]))
		}
		if r.reason != "" && v[0] == 3 && v[1] == 0 && strings.IndexByte(gsmErrors, v[2]) >= 0 {
			r.reason = provider.Unreachable
		}
	}
	return r, true
}

// stateOfWord knows the words by their first letters: centres shorten and lengthen them.
func stateOfWord(w string) (stateRow, bool) {
	w = strings.ToUpper(w)
	if len(w) < 5 {
		return stateRow{}, false
	}
	for _, row := range states {
		if w[:5] == row.word[:5] {
			return row, true
		}
	}
	return stateRow{}, false
}

// receiptFields reads "id:… sub:… dlvrd:… submit date:… done date:… stat:… err:… text:…". The text is left out: it is the message's. Dates are not
// read: nothing says which zone they are in.
func receiptFields(text string) map[string]string {
	const limit = 512
	if len(text) > limit {
		text = text[:limit]
	}
	fields := map[string]string{}
	for w := range strings.FieldsSeq(text) {
		name, value, found := strings.Cut(w, ":")
		name = strings.ToLower(name)
		if found && name == "text" {
			break
		}
		if _, twice := fields[name]; found && !twice {
			fields[name] = value
		}
	}
	return fields
}

// word is s if it is letters and digits, cut to limit; foreign texts go no further.
func word(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	if strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return s
}
