package sqlstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/store/storetest"
)

func TestMigrationsHaveTheSameNames(t *testing.T) {
	lite, err := sqlstore.Names("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	pg, err := sqlstore.Names("postgres")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lite, pg) || len(lite) == 0 {
		t.Errorf("sqlite has %v, postgres %v", lite, pg)
	}
}

func TestTablesAreComplete(t *testing.T) {
	s := storetest.SQLite(t)
	var got []string
	err := sqlstore.Raw(s, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'`,
		nil, func(text func(int) string) { got = append(got, text(0)) })
	if err != nil {
		t.Fatal(err)
	}
	want := sqlstore.Tables()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the schema has %v, the list %v", got, want)
	}
}

func TestOlderAndNewerSchemas(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "a db?#%.sqlite")
	open := func(o sqlstore.Options) (*sqlstore.Store, error) { return sqlstore.OpenSQLite(ctx, path, o) }
	if _, err := open(sqlstore.Options{}); !errors.Is(err, sqlstore.ErrOlder) {
		t.Fatalf("an empty database opened without Migrate: %v", err)
	}
	mark := func(version, needs int) {
		t.Helper()
		s, err := open(sqlstore.Options{Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = sqlstore.Raw(s, `INSERT INTO schema_migrations (version, name, needs, applied_at) VALUES ($1, 'x', $2, 0)`,
			[]any{int64(version), int64(needs)}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	mark(900, 1)
	s, err := open(sqlstore.Options{})
	if err != nil {
		t.Fatalf("a newer schema that this program can use: %v", err)
	}
	s.Close()
	mark(901, 900)
	if _, err := open(sqlstore.Options{Migrate: true}); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer schema that this program cannot use: %v", err)
	}
}

// TestEmptyIsCheckedBeforeMigrating: with Options.Empty a database with rows and an older schema stays as it is.
func TestEmptyIsCheckedBeforeMigrating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	open := func(o sqlstore.Options) error {
		s, err := sqlstore.OpenSQLite(t.Context(), path, o)
		if err == nil {
			err = s.Close()
		}
		return err
	}
	raw := func(statements ...string) {
		t.Helper()
		s, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, sql := range statements {
			if err := sqlstore.Raw(s, sql, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := open(sqlstore.Options{Migrate: true, Empty: true}); err != nil {
		t.Fatalf("a new file: %v", err)
	}
	raw(`INSERT INTO spent (mark, expires_at) VALUES (x'01', 1)`)
	if err := open(sqlstore.Options{Migrate: true, Empty: true}); err != nil {
		t.Errorf("rows and the newest schema, which Restore itself refuses: %v", err)
	}
	raw(`DELETE FROM schema_migrations`)
	if err := open(sqlstore.Options{Migrate: true, Empty: true}); !errors.Is(err, sqlstore.ErrNotEmpty) {
		t.Errorf("rows and an older schema: %v", err)
	}
	if err := open(sqlstore.Options{}); !errors.Is(err, sqlstore.ErrOlder) {
		t.Errorf("the refused database is not what it was: %v", err)
	}
}

func TestEmptyIsCheckedBeforeMigratingPostgres(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		if e.Name != "postgres" {
			continue
		}
		url := storetest.EmptyPostgres(t)
		o := sqlstore.Options{Migrate: true, Empty: true}
		s, err := sqlstore.OpenPostgres(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		if _, err := c.Exec(t.Context(), `INSERT INTO spent (mark, expires_at) VALUES ('\x01', 1); DELETE FROM schema_migrations`); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlstore.OpenPostgres(t.Context(), url, o); !errors.Is(err, sqlstore.ErrNotEmpty) {
			t.Errorf("rows and an older schema: %v", err)
		}
	}
}

func TestPostgresMigratesOnce(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		if e.Name != "postgres" {
			continue
		}
		url := storetest.EmptyPostgres(t)
		if _, err := sqlstore.OpenPostgres(t.Context(), url, sqlstore.Options{}); !errors.Is(err, sqlstore.ErrOlder) {
			t.Fatalf("an empty database opened without Migrate: %v", err)
		}
		errs := make(chan error)
		for range 5 {
			go func() {
				s, err := sqlstore.OpenPostgres(context.Background(), url, sqlstore.Options{Migrate: true})
				if err == nil {
					err = s.Close()
				}
				errs <- err
			}()
		}
		for range 5 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
}

// planned runs the whole suite on SQLite and collects its statements.
func planned(t *testing.T) []string {
	all := map[string]bool{}
	t.Run("suite", func(t *testing.T) {
		found := make(chan []string, 1000)
		t.Run("run", func(t *testing.T) {
			storetest.Run(t, func(t testing.TB) store.Store {
				s := storetest.SQLite(t)
				t.Cleanup(func() { found <- sqlstore.Statements(s) })
				return s
			})
		})
		close(found)
		for list := range found {
			for _, sql := range list {
				all[sql] = true
			}
		}
	})
	var out []string
	for sql := range all {
		switch word, _, _ := strings.Cut(sql, " "); word {
		case "SELECT", "INSERT", "UPDATE", "DELETE":
			out = append(out, sql)
		}
	}
	slices.Sort(out)
	return out
}

// wholeTables are the few statements that are meant to go through a table: the kill of an epoch, and readings of the
// schema.
func wholeTable(sql string) bool {
	for _, s := range []string{
		"SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM artifacts", // once an upload, a small row for each package
		"DELETE FROM codes", "DELETE FROM challenges", "UPDATE families SET revoked_at = $1, version = version + 1 WHERE revoked_at IS NULL",
	} {
		if sql == s {
			return true
		}
	}
	return strings.Contains(sql, "schema_migrations") || strings.Contains(sql, "pragma_") || strings.Contains(sql, "sqlite_master") ||
		strings.HasPrefix(sql, "UPDATE outbox SET state = 'expired'") && strings.HasSuffix(strings.TrimSpace(sql), "WHERE due_at IS NOT NULL")
}

// notTables are the aliases of subqueries, as SQLite calls them.
var notTables = []string{"CONSTANT", "(subquery-1)", "(subquery-3)", "(subquery-5)", "(subquery-7)", "n", "o"}

// TestNoScans asks both planners how they would run every statement of the suite.
func TestNoScans(t *testing.T) {
	statements := planned(t)
	if len(statements) < 100 {
		t.Fatalf("only %d statements", len(statements))
	}
	s := storetest.SQLite(t)
	for _, sql := range statements {
		if wholeTable(sql) {
			continue
		}
		err := sqlstore.Raw(s, "EXPLAIN QUERY PLAN "+sql, make([]any, 40), func(text func(int) string) {
			// What is not a table is a subquery, by its alias.
			what, table := strings.CutPrefix(text(3), "SCAN ")
			name, _, _ := strings.Cut(what, " ")
			if strings.Contains(sql, "LIMIT $6) AS u WHERE u.username IS NULL") && name == "u" {
				return
			}
			if table && !slices.Contains(notTables, name) {
				t.Errorf("%s\n\t%s", text(3), sql)
			}
		})
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, e := range storetest.Engines(t) {
		if e.Name == "postgres" {
			_, url := storetest.PostgresURL(t)
			postgresPlans(t, url, statements)
		}
	}
}

// postgresPlans forbids sequential scans as far as possible and reports those that are left.
func postgresPlans(t *testing.T, url string, statements []string) {
	ctx := t.Context()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, `SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan`); err != nil {
		t.Fatal(err)
	}
	for _, sql := range append(sqlstore.PostgresOnly(), statements...) {
		if wholeTable(sql) || strings.Contains(sql, "sqlite_version") || strings.Contains(sql, "UNION ALL SELECT id FROM (SELECT id FROM outbox") {
			continue
		}
		st, err := c.Prepare(ctx, "q", sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(st.ParamOIDs)), ", ")
		if nulls != "" {
			nulls = "(" + nulls + ")"
		}
		rows, err := c.Query(ctx, "EXPLAIN EXECUTE q"+nulls, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		for _, line := range plan {
			if strings.Contains(line, "Seq Scan") {
				t.Errorf("%s\n\t%s", strings.TrimSpace(line), sql)
			}
		}
		if _, err := c.Exec(ctx, "DEALLOCATE q"); err != nil {
			t.Fatal(err)
		}
	}
}
