package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/gateway"
	"countersign/internal/route"
	"countersign/internal/secret"
)

// deliveryFile is the file of sender.file: a plan, and the accounts it names.
type deliveryFile struct {
	Accounts []fileAccount `json:"accounts"`
	route.Plan
}

// fileAccount is an account with its secrets: in the file, or in files of their own.
type fileAccount struct {
	route.AccountConfig
	Secrets     map[string]string `json:"secrets,omitempty"`
	SecretFiles map[string]string `json:"secret_files,omitempty"`
}

// deliveryHelp is where the file is described.
const deliveryHelp = "docs/delivery.md shows one: accounts, and rules that name them"

// readDelivery reads a delivery file and says everything that is wrong with it. Names of secret files are relative to it. A file without rules uses its
// accounts in their order. shared allows others to read the secrets, as on a laptop.
func readDelivery(path string, shared bool) (*route.Static, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, hint(err, "name a file that this user can read")
	}
	name := filepath.Base(path)
	var f deliveryFile
	if err := readYAML(name, raw, &f, deliveryHelp); err != nil {
		return nil, err
	}
	if len(f.Accounts) == 0 {
		return nil, hint(fmt.Errorf("%s: there are no accounts", name), deliveryHelp)
	}
	out := &route.Static{Plan: f.Plan}
	var wrong []error
	for i, a := range f.Accounts {
		secrets, err := a.secrets(filepath.Dir(path), fmt.Sprintf("%s: accounts[%d]", name, i), shared)
		wrong = append(wrong, err)
		out.Accounts = append(out.Accounts, route.StaticAccount{AccountConfig: a.AccountConfig, Secrets: secrets})
	}
	if len(out.Plan.Rules) == 0 {
		all := route.Rule{Name: "all"}
		for _, a := range out.Accounts {
			all.Use = append(all.Use, route.Choice{Account: a.Name})
		}
		out.Plan.Rules = []route.Rule{all}
	}
	if errors.Join(wrong...) == nil { // a secret that cannot be read would be missed once more
		wrong = append(wrong, explainStatic(name, &f, route.CheckStatic(out, gateway.Specs())))
	}
	return out, errors.Join(wrong...)
}

// secrets are the account's, from the file and from files beside it. at is the account's place.
func (a *fileAccount) secrets(folder, at string, shared bool) (map[string]secret.String, error) {
	out := map[string]secret.String{}
	for k, v := range a.Secrets {
		out[k] = secret.New(v)
	}
	var wrong []error
	for _, k := range sortedKeys(a.SecretFiles) {
		file, field := a.SecretFiles[k], fmt.Sprintf("%s.secret_files.%s", at, k)
		if _, twice := out[k]; twice {
			wrong = append(wrong, hint(fmt.Errorf("%s: %s stands in secrets as well", field, k), "keep one of the two"))
			continue
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(folder, file)
		}
		var err error
		if out[k], err = privateSecret(file, shared); err != nil {
			wrong = append(wrong, hint(fmt.Errorf("%s: %w", field, err), "name a file that this user can read and that holds the secret alone"))
		}
	}
	return out, errors.Join(wrong...)
}

// privateSecret reads a file that nobody else may read.
func privateSecret(file string, shared bool) (secret.String, error) {
	info, err := os.Stat(file)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return secret.String{}, fmt.Errorf("%s: %w", e.Path, e.Err)
	}
	if err != nil {
		return secret.String{}, err
	}
	if !shared && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return secret.String{}, hint(fmt.Errorf("%s can be read by others (mode %04o)", file, info.Mode().Perm()), "chmod 600 %s", file)
	}
	return secretOf(secret.String{}, file)
}

// explainStatic names the file, the place in it, and what to do.
func explainStatic(name string, f *deliveryFile, err error) error {
	if err == nil {
		return nil
	}
	var out []error
	for _, e := range each(err) {
		x := fault.Of(e)
		help := deliveryHelp
		if i, ok := accountOf(x.Field); ok && i < len(f.Accounts) {
			help = "the kinds: countersign provider kinds"
			if _, known := gateway.Spec(f.Accounts[i].Kind); known {
				help += " " + f.Accounts[i].Kind
			}
		}
		out = append(out, hint(fmt.Errorf("%s: %s: %s", name, x.Field, x.Public), "%s", help))
	}
	return errors.Join(out...)
}

// accountOf is the number in accounts[N].
func accountOf(field string) (int, bool) {
	rest, ok := strings.CutPrefix(field, "accounts[")
	number, _, closed := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	return i, ok && closed && err == nil
}
