package smpp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/gateway/smpp"
	"countersign/internal/gateway/smpp/smsc"
	"countersign/provider"
)

// respond is the answer to a submit, as octets.
func respond(p smpp.PDU) []byte {
	b, err := p.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// The first submit of a session has this number: the bind had 1.
const firstSubmit = 2

// What a centre may do to a text, and what is known of it then.
func TestConnection(t *testing.T) {
	ok := respond(smpp.PDU{Command: smpp.SubmitSM.Response(), Sequence: firstSubmit, Body: &smpp.SMResp{MessageID: "x"}})
	half := ok[:len(ok)-1]
	broken := append([]byte{}, ok...)
	broken[len(broken)-1] = 'x' // the id has no end
	huge := binary.BigEndian.AppendUint32(nil, 1<<31)
	const ambiguous, timer = provider.ClassAmbiguous, 10 * time.Second
	nack := func(s smpp.Status, sequence uint32) []byte {
		return respond(smpp.PDU{Command: smpp.GenericNack, Status: s, Sequence: sequence})
	}
	for name, tt := range map[string]struct {
		reply smsc.Reply
		class provider.Class // "" is success
		// took is how long it takes, again whether the next text goes through at once.
		took  time.Duration
		again bool
	}{
		"slow":                      {smsc.Reply{After: 9 * time.Second}, "", 9 * time.Second, true},
		"too slow":                  {smsc.Reply{After: 11 * time.Second}, ambiguous, timer, true},
		"no answer":                 {smsc.Reply{Silent: true}, ambiguous, timer, true},
		"another number":            {smsc.Reply{Sequence: 7}, ambiguous, timer, true},
		"cut after the request":     {smsc.Reply{Silent: true, Drop: true}, ambiguous, 0, true},
		"cut within the answer":     {smsc.Reply{Raw: half, Drop: true}, ambiguous, 0, true},
		"an answer that is broken":  {smsc.Reply{Raw: broken}, ambiguous, 0, true},
		"an answer without an id":   {smsc.Reply{Raw: respond(smpp.PDU{Command: smpp.SubmitSM.Response(), Sequence: firstSubmit})}, ambiguous, 0, true},
		"an answer and the end":     {smsc.Reply{Raw: ok, Drop: true}, "", 0, true},
		"an answer and an unbind":   {smsc.Reply{Unbind: true}, "", 0, true},
		"an unbind for an answer":   {smsc.Reply{Silent: true, Unbind: true}, ambiguous, 0, true},
		"a huge length":             {smsc.Reply{Raw: huge}, ambiguous, 0, true},
		"a tiny length":             {smsc.Reply{Raw: []byte{0, 0, 0, 15, 1, 2, 3}}, ambiguous, 0, true},
		"text":                      {smsc.Reply{Raw: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, ambiguous, 0, true},
		"an answer to something":    {smsc.Reply{Raw: respond(smpp.PDU{Command: smpp.EnquireLink.Response(), Sequence: firstSubmit})}, ambiguous, timer, true},
		"a command of its own":      {smsc.Reply{Raw: append(respond(smpp.PDU{Command: 0x10200, Sequence: 5}), ok...)}, "", 0, true},
		"a broken deliver_sm":       {smsc.Reply{Raw: append(respond(smpp.PDU{Command: smpp.DeliverSM, Sequence: 5}), ok...)}, "", 0, true},
		"an unasked nack":           {smsc.Reply{Raw: append(nack(3, 0), ok...)}, "", 0, true},
		"the session is forgotten":  {smsc.Reply{Status: smpp.StatusInvalidBindState}, provider.ClassRetryable, 0, true},
		"refused by a generic_nack": {smsc.Reply{Raw: nack(smpp.StatusInvalidLength, firstSubmit)}, provider.ClassMisconfigured, 0, true},
		"a nack that says ok":       {smsc.Reply{Raw: nack(0, firstSubmit)}, provider.ClassRetryable, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &smsc.Center{Submit: func(n int, _ *smpp.SM) smsc.Reply {
					if n == 1 {
						return tt.reply
					}
					return smsc.Reply{}
				}}
				p := start(t, c, nil)
				began := time.Now()
				_, err := p.Send(t.Context(), message())
				if class, _ := classOf(err); class != tt.class {
					t.Errorf("%q: %v, not %q", class, err, tt.class)
				}
				if err != nil {
					private(t, err)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("it took %v, not %v", took, tt.took)
				}
				synctest.Wait()
				began = time.Now()
				if _, err := p.Send(t.Context(), message()); (err == nil) != tt.again {
					t.Errorf("the next one: %v", err)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the next one took %v", took)
				}
				if _, _, n, _ := c.Counts(); n != 2 {
					t.Errorf("%d submits for two texts", n)
				}
			})
		})
	}
}

