package module

import (
	"context"
	"time"
)

// The bounds of a build.
const (
	// MaxCode bounds a script, in bytes. MaxModules bounds Dependencies.
	MaxCode    = 512 << 10
	MaxModules = 20
	// MaxArtifact bounds the built package, MaxUnpacked what npm installs, both in bytes.
	MaxArtifact = 50 << 20
	MaxUnpacked = 500 << 20
	// Young is the age below which a release needs to be confirmed.
	Young = 7 * 24 * time.Hour
)

// Source is a script and what it needs.
type Source struct {
	// Code is the script, CommonJS. File is its name in messages and stack traces ("hook.js").
	Code, File string
	// Rule: Code may be one function expression, as rules are, instead of a CommonJS module.
	Rule bool
	// Dependencies are npm modules by name: an exact version, a range ("^1.2.0") or a tag ("latest"). What the code requires as "name@version" is added.
	Dependencies map[string]string
	// Lock is the lock file of the build before, or nil: versions stay as they are while they satisfy Dependencies.
	Lock []byte
	// AllowYoung consents to releases younger than Young.
	AllowYoung bool
	// SecretNames are the secrets that the script will have: one that it reads besides gives a warning. Nil: not known.
	SecretNames []string
}

// Build is what a script was built into.
type Build struct {
	// Artifact is a zip archive that package script can run: the script as it was given, and its modules.
	Artifact []byte
	// Hash is the SHA-256 of Artifact in lower-case hex. Equal sources with equal locks give equal artifacts.
	Hash string
	// Lock is package-lock.json, nil if there are no modules.
	Lock []byte
	// Modules are the installed packages, those of Dependencies first.
	Modules []Module
	// Warnings are sentences for people: known mistakes of guides, a name that is not defined, a secret that is not set.
	Warnings []Warning
	// Bundled is false if the modules had to be packed as they are.
	Bundled bool
}

// Module is an installed package.
type Module struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Direct: the script asked for it. Integrity is the registry's (sha512-…). ReleasedAt is zero if the registry does not tell.
	Direct     bool      `json:"direct,omitempty"`
	Integrity  string    `json:"integrity,omitempty"`
	ReleasedAt time.Time `json:"released_at,omitzero"`
}

// Warning is a remark about a place in the script; Line and Column count from 1, 0 is none.
type Warning struct {
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
}

// Change is a difference between two sets of modules.
type Change struct {
	Name string `json:"name"`
	// Old or New is empty for what came or went.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Builder builds scripts. It is safe for concurrent use.
type Builder interface {
	// Build returns fault.ScriptInvalid (syntax, with line and column), fault.ModuleRefused, fault.ConfirmationNeeded (young releases),
	// fault.ModulesUnavailable, fault.PayloadTooLarge or fault.Overloaded. progress, if not nil, hears sentences for people.
	Build(ctx context.Context, s *Source, progress func(string)) (*Build, error)
}

// Diff returns what changed between two builds, by name.
func Diff(before, after []Module) []Change {
	versions := func(list []Module) map[string]string {
		out := map[string]string{}
		for _, m := range list {
			out[m.Name] = m.Version
		}
		return out
	}
	a, b := versions(before), versions(after)
	var out []Change
	for _, m := range before {
		if v, ok := b[m.Name]; !ok || v != a[m.Name] {
			out = append(out, Change{m.Name, a[m.Name], v})
			b[m.Name] = a[m.Name] // once
		}
	}
	for _, m := range after {
		if _, ok := a[m.Name]; !ok {
			out = append(out, Change{Name: m.Name, New: m.Version})
			a[m.Name] = m.Version
		}
	}
	return out
}
