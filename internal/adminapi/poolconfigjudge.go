package adminapi

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"countersign/internal/fault"
	pools "countersign/internal/pool"
	"countersign/internal/poolfile"
	"countersign/internal/store"
)

// judge finds out what the server is to have, everything that is wrong with it, and the steps that lead there. It writes nothing.
func (c *configurer) judge(ctx context.Context, pool bool) error {
	c.want = poolfile.Merge(c.now, c.file, c.prune)
	judges := []func(context.Context) error{}
	if pool {
		judges = append(judges, c.judgePool, c.judgeAccounts, c.judgeClients, c.judgeMessages, c.judgeRates, c.judgePlan, c.judgeCanaries, c.judgeGuards)
	}
	judges = append(judges, c.judgeShared)
	if pool {
		judges = append(judges, c.judgeRegistrations)
	}
	judges = append(judges, c.judgeNumbers)
	for _, f := range judges {
		if err := f(ctx); err != nil {
			return err
		}
	}
	if len(c.problems) > 0 {
		return c.problem()
	}
	c.want.Canonical()
	changes, err := poolfile.Diff(c.now, c.want)
	c.out.Changes = append(append([]poolfile.Change{}, changes...), c.out.Changes...)
	slices.SortStableFunc(c.out.Changes, func(a, b poolfile.Change) int { return strings.Compare(a.Path, b.Path) })
	return err
}

// problem is everything that is wrong, in one answer.
func (c *configurer) problem() *Problem {
	first := c.problems[0]
	return &Problem{
		Status: http.StatusBadRequest, Title: http.StatusText(http.StatusBadRequest), Code: string(fault.InvalidParameter), Field: first.Location,
		Detail: first.Location + ": " + first.Message, Hint: c.hint, Errors: c.problems,
	}
}

// wrong notes what is wrong at a path. An error that is not about the input is returned. Fields of faults are names below the path.
func (c *configurer) wrong(path string, err error) error {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	if f.Kind() == fault.Internal || f.Kind() == fault.Unavailable || f.Kind() == fault.Denied {
		return err
	}
	text := f.Public
	if text == "" {
		text = sentences[f.Code]
	}
	if f.Field != "" && f.Code == fault.InvalidParameter {
		text = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(text, f.Field), ":"))
		path += "." + f.Field
	}
	if c.hint == "" {
		c.hint = f.Hint
	}
	c.problems = append(c.problems, ProblemItem{Message: text, Location: path})
	return nil
}

