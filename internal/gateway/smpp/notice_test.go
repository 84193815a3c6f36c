package smpp_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/gateway/smpp"
	"countersign/internal/gateway/smpp/smsc"
	"countersign/provider"
)

// hearing runs p and collects what it tells.
type hearing struct {
	mu  sync.Mutex
	all []provider.Notice
}

func hear(t *testing.T, p *smpp.Provider) *hearing {
	h := &hearing{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		p.Run(ctx, func(n provider.Notice) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.all = append(h.all, n)
		})
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	synctest.Wait()
	return h
}

func (h *hearing) take() []provider.Notice {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.all
	h.all = nil
	return all
}

// Receipts come over both kinds of binds, and are told as they are.
func TestReceipts(t *testing.T) {
	for _, pair := range []bool{false, true} {
		t.Run(fmt.Sprintf("pair %v", pair), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &smsc.Center{}
				p := start(t, c, func(c *smpp.Config) { c.Pair = pair })
				h := hear(t, p)
				r, err := p.Send(t.Context(), message())
				if err != nil {
					t.Fatal(err)
				}
				m := c.Messages()[0]
				deliver(t, c, smsc.Receipt(m, m.ID, "ACCEPTD", "000"))
				deliver(t, c, smsc.Receipt(m, "00"+m.ID, "DELIVRD", "000")) // padded
				deliver(t, c, smsc.Receipt(m, "999", "UNDELIV", "27"))      // not ours
				want := []provider.Notice{
					{ProviderID: r.ProviderID, State: provider.StateSent, VendorCode: "000", Text: "ACCEPTD"},
					{ProviderID: r.ProviderID, State: provider.StateDelivered, VendorCode: "000", Text: "DELIVRD"},
					{ProviderID: "999", State: provider.StateUndelivered, Reason: provider.Unknown, VendorCode: "27", Text: "UNDELIV"},
				}
				if got := h.take(); !reflect.DeepEqual(got, want) {
					t.Errorf("%+v\nnot\n%+v", got, want)
				}
			})
		})
	}
}

func deliver(t *testing.T, c *smsc.Center, m *smpp.SM) {
	t.Helper()
	if s, err := c.Deliver(t.Context(), m); err != nil || s != smpp.StatusOK {
		t.Fatalf("%s, %v", s, err)
	}
}

// The centre answers in hexadecimal and reports in decimal, in an order of its own, before its answer too; the account learns it.
func TestReceiptsInDecimal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{}
		c.Submit = func(n int, _ *smpp.SM) smsc.Reply { return smsc.Reply{ID: fmt.Sprintf("%08X", 0xA0000+n)} }
		p := start(t, c, nil)
		h := hear(t, p)
		var sent []string
		for range 50 {
			r, err := p.Send(t.Context(), message())
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, r.ProviderID)
		}
		all := c.Messages()
		for i := range all {
			i = (i*7 + 3) % len(all)
			deliver(t, c, smsc.Receipt(all[i], fmt.Sprintf("%010d", 0xA0000+i+1), "DELIVRD", "000"))
		}
		deliver(t, c, smsc.Receipt(all[0], fmt.Sprintf("%010d", 0xBEEF01), "DELIVRD", "000")) // of another node
		got := map[string]bool{}
		for _, n := range h.take() {
			got[n.ProviderID] = true
		}
		for _, id := range append(sent, "beef01") {
			if !got[id] {
				t.Errorf("no receipt for %s", id)
			}
		}
	})
}

// The centre's own script: a receipt for everything, right after the answer.
func TestReceiptForEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{State: "DELIVRD"}
		p := start(t, c, nil)
		h := hear(t, p)
		var ids []string
		for range 20 {
			r, err := p.Send(t.Context(), message())
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, r.ProviderID)
		}
		for _, n := range h.take() {
			if ids = slices.DeleteFunc(ids, func(id string) bool { return id == n.ProviderID }); n.State != provider.StateDelivered {
				t.Errorf("%+v", n)
			}
		}
		if len(ids) > 0 {
			t.Errorf("no receipts for %v", ids)
		}
	})
}

