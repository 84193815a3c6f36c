package sqlstore_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/store/storetest"
)

// fill puts in two pools and enough events for several chunks.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	err := s.Write(ctx, func(tx store.Tx) error {
		for _, p := range []string{"a", "b"} {
			if err := storetest.FillPool(ctx, tx, p); err != nil {
				return err
			}
		}
		if err := storetest.FillFunctions(ctx, tx); err != nil {
			return err
		}
		for n := range 2500 {
			at := now.Add(time.Duration(n) * time.Second)
			e := &store.Event{ID: store.NewID(at), PoolID: "a", Type: "t", At: at, Data: []byte(`{"text":"` + strings.Repeat("ü🙂", 100) + `"}`), Sealed: []byte{0, 255}}
			if err := tx.Events().Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func backup(t *testing.T, s *sqlstore.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpack returns the rows of each table, and the files in order.
func unpack(t *testing.T, archive []byte) (rows map[string]string, files []string, data map[string][]byte) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	rows, data = map[string]string{}, map[string][]byte{}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return rows, files, data
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files, data[h.Name] = append(files, h.Name), b
		rows[path.Dir(h.Name)] += string(b)
	}
}

// pack makes an archive of files.
func pack(t *testing.T, files []string, data map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data[name]))}); err != nil {
			t.Fatal(err)
		}
		w.Write(data[name])
	}
	w.Close()
	z.Close()
	return b.Bytes()
}

// TestRestore restores a backup of each engine into each engine.
func TestRestore(t *testing.T) {
	for _, from := range storetest.Engines(t) {
		source := from.Open(t)
		fill(t, source)
		archive := backup(t, source)
		want, files, _ := unpack(t, archive)
		if n := len(slices.DeleteFunc(files, func(f string) bool { return !strings.HasPrefix(f, "events/") })); n < 2 {
			t.Fatalf("events are in %d chunks, want several", n)
		}
		for _, to := range storetest.Engines(t) {
			t.Run(from.Name+" to "+to.Name, func(t *testing.T) {
				target := to.Open(t)
				if err := sqlstore.Restore(t.Context(), bytes.NewReader(archive), target); err != nil {
					t.Fatal(err)
				}
				got, _, _ := unpack(t, backup(t, target))
				for _, name := range sqlstore.Tables() {
					switch name {
					case "codes", "challenges":
						if got[name] != "" {
							t.Errorf("%s survived: %s", name, got[name])
						}
					case "meta", "families", "outbox":
					default:
						if got[name] != want[name] || want[name] == "" && name != "access_keys" && name != "spent" {
							t.Errorf("%s: got %.300s, want %.300s", name, got[name], want[name])
						}
					}
				}
				checkRaised(t, target)
				if err := sqlstore.Restore(t.Context(), bytes.NewReader(archive), target); !errors.Is(err, sqlstore.ErrNotEmpty) {
					t.Errorf("a second Restore: %v", err)
				}
			})
		}
	}
}

func checkRaised(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	err := s.Read(ctx, func(tx store.Tx) error {
		if n, err := tx.Epoch(ctx); err != nil || n != 2 {
			t.Errorf("epoch %d, %v, want 2", n, err)
		}
		f, err := tx.Families().Family(ctx, "a-f")
		if err != nil {
			return err
		}
		m, err := tx.Outbox().Message(ctx, "a-m1")
		if err != nil {
			return err
		}
		if f.RevokedAt.IsZero() || m.State != store.Expired {
			t.Errorf("the family was revoked at %v, the queued message is %s", f.RevokedAt, m.State)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRestoreDamaged changes an archive in ways that gzip does not notice, and cuts it off everywhere.
func TestRestoreDamaged(t *testing.T) {
	source := storetest.SQLite(t)
	fill(t, source)
	archive := backup(t, source)
	_, files, data := unpack(t, archive)
	change := func(f func(files []string, data map[string][]byte) []string) []byte {
		copied := map[string][]byte{}
		for k, v := range data {
			copied[k] = slices.Clone(v)
		}
		return pack(t, f(slices.Clone(files), copied), copied)
	}
	cases := map[string][]byte{
		"empty":    nil,
		"not gzip": []byte("SQLite format 3\x00"),
		"a changed row": change(func(f []string, d map[string][]byte) []string {
			d["users/000001.jsonl"] = bytes.Replace(d["users/000001.jsonl"], []byte("CONFIRMED"), []byte("CONFIRMEE"), 1)
			return f
		}),
		"a missing chunk": change(func(f []string, d map[string][]byte) []string {
			return slices.DeleteFunc(f, func(n string) bool { return n == "aliases/000001.jsonl" })
		}),
		"no sums":     change(func(f []string, d map[string][]byte) []string { return f[:len(f)-1] }),
		"no manifest": change(func(f []string, d map[string][]byte) []string { return f[1:] }),
		"a foreign column": change(func(f []string, d map[string][]byte) []string {
			d["manifest.json"] = bytes.Replace(d["manifest.json"], []byte(`"username"`), []byte(`"id) VALUES (1) --"`), 1)
			return f
		}),
		"a foreign table": change(func(f []string, d map[string][]byte) []string {
			d["x/1.jsonl"] = []byte("[1]\n")
			return slices.Insert(f, 1, "x/1.jsonl")
		}),
		"a short row": change(func(f []string, d map[string][]byte) []string {
			d["users/000001.jsonl"] = []byte("[1]\n")
			return f
		}),
	}
	for _, n := range []int{10, 100, 1000, len(archive) / 2, len(archive) - 20, len(archive) - 1} {
		cases[fmt.Sprintf("cut at %d", n)] = archive[:n]
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			target := storetest.SQLite(t)
			err := sqlstore.Restore(t.Context(), bytes.NewReader(bad), target)
			if !errors.Is(err, sqlstore.ErrArchive) {
				t.Errorf("Restore: %v", err)
			}
			got, _, _ := unpack(t, backup(t, target))
			for _, table := range sqlstore.Tables() {
				if table != "meta" && got[table] != "" {
					t.Errorf("%s has rows", table)
				}
			}
			if info, err := target.Info(t.Context()); err != nil || info.Epoch != 1 {
				t.Errorf("Info: %+v, %v", info, err)
			}
		})
	}
	newer := change(func(f []string, d map[string][]byte) []string {
		d["manifest.json"] = bytes.Replace(d["manifest.json"], []byte(`"schema": `), []byte(`"schema": 999`), 1)
		return f
	})
	if err := sqlstore.Restore(t.Context(), bytes.NewReader(newer), storetest.SQLite(t)); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer archive: %v", err)
	}
}

// TestBackupIsOneState writes while a backup runs: every user in it has its alias, and every alias its user.
func TestBackupIsOneState(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(e.Name, func(t *testing.T) {
			s := e.Open(t)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			ready := make(chan struct{})
			go func() {
				defer close(done)
				for i := 0; ctx.Err() == nil; i++ {
					id := fmt.Sprintf("u%07d", i)
					s.Write(t.Context(), func(tx store.Tx) error {
						if err := tx.Users().InsertUser(ctx, &store.User{PoolID: "p", ID: id}); err != nil {
							return err
						}
						_, err := tx.Users().ClaimAlias(ctx, "p", id, id)
						return err
					})
					if i == 100 {
						close(ready)
					}
				}
			}()
			<-ready
			rows, _, _ := unpack(t, backup(t, s))
			stop()
			<-done
			if u, a := strings.Count(rows["users"], "\n"), strings.Count(rows["aliases"], "\n"); u != a || u < 100 {
				t.Errorf("%d users, %d aliases", u, a)
			}
		})
	}
}
