package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"countersign/internal/store"
)

// tx is one transaction of either engine. The small types below give it the methods of the contract.
type tx struct {
	c        conn
	d        *dialect
	readOnly bool
	done     bool
	// wrote is set by the first writing statement.
	wrote bool
	// failed is the first error of a statement: nothing of the function may be kept after it.
	failed error
}

type (
	poolTx      struct{ *tx }
	userTx      struct{ *tx }
	codeTx      struct{ *tx }
	challengeTx struct{ *tx }
	counterTx   struct{ *tx }
	familyTx    struct{ *tx }
	outboxTx    struct{ *tx }
	eventTx     struct{ *tx }
	keyTx       struct{ *tx }
	accessTx    struct{ *tx }
	kmsTx       struct{ *tx }
	functionTx  struct{ *tx }
	artifactTx  struct{ *tx }
	scriptTx    struct{ *tx }
	settingTx   struct{ *tx }
	optOutTx    struct{ *tx }
	routeTx     struct{ *tx }
	guardTx     struct{ *tx }
	recordTx    struct{ *tx }
)

func (t *tx) Pools() store.Pools           { return poolTx{t} }
func (t *tx) Users() store.Users           { return userTx{t} }
func (t *tx) Codes() store.Codes           { return codeTx{t} }
func (t *tx) Challenges() store.Challenges { return challengeTx{t} }
func (t *tx) Counters() store.Counters     { return counterTx{t} }
func (t *tx) Families() store.Families     { return familyTx{t} }
func (t *tx) Outbox() store.Outbox         { return outboxTx{t} }
func (t *tx) Events() store.Events         { return eventTx{t} }
func (t *tx) Keys() store.Keys             { return keyTx{t} }
func (t *tx) Access() store.Access         { return accessTx{t} }
func (t *tx) KMS() store.KMS               { return kmsTx{t} }
func (t *tx) Functions() store.Functions   { return functionTx{t} }
func (t *tx) Artifacts() store.Artifacts   { return artifactTx{t} }
func (t *tx) Scripts() store.Scripts       { return scriptTx{t} }
func (t *tx) Settings() store.Settings     { return settingTx{t} }
func (t *tx) OptOuts() store.OptOuts       { return optOutTx{t} }
func (t *tx) Routes() store.Routes         { return routeTx{t} }
func (t *tx) Guards() store.Guards         { return guardTx{t} }
func (t *tx) Records() store.Records       { return recordTx{t} }

var errOutside = errors.New("store: transaction used outside of its function")

// ready is asked before each statement. In a reading transaction a cancelled context ends the work; a writing one has
// begun and goes on.
func (t *tx) ready(ctx context.Context, writes bool, args []any) error {
	switch {
	case t.done:
		return errOutside
	case t.failed != nil:
		return t.failed
	case writes && t.readOnly:
		return store.ErrReadOnly
	}
	if t.readOnly {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := clean(args); err != nil {
		return err
	}
	t.wrote = t.wrote || writes
	return nil
}

func (t *tx) fail(err error) error {
	if err != nil {
		t.failed = fmt.Errorf("store: %w", err)
	}
	return t.failed
}

// query runs a statement that only reads.
func (t *tx) query(ctx context.Context, sql string, args []any, row func(*scan)) error {
	if err := t.ready(ctx, false, args); err != nil {
		return err
	}
	return t.fail(t.c.query(sql, args, row))
}

// write runs a writing statement with RETURNING.
func (t *tx) write(ctx context.Context, sql string, args []any, row func(*scan)) error {
	if err := t.ready(ctx, true, args); err != nil {
		return err
	}
	return t.fail(t.c.query(sql, args, row))
}

// exec runs a writing statement whose result is not needed.
func (t *tx) exec(ctx context.Context, sql string, args ...any) error {
	if err := t.ready(ctx, true, args); err != nil {
		return err
	}
	return t.fail(t.c.exec(sql, args, -1))
}

// insert runs an INSERT that must add its one row; a duplicate is an error of the caller.
func (t *tx) insert(ctx context.Context, sql string, args ...any) error {
	if err := t.ready(ctx, true, args); err != nil {
		return err
	}
	return t.fail(t.c.exec(sql, args, 1))
}

// change runs a writing statement and returns how many rows it changed.
func (t *tx) change(ctx context.Context, sql string, args ...any) (int, error) {
	if err := t.ready(ctx, true, args); err != nil {
		return 0, err
	}
	n, err := t.c.change(sql, args)
	return int(n), t.fail(err)
}

// changed is change for statements on one row.
func (t *tx) changed(ctx context.Context, sql string, args ...any) (bool, error) {
	n, err := t.change(ctx, sql, args...)
	return n > 0, err
}

// errExit is what the caller of Write gets if its function left by runtime.Goexit.
var errExit = errors.New("store: the function given to the store called runtime.Goexit")

// call runs f and turns a panic into an error. exited tells that the goroutine is being ended by runtime.Goexit, in
// which case call does not return but end is run.
func (t *tx) call(f func(store.Tx) error, end func()) (err error) {
	normal := false
	defer func() {
		t.done = true
		if normal {
			return
		}
		if p := recover(); p != nil {
			err = fmt.Errorf("store: panic in a function given to the store: %v\n%s", p, debug.Stack())
			return
		}
		end()
	}()
	err = f(t)
	normal = true
	return err
}

// outcome splits what a function returned into what to do and what to tell its caller.
func (t *tx) outcome(err error) (commit bool, answer error) {
	if t.failed != nil {
		return false, t.failed
	}
	answer, kept := store.Kept(err)
	return kept || err == nil, answer
}
