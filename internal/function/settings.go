package function

import (
	"bytes"
	"encoding/json"
	"path"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/form"
)

const (
	minMemoryMB      = 128
	maxMemoryMB      = 10240
	defaultTimeout   = 3
	maxTimeout       = 900
	minEphemeralMB   = 512
	maxEphemeralMB   = 10240
	maxHandler       = 128
	maxDescription   = 256
	maxRole          = 2048
	maxExtra         = 8 << 10
	maxEnvironment   = 4 << 10
	maxTags          = 50
	maxTagKey        = 128
	maxTagValue      = 256
	architectureX86  = "x86_64"
	architectureARM  = "arm64"
	runtimeProvided1 = "provided.al2023"
	runtimeProvided2 = "provided.al2"
)

// Runtimes are those that can be asked for: Node's are run by the Node on the PATH, the others are programs named bootstrap.
func Runtimes() []string {
	return []string{"nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x", runtimeProvided1, runtimeProvided2}
}

func isNode(runtime string) bool { return strings.HasPrefix(runtime, "nodejs") }

var (
	handlerForm = form.New(`^[^\s]{1,128}$`)
	roleForm    = form.New(`^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`)
	envName     = form.New(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	tagForm     = form.New(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// normalize fills in defaults and judges a configuration. The errors are fault.InvalidParameter and fault.UnsupportedOperation.
func (s *Settings) normalize(l Limits) error {
	if err := s.judgeRuntime(); err != nil {
		return err
	}
	if err := s.judgeHandler(); err != nil {
		return err
	}
	if s.MemoryMB == 0 {
		s.MemoryMB = minMemoryMB
	}
	if s.TimeoutSeconds == 0 {
		s.TimeoutSeconds = defaultTimeout
	}
	if s.EphemeralMB == 0 {
		s.EphemeralMB = minEphemeralMB
	}
	switch {
	case s.MemoryMB < minMemoryMB || s.MemoryMB > maxMemoryMB:
		return fault.Invalidf("MemorySize", "MemorySize must be %d to %d (MiB).", minMemoryMB, maxMemoryMB)
	case s.MemoryMB > l.MemoryMB:
		return &fault.Error{Code: fault.InvalidParameter, Field: "MemorySize", Hint: "The operator raises it with functions.max_memory.",
			Public: "'MemorySize' value failed to satisfy constraint: functions of this server may have " + itoa(l.MemoryMB) + " MiB at most."}
	case s.TimeoutSeconds < 1 || s.TimeoutSeconds > maxTimeout:
		return fault.Invalidf("Timeout", "Timeout must be 1 to %d (seconds).", maxTimeout)
	case s.EphemeralMB < minEphemeralMB || s.EphemeralMB > maxEphemeralMB:
		return fault.Invalidf("EphemeralStorage", "EphemeralStorage must be %d to %d (MiB).", minEphemeralMB, maxEphemeralMB)
	case utf8.RuneCountInString(s.Description) > maxDescription || !text(s.Description):
		return fault.Invalidf("Description", "Description must have at most %d characters.", maxDescription)
	case len(s.Role) > maxRole || s.Role != "" && !roleForm.MatchString(s.Role):
		return fault.Invalidf("Role", "Role must be the ARN of a role (arn:aws:iam::000000000000:role/any serves here).")
	case len(s.Extra) > maxExtra || len(s.Extra) > 0 && !json.Valid(s.Extra):
		return fault.Invalidf("", "The settings that are only kept take more than %d bytes.", maxExtra)
	}
	return s.judgeArchitecture()
}

func (s *Settings) judgeRuntime() error {
	if slices.Contains(Runtimes(), s.Runtime) {
		return nil
	}
	if s.Runtime == "" {
		return fault.Invalidf("Runtime", "Runtime is required: one of %s.", strings.Join(Runtimes(), ", "))
	}
	name := strings.ToValidUTF8(s.Runtime[:min(len(s.Runtime), 64)], "")
	return &fault.Error{Code: fault.UnsupportedOperation, Field: "Runtime",
		Public: "The runtime " + name + " cannot run here. Possible are " + strings.Join(Runtimes(), ", ") + "."}
}

func (s *Settings) judgeHandler() error {
	if !isNode(s.Runtime) && s.Handler == "" {
		s.Handler = "bootstrap"
	}
	if !handlerForm.MatchString(s.Handler) || !text(s.Handler) {
		return fault.Invalidf("Handler", "Handler must have 1 to %d characters without spaces.", maxHandler)
	}
	if !isNode(s.Runtime) {
		return nil
	}
	if file, export := s.module(); file == "" || export == "" || !localName(file) {
		return fault.Invalidf("Handler", "Handler must be file.export, as in index.handler or src/app.handler.")
	}
	return nil
}

// module splits a Node handler: folder/file and what the file exports (which may have dots of its own).
func (s *Settings) module() (file, export string) {
	dir, base := path.Split(s.Handler)
	base, export, _ = strings.Cut(base, ".")
	if base == "" {
		return "", ""
	}
	return dir + base, export
}

// files are the names of which one must be in the package.
func (s *Settings) files() []string {
	if !isNode(s.Runtime) {
		return []string{"bootstrap"}
	}
	file, _ := s.module()
	file = path.Clean(file)
	return []string{file + ".js", file + ".mjs", file + ".cjs", file}
}

// judgeArchitecture lets Node functions have any architecture, since Node here is this machine's; programs must be for it.
func (s *Settings) judgeArchitecture() error {
	if s.Architecture == "" {
		s.Architecture = architectureX86
		if !isNode(s.Runtime) {
			s.Architecture = machine()
		}
	}
	if s.Architecture != architectureX86 && s.Architecture != architectureARM {
		return fault.Invalidf("Architectures", "Architectures must be %s or %s.", architectureX86, architectureARM)
	}
	if !isNode(s.Runtime) && s.Architecture != machine() {
		return &fault.Error{Code: fault.UnsupportedOperation, Field: "Architectures",
			Public: "A program for " + s.Architecture + " cannot run here: this server is " + machine() + "."}
	}
	return nil
}

// machine is this machine's architecture as Lambda spells it.
func machine() string {
	if runtime.GOARCH == "arm64" {
		return architectureARM
	}
	return architectureX86
}

// equal compares what makes a version, which the description is not.
func (s Settings) equal(t Settings) bool {
	extra := bytes.Equal(s.Extra, t.Extra)
	s.Description, t.Description, s.Extra, t.Extra = "", "", nil, nil
	a, _ := json.Marshal(s)
	b, _ := json.Marshal(t)
	return extra && bytes.Equal(a, b)
}

// text reports whether the store can keep s.
func text(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// judgeEnvironment judges variables as Lambda does (developer guide, "Working with Lambda environment variables"): names, the
// sum of their sizes, reserved names. No value appears in an error.
func judgeEnvironment(env map[string]string) error {
	size := 0
	var taken []string
	for k, v := range env {
		size += len(k) + len(v)
		switch {
		case size > maxEnvironment:
			return fault.Invalidf("Environment", "Lambda was unable to configure your environment variables because the environment variables you have "+
				"provided exceeded the 4KB limit.")
		case !envName.MatchString(k) || !text(v):
			return fault.Invalidf("Environment", "The names of environment variables begin with a letter and have at least two letters, digits and underscores.")
		case reserved(k):
			taken = append(taken, k)
		}
	}
	if len(taken) > 0 {
		slices.Sort(taken)
		return fault.Invalidf("Environment", "Lambda was unable to configure your environment variables because the environment variables you have "+
			"provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	return nil
}

// reserved names are the runtime's. AWS_ENDPOINT_URL*, AWS_PROFILE and the other settings of SDKs may be set, as on Lambda;
// names that begin with an underscore have no valid form anyway.
func reserved(name string) bool {
	switch name {
	case "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR":
		return true
	}
	return strings.HasPrefix(name, "AWS_LAMBDA_") && name != "AWS_LAMBDA_EXEC_WRAPPER"
}

func judgeTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fault.Invalidf("Tags", "A function has at most %d tags.", maxTags)
	}
	for k, v := range tags {
		if k == "" || utf8.RuneCountInString(k) > maxTagKey || utf8.RuneCountInString(v) > maxTagValue || !tagForm.MatchString(k) || !tagForm.MatchString(v) {
			return fault.Invalidf("Tags", "The keys of tags have 1 to %d characters, values at most %d: letters, digits, spaces and _.:/=+-@.", maxTagKey, maxTagValue)
		}
	}
	return nil
}
