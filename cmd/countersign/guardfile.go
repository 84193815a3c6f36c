package main

import (
	"os"
	"path/filepath"

	"countersign/internal/screen"
)

// guardsHelp is where the file of guards.file is described.
const guardsHelp = "docs/guards.md lists what a policy holds; countersign guard show --default prints one in full"

// readGuards reads a policy of guards from a YAML file.
func readGuards(path string) (*screen.Policy, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, hint(err, "name a file that this user can read")
	}
	var p screen.Policy
	if err := readYAML(filepath.Base(path), raw, &p, guardsHelp); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, hint(err, guardsHelp)
	}
	return &p, nil
}
