package npm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

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
	opts     Options
	registry *url.URL
	reg      *registry
	queue    *queue
	cache    *cache
}

var _ module.Builder = (*Builder)(nil)

// New returns a Builder. It fails if the options are wrong.
func New(o Options) (*Builder, error) {
	if o.Runner == nil {
		return nil, errors.New("npm: no runner")
	}
	base, err := checkRegistry(cmp.Or(o.Registry, DefaultRegistry))
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Builder{opts: o, registry: base, queue: newQueue(cmp.Or(o.Queue, 16)), cache: newCache(cmp.Or(o.CacheBytes, 64<<20))}
	if b.reg, err = newRegistry(base, o.RegistryCA); err != nil {
		return nil, err
	}
	return b, nil
}

func checkRegistry(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Hostname(), ":") {
		return nil, fmt.Errorf("npm: registry %q is not an https URL of a host, without credentials", text)
	}
	u.Host = strings.ToLower(u.Host)
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}

// Build implements module.Builder.
func (b *Builder) Build(ctx context.Context, s *module.Source, progress func(string)) (*module.Build, error) {
	if progress == nil {
		progress = func(string) {}
	}
	if len(s.Code) > module.MaxCode {
		return nil, fault.New(fault.PayloadTooLarge).WithPublic("the script has %d bytes, at most %d may be", len(s.Code), module.MaxCode)
	}
	if !utf8.ValidString(s.Code) {
		return nil, fault.New(fault.ScriptInvalid).WithPublic("the script is not UTF-8 text")
	}
	found, err := b.parse(ctx, s)
	if err != nil {
		return nil, err
	}
	p, err := makePlan(s, found.Specifiers)
	if err != nil {
		return nil, err
	}
	out := &module.Build{Bundled: true, Warnings: append(p.warnings, lint(s)...)}
	mods := &bundleOf{bundled: true}
	if len(p.install) > 0 {
		if mods, err = b.modules(ctx, s, p, out, progress); err != nil {
			return nil, err
		}
	} else if mods.files, err = onlyBuiltins(p.specifiers); err != nil {
		return nil, err
	}
	out.Bundled = mods.bundled
	out.Artifact, out.Hash, err = assemble(s, sortedKeys(p.specifiers), mods.files)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// onlyBuiltins is for scripts that require modules of Node by version.
func onlyBuiltins(specifiers map[string]string) ([]packed, error) {
	if len(specifiers) == 0 {
		return nil, nil
	}
	p, err := compress(entryData{modulesFile, []byte(entry(specifiers))})
	return []packed{p}, err
}

// parse reads the script, in a process of its own if it is deep.
func (b *Builder) parse(ctx context.Context, s *module.Source) (*result, error) {
	text := strings.TrimPrefix(s.Code, "\ufeff") // as Node does
	o := order{Parse: cmp.Or(s.File, scriptFile), Rule: s.Rule}
	var res *result
	var err error
	switch depth := nested(tokens(text)); {
	case depth <= shallowDepth, b.opts.Program == "" && depth <= deepDepth:
		res = parseScript(text, o)
	case b.opts.Program != "":
		res, err = b.parseApart(ctx, text, o)
	}
	switch {
	case err != nil:
		return nil, err
	case res == nil:
		return nil, fault.New(fault.ScriptInvalid).WithPublic("the script nests brackets, statements or lists too deeply to be parsed")
	case res.Problem != nil:
		e := fault.New(fault.ScriptInvalid)
		if res.Problem.Line > 0 {
			return nil, e.WithPublic("line %d, column %d: %s", res.Problem.Line, res.Problem.Column, res.Problem.Text)
		}
		return nil, e.WithPublic("%s", res.Problem.Text)
	case res.ESM:
		return nil, fault.New(fault.ScriptInvalid).WithPublic("the script uses import or export statements: it has to be CommonJS (require, module.exports, exports)")
	}
	return res, nil
}

// parseApart parses in another process. Nil without an error: it came to no end.
func (b *Builder) parseApart(ctx context.Context, text string, o order) (*result, error) {
	r, err := b.opts.Runner()
	if err != nil {
		return nil, unavailable(err, "the script cannot be checked now")
	}
	folder, err := r.NewFolder()
	if err != nil {
		return nil, unavailable(err, "the script cannot be checked now")
	}
	defer b.drop(folder)
	if err := folder.Put(scriptFile, []byte(text)); err != nil {
		return nil, fault.Internalf("npm: %w", err)
	}
	return b.command(ctx, r, folder, o, parseTimeout)
}

// modules resolves, checks, installs and bundles, as far as it was not done before, and fills in what is known of the modules.
func (b *Builder) modules(ctx context.Context, s *module.Source, p *plan, out *module.Build, progress func(string)) (*bundleOf, error) {
	lock, err := b.resolve(ctx, s.Lock, p, progress)
	if err != nil {
		return nil, err
	}
	packages, err := readLock(lock, b.registry)
	if err != nil {
		return nil, err
	}
	if err := b.admit(ctx, s, packages, out, progress); err != nil {
		return nil, err
	}
	out.Lock, out.Modules = lock, installed(packages, p.install)
	out.Warnings = append(out.Warnings, deprecated(packages, out.Modules)...)
	for i, m := range out.Modules {
		out.Modules[i].ReleasedAt, _ = b.reg.date(pkg{name: m.Name, version: m.Version})
	}
	key := keyOf(lock, p.specifiers)
	if have := b.cache.get(key); have != nil {
		return have, nil
	}
	mods, err := b.install(ctx, lock, p, progress, len(packages))
	if err != nil {
		return nil, err
	}
	b.cache.put(key, mods)
	return mods, nil
}

// keyOf names a bundle: what is installed, and what is made of it.
func keyOf(lock []byte, specifiers map[string]string) [sha256.Size]byte {
	h := sha256.New()
	sum := sha256.Sum256(lock)
	h.Write(sum[:])
	text, _ := json.Marshal(specifiers) // strings, in the order of their names
	h.Write(text)
	return [sha256.Size]byte(h.Sum(nil))
}

// drop removes a job's folder.
func (b *Builder) drop(f *hookrun.Folder) {
	if err := f.Close(); err != nil {
		b.opts.Logger.Warn("the folder of a module build cannot be removed", "error", err)
	}
}
