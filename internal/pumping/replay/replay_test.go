package replay

import (
	"os"
	"path/filepath"
	"testing"
)

func files(t testing.TB, folder string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("../testdata", folder, "*.jsonl.gz"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no traces in %s: %v", folder, err)
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

// The aims of docs/guards.md hold on each trace with the default settings: an attacker gets at most one message in a hundred through, and at most one
// person in a thousand is refused.
func TestTheAimsHold(t *testing.T) {
	for _, file := range files(t, "traces") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			r := replay(t, file, Options{})
			t.Logf("attack %d of %d (%.2f %%), honest refused %d of %d (%.3f %%), %v %v, %d blocks", r.Attack.Sent, r.Attack.Messages, 100*r.AttackShare(),
				r.Honest.NumbersRefused, r.Honest.Numbers, 100*r.HonestShare(), r.Attack.Reasons, r.Honest.Reasons, len(r.Blocks))
			if r.AttackShare() > 0.01 {
				t.Errorf("%.2f %% of the attack got through", 100*r.AttackShare())
			}
			if r.HonestShare() > 0.001 {
				t.Errorf("%.3f %% of people were refused", 100*r.HonestShare())
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
	for _, file := range files(t, "limits") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			r := replay(t, file, Options{})
			t.Logf("attack %d of %d (%.2f %%), honest refused %d of %d (%.3f %%), %v %v, %d blocks", r.Attack.Sent, r.Attack.Messages, 100*r.AttackShare(),
				r.Honest.NumbersRefused, r.Honest.Numbers, 100*r.HonestShare(), r.Attack.Reasons, r.Honest.Reasons, len(r.Blocks))
		})
	}
}
