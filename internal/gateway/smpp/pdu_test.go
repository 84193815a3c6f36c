package smpp

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// samples are one PDU of each kind.
func samples() []PDU {
	opaque := Opaque{1, 2, 3}
	return []PDU{
		{Command: BindTransceiver, Sequence: 1, Body: &Bind{SystemID: "user", Password: "secret", SystemType: "otp", Version: 0x34, Range: Address{1, 1, "^44"}}},
		{Command: BindTransceiver.Response(), Sequence: 1, Body: &BindResp{SystemID: "centre", TLVs: TLVs{{TagInterfaceVersion, []byte{0x34}}}}},
		{Command: BindTransceiver.Response(), Status: StatusInvalidPassword, Sequence: 1},
		{Command: SubmitSM, Sequence: 2, Body: &SM{
			ServiceType: "CMT", Source: Address{5, 0, "Acme"}, Destination: Address{1, 1, "12025550123"}, ESMClass: 0x40, Validity: "000000001000000R",
			RegisteredDelivery: 1, DataCoding: 8, Short: []byte{5, 0, 3, 7, 2, 1, 0, 'a'}, TLVs: TLVs{{TagPayload, nil}, {0x1400, []byte("x")}},
		}},
		{Command: SubmitSM.Response(), Sequence: maxSequence, Body: &SMResp{MessageID: "00A1"}},
		{Command: SubmitSM.Response(), Status: StatusThrottled, Sequence: 2},
		{Command: DeliverSM, Sequence: 3, Body: &SM{ESMClass: 4, Short: []byte("id:1 stat:DELIVRD")}},
		{Command: DeliverSM.Response(), Sequence: 3, Body: &SMResp{}},
		{Command: QuerySM, Sequence: 4, Body: &Query{MessageID: "a", Source: Address{3, 0, "12345"}}},
		{Command: QuerySM.Response(), Sequence: 4, Body: &QueryResp{MessageID: "a", FinalDate: "2611210000000000", State: 2}},
		{Command: EnquireLink, Sequence: 5},
		{Command: EnquireLink.Response(), Sequence: 5},
		{Command: Unbind, Sequence: 6},
		{Command: Unbind.Response(), Sequence: 6},
		{Command: GenericNack, Status: StatusInvalidCommand, Sequence: 7},
		{Command: 0x21, Sequence: 8, Body: &opaque},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, p := range samples() {
		b, err := p.Append(nil)
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
	}
}

// The octets of the header and of a bind are fixed here, so that both directions cannot be wrong together (3.2, 4.1.1).
func TestBindOctets(t *testing.T) {
	body := &Bind{SystemID: "acme", Password: "secret08", SystemType: "OTP", Version: 0x34, Range: Address{TON: 1, NPI: 2, Digits: "44"}}
	b, err := PDU{Command: BindTransmitter, Sequence: 1, Body: body}.Append(nil)
	want := "00000028" + "00000002" + "00000000" + "00000001" + "61636d6500" + "736563726574303800" + "4f545000" + "34" + "0102" + "343400"
	if err != nil || hex.EncodeToString(b) != want {
		t.Errorf("%x, %v; want %s", b, err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := func(p PDU) []byte {
		b, err := p.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	resized := func(b []byte) []byte {
		b[3], b[2] = byte(len(b)), byte(len(b)>>8)
		return b
	}
	for name, tt := range map[string]struct {
		in   []byte
		want error
	}{
		"nothing":                  {nil, ErrLength},
		"half a header":            {make([]byte, 15), ErrLength},
		"another length":           {append(whole(PDU{Command: EnquireLink}), 0), ErrLength},
		"a submit without body":    {whole(PDU{Command: SubmitSM}), errMalformed},
		"no end of a text":         {resized(append(whole(PDU{Command: SubmitSM.Response()}), 'a')), errMalformed},
		"octets left over":         {resized(append(whole(PDU{Command: QuerySM.Response(), Body: &QueryResp{}}), 1)), errMalformed},
		"half a parameter":         {resized(append(whole(PDU{Command: SubmitSM.Response(), Body: &SMResp{}}), 4, 0x24, 0)), errMalformed},
		"a parameter cut off":      {resized(append(whole(PDU{Command: SubmitSM.Response(), Body: &SMResp{}}), 4, 0x24, 0, 9, 1)), errMalformed},
		"a text that is long":      {resized(append(append(whole(PDU{Command: SubmitSM.Response()}), strings.Repeat("a", 256)...), 0)), errMalformed},
		"sm_length of 255":         {resized(append(append(whole(PDU{Command: DeliverSM}), append(make([]byte, 16), 255)...), make([]byte, 255)...)), errMalformed},
		"many parameters":          {resized(append(whole(PDU{Command: SubmitSM.Response(), Body: &SMResp{}}), make([]byte, 4*(maxTLVs+1))...)), errMalformed},
		"sm_length beyond its end": {resized(append(whole(PDU{Command: DeliverSM}), append(make([]byte, 16), 5, 1)...)), errMalformed},
	} {
		p, err := Decode(tt.in)
		if !errors.Is(err, tt.want) || p.Body != nil {
			t.Errorf("%s: %+v, %v; want %v", name, p, err, tt.want)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, b := range map[string]Body{
		"NUL":             &SMResp{MessageID: "a\x00b"},
		"long text":       &Bind{SystemID: strings.Repeat("a", 256)},
		"long message":    &SM{Short: make([]byte, 255)},
		"long parameter":  &SM{TLVs: TLVs{{TagPayload, make([]byte, 1<<16)}}},
		"many parameters": &SM{TLVs: make(TLVs, maxTLVs+1)},
		"long PDU":        &SM{TLVs: TLVs{{TagPayload, make([]byte, 0xFFFF)}, {TagPayload, make([]byte, 0xFFFF)}}},
	} {
		if out, err := (PDU{Command: SubmitSM, Body: b}).Append([]byte("kept")); !errors.Is(err, errMalformed) || string(out) != "kept" {
			t.Errorf("%s: %d octets, %v", name, len(out), err)
		}
	}
}

func TestReadFrame(t *testing.T) {
	link, _ := PDU{Command: EnquireLink, Sequence: 9}.Append(nil)
	r := bufio.NewReader(bytes.NewReader(append(append([]byte{}, link...), link[:10]...)))
	if got, err := ReadFrame(r, nil); err != nil || !bytes.Equal(got, link) {
		t.Errorf("%x, %v", got, err)
	}
	if _, err := ReadFrame(r, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a PDU that is cut off: %v", err)
	}
	if _, err := ReadFrame(bufio.NewReader(bytes.NewReader(link[:2])), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a length that is cut off: %v", err)
	}
	if _, err := ReadFrame(bufio.NewReader(bytes.NewReader(nil)), nil); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
	for _, head := range []string{"\x00\x00\x00\x0f", "\x00\x01\x20\x01", "\xff\xff\xff\xff"} {
		allocated := testing.AllocsPerRun(1, func() {
			if _, err := ReadFrame(bufio.NewReaderSize(strings.NewReader(head+"123456789012"), 16), nil); !errors.Is(err, ErrLength) {
				t.Errorf("%x: %v", head, err)
			}
		})
		if allocated > 4 {
			t.Errorf("%x: %v allocations", head, allocated)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range samples() {
		b, _ := p.Append(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := Decode(in)
		if err != nil {
			return
		}
		out, err := p.Append(nil)
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("% x\nbecame\n% x, %v", in, out, err)
		}
	})
}

// The other way: what can be written is read as it was.
func FuzzAppend(f *testing.F) {
	f.Add("CMT", "Acme", "12025550123", byte(0x40), byte(1), []byte("text"), uint16(0x424), []byte("payload"))
	f.Fuzz(func(t *testing.T, service, from, to string, a, b byte, short []byte, tag uint16, value []byte) {
		m := &SM{ServiceType: service, Source: Address{a, b, from}, Destination: Address{b, a, to}, ESMClass: a, DataCoding: b, TLVs: TLVs{{Tag: Tag(tag)}}}
		if len(short) > 0 {
			m.Short = short
		}
		if len(value) > 0 {
			m.TLVs[0].Value = value
		}
		want := PDU{Command: SubmitSM, Sequence: uint32(tag), Body: m}
		out, err := want.Append(nil)
		if err != nil {
			return
		}
		if got, err := Decode(out); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v became %+v, %v", want, got, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	p := samples()[3]
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Append(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	frame, _ := samples()[3].Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}
