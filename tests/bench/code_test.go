package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

// What a function notes reaches who waits for it, in pieces and after its worker's end too.
func TestArrivals(t *testing.T) {
	dir := t.TempDir()
	s := &sink{waiting: map[string]chan text{}}
	a := &arrivals{folder: dir, sink: s, files: map[string]*noted{}}
	worker := filepath.Join(dir, "w1")
	if err := os.Mkdir(worker, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(worker, "arrived"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first, done := s.expect("+491510001")
	defer done()
	second, done := s.expect("+491510002")
	defer done()
	a.look()
	io.WriteString(f, "+491510001 1795273200123.456 739154\n+49151")
	a.read(a.files["w1"])
	if got := <-first; got.code != "739154" || !got.at.Equal(time.UnixMicro(1795273200123456)) {
		t.Errorf("%+v", got)
	}
	io.WriteString(f, "0002 1795273200124 -\nno line of ours\n+491510003 x -\n")
	os.RemoveAll(worker)
	a.look()
	if got := <-second; got.code != "-" || len(a.files) != 0 || s.arrived.Load() != 2 || s.stray.Load() != 0 {
		t.Errorf("%+v, %d files, %d arrived, %d stray", got, len(a.files), s.arrived.Load(), s.stray.Load())
	}
}

// A database that was given user code has the functions, and the pools' triggers name them.
func TestInstall(t *testing.T) {
	c, err := openCache(t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	path, drop, err := sqliteFiles{c}.copy(t.Context(), 20, true)
	if err != nil {
		t.Fatal(err)
	}
	defer drop()
	pack, err := givenNode.pack(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sets := newSets(20)
	b := &block{runner: &runner{cache: c}}
	if err := b.with(t.Context(), path, func(i *installer) error { return i.all(t.Context(), givenNode, pack, sets) }); err != nil {
		t.Fatal(err)
	}
	s, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Read(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Functions().Function(t.Context(), region, givenNode.name); err != nil {
			return err
		}
		for _, set := range sets {
			p, err := tx.Pools().Pool(t.Context(), set.pool)
			if err != nil {
				return err
			}
			if !bytes.Contains(p.Config, []byte(`"CustomSMSSender":"arn:aws:lambda:us-bench-1:000000000000:function:given"`)) || !bytes.Contains(p.Config, []byte(`"kms_key":"arn:aws:kms:us-bench-1:`)) {
				t.Errorf("%s: %s", set.pool, p.Config)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A package without its modules leaves its workload out, and a whole one is a zip.
func TestPackages(t *testing.T) {
	b, err := givenNode.pack(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "index.js" {
		t.Errorf("%v, %v", z, err)
	}
	if _, err := withModules("", "no-such-module")(t.Context(), nil); !errors.Is(err, errLeftOut) {
		t.Error(err)
	}
}

// Processes below this one are found, however deep.
func TestWorkers(t *testing.T) {
	p := newProcess([]string{"/bin/sh", "-c", "sleep 60 & wait"})
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.watch()
	defer p.end()
	var list []int
	for end := time.Now().Add(10 * time.Second); len(list) == 0 && time.Now().Before(end); {
		var err error
		if list, err = workersOf(p.pid()); err != nil {
			t.Fatal(err)
		}
	}
	for _, child := range list {
		if s, err := readStat(child); err != nil || s.parent != p.pid() {
			t.Errorf("%d: %+v, %v", child, s, err)
		}
	}
	if len(list) != 1 {
		t.Errorf("%v", list)
	}
	if _, err := usageOfWorkers(p.pid()); err != nil {
		t.Error(err)
	}
	for _, child := range list {
		if q, err := os.FindProcess(child); err == nil {
			q.Kill()
		}
	}
}
