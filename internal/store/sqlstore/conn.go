package sqlstore

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/store"
)

// conn is one connection inside a transaction (or outside of one, for reads on PostgreSQL). Arguments are string,
// int64, []byte and nil only; see args. It is not safe for concurrent use.
type conn interface {
	// query runs a statement and calls row for each row, which must not use the connection.
	query(sql string, args []any, row func(*scan)) error
	// exec runs a statement whose result nobody reads; a driver may delay it until the next query or the commit. With want
	// >= 0 it is an error if it does not change that many rows.
	exec(sql string, args []any, want int64) error
	// change runs a statement and returns how many rows it changed.
	change(sql string, args []any) (int64, error)
}

// columns is one row of a result as its driver has it. NULL reads as the zero value.
type columns interface {
	integer(i int) int64
	text(i int) string
	// blob returns a copy.
	blob(i int) []byte
	null(i int) bool
}

// scan reads the columns of a row from left to right.
type scan struct {
	cols columns
	i    int
}

func (s *scan) next() int { s.i++; return s.i - 1 }

func (s *scan) text() string { return s.cols.text(s.next()) }
func (s *scan) int64() int64 { return s.cols.integer(s.next()) }
func (s *scan) int() int     { return int(s.cols.integer(s.next())) }
func (s *scan) flag() bool   { return s.cols.integer(s.next()) != 0 }
func (s *scan) blob() []byte { return s.cols.blob(s.next()) }

// json returns a JSON document kept as text; nil for NULL.
func (s *scan) json() []byte {
	t := s.text()
	if t == "" {
		return nil
	}
	return []byte(t)
}

// time returns the zero time for NULL.
func (s *scan) time() time.Time {
	i := s.next()
	if s.cols.null(i) {
		return time.Time{}
	}
	return time.UnixMicro(s.cols.integer(i)).UTC()
}

// optional reports whether the column is not NULL.
func (s *scan) optional() (string, bool) {
	i := s.next()
	return s.cols.text(i), !s.cols.null(i)
}

// micros is a time as it is stored; nil (NULL) for the zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// flag is a bool as it is stored.
func flag(b bool) any {
	if b {
		return int64(1)
	}
	return int64(0)
}

// jsonText is a JSON document as it is stored; nil (NULL) if empty.
func jsonText[T ~[]byte](doc T) any {
	if len(doc) == 0 {
		return nil
	}
	return string(doc)
}

// orNull is a string that is stored as NULL if it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// clean brings arguments into the few types that drivers know, and refuses text that PostgreSQL cannot keep.
func clean(args []any) error {
	for i, a := range args {
		switch v := a.(type) {
		case string:
			if !validText(v) {
				return store.ErrText
			}
		case []byte:
			if len(v) == 0 {
				args[i] = nil
			}
		case int:
			args[i] = int64(v)
		}
	}
	return nil
}

func validText(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// one returns the only row of a query, or store.ErrNotFound.
func one[T any](ctx context.Context, t *tx, sql string, read func(*scan) T, args ...any) (T, error) {
	var out T
	found := false
	err := t.query(ctx, sql, args, func(s *scan) {
		if !found {
			out, found = read(s), true
		}
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return out, err
}

// many returns all rows of a query.
func many[T any](ctx context.Context, t *tx, sql string, read func(*scan) T, args ...any) ([]T, error) {
	var out []T
	err := t.query(ctx, sql, args, func(s *scan) { out = append(out, read(s)) })
	return out, err
}

// returned reports whether a writing statement with RETURNING gave a row, and reads it.
func returned[T any](ctx context.Context, t *tx, sql string, read func(*scan) T, args ...any) (out T, ok bool, err error) {
	err = t.write(ctx, sql, args, func(s *scan) {
		if !ok {
			out, ok = read(s), true
		}
	})
	return out, ok, err
}

func readInt(s *scan) int64   { return s.int64() }
func readText(s *scan) string { return s.text() }
