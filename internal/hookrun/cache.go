package hookrun

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"countersign/internal/runner"
)

// What a package may hold: Lambda's bound for unpacked code (250 MB, Lambda quotas), and bounds of ours.
const (
	maxUnpacked = 262144000
	maxFiles    = 60_000
	maxDepth    = 40
	maxPath     = 1024
	// unpackTimeout bounds the fetching and unpacking of one package.
	unpackTimeout = 2 * time.Minute
)

// cacheEpoch is the modification time of every unpacked file: one that has been written to since has another.
var cacheEpoch = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// cache keeps unpacked packages, each in a folder named by its hash, whole and read-only or not at all.
type cache struct {
	folder, instance string
	bytes            int64
	logf             func(string, ...any)

	mu      sync.Mutex
	entries map[string]*entry
}

// entry is a package that was unpacked or found by this process. users counts the workers that run from it.
type entry struct {
	ready chan struct{}
	err   error
	bytes int64
	users int
	used  time.Time
	// found: left by an earlier process and not yet verified by this one.
	found bool
}

// manifest lies beside a package's folder: what it must hold. It is written last.
type manifest struct {
	Bytes int64
	// Files are sizes by path.
	Files map[string]int64
}

func (c *cache) path(hash string) string         { return filepath.Join(c.folder, "packages", hash) }
func (c *cache) manifestPath(hash string) string { return c.path(hash) + ".json" }

// use returns the folder of the code's package, unpacked, and a function that gives it back.
func (c *cache) use(ctx context.Context, code *runner.Code) (string, func(), error) {
	if b, err := hex.DecodeString(code.Artifact); err != nil || len(b) != sha256.Size || strings.ToLower(code.Artifact) != code.Artifact {
		return "", nil, fmt.Errorf("%w: the package of %s has no hash", runner.ErrUnavailable, code.Name)
	}
	c.mu.Lock()
	e := c.entries[code.Artifact]
	if e != nil && e.closed() && (e.users == 0 && (e.found || e.err != nil) || !exists(c.path(code.Artifact))) {
		e = nil // not verified yet, failed before, or swept by somebody
	}
	mine := e == nil
	if mine {
		e = &entry{ready: make(chan struct{})}
		c.entries[code.Artifact] = e
	}
	e.users++
	c.mu.Unlock()
	release := func() { c.release(e) }
	if mine {
		e.bytes, e.err = c.prepare(ctx, code)
		close(e.ready)
		c.trim()
	}
	select {
	case <-e.ready:
	case <-ctx.Done():
		release()
		return "", nil, ctx.Err()
	}
	if e.err != nil {
		release()
		return "", nil, e.err
	}
	return c.path(code.Artifact), release, nil
}

func (e *entry) closed() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

func (c *cache) release(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	e.used = time.Now()
}

// prepare finds the package on disk, intact, or unpacks it.
func (c *cache) prepare(ctx context.Context, code *runner.Code) (int64, error) {
	if exists(c.path(code.Artifact)) {
		n, err := c.verify(code.Artifact)
		if err == nil {
			return n, nil
		}
		c.logf("the unpacked package of %s is damaged and made anew: %v", code.Name, err)
		if err := c.remove(code.Artifact); err != nil {
			return 0, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, unpackTimeout)
	defer cancel()
	n, err := c.fetch(ctx, code)
	if err != nil {
		return 0, fmt.Errorf("%w: package of %s: %w", runner.ErrUnavailable, code.Name, err)
	}
	return n, nil
}

// fetch copies the archive to disk, checks its hash, and unpacks it beside its place.
func (c *cache) fetch(ctx context.Context, code *runner.Code) (int64, error) {
	work, err := os.MkdirTemp(filepath.Join(c.folder, "packages"), newPrefix+c.instance+"-")
	if err != nil {
		return 0, err
	}
	defer RemoveAll(work)
	archive, err := os.Create(filepath.Join(work, "zip"))
	if err != nil {
		return 0, err
	}
	defer archive.Close()
	size, err := copyPackage(ctx, archive, code)
	if err != nil {
		return 0, err
	}
	z, err := zip.NewReader(archive, size)
	if err != nil {
		return 0, err
	}
	folder := filepath.Join(work, "code")
	m, err := unpack(ctx, z, folder)
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return 0, err
	}
	side := filepath.Join(work, "manifest")
	if err := os.WriteFile(side, text, 0o600); err != nil {
		return 0, err
	}
	if err := errors.Join(os.Rename(side, c.manifestPath(code.Artifact)), os.Rename(folder, c.path(code.Artifact))); err != nil {
		if n, verr := c.verify(code.Artifact); verr == nil {
			return n, nil // another server with the same cache was faster
		}
		return 0, err
	}
	return m.Bytes, os.Chmod(c.path(code.Artifact), 0o555)
}