func (c *configurer) wrongf(path, format string, args ...any) {
	c.problems = append(c.problems, ProblemItem{Message: fmt.Sprintf(format, args...), Location: path})
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// entry finds an entry of a list.
func entry[T any](list []T, is func(T) bool) *T {
	i := slices.IndexFunc(list, is)
	if i < 0 {
		return nil
	}
	return &list[i]
}

func (c *configurer) judgePool(ctx context.Context) error {
	c.draft = &pools.Pool{ID: c.poolID}
	if c.pool != nil {
		copied := *c.pool
		c.draft = &copied
	}
	if c.file.Pool == nil {
		return nil
	}
	part := c.want.Pool
	part.ID = c.poolID
	c.draft.Name = part.Name
	if err := c.Configuration.SetSettings(c.draft, part.Settings, part.OwnSender); err != nil {
		c.draft = nil
		return c.wrong("pool.settings", err)
	}
	for _, name := range c.draft.Change.KeptOnly {
		c.out.Warnings = append(c.out.Warnings, "pool.settings."+name+" is kept and shown, and has no effect here")
	}
	missing, err := c.Configuration.Pools.CheckTriggers(ctx, c.poolID, c.draft.Config.Triggers)
	if err != nil {
		return c.wrong("pool.settings", err)
	}
	c.out.Warnings = append(c.out.Warnings, missing...)
	for _, id := range slices.Sorted(keysOf(c.draft.Change.RequireMFA)) {
		if c.draft.Change.RequireMFA[id] && entry(c.want.Clients, func(x poolfile.Client) bool { return x.ID == id }) == nil {
			c.wrongf("pool.settings.UserPoolTags", "The pool has no app client %s.", id)
		}
	}
	if part.Settings, part.OwnSender, err = c.Configuration.Settings(c.draft); err != nil {
		return err
	}
	if c.pool == nil || !same(c.now.Pool, part) {
		c.step("pool", c.writePool)
	}
	return nil
}

var (
	clientIDForm = regexp.MustCompile(`^[\w+]{1,128}$`)
	secretForm   = regexp.MustCompile(`^[\w+]{24,64}$`)
)

func (c *configurer) judgeClients(ctx context.Context) error {
	if c.draft == nil {
		return nil // its schema is what attributes of clients are judged by
	}
	for _, f := range c.file.Clients {
		if err := c.judgeClient(ctx, f, "clients["+f.ID+"]"); err != nil {
			return err
		}
	}
	for _, n := range c.now.Clients {
		if entry(c.want.Clients, func(x poolfile.Client) bool { return x.ID == n.ID }) == nil {
			c.last("clients["+n.ID+"]", func(ctx context.Context) error {
				return c.Configuration.Pools.DeleteClient(ctx, c.caller(ctx), c.poolID, n.ID)
			})
		}
	}
	if len(c.lateTags()) > 0 {
		c.step("pool.settings.UserPoolTags", c.writePool)
	}
	return nil
}

func (c *configurer) judgeClient(ctx context.Context, f poolfile.Client, path string) error {
	part := entry(c.want.Clients, func(x poolfile.Client) bool { return x.ID == f.ID })
	old := c.clients[f.ID]
	cl := &pools.Client{ID: f.ID, PoolID: c.poolID, Name: part.Name}
	if old != nil {
		copied := *old
		cl, cl.Name = &copied, part.Name
	}
	switch taken, err := c.clientTaken(ctx, f.ID); {
	case err != nil:
		return err
	case old != nil && old.Config.Machine:
		c.wrongf(path, "This client gets management tokens, and is no part of a pool's configuration.")
		return nil
	case old == nil && taken:
		c.wrongf(path+".id", "Another pool has an app client of this id.")
	case !clientIDForm.MatchString(f.ID):
		c.wrongf(path+".id", "An id has 1 to 128 letters, digits, _ and +.")
	case cl.Name == "":
		c.wrongf(path+".name", "A new app client needs a name.")
	}
	generate := c.judgeClientSecret(f, cl, part, path)
	if generate {
		cl.Secrets = []string{"made when the client is"}
	}
	if err := c.Configuration.SetClientSettings(c.draft, cl, f.Settings); err != nil {
		return c.wrong(path+".settings", err)
	}
	var err error
	if part.Settings, err = c.Configuration.ClientSettings(c.draft, cl); err != nil {
		return err
	}
	was := entry(c.now.Clients, func(x poolfile.Client) bool { return x.ID == f.ID })
	secrets := cl.Secrets
	if was == nil || !same(was, part) || old != nil && !slices.Equal(old.Secrets, secrets) {
		c.step(path, func(ctx context.Context) error { return c.writeClient(ctx, part, f.Settings, secrets, generate) })
	}
	return nil
}

// judgeClientSecret sets the secrets that a client will have. It reports whether one is to be made.
func (c *configurer) judgeClientSecret(f poolfile.Client, cl *pools.Client, part *poolfile.Client, path string) (generate bool) {
	name, reference := poolfile.Reference(f.Secret)
	switch {
	case f.Secret == "":
		return false
	case reference && len(cl.Secrets) > 0:
		return false // as it is
	case reference && !cl.CreatedAt.IsZero():
		c.wrongf(path+".secret", "The client has no secret, and was given none: set %s.", name)
		return false
	case reference:
		return true
	case !secretForm.MatchString(f.Secret):
		c.wrongf(path+".secret", "A secret has 24 to 64 letters, digits, _ and +.")
		return false
	case len(cl.Secrets) > 0 && subtle.ConstantTimeCompare([]byte(cl.Secrets[0]), []byte(f.Secret)) == 1:
		return false
	case len(cl.Secrets) > 0:
		// The one before stays good beside it, until it is taken away or replaced once more.
		cl.Secrets = []string{f.Secret, cl.Secrets[0]}
		c.secretChanged(path + ".secret")
	default:
		cl.Secrets = []string{f.Secret}
	}
	part.Secret = poolfile.ClientSecret(f.ID)
	return false
}

// secretChanged shows a change that no document shows.
func (c *configurer) secretChanged(path string) {
	c.out.Changes = append(c.out.Changes, poolfile.Change{Path: path, Before: "a secret", After: "another secret"})
}

func (c *configurer) clientTaken(ctx context.Context, id string) (bool, error) {
	err := c.Store.Read(ctx, func(tx store.Tx) error {
		_, err := tx.Pools().Client(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
