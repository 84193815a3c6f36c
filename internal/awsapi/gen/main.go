package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	name := flag.String("service", "cognito-idp", "the API to generate")
	check := flag.Bool("check", false, "compare with the committed files, write nothing")
	flag.Parse()
	if err := run(*name, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(name string, check bool) error {
	svc, ok := services[name]
	if !ok {
		return fmt.Errorf("unknown service %q; known: %v", name, slices.Sorted(maps.Keys(services)))
	}
	root, err := repositoryRoot()
	if err != nil {
		return err
	}
	m, err := load(referenceDir(root), svc)
	if err != nil {
		return err
	}
	files, err := generate(m)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, filepath.FromSlash(svc.pkg))
	if check {
		return compare(dir, files)
	}
	for file, src := range files {
		if err := os.WriteFile(filepath.Join(dir, file), src, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare reports every file below dir that differs from files.
func compare(dir string, files map[string][]byte) error {
	var problems []error
	for _, file := range slices.Sorted(maps.Keys(files)) {
		have, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			problems = append(problems, err)
		} else if !bytes.Equal(have, files[file]) {
			problems = append(problems, fmt.Errorf("%s is stale: run go generate in %s", file, dir))
		}
	}
	return errors.Join(problems...)
}

// repositoryRoot is the nearest folder upwards that holds go.mod.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod in this folder or above")
		}
		dir = up
	}
}
