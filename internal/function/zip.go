package function

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/internal/fault"
)

// Bounds of a package (Lambda quotas; the number of files and the ratio are ours).
const (
	MaxPackage  = 50 << 20
	MaxUnpacked = 250 << 20
	MaxFiles    = 60_000

	maxPath    = 1024
	maxElement = 255
	maxDepth   = 40
	// A package that unpacks to more than ratioFloor may not grow by more than maxRatio: code does not, bombs do.
	ratioFloor = 32 << 20
	maxRatio   = 100
)

// contents is what a checked package holds: names of regular files.
type contents map[string]struct{}

func (c contents) hasOne(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := c[n]; return ok })
}

func badPackage(public string) error {
	return &fault.Error{Code: fault.InvalidParameter, Field: "ZipFile", Public: public}
}

func tooLarge(public string) error {
	return &fault.Error{Code: fault.PayloadTooLarge, Field: "ZipFile", Public: public}
}

// checkPackage judges a zip without unpacking it to disk: every entry is read to its end once, under the bounds above.
// The errors are fault.InvalidParameter and fault.PayloadTooLarge.
func checkPackage(data []byte) (contents, error) {
	if len(data) > MaxPackage {
		return nil, tooLarge("The package is larger than 50 MiB.")
	}
	if len(data) == 0 {
		return nil, badPackage("The package is empty: send a zip as ZipFile.")
	}
	// Each entry of the directory has this mark; the files within may have it too, but not very often. The reader would make all entries
	// before they can be counted.
	if bytes.Count(data, []byte("PK\x01\x02")) > 4*MaxFiles {
		return nil, tooLarge("The package has more than 60,000 files.")
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, badPackage("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if len(z.File) > MaxFiles {
		return nil, tooLarge("The package has more than 60,000 files.")
	}
	if err := checkSizes(z, int64(len(data))); err != nil {
		return nil, err
	}
	c, err := checkNames(z)
	if err != nil {
		return nil, err
	}
	left := int64(MaxUnpacked)
	buf := make([]byte, 64<<10)
	for _, f := range z.File {
		if left, err = checkEntry(f, left, buf); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// checkSizes judges what the archive says of itself, before anything is inflated.
func checkSizes(z *zip.Reader, packed int64) error {
	var sum uint64
	for _, f := range z.File {
		if f.UncompressedSize64 > MaxUnpacked {
			return tooLarge("Unzipped size must be smaller than 262144000 bytes")
		}
		if sum += f.UncompressedSize64; sum > MaxUnpacked {
			return tooLarge("Unzipped size must be smaller than 262144000 bytes")
		}
	}
	if sum > ratioFloor && int64(sum)/maxRatio > packed {
		return tooLarge("The package grows more than a hundredfold when it is unzipped.")
	}
	return nil
}

// checkEntry reads an entry to its end, which proves its checksum and that it is no larger than it says. What is left of the
// bound is returned.
func checkEntry(f *zip.File, left int64, buf []byte) (int64, error) {
	if f.Method != zip.Store && f.Method != zip.Deflate || f.Flags&1 != 0 {
		return 0, badPackage("The package has an entry that is encrypted or compressed in another way than deflate.")
	}
	r, err := f.Open()
	if err != nil {
		return 0, badPackage("The package has an entry that cannot be read.")
	}
	defer r.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(r, left+1), buf)
	if n > left {
		return 0, tooLarge("Unzipped size must be smaller than 262144000 bytes")
	}
	if err != nil {
		return 0, badPackage("The package has a damaged entry.")
	}
	return left - n, nil
}

// checkNames judges names and kinds: nothing leaves the folder, nothing is there twice, nothing lies below a file. Links are
// refused, since no worker unpacks them: zip without -y packs what they lead to.
func checkNames(z *zip.Reader) (contents, error) {
	c := make(contents, len(z.File))
	folders := map[string]struct{}{}
	var leaves []string
	for _, f := range z.File {
		name, isDir := strings.CutSuffix(strings.TrimPrefix(f.Name, "./"), "/")
		if f.Name == "./" {
			continue
		}
		if !localName(name) || isDir != f.Mode().IsDir() {
			return nil, badPackage("The package has an entry whose name is absolute, leads out of the folder or is malformed.")
		}
		if isDir {
			folders[name] = struct{}{}
			continue
		}
		switch f.Mode().Type() {
		case 0:
		case fs.ModeSymlink:
			return nil, badPackage("The package has a symbolic link: pack the files themselves (zip without -y).")
		default:
			return nil, badPackage("The package has an entry that is neither a file nor a folder.")
		}
		if _, twice := c[name]; twice {
			return nil, badPackage("The package has two entries of one name.")
		}
		c[name] = struct{}{}
		leaves = append(leaves, name)
	}
	for _, name := range leaves {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, seen := folders[dir]; seen {
				break
			}
			folders[dir] = struct{}{}
		}
		if len(folders)+len(c) > MaxFiles {
			return nil, tooLarge("The package has more than 60,000 files and folders.")
		}
	}
	for dir := range folders {
		for ; dir != "."; dir = path.Dir(dir) {
			if _, clash := c[dir]; clash {
				return nil, badPackage("The package has a name that is a file and a folder.")
			}
		}
	}
	return c, nil
}

// localName reports whether a name (slashes, no trailing one) is relative, clean and stays inside.
func localName(name string) bool {
	if name == "" || len(name) > maxPath || !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\\") || strings.Count(name, "/") > maxDepth || name != path.Clean(name) {
		return false
	}
	for e := range strings.SplitSeq(name, "/") {
		if e == "" || e == "." || e == ".." || len(e) > maxElement {
			return false
		}
	}
	return true
}

// judgeHandlerFile says what is missing in the package, or nothing.
func judgeHandlerFile(s *Settings, c contents) string {
	if c.hasOne(s.files()) {
		return ""
	}
	if !isNode(s.Runtime) {
		return "The package has no file named bootstrap at its root."
	}
	file, _ := s.module()
	return "The package has no " + file + ".js (.mjs, .cjs) for the handler " + s.Handler + "."
}
