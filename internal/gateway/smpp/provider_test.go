package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/gateway/smpp"
	"countersign/internal/gateway/smpp/smsc"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	password = "S3cret-of-the-account"
	to       = "+12025550123"
	code     = "482913"
)

// start makes an account at c within a bubble; change may alter its configuration.
func start(t *testing.T, c *smsc.Center, change func(*smpp.Config)) *smpp.Provider {
	t.Helper()
	conf := smpp.Config{Host: "smsc.example.net", SystemID: "acme", Password: secret.New(password), From: "Acme", Dial: c.Dial}
	if change != nil {
		change(&conf)
	}
	p, err := smpp.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // within the bubble, so that it ends
		p.Close()
		c.Close()
	})
	return p
}

func message() provider.Message {
	return provider.Message{
		ID: "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", To: to, Text: "Your Example code is " + code + ".", Code: code, ExpiresAt: time.Now().Add(3 * time.Minute),
	}
}

// private asserts that an error names nobody and no secret.
func private(t *testing.T, err error) {
	t.Helper()
	for _, s := range []string{password, to, to[1:], code, "Example", "acme"} {
		if strings.Contains(strings.ReplaceAll(err.Error(), "smsc.example.net", ""), s) {
			t.Errorf("%q is in %q", s, err)
		}
	}
}

func wantClass(t *testing.T, err error, class provider.Class, reason provider.Reason) {
	t.Helper()
	if err == nil {
		t.Fatal("taken for a success")
	}
	private(t, err)
	if c, _ := provider.ClassOf(err); c != class || provider.ReasonOf(err) != reason {
		t.Errorf("%s, %s, not %s, %s: %v", c, provider.ReasonOf(err), class, reason, err)
	}
}

func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{SystemID: "acme", Password: password}
		p := start(t, c, nil)
		if p.Name() != "smpp" {
			t.Errorf("the name is %q", p.Name())
		}
		if d, _, _, _ := c.Counts(); d != 0 {
			t.Error("connected before it was used")
		}
		r, err := p.Send(t.Context(), message())
		if err != nil || r.ProviderID != "1" || r.Segments != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		m := c.Messages()[0].SM
		if m.Source != (smpp.Address{TON: 5, Digits: "Acme"}) || m.Destination != (smpp.Address{TON: 1, NPI: 1, Digits: "12025550123"}) {
			t.Errorf("from %+v to %+v", m.Source, m.Destination)
		}
		if m.RegisteredDelivery != 1 || m.Validity != "000000000300000R" || m.DataCoding != 0 || m.ESMClass != 0 {
			t.Errorf("%+v", m)
		}
		if got := c.Texts()[0].Text; got != message().Text {
			t.Errorf("%q arrived", got)
		}
		if _, err := p.Send(t.Context(), message()); err != nil {
			t.Error(err)
		}
		if dials, binds, submits, _ := c.Counts(); dials != 1 || binds != 1 || submits != 2 {
			t.Errorf("%d connections, %d binds, %d submits", dials, binds, submits)
		}
	})
}

// What a text is registered under is said with every part of it, in whichever way its parts are marked.
func TestRegistration(t *testing.T) {
	for _, concat := range []smpp.Concat{smpp.ConcatUDH8, smpp.ConcatSAR, smpp.ConcatPayload} {
		synctest.Test(t, func(t *testing.T) {
			c := &smsc.Center{SystemID: "acme", Password: password}
			p := start(t, c, func(conf *smpp.Config) { conf.Texts.Concat = concat })
			m := message()
			m.Text += strings.Repeat(" Do not share it.", 12)
			m.EntityID, m.TemplateID = "1101456324675322134", "1107457532145798767"
			if _, err := p.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			for _, part := range c.Messages() {
				entity, _ := part.SM.TLVs.Get(smpp.TagEntity)
				template, _ := part.SM.TLVs.Get(smpp.TagTemplate)
				if string(entity) != m.EntityID || string(template) != m.TemplateID {
					t.Errorf("%s: %q %q", concat, entity, template)
				}
			}
			if c.Texts()[0].Text != m.Text {
				t.Errorf("%s: %q arrived", concat, c.Texts()[0].Text)
			}
		})
	}
}

