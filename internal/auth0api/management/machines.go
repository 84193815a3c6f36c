package management

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"slices"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/store"
)

// Machines are the app clients that have a client grant for this API: they get management tokens with their own secrets, for their own pool.
type Machines struct {
	Pools *pool.Service
	Store store.Store
}

// clientCredentials is the grant type of machines.
const clientCredentials = "client_credentials"

// machineGrant is what scopes of a client grant allow.
func machineGrant(poolID string, scopes []string) access.Grant {
	return access.Grant{Service: access.ManagementAPI, Actions: scopes, Pools: []string{poolID}}
}

// Principal is the machine with the client id, as its grants are now. Errors: AccessKeyUnknown if there is no such client, or it has no secret or no
// grant.
func (m *Machines) Principal(ctx context.Context, clientID string) (access.Principal, error) {
	_, p, err := m.find(ctx, clientID)
	return p, err
}

// Authenticate is Principal for who knows one of the client's secrets. Whatever is wrong, the error is Unauthenticated.
func (m *Machines) Authenticate(ctx context.Context, clientID, secret string) (access.Principal, error) {
	c, p, err := m.find(ctx, clientID)
	if err != nil && fault.CodeOf(err) != fault.AccessKeyUnknown {
		return access.Principal{}, err
	}
	secrets := []string{rand.Text()} // an unknown client costs the same comparison
	if err == nil {
		secrets = c.Secrets
	}
	ok := false
	for _, s := range secrets {
		if hmac.Equal([]byte(s), []byte(secret)) {
			ok = true
		}
	}
	if !ok || err != nil {
		return access.Principal{}, fault.New(fault.Unauthenticated)
	}
	return p, nil
}

// mayHold refuses the secret of a machine to who has not got all that the machine may do: a secret would pass it on.
func (a *api) mayHold(ctx context.Context, r *Request, clientID string) error {
	all, err := a.grants(ctx, r.PoolID)
	if err != nil {
		return err
	}
	return mayHold(r, all, clientID)
}

func mayHold(r *Request, all []ClientGrant, clientID string) error {
	for _, g := range all {
		if g.ClientID == clientID && isManagement(g.Audience) && len(g.Scope) > 0 {
			if err := access.MayGrant(r.Principal, []access.Grant{machineGrant(r.PoolID, g.Scope)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Machines) find(ctx context.Context, clientID string) (*pool.Client, access.Principal, error) {
	unknown := fault.New(fault.AccessKeyUnknown)
	if clientID == "" || len(clientID) > 128 {
		return nil, access.Principal{}, unknown
	}
	var row *store.Client
	err := m.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Pools().Client(ctx, clientID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrText) || err == nil && len(row.SealedSecrets) == 0 {
		return nil, access.Principal{}, unknown
	}
	if err != nil {
		return nil, access.Principal{}, err
	}
	all, err := documentsOf[ClientGrant](ctx, m.Store, row.PoolID, settingGrant, maxGrants)
	if err != nil {
		return nil, access.Principal{}, err
	}
	var scopes []string
	for _, g := range all {
		if g.ClientID == clientID && isManagement(g.Audience) {
			scopes = append(scopes, g.Scope...)
		}
	}
	if len(scopes) == 0 {
		return nil, access.Principal{}, unknown
	}
	slices.Sort(scopes)
	c, err := m.Pools.GetClient(ctx, row.PoolID, clientID)
	if err != nil {
		return nil, access.Principal{}, err
	}
	if c.Config.Grants != nil && !slices.Contains(c.Config.Grants, clientCredentials) {
		return nil, access.Principal{}, unknown
	}
	p := access.Principal{ID: clientID, Kind: access.Management, Name: c.Name, Grants: []access.Grant{machineGrant(row.PoolID, slices.Compact(scopes))}}
	return c, p, nil
}
