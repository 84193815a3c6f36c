package sandbox

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A program's author writes which loader it wants. That must not open files to it that nobody granted.
func TestLoaderGrantsNothing(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "countersign.db")
	link := filepath.Join(dir, "ld.so")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{secret, link, "/", "/etc", "/lib/../" + secret, "/lib", "countersign.db"} {
		program := filepath.Join(dir, "bootstrap")
		if err := os.WriteFile(program, elfWithLoader(t, wanted), 0o755); err != nil {
			t.Fatal(err)
		}
		p := makePlan(&Spec{Path: program, Dir: dir, Ports: []int{9001}, Limits: Limits{}.withDefaults()}, machine{Landlock: 6, Seccomp: true})
		if !slices.Equal(p.Exec, []string{program}) {
			t.Errorf("%q opens %q", wanted, p.Exec[1:])
		}
	}
}

// elfWithLoader is a file header and one program header.
func elfWithLoader(t *testing.T, path string) []byte {
	t.Helper()
	var b bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	p := elf.Prog64{Type: uint32(elf.PT_INTERP), Off: 120, Filesz: uint64(len(path) + 1), Memsz: uint64(len(path) + 1)}
	for _, v := range []any{h, p, append([]byte(path), 0)} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
