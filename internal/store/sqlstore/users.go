package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"countersign/internal/store"
)

// searchable are the attributes with columns of their own, in the order of the columns.
var searchable = [...]string{"phone_number", "email", "name", "given_name", "family_name", "preferred_username"}

func isSearchable(name string) bool {
	for _, s := range searchable {
		if s == name {
			return true
		}
	}
	return false
}

const userColumns = `u.pool_id, u.id, u.username, u.status, u.enabled, u.password_hash, u.password_history, u.srp_salt,
	u.sealed_verifier, u.temporary_until, u.attributes, u.pending, u.mfa, u.mfa_preferred, u.sealed_totp, u.totp_step,
	u.sealed_data_key, u.tokens_after, u.created_at, u.updated_at, u.version,
	u.phone_number, u.email, u.name, u.given_name, u.family_name, u.preferred_username, u.meta, u.mfa_doc`

const (
	mfaSMS = 1 << iota
	mfaTOTP
	mfaEmail
	mfaTOTPReady
)

// userRow is a user and what was wrong with its columns.
type userRow struct {
	*store.User
	err error
}

func readUser(s *scan) userRow {
	u := &store.User{PoolID: s.text(), ID: s.text()}
	named := false
	if u.Username, named = s.optional(); !named {
		u.Username = u.ID
	}
	u.Status, u.Enabled, u.PasswordHash = store.Status(s.text()), s.flag(), s.text()
	var err error
	if history := s.text(); history != "" {
		err = json.Unmarshal([]byte(history), &u.PasswordHistory)
	}
	u.SRPSalt, u.SealedVerifier, u.TemporaryUntil = s.blob(), s.blob(), s.time()
	for _, m := range []*map[string]string{&u.Attributes, &u.Pending} {
		var e error
		if *m, e = parseMap(s.text()); e != nil {
			err = e
		}
	}
	mfa := s.int64()
	u.MFA = store.MFA{
		SMS: mfa&mfaSMS != 0, TOTP: mfa&mfaTOTP != 0, Email: mfa&mfaEmail != 0, TOTPReady: mfa&mfaTOTPReady != 0, Preferred: s.text(),
	}
	u.SealedTOTP, u.TOTPStep, u.SealedDataKey = s.blob(), s.int64(), s.blob()
	u.TokensAfter, u.CreatedAt, u.UpdatedAt, u.Version = s.time(), s.time(), s.time(), s.int64()
	for _, name := range searchable {
		if v, ok := s.optional(); ok {
			u.Attributes = merge(u.Attributes, name, v)
		}
	}
	if e := readMeta(u, s.text(), s.text()); e != nil {
		err = e
	}
	return userRow{u, err}
}

// user unwraps the row of a query.
func user(r userRow, err error) (*store.User, error) {
	if err == nil {
		err = r.err
	}
	if err != nil {
		return nil, err
	}
	return r.User, nil
}

func users(rows []userRow, err error) ([]*store.User, error) {
	if err != nil {
		return nil, err
	}
	out := make([]*store.User, len(rows))
	for i, r := range rows {
		if r.err != nil {
			return nil, r.err
		}
		out[i] = r.User
	}
	return out, nil
}

// userValues are the values of plainColumns and of indexedColumns.
func userValues(u *store.User) (plain, indexed []any, err error) {
	attributes, err := mapText(u.Attributes, isSearchable)
	if err != nil {
		return nil, nil, err
	}
	pending, err := mapText(u.Pending, nil)
	if err != nil {
		return nil, nil, err
	}
	var history any
	if len(u.PasswordHistory) > 0 {
		b, err := json.Marshal(u.PasswordHistory)
		if err != nil {
			return nil, nil, err
		}
		history = string(b)
	}
	mfa := bit(u.MFA.SMS, mfaSMS) | bit(u.MFA.TOTP, mfaTOTP) | bit(u.MFA.Email, mfaEmail) | bit(u.MFA.TOTPReady, mfaTOTPReady)
	meta, mfaDoc, err := metaValues(u)
	if err != nil {
		return nil, nil, err
	}
	plain = []any{
		orNull(u.PasswordHash), history, u.SRPSalt, u.SealedVerifier, micros(u.TemporaryUntil), attributes, pending, mfa,
		orNull(u.MFA.Preferred), u.SealedTOTP, u.TOTPStep, u.SealedDataKey, micros(u.TokensAfter), micros(u.UpdatedAt),
		meta, mfaDoc,
	}
	indexed = []any{u.Username, string(u.Status), flag(u.Enabled)}
	if u.Username == u.ID {
		indexed[0] = nil
	}
	for _, name := range searchable {
		if v, ok := u.Attributes[name]; ok {
			indexed = append(indexed, v)
		} else {
			indexed = append(indexed, nil)
		}
	}
	return plain, indexed, nil
}

func bit(set bool, b int64) int64 {
	if set {
		return b
	}
	return 0
}

