package npm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/hookrun"
	"countersign/internal/module"
	"countersign/internal/runner"
)

const (
	npmMemoryMB     = 1024
	resolveTimeout  = 2 * time.Minute
	installTimeout  = 5 * time.Minute
	maxInstallFiles = 100_000
	maxArchiveFile  = 256 << 20
)

// tool is npm as it is installed on this machine.
type tool struct {
	// folder is npm's own, cli the program in it that Node runs.
	folder, cli string
}

// findTool looks for npm where the program npm leads to, beside Node, and where distributions put it.
func findTool(node string) (*tool, error) {
	var places []string
	if path, err := exec.LookPath("npm"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			places = append(places, filepath.Dir(filepath.Dir(real)))
		}
	}
	beside := filepath.Dir(filepath.Dir(node))
	places = append(places, filepath.Join(beside, "lib", "node_modules", "npm"), "/usr/share/nodejs/npm", "/usr/lib/node_modules/npm",
		"/usr/local/lib/node_modules/npm", "/opt/homebrew/lib/node_modules/npm")
	for _, dir := range places {
		cli := filepath.Join(dir, "bin", "npm-cli.js")
		if info, err := os.Stat(cli); err == nil && info.Mode().IsRegular() {
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				return &tool{real, filepath.Join(real, "bin", "npm-cli.js")}, nil
			}
		}
	}
	return nil, fault.New(fault.ModulesUnavailable).WithPublic("npm was not found on this server: install npm, which comes with Node.js, to use modules")
}

// settings are the same for every call. What they do not name is npm's default: there is no configuration of a user or a machine.
func (b *Builder) settings(folder string) []string {
	in := func(name string) string { return filepath.Join(folder, name) }
	return []string{
		"--registry=" + b.registry.String(), "--userconfig=" + in(".npmrc"), "--globalconfig=" + in(".npmrc-global"), "--cache=" + in(".npm"),
		"--strict-ssl", "--ignore-scripts", "--no-bin-links", "--omit=dev", "--omit=optional", "--lockfile-version=3", "--package-lock", "--save-exact",
		"--no-omit-lockfile-registry-resolved", "--replace-registry-host=npmjs", "--install-strategy=hoisted", "--no-audit", "--no-fund", "--no-update-notifier",
		"--no-progress", "--loglevel=silent", "--logs-max=0", "--json", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000",
		// There is no git, and newer versions of npm refuse by themselves what is not of the registry.
		"--git=" + in("no-git"), "--allow-git=none", "--allow-remote=none", "--allow-file=none", "--allow-directory=none",
	}
}

