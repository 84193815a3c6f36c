package sqlstore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
)

// background is what statements run on. A cancelled context would interrupt the statement, and with it roll back the
// whole transaction of a group.
var background = context.Background()

// sqliteConn is a connection of the driver without database/sql between: one goroutine uses it at a time, and its
// statements stay prepared.
type sqliteConn struct {
	db    driver.Conn
	stmts map[string]*sqliteStmt
	// named is the argument list, reused.
	named []driver.NamedValue
}

type sqliteStmt struct {
	stmt  driver.Stmt
	exec  driver.StmtExecContext
	query driver.StmtQueryContext
	// values is one row, reused.
	values sqliteRow
}

// sqliteDSN names the file with the pragmas of every connection.
//
// synchronous=FULL syncs the log at each commit. Readers are query_only. The page cache is small, since the operating
// system caches the file as well.
func sqliteDSN(path string, readOnly, durable bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", "10000")
	q.Set("_foreign_keys", "0")
	q.Set("_defensive", "1")
	q.Add("_pragma", "trusted_schema=0")
	q.Add("_pragma", "temp_store=memory")
	sync := "FULL"
	if !durable {
		sync = "OFF"
	}
	if readOnly {
		q.Set("_query_only", "1")
		q.Add("_pragma", "cache_size=-2000")
	} else {
		q.Set("_journal_mode", "WAL")
		q.Set("_synchronous", sync)
		q.Add("_pragma", "cache_size=-8000")
		q.Add("_pragma", "wal_autocheckpoint=0")
		q.Add("_pragma", "journal_size_limit=67108864")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func openSQLiteConn(dsn string) (*sqliteConn, error) {
	db, err := new(sqlite.Driver).Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: opening the database: %w", err)
	}
	return &sqliteConn{db: db, stmts: map[string]*sqliteStmt{}}, nil
}

func (c *sqliteConn) close() error {
	for _, s := range c.stmts {
		s.stmt.Close()
	}
	c.stmts = nil
	return c.db.Close()
}

func (c *sqliteConn) prepare(sql string) (*sqliteStmt, error) {
	if s, ok := c.stmts[sql]; ok {
		return s, nil
	}
	st, err := c.db.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", sql, err)
	}
	s := &sqliteStmt{stmt: st, exec: st.(driver.StmtExecContext), query: st.(driver.StmtQueryContext)}
	c.stmts[sql] = s
	return s, nil
}

func (c *sqliteConn) args(args []any) []driver.NamedValue {
	c.named = c.named[:0]
	for i, a := range args {
		c.named = append(c.named, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.named
}

func (c *sqliteConn) query(sql string, args []any, row func(*scan)) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	rows, err := s.query.QueryContext(background, c.args(args))
	if err != nil {
		return err
	}
	if s.values == nil {
		s.values = make(sqliteRow, len(rows.Columns()))
	}
	for {
		err := rows.Next(s.values)
		if err == io.EOF {
			return rows.Close()
		}
		if err != nil {
			rows.Close()
			return err
		}
		row(&scan{cols: s.values})
	}
}

func (c *sqliteConn) change(sql string, args []any) (int64, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	res, err := s.exec.ExecContext(background, c.args(args))
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c *sqliteConn) exec(sql string, args []any, want int64) error {
	n, err := c.change(sql, args)
	if err == nil && want >= 0 && n != want {
		err = fmt.Errorf("%d rows changed, not %d", n, want)
	}
	return err
}

// run executes a statement without arguments or a script of several.
func (c *sqliteConn) run(sql string) error {
	_, err := c.change(sql, nil)
	return err
}

// script executes several statements once.
func (c *sqliteConn) script(sql string) error {
	_, err := c.db.(driver.ExecerContext).ExecContext(background, sql, nil)
	return err
}

// sqliteRow is a row of driver values.
type sqliteRow []driver.Value

func (r sqliteRow) null(i int) bool { return r[i] == nil }

func (r sqliteRow) integer(i int) int64 {
	v, _ := r[i].(int64)
	return v
}

func (r sqliteRow) text(i int) string {
	v, _ := r[i].(string)
	return v
}

// blob needs no copy: the driver made one.
func (r sqliteRow) blob(i int) []byte {
	v, _ := r[i].([]byte)
	return v
}
