package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"time"

	"countersign/internal/store"
)

// migration is one numbered file. A program whose newest migration is at least needs can use a database with it.
type migration struct {
	version, needs int64
	name, sql      string
}

var (
	migrationName  = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)
	migrationNeeds = regexp.MustCompile(`^-- needs: ([0-9]+)\n`)
)

// migrations returns the files of an engine in order; they are numbered from 1 without gaps.
func migrations(engine string) ([]migration, error) {
	dir := path.Join("migrations", engine)
	files, err := fs.ReadDir(migrationFiles, dir)
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, f := range files {
		text, err := fs.ReadFile(migrationFiles, path.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		name := migrationName.FindStringSubmatch(f.Name())
		needs := migrationNeeds.FindSubmatch(text)
		if name == nil || needs == nil {
			return nil, fmt.Errorf("store: migration %s: want NNNN_name.sql and a first line \"-- needs: N\"", f.Name())
		}
		m := migration{name: f.Name(), sql: string(text)}
		m.version, _ = strconv.ParseInt(name[1], 10, 64)
		m.needs, _ = strconv.ParseInt(string(needs[1]), 10, 64)
		if m.version != int64(i+1) || m.needs > m.version {
			return nil, fmt.Errorf("store: migration %s is out of order", f.Name())
		}
		all = append(all, m)
	}
	return all, nil
}

// Fingerprint identifies the migrations of an engine ("sqlite", "postgres"): test databases are copied from a template of
// the same.
func Fingerprint(engine string) (string, error) {
	all, err := migrations(engine)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, m := range all {
		fmt.Fprintf(h, "%s\x00%s\x00", m.name, m.sql)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// migrator is a connection that may change the schema.
type migrator interface {
	dialect() *dialect
	conn() conn
	script(sql string) error
	// transact runs f in one transaction while no other process migrates.
	transact(ctx context.Context, f func() error) error
}

// checkSchema compares the database with this program's migrations and brings it up to date if it may.
func checkSchema(ctx context.Context, m migrator, o Options) error {
	all, err := migrations(m.dialect().name)
	if err != nil {
		return err
	}
	version, needs, err := schemaOf(m)
	if err != nil {
		return err
	}
	newest := all[len(all)-1].version
	switch {
	case needs > newest:
		return fmt.Errorf("%w: its schema is number %d and asks for a program that knows number %d, this one knows %d; use the newer program, or restore a backup made before the upgrade",
			store.ErrNewer, version, needs, newest)
	case version >= newest:
		return nil
	case !o.Migrate:
		return fmt.Errorf("%w (it is number %d, this program needs %d)", ErrOlder, version, newest)
	}
	err = m.transact(ctx, func() error {
		if o.Empty {
			if err := holdsNothing(m); err != nil {
				return err
			}
		}
		return apply(m, all)
	})
	if errors.Is(err, ErrNotEmpty) {
		return err
	}
	if err != nil {
		return fmt.Errorf("store: migrating: %w", err)
	}
	return nil
}

// holdsNothing is mustBeEmpty for a schema that may lack some of our tables.
func holdsNothing(m migrator) error {
	for _, tab := range tables {
		if tab.name == "meta" {
			continue
		}
		var n int64
		count := func(s *scan) { n = s.int64() }
		if err := m.conn().query(m.dialect().hasTable, []any{tab.name}, count); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		n = 0
		if err := m.conn().query(`SELECT CAST(1 AS BIGINT) FROM `+tab.name+` LIMIT 1`, nil, count); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: table %s has rows", ErrNotEmpty, tab.name)
		}
	}
	return nil
}

// schemaOf returns the newest migration applied, 0 for an empty database, and what program that one needs.
func schemaOf(m migrator) (version, needs int64, err error) {
	var tables int64
	err = m.conn().query(m.dialect().hasTable, []any{"schema_migrations"}, func(s *scan) { tables = s.int64() })
	if err != nil || tables == 0 {
		return 0, 0, err
	}
	err = m.conn().query(`SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM schema_migrations`, nil, func(s *scan) {
		version, needs = s.int64(), s.int64()
	})
	return version, needs, err
}

// apply runs inside the transaction. Another process may have migrated while this one waited for its turn.
func apply(m migrator, all []migration) error {
	if err := m.script(m.dialect().schemaTable); err != nil {
		return err
	}
	version, _, err := schemaOf(m)
	if err != nil {
		return err
	}
	for _, mig := range all {
		if mig.version <= version {
			continue
		}
		if err := m.script(mig.sql); err != nil {
			return fmt.Errorf("%s: %w", mig.name, err)
		}
		_, err := m.conn().change(`INSERT INTO schema_migrations (version, name, needs, applied_at) VALUES ($1, $2, $3, $4)`,
			[]any{mig.version, mig.name, mig.needs, time.Now().UnixMicro()})
		if err != nil {
			return err
		}
	}
	return nil
}
