package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"countersign/internal/secret"
)

// Sources are where a configuration comes from, weakest first.
type Sources struct {
	// File is the path of a YAML file; empty: none.
	File string
	// Env is os.Environ().
	Env []string
	// Set holds "path=value" of flags.
	Set []string
}

// maxFile bounds the file, in bytes.
const maxFile = 1 << 20

// Load reads a configuration. The error lists everything that cannot be read; what can be read but not used is for
// Problems.
func Load(s Sources) (*Config, error) {
	c := Default()
	var errs []error
	if s.File != "" {
		errs = append(errs, readFile(&c, s.File)...)
	}
	errs = append(errs, c.fromEnv(s.Env)...)
	errs = append(errs, c.fromFlags(s.Set)...)
	return &c, errors.Join(errs...)
}

func readFile(c *Config, path string) []error {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%s: larger than 1 MiB", path)
	}
	if err != nil {
		return []error{fmt.Errorf("the configuration file cannot be read: %w", reason(err))}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return []error{fmt.Errorf("the configuration file cannot be read: %w", reason(err))}
	}
	return parse(c, filepath.Base(path), data)
}

// parse decodes data into c. Unknown keys are all reported, not just the first.
func parse(c *Config, name string, data []byte) []error {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return []error{located(name, err)}
	}
	if len(file.Docs) > 1 {
		return []error{fmt.Errorf("%s: more than one YAML document", name)}
	}
	var errs []error
	for _, d := range file.Docs {
		errs = append(errs, unknownKeys(name, "", reflect.TypeFor[Config](), d.Body)...)
	}
	if errs != nil {
		return errs
	}
	if err := yaml.UnmarshalWithOptions(data, c, yaml.Strict()); err != nil && !errors.Is(err, errEmpty) {
		return []error{located(name, err)}
	}
	return nil
}

// errEmpty stands for a file without content, which is the default configuration.
var errEmpty = errors.New("EOF")

// located puts file, line and column in front, and leaves out the excerpt of the file: it may hold a secret.
func located(name string, err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil && y.GetToken().Position != nil {
		p := y.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", name, p.Line, p.Column, y.GetMessage())
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s: %s", name, first)
}

// unknownKeys compares the file's mappings with the struct.
func unknownKeys(name, prefix string, t reflect.Type, n ast.Node) []error {
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		return nil
	}
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		known[t.Field(i).Tag.Get("yaml")] = t.Field(i).Type
	}
	var errs []error
	for _, p := range pairs {
		key := p.Key.GetToken().Value
		ft, ok := known[key]
		if !ok {
			pos := p.Key.GetToken().Position
			errs = append(errs, fmt.Errorf("%s:%d:%d: unknown key %q%s", name, pos.Line, pos.Column, prefix+key, nearest(prefix, key, known)))
			continue
		}
		if ft.Kind() == reflect.Struct && ft != reflect.TypeFor[secret.String]() {
			errs = append(errs, unknownKeys(name, prefix+key+".", ft, p.Value)...)
		}
	}
	return errs
}

// nearest suggests the known key that differs least.
func nearest(prefix, key string, known map[string]reflect.Type) string {
	best, least := "", 4
	for k := range known {
		if d := distance(key, k); d < least || (d == least && k < best) {
			best, least = k, d
		}
	}
	if best == "" || least > 3 {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", prefix+best)
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// notSettings are variables with our prefix that are no settings: what the command line client reads.
var notSettings = []string{"COUNTERSIGN_URL", "COUNTERSIGN_ACCESS_KEY_ID", "COUNTERSIGN_SECRET_ACCESS_KEY", "COUNTERSIGN_DATA", "COUNTERSIGN_CONFIG",
	"COUNTERSIGN_CA", "COUNTERSIGN_ROOT_KEY", "COUNTERSIGN_OLD_ROOT_KEY", "COUNTERSIGN_USER_POOL_ID", "COUNTERSIGN_CLIENT_ID"}

func (c *Config) fromEnv(env []string) (errs []error) {
	byName := map[string]field{}
	for _, f := range fields(c) {
		byName[EnvName(f.path)] = f
	}
	for _, kv := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(notSettings, name) || name == c.RootKey.Env || name == c.RootKey.OldEnv {
			continue
		}
		f, ok := byName[name]
		if !ok {
			errs = append(errs, fmt.Errorf("environment: %s is not a setting", name))
			continue
		}
		if err := f.set(value); err != nil {
			errs = append(errs, fmt.Errorf("environment: %s: %w", name, err))
		}
	}
	return errs
}

func (c *Config) fromFlags(set []string) (errs []error) {
	byPath := map[string]field{}
	for _, f := range fields(c) {
		byPath[f.path] = f
	}
	for _, kv := range set {
		path, value, ok := strings.Cut(kv, "=")
		f, known := byPath[path]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("--set %s: must be path=value", path))
		case !known:
			errs = append(errs, fmt.Errorf("--set %s: is not a setting", path))
		default:
			if err := f.set(value); err != nil {
				errs = append(errs, fmt.Errorf("--set %s: %w", path, err))
			}
		}
	}
	return errs
}