// copyPackage writes the archive to w and compares its hash.
func copyPackage(ctx context.Context, w io.Writer, code *runner.Code) (int64, error) {
	p, err := code.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	if p.Size() > maxUnpacked {
		return 0, fmt.Errorf("the archive has %d bytes, more than %d", p.Size(), maxUnpacked)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), &contextReader{ctx, io.NewSectionReader(p, 0, p.Size())})
	if err != nil {
		return 0, err
	}
	if n != p.Size() || hex.EncodeToString(sum.Sum(nil)) != code.Artifact {
		return 0, errors.New("the archive is not the one that its hash names")
	}
	return n, nil
}

// contextReader ends a copy when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// verify compares the unpacked files with their manifest: names, sizes and whether they were written to.
func (c *cache) verify(hash string) (int64, error) {
	text, err := os.ReadFile(c.manifestPath(hash))
	if err != nil {
		return 0, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return 0, err
	}
	found := 0
	root := c.path(hash)
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size, ok := m.Files[filepath.ToSlash(rel)]
		if !ok || !info.Mode().IsRegular() || info.Size() != size || !info.ModTime().Equal(cacheEpoch) {
			return fmt.Errorf("%s is not as it was unpacked", rel)
		}
		found++
		return nil
	})
	if err == nil && found != len(m.Files) {
		err = errors.New("files are missing")
	}
	return m.Bytes, err
}

// trim removes the packages that were unused for the longest time until the rest fits.
func (c *cache) trim() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		var total int64
		oldest := ""
		for hash, e := range c.entries {
			if !e.closed() || e.err != nil {
				continue
			}
			total += e.bytes
			if e.users == 0 && (oldest == "" || e.used.Before(c.entries[oldest].used)) {
				oldest = hash
			}
		}
		if total <= c.bytes || oldest == "" {
			return
		}
		delete(c.entries, oldest)
		if err := c.remove(oldest); err != nil {
			c.logf("an unpacked package cannot be removed: %v", err)
		}
	}
}

// adopt registers what an earlier process left, so that trim counts it.
func (c *cache) adopt() error {
	folder := filepath.Join(c.folder, "packages")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	list, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, d := range list {
		name := d.Name()
		if strings.HasPrefix(name, newPrefix) {
			continue // at work, or swept
		}
		if hash, ok := strings.CutSuffix(name, ".json"); ok && !exists(c.path(hash)) {
			os.Remove(filepath.Join(folder, name))
		} else if !ok {
			c.adoptOne(name)
		}
	}
	return nil
}

func (c *cache) adoptOne(hash string) {
	var m manifest
	text, err := os.ReadFile(c.manifestPath(hash))
	if err != nil || json.Unmarshal(text, &m) != nil {
		RemoveAll(c.path(hash))
		return
	}
	e := &entry{ready: make(chan struct{}), bytes: m.Bytes, found: true}
	close(e.ready)
	if info, err := os.Stat(c.manifestPath(hash)); err == nil {
		e.used = info.ModTime()
	}
	c.entries[hash] = e
}

func (c *cache) remove(hash string) error {
	return errors.Join(RemoveAll(c.path(hash)), RemoveAll(c.manifestPath(hash)))
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}
