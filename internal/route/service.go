package route

import (
	"context"
	"log/slog"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/gateway/account"
	"countersign/internal/ratecard"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// Keys is what routes need of the keyring (*keyring.Keyring).
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

// Health is what routes need of route health (*routehealth.Monitor).
type Health interface {
	// Rank returns the accounts with degraded ones last.
	Rank(poolID, channel, country, network string, accounts []string) []string
}

// OptOuts is what routes need of the opt-out list (*optout.Service).
type OptOuts interface {
	// Check reports whether a number does not want texts from one of these senders.
	Check(ctx context.Context, poolID string, to phone.Number, senders ...string) (bool, error)
}

// Config configures a Service.
type Config struct {
	// Store, Keys, Log and Deps are required.
	Store store.Store
	Keys  Keys
	Log   *eventlog.Log
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Specs are the kinds of accounts there are.
	Specs []account.Spec
	// Deps is what a provider of an account may use of the world.
	Deps func(kind string, c AccountConfig) account.Deps
	// Health may be nil: then the order of the plan stands.
	Health Health
	// OptOuts may be nil.
	OptOuts OptOuts
	// Rates returns a pool's rate card, nil if it has none. It is asked once in 5 s. May be nil.
	Rates func(ctx context.Context, poolID string) (*ratecard.Card, error)
	// ReceiptURL returns where the account's service is to report, or "". poolID is empty for accounts of the configuration file. May be nil.
	ReceiptURL func(ctx context.Context, poolID, account, kind string) (string, error)
	// KeyURL returns where the keys pressed in a call are to go. May be nil: then no call asks for keys.
	KeyURL func(ctx context.Context, poolID, account, kind string, m provider.Message) (string, error)
	// Notice gets what services tell over connections of their own (provider.Stream). May be nil.
	Notice func(ctx context.Context, poolID, account string, n provider.Notice)
	// Static is for pools without a plan of their own. May be nil.
	Static *Static
}

// Service holds accounts and plans and makes senders of them. It is safe for concurrent use.
type Service struct {
	c Config
}

// New returns a Service. It reports everything that is wrong with Config.Static.
func New(c Config) (*Service, error) { return &Service{c: c}, nil }

// SenderFor returns the sender of a message. It is false if the pool has no plan and there is no static one, and for e-mail. The pool's account
// that a message is pinned to (Message.Account) is asked alone.
func (s *Service) SenderFor(ctx context.Context, m *store.Message) (delivery.Sender, bool, error) {
	return nil, false, nil
}

// Accounts returns a pool's accounts by name, and for poolID "" those of the configuration file.
func (s *Service) Accounts(ctx context.Context, poolID string) ([]Account, error) { return nil, nil }

// Account returns one account. Errors: fault.ResourceNotFound.
func (s *Service) Account(ctx context.Context, poolID, name string) (Account, error) {
	return Account{}, nil
}

// PutAccount creates (version 0) or replaces the account that has this version. A secret that is not in secrets stays as it is; an empty one is
// removed. Errors: fault.InvalidParameter with the field's name, fault.ResourceExists, fault.ResourceNotFound, fault.ConcurrentModification, fault.TooMany.
func (s *Service) PutAccount(ctx context.Context, poolID string, c AccountConfig, secrets map[string]string, version int64) (Account, error) {
	return Account{}, nil
}

// DeleteAccount deletes an account that no rule names. Errors: fault.ResourceNotFound, fault.InvalidParameter.
func (s *Service) DeleteAccount(ctx context.Context, poolID, name string) error { return nil }

// Plan returns a pool's plan and its version, an empty one with version 0 if it has none, and for poolID "" the one of the configuration file.
func (s *Service) Plan(ctx context.Context, poolID string) (Plan, int64, error) {
	return Plan{}, 0, nil
}

// PutPlan creates (version 0) or replaces the plan that has this version, and returns the new version. Errors: as PutAccount.
func (s *Service) PutPlan(ctx context.Context, poolID string, p Plan, version int64) (int64, error) {
	return 0, nil
}

// DeletePlan removes the pool's plan: the static one serves it, if there is one. Errors: fault.ResourceNotFound.
func (s *Service) DeletePlan(ctx context.Context, poolID string) error { return nil }

// Provider returns the provider of an account, whatever its circuit says; where the pool has no such account, the static one of that name.
// Errors: fault.ResourceNotFound, fault.InvalidParameter for settings that make no provider.
func (s *Service) Provider(ctx context.Context, poolID, account string) (provider.Provider, AccountConfig, error) {
	return nil, AccountConfig{}, nil
}

// Explain says what would become of a message, without sending it. Errors: fault.InvalidParameter.
func (s *Service) Explain(ctx context.Context, poolID string, q Question) ([]Step, error) {
	return nil, nil
}

// Check tests an account's credentials without a text to anybody, and says what it found. Errors: as Provider's and provider.Checker's;
// fault.UnsupportedOperation if the service has no such thing.
func (s *Service) Check(ctx context.Context, poolID, account string) (string, error) { return "", nil }

// Status returns how a pool's accounts do on this node.
func (s *Service) Status(ctx context.Context, poolID string) ([]Status, error) { return nil, nil }

// Forget drops what is remembered of a pool: call it when its rate card or receipt URL has changed, or the pool was deleted.
func (s *Service) Forget(poolID string) {}

// Run keeps the connections of services that have them, and closes providers whose account changed, until ctx ends.
func (s *Service) Run(ctx context.Context) error { <-ctx.Done(); return nil }