// Every status has its reason; nothing but 0 is a success, and each refusal is one submit.
func TestStatuses(t *testing.T) {
	reasons := map[provider.Reason][]smpp.Status{
		provider.InvalidNumber:   {0x0B, 0x50, 0x51},
		provider.SenderRejected:  {0x0A, 0x48, 0x49},
		provider.ContentRejected: {0x01, 0x43},
		provider.AuthFailed:      {0x0D, 0x0E, 0x0F, 0x53},
		provider.RateLimited:     {0x14, 0x58},
		provider.Temporary:       {0x04, 0x05, 0x08, 0x45, 0x64},
		provider.BadRequest: {0x02, 0x03, 0x06, 0x07, 0x0C, 0x11, 0x13, 0x15, 0x33, 0x34, 0x40, 0x42, 0x44, 0x54, 0x55, 0x61, 0x62, 0x63, 0x65, 0x66, 0x67,
			0xC0, 0xC1, 0xC2, 0xC3, 0xC4},
		provider.Unknown:           {0x09, 0x10, 0x100, 0xFE, 0xFF, 0x400, 0x4FF, 0x500, 0xFFFFFFFF},
		provider.InsufficientFunds: {0x410},
	}
	for reason, all := range reasons {
		for _, status := range all {
			t.Run(status.Code(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &smsc.Center{Submit: func(int, *smpp.SM) smsc.Reply { return smsc.Reply{Status: status} }}
					p := start(t, c, func(c *smpp.Config) { c.Reasons = map[smpp.Status]provider.Reason{0x410: provider.InsufficientFunds} })
					_, err := p.Send(t.Context(), message())
					wantClass(t, err, reason.Class(), reason)
					if v, ok := errors.AsType[*provider.VendorError](err); ok && (v.VendorCode != status.Code() || v.Text != status.String()) {
						t.Errorf("%+v", v)
					}
					if _, after := provider.ClassOf(err); reason == provider.RateLimited && after != time.Second {
						t.Errorf("to be left alone for %v", after)
					}
					if _, _, n, _ := c.Counts(); n != 1 || len(c.Messages()) != 0 {
						t.Errorf("%d submits, %d accepted", n, len(c.Messages()))
					}
				})
			})
		}
	}
}

// What the account cannot do is said at once to all that wait, and to all that come during the pause.
func TestBindRefused(t *testing.T) {
	for status, reason := range map[smpp.Status]provider.Reason{
		0x04: provider.AuthFailed, 0x05: provider.AuthFailed, 0x0D: provider.AuthFailed, 0x0E: provider.AuthFailed, 0x0F: provider.AuthFailed,
		0x08: provider.Temporary, 0x03: provider.BadRequest, 0x58: provider.RateLimited,
	} {
		t.Run(status.Code(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &smsc.Center{Bind: func(int, *smpp.Bind) smsc.Reply { return smsc.Reply{Status: status} }}
				p := start(t, c, nil)
				for range 3 {
					began := time.Now()
					_, err := p.Send(t.Context(), message())
					wantClass(t, err, reason.Class(), reason)
					if took := time.Since(began); took > 0 {
						t.Errorf("it took %v", took)
					}
				}
				if _, err := p.Check(t.Context()); provider.ReasonOf(err) != reason {
					t.Errorf("Check: %v", err)
				}
				if _, binds, submits, _ := c.Counts(); binds != 1 || submits != 0 {
					t.Errorf("%d binds, %d submits", binds, submits)
				}
			})
		})
	}
}

