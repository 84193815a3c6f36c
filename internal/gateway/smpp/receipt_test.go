package smpp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/provider"
)

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestReadReceipt(t *testing.T) {
	tlv := func(id, state, network string) TLVs {
		var all TLVs
		for tag, v := range map[Tag]string{TagReceiptedID: id, TagMessageState: state, TagNetworkError: network} {
			if v != "" {
				all = append(all, TLV{tag, []byte(v)})
			}
		}
		return all
	}
	const (
		delivered, undelivered, failed = provider.StateDelivered, provider.StateUndelivered, provider.StateFailed
		unknown                        = provider.Unknown
	)
	const text = "id:%s sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:%s err:%s text:Your code is"
	for name, tt := range map[string]struct {
		short string
		tlvs  TLVs
		want  report
		ok    bool
	}{
		"text": {fmt.Sprintf(text, "1A", "DELIVRD", "000"), nil, report{id: "1A", word: "DELIVRD", code: "000", state: delivered}, true},
		"undelivered": {fmt.Sprintf(text, "1", "UNDELIV", "01B"), nil,
			report{id: "1", word: "UNDELIV", code: "01B", state: undelivered, reason: unknown}, true},
		"rejected":                {fmt.Sprintf(text, "1", "REJECTD", "3"), nil, report{id: "1", word: "REJECTD", code: "3", state: failed, reason: unknown}, true},
		"deleted":                 {fmt.Sprintf(text, "1", "DELETED", "3"), nil, report{id: "1", word: "DELETED", code: "3", state: failed, reason: unknown}, true},
		"unknown":                 {fmt.Sprintf(text, "1", "UNKNOWN", "3"), nil, report{id: "1", word: "UNKNOWN", code: "3", state: undelivered, reason: unknown}, true},
		"expired":                 {fmt.Sprintf(text, "1", "EXPIRED", ""), nil, report{id: "1", word: "EXPIRED", state: provider.StateExpired}, true},
		"accepted":                {fmt.Sprintf(text, "1", "ACCEPTD", ""), nil, report{id: "1", word: "ACCEPTD", state: provider.StateSent}, true},
		"on its way":              {fmt.Sprintf(text, "1", "ENROUTE", ""), nil, report{id: "1", word: "ENROUTE", state: provider.StateSent}, true},
		"a longer word, capitals": {"ID:7 STAT:DELIVERED ERR:0", nil, report{id: "7", word: "DELIVRD", code: "0", state: delivered}, true},
		"parameters alone":        {"", tlv("9\x00", "\x02", ""), report{id: "9", word: "DELIVRD", state: delivered}, true},
		"parameters win": {fmt.Sprintf(text, "1", "ENROUTE", ""), tlv("9", "\x05", "\x03\x00\x1b"),
			report{id: "9", word: "UNDELIV", code: "3:27", state: undelivered, reason: provider.Unreachable}, true},
		"another network's code": {"", tlv("9", "\x05", "\x01\x00\x1b"),
			report{id: "9", word: "UNDELIV", code: "1:27", state: undelivered, reason: unknown}, true},
		"a code that is long": {"", tlv("9", "\x05", "\x03\xff\xff"),
			report{id: "9", word: "UNDELIV", code: "3:65535", state: undelivered, reason: unknown}, true},
		"an error of GSM, but delivered": {"", tlv("9", "\x02", "\x03\x00\x1b"), report{id: "9", word: "DELIVRD", code: "3:27", state: delivered}, true},
		"what the text quotes": {"id:1 stat:UNDELIV err:2 text:id:5 stat:DELIVRD", nil,
			report{id: "1", word: "UNDELIV", code: "2", state: undelivered, reason: unknown}, true},
		"only quoted":       {"id:1 text:stat:DELIVRD stat:DELIVRD", nil, report{}, false},
		"an odd code":       {"id:1 stat:DELIVRD err:+4479", nil, report{id: "1", word: "DELIVRD", state: delivered}, true},
		"payload":           {"", TLVs{{TagPayload, []byte("id:1 stat:DELIVRD err:0")}}, report{id: "1", word: "DELIVRD", code: "0", state: delivered}, true},
		"an unknown number": {fmt.Sprintf(text, "1", "DELIVRD", ""), tlv("", "\x63", ""), report{id: "1", word: "DELIVRD", state: delivered}, true},
		"an unknown word":   {fmt.Sprintf(text, "1", "TELEPORTED", ""), nil, report{}, false},
		"a short word":      {fmt.Sprintf(text, "1", "DELI", ""), nil, report{}, false},
		"no id":             {"stat:DELIVRD", nil, report{}, false},
		"an empty id":       {"id: stat:DELIVRD", nil, report{}, false},
		"a long id":         {"id:" + strings.Repeat("1", maxID+1) + " stat:DELIVRD", nil, report{}, false},
		"nothing":           {"", nil, report{}, false},
	} {
		got, ok := readReceipt(&SM{ESMClass: esmReceipt, Short: []byte(tt.short), TLVs: tt.tlvs})
		if ok != tt.ok || got != tt.want {
			t.Errorf("%s: %+v, %v\nnot %+v", name, got, ok, tt.want)
		}
	}
}

