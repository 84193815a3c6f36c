package npm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"countersign/internal/module"
)

// plan is what has to be installed, and what the script's specifiers lead to.
type plan struct {
	// install is package.json's dependencies: what is asked for by the name that it is installed as.
	install map[string]string
	// specifiers are what the bundle exports: as the script has them, and what they are required as.
	specifiers map[string]string
	warnings   []module.Warning
}

// makePlan decides. The script's specifiers are sorted.
func makePlan(s *module.Source, found []string) (*plan, error) {
	p := &plan{install: map[string]string{}, specifiers: map[string]string{}}
	if len(s.Dependencies) > module.MaxModules {
		return nil, refused("%d modules are asked for, at most %d may be", len(s.Dependencies), module.MaxModules)
	}
	for _, name := range sortedKeys(s.Dependencies) {
		if err := p.depend(name, cmp.Or(strings.TrimSpace(s.Dependencies[name]), "latest")); err != nil {
			return nil, err
		}
	}
	var plain []string
	for _, f := range found {
		switch sp, ok := cutSpecifier(f); {
		case !ok:
			p.warn(s.Code, f, "%q is a file, and a script has none beside itself: this fails when it is run", cut(f))
		case sp.builtin() && sp.version != "":
			p.specifiers[f] = sp.name + sp.subpath
		case sp.builtin():
		case sp.version != "":
			if err := p.version(f, sp); err != nil {
				return nil, err
			}
		default:
			plain = append(plain, f)
		}
	}
	for _, f := range plain {
		sp, _ := cutSpecifier(f)
		if p.install[sp.name] == "" {
			return nil, missing(s.Code, f, sp.name)
		}
		p.specifiers[f] = f
	}
	if len(p.install) > module.MaxModules {
		return nil, refused("%d modules are required, at most %d may be", len(p.install), module.MaxModules)
	}
	return p, nil
}

// depend takes one of Dependencies.
func (p *plan) depend(name, want string) error {
	if sp, ok := cutSpecifier(name); ok && sp.builtin() {
		p.warnings = append(p.warnings, module.Warning{Text: fmt.Sprintf("%s is part of Node: the package of that name is not installed", name)})
		return nil
	}
	if err := checkName(name); err != nil {
		return err
	}
	if err := checkRange(name, want); err != nil {
		return err
	}
	p.install[name], p.specifiers[name] = want, name
	return nil
}

// version takes a require that names its version. A package that is installed in several versions has its further ones under names of ours.
func (p *plan) version(f string, sp specifier) error {
	if err := checkName(sp.name); err != nil {
		return err
	}
	if err := checkRange(sp.name, sp.version); err != nil {
		return err
	}
	as := sp.name
	if have := p.install[as]; have != "" && have != sp.version {
		as = "countersign-" + strings.ReplaceAll(strings.TrimPrefix(sp.name, "@"), "/", "-") + "-" + strings.Map(inName, sp.version)
		p.install[as] = "npm:" + sp.name + "@" + sp.version
	} else {
		p.install[as] = sp.version
	}
	p.specifiers[f] = as + sp.subpath
	return nil
}

// plain reports whether every specifier leads to the folder of its name. Else the names in the script have to be translated.
func (p *plan) plain() bool {
	for f, as := range p.specifiers {
		if sp, ok := cutSpecifier(f); !ok || sp.builtin() || sp.name+sp.subpath != as {
			return false
		}
	}
	return true
}

// inName replaces what a version may have and a name may not.
func inName(r rune) rune {
	if strings.ContainsRune("^<>=|*+ ", r) {
		return '_'
	}
	return r
}

func missing(code, f, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	line, column := findString(code, f)
	where := ""
	if line > 0 {
		where = fmt.Sprintf("line %d, column %d: ", line, column)
	}
	return refused("%sthe script requires %q, which is not among its modules: add it", where, cut(name)).WithField(name)
}

func (p *plan) warn(code, f, format string, args ...any) {
	if len(p.warnings) >= maxWarnings {
		return
	}
	line, column := findString(code, f)
	p.warnings = append(p.warnings, module.Warning{Line: line, Column: column, Text: fmt.Sprintf(format, args...)})
}

// findString returns where a string literal stands first, 0 if nowhere.
func findString(code, text string) (line, column int) {
	for _, t := range tokens(code) {
		if (t.kind == str || t.kind == template) && t.text == text {
			return position(code, t.at)
		}
	}
	return 0, 0
}

// sortedKeys are the keys of a map.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
