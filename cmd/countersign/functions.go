package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"countersign"
	"countersign/internal/config"
	"countersign/internal/egress"
	"countersign/internal/gateway/awskms"
	"countersign/internal/gateway/awslambda"
	"countersign/internal/hookrun/sandbox"
)

// launcherPath is this very program, which shuts in the workers of functions.
func launcherPath() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("this program does not find itself, so it cannot shut functions in: %w", err)
	}
	return path, nil
}

// functions is how dev runs user code: as well shut in as the machine allows.
func (d *devRun) functions() (out countersign.Functions, err error) {
	out = countersign.Functions{Isolation: cmp.Or(d.Isolation, string(sandbox.None)), Allow: d.AllowEgress, Cache: filepath.Join(d.folder, "functions"), MemoryMB: 2048}
	if d.Isolation != string(sandbox.None) {
		if out.Launcher, err = launcherPath(); err != nil {
			return out, err
		}
		out.Least = d.Isolation == ""
	}
	if d.RemoteLambda || d.a.getenv("AWS_ENDPOINT_URL_LAMBDA") != "" {
		policy, err := egress.NewPolicy(true)
		if err != nil {
			return out, err
		}
		cfg, err := awsClient(d.a.ctx, d.a, config.AWS{}, policy)
		if err != nil {
			return out, err
		}
		out.Remote = awslambda.New(cfg)
	}
	return out, nil
}

// serveFunctions is how serve runs user code.
func serveFunctions(ctx context.Context, a *app, c *config.Config) (out countersign.Functions, err error) {
	f := c.Functions
	out = countersign.Functions{
		Isolation: f.Isolation, Node: f.Node, Cache: f.Cache, MemoryMB: cmp.Or(f.Memory, 2048), MaxMemoryMB: f.MaxMemory,
		Allow: f.Egress.Allow, Only: f.Egress.Only, StorageMB: f.Storage, RemoteAllow: f.RemoteAllow,
	}
	if out.Cache == "" && !c.Postgres() {
		out.Cache = filepath.Join(filepath.Dir(c.Database.Reveal()), "functions")
	}
	if out.Launcher, err = launcherPath(); err != nil {
		return out, err
	}
	if !f.Remote && c.KMS.Provider != "aws" {
		return out, nil
	}
	policy, err := egressPolicy(c, endpointHost(a))
	if err != nil {
		return out, err
	}
	cfg, err := awsClient(ctx, a, c.AWS, policy)
	if err != nil {
		return out, hint(err, "see aws in countersign config example")
	}
	if f.Remote {
		out.Remote = awslambda.New(cfg)
	}
	if c.KMS.Provider == "aws" {
		out.Keys = awskms.New(cfg)
	}
	return out, nil
}

// serveHooks is how serve runs hooks, actions and rules.
func serveHooks(c *config.Config) countersign.Hooks {
	out := countersign.Hooks{Registry: c.Hooks.Registry, MemoryMB: c.Hooks.Memory}
	if c.Hooks.Timeout != nil {
		out.Timeout = time.Duration(*c.Hooks.Timeout)
	}
	return out
}

// endpointHost is the host that the environment names in place of AWS, if it names one.
func endpointHost(a *app) string {
	u, err := url.Parse(cmp.Or(a.getenv("AWS_ENDPOINT_URL_LAMBDA"), a.getenv("AWS_ENDPOINT_URL_KMS"), a.getenv("AWS_ENDPOINT_URL")))
	if err != nil {
		return ""
	}
	return u.Hostname()
}
