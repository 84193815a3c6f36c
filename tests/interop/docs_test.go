package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// block is a fenced part of a document that is marked as tested.
type block struct {
	kind, text string // console or js
	exactly    bool   // the output is compared line by line
	line       int
}

var marker = regexp.MustCompile(`^<!-- tested: (\w+)(, line by line)? -->$`)

// blocks finds the marked parts of a document. The fence must follow its marker.
func blocks(t *testing.T, file string) (found []block) {
	t.Helper()
	b, err := os.ReadFile(file)
	check(t, err)
	lines := strings.Split(string(b), "\n")
	for i := 0; i < len(lines); i++ {
		m := marker.FindStringSubmatch(lines[i])
		if m == nil {
			continue
		}
		if i+1 >= len(lines) || lines[i+1] != "```"+m[1] {
			t.Fatalf("%s:%d: a ```%s block must follow the marker", file, i+1, m[1])
		}
		var text []string
		for i += 2; i < len(lines) && lines[i] != "```"; i++ {
			text = append(text, lines[i])
		}
		found = append(found, block{m[1], strings.Join(text, "\n"), m[2] != "", i - len(text) + 1})
	}
	return found
}

// TestDocuments does what the README and the pages of docs/ tell their readers to do, each on a fresh server.
// In place of 123456 goes the code that has just arrived, as a reader would type it.
func TestDocuments(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	check(t, err)
	tested := 0
	for _, page := range append(pages, "../../README.md") {
		found := blocks(t, page)
		if len(found) == 0 {
			continue
		}
		tested++
		t.Run(filepath.Base(page), func(t *testing.T) {
			r := reader{t: t, s: newServer(t), page: page}
			r.openShell()
			for _, b := range found {
				switch b.kind {
				case "console":
					r.console(b)
				case "js":
					r.javaScript(b)
				default:
					t.Errorf("%s:%d: nobody knows how to test %q", page, b.line, b.kind)
				}
			}
		})
	}
	if tested < 2 {
		t.Errorf("only %d documents have tested blocks", tested)
	}
}

// reader is somebody who follows a page in one terminal.
type reader struct {
	t     *testing.T
	s     *server
	page  string
	last  string    // id of the last message whose code was typed
	ports [2]string // in place of 8443 and 8444
	stdin io.Writer
	out   *bufio.Reader
	shell int // its process group
}

// patience is how long a command of a page may take; one that waits for more input would wait for ever.
const patience = 3 * time.Minute

const anyCode = "123456"

// anyCodeWord is that code where it stands by itself, and not in a longer number.
var anyCodeWord = regexp.MustCompile(`\b` + anyCode + `\b`)

// adapt puts the server's address and the newest code into a line of the page.
func (r *reader) adapt(text string) string {
	text = strings.NewReplacer("http://localhost:7446", r.s.URL, "localhost:7447", strings.TrimPrefix(r.s.HTTPS, "https://"), "$PWD/.countersign/ca.pem", r.s.CA,
		":8443", r.ports[0], ":8444", r.ports[1]).Replace(text)
	if anyCodeWord.MatchString(text) {
		text = anyCodeWord.ReplaceAllString(text, r.newCode())
	}
	return text
}

// newCode waits for a code that was not typed yet. Of several that arrive together it is the last, as on a phone.
func (r *reader) newCode() string {
	code := ""
	for wait := 5 * time.Second; ; wait = 300 * time.Millisecond {
		list := r.s.inbox(r.t, "", r.last, wait)
		for _, m := range list {
			r.last = m.ID
			if m.Code != "" {
				code = m.Code
			}
		}
		if len(list) == 0 && code != "" {
			return code
		}
		if len(list) == 0 {
			r.t.Fatalf("%s: no code arrived", r.page)
		}
	}
}

// awsCLI is the folder of the AWS CLI: Debian's if it is installed, else the first on the PATH.
func awsCLI(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("/usr/bin/aws")
	if err != nil {
		path, err = exec.LookPath("aws")
	}
	if err != nil {
		t.Fatal("the AWS CLI is missing; run ./scripts/test")
	}
	return filepath.Dir(path)
}

func (r *reader) openShell() {
	packages, err := filepath.Abs("node/node_modules/.bin")
	check(r.t, err)
	cmd := exec.CommandContext(r.t.Context(), "bash")
	cmd.Env = []string{
		"PATH=" + strings.Join([]string{awsCLI(r.t), filepath.Dir(program), packages, os.Getenv("PATH")}, ":"), "COUNTERSIGN_DATA=" + filepath.Dir(r.s.CA),
		"HOME=" + r.t.TempDir(), "LC_ALL=C.UTF-8", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "PYTHONWARNINGS=ignore",
	}
	cmd.Dir = r.t.TempDir()
	in, err := cmd.StdinPipe()
	check(r.t, err)
	out, err := cmd.StdoutPipe()
	check(r.t, err)
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what a page left running ends with it
	check(r.t, cmd.Start())
	r.stdin, r.out, r.shell = in, bufio.NewReader(out), cmd.Process.Pid
	port, err := freePair()
	check(r.t, err)
	r.ports = [2]string{fmt.Sprint(":", port), fmt.Sprint(":", port+1)}
	r.t.Cleanup(func() {
		in.Close()
		cmd.Wait()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	})
	version, _ := r.run("aws --version")
	r.t.Logf("with %s from %s", strings.TrimSpace(version), awsCLI(r.t))
}

const sentinel = "=====done====="

