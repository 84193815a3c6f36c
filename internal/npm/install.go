package npm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/hookrun"
	"countersign/internal/module"
	"countersign/internal/runner"
)

const (
	parseTimeout  = 10 * time.Second
	bundleTimeout = time.Minute
	// bundlerMemoryMB bounds the bundler, which needs some ten times the size of the sources.
	bundlerMemoryMB = 1024
	maxBundle       = 100 << 20
)

// job gets what a call of npm needs: a runner, and a folder with what we say.
func (b *Builder) job(p *plan, lock []byte) (*hookrun.Runner, *hookrun.Folder, error) {
	r, err := b.opts.Runner()
	if err != nil {
		return nil, nil, unavailable(err, "nothing can be run on this server now")
	}
	folder, err := r.NewFolder()
	if err != nil {
		return nil, nil, unavailable(err, "nothing can be run on this server now")
	}
	about, err := json.Marshal(map[string]any{"name": "countersign-script", "version": "1.0.0", "private": true, "dependencies": p.install})
	if err == nil {
		err = errors.Join(folder.Put("package.json", about), folder.Put(caFile, b.reg.ca))
	}
	if err == nil && len(lock) > 0 {
		err = folder.Put(lockFileName, lock)
	}
	if err != nil {
		b.drop(folder)
		return nil, nil, fault.Internalf("npm: %w", err)
	}
	return r, folder, nil
}

// enter waits for the turn to run npm.
func (b *Builder) enter(ctx context.Context, progress func(string)) (func(), error) {
	return b.queue.enter(ctx, func() { progress("waiting for other builds") })
}

// resolve returns the lock for a plan: the earlier one if it is for the same dependencies, else npm's work on it. Nothing is installed.
func (b *Builder) resolve(ctx context.Context, before []byte, p *plan, progress func(string)) ([]byte, error) {
	if current(before, p.install) {
		return before, nil
	}
	if lock := b.cache.lock(before, p.install, b.opts.Now()); lock != nil {
		return lock, nil
	}
	leave, err := b.enter(ctx, progress)
	if err != nil {
		return nil, err
	}
	defer leave()
	progress("looking up " + plural(len(p.install), "module") + " in the registry")
	r, folder, err := b.job(p, before)
	if err != nil {
		return nil, err
	}
	defer b.drop(folder)
	if err := b.run(ctx, r, folder, resolveTimeout, "install", "--package-lock-only"); err != nil {
		return nil, err
	}
	lock, err := folder.Read(lockFileName, maxLock)
	if err != nil {
		return nil, unavailable(err, "npm made no lock file, or one of more than %d MB", maxLock>>20)
	}
	b.cache.putLock(before, p.install, lock, b.opts.Now())
	return lock, nil
}