// Every state of the protocol, by number and by word, comes to the same.
func TestStates(t *testing.T) {
	for n, row := range states {
		byWord, ok := stateOfWord(row.word)
		if !ok || byWord != row {
			t.Errorf("%d: %s is read as %+v", n, row.word, byWord)
		}
	}
}

func TestIsReceipt(t *testing.T) {
	for _, tt := range []struct {
		m    SM
		want bool
	}{
		{SM{ESMClass: 0x04}, true}, {SM{ESMClass: 0x44}, true}, {SM{ESMClass: 0x20}, true}, {SM{TLVs: TLVs{{TagReceiptedID, []byte("1")}}}, true},
		{SM{}, false}, {SM{ESMClass: 0x08}, false}, {SM{ESMClass: 0x10}, false}, {SM{ESMClass: 0x40}, false}, {SM{ESMClass: 0x0C}, false},
		{SM{Short: []byte("id:1 stat:DELIVRD")}, false},
	} {
		if got := isReceipt(&tt.m); got != tt.want {
			t.Errorf("%+v: %v", tt.m, got)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte("id:1 sub:001 dlvrd:001 submit date:2611211200 stat:UNDELIV err:01B text:x"), []byte("9\x00"), []byte("\x05"), []byte("\x03\x00\x1b"))
	f.Fuzz(func(t *testing.T, short, id, state, network []byte) {
		r, ok := readReceipt(&SM{Short: short, TLVs: TLVs{{TagReceiptedID, id}, {TagMessageState, state}, {TagNetworkError, network}}})
		if !ok {
			return
		}
		if r.id == "" || len(r.id) > maxID || r.state == "" || len(r.code) > 12 {
			t.Fatalf("%+v", r)
		}
		if needs := r.state == provider.StateFailed || r.state == provider.StateUndelivered; needs != (r.reason != "") {
			t.Fatalf("%+v", r)
		}
	})
}

func TestIDs(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rule     IDs
		sent     []string
		reported []string
		want     []string
	}{
		{"the same", IDsLearned, []string{"17", "abc-1"}, []string{"17", "abc-1"}, []string{"17", "abc-1"}},
		{"zeros and capitals", IDsLearned, []string{"00ABCDEF"}, []string{"abcdef", "0000ABCDEF "}, []string{"abcdef", "abcdef"}},
		{"decimal", IDsLearned, []string{"75BCD15"}, []string{"0123456789", "255"}, []string{"75bcd15", "ff"}},
		{"hexadecimal", IDsLearned, []string{"123456789"}, []string{"075BCD15", "FF"}, []string{"123456789", "255"}},
		{"not ours", IDsLearned, []string{"1"}, []string{"999", "zz"}, []string{"999", "zz"}},
		{"nothing sent", IDsLearned, nil, []string{"0999"}, []string{"999"}},
		{"chance does not outvote", IDsLearned, []string{"21", "22", "16"}, []string{"21", "22", "10"}, []string{"21", "22", "10"}},
		{"set to decimal", IDsDecimal, nil, []string{"255", "xyz", "99999999999999999999999"}, []string{"ff", "xyz", "99999999999999999999999"}},
		{"set to hexadecimal", IDsHex, nil, []string{"0FF"}, []string{"255"}},
		{"set to the same", IDsSame, []string{"ff"}, []string{"255"}, []string{"255"}},
		{"zero", IDsLearned, []string{"000"}, []string{"0"}, []string{"0"}},
		{"letters that count", IDsLearned, []string{"aBxY"}, []string{"aBxY", "abxy"}, []string{"aBxY", "abxy"}},
		{"with a dash", IDsLearned, []string{"00A1-7"}, []string{"00A1-7"}, []string{"00A1-7"}},
	} {
		n := newNames(tt.rule)
		for _, id := range tt.sent {
			n.sent(id)
		}
		for i, id := range tt.reported {
			if got := n.reported(id); got != tt.want[i] {
				t.Errorf("%s: %s is %s, not %s", tt.name, id, got, tt.want[i])
			}
		}
	}
}

