// Lambdazip packs a program as a function for Lambda's runtime provided.al2023: a zip with one executable file named bootstrap. The
// same program gives the same bytes.
//
//	lambdazip PROGRAM OUT.zip
package main

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: lambdazip PROGRAM OUT.zip")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "lambdazip:", err)
		os.Exit(1)
	}
}

// pack writes to a file beside out and renames it, so that out is never half a package.
func pack(program, out string) (err error) {
	in, err := os.Open(program)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp, err := os.Create(out + ".tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(write(tmp, in), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), out)
}

// write makes the zip. 1980 is where the format's time begins.
func write(out io.Writer, program io.Reader) error {
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, program); err != nil {
		return err
	}
	return z.Close()
}