// run types a command and returns what it printed and its exit code.
func (r *reader) run(command string) (string, string) {
	late := time.AfterFunc(patience, func() { syscall.Kill(-r.shell, syscall.SIGKILL) })
	defer late.Stop()
	fmt.Fprintf(r.stdin, "%s\necho \"\n%s$?\"\n", command, sentinel)
	var out strings.Builder
	for {
		line, err := r.out.ReadString('\n')
		check(r.t, err)
		if code, done := strings.CutPrefix(line, sentinel); done {
			return out.String(), strings.TrimSpace(code)
		}
		out.WriteString(line)
	}
}

var jsonKey = regexp.MustCompile(`"(\w+)":`)

// console types each command after a "$ ", with the lines after a backslash or with a "> ". The output that the page shows is compared by the JSON names
// in it, or line by line: then "..." stands for any lines, "…" for any text, and a command fails if the page shows an error of it.
func (r *reader) console(b block) {
	r.t.Helper()
	lines := strings.Split(b.text, "\n")
	for i := 0; i < len(lines); {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			r.t.Fatalf("%s:%d: want a command after \"$ \"", r.page, b.line+i)
		}
		at := b.line + i
		for ; i+1 < len(lines) && (strings.HasSuffix(lines[i], `\`) || strings.HasPrefix(lines[i+1], "> ")); i++ {
			command += "\n" + strings.TrimPrefix(lines[i+1], "> ")
		}
		var shown []string
		for i++; i < len(lines) && !strings.HasPrefix(lines[i], "$ "); i++ {
			shown = append(shown, lines[i])
		}
		got, code := r.run(r.adapt(command))
		fails := b.exactly && slices.ContainsFunc(shown, func(line string) bool { return strings.HasPrefix(line, "error: ") })
		if (code != "0") != fails {
			r.t.Fatalf("%s:%d: %s\nended with %s and printed\n%s", r.page, at, command, code, got)
		}
		for _, key := range jsonKey.FindAllString(strings.Join(shown, "\n"), -1) {
			if !strings.Contains(got, key) {
				r.t.Errorf("%s:%d: the page shows %s, but the command printed\n%s", r.page, at, key, got)
			}
		}
		if b.exactly && len(shown) > 0 {
			if wrong := unlike(shown, got); wrong != "" {
				r.t.Errorf("%s:%d: %s; the command printed\n%s", r.page, at, wrong, got)
			}
		}
	}
}

// unlike compares an output with the lines that a page shows, and says what is different.
func unlike(shown []string, output string) string {
	var got []string
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			got = append(got, line)
		}
	}
	anywhere := false
	for _, line := range shown {
		if line = strings.TrimSpace(line); line == "" || line == "..." {
			anywhere = anywhere || line != ""
			continue
		}
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(strings.Join(strings.Fields(regexp.QuoteMeta(line)), `\s+`), "…", ".*") + "$")
		i := slices.IndexFunc(got, pattern.MatchString)
		if i < 0 || i > 0 && !anywhere {
			return fmt.Sprintf("the page shows %q", line)
		}
		got, anywhere = got[i+1:], false
	}
	if len(got) > 0 && !anywhere {
		return fmt.Sprintf("the page does not show %q", got[0])
	}
	return ""
}

// The comparison of pages with outputs must be able to fail.
func TestUnlike(t *testing.T) {
	for _, tt := range []struct {
		shown, output string
		same          bool
	}{
		{"a\nb", "a\n\n  b\n", true}, {"a  b", "a b\n", true}, {"a … c", "a 12 c\n", true}, {"a\n...", "a\nb\nc\n", true}, {"...\nc", "a\nb\nc\n", true},
		{"a", "b\n", false}, {"a", "a\nb\n", false}, {"a\nb", "a\n", false}, {"b", "a\nb\n", false}, {"...\nc", "c\nd\n", false}, {"a.c", "abc\n", false},
	} {
		if got := unlike(strings.Split(tt.shown, "\n"), tt.output); (got == "") != tt.same {
			t.Errorf("%q and %q: %q", tt.shown, tt.output, got)
		}
	}
}

// javaScript runs a module beside the installed packages; '123456' becomes the code of the moment.
func (r *reader) javaScript(b block) {
	r.t.Helper()
	module := strings.NewReplacer("http://localhost:7446", r.s.URL, "localhost:7447", strings.TrimPrefix(r.s.HTTPS, "https://")).Replace(b.text)
	module = strings.ReplaceAll(module, "'"+anyCode+"'", "await newCode()")
	file, err := os.CreateTemp("node", "page-*.mjs")
	check(r.t, err)
	defer os.Remove(file.Name())
	fmt.Fprintf(file, codeReader, r.s.URL, r.last)
	// Amplify keeps a timer of three minutes after an automatic sign-in; a page would not wait for it either.
	_, err = file.WriteString(module + "\nprocess.exit(0);\n")
	check(r.t, err)
	check(r.t, file.Close())
	var out bytes.Buffer
	cmd := exec.CommandContext(r.t.Context(), "node", filepath.Base(file.Name()))
	cmd.Dir, cmd.Stdout, cmd.Stderr = "node", &out, &out
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+r.s.CA)
	if err := cmd.Run(); err != nil {
		r.t.Errorf("%s:%d: %v\n%s", r.page, b.line, err, out.String())
	}
}

// codeReader stands before a module of a page: the person at the phone.
const codeReader = `let seen = '%[2]s';
async function newCode() {
  let code;
  for (let wait = '5s'; ; wait = '300ms') {
    const list = await (await fetch('%[1]s/simulator/inbox?wait=' + wait + (seen && '&after=' + seen))).json();
    for (const m of list) {
      seen = m.id;
      if (m.code) code = m.code;
    }
    if (list.length === 0 && code) return code;
    if (list.length === 0) throw new Error('no code arrived');
  }
}
`
