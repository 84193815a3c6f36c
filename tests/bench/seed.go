package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"countersign/internal/keyring"
	"countersign/internal/password"
	"countersign/internal/pool"
	"countersign/internal/srp"
	"countersign/internal/store"
	"countersign/phone"
)

// seedVersion is part of the name of seeded databases: raise it when seeding changes.
const seedVersion = 1

// seedBatch is the number of users in one transaction.
const seedBatch = 500

// seeder fills an empty database with the users of a run.
type seeder struct {
	store store.Store
	keys  *keyring.Keyring
	// verifiers: users have SRP verifiers, and clients allow SRP.
	verifiers bool
	// writers is how many transactions run at once.
	writers  int
	progress io.Writer

	hash string
	now  time.Time
}

func newSeeder(ctx context.Context, s store.Store, root keyring.Root) (*seeder, error) {
	k, err := keyring.Open(ctx, keyring.Database(s), keyring.Config{Root: root})
	if err != nil {
		return nil, err
	}
	hash, err := password.New(0, 0).Hash(ctx, userPassword)
	return &seeder{store: s, keys: k, verifiers: true, writers: 2, progress: io.Discard, hash: hash, now: time.Now().UTC().Truncate(time.Microsecond)}, err
}

// fill makes pools, clients and users.
func (s *seeder) fill(ctx context.Context, sets map[string]*userSet) error {
	for _, set := range sets {
		if err := s.tenant(ctx, set); err != nil {
			return fmt.Errorf("seeding pool %s: %w", set.pool, err)
		}
		if err := s.users(ctx, set); err != nil {
			return fmt.Errorf("seeding users of %s: %w", set.pool, err)
		}
	}
	return nil
}

func (s *seeder) tenant(ctx context.Context, set *userSet) error {
	if err := s.keys.Create(ctx, set.pool); err != nil {
		return err
	}
	cfg := pool.DefaultConfig()
	cfg.CaseSensitive, cfg.UsernameAttributes, cfg.AutoVerified = false, []string{"phone_number"}, []string{"phone_number"}
	cfg.MFA, cfg.MFASMS, cfg.FirstFactors = "OPTIONAL", true, []string{"PASSWORD", "SMS_OTP"}
	cfg.SMSConfigured, cfg.BaseURL, cfg.Alg = true, "http://127.0.0.1", set.alg
	client := pool.DefaultClientConfig()
	client.Flows = []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	if s.verifiers {
		client.Flows = append(client.Flows, "ALLOW_USER_SRP_AUTH")
	}
	client.HideExistence = true
	cfgText, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	clientText, err := json.Marshal(client)
	if err != nil {
		return err
	}
	wire := json.RawMessage(`{}`)
	return s.store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Pools().InsertPool(ctx, &store.Pool{ID: set.pool, Name: "bench", Config: cfgText, Wire: wire, CreatedAt: s.now, UpdatedAt: s.now})
		if err != nil {
			return err
		}
		_, err = tx.Pools().InsertClient(ctx, &store.Client{ID: set.client, PoolID: set.pool, Name: "bench", Config: clientText, Wire: wire, CreatedAt: s.now, UpdatedAt: s.now})
		return err
	})
}

func (s *seeder) users(ctx context.Context, set *userSet) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	shared := srp.Verifier(srp.PoolName(set.pool), "nobody", userPassword, make([]byte, 16))
	var next, done atomic.Int64
	var wg sync.WaitGroup
	for range s.writers {
		wg.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(seedBatch)) - seedBatch
				if from >= set.n {
					return
				}
				if err := s.batch(ctx, set, from, min(from+seedBatch, set.n), shared); err != nil {
					cancel(err)
					return
				}
				if n := done.Add(seedBatch); n%20_000 == 0 {
					fmt.Fprintf(s.progress, "\r  %d of %d users", n, set.n)
				}
			}
		})
	}
	wg.Wait()
	if set.n >= 20_000 {
		fmt.Fprintln(s.progress)
	}
	return context.Cause(ctx)
}

// seedUser is a user with the name that it owns.
type seedUser struct {
	row *store.User
	key string
}

func (s *seeder) batch(ctx context.Context, set *userSet, from, to int, verifier []byte) error {
	list := make([]seedUser, 0, to-from)
	for i := from; i < to; i++ {
		u, err := s.user(ctx, set, i, verifier)
		if err != nil {
			return err
		}
		list = append(list, u)
	}
	return s.store.Write(ctx, func(tx store.Tx) error {
		for _, u := range list {
			if err := tx.Users().InsertUser(ctx, u.row); err != nil {
				return err
			}
			if _, err := tx.Users().ClaimAlias(ctx, u.row.PoolID, u.key, u.row.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// user makes the row of a confirmed user whose name is a verified number.
func (s *seeder) user(ctx context.Context, set *userSet, i int, verifier []byte) (seedUser, error) {
	u := user{i, set.first + i}
	number, err := phone.Parse(u.phone())
	if err != nil {
		return seedUser{}, err
	}
	id := uuid.NewString()
	row := &store.User{
		ID: id, PoolID: set.pool, Username: id, Status: store.Confirmed, Enabled: true, PasswordHash: s.hash,
		Attributes: map[string]string{"phone_number": u.phone(), "phone_number_verified": "true"},
		CreatedAt:  s.now, UpdatedAt: s.now, Version: 1,
	}
	if i%mfaEvery == 0 {
		row.MFA = store.MFA{SMS: true, Preferred: "SMS_MFA"}
	}
	if s.verifiers {
		row.SRPSalt = make([]byte, 16)
		if i%mfaEvery == 0 && i/mfaEvery < srpUsers {
			if row.SRPSalt, verifier, err = srp.NewVerifier(srp.PoolName(set.pool), id, userPassword); err != nil {
				return seedUser{}, err
			}
		}
		if row.SealedVerifier, err = s.keys.SealRecord(ctx, set.pool, "users", id, "verifier", verifier); err != nil {
			return seedUser{}, err
		}
	}
	row.SealedDataKey, _, err = s.keys.NewDataKey(ctx, set.pool, id)
	return seedUser{row, "p:" + number.LineKey()}, err
}
