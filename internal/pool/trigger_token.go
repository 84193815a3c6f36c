package pool

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"countersign/internal/store"
	"countersign/internal/token"
	"countersign/internal/trigger"
)

// What PreTokenGeneration is asked about.
const (
	askNewPassword = "NewPasswordChallenge"
	askRefresh     = "RefreshTokens"
)

const (
	// maxOverrides bounds what a function adds to the tokens, in bytes of JSON.
	maxOverrides = 8 << 10
	maxScopes    = 64
)

// tokenChanges asks PreTokenGeneration what the tokens are to say; nil if the pool has no such function.
func (s *Service) tokenChanges(ctx context.Context, t *tenant, c Caller, u *store.User, what string) (*trigger.TokenAnswer, error) {
	if !t.has(trigger.PreTokenGeneration) {
		return nil, nil
	}
	w := whom{user: u}
	r := trigger.TokenRequest{
		UserAttributes: w.attributes(), ClientMetadata: c.Metadata,
		GroupConfiguration: trigger.Groups{GroupsToOverride: []string{}, IAMRolesToOverride: []string{}},
	}
	if t.cfg.Triggers.TokenVersion == trigger.TokenV2 {
		r.Scopes = []string{userScope}
	}
	a, err := ask[trigger.TokenAnswer](ctx, s, t, c, trigger.PreTokenGeneration, what, "", w, r)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(a)
	if err == nil && (len(raw) > maxOverrides || len(a.Access.ScopesToAdd) > maxScopes) {
		return nil, s.triggerFailed(ctx, t, c, trigger.PreTokenGeneration, what, w, trigger.Invalid(trigger.PreTokenGeneration, "the changes are too large for a token"))
	}
	return &a, err
}

// unsigned is why a token could not be signed: too much was added to it, if that is the reason.
func (s *Service) unsigned(ctx context.Context, t *tenant, c Caller, u *store.User, what string, a *trigger.TokenAnswer, claims map[string]any, cause error) error {
	raw, err := json.Marshal(claims)
	if a == nil || err != nil || len(raw) < token.MaxSize*2/3 {
		return cause
	}
	return s.triggerFailed(ctx, t, c, trigger.PreTokenGeneration, what, whom{user: u},
		trigger.Invalid(trigger.PreTokenGeneration, "with the user's attributes the token is too large"))
}

// Claims that a function cannot change: what it says of them is ignored, as Cognito does (developer guide, "Pre token generation Lambda
// trigger", excluded claims and scopes).
var (
	fixedClaims       = []string{"acr", "amr", "at_hash", "auth_time", "azp", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "sub", "token_use"}
	fixedIDClaims     = []string{"identities", "aud", "event_id"}
	fixedAccessClaims = []string{"username", "client_id", "scope", "device_key", "event_id", "version", "family"}
	fixedPrefixes     = []string{"cognito:", "aws:", "dev:"}
)

// fixedClaim compares without regard to case: many readers of tokens do (Go's encoding/json among them), and for them "Sub" would be the subject.
func fixedClaim(name string, own []string) bool {
	same := func(s string) bool { return strings.EqualFold(s, name) }
	begins := func(prefix string) bool {
		return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
	}
	return slices.ContainsFunc(fixedClaims, same) || slices.ContainsFunc(own, same) || slices.ContainsFunc(fixedPrefixes, begins) || name == "" || len(name) > 256
}

// changeClaims applies a function's wishes to a token. A claim that it both adds and suppresses is suppressed.
func changeClaims(claims map[string]any, want trigger.Claims, own []string) {
	for name, v := range want.AddOrOverride {
		if !fixedClaim(name, own) && v != nil {
			claims[name] = v
		}
	}
	for _, name := range want.Suppress {
		if !fixedClaim(name, own) {
			delete(claims, name)
		}
	}
}

// changeTokens applies an answer of PreTokenGeneration to both tokens.
func changeTokens(a *trigger.TokenAnswer, access, id map[string]any) {
	if a == nil {
		return
	}
	changeClaims(id, a.ID, fixedIDClaims)
	maps.DeleteFunc(a.Access.AddOrOverride, func(name string, v any) bool { // an access token is for nobody but its client
		return strings.EqualFold(name, "aud") && (name != "aud" || v != access["client_id"])
	})
	changeClaims(access, a.Access, fixedAccessClaims)
	access["scope"] = changeScopes(access["scope"].(string), a.Access)
	g := a.Groups
	if g == nil {
		return
	}
	if len(g.GroupsToOverride) > 0 {
		access["cognito:groups"], id["cognito:groups"] = g.GroupsToOverride, g.GroupsToOverride
	}
	if len(g.IAMRolesToOverride) > 0 {
		id["cognito:roles"] = g.IAMRolesToOverride
	}
	if g.PreferredRole != nil && *g.PreferredRole != "" {
		id["cognito:preferred_role"] = *g.PreferredRole
	}
}

// ownScopes begin Cognito's own scopes.
const ownScopes = "aws.cognito."

// changeScopes adds and takes scopes. Cognito's own cannot be added, but taken.
func changeScopes(scope string, want trigger.Claims) string {
	list := strings.Fields(scope)
	for _, s := range want.ScopesToAdd {
		if isScope(s) && !(len(s) >= len(ownScopes) && strings.EqualFold(s[:len(ownScopes)], ownScopes)) && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return slices.Contains(want.ScopesToSuppress, s) })
	return strings.Join(list, " ")
}

// isScope: RFC 6749, section 3.3.
func isScope(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}