// A part that is refused after another was accepted, a text of several parts, and one that is too long.
func TestParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refuse smpp.Status
		c := &smsc.Center{}
		c.Submit = func(n int, m *smpp.SM) smsc.Reply {
			if m.Short[5] == 2 { // the second part
				return smsc.Reply{Status: refuse}
			}
			return smsc.Reply{}
		}
		p := start(t, c, nil)
		m := message()
		m.Text = strings.Repeat("a", 200) + "\n\n@login.example.com #" + code
		r, err := p.Send(t.Context(), m)
		if err != nil || r.Segments != 2 || r.ProviderID != "2" {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := c.Texts()[0]; got.Text != m.Text {
			t.Errorf("%q arrived", got.Text)
		}
		if all := c.Messages(); all[0].SM.RegisteredDelivery != 0 || all[1].SM.RegisteredDelivery != 1 {
			t.Error("a receipt is asked for the last part alone")
		}
		refuse = 0x0B
		_, err = p.Send(t.Context(), m)
		wantClass(t, err, provider.ClassPermanent, provider.InvalidNumber)
		refuse = smpp.StatusThrottled
		_, err = p.Send(t.Context(), m)
		wantClass(t, err, provider.ClassThrottled, provider.RateLimited)
		if _, _, n, _ := c.Counts(); n != 2+2+1+6 {
			t.Errorf("%d submits: a later part is held and tried again, five times", n)
		}
		m.Text = strings.Repeat("a", 16*153+1)
		_, err = p.Send(t.Context(), m)
		wantClass(t, err, provider.ClassMisconfigured, provider.ContentRejected)
	})
}

// What cannot be sent never reaches the centre.
func TestNotSent(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*provider.Message)
		reason provider.Reason
	}{
		"an e-mail":        {func(m *provider.Message) { m.Channel = provider.Email }, provider.BadRequest},
		"a call":           {func(m *provider.Message) { m.Channel = provider.Voice }, provider.BadRequest},
		"no number":        {func(m *provider.Message) { m.To = "" }, provider.InvalidNumber},
		"digits":           {func(m *provider.Message) { m.To = "12025550123" }, provider.InvalidNumber},
		"a long number":    {func(m *provider.Message) { m.To = "+1202555012345678" }, provider.InvalidNumber},
		"letters":          {func(m *provider.Message) { m.To = "+1202555CALL" }, provider.InvalidNumber},
		"a long sender":    {func(m *provider.Message) { m.From = "Countersigns" }, provider.SenderRejected},
		"a foreign sender": {func(m *provider.Message) { m.From = "Müller" }, provider.SenderRejected},
		"no text":          {func(m *provider.Message) { m.Text = "" }, provider.ContentRejected},
		"a dead code":      {func(m *provider.Message) { m.ExpiresAt = time.Now().Add(-time.Second) }, provider.BadRequest},
		"a dying code":     {func(m *provider.Message) { m.ExpiresAt = time.Now().Add(time.Second) }, provider.BadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &smsc.Center{}
				p := start(t, c, nil)
				m := message()
				tt.change(&m)
				_, err := p.Send(t.Context(), m)
				if err == nil || provider.ReasonOf(err) != tt.reason {
					t.Errorf("%v, not %s", err, tt.reason)
				}
				if dials, _, _, _ := c.Counts(); dials != 0 {
					t.Error("the centre was called")
				}
			})
		})
	}
	t.Run("canceled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &smsc.Center{}
			p := start(t, c, nil)
			ctx, cancel := context.WithCancel(t.Context())
			for range 20 {
				if _, err := p.Send(t.Context(), message()); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			for range 20 {
				_, err := p.Send(ctx, message())
				wantClass(t, err, provider.ClassRetryable, provider.Temporary)
			}
			if n := len(c.Messages()); n != 20 {
				t.Errorf("%d messages", n)
			}
		})
	})
}

