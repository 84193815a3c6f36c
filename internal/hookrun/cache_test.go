package hookrun

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// archive makes a zip with entries that pack would not.
func archive(t testing.TB, add func(z *zip.Writer)) *runner.Code {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	add(z)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	code := js(t, ``)
	code.Artifact = hex.EncodeToString(sum[:])
	code.Open = func(context.Context) (runner.Package, error) { return memPackage{bytes.NewReader(buf.Bytes())}, nil }
	return code
}

func entryOf(name string, mode fs.FileMode, content string) func(z *zip.Writer) {
	return func(z *zip.Writer) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			io.WriteString(w, content)
		}
	}
}

func TestPackagesThatAreRefused(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	for name, c := range map[string]struct {
		add  func(z *zip.Writer)
		want string
	}{
		"parent":    {entryOf("../index.js", 0o644, "x"), "leaves the package"},
		"deep":      {entryOf("a/../../../etc/cron.d/x", 0o644, "x"), "leaves the package"},
		"absolute":  {entryOf("/etc/passwd", 0o644, "x"), "leaves the package"},
		"backslash": {entryOf(`..\index.js`, 0o644, "x"), "bad name"},
		"zero byte": {entryOf("a\x00b", 0o644, "x"), "bad name"},
		"symlink":   {entryOf("index.js", fs.ModeSymlink|0o777, "/etc/passwd"), "symbolic link"},
		"device":    {entryOf("index.js", fs.ModeDevice|0o666, ""), "neither a file nor a folder"},
		"twice": {func(z *zip.Writer) {
			entryOf("index.js", 0o644, "a")(z)
			entryOf("./index.js", 0o644, "b")(z)
		}, "there twice"},
		"file and folder": {func(z *zip.Writer) {
			entryOf("a", 0o644, "a")(z)
			entryOf("a/b", 0o644, "b")(z)
		}, "file and a folder"},
		"too deep": {entryOf(strings.Repeat("a/", 60)+"x", 0o644, "x"), "folders"},
		"bomb": {func(z *zip.Writer) {
			h := &zip.FileHeader{Name: "zeros", Method: zip.Deflate}
			w, _ := z.CreateHeader(h)
			chunk := make([]byte, 1<<20)
			for range maxUnpacked>>20 + 1 {
				w.Write(chunk)
			}
		}, "bytes unpacked"},
		"too many folders": {func(z *zip.Writer) {
			for i := range 2000 {
				entryOf(fmt.Sprintf("%d/%sx", i, strings.Repeat("a/", maxDepth-1)), 0o644, "")(z)
			}
		}, "files"},
		"too many files": {func(z *zip.Writer) {
			for i := range maxFiles + 1 {
				z.Create(fmt.Sprint(i))
			}
		}, fmt.Sprintf("more than %d files", maxFiles)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Run(context.Background(), archive(t, c.add), newCall(`1`))
			if !errors.Is(err, runner.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	list, err := os.ReadDir(filepath.Join(b.opts.Cache, "packages"))
	if err != nil || len(list) != 0 {
		t.Errorf("refused packages left %v, %v", list, err)
	}
}

func TestPackageThatIsNotItsHash(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, pidOf)
	code.Artifact = strings.Repeat("ab", 32)
	if _, err := b.Run(context.Background(), code, newCall(`1`)); !errors.Is(err, runner.ErrUnavailable) || !strings.Contains(err.Error(), "hash") {
		t.Errorf("got %v", err)
	}
	for _, hash := range []string{"", "../../x", strings.Repeat("AB", 32), "ab"} {
		code := js(t, pidOf)
		code.Artifact = hash
		if _, err := b.Run(context.Background(), code, newCall(`1`)); !errors.Is(err, runner.ErrUnavailable) {
			t.Errorf("hash %q: %v", hash, err)
		}
	}
}

func TestUnpackedOnceAndReadOnly(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := nodeCode(t, files{"index.js": `exports.handler = async () => { try { require('fs').writeFileSync(__filename, 'x'); return 'written' } catch (e) { return e.code } }`, "a/b.txt": "b"})
	opens := 0
	open := code.Open
	code.Open = func(ctx context.Context) (runner.Package, error) { opens++; return open(ctx) }
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			root, release, err := b.cache.use(context.Background(), code)
			if err != nil {
				t.Error(err)
				return
			}
			release()
			if info, err := os.Stat(filepath.Join(root, "a/b.txt")); err != nil || info.Mode().Perm() != 0o444 {
				t.Errorf("%v, %v", info, err)
			}
			if info, err := os.Stat(filepath.Join(root, "a")); err != nil || info.Mode().Perm() != 0o555 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
	wg.Wait()
	if opens != 1 {
		t.Errorf("unpacked %d times", opens)
	}
}

func TestDamagedCacheIsMadeAnew(t *testing.T) {
	dir := openDir(t)
	code := nodeCode(t, files{"index.js": `exports.handler = async () => require('./b')`, "b.json": `"right"`})
	with := func(f func(b *bench)) {
		b := newRunner(t, sandbox.None, func(o *Options) { o.Cache = dir })
		f(b)
		if err := b.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	file := func(b *bench) string { return filepath.Join(b.cache.path(code.Artifact), "b.json") }
	var path string
	with(func(b *bench) { b.ok(code, `1`); path = file(b) })
	for name, damage := range map[string]func() error{
		"changed": func() error { os.Chmod(path, 0o644); return os.WriteFile(path, []byte(`"wrong"`), 0o644) },
		"removed": func() error { os.Chmod(filepath.Dir(path), 0o755); return os.Remove(path) },
		"added": func() error {
			os.Chmod(filepath.Dir(path), 0o755)
			return os.WriteFile(filepath.Join(filepath.Dir(path), "b.js"), []byte(`module.exports = 'wrong'`), 0o644)
		},
		"no manifest": func() error { return os.Remove(filepath.Dir(path) + ".json") },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		with(func(b *bench) {
			if got := b.ok(code, `1`); got != `"right"` {
				t.Errorf("%s: %s", name, got)
			}
		})
	}
	// An intact one is used as it is.
	code.Open = func(context.Context) (runner.Package, error) { return nil, errors.New("not again") }
	with(func(b *bench) { b.ok(code, `1`) })
}

func TestCacheKeepsToItsBound(t *testing.T) {
	b := newRunner(t, sandbox.None, func(o *Options) { o.CacheBytes = 250_000 })
	var codes []*runner.Code
	for i := range 4 {
		codes = append(codes, nodeCode(t, files{"index.js": `exports.handler = async () => 1`, "pad": strings.Repeat(fmt.Sprint(i), 100_000)}))
	}
	hold := func(i int) func() {
		_, release, err := b.cache.use(context.Background(), codes[i])
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	release := hold(0) // in use: never removed
	for i := 1; i < 4; i++ {
		hold(i)()
	}
	for i, want := range []bool{true, false, false, true} {
		if got := exists(b.cache.path(codes[i].Artifact)); got != want {
			t.Errorf("package %d on disk: %v", i, got)
		}
	}
	release()
	hold(1)() // comes back
}

func FuzzEntryName(f *testing.F) {
	for _, s := range []string{"a", "a/b", "../a", "/a", "./a", "a//b", "a/./b", "", ".", "..", "C:/x", "a\\b", "a/..", "./"} {
		f.Add(s)
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, name string) {
		h := zip.FileHeader{Name: name}
		h.SetMode(0o644)
		clean, err := entryName(&zip.File{FileHeader: h})
		if err != nil || clean == "." && h.Mode().IsDir() {
			return // the package's own folder is no harm
		}
		target := filepath.Join(root, filepath.FromSlash(clean))
		if !strings.HasPrefix(target, root+string(filepath.Separator)) {
			t.Errorf("%q leads to %q", name, target)
		}
	})
}
