package pool

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/keyring"
	"countersign/internal/message"
	"countersign/internal/otp"
	"countersign/internal/password"
	"countersign/internal/registration"
	"countersign/internal/srp"
	"countersign/internal/store"
	"countersign/internal/token"
	"countersign/internal/trigger"
	"countersign/provider"
)

// Deliverer seals messages for the outbox, enqueues them in the flow's transaction, and is told which were committed.
// It is the half of *delivery.Worker that flows need.
type Deliverer interface {
	Prepare(ctx context.Context, d delivery.Draft) (*store.Message, error)
	Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error
	Wake(messages ...*store.Message)
}

// Options are what a Service is made of. All fields are required unless said otherwise.
type Options struct {
	// BaseURL chooses the base URL of a new pool, which must be a declared one. Defaults to DefaultBaseURL for all.
	BaseURL func(poolID, name string) string
	// Codes are the deployment's one-time codes; FixedCode (dev mode) is set there.
	Codes   *otp.Codes
	Deliver Deliverer
	// Dev turns on what only a developer's machine may have: the number of a test message, generous limits, hints.
	Dev    bool
	Events *eventlog.Log
	Hasher *password.Hasher
	Keys   *keyring.Keyring
	// Limits of the guard. The zero value is the defaults.
	Limits guard.Limits
	Log    *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now    func() time.Time
	SRP    *srp.Precomputer
	Store  store.Store
	Tokens *token.Keys
	// BaseURLs are all declared base URLs of a pool: with a slash each is an issuer that the Auth0 wire accepts on the pool's own tokens. Nil: its
	// Config.BaseURL alone.
	BaseURLs func(poolID string) []string
	// Logins asks the rules and actions of pools. Nil: there are none.
	Logins LoginJudge
	// Await waits for the first attempt of a committed message; nil: flows that should wait do not.
	Await func(ctx context.Context, messageID string) (delivery.Outcome, error)
	// Typed is told, after the commit that consumed a code, which message had carried it. It must not block. Nil: nobody is.
	Typed func(m *store.Message, at time.Time)
	// CodeMaker returns the account whose service makes a pool's codes (Config.CodeMaker). Nil: there is none, and such codes cannot be checked.
	CodeMaker func(ctx context.Context, poolID, account string) (provider.CodeMaker, error)
	// VoiceKeys reports whether a call with the code of a purpose (sign_in, recovery, sign_up) may take a text's place, so that the caller is shown the
	// key that such a call asks for. It answers from memory. Nil: no.
	VoiceKeys func(ctx context.Context, poolID, purpose, clientID string) bool
	// OptedOut reports whether a text with a sign-in code to a number would be held back, since the number wants none. Nil: nobody knows before the send.
	OptedOut func(ctx context.Context, poolID, clientID, to string) bool
	// LiftOptOut lifts the opt-outs of a number, in the Write in which its signed-in user, who has proven it, asked for a code to it. Nil: nothing is lifted.
	LiftOptOut func(ctx context.Context, tx store.Tx, poolID string, numberHash []byte) error
	// Screener judges messages before they are made. Nil: the counters of accounts, numbers and networks are all there is.
	Screener Screener
	// Registered is the text that a country has on record for a purpose (sign_in, sign_up, recovery, verify) and language. Nil: there is none.
	Registered func(ctx context.Context, poolID, country, purpose, locale string) (registration.Choice, bool, error)
	// Triggers calls the functions of pools. Nil: this server runs none, and the flows of pools that have triggers fail.
	Triggers *trigger.Runner
}

// Service runs the flows of all pools. It is safe for concurrent use and holds no state that is not a cache.
type Service struct {
	Options
	guard *guard.Guard
	cache *tenantCache
	texts *message.PhoneCache
	// paused is how long starts of passwordless sign-ins waited lately, a time.Duration by pool and connection: see awaitFirst.
	paused sync.Map
	checks checks
	// refusals bounds what guards write down.
	refusals refusalLog
}

// New returns a Service.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Dev {
		o.Limits = devLimits(o.Limits)
	}
	return &Service{Options: o, guard: &guard.Guard{Limits: o.Limits, Now: o.Now}, cache: newTenantCache(o.Now), texts: message.NewPhoneCache(textsKept),
		checks: newChecks()}
}

// textsKept is how many parsed templates of phone messages are kept.
const textsKept = 256