// 1,000 at once go through a window of ten, in order, none twice.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all, window = 1000, 10
		var mu sync.Mutex
		under, most := 0, 0
		c := &smsc.Center{}
		c.Submit = func(n int, m *smpp.SM) smsc.Reply {
			mu.Lock()
			defer mu.Unlock()
			under++
			most = max(most, under)
			time.AfterFunc(50*time.Millisecond, func() {
				mu.Lock()
				defer mu.Unlock()
				under--
			})
			return smsc.Reply{ID: "m-" + string(m.Short), After: 50*time.Millisecond + time.Nanosecond}
		}
		p := start(t, c, func(c *smpp.Config) { c.Window = window })
		if _, err := p.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var wg sync.WaitGroup
		for i := range all {
			m := message()
			m.Text = fmt.Sprint(i)
			wg.Go(func() {
				r, err := p.Send(t.Context(), m)
				if err != nil || r.ProviderID != "m-"+m.Text {
					t.Errorf("%s: %+v, %v", m.Text, r, err)
				}
			})
			synctest.Wait() // each has its place in the queue before the next one comes
		}
		wg.Wait()
		got := c.Messages()
		if len(got) != all || most != window {
			t.Fatalf("%d messages, %d at once", len(got), most)
		}
		slices.SortStableFunc(got, func(a, b smsc.Message) int { return int(a.Sequence) - int(b.Sequence) })
		for i, m := range got {
			if string(m.SM.Short) != fmt.Sprint(i) {
				t.Fatalf("%s is the %dth", m.SM.Short, i)
			}
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{}
		p := start(t, c, func(c *smpp.Config) { c.PerSecond = 20 })
		began := time.Now()
		var wg sync.WaitGroup
		for range 101 {
			wg.Go(func() {
				if _, err := p.Send(t.Context(), message()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began).Round(time.Millisecond); took != 5*time.Second {
			t.Errorf("101 texts at 20 in a second took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		refused := make(chan error, 5)
		for range 5 {
			wg.Go(func() {
				if _, err := p.Send(ctx, message()); err != nil {
					refused <- err
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		close(refused)
		if len(refused) != 4 {
			t.Errorf("%d of 5 find no room in a tenth of a second", len(refused))
		}
		for err := range refused {
			wantClass(t, err, provider.ClassThrottled, provider.RateLimited)
		}
	})
}

// The centre takes 10 in a second: what it throttles is said, the rate falls, and after a while all is well again.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var second time.Time
		taken := 0
		c := &smsc.Center{Submit: func(int, *smpp.SM) smsc.Reply {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(second) >= time.Second {
				second, taken = time.Now(), 0
			}
			if taken++; taken > 10 {
				return smsc.Reply{Status: smpp.StatusThrottled}
			}
			return smsc.Reply{}
		}}
		p := start(t, c, nil)
		refused := 0
		for i := range 400 {
			_, err := p.Send(t.Context(), message())
			if class, after := classOf(err); class == provider.ClassThrottled && after == time.Second {
				refused++
			} else if err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if refused == 0 || refused > 20 || refused+len(c.Messages()) != 400 {
			t.Errorf("%d of 400 were throttled, %d accepted", refused, len(c.Messages()))
		}
	})
}

func classOf(err error) (provider.Class, time.Duration) {
	if err == nil {
		return "", 0
	}
	return provider.ClassOf(err)
}

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{}
		p := start(t, c, func(c *smpp.Config) { c.Pair = true })
		said, err := p.Check(t.Context())
		if err != nil || !strings.Contains(said, "smsc.example.net:2775") {
			t.Errorf("%q, %v", said, err)
		}
		if _, binds, submits, enquiries := c.Counts(); binds != 2 || submits != 0 || enquiries != 2 {
			t.Errorf("%d binds, %d submits, %d enquiries", binds, submits, enquiries)
		}
	})
}

// Close waits for what is under way, unbinds, and nothing goes out after it.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{Submit: func(int, *smpp.SM) smsc.Reply { return smsc.Reply{After: 2 * time.Second} }}
		p := start(t, c, nil)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.Send(t.Context(), message()); err != nil {
				t.Errorf("what was under way: %v", err)
			}
		})
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if c.Bound() != 0 {
			t.Error("still bound")
		}
		_, err := p.Send(t.Context(), message())
		wantClass(t, err, provider.ClassRetryable, provider.Temporary)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := p.Run(t.Context(), func(provider.Notice) {}); err == nil {
			t.Error("Run goes on after Close")
		}
	})
}

func TestCloseUnused(t *testing.T) {
	p, err := smpp.New(smpp.Config{Host: "h", SystemID: "a", Dial: (&smsc.Center{}).Dial, Pair: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
}

var errRefused = fmt.Errorf("connection refused: %w", io.ErrClosedPipe)

func BenchmarkLoopback(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c := &smsc.Center{}
	go c.Serve(l)
	defer c.Close()
	p, err := smpp.New(smpp.Config{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, SystemID: "acme", Window: 100, Dial: (&net.Dialer{}).DialContext,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	m := message()
	m.ExpiresAt = time.Time{}
	b.SetParallelism(50)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Send(b.Context(), m); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