func TestInbound(t *testing.T) {
	from := smpp.Address{TON: 1, NPI: 1, Digits: "447700900123"}
	short := smpp.Address{TON: 3, Digits: "60606"}
	sar := func(ref uint16, total, part byte) smpp.TLVs {
		return smpp.TLVs{
			{Tag: smpp.TagSARReference, Value: binary.BigEndian.AppendUint16(nil, ref)}, {Tag: smpp.TagSARTotal, Value: []byte{total}},
			{Tag: smpp.TagSARPart, Value: []byte{part}},
		}
	}
	part := func(header, text string) smpp.SM {
		return smpp.SM{Source: from, Destination: short, ESMClass: 0x40, Short: []byte(header + text)}
	}
	heard := func(to, text string) []provider.Inbound {
		return []provider.Inbound{{From: "+447700900123", To: to, Text: text}}
	}
	for name, tt := range map[string]struct {
		in   []smpp.SM
		want []provider.Inbound
	}{
		"one part":        {[]smpp.SM{{Source: from, Destination: short, Short: []byte("STOP")}}, heard("60606", "STOP")},
		"an @":            {[]smpp.SM{{Source: from, Destination: from, Short: []byte("\x00 \x1b\x65")}}, heard("+447700900123", "@ €")},
		"UCS-2":           {[]smpp.SM{{Source: from, Destination: short, DataCoding: 8, Short: []byte("\x04\x16\xd8\x3d\xde\x00")}}, heard("60606", "Ж😀")},
		"payload":         {[]smpp.SM{{Source: from, Destination: short, TLVs: smpp.TLVs{{Tag: smpp.TagPayload, Value: []byte("START")}}}}, heard("60606", "START")},
		"an unknown type": {[]smpp.SM{{Source: smpp.Address{Digits: "447700900123"}, Destination: short, Short: []byte("HELP")}}, heard("60606", "HELP")},
		"parts, backwards, one twice": {[]smpp.SM{
			{Source: from, Destination: short, ESMClass: 0x40, DataCoding: 8, Short: []byte("\x05\x00\x03\x07\x02\x02\xde\x00")},
			{Source: from, Destination: short, ESMClass: 0x40, DataCoding: 8, Short: []byte("\x05\x00\x03\x07\x02\x02\xde\x00")},
			{Source: from, Destination: short, ESMClass: 0x40, DataCoding: 8, Short: []byte("\x05\x00\x03\x07\x02\x01\xd8\x3d")},
		}, heard("60606", "😀")},
		"parts with a wide reference and another header": {[]smpp.SM{
			part("\x09\x24\x01\x01\x08\x04\x01\x07\x02\x01", "ST"),
			part("\x06\x08\x04\x01\x07\x02\x02", "OP"),
		}, heard("60606", "STOP")},
		"parts by SAR": {[]smpp.SM{
			{Source: from, Destination: short, Short: []byte("ST"), TLVs: sar(9, 2, 1)},
			{Source: from, Destination: short, Short: []byte("xx"), TLVs: sar(8, 2, 1)},
			{Source: from, Destination: short, Short: []byte("OP"), TLVs: sar(9, 2, 2)},
		}, heard("60606", "STOP")},
		"a forged receipt":        {[]smpp.SM{{Source: from, Destination: short, Short: []byte("id:1 stat:DELIVRD")}}, heard("60606", "id:1 stat:DELIVRD")},
		"binary":                  {[]smpp.SM{{Source: from, Destination: short, DataCoding: 4, Short: []byte("STOP")}}, nil},
		"a name as sender":        {[]smpp.SM{{Source: smpp.Address{TON: 5, Digits: "Bank"}, Destination: short, Short: []byte("STOP")}}, nil},
		"a phone's own answer":    {[]smpp.SM{{Source: from, Destination: short, ESMClass: 0x08, Short: []byte("STOP")}}, nil},
		"part 3 of 2":             {[]smpp.SM{part("\x05\x00\x03\x07\x02\x03", "a")}, nil},
		"part 0 of 0":             {[]smpp.SM{part("\x05\x00\x03\x07\x00\x00", "a")}, nil},
		"a header beyond the end": {[]smpp.SM{part("\x50", "a")}, nil},
		"no header":               {[]smpp.SM{{Source: from, Destination: short, ESMClass: 0x40}}, nil},
		"an unreadable receipt":   {[]smpp.SM{{Source: from, Destination: short, ESMClass: 0x04, Short: []byte("hello")}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &smsc.Center{}
				h := hear(t, start(t, c, nil))
				for _, m := range tt.in {
					deliver(t, c, &m)
				}
				var got []provider.Inbound
				for _, n := range h.take() {
					got = append(got, *n.Inbound)
				}
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%+v, not %+v", got, tt.want)
				}
			})
		})
	}
}

