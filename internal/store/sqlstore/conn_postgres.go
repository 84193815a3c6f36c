package sqlstore

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgSession is what one connection to PostgreSQL remembers: its prepared statements. It lives as long as the connection.
type pgSession struct {
	pc    *pgconn.PgConn
	stmts map[string]*pgconn.StatementDescription
}

// pgConn is a connection for one transaction, or for one Read. It speaks the extended protocol through pgconn: arguments
// and results are of four types only, which need no reflection. Statements whose result nobody reads wait in pending and
// go out with the next one, all in one round trip; so does the BEGIN.
type pgConn struct {
	*pgSession
	pending []pgCall
	// setup is how many of the first statements only begin the transaction.
	setup int
	// committing is set once COMMIT has been sent: what became of a connection that breaks now is unknown.
	committing bool
}

// pgCall is a statement with its arguments. want is the number of rows it must change, or -1.
type pgCall struct {
	stmt   *pgconn.StatementDescription
	values [][]byte
	want   int64
}

const pgBegin = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`

var pgBinary = []int16{1}

func (c *pgSession) prepare(sql string) (*pgconn.StatementDescription, error) {
	if s, ok := c.stmts[sql]; ok {
		return s, nil
	}
	s, err := c.pc.Prepare(background, "s"+strconv.Itoa(len(c.stmts)), sql, nil)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", sql, err)
	}
	c.stmts[sql] = s
	return s, nil
}

// Object ids of the types in use (pg_type.dat).
const (
	oidBytea = 17
	oidInt8  = 20
	oidInt2  = 21
	oidInt4  = 23
	oidText  = 25
)

func (c *pgSession) call(sql string, args []any, want int64) (pgCall, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return pgCall{}, err
	}
	if len(args) != len(s.ParamOIDs) {
		return pgCall{}, fmt.Errorf("%d arguments for %d parameters of %q", len(args), len(s.ParamOIDs), sql)
	}
	call := pgCall{stmt: s, values: make([][]byte, len(args)), want: want}
	for i, a := range args {
		if a == nil {
			continue
		}
		if call.values[i], err = pgEncode(a, s.ParamOIDs[i]); err != nil {
			return pgCall{}, fmt.Errorf("argument %d of %q: %w", i+1, sql, err)
		}
	}
	return call, nil
}

// pgEncode is the binary form of an argument.
func pgEncode(a any, oid uint32) ([]byte, error) {
	switch v := a.(type) {
	case string:
		if oid == oidText {
			return []byte(v), nil
		}
	case []byte:
		if oid == oidBytea {
			return v, nil
		}
	case int64:
		switch oid {
		case oidInt8:
			return binary.BigEndian.AppendUint64(nil, uint64(v)), nil
		case oidInt4:
			if int64(int32(v)) == v {
				return binary.BigEndian.AppendUint32(nil, uint32(v)), nil
			}
		case oidInt2:
			if int64(int16(v)) == v {
				return binary.BigEndian.AppendUint16(nil, uint16(v)), nil
			}
		}
	}
	return nil, fmt.Errorf("a %T does not fit the type %d", a, oid)
}

func (c *pgConn) exec(sql string, args []any, want int64) error {
	call, err := c.call(sql, args, want)
	if err == nil {
		c.pending = append(c.pending, call)
	}
	return err
}

func (c *pgConn) change(sql string, args []any) (int64, error) {
	return c.send(sql, args, nil)
}

func (c *pgConn) query(sql string, args []any, row func(*scan)) error {
	_, err := c.send(sql, args, row)
	return err
}

// send runs a statement behind all pending ones and returns how many rows it changed.
func (c *pgConn) send(sql string, args []any, row func(*scan)) (int64, error) {
	call, err := c.call(sql, args, -1)
	if err != nil {
		return 0, err
	}
	if len(c.pending) == 0 {
		return pgResult(c.pc.ExecStatement(background, call.stmt, call.values, pgBinary, pgBinary), call, row)
	}
	c.pending = append(c.pending, call)
	return c.flush(row)
}

// begin lets a transaction begin with its first statement.
func (c *pgConn) begin(setup ...string) error {
	c.setup = len(setup)
	for _, sql := range setup {
		if err := c.exec(sql, nil, -1); err != nil {
			return err
		}
	}
	return nil
}

// commit sends what is pending together with the COMMIT. A transaction that never sent anything is not begun at all.
func (c *pgConn) commit() error {
	if c.pc.TxStatus() == 'I' && len(c.pending) <= c.setup {
		c.pending = nil
		return nil
	}
	if err := c.exec(`COMMIT`, nil, -1); err != nil {
		return err
	}
	c.committing = true
	_, err := c.flush(nil)
	return err
}

// rollback ends the transaction. A connection on which that fails is closed.
func (c *pgConn) rollback() {
	c.pending = nil
	if c.pc.TxStatus() == 'I' || c.pc.IsClosed() {
		return
	}
	if _, err := c.send(`ROLLBACK`, nil, nil); err != nil {
		c.pc.Close(background)
	}
}

// flush sends all pending statements in one round trip and reads their results; row gets the rows of the last.
func (c *pgConn) flush(row func(*scan)) (n int64, err error) {
	calls := c.pending
	c.pending = c.pending[:0]
	p := c.pc.StartPipeline(background)
	for _, call := range calls {
		p.SendQueryStatement(call.stmt, call.values, pgBinary, pgBinary)
	}
	if err := p.Sync(); err != nil {
		return 0, err
	}
	for i, call := range calls {
		res, err := p.GetResults()
		if err == nil {
			var each func(*scan)
			if i == len(calls)-1 {
				each = row
			}
			n, err = pgResult(res.(*pgconn.ResultReader), call, each)
		}
		if err != nil {
			p.Close()
			return 0, err
		}
	}
	return n, p.Close()
}

// pgResult reads the result of one statement to its end.
func pgResult(r *pgconn.ResultReader, call pgCall, row func(*scan)) (int64, error) {
	for r.NextRow() {
		if row != nil {
			row(&scan{cols: pgRow(r.Values())})
		}
	}
	tag, err := r.Close()
	if err != nil {
		return 0, err
	}
	if call.want >= 0 && tag.RowsAffected() != call.want {
		return 0, fmt.Errorf("%d rows changed, not %d", tag.RowsAffected(), call.want)
	}
	return tag.RowsAffected(), nil
}

// pgRow is a row in binary form. It is valid until the next row is read.
type pgRow [][]byte

func (r pgRow) null(i int) bool   { return r[i] == nil }
func (r pgRow) text(i int) string { return string(r[i]) }
func (r pgRow) blob(i int) []byte { return append([]byte(nil), r[i]...) }
func (r pgRow) integer(i int) int64 {
	switch v := r[i]; len(v) {
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	}
	return 0
}
