package function

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
)

type entry struct {
	name string
	mode fs.FileMode
	data string
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.data == "" {
			h.Method = zip.Store
		}
		if e.mode == 0 {
			e.mode = 0o644
		}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err == nil && !strings.HasSuffix(e.name, "/") {
			_, err = f.Write([]byte(e.data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name string) entry { return entry{name: name, data: "x"} }

// claim makes every entry of the directory say that it unpacks to size.
func claim(data []byte, size uint32) {
	for i := 0; i+28 < len(data); i++ {
		if bytes.HasPrefix(data[i:], []byte("PK\x01\x02")) {
			binary.LittleEndian.PutUint32(data[i+24:], size)
		}
	}
}

func TestCheckPackage(t *testing.T) {
	// The directories of these say what takes long to make: sizes are judged before anything is inflated.
	bomb := archive(t, entry{name: "index.js", data: strings.Repeat("\x00", 1<<20)})
	claim(bomb, 60<<20)
	large := archive(t, file("a"), file("b"), file("c"), file("d"), file("e"))
	claim(large, 60<<20)
	damaged := archive(t, entry{name: "index.js", data: strings.Repeat("abc", 100)})
	damaged[45] ^= 0xff
	lying := archive(t, entry{name: "index.js", data: strings.Repeat("abc", 1000)})
	// The directory says 10 bytes where there are 3000.
	claim(lying, 10)
	encrypted := archive(t, file("index.js"))
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	method := archive(t, file("index.js"))
	method[bytes.Index(method, []byte("PK\x01\x02"))+10] = 99
	many := make([]entry, MaxFiles+1)
	for i := range many {
		many[i] = entry{name: fmt.Sprint(i)}
	}
	deep := strings.Repeat("d/", maxDepth+1) + "x"
	tests := []struct {
		name string
		data []byte
		want fault.Code
	}{
		{"one file", archive(t, file("index.js")), ""},
		{"folders and files", archive(t, file("node_modules/"), file("node_modules/a/b.js"), file("index.js"), file("node_modules/a/c.js")), ""},
		{"./", archive(t, entry{name: "./", mode: fs.ModeDir | 0o755}, file("./index.js")), ""},
		{"dots in names", archive(t, file("..a/b..js"), file("...")), ""},
		{"empty", nil, fault.InvalidParameter},
		{"no zip", []byte("hello"), fault.InvalidParameter},
		{"cut off", archive(t, file("index.js"))[:60], fault.InvalidParameter},
		{"absolute", archive(t, file("/etc/passwd")), fault.InvalidParameter},
		{"parent", archive(t, file("../x")), fault.InvalidParameter},
		{"parent inside", archive(t, file("a/../../x")), fault.InvalidParameter},
		{"parent of ./", archive(t, file("./../x")), fault.InvalidParameter},
		{"not clean", archive(t, file("a//b")), fault.InvalidParameter},
		{"backslash", archive(t, file(`..\x`)), fault.InvalidParameter},
		{"NUL", archive(t, file("a\x00b")), fault.InvalidParameter},
		{"long", archive(t, file(strings.Repeat("a", 256))), fault.InvalidParameter},
		{"deep", archive(t, file(deep)), fault.InvalidParameter},
		{"double", archive(t, file("a"), file("a")), fault.InvalidParameter},
		{"double by ./", archive(t, file("a"), file("./a")), fault.InvalidParameter},
		{"file and folder", archive(t, file("a"), file("a/b")), fault.InvalidParameter},
		{"folder and file", archive(t, file("a/b/c"), file("a/b")), fault.InvalidParameter},
		{"folder entry and file", archive(t, file("a/"), file("a")), fault.InvalidParameter},
		{"link", archive(t, entry{"l", fs.ModeSymlink | 0o777, "index.js"}), fault.InvalidParameter},
		{"pipe", archive(t, entry{"p", fs.ModeNamedPipe | 0o600, ""}), fault.InvalidParameter},
		{"device", archive(t, entry{"d", fs.ModeDevice | 0o600, ""}), fault.InvalidParameter},
		{"damaged", damaged, fault.InvalidParameter},
		{"larger than it says", lying, fault.InvalidParameter},
		{"encrypted", encrypted, fault.InvalidParameter},
		{"another method", method, fault.InvalidParameter},
		{"too many files", archive(t, many...), fault.PayloadTooLarge},
		{"bomb", bomb, fault.PayloadTooLarge},
		{"too large unpacked", large, fault.PayloadTooLarge},
		{"too large packed", make([]byte, MaxPackage+1), fault.PayloadTooLarge},
	}
	for _, tt := range tests {
		c, err := checkPackage(tt.data)
		if fault.CodeOf(err) != tt.want || (err == nil) != (len(c) > 0) {
			t.Errorf("%s: %v, %v; want %q", tt.name, c, err, tt.want)
		}
	}
}

// Overlapping entries share their bytes, so that a small file can say that it is large (a "zip bomb without recursion").
func TestOverlappingEntries(t *testing.T) {
	data := archive(t, entry{name: "a0000", data: strings.Repeat("\x00", 1<<20)})
	at := bytes.Index(data, []byte("PK\x01\x02"))
	end := bytes.Index(data, []byte("PK\x05\x06"))
	record := data[at:end]
	bomb := bytes.Clone(data[:at])
	const n = 1000
	for i := range n {
		r := bytes.Clone(record)
		copy(r[46:51], fmt.Sprintf("a%04d", i))
		bomb = append(bomb, r...)
	}
	tail := bytes.Clone(data[end:])
	binary.LittleEndian.PutUint16(tail[8:], n)
	binary.LittleEndian.PutUint16(tail[10:], n)
	binary.LittleEndian.PutUint32(tail[12:], uint32(n*len(record)))
	bomb = append(bomb, tail...)
	if _, err := checkPackage(bomb); fault.CodeOf(err) != fault.PayloadTooLarge {
		t.Errorf("%d bytes that unpack to %d MiB: %v", len(bomb), n, err)
	}
}

func TestHandlerFiles(t *testing.T) {
	tests := []struct {
		runtime, handler, file string
		found                  bool
	}{
		{"nodejs20.x", "index.handler", "index.js", true},
		{"nodejs20.x", "index.handler", "index.mjs", true},
		{"nodejs20.x", "index.handler", "index.cjs", true},
		{"nodejs20.x", "index.handler", "index.ts", false},
		{"nodejs20.x", "src/app.a.b", "src/app.js", true},
		{"nodejs20.x", "./src/app.h", "src/app.js", false},
		{"nodejs20.x", "src/app.h", "app.js", false},
		{"provided.al2023", "anything", "bootstrap", true},
		{"provided.al2023", "anything", "bin/bootstrap", false},
	}
	for _, tt := range tests {
		s := &Settings{Runtime: tt.runtime, Handler: tt.handler}
		found := s.judgeHandler() == nil && judgeHandlerFile(s, contents{tt.file: {}}) == ""
		if found != tt.found {
			t.Errorf("%s, %s in %s: %v", tt.runtime, tt.handler, tt.file, found)
		}
	}
}

func TestLogsAreBounded(t *testing.T) {
	var l logs
	for f := range logFunctions + 5 {
		for i := range logEntries + 3 {
			l.add(fmt.Sprint(f), LogEntry{RequestID: fmt.Sprint(i), At: at(f)})
		}
	}
	if len(l.all) != logFunctions || l.of("0") != nil {
		t.Errorf("%d functions", len(l.all))
	}
	got := l.of("6")
	if len(got) != logEntries || got[0].RequestID != "3" || got[logEntries-1].RequestID != fmt.Sprint(logEntries+2) {
		t.Errorf("%d entries, from %s to %s", len(got), got[0].RequestID, got[len(got)-1].RequestID)
	}
}

// FuzzCheckPackage: no panic, and what is accepted has only names that stay inside.
func FuzzCheckPackage(f *testing.F) {
	f.Add(archive(f, file("index.js"), file("a/b")))
	f.Add(archive(f, file("../x")))
	f.Add(archive(f, entry{"l", fs.ModeSymlink | 0o777, "index.js"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := checkPackage(data)
		if err != nil {
			if code := fault.CodeOf(err); code != fault.InvalidParameter && code != fault.PayloadTooLarge {
				t.Fatal(err)
			}
			return
		}
		for name := range c {
			if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
				t.Fatalf("accepted %q", name)
			}
		}
	})
}

func at(second int) time.Time { return time.Unix(int64(second), 0) }