// What is remembered is bounded, and the newest is known.
func TestIDsAreBounded(t *testing.T) {
	n := newNames(IDsLearned)
	for i := range 3 * maxKnown {
		n.sent(fmt.Sprintf("%x", 0x1000000+i))
		n.sent("ffff")
	}
	if len(n.known) != maxKnown || len(n.order) != maxKnown {
		t.Errorf("%d and %d are remembered", len(n.known), len(n.order))
	}
	if got := n.reported(fmt.Sprint(0x1000000 + 3*maxKnown - 1)); got != fmt.Sprintf("%x", 0x1000000+3*maxKnown-1) {
		t.Errorf("the newest is %s", got)
	}
}

// Parts that never come do not pile up, and old ones do not mix with new.
func TestAssemblerIsBounded(t *testing.T) {
	var a Assembler
	part := func(ref int, n byte, text string) *SM {
		return &SM{Source: Address{Digits: fmt.Sprint(ref)}, ESMClass: esmUDH, Short: append([]byte{5, 0, 3, byte(ref), 2, n}, text...)}
	}
	for i := range 3 * maxOpen {
		a.Add(part(i, 1, "x"), epoch.Add(time.Duration(i)*time.Millisecond))
	}
	if len(a.open) > maxOpen {
		t.Errorf("%d texts are open", len(a.open))
	}
	last := 3*maxOpen - 1
	if got, ok := a.Add(part(last, 2, "y"), epoch.Add(time.Minute)); !ok || string(got) != "xy" {
		t.Errorf("the newest: %q, %v", got, ok)
	}
	if _, ok := a.Add(part(0, 2, "y"), epoch.Add(time.Minute)); ok {
		t.Error("the oldest is still there")
	}
	a.Add(part(7, 1, "old"), epoch)
	a.Add(part(7, 2, "new"), epoch.Add(time.Hour))
	if got, ok := a.Add(part(7, 1, "er "), epoch.Add(time.Hour)); !ok || string(got) != "er new" {
		t.Errorf("%q, %v", got, ok)
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add(byte(0x40), []byte("\x05\x00\x03\x07\x02\x01a"), []byte{2}, []byte{1}, []byte("p"))
	f.Fuzz(func(t *testing.T, class byte, short, total, part, payload []byte) {
		var a Assembler
		m := &SM{ESMClass: class, Short: short, TLVs: TLVs{{TagSARTotal, total}, {TagSARPart, part}, {TagPayload, payload}}}
		for range 3 {
			if octets, ok := a.Add(m, epoch); ok {
				DecodeText(octets, class, CharsetGSM7)
				if len(octets) > len(short)+len(payload) {
					t.Fatalf("%d octets of %d", len(octets), len(short)+len(payload))
				}
			}
		}
	})
}
