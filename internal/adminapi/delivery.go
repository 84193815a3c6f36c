package adminapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/canary"
	"countersign/internal/fault"
	"countersign/internal/gateway/account"
	"countersign/internal/optout"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// Delivery is what the API shows and changes of how messages go out.
type Delivery struct {
	Kinds    []account.Spec
	Routes   *route.Service
	Health   *routehealth.Monitor
	Receipts Receipts
	OptOuts  *optout.Service
	Canaries *canary.Service
	// Try sends a message of an operator and waits for its first attempt.
	Try func(ctx context.Context, t Trial) (messageID string, err error)
	// Preview renders what a pool would send.
	Preview func(ctx context.Context, in PreviewInput) (Preview, error)
	// MessageSettings reads and PutMessageSettings replaces what a pool says of its messages.
	MessageSettings    func(ctx context.Context, poolID string) (*MessageSettings, error)
	PutMessageSettings func(ctx context.Context, poolID string, m MessageSettings) (*MessageSettings, error)
}

// Receipts are the doors of services and the prices that they name (*receipt.Service).
type Receipts interface {
	URL(ctx context.Context, poolID, account, kind string) (string, error)
	Rotate(ctx context.Context, poolID, account string, overlap time.Duration) (string, error)
	Import(ctx context.Context, poolID, account string, csv []byte) (int, error)
}

// Trial is a message of an operator.
type Trial struct {
	PoolID string
	To     phone.Number
	// Account pins it to an account; empty: the plan chooses.
	Account string
	Voice   bool
	Text    string
}

// listPools is the command that lists pools.
const listPools = "aws cognito-idp list-user-pools --max-results 60"

// livePool names the only pool if none was named, and refuses one that is not there.
func (s *server) livePool(ctx context.Context, id *string) error {
	if err := s.onlyPool(ctx, id); err != nil {
		return err
	}
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		_, err := tx.Pools().Pool(ctx, *id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.PoolNotFound).WithField(*id).WithHint("list them: %s", listPools)
	}
	return err
}

// account returns an account of the pool, or the one of the configuration file that has the name.
func (s *server) account(ctx context.Context, pool *string, name string) (route.Account, error) {
	if err := s.livePool(ctx, pool); err != nil {
		return route.Account{}, err
	}
	a, err := s.Delivery.Routes.Account(ctx, *pool, name)
	if fault.CodeOf(err) == fault.ResourceNotFound {
		a, err = s.Delivery.Routes.Account(ctx, "", name)
	}
	if fault.CodeOf(err) == fault.ResourceNotFound {
		err = fault.Of(err).WithPublic("There is no account %q.", name).WithHint("countersign provider list")
	}
	return a, err
}

// by says in the log who changes a plan or an account.
func by(ctx context.Context) context.Context { return route.By(ctx, access.From(ctx).ID) }

// vendorProblem shows a provider's own words to the operator, who asked for them.
func vendorProblem(account string, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	class, _ := provider.ClassOf(err)
	if v, ok := errors.AsType[*provider.VendorError](err); ok {
		return fault.New(fault.DeliveryFailed).WithPublic("%s: %s (code %s): %s", v.Provider, v.Reason, v.VendorCode, v.Text).
			WithHint("%s", adviceOn(provider.ReasonOf(err), v.VendorCode, account)).WithErr(err)
	}
	return fault.New(fault.DeliveryFailed).WithPublic("%s: %s", class, err).WithHint("%s", adviceFor(provider.ReasonOf(err), account)).WithErr(err)
}

// adviceOn is adviceFor, where it may have been this server that withheld the message: code is why.
func adviceOn(r provider.Reason, code, account string) string {
	if r != provider.Withheld {
		return adviceFor(r, account)
	}
	switch {
	case code == "destination_not_verified":
		return "verify the number (countersign sandbox add NUMBER), or leave the sandbox: countersign sandbox off"
	case strings.HasPrefix(code, "registration_"):
		return "see what is on record: countersign registration check --country COUNTRY; docs/registrations.md explains " + code
	}
	return "see what may send there: countersign origination list, countersign origination countries COUNTRY; docs/originations.md explains " + code
}

// adviceFor says what an operator may do about a reason. account is empty where another sender was at work.
func adviceFor(r provider.Reason, account string) string {
	switch r {
	case provider.AuthFailed:
		if account == "" {
			return "check the sender's settings, or whether the plan has a rule for it: countersign route explain --to NUMBER"
		}
		return "check the account's credentials: countersign provider set " + account + " changes them, countersign provider check " + account + " tests them"
	case provider.InsufficientFunds:
		return "top the account up, or raise its spend limit"
	case provider.SenderRejected:
		return "the sender ID or number is not allowed there: set another one for the country (senders)"
	case provider.ContentRejected:
		return "a filter took the text for spam, or a template must be registered"
	case provider.InvalidNumber, provider.Unreachable:
		return "try another number; landlines take no texts"
	case provider.OptedOut:
		return "the number said STOP: START from the phone lifts it; countersign optout list"
	case provider.Blocked:
		return "a filter of the service holds the number or the country back: its fraud settings and block lists say why"
	case provider.RateLimited:
		return "the service wants fewer messages: set per_second on the account"
	case provider.BadRequest:
		return "the service does not take this request: is the country enabled in the account?"
	}
	return "try again; if it stays, the service's status page may know more"
}

// Amount writes millionths of a currency as a decimal.
func Amount(micros int64) string {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	fraction := strings.TrimRight(fmt.Sprintf("%06d", micros%1e6), "0")
	if len(fraction) < 2 {
		fraction += strings.Repeat("0", 2-len(fraction))
	}
	return sign + strconv.FormatInt(micros/1e6, 10) + "." + fraction
}
