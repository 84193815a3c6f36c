package countersign

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/adminapi"
	mgmtapi "countersign/internal/auth0api/management"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/sigv4"
)

// management issues and checks the tokens of management clients, and says who calls the admin API. A token is sealed
// under the deployment's key: opaque to everybody, good on every node, and dead as soon as its client is revoked.
type management struct {
	keyring  *keyring.Keyring
	access   *access.Keys
	verifier *sigv4.Verifier
	// principal returns the owner of an access key whose signature was verified.
	principal func(ctx context.Context, accessKeyID string) (access.Principal, error)
	now       func() time.Time
	// machines are app clients with a client grant for the Management API.
	machines func() *mgmtapi.Machines
}

const (
	// managementLife is Auth0's default for its management API.
	managementLife = 24 * time.Hour
	// managementAudience keeps these tokens apart from others that the keyring seals.
	managementAudience = "management_token"
	managementPrefix   = "csm_"
)

type managementToken struct {
	Client   string `json:"c"`
	Audience string `json:"a"`
	Expires  int64  `json:"e"`
}

// login returns the management client, or the app client with a client grant, that id and secret prove.
func (m *management) login(ctx context.Context, id, secret string) (access.Principal, error) {
	p, err := m.access.Authenticate(ctx, id, secret)
	if fault.CodeOf(err) != fault.Unauthenticated {
		return p, err
	}
	return m.machines().Authenticate(ctx, id, secret)
}

// known reports whether there is such a client.
func (m *management) known(ctx context.Context, id string) bool {
	_, err := m.access.Lookup(ctx, id)
	if err != nil {
		_, err = m.machines().Principal(ctx, id)
	}
	return err == nil
}

func (m *management) issue(ctx context.Context, p access.Principal, audience string) (string, time.Duration, error) {
	plain, err := json.Marshal(managementToken{p.ID, audience, m.now().Add(managementLife).Unix()})
	if err != nil {
		return "", 0, err
	}
	sealed, err := m.keyring.SealToken(ctx, keyring.Deployment, managementAudience, plain)
	if err != nil {
		return "", 0, err
	}
	return managementPrefix + base64.RawURLEncoding.EncodeToString(sealed), managementLife, nil
}

func (m *management) bearer(ctx context.Context, text string) (access.Principal, error) {
	invalid := fault.New(fault.AccessTokenInvalid).WithHint("get one at POST /oauth/token with grant_type=client_credentials")
	body, ok := strings.CutPrefix(text, managementPrefix)
	sealed, err := base64.RawURLEncoding.DecodeString(body)
	if !ok || err != nil || len(body) > 4096 {
		return access.Principal{}, invalid
	}
	plain, err := m.keyring.OpenToken(ctx, keyring.Deployment, managementAudience, sealed)
	if err != nil {
		return access.Principal{}, invalid.WithErr(err)
	}
	var t managementToken
	if err := json.Unmarshal(plain, &t); err != nil {
		return access.Principal{}, invalid
	}
	if m.now().Unix() >= t.Expires {
		return access.Principal{}, fault.New(fault.AccessTokenExpired)
	}
	c, err := m.access.Lookup(ctx, t.Client)
	if fault.CodeOf(err) == fault.AccessKeyUnknown || (err == nil && (c.Any || c.Principal.Kind != access.Management)) {
		p, err := m.machines().Principal(ctx, t.Client)
		if fault.CodeOf(err) == fault.AccessKeyUnknown {
			err = fault.New(fault.AccessTokenRevoked)
		}
		return p, err
	}
	return c.Principal, err
}

type localKey struct{}

// asLocal marks a connection of the owner's socket.
func asLocal(ctx context.Context) context.Context { return context.WithValue(ctx, localKey{}, true) }

// authenticate says who calls the admin API: the owner's socket, a management token, or a signature.
func (m *management) authenticate(r *http.Request, body []byte) (access.Principal, error) {
	if r.Context().Value(localKey{}) != nil {
		return access.Principal{ID: "local", Kind: access.Local, Name: "the operator on this machine", Grants: access.Everything()}, nil
	}
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return m.bearer(r.Context(), strings.TrimSpace(token))
	}
	id, err := m.verifier.Verify(r.Context(), r, body, adminapi.SigningName)
	if err != nil {
		return access.Principal{}, err
	}
	return m.principal(r.Context(), id.AccessKeyID)
}
