package hookrun

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// walkFiles visits what is below a folder, never through a link, folders before what is in them.
func walkFiles(path string, visit func(root *os.Root, name string, mode fs.FileMode) error) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errFolder, err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == "." {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return visit(root, name, info.Mode())
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errFolder, err)
	}
	return nil
}

// File is an entry of a Folder.
type File struct {
	// Name is a path with slashes below the folder. Size is in bytes.
	Name string
	Mode fs.FileMode
	Size int64
}

// Files lists the folder, folders before what is in them. Links are listed, not followed.
func (f *Folder) Files() ([]File, error) {
	var out []File
	err := walkFiles(f.Path, func(root *os.Root, name string, mode fs.FileMode) error {
		size := int64(0)
		if info, err := root.Lstat(name); err == nil && mode.IsRegular() {
			size = info.Size()
		}
		out = append(out, File{name, mode, size})
		return nil
	})
	return out, err
}

// Read returns a regular file of at most limit bytes, without following links out of the folder.
func (f *Folder) Read(name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(f.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFolder, err)
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%w: %s is no file of at most %d bytes", errFolder, name, limit)
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: %s grows", errFolder, name)
	}
	return data, err
}
