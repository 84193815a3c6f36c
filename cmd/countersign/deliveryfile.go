package main

import (
	"fmt"
	"os"
	"path/filepath"

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

// readDelivery reads a delivery file. Names of secret files are relative to it. A file without rules uses its accounts in their order.
func readDelivery(path string) (*route.Static, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	var f deliveryFile
	if err := readYAML(name, raw, &f, deliveryHelp); err != nil {
		return nil, err
	}
	out := &route.Static{Plan: f.Plan}
	for _, a := range f.Accounts {
		secrets := map[string]secret.String{}
		for k, v := range a.Secrets {
			secrets[k] = secret.New(v)
		}
		for k, file := range a.SecretFiles {
			if _, twice := secrets[k]; twice {
				return nil, fmt.Errorf("%s: account %s: %s stands in secrets and in secret_files", name, a.Name, k)
			}
			if !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(path), file)
			}
			if secrets[k], err = secretOf(secret.String{}, file); err != nil {
				return nil, fmt.Errorf("%s: account %s: %s: %w", name, a.Name, k, err)
			}
		}
		out.Accounts = append(out.Accounts, route.StaticAccount{AccountConfig: a.AccountConfig, Secrets: secrets})
	}
	if len(out.Accounts) == 0 {
		return nil, hint(fmt.Errorf("%s: there are no accounts", name), deliveryHelp)
	}
	if len(out.Plan.Rules) == 0 {
		all := route.Rule{Name: "all"}
		for _, a := range out.Accounts {
			all.Use = append(all.Use, route.Choice{Account: a.Name})
		}
		out.Plan.Rules = []route.Rule{all}
	}
	return out, nil
}