// devLimits lets one developer's test users sign in as often as a test suite does. What Cognito itself limits stays.
func devLimits(l guard.Limits) guard.Limits {
	if l.SendsNumber == 0 {
		l.SendsNumber = 1000
	}
	if l.SendsAccount == nil {
		l.SendsAccount = map[guard.Purpose]int{guard.SignIn: 1000, guard.Custom: 1000}
	}
	if l.FactorSends == 0 {
		l.FactorSends = 1000
	}
	return l
}

// errStale means that a row changed between prepare and Write: the flow begins again.
var errStale = errors.New("pool: a record changed meanwhile")

// again runs a flow until it is not stale, a few times.
func again(f func() error) error {
	for range 4 {
		if err := f(); !errors.Is(err, errStale) {
			return err
		}
	}
	return fault.New(fault.ConcurrentModification)
}

// unit is a transaction and the messages that it enqueued.
type unit struct {
	store.Tx
	s    *Service
	sent []*store.Message
	// typed are the messages whose codes were consumed.
	typed []*store.Message
	// passed are the messages that the guard let through, held those that it held back,
	// recorded those that it would have held back.
	passed         []*posted
	held, recorded []heldBack
	// events are told to those who listen, once they are committed.
	events []*store.Event
}

// enqueue stores a message; it is sent once the transaction has been committed.
func (u *unit) enqueue(ctx context.Context, messages ...*store.Message) error {
	for _, m := range messages {
		if err := u.s.Deliver.Enqueue(ctx, u.Tx, m); err != nil {
			return err
		}
		u.sent = append(u.sent, m)
	}
	return nil
}

// append appends events.
func (u *unit) append(ctx context.Context, events ...*store.Event) error {
	for _, e := range events {
		if err := u.Events().Append(ctx, e); err != nil {
			return err
		}
	}
	u.events = append(u.events, events...)
	return nil
}

// write commits f and wakes the worker for what it enqueued. f may run more than once. made are messages that f was to store: what the guard has kept for
// those that f did not come to is given back.
func (s *Service) write(ctx context.Context, f func(*unit) error, made ...*posted) error {
	defer s.unmade(made)
	var u *unit
	var inner error
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		u = &unit{Tx: tx, s: s}
		inner = f(u)
		return inner
	})
	_, kept := store.Kept(inner)
	committed := u != nil && (err == nil || kept)
	if u != nil {
		s.decided(ctx, u, committed)
	}
	if !committed {
		return s.afterRefusal(ctx, u, err)
	}
	if len(u.sent) > 0 {
		s.Deliver.Wake(u.sent...)
	}
	s.Events.Publish(u.events...)
	for _, m := range u.typed {
		s.Typed(m, m.VerifiedAt)
	}
	return err
}

// current reads the user again inside a Write and returns errStale if it is not the one that prepare saw.
func current(ctx context.Context, tx store.Tx, seen *store.User) error {
	u, err := tx.Users().User(ctx, seen.PoolID, seen.ID)
	if errors.Is(err, store.ErrNotFound) {
		return errStale
	}
	if err != nil {
		return err
	}
	if u.Version != seen.Version {
		return errStale
	}
	return nil
}

// save updates a user that prepare saw; errStale if somebody else was faster.
func (s *Service) save(ctx context.Context, tx store.Tx, u *store.User) error {
	u.UpdatedAt = s.now()
	ok, err := tx.Users().UpdateUser(ctx, u)
	if err != nil {
		return err
	}
	if !ok {
		return errStale
	}
	return nil
}

func (s *Service) now() time.Time { return s.Now().UTC() }

// tenant is the pool and client of a call, decoded.
type tenant struct {
	pool    *store.Pool
	cfg     *Config
	client  *store.Client // nil for administrators' calls
	ccfg    *ClientConfig
	secrets []string
	// auth0 is set for calls on the Auth0 wire; base is the declared base URL that the call came by, bases all of the pool. Without slashes at the end.
	auth0 bool
	base  string
	bases []string
}

func (t *tenant) clientID() string {
	if t.client == nil {
		return ""
	}
	return t.client.ID
}

// hides reports whether the caller may not learn if a user exists.
func (t *tenant) hides() bool { return t.auth0 || t.ccfg != nil && t.ccfg.HideExistence }

// byClient returns the tenant of an app client. poolID, if not empty, must be the client's.
func (s *Service) byClient(ctx context.Context, clientID, poolID string) (*tenant, error) {
	t, err := s.cache.client(clientID, func() (*tenant, error) { return s.loadClient(ctx, clientID) })
	if err != nil {
		return nil, err
	}
	if poolID != "" && t.pool.ID != poolID {
		return nil, fault.New(fault.ClientNotFound).WithField(clientID)
	}
	return t, nil
}

