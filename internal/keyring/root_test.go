package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseRoot(t *testing.T) {
	want := NewRoot()
	raw := want.raw()
	for name, text := range map[string]string{
		"encoded": want.Encode(), "line end": want.Encode() + "\r\n", "unpadded": strings.TrimRight(want.Encode(), "="),
		"url": base64.URLEncoding.EncodeToString(raw), "raw url": base64.RawURLEncoding.EncodeToString(raw),
		"hex": hex.EncodeToString(raw), "upper hex": strings.ToUpper(hex.EncodeToString(raw)),
	} {
		if got, err := ParseRoot(text); err != nil || got.id != want.id || !bytes.Equal(got.raw(), want.raw()) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "short": base64.StdEncoding.EncodeToString(raw[:31]), "long": base64.StdEncoding.EncodeToString(append([]byte{1}, raw...)),
		"words": "correct horse battery staple", "zeros": base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"short hex": hex.EncodeToString(raw[:31]), "trailing": want.Encode() + "x",
	} {
		if _, err := ParseRoot(text); err == nil {
			t.Errorf("%s was accepted", name)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}

func TestRootPrintsFingerprintOnly(t *testing.T) {
	r := NewRoot()
	var out string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		out += fmt.Sprintf(verb+verb+verb, r, struct{ R Root }{r}, struct{ r Root }{r})
	}
	for _, leak := range []string{r.Encode(), hex.EncodeToString(r.raw()), fmt.Sprint(r.raw())[1:20]} {
		if strings.Contains(out, leak) {
			t.Errorf("the root key shows: %s", out)
		}
	}
	if !strings.Contains(out, r.ID()) || len(r.ID()) != 16 {
		t.Errorf("no fingerprint in %s", out)
	}
}

func TestRootFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	want := NewRoot()
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got, err := RootFromFile(path); err != nil || got.id != want.id {
		t.Errorf("read back %v, %v", got, err)
	}
	if err := NewRoot().WriteFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing key was overwritten: %v", err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o644, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := RootFromFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if _, err := RootFromFile(filepath.Dir(path)); err == nil {
		t.Error("a folder was read as a key")
	}
	if _, err := RootFromFile(path + ".missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	long := path + ".long"
	if err := os.WriteFile(long, []byte(want.Encode()+strings.Repeat(" ", maxRootText)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := RootFromFile(long); err == nil {
		t.Error("a file of more than the bound was read")
	}
}

func TestRootFromEnv(t *testing.T) {
	want := NewRoot()
	t.Setenv("COUNTERSIGN_TEST_ROOT", want.Encode())
	if got, err := RootFromEnv("COUNTERSIGN_TEST_ROOT"); err != nil || got.id != want.id {
		t.Errorf("%v, %v", got, err)
	}
	t.Setenv("COUNTERSIGN_TEST_ROOT", "")
	if _, err := RootFromEnv("COUNTERSIGN_TEST_ROOT"); err == nil {
		t.Error("an empty variable was accepted")
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add(NewRoot().Encode())
	f.Add(hex.EncodeToString(NewRoot().raw()))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRoot(text)
		if err != nil {
			return
		}
		if again, err := ParseRoot(r.Encode()); err != nil || !bytes.Equal(again.raw(), r.raw()) {
			t.Fatalf("%q: what parses does not re-encode: %v", text, err)
		}
	})
}
