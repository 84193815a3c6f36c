package authentication

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign/internal/pool"
)

// authenticator is an entry of GET /mfa/authenticators.
type authenticator struct {
	ID      string `json:"id"`
	Kind    string `json:"type"`
	Type    string `json:"authenticator_type"`
	Channel string `json:"oob_channel,omitempty"`
	// Channels is its older spelling, one string all the same: auth0-auth-js reads it, and go-auth0 takes no list.
	Channels string `json:"oob_channels,omitempty"`
	Name     string `json:"name,omitempty"`
	Active   bool   `json:"active"`

	CreatedAt *time.Time `json:"created_at,omitempty"`
	LastAuth  *time.Time `json:"last_auth,omitempty"`
}

func (a *API) authenticators(ctx context.Context, q *request) (any, error) {
	token, err := q.bearer()
	if err != nil {
		return nil, err
	}
	list, err := a.Flows.Authenticators(ctx, q.caller, pool.MFABearer{Token: token})
	if err != nil {
		return nil, err
	}
	out := make([]authenticator, 0, len(list))
	for _, x := range list {
		out = append(out, authenticator{
			ID: x.ID, Kind: x.Kind, Type: x.Type, Channel: x.Channel, Channels: x.Channel, Name: x.Name, Active: x.Active,
			CreatedAt: instant(x.CreatedAt), LastAuth: instant(x.LastAuth),
		})
	}
	return out, nil
}

// instant leaves out what never was; milliseconds, as JavaScript writes them.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

func (a *API) deleteAuthenticator(ctx context.Context, q *request) (any, error) {
	token, err := q.bearer()
	if err != nil {
		return nil, err
	}
	if err := a.Flows.DeleteAuthenticator(ctx, q.caller, pool.MFABearer{Token: token}, q.id); err != nil {
		return nil, err
	}
	return status(http.StatusNoContent), nil
}

// associated is the answer of POST /mfa/associate.
type associated struct {
	Type          string   `json:"authenticator_type"`
	Channel       string   `json:"oob_channel,omitempty"`
	BindingMethod string   `json:"binding_method,omitempty"`
	OOBCode       string   `json:"oob_code,omitempty"`
	Secret        string   `json:"secret,omitempty"`
	URI           string   `json:"barcode_uri,omitempty"`
	RecoveryCodes []string `json:"recovery_codes,omitempty"`
	VoiceKey      string   `json:"voice_key,omitempty"` // not Auth0's: pressed if the code comes by a call
}

func (a *API) associate(ctx context.Context, q *request) (any, error) {
	token, err := q.bearer()
	if err != nil {
		return nil, err
	}
	in := pool.AssociateInput{
		MFABearer: pool.MFABearer{Token: token}, Types: q.params.List("authenticator_types"), Channels: q.params.List("oob_channels"),
		Phone: q.get("phone_number"), Email: q.get("email"),
	}
	if len(in.Types) == 0 {
		return nil, missing("authenticator_types")
	}
	if len(in.Channels) == 0 {
		in.Channels = q.params.List("oob_channel")
	}
	if slices.Equal(in.Types, []string{"email"}) { // how auth0-auth-js spells the channel
		in.Types, in.Channels = []string{"oob"}, []string{"email"}
	}
	if c := q.client(); c.ID != "" {
		in.Client = &c
	}
	out, err := a.Flows.Associate(ctx, q.caller, in)
	if err != nil {
		return nil, answered(err, sendWords)
	}
	r := associated{Type: out.Type, Channel: out.Channel, OOBCode: out.OOBCode, Secret: out.Secret, URI: out.URI, RecoveryCodes: out.RecoveryCodes,
		VoiceKey: out.VoiceKey}
	if out.OOBCode != "" {
		r.BindingMethod = "prompt"
	}
	return r, nil
}

// challenged is the answer of POST /mfa/challenge.
type challenged struct {
	Type          string `json:"challenge_type"`
	OOBCode       string `json:"oob_code,omitempty"`
	BindingMethod string `json:"binding_method,omitempty"`
	VoiceKey      string `json:"voice_key,omitempty"` // as in associated
}

func (a *API) challenge(ctx context.Context, q *request) (any, error) {
	if err := required(q.get, "mfa_token", "client_id"); err != nil {
		return nil, err
	}
	in := pool.ChallengeInput{
		OAuthClient: q.client(), Token: q.get("mfa_token"), Types: strings.Fields(q.get("challenge_type")),
		Authenticator: q.get("authenticator_id"), Channel: q.get("oob_channel"),
	}
	if list := q.params.List("challenge_type"); len(in.Types) == 0 {
		in.Types = list
	}
	out, err := a.Flows.ChallengeMFA(ctx, q.caller, in)
	if err != nil {
		return nil, answered(err, sendWords)
	}
	r := challenged{Type: out.Type, OOBCode: out.OOBCode, VoiceKey: out.VoiceKey}
	if out.OOBCode != "" {
		r.BindingMethod = "prompt"
	}
	return r, nil
}
