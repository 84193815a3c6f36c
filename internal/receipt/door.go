package receipt

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

const (
	// secretSize is the number of random bytes of a secret, secretLength that of its characters.
	secretSize   = 32
	secretLength = (secretSize*8 + 5) / 6
	maxKind      = 32
	// maxOverlap bounds how long a renewed door stays open; late is the default where nobody was asked: services report up to 72 hours late.
	maxOverlap = 30 * 24 * time.Hour
	late       = 72 * time.Hour

	table  = "doors"
	column = "secret"
)

// Path is where all doors are.
const Path = "/receipts/"

// URL returns where an account's service is to report, and makes the door when it is first asked for. It is empty where services can reach no base
// URL. poolID is empty for accounts of the configuration file.
func (s *Service) URL(ctx context.Context, poolID, account, kind string) (string, error) {
	base := s.c.BaseURL(ctx, poolID)
	if base == "" {
		return "", nil
	}
	if !validKind(kind) {
		return "", fault.Invalidf("kind", "This is no kind of account.")
	}
	for range 3 {
		doors, err := s.doors(ctx, poolID, account)
		if err != nil {
			return "", err
		}
		if secret := s.current(ctx, doors, kind); secret != "" {
			return base + Path + kind + "/" + secret, nil
		}
		if secret, err := s.open(ctx, poolID, account, kind, late, doors, false); err != nil || secret != "" {
			return base + Path + kind + "/" + secret, err
		}
	}
	return "", fault.New(fault.ConcurrentModification)
}

// Rotate makes a new door for an account and ends the others after overlap (0: now; at most 30 days). It returns the new URL. Errors: as those of
// Routes.Provider; fault.InvalidParameter for the overlap.
func (s *Service) Rotate(ctx context.Context, poolID, account string, overlap time.Duration) (string, error) {
	base := s.c.BaseURL(ctx, poolID)
	if base == "" {
		return "", nil
	}
	if overlap < 0 || overlap > maxOverlap {
		return "", fault.Invalidf("overlap", "The old URL can stay good for at most 30 days.")
	}
	_, c, err := s.c.Routes.Provider(ctx, poolID, account)
	if err != nil {
		return "", err
	}
	secret, err := s.open(ctx, poolID, account, c.Kind, overlap, nil, true)
	if err != nil {
		return "", err
	}
	return base + Path + c.Kind + "/" + secret, nil
}

func (s *Service) doors(ctx context.Context, poolID, account string) (doors []*store.Door, err error) {
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		doors, err = tx.Routes().ListDoors(ctx, poolID, account)
		return err
	})
	return doors, err
}

// current returns the secret of the newest door of a kind that does not end.
func (s *Service) current(ctx context.Context, doors []*store.Door, kind string) string {
	for _, d := range doors {
		if !d.EndsAt.IsZero() {
			continue
		}
		plain, err := s.c.Keys.OpenRecord(ctx, d.PoolID, table, hex.EncodeToString(d.Hash), column, d.Sealed)
		if err != nil {
			s.c.Logger.WarnContext(ctx, "the URL for receipts cannot be opened, another takes its place", "pool", d.PoolID, "account", d.Account, "error", err)
			continue
		}
		if k, secret, ok := strings.Cut(string(plain), "/"); ok && k == kind {
			return secret
		}
	}
	return ""
}

// open makes a door and ends the others after overlap. Unless always is set, it does so only if there are no doors but the known ones by now; else it
// returns "".
func (s *Service) open(ctx context.Context, poolID, account, kind string, overlap time.Duration, known []*store.Door, always bool) (string, error) {
	raw := make([]byte, secretSize)
	rand.Read(raw)
	secret := base64.RawURLEncoding.EncodeToString(raw)
	hash, err := s.hash(ctx, kind, secret)
	if err != nil {
		return "", err
	}
	sealed, err := s.c.Keys.SealRecord(ctx, poolID, table, hex.EncodeToString(hash), column, []byte(kind+"/"+secret))
	if err != nil {
		return "", fmt.Errorf("receipt: seal: %w", err)
	}
	now := s.c.Now().UTC().Truncate(time.Microsecond)
	taken := false
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		if !always {
			list, err := tx.Routes().ListDoors(ctx, poolID, account)
			if taken = slices.ContainsFunc(list, func(d *store.Door) bool { return !contains(known, d) }); err != nil || taken {
				return err
			}
		}
		d := &store.Door{Hash: hash, Sealed: sealed, PoolID: poolID, Account: account, CreatedAt: now}
		if err := tx.Routes().PutDoor(ctx, d); err != nil {
			return err
		}
		return tx.Routes().EndDoors(ctx, poolID, account, hash, now.Add(overlap))
	})
	if taken {
		return "", err
	}
	return secret, err
}

func contains(doors []*store.Door, d *store.Door) bool {
	return slices.ContainsFunc(doors, func(k *store.Door) bool { return string(k.Hash) == string(d.Hash) })
}

// hash is how the store knows a secret. The kind is in it: a secret opens its own path alone.
func (s *Service) hash(ctx context.Context, kind, secret string) ([]byte, error) {
	return s.c.Keys.Lookup(ctx, keyring.Deployment, "door", kind, secret)
}

// enter finds the open door of a path. Unknown, ended and malformed ones are fault.ResourceNotFound, after the same work.
func (s *Service) enter(ctx context.Context, kind, secret string) (*store.Door, error) {
	if !validKind(kind) || len(secret) != secretLength {
		kind, secret = "", ""
	}
	hash, err := s.hash(ctx, kind, secret)
	if err != nil {
		return nil, err
	}
	var d *store.Door
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		d, err = tx.Routes().DoorByHash(ctx, hash)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.ResourceNotFound)
	}
	if err != nil {
		return nil, err
	}
	if now := s.c.Now(); !d.EndsAt.IsZero() && !now.Before(d.EndsAt) {
		s.refuse(ctx, d, kind, "ended", "The URL was replaced by another one.")
		return nil, fault.New(fault.ResourceNotFound)
	}
	return d, nil
}

// validKind reports whether a kind may stand in a path: lower-case letters, digits and hyphens.
func validKind(kind string) bool {
	return kind != "" && len(kind) <= maxKind && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
