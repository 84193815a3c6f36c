// Command countersign-lambda is what `make lambda` packs: `countersign lambda` without the rest of the program, which a function would have to
// fetch and unpack at each cold start for nothing.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"countersign/internal/senderfunc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Environ(), os.Stdout, os.Stderr))
}

// run answers the Lambda Runtime API until ctx ends. It returns the exit code: 1 if the environment lacks something, which stands on stderr.
func run(ctx context.Context, env []string, stdout, stderr io.Writer) int {
	all, names := map[string]string{}, []string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		all[name], names = value, append(names, name)
	}
	if err := senderfunc.Main(ctx, func(name string) string { return all[name] }, stdout, names...); err != nil {
		fmt.Fprintf(stderr, "%v\nAll variables: docs/lambda.md\n", err)
		return 1
	}
	return 0
}
