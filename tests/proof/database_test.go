package proof

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"
)

// cell is one value of a database.
type cell struct {
	table, column string
	data          []byte
}

// dump reads every column of every table.
func dump(t testing.TB, database string) []cell {
	t.Helper()
	if strings.HasPrefix(database, "postgres") {
		return dumpPostgres(t, database)
	}
	db, err := sql.Open("sqlite", "file:"+database+"?mode=ro")
	check(t, err)
	defer db.Close()
	var out []cell
	for _, table := range names(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table'`) {
		rows, err := db.Query(`SELECT * FROM "` + table + `"`)
		check(t, err)
		columns, err := rows.Columns()
		check(t, err)
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			check(t, rows.Scan(into...))
			for i, v := range values {
				switch v := v.(type) {
				case []byte:
					out = append(out, cell{table, columns[i], v})
				case string:
					out = append(out, cell{table, columns[i], []byte(v)})
				}
			}
		}
		check(t, rows.Err())
		rows.Close()
	}
	return out
}

func names(t testing.TB, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.Query(query)
	check(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		check(t, rows.Scan(&s))
		out = append(out, s)
	}
	return out
}

func dumpPostgres(t testing.TB, url string) []cell {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	check(t, err)
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
	check(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	var out []cell
	for _, table := range tables {
		rows, err := c.Query(ctx, `SELECT * FROM `+pgx.Identifier{table}.Sanitize())
		check(t, err)
		for rows.Next() {
			for i, v := range rows.RawValues() {
				out = append(out, cell{table, rows.FieldDescriptions()[i].Name, append([]byte(nil), v...)})
			}
		}
		check(t, rows.Err())
	}
	return out
}

// files are the raw bytes of an SQLite database with what lies beside it, free pages and all.
func files(t testing.TB, database string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, suffix := range []string{"", "-wal", "-journal"} {
		raw, err := os.ReadFile(database + suffix)
		if os.IsNotExist(err) {
			continue
		}
		check(t, err)
		out["the file "+fmt.Sprintf("%q", "countersign.db"+suffix)] = raw
	}
	return out
}

// unpack returns the files of a backup.
func unpack(t testing.TB, file string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	check(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	check(t, err)
	out := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		check(t, err)
		raw, err := io.ReadAll(r)
		check(t, err)
		out["the backup's "+h.Name] = raw
	}
}
