package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"countersign/internal/devca"
)

func (c devTrustCmd) Run(a *app, dev *devCmd) error {
	folder, err := filepath.Abs(a.folderOf(dev.Data))
	if err != nil {
		return err
	}
	if !exists(folder) {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return hint(err, "name the folder of countersign dev: --data DIR")
		}
	}
	ca, err := devca.Open(folder, time.Now())
	if err != nil {
		return hint(err, "name the folder of countersign dev: --data DIR")
	}
	steps := devca.TrustSteps(runtime.GOOS, ca.Path, ca.Fingerprint())
	if c.Install {
		return install(a, steps[0])
	}
	if a.json {
		return a.printJSON(map[string]any{"ca": ca.Path, "fingerprint": ca.Fingerprint(), "steps": steps})
	}
	fmt.Fprintf(a.stdout, "The local authority is %s (%s).\nIt can sign only for localhost, private addresses and names under .test, .local and .internal.\n", ca.Path, ca.Fingerprint())
	for _, s := range steps {
		fmt.Fprintf(a.stdout, "\n%s:\n  %s\n", s.What, s.Command)
	}
	fmt.Fprintf(a.stdout, "\nTo run the first of them now: countersign dev trust --install\n")
	return nil
}

// install runs the commands of a step; with sudo where they need it and there is one.
func install(a *app, s devca.Step) error {
	for _, args := range s.Args {
		if s.Root && os.Geteuid() != 0 {
			if _, err := exec.LookPath("sudo"); err != nil {
				return hint(errors.New("the system's store needs administrator's rights, and there is no sudo"), "as root: %s", s.Command)
			}
			args = append([]string{"sudo"}, args...)
		}
		cmd := exec.CommandContext(a.ctx, args[0], args[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.stdout, a.stderr
		if err := cmd.Run(); err != nil {
			return hint(fmt.Errorf("%s: %w", args[0], err), "by hand: %s", s.Command)
		}
	}
	_, err := fmt.Fprintf(a.stdout, "trusted by %s\n", s.What)
	return err
}