// The connection breaks in the middle of a request: some of it left, so nobody knows. A request of which nothing left was not sent.
func TestCutWithinARequest(t *testing.T) {
	for name, tt := range map[string]struct {
		octets int
		class  provider.Class
	}{
		"before it":  {0, provider.ClassRetryable},
		"in it":      {20, provider.ClassAmbiguous},
		"at its end": {1 << 10, provider.ClassAmbiguous},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &smsc.Center{Submit: func(int, *smpp.SM) smsc.Reply { return smsc.Reply{Silent: true, Drop: true} }}
				first := true
				p := start(t, c, func(conf *smpp.Config) {
					conf.Dial = func(ctx context.Context, n, a string) (net.Conn, error) {
						conn, err := c.Dial(ctx, n, a)
						if first && err == nil {
							first = false
							return &cutting{Conn: conn, left: tt.octets}, nil
						}
						return conn, err
					}
				})
				_, err := p.Send(t.Context(), message())
				if class, _ := classOf(err); class != tt.class {
					t.Errorf("%s, not %s: %v", class, tt.class, err)
				}
			})
		})
	}
}

// cutting lets one write (the bind) through and cuts the second after left octets.
type cutting struct {
	net.Conn
	writes, left int
}

func (c *cutting) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 1 || c.left >= len(b) {
		return c.Conn.Write(b)
	}
	n, _ := c.Conn.Write(b[:c.left])
	c.Conn.Close()
	return n, errRefused
}

// The deadline is kept wherever the time goes, and says what may have happened.
func TestDeadline(t *testing.T) {
	for name, tt := range map[string]struct {
		center *smsc.Center
		class  provider.Class
	}{
		"while dialling": {&smsc.Center{Refuse: func(int) error { time.Sleep(2 * time.Second); return errRefused }}, provider.ClassRetryable},
		"while binding":  {&smsc.Center{Bind: func(int, *smpp.Bind) smsc.Reply { return smsc.Reply{After: 2 * time.Second} }}, provider.ClassRetryable},
		"after a submit": {&smsc.Center{Submit: func(int, *smpp.SM) smsc.Reply { return smsc.Reply{After: 2 * time.Second} }}, provider.ClassAmbiguous},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, tt.center, nil)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				_, err := p.Send(ctx, message())
				if class, _ := classOf(err); class != tt.class || time.Since(began) != time.Second {
					t.Errorf("%s after %v: %v", class, time.Since(began), err)
				}
			})
		})
	}
}

// Who waits for a place in the window in vain was not sent; who gave up keeps his place until the response timer ends.
func TestDeadlineInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{Submit: func(n int, _ *smpp.SM) smsc.Reply { return smsc.Reply{Silent: n == 1} }}
		p := start(t, c, func(c *smpp.Config) { c.Window = 1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := p.Send(ctx, message())
			wantClass(t, err, provider.ClassAmbiguous, provider.Unknown)
		})
		synctest.Wait()
		_, err := p.Send(ctx, message())
		wantClass(t, err, provider.ClassRetryable, provider.Temporary)
		wg.Wait()
		began := time.Now()
		if _, err := p.Send(t.Context(), message()); err != nil || time.Since(began) != 9*time.Second {
			t.Errorf("the next one: %v after %v", err, time.Since(began))
		}
		if _, _, n, _ := c.Counts(); n != 2 {
			t.Errorf("%d submits", n)
		}
	})
}

// A centre that does not know the session any more gets a new bind; what it refused was not sent.
func TestForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{}
		c.Submit = func(int, *smpp.SM) smsc.Reply {
			if _, binds, _, _ := c.Counts(); binds == 1 {
				return smsc.Reply{Status: smpp.StatusInvalidBindState}
			}
			return smsc.Reply{}
		}
		p := start(t, c, nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := p.Send(t.Context(), message())
				wantClass(t, err, provider.ClassRetryable, provider.Temporary)
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := p.Send(t.Context(), message()); err != nil {
			t.Error(err)
		}
	})
}

