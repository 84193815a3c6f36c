package script

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"countersign/internal/runner"
)

// Pack makes the package of a script without modules, and its SHA-256 in lower-case hex. Equal scripts give equal packages. file is the script's name
// in stack traces, "script.js" if empty.
func Pack(code, file string) (archive []byte, hash string) {
	if file == "" {
		file = "script.js"
	}
	manifest, _ := json.Marshal(map[string]any{"file": file, "modules": []string{}}) // cannot fail
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range []struct{ name, text string }{{"script.js", code}, {"script.json", string(manifest)}} {
		if w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate}); err == nil { // a bytes.Buffer takes everything
			w.Write([]byte(f.text))
		}
	}
	z.Close()
	sum := sha256.Sum256(buf.Bytes())
	return buf.Bytes(), hex.EncodeToString(sum[:])
}

// memory is an archive in memory.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// NewUnit returns a unit of a package in memory, with the package's hash as its id.
func NewUnit(kind Kind, name string, archive []byte) *Unit {
	sum := sha256.Sum256(archive)
	hash := hex.EncodeToString(sum[:])
	return &Unit{ID: hash, Name: name, Kind: kind, Artifact: hash,
		Open: func(context.Context) (runner.Package, error) { return memory{bytes.NewReader(archive)}, nil }}
}
