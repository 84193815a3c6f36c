package sqlstore

import (
	"context"
	"errors"
	"time"

	"countersign/internal/store"
)

var errLater = errors.New("store: not there yet")

func (t optOutTx) PutOptOut(context.Context, *store.OptOut) (bool, error) { return false, errLater }
func (t optOutTx) DeleteOptOut(context.Context, string, string, []byte) (int, error) {
	return 0, errLater
}
func (t optOutTx) OptedOut(context.Context, string, []byte) ([]string, error) { return nil, nil }
func (t optOutTx) ListOptOuts(context.Context, store.OptOutQuery) ([]*store.OptOut, error) {
	return nil, errLater
}
func (t routeTx) AddRouteCounts(context.Context, []store.RouteCount) error { return errLater }
func (t routeTx) RouteCounts(context.Context, string, time.Time, time.Time) ([]store.RouteCount, error) {
	return nil, errLater
}
func (t routeTx) PruneRouteCounts(context.Context, time.Time, int) (int, error) { return 0, errLater }
func (t routeTx) LearnNetwork(context.Context, string, string, time.Time) error { return errLater }
func (t routeTx) NetworksOf(context.Context, []string) (map[string]string, error) {
	return nil, errLater
}
func (t routeTx) PutDoor(context.Context, *store.Door) error              { return errLater }
func (t routeTx) DoorByHash(context.Context, []byte) (*store.Door, error) { return nil, errLater }
func (t routeTx) ListDoors(context.Context, string, string) ([]*store.Door, error) {
	return nil, errLater
}
func (t routeTx) EndDoors(context.Context, string, string, []byte, time.Time) error { return errLater }
func (t outboxTx) Attempt(context.Context, string) (*store.DeliveryAttempt, error) {
	return nil, errLater
}
func (t outboxTx) AttemptByProviderID(context.Context, string, string, string) (*store.DeliveryAttempt, error) {
	return nil, errLater
}
func (t outboxTx) AddReceipt(context.Context, *store.Receipt) (bool, error)       { return false, errLater }
func (t outboxTx) ListReceipts(context.Context, string) ([]*store.Receipt, error) { return nil, nil }
func (t outboxTx) Advance(context.Context, *store.Message, store.State) (bool, error) {
	return false, errLater
}
func (t outboxTx) CodeTyped(context.Context, string, time.Time) (*store.Message, error) {
	return nil, store.ErrNotFound
}
func (t outboxTx) DuePolls(context.Context, time.Time, time.Time, int) ([]*store.Message, error) {
	return nil, nil
}
func (t outboxTx) Totals(context.Context, store.TotalsQuery) ([]store.Total, error) {
	return nil, errLater
}