func (s *Service) loadClient(ctx context.Context, clientID string) (*tenant, error) {
	var c *store.Client
	var p *store.Pool
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if c, err = tx.Pools().Client(ctx, clientID); err != nil {
			return err
		}
		p, err = tx.Pools().Pool(ctx, c.PoolID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.ClientNotFound).WithField(clientID)
	}
	if err != nil {
		return nil, err
	}
	t, err := s.decodePool(p)
	if err != nil {
		return nil, err
	}
	ccfg, err := decode[ClientConfig](c.Config)
	if err != nil {
		return nil, fault.Internalf("client %s: %w", c.ID, err)
	}
	t.client, t.ccfg = c, &ccfg
	t.secrets, err = s.openSecrets(ctx, c)
	return t, err
}

// byPool returns the tenant of an administrator's call.
func (s *Service) byPool(ctx context.Context, poolID string) (*tenant, error) {
	return s.cache.pool(poolID, func() (*tenant, error) {
		var p *store.Pool
		err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
			p, err = tx.Pools().Pool(ctx, poolID)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil, fault.New(fault.PoolNotFound).WithField(poolID)
		}
		if err != nil {
			return nil, err
		}
		return s.decodePool(p)
	})
}

func (s *Service) decodePool(p *store.Pool) (*tenant, error) {
	cfg, err := decode[Config](p.Config)
	if err != nil {
		return nil, fault.Internalf("pool %s: %w", p.ID, err)
	}
	return &tenant{pool: p, cfg: &cfg}, nil
}

const secretsColumn = "secrets"

func (s *Service) openSecrets(ctx context.Context, c *store.Client) ([]string, error) {
	if len(c.SealedSecrets) == 0 {
		return nil, nil
	}
	raw, err := s.Keys.OpenRecord(ctx, c.PoolID, "clients", c.ID, secretsColumn, c.SealedSecrets)
	if err != nil {
		return nil, fault.Internalf("client %s: secrets: %w", c.ID, err)
	}
	var out []string
	return out, json.Unmarshal(raw, &out)
}

func (s *Service) sealSecrets(ctx context.Context, poolID, clientID string, secrets []string) ([]byte, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(secrets)
	if err != nil {
		return nil, err
	}
	return s.Keys.SealRecord(ctx, poolID, "clients", clientID, secretsColumn, raw)
}

// checkSecretHash: developer guide, computing secret hash values. names are the values that the hash may be made over.
func (t *tenant) checkSecretHash(got *string, names ...string) error {
	if len(t.secrets) == 0 {
		return nil
	}
	if got == nil || *got == "" {
		return fault.New(fault.SecretHashMissing).WithField(t.client.ID)
	}
	ok := false
	for _, secret := range t.secrets {
		for _, name := range names {
			if hmac.Equal([]byte(*got), []byte(SecretHash(secret, name, t.client.ID))) {
				ok = true
			}
		}
	}
	if !ok {
		return fault.New(fault.SecretHashWrong).WithField(t.client.ID)
	}
	return nil
}

// checkSecret is for the calls that take the client secret itself.
func (t *tenant) checkSecret(got *string) error {
	if len(t.secrets) == 0 {
		return nil
	}
	ok := false
	for _, secret := range t.secrets {
		if got != nil && hmac.Equal([]byte(*got), []byte(secret)) {
			ok = true
		}
	}
	if !ok {
		return fault.New(fault.ClientSecretWrong).WithField(t.client.ID)
	}
	return nil
}

// SecretHash is base64(HMAC-SHA256(secret, name + client id)).
func SecretHash(secret, name, clientID string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(name + clientID))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// lookup returns the pool's keyed hash of parts in hex, for counters and marks.
func (s *Service) lookup(ctx context.Context, poolID string, parts ...string) (string, error) {
	h, err := s.Keys.Lookup(ctx, poolID, parts...)
	return hex.EncodeToString(h), err
}

// network is the keyed hash of the caller's network: the address, or an IPv6 /64. Empty if unknown. On a developer's own machine
// loopback is everybody, so it is nobody.
func (s *Service) network(ctx context.Context, poolID string, ip netip.Addr) (string, error) {
	ip = ip.Unmap()
	if !ip.IsValid() || (s.Dev && ip.IsLoopback()) {
		return "", nil
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return "", nil
	}
	return s.lookup(ctx, poolID, "network", p.String())
}
