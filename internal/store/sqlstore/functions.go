package sqlstore

import "countersign/internal/store"

func (t *tx) KMS() store.KMS             { return nil }
func (t *tx) Functions() store.Functions { return nil }
func (t *tx) Artifacts() store.Artifacts { return nil }
