package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"countersign/internal/store"
)

const (
	// maxTries bounds how often a function is run again after a serialisation failure, a deadlock or a lost connection.
	maxTries = 8
	// patience bounds what one transaction may wait for the network, all in all.
	patience = 60 * time.Second
	// migrationLock is the advisory lock under which one process migrates.
	migrationLock = 0x636f756e746572 // "counter"
)

// OpenPostgres opens the database at a URL (postgres://user:password@host:port/name?sslmode=verify-full). Parameters
// of the URL that PostgreSQL knows as settings win over those chosen here.
func OpenPostgres(ctx context.Context, url string, o Options) (*Store, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, urlError(err)
	}
	conf.MaxConns = 16
	if o.MaxConns > 0 {
		conf.MaxConns = int32(o.MaxConns)
	}
	for name, value := range map[string]string{
		"application_name":                    "countersign",
		"statement_timeout":                   "30s",
		"lock_timeout":                        "20s",
		"idle_in_transaction_session_timeout": "60s",
	} {
		if _, ok := conf.ConnConfig.RuntimeParams[name]; !ok {
			conf.ConnConfig.RuntimeParams[name] = value
		}
	}
	conf.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		c.PgConn().CustomData()[sessionKey] = &pgSession{pc: c.PgConn(), stmts: map[string]*pgconn.StatementDescription{}}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	e := &pgEngine{pool: pool}
	err = e.with(ctx, 0, func(c *pgConn) error { return checkSchema(ctx, pgMigrator{c}, o) })
	if err != nil {
		pool.Close()
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, connectError(err)
	}
	return &Store{d: postgresDialect, e: e}, nil
}

const sessionKey = "countersign"

// pgEngine is a pool of connections.
type pgEngine struct{ pool *pgxpool.Pool }

// with lends a connection. The context decides only whether the wait for one goes on; limit bounds the network after that.
func (e *pgEngine) with(ctx context.Context, limit time.Duration, f func(*pgConn) error) error {
	pooled, err := e.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("store: connecting: %w", err)
	}
	defer pooled.Release()
	pc := pooled.Conn().PgConn()
	if limit > 0 {
		pc.Conn().SetDeadline(time.Now().Add(limit))
		defer pc.Conn().SetDeadline(time.Time{})
	}
	c := &pgConn{pgSession: pc.CustomData()[sessionKey].(*pgSession)}
	// A function that ends by runtime.Goexit must not leave its transaction open.
	defer c.rollback()
	return f(c)
}

func (e *pgEngine) read(ctx context.Context, f func(store.Tx) error) error {
	return e.with(ctx, patience, func(c *pgConn) error {
		t := &tx{c: c, d: postgresDialect, readOnly: true}
		_, err := t.outcome(t.call(f, func() {}))
		return err
	})
}

func (e *pgEngine) write(ctx context.Context, f func(store.Tx) error, alone bool) error {
	for try := 1; ; try++ {
		answer, again := e.once(ctx, f, alone)
		if !again || alone || try == maxTries {
			return answer
		}
		time.Sleep(rand.N(time.Millisecond << try))
	}
}

// once runs f in one transaction. again tells that nothing of it has happened and that a second run may go better.
func (e *pgEngine) once(ctx context.Context, f func(store.Tx) error, alone bool) (answer error, again bool) {
	limit, setup := patience, []string{pgBegin}
	if alone {
		limit, setup = 0, []string{pgBegin, `SET LOCAL statement_timeout = 0`, `SET LOCAL idle_in_transaction_session_timeout = 0`}
	}
	err := e.with(ctx, limit, func(c *pgConn) error {
		t := &tx{c: c, d: postgresDialect}
		if err := c.begin(setup...); err != nil {
			again = passing(err, true)
			return fmt.Errorf("store: %w", err)
		}
		commit, outcome := t.outcome(t.call(f, func() {}))
		if !commit {
			again = t.failed != nil && passing(t.failed, true)
			return outcome
		}
		if err := c.commit(); err != nil {
			again = passing(err, !c.committing)
			return fmt.Errorf("store: %w", err)
		}
		return outcome
	})
	return err, again
}

// passing reports whether an error is worth another try. Errors that are not PostgreSQL's own are those of the
// connection; they count only if it is certain that nothing was committed.
func passing(err error, uncommitted bool) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "40001", "40P01": // serialization_failure, deadlock_detected
			return true
		case "23505": // unique_violation: statements look for what they would collide with, so somebody wrote it meanwhile, and the next look finds it
			return true
		case "57P01", "57P02", "57P03": // the server is being shut down
			return uncommitted
		}
		return false
	}
	return uncommitted && connectionLost(err)
}

func connectionLost(err error) bool {
	var netErr interface{ Timeout() bool }
	return pgconn.SafeToRetry(err) || errors.As(err, &netErr) && !netErr.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (e *pgEngine) snapshot(ctx context.Context, f func(conn) error) error {
	return e.with(ctx, 0, func(c *pgConn) error {
		err := c.begin(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`, `SET LOCAL statement_timeout = 0`,
			`SET LOCAL idle_in_transaction_session_timeout = 0`)
		if err != nil {
			return err
		}
		return f(c)
	})
}

func (e *pgEngine) close() error {
	e.pool.Close()
	return nil
}

// pgMigrator runs migrations under an advisory lock, which the end of the transaction gives back.
type pgMigrator struct{ c *pgConn }

func (m pgMigrator) dialect() *dialect { return postgresDialect }

func (m pgMigrator) conn() conn { return m.c }

func (m pgMigrator) script(sql string) error {
	if len(m.c.pending) > 0 {
		if _, err := m.c.flush(nil); err != nil {
			return err
		}
	}
	return m.c.pc.Exec(background, sql).Close()
}

func (m pgMigrator) transact(_ context.Context, f func() error) error {
	if err := m.c.begin(pgBegin, `SET LOCAL statement_timeout = 0`); err != nil {
		return err
	}
	err := m.c.query(`SELECT CAST(1 AS BIGINT) FROM pg_advisory_xact_lock($1)`, []any{int64(migrationLock)}, func(*scan) {})
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		m.c.rollback()
		return err
	}
	return m.c.commit()
}
