package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"countersign/internal/store"
)

const codeColumns = `id, pool_id, subject_id, purpose, client_id, wire, chain, target, hash, sent, created_at, expires_at`

func readCode(s *scan) *store.Code {
	return &store.Code{
		ID: s.text(), PoolID: s.text(), SubjectID: s.text(), Purpose: s.text(), ClientID: s.text(), Wire: s.text(), Chain: s.text(),
		Target: s.blob(), Hash: s.blob(), Sent: s.flag(), CreatedAt: s.time(), ExpiresAt: s.time(),
	}
}

func (t codeTx) InsertCode(ctx context.Context, c *store.Code, keep int) error {
	if keep < 1 {
		return errors.New("store: InsertCode must keep at least one")
	}
	err := t.insert(ctx, `INSERT INTO codes (`+codeColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO NOTHING`,
		c.ID, c.PoolID, c.SubjectID, c.Purpose, c.ClientID, c.Wire, c.Chain, c.Target, c.Hash, flag(c.Sent),
		micros(c.CreatedAt), micros(c.ExpiresAt))
	if err != nil || c.Chain != "" {
		return err
	}
	return t.exec(ctx, `DELETE FROM codes WHERE pool_id = $1 AND subject_id = $2 AND purpose = $3 AND chain = '' AND id <=
		(SELECT id FROM codes WHERE pool_id = $1 AND subject_id = $2 AND purpose = $3 AND chain = ''
		ORDER BY id DESC LIMIT 1 OFFSET $4)`, c.PoolID, c.SubjectID, c.Purpose, keep)
}

func (t codeTx) LiveCodes(ctx context.Context, poolID, subjectID, purpose, chain string, now time.Time) ([]*store.Code, error) {
	if chain != "" {
		// A chain has few codes, a subject may have many chains: the rest is compared here, lest a planner choose the subject.
		codes, err := many(ctx, t.tx, `SELECT `+codeColumns+` FROM codes WHERE chain <> '' AND chain = $1 AND expires_at > $2
			ORDER BY id DESC`, readCode, chain, micros(now))
		return slices.DeleteFunc(codes, func(c *store.Code) bool {
			return c.PoolID != poolID || c.SubjectID != subjectID || c.Purpose != purpose
		}), err
	}
	return many(ctx, t.tx, `SELECT `+codeColumns+` FROM codes WHERE pool_id = $1 AND subject_id = $2 AND purpose = $3
		AND chain = '' AND expires_at > $4 ORDER BY id DESC`, readCode, poolID, subjectID, purpose, micros(now))
}

func (t codeTx) CodeSent(ctx context.Context, id string) error {
	if err := t.exec(ctx, `UPDATE codes SET sent = 1 WHERE id = $1`, id); err != nil {
		return err
	}
	return t.exec(ctx, `DELETE FROM codes WHERE chain <> '' AND chain = (SELECT chain FROM codes WHERE id = $1) AND id < $1`, id)
}

func (t codeTx) ConsumeCode(ctx context.Context, id string) (bool, error) {
	return t.changed(ctx, `DELETE FROM codes WHERE id = $1`, id)
}

func (t codeTx) DeleteCodes(ctx context.Context, poolID, subjectID, purpose string) error {
	if purpose == "" {
		return t.exec(ctx, `DELETE FROM codes WHERE pool_id = $1 AND subject_id = $2`, poolID, subjectID)
	}
	return t.exec(ctx, `DELETE FROM codes WHERE pool_id = $1 AND subject_id = $2 AND purpose = $3`, poolID, subjectID, purpose)
}
