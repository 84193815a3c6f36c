package script_test

import (
	"archive/zip"
	"bytes"
	"maps"
	"slices"
)

// archive makes a package of files.
func archive(files map[string]string) []byte {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		w, _ := z.Create(n)
		w.Write([]byte(files[n]))
	}
	z.Close()
	return buf.Bytes()
}