// admit judges packages by what the registry says about them: whether they can be used without being built, and whether they are too new.
func (b *Builder) admit(ctx context.Context, s *module.Source, packages []pkg, out *module.Build, progress func(string)) error {
	before := known(s.Lock)
	var fresh []pkg
	for _, p := range packages {
		if before[p.id()] || p.InBundle {
			continue
		}
		fresh = append(fresh, p)
		if !p.HasInstallScript {
			continue
		}
		m, err := b.reg.manifest(ctx, p)
		if err != nil {
			continue // its files will tell
		}
		if need := m.native(); need != "" {
			return refused("the module %s needs a native build (%s), which is not done here: use one that is JavaScript alone", p.id(), need)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	progress("checking the release dates of " + plural(len(fresh), "package"))
	if err := b.reg.lookUp(ctx, fresh); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return unavailable(err, "the registry %s does not tell when the modules were released", b.registry.Host)
	}
	return b.ages(s, fresh, out)
}

// ages asks for consent to what was released a short time ago: malicious releases are found out within days.
func (b *Builder) ages(s *module.Source, fresh []pkg, out *module.Build) error {
	now := b.opts.Now().UTC()
	var young, undated []string
	for _, p := range fresh {
		switch at, _ := b.reg.date(p); {
		case at.IsZero():
			undated = append(undated, p.id())
		case now.Sub(at) < module.Young:
			young = append(young, fmt.Sprintf("%s %s (%s)", p.name, p.version, at.Format(time.DateOnly)))
		}
	}
	if len(undated) > 0 {
		out.Warnings = append(out.Warnings, module.Warning{Text: "the registry does not tell when these were released: " + some(undated)})
	}
	if len(young) == 0 || s.AllowYoung {
		return nil
	}
	return fault.New(fault.ConfirmationNeeded).WithPublic("released less than %d days ago: %s; confirm them, or ask for older versions",
		int(module.Young.Hours()/24), some(young))
}

// some names the first of many.
func some(list []string) string {
	const most = 10
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}

// install gets the packages of a lock and makes of them what goes into the archive.
func (b *Builder) install(ctx context.Context, lock []byte, p *plan, progress func(string), count int) (*bundleOf, error) {
	leave, err := b.enter(ctx, progress)
	if err != nil {
		return nil, err
	}
	defer leave()
	progress("installing " + plural(count, "package"))
	r, folder, err := b.job(p, lock)
	if err != nil {
		return nil, err
	}
	defer b.drop(folder)
	if err := b.run(ctx, r, folder, installTimeout, "ci"); err != nil {
		return nil, err
	}
	files, err := folder.Files()
	if err != nil {
		return nil, fault.Internalf("npm: %w", err)
	}
	if err := checkTree(files); err != nil {
		return nil, err
	}
	progress("bundling")
	obstacle, err := b.bundle(ctx, r, folder, p)
	if err != nil {
		return nil, err
	}
	out := &bundleOf{bundled: obstacle == ""}
	var list []entryData
	if out.bundled {
		var data []byte
		data, err = folder.Read(modulesFile, maxBundle)
		list = []entryData{{modulesFile, data}}
	} else {
		progress("packing the modules as they are: " + cut(obstacle))
		b.opts.Logger.Info("modules cannot be bundled and are packed as they are", "reason", cut(obstacle))
		if list, err = packTree(folder, files); err == nil && !p.plain() {
			list = append(list, entryData{modulesFile, []byte(entry(p.specifiers))})
		}
	}
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		f, err := compress(e)
		if err != nil {
			return nil, fault.Internalf("npm: %w", err)
		}
		if out.bytes += int64(len(f.data)); out.bytes > module.MaxArtifact {
			return nil, tooLarge("the package has more than %d MB", module.MaxArtifact>>20)
		}
		out.files = append(out.files, f)
	}
	return out, nil
}

// bundle has the bundler make modulesFile. The text that it returns says why it cannot.
func (b *Builder) bundle(ctx context.Context, r *hookrun.Runner, folder *hookrun.Folder, p *plan) (string, error) {
	if b.opts.Program == "" {
		obstacle, err := bundle(folder.Path, p.specifiers, true)
		if err != nil {
			return "", fault.Internalf("npm: %w", err)
		}
		return obstacle, nil
	}
	res, err := b.command(ctx, r, folder, order{Bundle: p.specifiers}, bundleTimeout)
	if err != nil {
		return "", err
	}
	if res == nil {
		return "the bundler came to no end", nil
	}
	return res.Obstacle, nil
}

// command runs the bundler in a process of its own. Nil without an error: it failed on what it read.
func (b *Builder) command(ctx context.Context, r *hookrun.Runner, folder *hookrun.Folder, o order, timeout time.Duration) (*result, error) {
	text, err := json.Marshal(o)
	if err == nil {
		err = folder.Put(orderFile, text)
	}
	if err != nil {
		return nil, fault.Internalf("npm: %w", err)
	}
	res, err := r.Job(ctx, &hookrun.Job{
		Name: "bundler", Program: b.opts.Program, Args: []string{childMark}, Folder: folder, MemoryMB: bundlerMemoryMB, Timeout: timeout,
		Env:       []string{fmt.Sprintf("GOMEMLIMIT=%dMiB", bundlerMemoryMB*3/4), "GOMAXPROCS=2", "GOTRACEBACK=none"},
		DiskBytes: module.MaxUnpacked + maxBundle, DiskFiles: maxInstallFiles + 10, FileBytes: maxBundle,
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, unavailable(err, "the bundler cannot be run on this server now")
	case res.Reason != "":
		b.opts.Logger.Info("the bundler failed", "reason", string(res.Reason), "detail", res.Detail, "output", cut(string(res.Output)))
		if res.Reason == runner.Exit && res.Code == 1 {
			return nil, fault.Internalf("npm: the bundler: %s", cut(string(res.Output)))
		}
		return nil, nil
	}
	answer, err := folder.Read(resultFile, 4<<20)
	if err != nil {
		return nil, fault.Internalf("npm: %w", err)
	}
	var out result
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, fault.Internalf("npm: %w", err)
	}
	return &out, nil
}
