package receipt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	// audience is what tokens of calls are sealed for.
	audience = "call_keys"
	// maxCall bounds what a call says, in bytes: the token stands in a URL, and services take 2,000 to 4,000 characters.
	maxCall = 1000
	// callLife is how long a token is good where the code has no end.
	callLife = 15 * time.Minute
	// wrongKey and rightKey are the vendor codes of what the keys of a call told.
	wrongKey, rightKey = "wrong_key", "right_key"
)

// call is what a token holds.
type call struct {
	Account string           `json:"account"`
	Ends    time.Time        `json:"ends"`
	Message provider.Message `json:"message"`
}

// KeyURL returns where the keys that are pressed in a call go: the account's door, with the message sealed in the query. It is empty where services can
// reach no base URL. Errors: fault.InvalidParameter for a text that is too long to be read out.
func (s *Service) KeyURL(ctx context.Context, poolID, account, kind string, m provider.Message) (string, error) {
	if len(m.Text) > maxCall {
		return "", fault.Invalidf("message", "The text is too long for a call that asks for a key.")
	}
	base, err := s.URL(ctx, poolID, account, kind)
	if err != nil || base == "" {
		return "", err
	}
	ends := m.ExpiresAt
	if ends.IsZero() {
		ends = s.c.Now().Add(callLife)
	}
	m.KeyURL, m.ReceiptURL, m.Subject = "", "", ""
	plain, err := json.Marshal(call{account, ends.UTC(), m})
	if err != nil {
		return "", err
	}
	token, err := s.c.Keys.SealToken(ctx, poolID, audience, plain)
	if err != nil {
		return "", err
	}
	return base + "/keys?" + url.Values{provider.KeyToken: {base64.RawURLEncoding.EncodeToString(token)}}.Encode(), nil
}

// errToken is of a token that does not open, or whose call is over. What it holds is not said.
var errToken = errors.New("receipt: there is no such call")

// TakeKeys answers a call whose keys were pressed. Errors are those of Take.
func (s *Service) TakeKeys(ctx context.Context, kind, secret string, c provider.Callback) (provider.Reply, error) {
	g, err := s.guest(ctx, kind, secret)
	if err != nil {
		return provider.Reply{}, err
	}
	caller, ok := g.provider.(provider.KeyedCaller)
	if !ok {
		return provider.Reply{}, fault.New(fault.ResourceNotFound)
	}
	var m *provider.Message
	reply, err := caller.AnswerKeys(ctx, c, func(token string) (provider.Message, error) {
		opened, err := s.openCall(ctx, g, token)
		if err == nil {
			m = &opened
		}
		return opened, err
	})
	switch {
	case err == nil && m != nil:
		return reply, s.pressed(ctx, g, m, provider.StateDelivered, rightKey)
	case errors.Is(err, provider.ErrWrongKey) && m != nil:
		return reply, s.pressed(ctx, g, m, provider.StateUndelivered, wrongKey)
	case err == nil || m != nil && len(reply.Body) > 0:
		return reply, nil
	case errors.Is(err, errToken):
		return provider.Reply{}, fault.New(fault.ResourceNotFound)
	}
	return provider.Reply{}, s.unreadable(ctx, g, err)
}

// openCall returns the message of a call that goes on.
func (s *Service) openCall(ctx context.Context, g guest, token string) (provider.Message, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(token) > 8*maxCall {
		return provider.Message{}, errToken
	}
	plain, err := s.c.Keys.OpenToken(ctx, g.door.PoolID, audience, sealed)
	if err != nil {
		return provider.Message{}, errToken
	}
	var c call
	if err := json.Unmarshal(plain, &c); err != nil || c.Account != g.door.Account || !s.c.Now().Before(c.Ends) {
		return provider.Message{}, errToken
	}
	var receipts []*store.Receipt
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		receipts, err = tx.Outbox().ListReceipts(ctx, c.Message.ID)
		return err
	})
	if err != nil {
		return provider.Message{}, err
	}
	for _, r := range receipts {
		if r.VendorCode == wrongKey && r.Account == c.Account {
			return provider.Message{}, errToken
		}
	}
	return c.Message, nil
}

// pressed records what the keys of a call told.
func (s *Service) pressed(ctx context.Context, g guest, m *provider.Message, state provider.State, code string) error {
	r := report{poolID: g.door.PoolID, account: g.door.Account, source: Push, authentic: g.trusted(), messageID: m.ID}
	r.row = store.Receipt{
		Account: g.door.Account, State: string(state), VendorCode: code, Source: Push, Authentic: r.authentic,
		ReceivedAt: s.c.Now().UTC().Truncate(time.Microsecond),
	}
	if state == provider.StateUndelivered {
		r.row.Reason = string(provider.Unreachable)
	}
	return s.apply(ctx, []report{r})
}
