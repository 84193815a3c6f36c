package npm

import (
	"fmt"
	"strings"
	"unicode"

	"countersign/internal/fault"
)

// builtins are the modules that Node has itself (node:module, builtinModules of Node 18 to 24); those that need the prefix "node:" are told by it.
var builtins = set(`assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs http http2 https
	inspector module net os path perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8 vm
	wasi worker_threads zlib`)

// mistaken are packages that are not what guides take them for, and what is meant instead.
var mistaken = map[string]string{"twilio-node": "twilio"}

const (
	// maxName is npm's own bound (package.json, "name"). maxRange bounds a version range, maxVersion a version.
	maxName    = 214
	maxRange   = 128
	maxVersion = 256
)

// specifier is what a script gives to require: a module by name, in a version if it says so, and a file of it.
type specifier struct {
	name, version, subpath string
}

// cutSpecifier takes "aws-sdk/clients/sns", "is-odd@3.0.1" and "@scope/name@1.2.3/file" apart. ok is false for what names no module: files.
func cutSpecifier(s string) (sp specifier, ok bool) {
	if s == "" || s[0] == '.' || s[0] == '/' || strings.ContainsAny(s, "\\\x00") {
		return sp, false
	}
	head, rest := "", s
	if s[0] == '@' {
		scope, after, cut := strings.Cut(s, "/")
		if !cut {
			return sp, false
		}
		head, rest = scope+"/", after
	}
	first, sub, hasSub := strings.Cut(rest, "/")
	name, version, _ := strings.Cut(first, "@")
	if hasSub {
		sub = "/" + sub
	}
	return specifier{head + name, version, sub}, name != ""
}

// builtin reports whether Node itself has the module.
func (s specifier) builtin() bool {
	return strings.HasPrefix(s.name, "node:") || builtins[s.name]
}

// checkName tells what is wrong with the name of a package.
func checkName(name string) error {
	base := name
	if scope, rest, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(scope, "@") && len(scope) > 1 {
		if !plainName(scope[1:]) {
			return refused("%q is not the name of a package", cut(name))
		}
		base = rest
	}
	if len(name) > maxName || !plainName(base) || base == "node_modules" || base == "favicon.ico" {
		return refused("%q is not the name of a package", cut(name))
	}
	if instead := mistaken[name]; instead != "" {
		return refused("the package %q on npm is an unrelated placeholder: the one that guides mean is %q", name, instead)
	}
	return nil
}

// plainName allows what npm allows for new packages and, for old ones, capitals.
func plainName(s string) bool {
	return s != "" && s[0] != '.' && s[0] != '_' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~") == ""
}

// checkRange tells what is wrong with what is asked for of a package: an exact version, a range, or a tag. Everything else that npm understands leads
// elsewhere than to the registry.
func checkRange(name, want string) error {
	lower := strings.ToLower(want)
	switch {
	case strings.ContainsAny(want, ":/\\#"), strings.HasPrefix(want, "."), strings.HasSuffix(lower, ".tgz"), strings.HasSuffix(lower, ".tar"),
		strings.HasSuffix(lower, ".tar.gz"):
		return refused("%s@%s: modules come from the npm registry alone, not from git, files, links or URLs: name a version (1.2.3), "+
			"a range (^1.2.0) or a tag (latest)", name, cut(want))
	case len(want) > maxRange, strings.Trim(want, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~^<>=|*+ ") != "",
		strings.HasPrefix(want, "-"):
		return refused("%s: %q is no version, range or tag", name, cut(want))
	}
	return nil
}

// refused is fault.ModuleRefused with a sentence.
func refused(format string, args ...any) *fault.Error {
	return fault.New(fault.ModuleRefused).WithPublic(format, args...)
}

// unavailable is fault.ModulesUnavailable with a sentence and what the log should know.
func unavailable(err error, format string, args ...any) *fault.Error {
	return fault.New(fault.ModulesUnavailable).WithPublic(format, args...).WithErr(err)
}

// cut makes a sentence's part of foreign text: not long, and without what a terminal would obey.
func cut(s string) string {
	const most = 160
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// plural is "1 module" or "3 modules".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