// run runs npm in a folder. Errors are those of Build.
func (b *Builder) run(ctx context.Context, r *hookrun.Runner, folder *hookrun.Folder, timeout time.Duration, args ...string) error {
	node := r.Report(ctx)
	if node.NodeError != "" {
		return unavailable(errors.New(node.NodeError), "there is no Node.js on this server, which modules need")
	}
	npm, err := findTool(node.Node)
	if err != nil {
		return err
	}
	res, err := r.Job(ctx, &hookrun.Job{
		Name: "npm", Args: append(append([]string{npm.cli}, args...), b.settings(folder.Path)...), Read: []string{npm.folder}, Folder: folder,
		Env:    []string{"NODE_EXTRA_CA_CERTS=" + filepath.Join(folder.Path, caFile), "NO_UPDATE_NOTIFIER=1", "NODE_NO_WARNINGS=1", "npm_config_yes=false"},
		Egress: b.egress(), MemoryMB: npmMemoryMB, Timeout: timeout,
		DiskBytes: module.MaxUnpacked, DiskFiles: maxInstallFiles, FileBytes: maxArchiveFile,
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return unavailable(err, "npm cannot be run on this server now")
	}
	return b.ended(res)
}

// ended makes an error of how npm ended.
func (b *Builder) ended(res *hookrun.JobResult) error {
	switch res.Reason {
	case "":
		return nil
	case runner.Timeout:
		return unavailable(errors.New(res.Detail), "npm took too long: the registry is slow, or the modules are very many")
	case runner.Output:
		return fault.New(fault.PayloadTooLarge).WithPublic("the modules are too large: %d MB may be installed", module.MaxUnpacked>>20)
	case runner.Memory:
		return fault.New(fault.PayloadTooLarge).WithPublic("the modules are too large: npm needs more than %d MB of memory for them", npmMemoryMB)
	}
	return b.explain(res.Output)
}

// complaint is what npm says with --json when it fails.
type complaint struct {
	Error struct{ Code, Summary, Detail string } `json:"error"`
}

// explain puts npm's error into our words.
func (b *Builder) explain(output []byte) error {
	var c complaint
	text := string(output)
	if i := strings.Index(text, "{"); i >= 0 {
		_ = json.NewDecoder(strings.NewReader(text[i:])).Decode(&c) // without it there is the text
	}
	e := c.Error
	cause := fmt.Errorf("npm: %s: %s %s", e.Code, e.Summary, cut(e.Detail))
	if e.Code == "" {
		cause = fmt.Errorf("npm: %s", cut(strings.TrimSpace(text)))
	}
	what := wanted(e.Summary + " " + e.Detail)
	switch e.Code {
	case "E404":
		return refused("the npm registry has no module %s: is it spelt right?", what).WithErr(cause)
	case "ETARGET", "ENOVERSIONS":
		return refused("the npm registry has no such version: %s", cut(strings.TrimSuffix(e.Summary, "."))).WithErr(cause)
	case "ERESOLVE":
		return refused("the modules do not go together: %s", cut(firstLines(e.Detail, e.Summary))).WithErr(cause)
	case "EALLOWGIT", "EALLOWREMOTE", "EALLOWFILE", "EALLOWDIRECTORY", "ENOGIT", "EUNSUPPORTEDPROTOCOL":
		return refused("a module wants something that is not in the npm registry (git, a file or a URL): %s", cut(firstLines(e.Detail, e.Summary))).WithErr(cause)
	case "EINTEGRITY":
		return refused("the registry sent something else than its own checksum says: %s", cut(e.Summary)).WithErr(cause)
	case "EINVALIDTAGNAME", "EINVALIDPACKAGENAME", "EUNSUPPORTED":
		return refused("npm does not accept this: %s", cut(e.Summary)).WithErr(cause)
	case "TAR_BAD_ARCHIVE", "ETARBALL", "Z_DATA_ERROR", "Z_BUF_ERROR":
		return refused("a module's archive is damaged: %s", cut(e.Summary)).WithErr(cause)
	case "EFBIG":
		return tooLarge("a file of theirs has more than %d MB", maxArchiveFile>>20)
	case "E401", "E403":
		return unavailable(cause, "the registry %s refuses to answer (%s)", b.registry.Host, e.Code[1:])
	case "ENOENT": // git, where npm is old
		if strings.Contains(e.Summary+e.Detail, "no-git") {
			return refused("a module wants something from git: modules come from the npm registry alone").WithErr(cause)
		}
	}
	return unavailable(cause, "the modules could not be fetched from %s (%s)", b.registry.Host, cut(orWord(e.Code, "npm failed")))
}

// wanted is the module that npm's text names in quotes.
func wanted(text string) string {
	_, rest, ok := strings.Cut(text, "'")
	name, _, end := strings.Cut(rest, "'")
	if !ok || !end {
		return "of that name"
	}
	return fmt.Sprintf("%q", cut(name))
}

// firstLines are the telling lines of a long text.
func firstLines(text, otherwise string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var out []string
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "node_modules/") && !strings.HasPrefix(l, "While resolving: undefined") {
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		return otherwise
	}
	return strings.Join(out[:min(3, len(out))], "; ")
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
