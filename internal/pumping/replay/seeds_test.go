package replay

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"countersign/internal/pumping/trace"
)

func TestSeeds(t *testing.T) {
	if os.Getenv("SEEDS") == "" {
		return
	}
	for _, s := range trace.Scenarios() {
		if s.Limit || !strings.Contains(os.Getenv("SEEDS"), s.Name) {
			continue
		}
		for i := range uint64(4) {
			s := s
			s.Seed = s.Seed*1000 + i
			var b bytes.Buffer
			_ = trace.Write(&b, s.Header, s.Messages())
			r, err := Replay(t.Context(), &b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			bad := ""
			if r.AttackShare() > 0.01 || r.HonestShare() > 0.001 {
				bad = "BAD"
				for _, b := range r.Blocks[:min(len(r.Blocks), 12)] {
					t.Logf("   %.0f %s lifted=%v %s", b.At, b.Key, b.Lifted, b.Evidence)
				}
			}
			t.Logf("%s %s attack %d of %d (%.2f %%), honest refused %d of %d (%.3f %%), %v %v, %d blocks", bad, s.Name, r.Attack.Sent, r.Attack.Messages, 100*r.AttackShare(),
				r.Honest.NumbersRefused, r.Honest.Numbers, 100*r.HonestShare(), r.Attack.Reasons, r.Honest.Reasons, len(r.Blocks))
		}
	}
}
