package countersign

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"countersign/internal/awsapi/cognito"
	"countersign/internal/front"
	"countersign/internal/screen"
	"countersign/internal/tracing"
	"countersign/provider"
)

// Mode is dev or serve.
type Mode int

const (
	// Serve is production: signatures are verified, texts go to Config.Sender, nothing shows a code. The zero Mode.
	Serve Mode = iota
	// Dev is for laptops and CI: any AWS key pair is accepted, texts go to simulated phones, a start state is made.
	Dev
)

// String returns the name of the command.
func (m Mode) String() string {
	if m == Dev {
		return "dev"
	}
	return "serve"
}

// The start state of dev mode.
const (
	DevRegion  = "us-local-1"
	DevAccount = "000000000000"
	DevPool    = cognito.DevPoolID
	DevClient  = cognito.DevClientID
	DevManager = "countersign-dev"
	devSecret  = "countersign-dev-secret"
)

// Ephemeral is the Database that is gone once the server is closed.
const Ephemeral = ":memory:"

// Config says what a Server is. The zero value of a field means its default.
type Config struct {
	Mode Mode
	// Database is the path of an SQLite file, a postgres:// URL, or Ephemeral. Default: Ephemeral.
	Database string
	// Migrate brings an older schema up to date on opening. Always done in dev mode.
	Migrate bool
	// RootKey is the key that wraps all others, as `countersign key new` prints it. Required unless the database is
	// ephemeral.
	RootKey string
	// OldRootKeys may still wrap some keys, until they have been rotated.
	OldRootKeys []string

	// BaseURLs are the URLs under which clients reach the server: the closed list that Host is looked up in. The first
	// one begins the issuer of tokens. Required.
	BaseURLs []string
	// AdminBaseURLs are further URLs, of the operators' listener.
	AdminBaseURLs []string
	// Proxies are the networks whose forwarded headers count.
	Proxies []netip.Prefix
	// Pools are the pools of base URLs by URL, as far as they are not shared by all: what is at root paths (the Auth0 dialect, OIDC) chooses the pool by
	// the URL. One that is not named here stands for the only pool there is.
	Pools map[string]string
	// Expose opens surfaces of the operators' listener on the end users' one: signed, sts, admin, metrics.
	Expose []string

	// Sender sends texts and calls. Nil in serve mode: messages fail, and the log says why. In dev mode it is the simulator.
	Sender provider.Provider
	// Mailer sends e-mail; as Sender.
	Mailer provider.Provider
	// Delivery is about accounts with providers; they go before Sender.
	Delivery Delivery
	// Guards is the policy of pools that have none of their own. Nil: screen.Default.
	Guards *screen.Policy
	// Tracer begins the spans of requests and messages. The zero value traces nothing.
	Tracer tracing.Tracer
	// Functions says how user code runs.
	Functions Functions
	// Hooks is about hooks, actions and rules.
	Hooks Hooks
	// EventRetention is how long events are kept. Default 90 days; negative: for ever.
	EventRetention time.Duration
	// DrainTimeout bounds the end of Run. Default 20 s.
	DrainTimeout time.Duration

	// FixedCode gives every code this value, cut or padded to its length. Dev mode only.
	FixedCode string
	// Inbox is the file that keeps simulated texts over a restart. Dev mode only; empty: in memory.
	Inbox string
	// ManagementSecret is the secret of the management client countersign-dev, AccessKeyID and SecretAccessKey an access
	// key to be created with all rights. With them set, no other key pair is accepted. Dev mode only; default: the
	// well-known secret, any key pair.
	ManagementSecret, AccessKeyID, SecretAccessKey string

	// Version is shown by the admin API.
	Version string
	// Log receives what operators should know. Default slog.Default().
	Log *slog.Logger
	// Failed hears of every request that was refused, in dev mode; for the console line. May be nil.
	Failed func(Failure)
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Hooks configures user code in Auth0's forms; it runs as Functions says.
type Hooks struct {
	// Registry is where npm modules come from. Default: https://registry.npmjs.org.
	Registry string
	// Timeout bounds one execution. Default and most: 20 s.
	Timeout time.Duration
	// MemoryMB is what a worker may take. Default 256.
	MemoryMB int
}

// Failure is a request that was refused.
type Failure struct {
	// Request is what was asked, for people: "ConfirmSignUp" or "GET /path".
	Request string
	Status  int
	// Error is the error's name, Message its sentence, Hint what a developer can do.
	Error, Message, Hint string
}

// Door says which surfaces a listener has.
type Door int

const (
	// AllDoors has every surface: dev mode on loopback.
	AllDoors Door = iota
	// PublicDoor is for end users: their Cognito operations, OIDC, pages, receipts, health.
	PublicDoor
	// AdminDoor is for operators: signed operations, STS, tokens for management clients, the admin API, metrics, health.
	AdminDoor
	// LocalDoor is a Unix socket that only the owner may open: the admin API without credentials. Never bind it to a network.
	LocalDoor
)

// Binding is a listener that is already open.
type Binding struct {
	Listener net.Listener
	Door     Door
	// TLS is nil for plain HTTP.
	TLS *tls.Config
}

func (c *Config) complete() error {
	c.Database = cmp.Or(c.Database, Ephemeral)
	c.Version = cmp.Or(c.Version, "devel")
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 20*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var errs []error
	if len(c.BaseURLs) == 0 {
		errs = append(errs, errors.New("no base URL is declared"))
	}
	for _, u := range append(c.BaseURLs[:len(c.BaseURLs):len(c.BaseURLs)], c.AdminBaseURLs...) {
		if _, err := front.OriginOf(u); err != nil {
			errs = append(errs, err)
		}
	}
	if c.RootKey == "" && c.Database != Ephemeral {
		errs = append(errs, errors.New("no root key: nothing could be sealed at rest"))
	}
	if c.Mode != Dev && (c.FixedCode != "" || c.Inbox != "" || c.ManagementSecret != "" || c.AccessKeyID != "") {
		errs = append(errs, errors.New("a setting of dev mode is set in serve mode"))
	}
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") {
		errs = append(errs, errors.New("an access key needs both its id and its secret"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("countersign: %w", err)
	}
	return nil
}
