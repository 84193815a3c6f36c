package smsaccount

import (
	"context"

	"countersign/phone"
)

// Pool returns the account pool. Errors: those of Config.DefaultPool where the settings name none.
func (s *Service) Pool(ctx context.Context) (string, error) { return "", errLater }

// SetPool names the account pool; empty: the only pool. Errors: fault.PoolNotFound.
func (s *Service) SetPool(ctx context.Context, poolID string) error { return errLater }

// Settings returns the settings as they were put.
func (s *Service) Settings(ctx context.Context) (Settings, error) { return Settings{}, errLater }

// PutSettings replaces the settings of this version, and returns them with the new one. Errors: fault.InvalidParameter with the field's name (as in
// JSON), fault.PoolNotFound, fault.ConcurrentModification.
func (s *Service) PutSettings(ctx context.Context, in Settings) (Settings, error) {
	return Settings{}, errLater
}

// Attributes returns the attributes of SNS that are set, and the spend limit that holds, by their names there.
func (s *Service) Attributes(ctx context.Context) (map[string]string, error) { return nil, errLater }

// SetAttributes sets some attributes of SNS; an empty value takes one away. Errors: fault.InvalidParameter with the attribute's name as Field.
func (s *Service) SetAttributes(ctx context.Context, attributes map[string]string) error {
	return errLater
}

// SpendLimits returns the spend limits of all kinds of messages.
func (s *Service) SpendLimits(ctx context.Context) ([]SpendLimit, error) { return nil, errLater }

// SetSpendLimit sets a spend limit in whole US dollars a month; nil takes it away. Errors: fault.InvalidParameter, Field "monthly_limit" for less than 0
// and "monthly_limit_above" for more than SpendLimit.Max.
func (s *Service) SetSpendLimit(ctx context.Context, kind Spend, dollars *int64) (SpendLimit, error) {
	return SpendLimit{}, errLater
}

// Send checks a message as the package comment says, hands it to the outbox, and returns its id. Errors: the faults listed there, those of Config's
// functions.
func (s *Service) Send(ctx context.Context, m Message) (id string, err error) { return "", errLater }

// OptOutLists returns the opt-out lists with these names (none: all), by name, the Default one first. Errors: fault.ResourceNotFound.
func (s *Service) OptOutLists(ctx context.Context, names ...string) ([]OptOutList, error) {
	return nil, errLater
}

// CreateOptOutList adds a list. Errors: fault.InvalidParameter (name), fault.ResourceExists, fault.TooMany.
func (s *Service) CreateOptOutList(ctx context.Context, name string) (OptOutList, error) {
	return OptOutList{}, errLater
}

// DeleteOptOutList takes a list and its numbers away. Errors: fault.ResourceNotFound, fault.PoolProtected for the Default one.
func (s *Service) DeleteOptOutList(ctx context.Context, name string) (OptOutList, error) {
	return OptOutList{}, errLater
}

// IsOptedOut reports whether a number is on the Default list.
func (s *Service) IsOptedOut(ctx context.Context, n phone.Number) (bool, error) {
	return false, errLater
}

// OptedOut returns numbers of a list, and where the next page begins, "" if there is none. Errors: fault.ResourceNotFound for an unknown list,
// fault.InvalidParameter (after).
func (s *Service) OptedOut(ctx context.Context, q OptOutQuery) (list []OptedOut, next string, err error) {
	return nil, "", errLater
}

// OptOut puts a number on a list. Errors: fault.ResourceNotFound for an unknown list.
func (s *Service) OptOut(ctx context.Context, list string, n phone.Number) (OptedOut, error) {
	return OptedOut{}, errLater
}

// OptIn takes a number off a list. Errors: fault.ResourceNotFound (Field "opt_out_list" or "number") for an unknown list and a number that is not on it,
// fault.TooSoon (with RetryAfter) if it was opted in less than thirty days ago.
func (s *Service) OptIn(ctx context.Context, list string, n phone.Number) (OptedOut, error) {
	return OptedOut{}, errLater
}