// A centre that says nothing any more is left after two enquiries without an answer.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{Enquire: func(n int) smsc.Reply { return smsc.Reply{Silent: n > 3 && n < 6} }}
		p := start(t, c, nil)
		if _, err := p.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(149 * time.Second) // the third is answered at 90 s, those at 120 s and 150 s are not
		if dials, _, _, n := c.Counts(); dials != 1 || n != 4 {
			t.Fatalf("%d connections, %d enquiries", dials, n)
		}
		time.Sleep(30 * time.Second)
		if dials, _, _, n := c.Counts(); dials != 1 || n != 5 {
			t.Fatalf("%d connections, %d enquiries", dials, n)
		}
		time.Sleep(4 * time.Second)
		if dials, _, _, _ := c.Counts(); dials != 2 || c.Bound() != 1 {
			t.Errorf("%d connections, %d bound", dials, c.Bound())
		}
		if _, err := p.Send(t.Context(), message()); err != nil {
			t.Error(err)
		}
	})
}

// An account that is down is tried again, ever more seldom, and works again by itself.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Time
		var down error
		set := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			down = err
		}
		c := &smsc.Center{Refuse: func(int) error {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Now())
			return down
		}}
		p := start(t, c, nil)
		if _, err := p.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		set(errRefused)
		c.Drop()
		time.Sleep(10 * time.Minute)
		began := time.Now()
		_, err := p.Send(t.Context(), message())
		wantClass(t, err, provider.ClassRetryable, provider.Temporary)
		if time.Since(began) != 0 {
			t.Error("a send waits for a centre that is known to be down")
		}
		mu.Lock()
		if len(at) < 12 || len(at) > 26 {
			t.Errorf("%d attempts in ten minutes", len(at))
		}
		for i := 2; i < len(at); i++ {
			if pause := at[i].Sub(at[i-1]); pause < time.Second || pause > 60*time.Second {
				t.Errorf("a pause of %v", pause)
			}
		}
		mu.Unlock()
		set(nil)
		time.Sleep(time.Minute)
		if _, err := p.Send(t.Context(), message()); err != nil {
			t.Error(err)
		}
	})
}

// The centre ends a session again and again; what is sent goes on, each once, and what is lost is ambiguous.
func TestReconnectKeepsGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &smsc.Center{}
		c.Submit = func(n int, _ *smpp.SM) smsc.Reply { return smsc.Reply{Unbind: n%40 == 0, Drop: n%40 == 20} }
		p := start(t, c, nil)
		sent := 0
		for range 200 {
			time.Sleep(200 * time.Millisecond)
			_, err := p.Send(t.Context(), message())
			switch class, _ := classOf(err); class {
			case "":
				sent++
			default:
				t.Errorf("%s: %v", class, err)
			}
		}
		if n := len(c.Messages()); n != sent {
			t.Errorf("%d accepted, %d known to be", n, sent)
		}
		if dials, _, _, _ := c.Counts(); dials != 11 && dials != 10 {
			t.Errorf("%d connections", dials)
		}
	})
}

// An account over TLS, and one that does not trust the centre's certificate.
func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	c := &smsc.Center{Password: password}
	go c.Serve(l)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	account := func(change func(*tls.Config)) *smpp.Provider {
		conf := &tls.Config{ServerName: "example.com", RootCAs: roots}
		change(conf)
		return start(t, c, func(c *smpp.Config) {
			c.Host, c.Port, c.TLS, c.Dial = "127.0.0.1", l.Addr().(*net.TCPAddr).Port, conf, (&net.Dialer{}).DialContext
		})
	}
	if _, err := account(func(*tls.Config) {}).Send(t.Context(), message()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*tls.Config){
		"an authority that is not trusted": func(c *tls.Config) { c.RootCAs = x509.NewCertPool() },
		"another name":                     func(c *tls.Config) { c.ServerName = "example.org" },
	} {
		if _, err := account(change).Send(t.Context(), message()); err == nil {
			t.Errorf("%s was accepted", name)
		} else if class, _ := provider.ClassOf(err); class != provider.ClassMisconfigured {
			t.Errorf("%s: %s, %v", name, class, err)
		}
	}
}
