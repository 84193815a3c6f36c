package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kong"
)

// app is what every command gets: the world outside, as given to run.
type app struct {
	ctx            context.Context
	began          time.Time
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer
	json           bool
}

// getenv reads the given environment, not the process's.
func (a *app) getenv(name string) string {
	value := ""
	for _, kv := range a.env {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			value = v
		}
	}
	return value
}

// cli is the grammar.
type cli struct {
	JSON bool `help:"Print JSON." name:"json"`

	Dev      devCmd      `cmd:"" help:"Run on a laptop or in CI: everything works offline, texts appear on simulated phones."`
	Env      envCmd      `cmd:"" help:"Print the settings of 'countersign dev' for a shell or an app."`
	Serve    serveCmd    `cmd:"" help:"Run in production."`
	Config   configCmd   `cmd:"" help:"Show or begin a configuration of serve."`
	Key      keyCmd      `cmd:"" help:"Make a root key."`
	Keys     keysCmd     `cmd:"" help:"Access keys, management clients and the root key of a running server."`
	Users    usersCmd    `cmd:"" help:"Export or erase what is kept about a user."`
	Events   eventsCmd   `cmd:"" help:"Read the log."`
	Logs     logsCmd     `cmd:"" help:"Read the log oldest first, and follow it."`
	Messages messagesCmd `cmd:"" aliases:"message" help:"Follow messages to their end."`
	Send     sendCmd     `cmd:"" help:"Send a test message and say what came back."`
	Provider providerCmd `cmd:"" aliases:"account" help:"Accounts with SMS providers: add, test, change."`
	Route    routeCmd    `cmd:"" help:"Which accounts carry which messages, and how well."`
	Texts    textsCmd    `cmd:"" help:"What messages say beyond their templates, and how long they are."`
	Rates    ratesCmd    `cmd:"" help:"What messages cost: the rate card, and true prices."`
	Costs    costsCmd    `cmd:"" help:"What messages cost, and what a typed code cost."`
	Optout   optoutCmd   `cmd:"" help:"Numbers that said STOP."`
	Canary   canaryCmd   `cmd:"" help:"Texts to phones of yours that raise an alarm when they do not arrive."`

	Guard        guardCmd        `cmd:"" aliases:"guards" help:"What may refuse a message: countries, lines, quotas, money, pumping."`
	Origination  originationCmd  `cmd:"" aliases:"originations" help:"Sender IDs and numbers that messages come from."`
	Registration registrationCmd `cmd:"" aliases:"registrations" help:"What registries and carriers know of senders and texts."`
	Sandbox      sandboxCmd      `cmd:"" help:"Send to verified numbers only."`
	SMSAccount   smsAccountCmd   `cmd:"" name:"sms-account" help:"The account that SNS and End User Messaging know."`

	Apply  applyCmd  `cmd:"" help:"Make a pool as a file says it is, with clients, accounts, plan and guards."`
	Export exportCmd `cmd:"" help:"Print a pool's configuration as a file, without secrets."`

	Functions  functionsCmd  `cmd:"" help:"See functions, what they wrote, and how well they are shut in."`
	Hook       hookCmd       `cmd:"" help:"Try hooks and actions in Auth0's forms on this machine, or begin one."`
	Lambda     lambdaCmd     `cmd:"" help:"Be the custom SMS sender of a Cognito pool, as a function of AWS Lambda."`
	Status     statusCmd     `cmd:"" help:"Describe a running server."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to date."`
	Backup     backupCmd     `cmd:"" help:"Write a consistent copy of the database while the server runs."`
	Restore    restoreCmd    `cmd:"" help:"Make a database from a backup."`
	Completion completionCmd `cmd:"" help:"Print completions for a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const description = `Phone sign-in and MFA that you host, with the SMS sender that you choose.

Begin with:  countersign dev`

// exit carries kong's wish to end the program.
type exit int

func (a *app) run(args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("countersign"), kong.Description(description), kong.Writers(a.stdout, a.stderr),
		kong.Exit(func(code int) { panic(exit(code)) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		return a.fail(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(a.stderr, "error: %s\n", err)
		fmt.Fprintf(a.stderr, "hint: %s --help\n", commandOf(err))
		return 2
	}
	a.json = c.JSON
	if err := k.Run(a, k.Model); err != nil {
		return a.fail(err)
	}
	return 0
}

// commandOf is the command that a usage error is about, for the hint.
func commandOf(err error) string {
	p, ok := errors.AsType[*kong.ParseError](err)
	if !ok || p.Context == nil || p.Context.Command() == "" {
		return "countersign"
	}
	words := []string{"countersign"}
	for _, w := range strings.Fields(p.Context.Command()) {
		if !strings.HasPrefix(w, "<") {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// hinted is an error and what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// hint returns err with a hint; the innermost one wins.
func hint(err error, format string, args ...any) error {
	if _, ok := errors.AsType[*hinted](err); ok || err == nil {
		return err
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// joined is what errors.Join makes.
type joined interface{ Unwrap() []error }

// each takes joined errors apart.
func each(err error) []error {
	many, ok := err.(joined)
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range many.Unwrap() {
		out = append(out, each(e)...)
	}
	return out
}

// fail prints an error, each of several on its own, and returns 1.
func (a *app) fail(err error) int {
	if errors.Is(err, context.Canceled) && a.ctx.Err() != nil {
		fmt.Fprintln(a.stderr, "interrupted")
		return 1
	}
	for _, e := range each(err) {
		fmt.Fprintf(a.stderr, "error: %s\n", strings.TrimSpace(e.Error()))
		if h, ok := errors.AsType[*hinted](e); ok && h.hint != "" {
			fmt.Fprintf(a.stderr, "hint: %s\n", h.hint)
		}
	}
	return 1
}

// printJSON writes v for programs.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// progress says on standard error what takes so long, if it takes longer than a second. The returned function ends it.
func (a *app) progress(what string) (done func()) {
	var mu sync.Mutex
	ended := false
	began := time.Now()
	t := time.AfterFunc(time.Second, func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			fmt.Fprintf(a.stderr, "%s ...\n", what)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		if !t.Stop() {
			fmt.Fprintf(a.stderr, "%s: %s\n", what, time.Since(began).Round(100*time.Millisecond))
		}
	}
}

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	if a.json {
		return a.printJSON(map[string]string{"version": version(), "go": goVersion()})
	}
	_, err := fmt.Fprintf(a.stdout, "countersign %s (%s)\n", version(), goVersion())
	return err
}

// version is the module's, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown Go"
}

// folderOf is the data folder: flag, environment, default.
func (a *app) folderOf(flag string) string {
	for _, f := range []string{flag, a.getenv("COUNTERSIGN_DATA")} {
		if f != "" {
			return f
		}
	}
	return ".countersign"
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
