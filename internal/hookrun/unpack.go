package hookrun

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// unpack writes the archive's files to folder, read-only. Names that leave the folder, links, devices, doubles and bombs are refused.
func unpack(ctx context.Context, z *zip.Reader, folder string) (*manifest, error) {
	m := &manifest{Files: map[string]int64{}}
	if tooMany(z) {
		return nil, fmt.Errorf("more than %d files and folders", maxFiles)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, err
	}
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name, err := entryName(f)
		if err != nil {
			return nil, err
		}
		target := filepath.Join(folder, filepath.FromSlash(name))
		if f.Mode().IsDir() {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return nil, fmt.Errorf("%q is a file and a folder", name)
			}
			continue
		}
		n, err := unpackFile(f, name, target, maxUnpacked-m.Bytes)
		if err != nil {
			return nil, err
		}
		m.Files[name] = n
		m.Bytes += n
	}
	return m, seal(folder)
}

// tooMany counts files and folders, also those that names imply: a few megabytes of names could make millions of folders.
func tooMany(z *zip.Reader) bool {
	folders := map[string]bool{}
	for _, f := range z.File {
		for dir := path.Dir(path.Clean(f.Name)); len(dir) > 1 && !folders[dir]; dir = path.Dir(dir) {
			if folders[dir] = true; len(z.File)+len(folders) > maxFiles {
				return true
			}
		}
	}
	return len(z.File) > maxFiles
}

// entryName checks and cleans the name of an archive's entry.
func entryName(f *zip.File) (string, error) {
	name := f.Name
	mode := f.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		return "", fmt.Errorf("%q is a symbolic link: pack the files themselves (zip without -y)", name)
	case !mode.IsRegular() && !mode.IsDir():
		return "", fmt.Errorf("%q is neither a file nor a folder", name)
	case len(name) > maxPath || strings.Count(name, "/") > maxDepth:
		return "", fmt.Errorf("a path has more than %d bytes or %d folders", maxPath, maxDepth)
	case strings.ContainsAny(name, "\\\x00"):
		return "", fmt.Errorf("%q: bad name", name)
	}
	clean := path.Clean(strings.TrimPrefix(name, "./"))
	if !filepath.IsLocal(clean) || clean == "." && !mode.IsDir() {
		return "", fmt.Errorf("%q leaves the package", name)
	}
	return clean, nil
}

// unpackFile writes one file of at most limit bytes. A program keeps its execute bit; "bootstrap" always is one, since archives made on
// Windows have no such bits.
func unpackFile(f *zip.File, name, target string, limit int64) (int64, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return 0, fmt.Errorf("more than %d bytes unpacked", maxUnpacked)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return 0, fmt.Errorf("%q is a file and a folder", filepath.Dir(name))
	}
	mode := fs.FileMode(0o444)
	if f.Mode()&0o111 != 0 || name == "bootstrap" {
		mode = 0o555
	}
	r, err := f.Open()
	if err != nil {
		return 0, fmt.Errorf("%q: %w", name, err)
	}
	defer r.Close()
	w, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return 0, fmt.Errorf("%q is there twice", name)
	}
	n, err := io.Copy(w, io.LimitReader(r, limit+1))
	if err = errors.Join(err, w.Chmod(mode), w.Close()); err != nil {
		return 0, fmt.Errorf("%q: %w", name, err)
	}
	if n > limit {
		return 0, fmt.Errorf("more than %d bytes unpacked", maxUnpacked)
	}
	return n, os.Chtimes(target, cacheEpoch, cacheEpoch)
}

// seal makes the folders below root read-only; root itself follows after its renaming.
func seal(root string) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || p == root {
			return err
		}
		return os.Chmod(p, 0o555)
	})
}
