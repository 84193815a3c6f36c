package replay

import (
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/pumping"
	"countersign/internal/pumping/trace"
	"countersign/internal/store"
	"countersign/phone"
)

// Options say how to replay. The zero value is one node with the default settings.
type Options struct {
	Settings pumping.Settings
	// Nodes is how many nodes share the traffic; 0 counts as 1.
	Nodes int
}

// Count is what became of the messages of one label.
type Count struct {
	Messages int `json:"messages"`
	Sent     int `json:"sent"`
	Refused  int `json:"refused"`
	// Numbers are how many numbers asked, NumbersRefused how many of them were refused at least once.
	Numbers        int `json:"numbers"`
	NumbersRefused int `json:"numbers_refused"`
	// Reasons counts the refusals by kind of key and reason.
	Reasons map[string]int `json:"reasons,omitempty"`
}

// Block is a key that was blocked, and when.
type Block struct {
	At       float64 `json:"at"`
	Key      string  `json:"key"`
	Lifted   bool    `json:"lifted,omitempty"`
	Evidence string  `json:"evidence"`
}

// Report says what a replay showed.
type Report struct {
	trace.Header
	Seconds float64 `json:"seconds"`
	Attack  Count   `json:"attack"`
	Honest  Count   `json:"honest"`
	Blocks  []Block `json:"blocks"`
}

// AttackShare is the share of the attack's messages that were sent, HonestShare that of the people who were refused at least once.
func (r Report) AttackShare() float64 { return share(r.Attack.Sent, r.Attack.Messages) }

// HonestShare: see AttackShare.
func (r Report) HonestShare() float64 { return share(r.Honest.NumbersRefused, r.Honest.Numbers) }

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// begin is when every recording begins: a Monday at midnight.
var begin = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

const poolID = "replay"

// player is a replay under way.
type player struct {
	o       Options
	now     time.Time
	nodes   []*pumping.Detector
	mem     *memory
	flushed time.Time
	swept   time.Time
	later   verifications
	report  Report
	asked   map[string]map[string]bool // by label and number: was it refused?
	n       int
}

// Replay replays a recording. Errors are those of the recording and of the settings.
func Replay(ctx context.Context, r io.Reader, o Options) (Report, error) {
	if err := o.Settings.Check(); err != nil {
		return Report{}, err
	}
	h, messages, err := trace.Read(r)
	if err != nil {
		return Report{}, err
	}
	p := newPlayer(h, o)
	for m, err := range messages {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = p.message(ctx, m)
		}
		if err != nil {
			return Report{}, err
		}
	}
	return p.end(ctx)
}

func newPlayer(h trace.Header, o Options) *player {
	p := &player{o: o, now: begin, flushed: begin, swept: begin, mem: &memory{counts: map[string][]store.GuardCount{}, blocks: map[string]*store.GuardBlock{}}}
	p.asked = map[string]map[string]bool{trace.Honest: {}, trace.Attack: {}}
	p.report.Header = h
	now := func() time.Time { return p.now }
	for range max(o.Nodes, 1) {
		p.nodes = append(p.nodes, pumping.New(pumping.Config{
			Store: p.mem, Log: eventlog.New(eventlog.Config{Keys: noKeys{}, Now: now}), Logger: slog.New(slog.DiscardHandler), Now: now, Hash: hash,
		}))
	}
	return p
}

func hash(_ context.Context, _ string, parts ...string) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// ask is what the detector is told of a message.
func (p *player) ask(m trace.Message) (pumping.Ask, error) {
	n, err := phone.Parse(m.To)
	if err != nil {
		return pumping.Ask{}, fmt.Errorf("trace: %s is no E.164 number", m.To)
	}
	a := pumping.Ask{PoolID: poolID, Country: n.Region(), Number: m.To, Prefix: m.To[:max(len(m.To)-4, 2)], ClientID: m.Client, At: p.now}
	if m.IP != "" {
		if a.Address, err = netip.ParseAddr(m.IP); err != nil {
			return a, fmt.Errorf("trace: %q is no address", m.IP)
		}
	}
	return a, nil
}

