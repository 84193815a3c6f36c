package sqlstore

import (
	"context"
	"errors"
	"io"
)

func (s *Store) Backup(ctx context.Context, w io.Writer) error { return errors.New("store: not yet") }
