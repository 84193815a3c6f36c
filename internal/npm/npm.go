package npm

import (
	"context"
	"log/slog"
	"time"

	"countersign/internal/fault"
	"countersign/internal/hookrun"
	"countersign/internal/module"
)

// DefaultRegistry is npm's own.
const DefaultRegistry = "https://registry.npmjs.org/"

// Options configure a Builder. Only Runner has no default.
type Options struct {
	// Runner returns what jobs run with. It is called when the first script with modules is built.
	Runner func() (*hookrun.Runner, error)
	// Program is an executable whose main calls Child (os.Executable() of the server): the bundler then runs in a process of its own, shut in as
	// npm is, and its memory goes back at once. Empty: it runs in this process.
	Program string
	// Registry is the https URL of the registry. Defaults to DefaultRegistry.
	Registry string
	// RegistryCA is the path of a file with certificates (PEM) that are trusted for the registry besides the system's. Defaults to none.
	RegistryCA string
	// CacheBytes bounds the built modules that are kept in memory, so that a changed script alone takes no new build of them. Defaults to 64 MiB.
	CacheBytes int64
	// Queue bounds the builds that wait for npm. Defaults to 16.
	Queue int
	// Logger defaults to slog.Default, Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
}

// Builder implements module.Builder.
type Builder struct {
	opts Options
}

var _ module.Builder = (*Builder)(nil)

// New returns a Builder. It fails if the options are wrong.
func New(o Options) (*Builder, error) {
	if o.Registry == "" {
		o.Registry = DefaultRegistry
	}
	return &Builder{opts: o}, nil
}

// Build implements module.Builder.
func (b *Builder) Build(ctx context.Context, s *module.Source, progress func(string)) (*module.Build, error) {
	return nil, fault.New(fault.ModulesUnavailable)
}

// IsChild reports whether the arguments (os.Args) are those of a bundler; main then calls Child before anything else.
func IsChild(args []string) bool { return len(args) == 2 && args[1] == childMark }

// childMark is the argument that makes the executable a bundler. Typed by hand it does nothing: Child wants a request in its folder.
const childMark = "--countersign-bundler-child"

// Child bundles. It does not return.
func Child() { panic("not yet") }
