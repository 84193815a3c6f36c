package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"countersign/internal/hook/guides"
	"countersign/internal/script"
)

type hookNewCmd struct {
	Provider string `help:"The provider; --list shows them." placeholder:"NAME" required:"" xor:"what"`
	List     bool   `help:"List the providers and the secrets that their hooks read." required:"" xor:"what"`
	Kind     string `help:"hook, or one of the actions send-phone-message and custom-phone-provider." enum:"hook,send-phone-message,custom-phone-provider" default:"hook"`
	Out      string `short:"o" help:"Where to write it; - is standard output. Default: NAME.js here." placeholder:"FILE"`
	Force    bool   `help:"Write over a file that is there."`
}

// guideView is a guide as --json lists it.
type guideView struct {
	Name    string       `json:"name"`
	Title   string       `json:"title"`
	Voice   bool         `json:"voice"`
	Secrets []secretView `json:"secrets"`
}

type secretView struct {
	Name     string `json:"name"`
	Help     string `json:"help"`
	Optional bool   `json:"optional,omitempty"`
}

func (c *hookNewCmd) Run(a *app) error {
	if c.List {
		return c.list(a)
	}
	g, ok := guides.Get(strings.ToLower(c.Provider))
	if !ok {
		return hint(fmt.Errorf("there is no hook for %s", printable(c.Provider)), "one of %s; or begin with one of them and change the call",
			strings.Join(guides.Names(), ", "))
	}
	code, err := g.Code(script.Kind(c.Kind))
	if err != nil {
		return err
	}
	if c.Out == "-" {
		_, err := a.stdout.Write([]byte(code))
		return err
	}
	file := c.Out
	if file == "" {
		file = g.Name + ".js"
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, flags, 0o644)
	if errors.Is(err, os.ErrExist) {
		return hint(fmt.Errorf("%s is there already", file), "name another file with --out, or write over it with --force")
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(code)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	c.explain(a, g, file)
	return nil
}

// explain says what to do with the file, on standard error: it is no result.
func (c *hookNewCmd) explain(a *app, g guides.Guide, file string) {
	fmt.Fprintf(a.stderr, "wrote %s: %s\n\ntry it, the provider simulated:\n  countersign hook run %s", file, g.Title, file)
	for _, s := range g.Secrets {
		if !s.Optional {
			fmt.Fprintf(a.stderr, " \\\n    --secret %s=%s", s.Name, placeholderOf(s.Name))
		}
	}
	fmt.Fprintln(a.stderr, "\n\nits secrets:")
	t := tabwriter.NewWriter(a.stderr, 0, 0, 2, ' ', 0)
	for _, s := range g.Secrets {
		fmt.Fprintf(t, "  %s\t%s\n", s.Name, helpOf(s))
	}
	t.Flush()
}

func helpOf(s guides.Secret) string {
	if s.Optional {
		return s.Help + " (optional)"
	}
	return s.Help
}

// placeholderOf is a value that the simulated providers take.
func placeholderOf(name string) string {
	switch {
	case strings.HasSuffix(name, "_REGION"):
		return "us-east-1"
	case strings.HasSuffix(name, "_NUMBER"):
		return "+12025550100"
	case strings.HasSuffix(name, "_SENDER"):
		return "Example"
	}
	return "test"
}

func (c *hookNewCmd) list(a *app) error {
	views := []guideView{}
	for _, g := range guides.List() {
		v := guideView{Name: g.Name, Title: g.Title, Voice: g.Voice}
		for _, s := range g.Secrets {
			v.Secrets = append(v.Secrets, secretView{s.Name, s.Help, s.Optional})
		}
		views = append(views, v)
	}
	if a.json {
		return a.printJSON(views)
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tPROVIDER\tSENDS\tSECRETS")
	for _, v := range views {
		sends := "texts"
		if v.Voice {
			sends = "texts, calls"
		}
		var names []string
		for _, s := range v.Secrets {
			if !s.Optional {
				names = append(names, s.Name)
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", v.Name, v.Title, sends, strings.Join(names, " "))
	}
	return t.Flush()
}
