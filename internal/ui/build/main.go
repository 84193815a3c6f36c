// Command build bundles internal/ui/src into internal/ui/dist. Run it from anywhere inside the module:
//
//	go run ./internal/ui/build
//
// The same sources give the same bytes; the test beside it builds in memory and compares with what is committed.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// entries are the files of src that become files of dist.
var entries = []string{"simulator.ts", "simulator.css", "page.css", "icon.svg"}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := uiDir()
	if err != nil {
		return err
	}
	files, err := build(filepath.Join(dir, "src"))
	if err != nil {
		return err
	}
	dist := filepath.Join(dir, "dist")
	old, err := os.ReadDir(dist)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dist, name), content, 0o644); err != nil {
			return err
		}
	}
	for _, e := range old {
		if _, ok := files[e.Name()]; !ok {
			if err := os.Remove(filepath.Join(dist, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// uiDir finds internal/ui from the working directory upwards.
func uiDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "internal", "ui"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside the module")
		}
		dir = parent
	}
}

// build returns the content of each file of dist by its name, with manifest.json among them.
func build(src string) (map[string][]byte, error) {
	src, err := filepath.Abs(src)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(src, "..", "dist")
	points := make([]string, len(entries))
	for i, e := range entries {
		points[i] = filepath.Join(src, e)
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: points, AbsWorkingDir: src, Outdir: out, Outbase: src,
		EntryNames: "[name]-[hash]", Bundle: true, Write: false, Format: api.FormatESModule, Platform: api.PlatformBrowser,
		Target: api.ES2022, Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsNone,
		MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true,
		Loader:      map[string]api.Loader{".svg": api.LoaderCopy},
		TsconfigRaw: `{"compilerOptions":{"strict":true,"target":"ES2022"}}`,
		LogLevel:    api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
	}
	return collect(result.OutputFiles)
}

func collect(outputs []api.OutputFile) (map[string][]byte, error) {
	files, manifest := map[string][]byte{}, map[string]string{}
	for _, f := range outputs {
		name := filepath.Base(f.Path)
		entry, err := entryOf(name)
		if err != nil {
			return nil, err
		}
		files[name], manifest[entry] = f.Contents, name
	}
	if len(manifest) != len(entries) {
		return nil, fmt.Errorf("%d files came out of %d entries", len(manifest), len(entries))
	}
	list, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return nil, err
	}
	files["manifest.json"] = append(list, '\n')
	return files, nil
}

// entryOf takes the hash out of a name: simulator-ABCDEFGH.js is simulator.js.
func entryOf(name string) (string, error) {
	dash, dot := strings.LastIndexByte(name, '-'), strings.LastIndexByte(name, '.')
	if dash < 0 || dot < dash {
		return "", fmt.Errorf("%s has no hash in its name", name)
	}
	return name[:dash] + name[dot:], nil
}
