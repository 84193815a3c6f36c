package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"countersign/internal/keyring"
	"countersign/internal/store/sqlstore"
)

// databases makes seeded databases of one engine and copies of them.
type databases interface {
	// copy returns a database for n users that the caller may change, as the configuration names it. drop removes it.
	copy(ctx context.Context, n int, verifiers bool) (url string, drop func(), err error)
	// size is what a database takes on disk, in bytes.
	size(ctx context.Context, url string) (int64, error)
	// usage is that of the engine's own processes, nothing if it has none.
	usage() (usage, error)
	close()
}

// cache is the folder of seeded databases, with the root key that they all have.
type cache struct {
	dir      string
	root     keyring.Root
	rootFile string
	progress io.Writer
}

func openCache(dir string, progress io.Writer) (*cache, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	c := &cache{dir: dir, rootFile: filepath.Join(dir, "root.key"), progress: progress}
	if err := keyring.NewRoot().WriteFile(c.rootFile); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	var err error
	c.root, err = keyring.RootFromFile(c.rootFile)
	return c, err
}

// name tells seeded databases apart by all that they depend on.
func (c *cache) name(engine string, n int, verifiers bool) (string, error) {
	sum, err := sqlstore.Fingerprint(engine)
	if err != nil {
		return "", err
	}
	kind := "srp"
	if !verifiers {
		kind = "plain"
	}
	return fmt.Sprintf("bench%d_%.12s_%.8s_%d_%s", seedVersion, sum, c.root.ID(), n, kind), nil
}

// seed fills an open, empty database.
func (c *cache) seed(ctx context.Context, s *sqlstore.Store, n int, verifiers bool, writers int) error {
	sd, err := newSeeder(ctx, s, c.root)
	if err != nil {
		return err
	}
	sd.verifiers, sd.writers, sd.progress = verifiers, writers, c.progress
	return sd.fill(ctx, newSets(n))
}

// sqliteFiles are databases in files.
type sqliteFiles struct{ *cache }

func (d sqliteFiles) copy(ctx context.Context, n int, verifiers bool) (string, func(), error) {
	from, err := d.seeded(ctx, n, verifiers)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(d.dir, "run-")
	if err != nil {
		return "", nil, err
	}
	drop := func() { os.RemoveAll(dir) }
	to := filepath.Join(dir, "countersign.db")
	if err := copyFile(to, from); err != nil {
		drop()
		return "", nil, err
	}
	return to, drop, nil
}

func (d sqliteFiles) seeded(ctx context.Context, n int, verifiers bool) (string, error) {
	name, err := d.name("sqlite", n, verifiers)
	if err != nil {
		return "", err
	}
	path := filepath.Join(d.dir, name+".db")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	dir, err := os.MkdirTemp(d.dir, "seeding-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	tmp := filepath.Join(dir, "countersign.db")
	s, err := sqlstore.OpenSQLite(ctx, tmp, sqlstore.Options{Migrate: true})
	if err != nil {
		return "", err
	}
	// Closing the last connection checkpoints and removes the log.
	if err := errors.Join(d.seed(ctx, s, n, verifiers, 2), s.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(tmp, path)
}

// copyFile copies and syncs, so that writing back does not disturb what is measured next.
func copyFile(to, from string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Sync(), w.Close())
}

func (d sqliteFiles) size(_ context.Context, path string) (n int64, err error) {
	for _, p := range []string{path, path + "-wal"} {
		info, err := os.Stat(p)
		if err == nil {
			n += info.Size()
		} else if p == path {
			return 0, err
		}
	}
	return n, nil
}

func (sqliteFiles) usage() (usage, error) { return usage{}, nil }

func (sqliteFiles) close() {}
