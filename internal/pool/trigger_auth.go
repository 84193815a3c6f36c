package pool

import (
	"context"

	"countersign/internal/trigger"
)

const askAuthentication = "Authentication"

// concealed reports whether a caller may not learn here that nobody has a name.
func (t *tenant) concealed() bool { return t.hides() || t.cfg.SeparateAttempts }

// preAuthentication asks PreAuthentication, which may refuse the sign-in by throwing. A name that nobody has is asked about as well where
// existence is hidden, and refused without asking where it is not.
func (s *Service) preAuthentication(ctx context.Context, t *tenant, c Caller, a *account) error {
	if !t.has(trigger.PreAuthentication) || (a.user == nil && !t.concealed()) {
		return nil
	}
	return s.notify(ctx, t, c, trigger.PreAuthentication, askAuthentication, a.whom(), trigger.PreAuthenticationRequest{
		UserAttributes: a.whom().attributes(), ValidationData: c.first, UserNotFound: a.user == nil,
	})
}

// postAuthentication calls PostAuthentication of a user who has proved everything; by throwing it withholds the tokens.
func (s *Service) postAuthentication(ctx context.Context, t *tenant, c Caller, a *account) error {
	if !t.has(trigger.PostAuthentication) {
		return nil
	}
	device := false // no device is remembered
	return s.notify(ctx, t, c, trigger.PostAuthentication, askAuthentication, a.whom(), trigger.PostRequest{
		UserAttributes: a.whom().attributes(), NewDeviceUsed: &device, ClientMetadata: c.Metadata,
	})
}
