// Testsum reads `go test -json` from its input and prints one line for each package, the whole output of what
// failed or was skipped, and nothing else. It adds its counts of passed, failed and skipped tests as a line to the
// file named by its argument.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// counts are leaf tests: a test with subtests does not count beside them.
type counts struct{ passed, failed, skipped int }

type summary struct {
	out    io.Writer
	total  counts
	output map[string][]string // by package and test, while it runs
	inner  map[string]bool     // tests that have subtests
	inPkg  map[string]counts
}

func main() {
	s := &summary{out: os.Stdout, output: map[string][]string{}, inner: map[string]bool{}, inPkg: map[string]counts{}}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if len(os.Args) > 1 {
		if err := appendTo(os.Args[1], s.total); err != nil {
			fmt.Fprintln(os.Stderr, "testsum:", err)
			os.Exit(1)
		}
	}
	if s.total.failed > 0 {
		os.Exit(1)
	}
}

func appendTo(file string, c counts) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintln(f, c.passed, c.failed, c.skipped)
	return f.Close()
}

func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(s.out, line) // not from a test: go itself has something to say
			} else {
				s.handle(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) handle(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "run":
		if at := strings.LastIndexByte(e.Test, '/'); at >= 0 {
			s.inner[e.Package+" "+e.Test[:at]] = true
		}
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.closePackage(e)
		} else {
			s.closeTest(e, key)
		}
		delete(s.output, key)
	}
}

func (s *summary) closeTest(e event, key string) {
	if e.Action != "pass" {
		fmt.Fprint(s.out, strings.Join(s.output[key], ""))
	}
	if s.inner[key] {
		return
	}
	c := s.inPkg[e.Package]
	switch e.Action {
	case "pass":
		c.passed++
	case "skip":
		c.skipped++
	default:
		c.failed++
	}
	s.inPkg[e.Package] = c
}

func (s *summary) closePackage(e event) {
	if e.Action == "skip" {
		return // no test files
	}
	c := s.inPkg[e.Package]
	state := "ok  "
	if e.Action == "fail" {
		state = "FAIL"
		if c.failed == 0 {
			c.failed++ // the package itself: a build, a panic, a time-out, TestMain
		}
		s.printRest(e.Package)
	}
	fmt.Fprintf(s.out, "%s  %s  %d tests  %.1fs\n", state, e.Package, c.passed+c.failed, e.Elapsed)
	s.total.passed += c.passed
	s.total.failed += c.failed
	s.total.skipped += c.skipped
}

// printRest prints what a package and its unfinished tests said before it failed.
func (s *summary) printRest(pkg string) {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(s.output)), func(key string) bool {
		return !strings.HasPrefix(key, pkg+" ")
	})
	for _, key := range keys {
		fmt.Fprint(s.out, strings.Join(s.output[key], ""))
		delete(s.output, key)
	}
}
