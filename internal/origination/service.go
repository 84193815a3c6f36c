package origination

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/recall"
	"countersign/internal/store"
)

const (
	// RecordKind is the kind of the records that identities are kept in; their pool is the deployment's ("").
	RecordKind = "origination"
	// MaxIdentities bounds the identities of a deployment.
	MaxIdentities = 1000
	// settingName is where Settings are kept, under pool "".
	settingName = "originations"

	pageRows = 500
)

// Config configures a Service.
type Config struct {
	// Store and Log are required.
	Store store.Store
	Log   *eventlog.Log
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Dev lets numbers be made up by Request, and simulated identities send.
	Dev bool
	// Registered tells whether a sender has an approved registration in a country, and its id. poolID is the pool of the message, empty for the account's
	// own. May be nil: nothing is registered but what says so itself.
	Registered func(ctx context.Context, poolID, country, sender string) (id string, ok bool, err error)
}

// Service keeps the identities. It is safe for concurrent use.
type Service struct {
	c      Config
	memory *recall.Memory[struct{}, *view]
}

// New returns a Service. It panics without Store or Log, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Log == nil {
		panic("origination: Config.Store or Config.Log is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c: c}
	s.memory = recall.New(recall.Config[struct{}, *view]{Load: s.read, Fresh: freshFor, Now: c.Now})
	return s
}

// Order asks for a number or a sender ID.
type Order struct {
	Kind Kind
	// Country is required.
	Country string
	// Value is the sender ID; for numbers it is empty.
	Value string
	// Type of number; empty: the first that the country offers and that can send.
	Type Type
	// Capabilities default to SMS; MessageType to TRANSACTIONAL.
	Capabilities []string
	MessageType  string
	OptOutList   string
	// RegistrationID is what it is registered with.
	RegistrationID string
	International  bool
	Protected      bool
	Tags           map[string]string
	// Token makes the order idempotent: the same token gives the same identity. May be empty.
	Token string
}

// Request makes a sender ID, or in dev a simulated number. Errors: *Blocker with SenderNotSupported or SenderNotRegistered; fault.InvalidParameter with
// the field's name; fault.UnsupportedOperation for numbers outside dev, which are bought at the carrier and written down with Add;
// fault.ResourceExists (a sender ID that is there already); fault.TooMany.
func (s *Service) Request(ctx context.Context, o Order) (Identity, error) {
	if o.Token != "" {
		if i, ok, err := s.byToken(ctx, o.Token); err != nil || ok {
			return i, err
		}
	}
	v, err := s.view(ctx)
	if err != nil {
		return Identity{}, err
	}
	if len(o.Token) > maxText {
		return Identity{}, fault.Invalidf("token", "The token is too long.")
	}
	c := v.country(o.Country)
	var i Identity
	if o.Kind == SenderID {
		i, err = s.requestSender(ctx, c, o)
	} else {
		i, err = s.requestNumber(ctx, c, o)
	}
	if o.Token != "" && fault.CodeOf(err) == fault.ResourceExists {
		if other, ok, again := s.byToken(ctx, o.Token); again != nil || ok {
			return other, again // somebody was faster with the same order
		}
	}
	return i, err
}

// Add writes down an identity that a carrier has given: a number that was bought, a short code, a registered sender ID. ID, CreatedAt and Version are
// set here. Errors as Request, but numbers need no dev.
func (s *Service) Add(ctx context.Context, i Identity) (Identity, error) {
	if err := complete(&i); err != nil {
		return Identity{}, err
	}
	if i.Simulated && !s.c.Dev {
		return Identity{}, fault.Invalidf("simulated", "Simulated identities exist in dev alone.")
	}
	return s.insert(ctx, "added", i)
}

// Identity returns the identity that an id, an ARN, a number, or VALUE/COUNTRY or VALUE of a sender ID names; of a sender ID in several countries the
// first. Errors: fault.ResourceNotFound with Field "origination identity".
func (s *Service) Identity(ctx context.Context, name string) (Identity, error) {
	v, err := s.view(ctx)
	if err != nil {
		return Identity{}, err
	}
	if i, ok := v.find(name, ""); ok {
		return i, nil
	}
	return Identity{}, notFound()
}

func notFound() error { return fault.New(fault.ResourceNotFound).WithField("origination identity") }

// Changes are what Change sets; nil leaves a value as it is.
type Changes struct {
	TwoWay, SelfManagedOptOuts, International, Protected *bool
	OptOutList, RegistrationID, MonthlyPrice, Account    *string
	Status                                               *Status
	Tags                                                 map[string]string // nil: as they are
}

// Change sets what changes name. version is that of the identity as it was read, 0: whatever it is. Errors: fault.ResourceNotFound,
// fault.ConcurrentModification, fault.InvalidParameter.
func (s *Service) Change(ctx context.Context, name string, ch Changes, version int64) (Identity, error) {
	i, err := s.Identity(ctx, name)
	if err != nil {
		return Identity{}, err
	}
	return s.rewrite(ctx, i.ID, version, ch)
}

// Release removes an identity and returns it as it was. Errors: fault.ResourceNotFound; fault.PoolProtected if it is protected.
func (s *Service) Release(ctx context.Context, name string) (Identity, error) {
	i, err := s.Identity(ctx, name)
	if err != nil {
		return Identity{}, err
	}
	var was Identity
	err = s.write(ctx, "released", &was, func(ctx context.Context, tx store.Tx) error {
		r, err := tx.Records().Record(ctx, RecordKind, "", i.ID)
		if errors.Is(err, store.ErrNotFound) {
			return notFound()
		} else if err != nil {
			return err
		}
		if was, err = decode(r); err != nil {
			return err
		}
		if was.Protected {
			return fault.New(fault.PoolProtected).WithField("origination identity").WithPublic("Deletion protection is on for this identity.")
		}
		_, err = tx.Records().DeleteRecord(ctx, RecordKind, "", i.ID)
		return err
	})
	return was, err
}