func (p *player) message(ctx context.Context, m trace.Message) error {
	if err := p.advance(ctx, begin.Add(seconds(m.At))); err != nil {
		return err
	}
	a, err := p.ask(m)
	if err != nil {
		return err
	}
	p.n++
	node := p.nodes[p.n%len(p.nodes)]
	v, err := node.Judge(ctx, p.o.Settings, a)
	if err != nil {
		return err
	}
	p.note(m, v)
	if v.Blocked {
		return nil
	}
	node.Sent(poolID, v.Mark, p.now)
	if m.TypedAfter != nil {
		heap.Push(&p.later, verification{p.now, p.now.Add(seconds(*m.TypedAfter)), v.Mark, p.n})
	}
	return nil
}

func (p *player) note(m trace.Message, v pumping.Verdict) {
	c := &p.report.Honest
	if m.Label == trace.Attack {
		c = &p.report.Attack
	}
	c.Messages++
	numbers := p.asked[m.Label]
	refused := v.Blocked || v.Recorded
	numbers[m.To] = numbers[m.To] || refused
	if !refused {
		c.Sent++
		return
	}
	c.Refused++
	if c.Reasons == nil {
		c.Reasons = map[string]int{}
	}
	kind, _, _ := strings.Cut(v.Key, ":")
	c.Reasons[kind+" "+v.Reason]++
}

// advance lets time pass: codes are typed in, counts are written every second, memory is swept every five minutes.
func (p *player) advance(ctx context.Context, to time.Time) error {
	for len(p.later) > 0 && !p.later[0].at.After(to) {
		v := heap.Pop(&p.later).(verification)
		if err := p.tick(ctx, v.at); err != nil {
			return err
		}
		p.nodes[(v.n+1)%len(p.nodes)].Verified(poolID, v.mark, v.sent, v.at) // by another node than sent it, if there is one
	}
	return p.tick(ctx, to)
}

func (p *player) tick(ctx context.Context, to time.Time) error {
	if to.Sub(p.flushed) >= time.Second {
		p.now = later(p.now, p.flushed.Add(time.Second))
		for _, d := range p.nodes {
			if err := d.Flush(ctx); err != nil {
				return err
			}
		}
		p.flushed = to
	}
	p.now = later(p.now, to)
	if to.Sub(p.swept) >= 5*time.Minute {
		for _, d := range p.nodes {
			if err := d.Sweep(ctx); err != nil {
				return err
			}
		}
		p.swept = to
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (p *player) end(ctx context.Context) (Report, error) {
	p.report.Seconds = p.now.Sub(begin).Seconds()
	if err := p.advance(ctx, p.now.Add(15*time.Minute)); err != nil {
		return Report{}, err
	}
	for label, c := range map[string]*Count{trace.Honest: &p.report.Honest, trace.Attack: &p.report.Attack} {
		for _, refused := range p.asked[label] {
			c.Numbers++
			if refused {
				c.NumbersRefused++
			}
		}
	}
	for _, e := range p.mem.events {
		var d struct{ Key, Evidence string }
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return Report{}, err
		}
		p.report.Blocks = append(p.report.Blocks, Block{e.At.Sub(begin).Seconds(), d.Key, e.Type == string(eventlog.GuardUnblocked), d.Evidence})
	}
	slices.SortStableFunc(p.report.Blocks, func(a, b Block) int { return cmp.Compare(a.At, b.At) })
	return p.report, nil
}

// verification is a code that will be typed in.
type verification struct {
	sent, at time.Time
	mark     string
	n        int
}

// verifications is a heap by time.
type verifications []verification

func (v verifications) Len() int           { return len(v) }
func (v verifications) Less(i, j int) bool { return v[i].at.Before(v[j].at) }
func (v verifications) Swap(i, j int)      { v[i], v[j] = v[j], v[i] }
func (v *verifications) Push(x any)        { *v = append(*v, x.(verification)) }
func (v *verifications) Pop() any {
	old := *v
	x := old[len(old)-1]
	*v = old[:len(old)-1]
	return x
}
