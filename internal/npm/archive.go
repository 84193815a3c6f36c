package npm

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"slices"

	"countersign/internal/fault"
	"countersign/internal/module"
)

// The files of a package (package script, "the shape of a package").
const (
	scriptFile   = "script.js"
	describeFile = "script.json"
)

// entryData is a file to be packed.
type entryData struct {
	name string
	data []byte
}

// packed is a file as it stands in an archive: compressed once, used for every script with these modules.
type packed struct {
	header zip.FileHeader
	data   []byte
}

// compress packs a file. Times and modes are always the same, so that equal files give equal bytes.
func compress(e entryData) (packed, error) {
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.DefaultCompression)
	if err != nil {
		return packed{}, err
	}
	if _, err := w.Write(e.data); err != nil {
		return packed{}, err
	}
	if err := w.Close(); err != nil {
		return packed{}, err
	}
	h := zip.FileHeader{Name: e.name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(e.data), CompressedSize64: uint64(buf.Len()),
		UncompressedSize64: uint64(len(e.data))}
	h.SetMode(0o644)
	return packed{h, buf.Bytes()}, nil
}

// assemble makes the archive: the script, its description and its modules.
func assemble(s *module.Source, specifiers []string, modules []packed) (artifact []byte, hash string, err error) {
	about, err := json.Marshal(struct {
		File    string   `json:"file"`
		Modules []string `json:"modules"`
	}{cmp.Or(s.File, scriptFile), append([]string{}, specifiers...)})
	if err != nil {
		return nil, "", fault.Internalf("npm: %w", err)
	}
	all := slices.Clone(modules)
	for _, e := range []entryData{{scriptFile, []byte(s.Code)}, {describeFile, about}} {
		p, err := compress(e)
		if err != nil {
			return nil, "", fault.Internalf("npm: %w", err)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b packed) int { return cmp.Compare(a.header.Name, b.header.Name) })
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, p := range all {
		h := p.header
		w, err := z.CreateRaw(&h)
		if err == nil {
			_, err = w.Write(p.data)
		}
		if err != nil {
			return nil, "", fault.Internalf("npm: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, "", fault.Internalf("npm: %w", err)
	}
	if buf.Len() > module.MaxArtifact {
		return nil, "", tooLarge("the package has %.1f MB, at most %d may be", float64(buf.Len())/(1<<20), module.MaxArtifact>>20)
	}
	sum := sha256.Sum256(buf.Bytes())
	return buf.Bytes(), hex.EncodeToString(sum[:]), nil
}
