package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints a script made of the grammar: the words that may follow each command.
func (c completionCmd) Run(a *app, model *kong.Application) error {
	words := map[string][]string{}
	collect(words, "", model.Node)
	var b strings.Builder
	switch c.Shell {
	case "fish":
		for _, path := range sortedPaths(words) {
			condition := "__fish_use_subcommand"
			if path != "" {
				condition = "string match -q -r '^countersign " + path + "( -[^ ]*)* ?[^ ]*$' (commandline -cp)"
			}
			fmt.Fprintf(&b, "complete -c countersign -f -n %q -a %q\n", condition, strings.Join(words[path], " "))
		}
	default:
		if c.Shell == "zsh" {
			b.WriteString("autoload -U +X bashcompinit && bashcompinit\n")
		}
		b.WriteString("_countersign() {\n  local path= w\n  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do case $w in -*) ;; *) path=\"$path $w\" ;; esac; done\n  case \"${path# }\" in\n")
		for _, path := range sortedPaths(words) {
			fmt.Fprintf(&b, "    %q) COMPREPLY=($(compgen -W %q -- \"${COMP_WORDS[COMP_CWORD]}\")) ;;\n", path, strings.Join(words[path], " "))
		}
		b.WriteString("  esac\n}\ncomplete -o default -F _countersign countersign\n")
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
}

func collect(words map[string][]string, path string, n *kong.Node) {
	for _, child := range n.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			words[path] = append(words[path], child.Name)
			collect(words, strings.TrimSpace(path+" "+child.Name), child)
		}
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			words[path] = append(words[path], "--"+f.Name)
		}
	}
	if n.DefaultCmd != nil {
		for _, group := range n.DefaultCmd.AllFlags(true) {
			for _, f := range group {
				words[path] = append(words[path], "--"+f.Name)
			}
		}
	}
}

func sortedPaths(words map[string][]string) []string {
	return slices.Sorted(maps.Keys(words))
}
