package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"countersign/internal/store"
)

// Ephemeral is the path of a SQLite database that is gone once it is closed. It is a temporary file that is not synced.
const Ephemeral = ":memory:"

// OpenSQLite opens or creates the database file at path; its folder must exist.
func OpenSQLite(ctx context.Context, path string, o Options) (*Store, error) {
	e := &sqliteEngine{}
	if path == Ephemeral {
		dir, err := os.MkdirTemp("", "countersign-")
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		e.remove, path = dir, filepath.Join(dir, "ephemeral.db")
	}
	if err := e.open(ctx, path, o); err != nil {
		e.close()
		return nil, err
	}
	return &Store{d: sqliteDialect, e: e}, nil
}

// sqliteEngine is one writer and a stack of readers.
type sqliteEngine struct {
	group *group
	// writer is the group's connection.
	writer  *sqliteConn
	check   *checkpointer
	readDSN string
	// slots bounds the readers in use; idle holds those that are not, the last used on top, whose cache is warm.
	slots chan struct{}
	mu    sync.Mutex
	idle  []*sqliteConn
	// remove is the folder of an ephemeral database.
	remove string
}

func (e *sqliteEngine) open(ctx context.Context, path string, o Options) error {
	if e.remove == "" {
		// The file holds hashes and ciphertext: nobody else on the machine needs to read it. SQLite gives its log the same mode.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		f.Close()
	}
	var err error
	if e.writer, err = openSQLiteConn(sqliteDSN(path, false, e.remove == "")); err != nil {
		return err
	}
	if err := checkSchema(ctx, sqliteMigrator{e.writer}, o); err != nil {
		return err
	}
	if o.Readers <= 0 {
		o.Readers = max(4, runtime.GOMAXPROCS(0))
	}
	e.readDSN, e.slots = sqliteDSN(path, true, true), make(chan struct{}, o.Readers)
	c, err := openSQLiteConn(sqliteDSN(path, false, e.remove == ""))
	if err != nil {
		return err
	}
	e.check = newCheckpointer(c, e.writer)
	e.group = newGroup(e.writer, e.check)
	return nil
}

func (e *sqliteEngine) write(ctx context.Context, f func(store.Tx) error, alone bool) error {
	return e.group.do(ctx, f, alone)
}

func (e *sqliteEngine) read(ctx context.Context, f func(store.Tx) error) error {
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.slots }()
	c, err := e.reader()
	if err != nil {
		return err
	}
	if err := c.run("BEGIN"); err != nil {
		c.close()
		return fmt.Errorf("store: %w", err)
	}
	defer e.release(c)
	t := &tx{c: c, d: sqliteDialect, readOnly: true}
	_, err = t.outcome(t.call(f, func() {}))
	return err
}

func (e *sqliteEngine) reader() (*sqliteConn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.idle); n > 0 {
		c := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return c, nil
	}
	return openSQLiteConn(e.readDSN)
}

func (e *sqliteEngine) release(c *sqliteConn) {
	if c.run("COMMIT") != nil {
		c.close()
		return
	}
	e.mu.Lock()
	e.idle = append(e.idle, c)
	e.mu.Unlock()
}

func (e *sqliteEngine) snapshot(_ context.Context, f func(conn) error) error {
	c, err := openSQLiteConn(e.readDSN)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.run("BEGIN"); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return f(c)
}

func (e *sqliteEngine) close() error {
	var errs []error
	if e.group != nil {
		e.group.close()
		errs = append(errs, e.check.close())
	}
	for _, c := range e.idle {
		errs = append(errs, c.close())
	}
	if e.writer != nil {
		errs = append(errs, e.writer.close())
	}
	if e.remove != "" {
		errs = append(errs, os.RemoveAll(e.remove))
	}
	return errors.Join(errs...)
}

// sqliteMigrator runs migrations on the writer before anybody else has it.
type sqliteMigrator struct{ c *sqliteConn }

func (m sqliteMigrator) dialect() *dialect { return sqliteDialect }

func (m sqliteMigrator) conn() conn { return m.c }

func (m sqliteMigrator) script(sql string) error { return m.c.script(sql) }

func (m sqliteMigrator) transact(_ context.Context, f func() error) error {
	if err := m.c.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := f(); err != nil {
		m.c.run("ROLLBACK")
		return err
	}
	return m.c.run("COMMIT")
}
