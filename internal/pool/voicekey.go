package pool

import (
	"context"
	"crypto/rand"
	"math/big"
	"strconv"

	"countersign/internal/otp"
	"countersign/internal/trigger"
)

// voiceKey is what must be pressed before a call reads the code, two digits that are shown where the code is asked for: a mailbox presses nothing, and who
// did not ask for the code does not know it. Empty where no call may take the text's place. It is made for known and unknown names alike.
func (s *Service) voiceKey(ctx context.Context, t *tenant, attr string, p otp.Purpose) (string, error) {
	by := t.cfg.textProvider()
	if s.VoiceKeys == nil || attr != attrPhone || t.cfg.makerOf(p) != "" || t.has(trigger.CustomSMSSender) || by == ProviderHook || by == ProviderAction ||
		!s.VoiceKeys(ctx, t.pool.ID, purposeWord(p), t.clientID()) {
		return "", nil
	}
	n, err := rand.Int(rand.Reader, big.NewInt(90))
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(10+n.Int64(), 10), nil
}