// The centre is answered at once though nobody listens, until too much is waiting: then it is asked to come again. Nothing that was acknowledged
// is lost when Run ends.
func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{}
		p := start(t, c, nil)
		if _, err := p.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := smsc.Message{SM: smpp.SM{}, At: time.Now()}
		for i := range 1000 {
			deliver(t, c, smsc.Receipt(m, fmt.Sprint(i), "DELIVRD", "0"))
		}
		if s, err := c.Deliver(t.Context(), smsc.Receipt(m, "1000", "DELIVRD", "0")); err != nil || s != smpp.StatusTemporary {
			t.Errorf("%s, %v", s, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		heard := 0
		if err := p.Run(ctx, func(provider.Notice) { heard++ }); err != context.Canceled || heard != 1000 {
			t.Errorf("%d were told, %v", heard, err)
		}
		deliver(t, c, smsc.Receipt(m, "1000", "DELIVRD", "0"))
	})
}

// Whoever is told takes his time; the centre does not wait for him.
func TestSlowListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{}
		p := start(t, c, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { p.Run(ctx, func(provider.Notice) { time.Sleep(time.Second) }) })
		synctest.Wait()
		began := time.Now()
		for i := range 100 {
			deliver(t, c, smsc.Receipt(smsc.Message{At: began}, fmt.Sprint(i), "DELIVRD", "0"))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("100 receipts took %v", took)
		}
		if _, err := p.Send(t.Context(), message()); err != nil || time.Since(began) != 0 {
			t.Errorf("a text took %v, %v", time.Since(began), err)
		}
		cancel()
		wg.Wait()
	})
}

// Texts of all ways to write and to take apart arrive as they are, origin-bound last line included.
func TestTextsArrive(t *testing.T) {
	texts := []string{
		message().Text,
		"Your Example code is 482913.\n\n@login.example.com #482913",
		"<#> Your Example code is 482913\nFA+9qCX9VSu",
		"@" + strings.Repeat("a", 158) + "€",
		strings.Repeat("[€]", 60) + "\n\n@login.example.com #482913",
		strings.Repeat("é", 161) + "\n@a.b #1",
		"Ваш код 482913\n\n@login.example.com #482913",
		strings.Repeat("😀", 67) + "\n\n@login.example.com #482913",
		strings.Repeat("ж", 300),
	}
	for _, charset := range []smpp.Charset{smpp.CharsetGSM7, smpp.CharsetLatin1, smpp.CharsetASCII, smpp.CharsetUCS2} {
		for _, concat := range []smpp.Concat{smpp.ConcatUDH8, smpp.ConcatUDH16, smpp.ConcatSAR, smpp.ConcatPayload} {
			t.Run(string(charset)+" "+string(concat), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &smsc.Center{Charset: charset}
					p := start(t, c, func(c *smpp.Config) { c.Texts = smpp.Texts{Charset: charset, Concat: concat} })
					for i, text := range texts {
						m := message()
						m.Text = text
						if _, err := p.Send(t.Context(), m); err != nil {
							t.Fatalf("%q: %v", text, err)
						}
						if got := c.Texts(); len(got) != i+1 || got[i].Text != text {
							t.Fatalf("%q arrived, not %q", got[len(got)-1].Text, text)
						}
					}
				})
			})
		}
	}
}
