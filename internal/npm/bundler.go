package npm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// order is what the bundler is asked to do in a folder.
type order struct {
	// Parse names a script to be parsed, which may be a function expression if Rule. Bundle are the modules to be bundled into modulesFile: specifiers
	// as the script has them, and what they are installed as.
	Parse  string            `json:"parse,omitempty"`
	Rule   bool              `json:"rule,omitempty"`
	Bundle map[string]string `json:"bundle,omitempty"`
}

// result is what came of it.
type result struct {
	// Specifiers are what the script requires, sorted. ESM: it has import or export statements. Problem is a syntax error.
	Specifiers []string `json:"specifiers,omitempty"`
	ESM        bool     `json:"esm,omitempty"`
	Problem    *problem `json:"problem,omitempty"`
	// Obstacle says why the modules cannot be bundled; empty: they were.
	Obstacle string `json:"obstacle,omitempty"`
}

// problem is a syntax error; Line and Column count from 1.
type problem struct {
	Text   string `json:"text"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// modulesFile is what Bundle makes, maxSources what it reads at most.
const (
	modulesFile = "modules.cjs"
	maxSources  = 96 << 20
)

// target is the oldest Node that hooks run on.
var target = []api.Engine{{Name: api.EngineNode, Version: "18"}}

// parseScript finds out what a script requires. That of a rule is an expression as a rule, which needs something to its left.
func parseScript(script string, o order) *result {
	const left = "module.exports="
	if !o.Rule {
		return parse(script, o.Parse)
	}
	res := parse(left+script, o.Parse)
	if res.Problem == nil {
		return res
	}
	module := parse(script, o.Parse)
	if toks := tokens(script); module.Problem == nil || len(toks) == 0 || !toks[0].word("function") && !toks[0].word("async") && !toks[0].is("(") {
		return module
	}
	if res.Problem.Line == 1 {
		res.Problem.Column = max(1, res.Problem.Column-len(left))
	}
	return res
}

// parse finds out what a module requires. It is not changed.
func parse(script, file string) *result {
	out := &result{}
	var mu sync.Mutex
	collect := api.Plugin{Name: "collect", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			mu.Lock()
			defer mu.Unlock()
			switch a.Kind {
			case api.ResolveJSRequireCall, api.ResolveJSDynamicImport, api.ResolveJSRequireResolve:
				out.Specifiers = append(out.Specifiers, a.Path)
			case api.ResolveJSImportStatement:
				out.ESM = true
			}
			return api.OnResolveResult{Path: a.Path, External: true}, nil
		})
	}}
	built := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: script, Sourcefile: file, Loader: api.LoaderJS},
		Bundle: true, Platform: api.PlatformNode, Format: api.FormatCommonJS, LogLevel: api.LogLevelSilent, AbsWorkingDir: root(), TsconfigRaw: "{}",
		Metafile: true, Plugins: []api.Plugin{collect},
	})
	slices.Sort(out.Specifiers)
	out.Specifiers = slices.Compact(out.Specifiers)
	if strings.Contains(built.Metafile, `"format": "esm"`) {
		out.ESM = true
	}
	if len(built.Errors) > 0 {
		e := built.Errors[0]
		out.Problem = &problem{Text: e.Text}
		if l := e.Location; l != nil {
			out.Problem.Line, out.Problem.Column = l.Line, len([]rune(l.LineText[:min(l.Column, len(l.LineText))]))+1
		}
	}
	return out
}

// root is a folder that exists everywhere.
func root() string {
	if dir := filepath.VolumeName(os.TempDir()); dir != "" {
		return dir + `\`
	}
	return "/"
}

// entry is the source of the generated module, whose exports load a module when they are called.
func entry(specifiers map[string]string) string {
	var b strings.Builder
	b.WriteString("module.exports = {\n  __proto__: null,\n")
	for _, s := range sortedKeys(specifiers) {
		fmt.Fprintf(&b, "  %s: () => require(%s),\n", quote(s), quote(specifiers[s]))
	}
	b.WriteString("};\n")
	return b.String()
}

// quote makes a string literal: those of JSON are those of JavaScript.
func quote(s string) string {
	b, _ := json.Marshal(s) // strings can be marshalled
	return string(b)
}

// obstacles are remarks of esbuild on code that needs to see its own files at run time.
var obstacles = []string{"unsupported-require-call", "indirect-require", "unsupported-dynamic-import", "require-resolve-not-external", "direct-eval"}

// bundle makes modulesFile of what is installed in a folder. The text that it returns says why it could not. careful: it is this process that ends if
// sources are too much for esbuild, so that what might be is not given to it.
func bundle(folder string, specifiers map[string]string, careful bool) (string, error) {
	dir, err := os.OpenRoot(folder)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	override := map[string]api.LogLevel{}
	for _, id := range obstacles {
		override[id] = api.LogLevelWarning
	}
	src := &sources{folder: folder, root: dir, careful: careful}
	built := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: entry(specifiers), Sourcefile: "modules.js", ResolveDir: folder, Loader: api.LoaderJS},
		Bundle: true, Platform: api.PlatformNode, Format: api.FormatCommonJS, Engines: target, AbsWorkingDir: folder, PreserveSymlinks: true,
		LegalComments: api.LegalCommentsNone, Charset: api.CharsetUTF8, LogLevel: api.LogLevelSilent, LogOverride: override, TsconfigRaw: "{}",
		Conditions: []string{}, // as Node: without "module"
		Plugins:    []api.Plugin{{Name: "sources", Setup: src.setup}},
	})
	switch {
	case len(built.Errors) > 0:
		return sentence(built.Errors[0]), nil
	case src.refused() != "":
		return src.refused(), nil
	}
	for _, w := range built.Warnings {
		if slices.Contains(obstacles, w.ID) {
			return sentence(w), nil
		}
	}
	if len(built.OutputFiles) != 1 {
		return fmt.Sprintf("%d output files", len(built.OutputFiles)), nil
	}
	return "", dir.WriteFile(modulesFile, built.OutputFiles[0].Contents, 0o666)
}

func sentence(m api.Message) string {
	if m.Location == nil {
		return m.Text
	}
	return fmt.Sprintf("%s:%d: %s", m.Location.File, m.Location.Line, m.Text)
}

// sources reads for esbuild: regular files of the folder alone, and not without end.
type sources struct {
	folder  string
	root    *os.Root
	careful bool

	mu    sync.Mutex
	bytes int64
	why   string
}

func (s *sources) refused() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

func (s *sources) refuse(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = cmp.Or(s.why, why)
}

// loaders tell what a file is by its name, as Node does. Anything else cannot be required.
var loaders = map[string]api.Loader{".js": api.LoaderJS, ".cjs": api.LoaderJS, ".mjs": api.LoaderJS, ".json": api.LoaderJSON, "": api.LoaderJS}

func (s *sources) setup(b api.PluginBuild) {
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		name, err := filepath.Rel(s.folder, a.Path)
		if err != nil || !filepath.IsLocal(name) {
			return api.OnLoadResult{}, fmt.Errorf("%s is outside of the modules", a.Path)
		}
		loader, ok := loaders[path.Ext(a.Path)]
		if !ok {
			return api.OnLoadResult{}, fmt.Errorf("%s is no JavaScript", filepath.ToSlash(name))
		}
		data, err := s.read(name)
		if err != nil {
			return api.OnLoadResult{}, err
		}
		if loader == api.LoaderJS && looksAround(data) {
			s.refuse(filepath.ToSlash(name) + " looks for files beside itself")
		}
		if s.careful && nested(tokens(data)) > deepDepth {
			return api.OnLoadResult{}, fmt.Errorf("%s nests too deeply", filepath.ToSlash(name))
		}
		if loader == api.LoaderJSON && len(data) > largeJSON {
			if text, ok := parseLater(data); ok {
				data, loader = text, api.LoaderJS
			}
		}
		return api.OnLoadResult{Contents: &data, Loader: loader, ResolveDir: filepath.Dir(a.Path)}, nil
	})
}

// largeJSON is the size from which JSON stays text in a bundle: an engine reads it faster than JavaScript, and not before it is required.
const largeJSON = 4 << 10

func parseLater(data string) (string, bool) {
	var buf bytes.Buffer
	if json.Compact(&buf, []byte(strings.TrimPrefix(data, "\ufeff"))) != nil {
		return "", false
	}
	return "module.exports = JSON.parse(" + quote(buf.String()) + ");\n", true
}

func (s *sources) read(name string) (string, error) {
	info, err := s.root.Lstat(name)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.bytes += info.Size()
	over := s.bytes > maxSources
	s.mu.Unlock()
	switch {
	case info.Mode()&fs.ModeType != 0:
		return "", fmt.Errorf("%s is no regular file", filepath.ToSlash(name))
	case over:
		return "", fmt.Errorf("more than %d MiB of sources", maxSources>>20)
	}
	f, err := s.root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, info.Size()))
	return string(data), err
}

// looksAround reports whether code asks for its own place, which it has none of in a bundle.
func looksAround(code string) bool {
	if !strings.Contains(code, "__dirname") && !strings.Contains(code, "__filename") {
		return false
	}
	for _, t := range tokens(code) {
		if t.word("__dirname") || t.word("__filename") {
			return true
		}
	}
	return len(code) > maxTokens
}
