package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"countersign/internal/config"
	"countersign/internal/store/sqlstore"
)

type migrateCmd struct {
	configFlags
}

func (c *migrateCmd) Run(a *app) error {
	cfg, err := c.load(a)
	if err != nil {
		return err
	}
	if cfg.Database.IsZero() {
		return hint(errors.New("no database is configured"), "countersign migrate --config countersign.yaml, or --set database=FILE-OR-URL")
	}
	defer a.progress("migrating")()
	s, err := openDatabase(a, cfg, sqlstore.Options{Migrate: true})
	if err != nil {
		return explainServe(err)
	}
	defer s.Close()
	info, err := s.Info(a.ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"engine": info.Engine, "schema": info.Schema})
	}
	_, err = fmt.Fprintf(a.stdout, "%s has schema %d\n", info.Engine, info.Schema)
	return err
}

func openDatabase(a *app, c *config.Config, o sqlstore.Options) (*sqlstore.Store, error) {
	if c.Postgres() {
		return sqlstore.OpenPostgres(a.ctx, c.Database.Reveal(), o)
	}
	return sqlstore.OpenSQLite(a.ctx, c.Database.Reveal(), o)
}

type backupCmd struct {
	serverFlags
	Out string `arg:"" help:"File to write; it must not exist." type:"path"`
}

// Run writes the copy to a temporary file, so that a broken one never looks like a good one.
func (c *backupCmd) Run(a *app) (err error) {
	if exists(c.Out) {
		return hint(fmt.Errorf("%s exists already", c.Out), "name a new file")
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	defer a.progress("backing up")()
	res, err := srv.send(a.ctx, "POST", "/backup", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	tmp, err := os.CreateTemp(filepath.Dir(c.Out), ".backup-*") // mode 0600
	if err != nil {
		return hint(err, "name a file in a folder that you can write to")
	}
	n, err := io.Copy(tmp, res.Body)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), c.Out)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return hint(fmt.Errorf("the backup broke off: %w", err), "the server's log says why")
	}
	if a.json {
		return a.printJSON(map[string]any{"file": c.Out, "bytes": n, "at": time.Now().UTC()})
	}
	_, err = fmt.Fprintf(a.stdout, "wrote %d bytes to %s. The root key is not in it: keep that apart.\n", n, c.Out)
	return err
}

type restoreCmd struct {
	configFlags
	In string `arg:"" help:"A file that backup wrote." type:"existingfile"`
}

// Run fills an empty database. What was issued before (codes, sessions, queued messages) is dead afterwards.
func (c *restoreCmd) Run(a *app) error {
	cfg, err := c.load(a)
	if err != nil {
		return err
	}
	if cfg.Database.IsZero() {
		return hint(errors.New("no database is configured"), "countersign restore FILE --config countersign.yaml, or --set database=FILE-OR-URL")
	}
	f, err := os.Open(c.In)
	if err != nil {
		return err
	}
	defer f.Close()
	defer a.progress("restoring")()
	notEmpty := hint(errors.New("the configured database is not empty; nothing was changed"), "name a new database")
	s, err := openDatabase(a, cfg, sqlstore.Options{Migrate: true, Empty: true})
	if errors.Is(err, sqlstore.ErrNotEmpty) {
		return notEmpty
	}
	if err != nil {
		return explainServe(err)
	}
	defer s.Close()
	switch err := sqlstore.Restore(a.ctx, f, s); {
	case errors.Is(err, sqlstore.ErrNotEmpty):
		return notEmpty
	case errors.Is(err, sqlstore.ErrArchive):
		return hint(fmt.Errorf("%s is no backup, or is damaged; nothing was restored", c.In), "take another copy")
	case err != nil:
		return err
	}
	info, err := s.Info(a.ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"engine": info.Engine, "schema": info.Schema, "epoch": info.Epoch})
	}
	_, err = fmt.Fprintf(a.stdout, "restored; this is epoch %d: codes, sessions and queued messages of the backup are dead\n", info.Epoch)
	return err
}
