package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/function"
	"countersign/internal/keyring"
	"countersign/internal/kms"
	"countersign/internal/pool"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/trigger"
)

const (
	account = "000000000000"
	// region is that of the pools.
	region = "us-bench-1"
	// The access key that functions are called with.
	accessKeyID, secretAccessKey = "CSKBENCHBENCHBENCH00", "a secret key for measurements only, of no use"
)

// installer gives a database what userCode says, through the packages that the APIs are made of.
type installer struct {
	store     store.Store
	keyring   *keyring.Keyring
	events    *eventlog.Log
	functions *function.Service
}

// with changes a database before its server starts.
func (b *block) with(ctx context.Context, url string, change func(*installer) error) error {
	s, err := openDatabase(ctx, url)
	if err != nil {
		return err
	}
	keys, err := keyring.Open(ctx, keyring.Database(s), keyring.Config{Root: b.cache.root})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	i := &installer{store: s, keyring: keys, events: eventlog.New(eventlog.Config{Keys: keys})}
	i.functions = function.New(function.Config{Account: account, Events: i.events, Keys: keys, Store: s, Log: slog.New(slog.DiscardHandler)})
	return errors.Join(change(i), s.Close())
}

func openDatabase(ctx context.Context, url string) (*sqlstore.Store, error) {
	if strings.Contains(url, "://") {
		return sqlstore.OpenPostgres(ctx, url, sqlstore.Options{})
	}
	return sqlstore.OpenSQLite(ctx, url, sqlstore.Options{})
}

func (i *installer) all(ctx context.Context, c *userCode, pack []byte, sets map[string]*userSet) error {
	_, err := access.NewKeys(access.Config{Sealer: i.keyring, Store: i.store}).Create(ctx, access.NewCredential{
		Kind: access.AWS, Name: "bench", ID: accessKeyID, Secret: secret.New(secretAccessKey),
		Grants: []access.Grant{{Service: "lambda", Actions: []string{"*"}, Pools: []string{"*"}}},
	})
	if err != nil {
		return err
	}
	key, err := kms.New(kms.Config{Store: i.store, Keyring: i.keyring, Events: i.events, Account: account}).Create(ctx, kms.Caller{Region: region}, kms.NewKey{})
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	for n := range c.functions {
		_, err := i.functions.Create(ctx, &function.Create{
			Region: region, Name: c.function(n), Package: pack, Env: map[string]string{"KEY_ID": key.ARN},
			Settings: function.Settings{Handler: "index.handler", Role: "arn:aws:iam::" + account + ":role/bench", Runtime: c.runtime, MemoryMB: c.functionMB, TimeoutSeconds: 20},
		})
		if err != nil {
			return fmt.Errorf("function: %w", err)
		}
	}
	if c.trigger == "" {
		return nil
	}
	for _, set := range sets {
		if err := i.on(ctx, c, key.ARN, set.pool); err != nil {
			return fmt.Errorf("pool %s: %w", set.pool, err)
		}
	}
	return nil
}

// function is the name of the n-th function.
func (c *userCode) function(n int) string {
	if n == 0 {
		return c.name
	}
	return fmt.Sprintf("%s-%d", c.name, n)
}

// on lets the pool call the function.
func (i *installer) on(ctx context.Context, c *userCode, key, poolID string) error {
	_, err := i.functions.AddPermission(ctx, function.Ref{Region: region, Name: c.name}, &function.Permission{
		StatementID: strings.ReplaceAll(poolID, "_", "-"), Action: "lambda:InvokeFunction", Principal: "cognito-idp.amazonaws.com",
		SourceARN: "arn:aws:cognito-idp:" + region + ":" + account + ":userpool/" + poolID, SourceAccount: account,
	})
	if err != nil {
		return err
	}
	return i.store.Write(ctx, func(tx store.Tx) error {
		p, err := tx.Pools().Pool(ctx, poolID)
		if err != nil {
			return err
		}
		var cfg pool.Config
		if err := json.Unmarshal(p.Config, &cfg); err != nil {
			return err
		}
		cfg.Triggers = &trigger.Config{Functions: map[trigger.Name]string{c.trigger: "arn:aws:lambda:" + region + ":" + account + ":function:" + c.name}}
		switch c.trigger {
		case trigger.CustomSMSSender:
			cfg.Triggers.KMSKey = key
		case trigger.PreTokenGeneration:
			cfg.Triggers.TokenVersion = "V2_0"
		}
		if p.Config, err = json.Marshal(&cfg); err != nil {
			return err
		}
		p.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
		ok, err := tx.Pools().UpdatePool(ctx, p)
		if err == nil && !ok {
			err = errors.New("it changed meanwhile")
		}
		return err
	})
}
