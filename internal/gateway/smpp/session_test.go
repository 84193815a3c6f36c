package smpp

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a session and the other end of its connection.
func pipe(t *testing.T, window int) (*session, net.Conn) {
	near, far := net.Pipe()
	s := newSession(near, window, func(*SM) Status { return StatusOK }, func(string) {})
	t.Cleanup(func() {
		s.fail(errClosed)
		far.Close()
		s.wg.Wait()
	})
	return s, far
}

func next(t *testing.T, r *bufio.Reader) PDU {
	t.Helper()
	frame, err := ReadFrame(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A peer that asks and asks but reads nothing is left; the reader never waits for it.
func TestPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := pipe(t, 1)
		ask, _ := PDU{Command: EnquireLink, Sequence: 1}.Append(nil)
		n := 0
		for ; n < 10*maxReplies; n++ {
			if _, err := far.Write(ask); err != nil {
				break
			}
		}
		synctest.Wait()
		if n > maxReplies+maxBatch/headerSize+2 || !errors.Is(s.why(), errStuck) {
			t.Errorf("%d questions were taken, then %v", n, s.why())
		}
	})
}

// A request that waits behind a writer that is stuck was not sent; the writer gives up by itself.
func TestStuckWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := pipe(t, 10)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		results := make(chan outcome, 2)
		go func() { results <- s.do(ctx, SubmitSM, &SM{}) }()
		synctest.Wait() // the writer has it
		go func() { results <- s.do(ctx, SubmitSM, &SM{}) }()
		var sent []bool
		for range 2 {
			o := <-results
			if !errors.Is(o.err, context.DeadlineExceeded) {
				t.Errorf("%+v", o)
			}
			sent = append(sent, o.written)
		}
		if !slices.Contains(sent, true) || !slices.Contains(sent, false) {
			t.Errorf("perhaps sent: %v; one of the two", sent)
		}
		if s.why() != nil {
			t.Error(s.why())
		}
		time.Sleep(answerTimeout)
		synctest.Wait()
		if s.why() == nil {
			t.Error("the writer still waits")
		}
		if o := s.do(t.Context(), SubmitSM, &SM{}); o.err == nil || o.written {
			t.Errorf("after the end: %+v", o)
		}
	})
}

// After the last number comes 1 (5.1.4), and numbers that are under way are not mixed up.
func TestSequenceWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := pipe(t, 10)
		s.next = maxSequence - 1
		r := bufio.NewReader(far)
		for _, want := range []uint32{maxSequence, 1, 2} {
			done := make(chan outcome, 1)
			go func() { done <- s.do(t.Context(), SubmitSM, &SM{}) }()
			p := next(t, r)
			if p.Sequence != want {
				t.Errorf("%d, not %d", p.Sequence, want)
			}
			answer, _ := PDU{Command: SubmitSM.Response(), Sequence: p.Sequence, Body: &SMResp{MessageID: "a"}}.Append(nil)
			far.Write(answer)
			if o := <-done; o.err != nil {
				t.Error(o.err)
			}
		}
	})
}

// What a centre may ask is answered as the specification has it.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := pipe(t, 1)
		r := bufio.NewReader(far)
		opaque := Opaque("x")
		for _, tt := range []struct{ ask, want PDU }{
			{PDU{Command: EnquireLink, Sequence: 7}, PDU{Command: EnquireLink.Response(), Sequence: 7}},
			{PDU{Command: DeliverSM, Sequence: 8, Body: &SM{}}, PDU{Command: DeliverSM.Response(), Sequence: 8, Body: &SMResp{}}},
			{PDU{Command: DeliverSM, Sequence: 9}, PDU{Command: DeliverSM.Response(), Status: StatusPermanent, Sequence: 9}},
			{PDU{Command: 0x103, Sequence: 10, Body: &opaque}, PDU{Command: GenericNack, Status: StatusInvalidCommand, Sequence: 10}},
			{PDU{Command: BindTransceiver, Sequence: 11, Body: &Bind{}}, PDU{Command: GenericNack, Status: StatusInvalidCommand, Sequence: 11}},
			{PDU{Command: Unbind, Sequence: 12}, PDU{Command: Unbind.Response(), Sequence: 12}},
		} {
			quiet, _ := PDU{Command: AlertNotification, Sequence: 1, Body: &opaque}.Append(nil)
			ask, _ := tt.ask.Append(quiet)
			go far.Write(ask)
			got := next(t, r)
			if got.Command != tt.want.Command || got.Status != tt.want.Status || got.Sequence != tt.want.Sequence {
				t.Errorf("%+v is answered by %+v", tt.ask, got)
			}
		}
		synctest.Wait()
		if !errors.Is(s.why(), errUnbound) {
			t.Error(s.why())
		}
	})
}

func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(10)
		count := func(d time.Duration) (n int) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			for {
				if _, err := p.wait(ctx); err != nil {
					return n
				}
				n++
			}
		}
		second := func() int {
			end := time.Now().Add(time.Second)
			n := count(time.Second)
			time.Sleep(time.Until(end))
			return n
		}
		if n := second(); n != 10 {
			t.Errorf("%d in the first second", n)
		}
		p.throttled()
		p.throttled() // of the same moment
		var got []int
		for range 9 {
			got = append(got, second())
		}
		// Nothing for a second, then half, then one more in each second.
		if got[0] != 0 || got[1] < 5 || got[1] > 6 || got[8] != 10 || !slices.IsSorted(got) {
			t.Errorf("%v in the seconds after", got)
		}
		for range 20 {
			p.throttled()
			time.Sleep(hold)
		}
		if p.rate < minRate || p.rate > 2.1 {
			t.Errorf("%v is the least", p.rate)
		}
	})
}

// Without a bound of the operator's, half of what went before is the start, and later there is none again.
func TestPacerWithoutBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0)
		for range 100 {
			if d, err := p.wait(t.Context()); err != nil || d != 0 {
				t.Fatal(d, err)
			}
		}
		p.throttled()
		if p.rate != 50 || p.goal != 100 {
			t.Errorf("%v towards %v", p.rate, p.goal)
		}
		time.Sleep(hold + 10*time.Second)
		p.wait(t.Context())
		if p.rate != 0 || p.goal != 0 {
			t.Errorf("%v towards %v", p.rate, p.goal)
		}
	})
}