// plainColumns and indexedColumns are in the order of userValues.
const (
	plainColumns = `password_hash, password_history, srp_salt, sealed_verifier, temporary_until, attributes, pending, mfa,
		mfa_preferred, sealed_totp, totp_step, sealed_data_key, tokens_after, updated_at, meta, mfa_doc`
	indexedColumns = `username, status, enabled, phone_number, email, name, given_name, family_name, preferred_username`
)

var (
	insertUser = `INSERT INTO users (` + plainColumns + `, ` + indexedColumns + `, pool_id, id, created_at, version)
		VALUES (` + placeholders(28) + `, 1) ON CONFLICT (pool_id, id) DO NOTHING`
	updateUser = `UPDATE users SET ` + assignments(plainColumns, 1) + `, ` + assignments(indexedColumns, 17) +
		`, version = version + 1 WHERE pool_id = $26 AND id = $27 AND version = $28`
	// updateUserPlain changes a row whose indexed columns stay as they are.
	updateUserPlain = `UPDATE users SET ` + assignments(plainColumns, 1) + `, version = version + 1 WHERE ` +
		unchanged(indexedColumns, 17) + ` AND pool_id = $26 AND id = $27 AND version = $28`
)

// placeholders is $1, $2 ... $n.
func placeholders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ", $%d", i+1)
	}
	return b.String()[2:]
}

// assignments is "a = $first, b = $..." for a list of columns.
func assignments(columns string, first int) string {
	return columnPairs(columns, first, " = ", ", ")
}

func unchanged(columns string, first int) string {
	return columnPairs(columns, first, " IS NOT DISTINCT FROM ", " AND ")
}

func columnPairs(columns string, first int, op, sep string) string {
	var parts []string
	for i, c := range strings.Split(columns, ",") {
		parts = append(parts, fmt.Sprintf("%s%s$%d", strings.TrimSpace(c), op, first+i))
	}
	return strings.Join(parts, sep)
}

func (t userTx) InsertUser(ctx context.Context, u *store.User) error {
	plain, indexed, err := userValues(u)
	if err != nil {
		return err
	}
	args := append(append(plain, indexed...), u.PoolID, u.ID, micros(u.CreatedAt))
	return t.insert(ctx, insertUser, args...)
}

func (t userTx) User(ctx context.Context, poolID, id string) (*store.User, error) {
	return user(one(ctx, t.tx, `SELECT `+userColumns+` FROM users u WHERE u.pool_id = $1 AND u.id = $2`, readUser, poolID, id))
}

// UpdateUser leaves the indexes alone where it can: most updates change a hash, a step or a time.
func (t userTx) UpdateUser(ctx context.Context, u *store.User) (bool, error) {
	plain, indexed, err := userValues(u)
	if err != nil {
		return false, err
	}
	args := append(append(plain, indexed...), u.PoolID, u.ID, u.Version)
	if t.d.narrowUpdates {
		if ok, err := t.changed(ctx, updateUserPlain, args...); ok || err != nil {
			return ok, err
		}
	}
	return t.changed(ctx, updateUser, args...)
}

// DeleteUser removes the row and everything that hangs on it, in the lock order of package store. Messages that have
// reached a final state stay: they name nobody, and what they showed was sealed under the user's key.
func (t userTx) DeleteUser(ctx context.Context, poolID, id string) (bool, error) {
	ok, err := t.changed(ctx, `DELETE FROM users WHERE pool_id = $1 AND id = $2`, poolID, id)
	if err != nil || !ok {
		return false, err
	}
	for _, sql := range []string{
		`DELETE FROM aliases WHERE pool_id = $1 AND user_id = $2`,
		`DELETE FROM signups WHERE pool_id = $1 AND id = $2`,
		`DELETE FROM networks WHERE pool_id = $1 AND user_id = $2`,
		`DELETE FROM counters WHERE pool_id = $1 AND subject = $2`,
		`DELETE FROM codes WHERE pool_id = $1 AND subject_id = $2`,
		`DELETE FROM challenges WHERE pool_id = $1 AND user_id = $2`,
		`DELETE FROM families WHERE pool_id = $1 AND user_id = $2`,
		`DELETE FROM attempts WHERE message_id IN (SELECT id FROM outbox WHERE pool_id = $1 AND user_id = $2 AND user_id <> ''
			AND due_at IS NOT NULL)`,
		`DELETE FROM outbox WHERE pool_id = $1 AND user_id = $2 AND user_id <> '' AND due_at IS NOT NULL`,
	} {
		if err := t.exec(ctx, sql, poolID, id); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (t userTx) CountUsers(ctx context.Context, poolID string, limit int) (int, error) {
	n, err := one(ctx, t.tx, `SELECT count(*) FROM (SELECT 1 FROM users WHERE pool_id = $1 LIMIT $2) AS n`, readInt, poolID, limit)
	return int(n), err
}
