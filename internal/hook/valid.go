package hook

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/form"
	"countersign/internal/module"
)

const (
	maxName        = 128
	maxHookSecrets = 20
	// maxSecrets bounds an action's, and what rules see as configuration.
	maxSecrets     = 30
	maxRuleConfigs = 100
	maxSecretName  = 128
	maxSecretValue = 4096
	// maxVersionText bounds a version or range of a module, maxModuleName a module's name (npm's own bound is 214).
	maxVersionText = 128
	maxModuleName  = 214
	// maxList is what a list returns at most.
	maxList = 1000
)

var (
	// hookName is the Management API's: letters, digits, spaces and hyphens, a letter or digit at either end. Rules have it, too.
	hookName = form.New(`^[a-zA-Z0-9]([a-zA-Z0-9 -]*[a-zA-Z0-9])?$`)
	// secretName is our own: Auth0 documents none. auth0-extension-secret has to be possible.
	secretName  = form.New(`^[A-Za-z0-9_-]+$`)
	hookTrigger = []string{SendPhoneMessage, CredentialsExchange, PreUserRegistration, PostUserRegistration, PostChangePassword}
)

// judgeHookName is for hooks and rules.
func judgeHookName(name string) error {
	if len(name) > maxName || !hookName().MatchString(name) {
		return fault.Invalidf("name", "A name has at most %d letters, digits, spaces and hyphens, and begins and ends with a letter or digit.", maxName)
	}
	return nil
}

// judgeActionName is wider: the Management API bounds an action's name by its length alone.
func judgeActionName(name string) error {
	if name == "" || len(name) > 255 || !clean(name) || strings.TrimSpace(name) != name {
		return fault.Invalidf("name", "The name of an action has 1 to 255 printable characters, without spaces at its ends.")
	}
	return nil
}

// clean reports whether s is text without control characters.
func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func judgeCode(field, code string) error {
	switch {
	case strings.TrimSpace(code) == "":
		return fault.Invalidf(field, "The %s is empty.", field)
	case len(code) > module.MaxCode:
		return &fault.Error{Code: fault.PayloadTooLarge, Field: field, Public: "The " + field + " is larger than 512 kB."}
	case !utf8.ValidString(code) || strings.ContainsRune(code, 0):
		return fault.Invalidf(field, "The %s is not text in UTF-8.", field)
	}
	return nil
}

// judgeDependencies looks at form alone: what npm thinks of them the builder tells.
func judgeDependencies(deps []Dependency) error {
	if len(deps) > module.MaxModules {
		return fault.Invalidf("dependencies", "At most %d modules.", module.MaxModules)
	}
	seen := map[string]bool{}
	for _, d := range deps {
		switch {
		case d.Name == "" || len(d.Name) > maxModuleName || !clean(d.Name):
			return fault.Invalidf("dependencies", "A module has no name that npm could know.")
		case len(d.Version) > maxVersionText || !clean(d.Version) || len(d.RegistryURL) > 2048 || !clean(d.RegistryURL):
			return fault.Invalidf("dependencies", "The version of %s is not one.", d.Name)
		case seen[d.Name]:
			return fault.Invalidf("dependencies", "%s is named twice.", d.Name)
		}
		seen[d.Name] = true
	}
	return nil
}

func isPlaceholder(value string) bool {
	return strings.TrimSuffix(value, "_") == strings.TrimSuffix(Placeholder, "_")
}

func judgeSecret(name, value string) error {
	switch {
	case len(name) > maxSecretName || !secretName().MatchString(name):
		return fault.Invalidf("secrets", "The name of a secret has 1 to %d letters, digits, underscores and hyphens.", maxSecretName)
	case len(value) > maxSecretValue || !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return fault.Invalidf("secrets", "The value of %s is not text of at most %d bytes.", name, maxSecretValue)
	}
	return nil
}

func judgeSecrets(secrets map[string]string, limit int) error {
	if len(secrets) > limit {
		return fault.Invalidf("secrets", "At most %d secrets.", limit)
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if err := judgeSecret(name, secrets[name]); err != nil {
			return err
		}
	}
	return nil
}

// dependencyList is a map of dependencies by name.
func dependencyList(deps map[string]string) []Dependency {
	out := make([]Dependency, 0, len(deps))
	for _, name := range slices.Sorted(maps.Keys(deps)) {
		out = append(out, Dependency{Name: name, Version: deps[name]})
	}
	return out
}

func dependencyMap(deps []Dependency) map[string]string {
	out := make(map[string]string, len(deps))
	for _, d := range deps {
		out[d.Name] = d.Version
	}
	return out
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
