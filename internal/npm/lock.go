package npm

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"countersign/internal/module"
)

const (
	// maxLock bounds a lock file in bytes, maxPackages the packages in it.
	maxLock     = 8 << 20
	maxPackages = 2000
	// lockFileName is npm's.
	lockFileName = "package-lock.json"
	// inTree is the folder that packages are installed in.
	inTree = "node_modules/"
)

// lockFile is package-lock.json, version 3 (npm, "package-lock.json").
type lockFile struct {
	Version  int                  `json:"lockfileVersion"`
	Packages map[string]lockEntry `json:"packages"`
}

// lockEntry is one package at its place in the tree. Name is there only if it is not that of the place.
type lockEntry struct {
	Name             string `json:"name"`
	Version          string `json:"version"`
	Resolved         string `json:"resolved"`
	Integrity        string `json:"integrity"`
	Link             bool   `json:"link"`
	Optional         bool   `json:"optional"`
	InBundle         bool   `json:"inBundle"`
	HasInstallScript bool   `json:"hasInstallScript"`
	// Deprecated is what its author says instead of it.
	Deprecated   string            `json:"deprecated"`
	Dependencies map[string]string `json:"dependencies"`
}

// pkg is a package of a lock. Packages that others carry in their own archive (inBundle) have no integrity of their own.
type pkg struct {
	name, version string
	lockEntry
}

func (p pkg) id() string { return p.name + "@" + p.version }

// readLock parses a lock and judges it: where it leads, and whether what comes from there can be verified.
func readLock(text []byte, registry *url.URL) ([]pkg, error) {
	var l lockFile
	if err := json.Unmarshal(text, &l); err != nil || l.Version < 2 {
		return nil, refused("the lock file cannot be read")
	}
	if len(text) > maxLock || len(l.Packages) > maxPackages {
		return nil, refused("the modules need %d packages, more than %d", len(l.Packages)-1, maxPackages)
	}
	var out []pkg
	for _, place := range sortedKeys(l.Packages) {
		if place == "" {
			continue
		}
		e := l.Packages[place]
		p := pkg{cmp.Or(e.Name, nameAt(place)), e.Version, e}
		if err := p.check(place, registry); err != nil {
			return nil, err
		}
		if !e.Optional { // not installed
			out = append(out, p)
		}
	}
	return out, nil
}

// nameAt is the package that a place in the tree is for.
func nameAt(place string) string {
	if i := strings.LastIndex(place, inTree); i >= 0 {
		return place[i+len(inTree):]
	}
	return place
}

func (p pkg) check(place string, registry *url.URL) error {
	if !strings.HasPrefix(place, inTree) || path.Clean(place) != place || p.Link {
		return refused("the package %q is a link or a folder: modules come from the npm registry alone", cut(place))
	}
	for _, segment := range strings.Split(place[len(inTree):], "/"+inTree) {
		if err := checkName(segment); err != nil {
			return err
		}
	}
	if err := checkName(p.name); err != nil {
		return err
	}
	if p.version == "" || len(p.version) > maxVersion || strings.ContainsAny(p.version, "/:\\ ") {
		return refused("the package %s has no version", cut(p.name))
	}
	if p.InBundle {
		return nil
	}
	if !fromRegistry(p.Resolved, registry) {
		return refused("%s is not from the npm registry, but from %s", p.id(), cut(cmp.Or(origin(p.Resolved), "nowhere")))
	}
	if !strong(p.Integrity) {
		return refused("the registry gives no SHA-512 of %s: what is installed could not be verified", p.id())
	}
	return nil
}

// fromRegistry reports whether a URL leads to the registry. Mirrors may keep npm's own address: npm goes to the configured one then
// (npm config, "replace-registry-host").
func fromRegistry(link string, registry *url.URL) bool {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.User != nil {
		return false
	}
	return u.Host == registry.Host || u.Host == "registry.npmjs.org"
}

// origin is a URL as it may be shown.
func origin(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// strong reports whether a subresource integrity has a SHA-512 (W3C SRI; npm verifies the strongest).
func strong(integrity string) bool {
	for _, one := range strings.Fields(integrity) {
		sum, ok := strings.CutPrefix(one, "sha512-")
		sum, _, _ = strings.Cut(sum, "?")
		if raw, err := base64.StdEncoding.DecodeString(sum); ok && err == nil && len(raw) == 64 {
			return true
		}
	}
	return false
}

// current reports whether a lock was made for exactly these dependencies.
func current(text []byte, install map[string]string) bool {
	var l lockFile
	return json.Unmarshal(text, &l) == nil && maps.Equal(l.Packages[""].Dependencies, install)
}

// known are the packages of an earlier lock, which may be nil.
func known(text []byte) map[string]bool {
	var l lockFile
	out := map[string]bool{}
	if json.Unmarshal(text, &l) == nil {
		for place, e := range l.Packages {
			if place != "" {
				out[cmp.Or(e.Name, nameAt(place))+"@"+e.Version] = true
			}
		}
	}
	return out
}

// installed is what a lock says, direct modules first, each once.
func installed(packages []pkg, install map[string]string) []module.Module {
	direct := map[string]bool{}
	for as, want := range install {
		if alias, ok := strings.CutPrefix(want, "npm:"); ok {
			sp, _ := cutSpecifier(alias)
			as = sp.name
		}
		direct[as] = true
	}
	var out []module.Module
	seen := map[string]bool{}
	for _, p := range packages {
		if !seen[p.id()] {
			seen[p.id()] = true
			out = append(out, module.Module{Name: p.name, Version: p.version, Direct: direct[p.name], Integrity: p.Integrity})
		}
	}
	slices.SortStableFunc(out, func(a, b module.Module) int {
		return cmp.Or(-cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return out
}

// deprecated warns of modules that the script asked for and whose authors advise against them.
func deprecated(packages []pkg, modules []module.Module) (out []module.Warning) {
	for _, p := range packages {
		i := slices.IndexFunc(modules, func(m module.Module) bool { return m.Direct && m.Name == p.name && m.Version == p.version })
		if i >= 0 && p.Deprecated != "" && len(out) < maxWarnings {
			out = append(out, module.Warning{Text: "the module " + p.id() + " is deprecated: " + cut(p.Deprecated)})
		}
	}
	return out
}

func rank(m module.Module) int {
	if m.Direct {
		return 1
	}
	return 0
}
