package sqlstore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"time"

	"countersign/internal/store"
)

var (
	// ErrNotEmpty is returned by Restore for a database that holds anything.
	ErrNotEmpty = errors.New("store: the database to restore into is not empty")
	// ErrArchive is returned for a file that is no archive, is damaged or is cut off.
	ErrArchive = errors.New("store: the archive is damaged")
)

// maxFile bounds a file of an archive: a chunk and one long row.
const maxFile = 64 << 20

// Restore reads an archive of either engine into an empty, migrated database, in one transaction, and raises the epoch:
// codes, challenges, queued messages and sessions of the time of the backup are dead. Nothing is left behind on an error.
func Restore(ctx context.Context, r io.Reader, target *Store) error {
	if err := target.begin(); err != nil {
		return err
	}
	defer target.begun.Done()
	err := target.e.write(ctx, func(st store.Tx) error {
		t := st.(*tx)
		if err := mustBeEmpty(ctx, t); err != nil {
			return err
		}
		a, err := openArchive(r)
		if err != nil {
			return err
		}
		if err := a.load(ctx, t); err != nil {
			return err
		}
		if _, err := t.RaiseEpoch(ctx, time.Now()); err != nil || t.d.analyze == "" {
			return err
		}
		return t.exec(ctx, t.d.analyze)
	}, true)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

func mustBeEmpty(ctx context.Context, t *tx) error {
	for _, tab := range tables {
		if tab.name == "meta" {
			continue
		}
		rows, err := many(ctx, t, `SELECT CAST(1 AS BIGINT) FROM `+tab.name+` LIMIT 1`, readInt)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			return fmt.Errorf("%w: table %s has rows", ErrNotEmpty, tab.name)
		}
	}
	return nil
}

// damaged is ErrArchive with what was found.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrArchive, fmt.Sprintf(format, args...))
}

// unarchiver reads the files of an archive.
type unarchiver struct {
	zip      *gzip.Reader
	tar      *tar.Reader
	sums     bytes.Buffer
	manifest Manifest
	// rows counts the rows inserted, to send them in batches.
	rows int
}

func openArchive(r io.Reader) (*unarchiver, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, damaged("%v", err)
	}
	a := &unarchiver{zip: z, tar: tar.NewReader(z)}
	name, data, err := a.next()
	if err != nil {
		return nil, err
	}
	if name != manifestFile {
		return nil, damaged("it begins with %q", name)
	}
	if err := json.Unmarshal(data, &a.manifest); err != nil {
		return nil, damaged("%v", err)
	}
	if a.manifest.Format > archiveFormat {
		return nil, fmt.Errorf("%w: the archive has format %d, this program knows %d", store.ErrNewer, a.manifest.Format, archiveFormat)
	}
	return a, nil
}

// next reads a file and adds its sum to those expected at the end.
func (a *unarchiver) next() (name string, data []byte, err error) {
	h, err := a.tar.Next()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "", nil, damaged("it is cut off")
	}
	if err != nil {
		return "", nil, damaged("%v", err)
	}
	if h.Size > maxFile {
		return "", nil, damaged("%s has %d bytes", h.Name, h.Size)
	}
	if data, err = io.ReadAll(a.tar); err != nil {
		return "", nil, damaged("%v", err)
	}
	if h.Name != sumsFile {
		sum := sha256.Sum256(data)
		fmt.Fprintf(&a.sums, "%s  %s\n", hex.EncodeToString(sum[:]), h.Name)
	}
	return h.Name, data, nil
}

// load inserts all rows and checks the sums before it returns, and so before anything is committed.
func (a *unarchiver) load(ctx context.Context, t *tx) error {
	schema, err := one(ctx, t, `SELECT max(version) FROM schema_migrations`, readInt)
	if err != nil {
		return err
	}
	if a.manifest.Schema > schema {
		return fmt.Errorf("%w: the archive has schema number %d, this database has %d", store.ErrNewer, a.manifest.Schema, schema)
	}
	inserts, err := a.inserts(ctx, t)
	if err != nil {
		return err
	}
	for {
		name, data, err := a.next()
		if err != nil {
			return err
		}
		if name == sumsFile {
			if !bytes.Equal(data, a.sums.Bytes()) {
				return damaged("the checksums do not match")
			}
			return a.end()
		}
		in, ok := inserts[path.Dir(name)]
		if !ok {
			return damaged("it holds %q", name)
		}
		if err := a.chunk(ctx, t, in, data); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// end reads what is behind the last file: nothing but the end marks of tar and gzip.
func (a *unarchiver) end() error {
	if _, err := a.tar.Next(); err != io.EOF {
		return damaged("it does not end")
	}
	if _, err := io.Copy(io.Discard, a.zip); err != nil {
		return damaged("%v", err)
	}
	return nil
}

// insert is the statement that puts back a row of a table.
type insert struct {
	sql     string
	columns []ManifestColumn
}

// inserts makes statements of the tables and columns that the archive and the database have in common. Names come from
// the database, never from the archive.
func (a *unarchiver) inserts(ctx context.Context, t *tx) (map[string]insert, error) {
	known := map[string]bool{}
	for _, tab := range tables {
		names, err := many(ctx, t, t.d.tableColumns, readText, tab.name)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			known[tab.name+"."+n] = true
		}
	}
	out := map[string]insert{}
	for _, mt := range a.manifest.Tables {
		for _, c := range mt.Columns {
			if !known[mt.Name+"."+c.Name] {
				return nil, damaged("this database has no column %q in %q", c.Name, mt.Name)
			}
		}
		sql := `INSERT INTO ` + mt.Name + ` (` + mt.columns() + `) VALUES (` + placeholders(len(mt.Columns)) + `)`
		if mt.Name == "meta" {
			sql += ` ON CONFLICT (name) DO UPDATE SET value = excluded.value`
		}
		out[mt.Name] = insert{sql, mt.Columns}
	}
	return out, nil
}

// batch is how many rows go out in one round trip.
const batch = 200

func (a *unarchiver) chunk(ctx context.Context, t *tx, in insert, data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	for dec.More() {
		var row []any
		if err := dec.Decode(&row); err != nil {
			return damaged("%v", err)
		}
		if len(row) != len(in.columns) {
			return damaged("a row has %d columns, not %d", len(row), len(in.columns))
		}
		for i, v := range row {
			var err error
			if row[i], err = columnValue(v, in.columns[i].Kind); err != nil {
				return err
			}
		}
		var err error
		if a.rows++; a.rows%batch == 0 {
			_, err = t.change(ctx, in.sql, row...)
		} else {
			err = t.exec(ctx, in.sql, row...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// columnValue is a value of a row as a driver takes it.
func columnValue(v any, kind string) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case json.Number:
		if n, err := v.Int64(); err == nil && kind == "int" {
			return n, nil
		}
	case string:
		switch kind {
		case "text":
			return v, nil
		case "bytes":
			if b, err := base64.StdEncoding.DecodeString(v); err == nil {
				return b, nil
			}
		}
	}
	return nil, damaged("a value does not fit a column of kind %q", kind)
}
