package sqlstore_test

import (
	"testing"

	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

func TestStore(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(e.Name, func(t *testing.T) {
			storetest.Run(t, func(t testing.TB) store.Store { return e.Open(t) })
		})
	}
}
