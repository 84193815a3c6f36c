package pool_test

import (
	"context"
	"testing"

	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

// hangUp is a store whose caller is gone as soon as something was committed.
type hangUp struct {
	store.Store
	gone func()
}

func (h *hangUp) Write(ctx context.Context, f func(store.Tx) error) error {
	err := h.Store.Write(ctx, f)
	h.gone()
	return err
}

// PostConfirmation is told of a user who was confirmed, also if the caller did not wait for the answer.
func TestPostConfirmationWithoutACaller(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		d, h := triggertest.New(t), &hangUp{Store: s, gone: func() {}}
		l := &lambda{&world{Harness: pooltest.New(t, s, func(o *pool.Options) { o.Triggers, o.Store = d.Runner(), h }), t: t}, d}
		cfg := pooltest.PhonePool()
		cfg.Triggers = d.Config(trigger.PostConfirmation)
		d.On(trigger.PostConfirmation, answer())
		l.pool = l.Pool(cfg)
		l.client = l.Client(l.pool, pooltest.AppClient())
		l.must(l.signUp(l.Caller(), alice))
		ctx, cancel := context.WithCancel(t.Context())
		h.gone = cancel
		_, err := l.Service.ConfirmSignUp(ctx, l.Caller(), pool.ConfirmSignUpInput{ClientAuth: l.auth(), Username: alice, Code: l.Code(alice)})
		l.must(err)
		l.wantSources("PostConfirmation_ConfirmSignUp")
	})
}
