package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"countersign/internal/store/sqlstore"
)

// PostgresEnv names the variable with the URL of a database whose user may create databases.
const PostgresEnv = "COUNTERSIGN_TEST_POSTGRES"

// templateLock is the advisory lock around the template: exclusive to make it, shared to copy it, since PostgreSQL
// copies no database that somebody is connected to.
const templateLock = 0x73746f7265

var template struct {
	once sync.Once
	name string
	err  error
}

// Postgres opens a fresh database on the server that PostgresEnv names, and fails the test if it is not set.
func Postgres(t testing.TB) *sqlstore.Store {
	t.Helper()
	s, _ := PostgresURL(t)
	return s
}

// PostgresURL is Postgres and the URL of its database.
func PostgresURL(t testing.TB) (*sqlstore.Store, string) {
	t.Helper()
	base := os.Getenv(PostgresEnv)
	if base == "" {
		t.Fatalf("%s is not set", PostgresEnv)
	}
	template.once.Do(func() { template.name, template.err = makeTemplate(base) })
	if template.err != nil {
		t.Fatalf("making the template database: %v", template.err)
	}
	own, release, err := takeSlot(context.Background(), base)
	if err != nil {
		t.Fatalf("taking a test database: %v", err)
	}
	t.Cleanup(release)
	s, err := sqlstore.OpenPostgres(context.Background(), own, sqlstore.Options{})
	if err != nil {
		t.Fatalf("opening PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing PostgreSQL: %v", err)
		}
	})
	return s, own
}

// maxSlots bounds the databases in use at once, by all processes together.
const maxSlots = 64

// takeSlot takes a test database that nobody uses, emptied, and returns its URL. Creating a database takes a quarter of
// a second, so they are kept: an advisory lock that lives as long as its connection says which are in use.
func takeSlot(ctx context.Context, base string) (own string, release func(), err error) {
	c, err := pgx.Connect(ctx, base)
	if err != nil {
		return "", nil, err
	}
	release = func() { c.Close(ctx) }
	for n := range maxSlots {
		name := fmt.Sprintf("%s_%d", strings.Replace(template.name, "template", "test", 1), n)
		var mine, exists bool
		err = c.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtext($1)), EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&mine, &exists)
		if err == nil && !mine {
			continue
		}
		if err == nil && !exists {
			err = locked(base, "pg_advisory_lock_shared", `CREATE DATABASE `+name+` TEMPLATE `+template.name)
		}
		own = withDatabase(base, name)
		if err == nil && exists {
			err = empty(ctx, own)
		}
		if err != nil {
			release()
			return "", nil, err
		}
		return own, release, nil
	}
	release()
	return "", nil, fmt.Errorf("all %d test databases are in use", maxSlots)
}

// empty brings a database back to what the migrations made.
func empty(ctx context.Context, url string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('schema_migrations', 'meta')`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var sql strings.Builder
	for _, n := range names {
		fmt.Fprintf(&sql, "DELETE FROM %s; ", pgx.Identifier{n}.Sanitize())
	}
	sql.WriteString(`DELETE FROM meta WHERE name <> 'epoch'; UPDATE meta SET value = 1`)
	_, err = c.Exec(ctx, sql.String())
	return err
}

// EmptyPostgres creates a database without any tables and returns its URL.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	base := os.Getenv(PostgresEnv)
	name := "countersign_test_" + strings.ToLower(rand.Text())
	if err := locked(base, "pg_advisory_lock_shared", `CREATE DATABASE `+name+` TEMPLATE template0`); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() { locked(base, "pg_advisory_lock_shared", `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`) })
	return withDatabase(base, name)
}

// withDatabase replaces the database of a URL.
func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	u.Path = "/" + name
	return u.String()
}

// locked runs one statement on the base database under the lock.
func locked(base, lock, sql string) error {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, fmt.Sprintf(`SELECT %s(%d)`, lock, templateLock)); err != nil {
		return err
	}
	_, err = c.Exec(ctx, sql)
	return err
}

func makeTemplate(base string) (string, error) {
	sum, err := sqlstore.Fingerprint("postgres")
	if err != nil {
		return "", err
	}
	name := "countersign_template_" + sum
	ctx := context.Background()
	c, err := pgx.Connect(ctx, base)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, fmt.Sprintf(`SELECT pg_advisory_lock(%d)`, templateLock)); err != nil {
		return "", err
	}
	var exists bool
	if err := c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil {
		return "", err
	}
	if !exists {
		if _, err := c.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE template0`); err != nil {
			return "", err
		}
	}
	s, err := sqlstore.OpenPostgres(ctx, withDatabase(base, name), sqlstore.Options{Migrate: true, MaxConns: 1})
	if err != nil {
		return "", err
	}
	return name, s.Close()
}
