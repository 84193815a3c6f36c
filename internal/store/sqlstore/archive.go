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
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// An archive is a gzipped tar, the same for both engines:
//
//	manifest.json              what it is, and the columns of each table
//	users/000001.jsonl ...     rows in the order of the primary key, a JSON array each; bytes are base64
//	SHA256SUMS                 the sums of all files before it; an archive without it is cut off
//
// It holds what the database holds: ciphertext and keyed hashes, wrapped keys, and no root key.
const (
	manifestFile = "manifest.json"
	sumsFile     = "SHA256SUMS"
	// archiveFormat is raised when older programs could no longer read an archive.
	archiveFormat = 1
	// chunkSize is where a file of rows ends.
	chunkSize = 1 << 20
)

// Manifest describes an archive.
type Manifest struct {
	Format    int       `json:"format"`
	Engine    string    `json:"engine"`
	Schema    int64     `json:"schema"`
	CreatedAt time.Time `json:"created_at"`
	// Tables are in the order of the archive.
	Tables []ManifestTable `json:"tables"`
}

// ManifestTable names the columns of the rows that follow.
type ManifestTable struct {
	Name    string           `json:"name"`
	Columns []ManifestColumn `json:"columns"`
}

// ManifestColumn has a Kind of "int", "text" or "bytes".
type ManifestColumn struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func (t ManifestTable) columns() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// Backup writes an archive of one state of the database, whatever is written meanwhile.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.begun.Done()
	err := s.e.snapshot(ctx, func(c conn) error {
		m, err := manifest(c, s.d)
		if err != nil {
			return err
		}
		a := newArchiver(ctx, w)
		doc, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		if err := a.file(manifestFile, append(doc, '\n')); err != nil {
			return err
		}
		for i, t := range m.Tables {
			if err := a.table(c, t, tables[i].key); err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
		}
		return a.close()
	})
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return nil
}

// manifest reads the schema as it is.
func manifest(c conn, d *dialect) (*Manifest, error) {
	m := &Manifest{Format: archiveFormat, Engine: d.name, CreatedAt: time.Now().UTC().Truncate(time.Second)}
	err := c.query(`SELECT max(version) FROM schema_migrations`, nil, func(s *scan) { m.Schema = s.int64() })
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		mt := ManifestTable{Name: t.name}
		err := c.query(d.tableColumns, []any{t.name}, func(s *scan) {
			col := ManifestColumn{Name: s.text(), Kind: s.text()}
			switch strings.ToLower(col.Kind) {
			case "integer", "bigint", "smallint":
				col.Kind = "int"
			case "blob", "bytea":
				col.Kind = "bytes"
			default:
				col.Kind = "text"
			}
			mt.Columns = append(mt.Columns, col)
		})
		if err != nil {
			return nil, err
		}
		m.Tables = append(m.Tables, mt)
	}
	return m, nil
}

// archiver writes the files of an archive.
type archiver struct {
	ctx  context.Context
	zip  *gzip.Writer
	tar  *tar.Writer
	sums bytes.Buffer
	now  time.Time
}

func newArchiver(ctx context.Context, w io.Writer) *archiver {
	z := gzip.NewWriter(w)
	return &archiver{ctx: ctx, zip: z, tar: tar.NewWriter(z), now: time.Now()}
}

func (a *archiver) file(name string, data []byte) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	fmt.Fprintf(&a.sums, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	return a.write(name, data)
}

func (a *archiver) write(name string, data []byte) error {
	err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: a.now})
	if err == nil {
		_, err = a.tar.Write(data)
	}
	return err
}

func (a *archiver) close() error {
	if err := a.write(sumsFile, a.sums.Bytes()); err != nil {
		return err
	}
	if err := a.tar.Close(); err != nil {
		return err
	}
	return a.zip.Close()
}

// table streams the rows of a table in chunks.
func (a *archiver) table(c conn, t ManifestTable, key string) error {
	var buf []byte
	chunk := 0
	var failed error
	flush := func() {
		if len(buf) > 0 && failed == nil {
			chunk++
			failed = a.file(fmt.Sprintf("%s/%06d.jsonl", t.Name, chunk), buf)
		}
		buf = buf[:0]
	}
	err := c.query(`SELECT `+t.columns()+` FROM `+t.Name+` ORDER BY `+key, nil, func(s *scan) {
		if failed != nil {
			return
		}
		buf = appendRow(buf, s, t.Columns)
		if len(buf) >= chunkSize {
			flush()
		}
	})
	flush()
	if failed != nil {
		return failed
	}
	return err
}

func appendRow(b []byte, s *scan, columns []ManifestColumn) []byte {
	for i, c := range columns {
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		b = append(b, sep)
		switch {
		case s.cols.null(i):
			b = append(b, "null"...)
		case c.Kind == "int":
			b = strconv.AppendInt(b, s.cols.integer(i), 10)
		case c.Kind == "bytes":
			b = append(b, '"')
			b = base64.StdEncoding.AppendEncode(b, s.cols.blob(i))
			b = append(b, '"')
		default:
			b = appendQuoted(b, s.cols.text(i))
		}
	}
	return append(b, "]\n"...)
}
