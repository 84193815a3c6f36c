package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign/internal/pumping"
	"countersign/internal/pumping/trace"
)

func files(t testing.TB, folder, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("../testdata", folder, pattern+".jsonl.gz"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no recordings in %s: %v", folder, err)
	}
	return list
}

func replay(t testing.TB, file string, o Options) Report {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Replay(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// row is a line of the table in docs/guards.md.
func row(r Report) string {
	through := "-"
	if r.Attack.Messages > 0 {
		through = fmt.Sprintf("%d (%.2f %%)", r.Attack.Sent, 100*r.AttackShare())
	}
	return fmt.Sprintf("| %s | %d | %s | %d | %d (%.3f %%) |", r.Name, r.Attack.Messages, through, r.Honest.Numbers, r.Honest.NumbersRefused, 100*r.HonestShare())
}

// documented compares a report with the figures of the page.
func documented(t *testing.T, page string, r Report) {
	t.Helper()
	if !strings.Contains(page, row(r)) {
		t.Errorf("docs/guards.md lacks this line:\n%s\nrefused of the attack: %v, of people: %v", row(r), r.Attack.Reasons, r.Honest.Reasons)
	}
}

func guardsPage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/guards.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The aims hold on each recording with the default settings: an attacker gets at most one message in a hundred through, and at most one person in a
// thousand is refused. docs/guards.md says what is measured here.
func TestTheAimsHold(t *testing.T) {
	page := guardsPage(t)
	for _, file := range files(t, "traces", some) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			r := replay(t, file, Options{})
			documented(t, page, r)
			if r.AttackShare() > 0.01 {
				t.Errorf("%.2f %% of the attack got through", 100*r.AttackShare())
			}
			if r.HonestShare() > 0.001 {
				t.Errorf("%.3f %% of people were refused", 100*r.HonestShare())
			}
			if r.Honest.Numbers < 3000 {
				t.Errorf("%d people are too few for one in a thousand", r.Honest.Numbers)
			}
			if t.Failed() {
				for _, b := range r.Blocks[:min(len(r.Blocks), 25)] {
					t.Logf("%.0f %s lifted=%v %s", b.At, b.Key, b.Lifted, b.Evidence)
				}
			}
		})
	}
}

// What cannot be told apart from people costs what docs/guards.md says.
func TestLimits(t *testing.T) {
	page := guardsPage(t)
	for _, file := range files(t, "limits", "*") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			documented(t, page, replay(t, file, Options{}))
		})
	}
}

// Three nodes that see a third of the traffic each do as well as one, but for what happens within the two seconds after which they hear of each other.
func TestThreeNodes(t *testing.T) {
	for _, name := range []string{"range-small", "drip-address", "carrier", "two-countries"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replay(t, filepath.Join("../testdata/traces", name+".jsonl.gz"), Options{Nodes: 3})
			if r.AttackShare() > 0.015 || r.HonestShare() > 0.001 {
				t.Errorf("%s %v %v %+v", row(r), r.Attack.Reasons, r.Honest.Reasons, r.Blocks)
			}
		})
	}
}

// Record mode says what enforce would have refused, of whom nobody is: all is sent.
func TestRecordOnly(t *testing.T) {
	r := replay(t, "../testdata/traces/range-small.jsonl.gz", Options{Settings: pumping.Settings{Mode: pumping.Record}})
	if r.AttackShare() > 0.01 || r.HonestShare() > 0.001 || r.Attack.Refused == 0 {
		t.Errorf("%s %v %v %+v", row(r), r.Attack.Reasons, r.Honest.Reasons, r.Blocks)
	}
}

func TestReplayErrors(t *testing.T) {
	head := `{"name":"x","pool":"p","seed":0}` + "\n"
	for _, c := range []struct{ in, want string }{
		{"", "line 1"},
		{`{"pool":"p"}`, "no name"},
		{head + `{"at":1,"to":"12","label":"honest"}`, "no E.164 number"},
		{head + `{"at":1,"to":"+12025550123","ip":"x","label":"honest"}`, "no address"},
		{head + `{"at":2,"to":"+12025550123","label":"honest"}` + "\n" + `{"at":1,"to":"+12025550123","label":"honest"}`, "line 3"},
		{head + `{"at":1,"to":"+12025550123","label":"me"}`, "label"},
		{head + `{"at":1,"to":"+12025550123","label":"honest","code":"1"}`, "code"},
	} {
		if _, err := Replay(t.Context(), strings.NewReader(c.in), Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.in, err, c.want)
		}
	}
	if _, err := Replay(t.Context(), strings.NewReader(head), Options{Settings: pumping.Settings{Mode: "x"}}); err == nil {
		t.Error("settings that cannot be")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Replay(ctx, strings.NewReader(head+`{"at":1,"to":"+12025550123","label":"honest"}`), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Recordings are what their scenarios make, and the same each time.
func TestRecordingsAreCurrent(t *testing.T) {
	for _, s := range trace.Scenarios() {
		folder := "traces"
		if s.Limit {
			folder = "limits"
		}
		f, err := os.Open(filepath.Join("../testdata", folder, s.Name+".jsonl.gz"))
		if err != nil {
			t.Fatal(err)
		}
		h, messages, err := trace.Read(f)
		if err != nil || h != s.Header {
			t.Fatalf("%s: %+v, %v", s.Name, h, err)
		}
		want, n := s.Messages(), 0
		for m, err := range messages {
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			if n >= len(want) || !same(m, want[n]) {
				t.Fatalf("%s: message %d is another one; go generate ./internal/pumping", s.Name, n)
			}
			n++
		}
		if n != len(want) {
			t.Errorf("%s: %d messages of %d", s.Name, n, len(want))
		}
		f.Close()
	}
}

func same(a, b trace.Message) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}
