package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign/internal/store"
)

// Run holds a store to the contract. open returns a fresh, empty store that is closed when its test ends.
func Run(t *testing.T, open func(t testing.TB) store.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(&suite{T: t, Store: open(t), now: start})
		})
	}
}

// cases are the parts of the contract. Each has a store of its own.
var cases = []struct {
	name string
	test func(s *suite)
}{
	{"Write/commits and rolls back", testWrite},
	{"Write/keep commits and returns the error", testKeep},
	{"Write/a panic undoes its own function only", testPanic},
	{"Write/Goexit undoes its own function only", testGoexit},
	{"Write/one of a group rolls back", testGroup},
	{"Write/cancel one of 16 and count 15", testCancel},
	{"Write/an ended context starts nothing", testEndedContext},
	{"Write/a transaction ends with its function", testOutside},
	{"Write/close waits", testClose},
	{"Write/a swallowed failure still undoes", testSwallowed},
	{"Read/refuses every writing method", testReadOnly},
	{"Read/is consistent", testReadCancelled},
	{"Info", testInfo},
	{"Pools/insert, read, list", testPools},
	{"Pools/guarded update", testPoolUpdate},
	{"Pools/clients", testClients},
	{"Pools/delete and purge", testPurge},
	{"Users/round trip", testUserRoundTrip},
	{"Users/guarded update", testUserUpdate},
	{"Users/find by alias", testFindUser},
	{"Users/aliases", testAliases},
	{"Users/50 claims of one alias", testAliasRace},
	{"Users/delete removes everything", testDeleteUser},
	{"Users/search", testUserSearch},
	{"Users/pages", testUserPages},
	{"Users/attempts", testAttempts},
	{"Users/networks", testNetworks},
	{"Users/text", testText},
	{"Codes/keep", testCodesKeep},
	{"Codes/chain", testCodesChain},
	{"Codes/consume once", testConsume},
	{"Challenges/life", testChallenge},
	{"Challenges/use once", testUseChallenge},
	{"Challenges/spend once", testSpend},
	{"Counters/life", testCounter},
	{"Counters/lock serialises", testLockCounter},
	{"Counters/bump", testBump},
	{"Counters/take", testTake},
	{"Families/life", testFamily},
	{"Families/revoke", testRevoke},
	{"Families/bearer", testBearer},
	{"Outbox/life", testMessage},
	{"Outbox/claims in order", testClaimOrder},
	{"Outbox/16 claimers", testClaimRace},
	{"Outbox/leases and expiry", testLeases},
	{"Outbox/next due", testNextDue},
	{"Outbox/list and attempts", testMessageList},
	{"Outbox/fields of delivery", testMessageFields},
	{"Outbox/advance", testAdvance},
	{"Outbox/typed codes", testCodeTyped},
	{"Outbox/due polls", testDuePolls},
	{"Outbox/unverified", testUnverified},
	{"Outbox/attempts by id", testAttemptFields},
	{"Outbox/receipts", testReceipts},
	{"Outbox/totals", testTotals},
	{"OptOuts", testOptOuts},
	{"Routes/counts", testRouteCounts},
	{"Routes/networks", testCarriers},
	{"Routes/doors", testDoors},
	{"Guards/counts", testGuardCounts},
	{"Guards/top counts", testTopGuardCounts},
	{"Guards/blocks", testGuardBlocks},
	{"Guards/quotas", testQuotas},
	{"Guards/quotas of 16 takers", testQuotaRace},
	{"Records/life", testRecords},
	{"Records/names and hashes", testRecordNames},
	{"Records/one of 16 wins", testRecordRace},
	{"Records/lists", testRecordLists},
	{"Events/list", testEvents},
	{"Events/counts", testEventCounts},
	{"Events/prune", testPrune},
	{"Keys/wrapped", testKeys},
	{"Keys/signing", testSigningKeys},
	{"Access/life", testAccess},
	{"KMS/keys", testKMSKeys},
	{"KMS/aliases", testKMSAliases},
	{"KMS/grants", testKMSGrants},
	{"KMS/deletion", testKMSDeletion},
	{"Functions/life", testFunctions},
	{"Functions/versions", testFunctionVersions},
	{"Functions/aliases", testFunctionAliases},
	{"Functions/delete", testDeleteFunction},
	{"Scripts/life", testScripts},
	{"Scripts/list", testScriptList},
	{"Scripts/names", testScriptNames},
	{"Scripts/enable only one", testEnableOnly},
	{"Scripts/versions", testScriptVersions},
	{"Scripts/artifacts", testScriptArtifacts},
	{"Settings", testSettings},
	{"Artifacts/life", testArtifacts},
	{"Artifacts/sweep", testSweepArtifacts},
	{"Sweep", testSweep},
	{"Epoch", testEpoch},
}

// start is the time at which tests begin: in the middle of a microsecond and far from UTC.
var start = time.Date(2026, 11, 21, 12, 30, 15, 123456789, time.FixedZone("", 5*3600+1800))

// suite is one test with its store.
type suite struct {
	*testing.T
	store.Store
	now time.Time
}

// ms returns the start plus n milliseconds as the store gives it back.
func ms(n int) time.Time {
	return start.Add(time.Duration(n) * time.Millisecond).Truncate(time.Microsecond).UTC()
}

// id returns a UUIDv7 of the start plus n milliseconds.
func id(n int) string { return store.NewID(ms(n)) }

// write runs f in a transaction that must succeed.
func (s *suite) write(f func(ctx context.Context, tx store.Tx) error) {
	s.Helper()
	if err := s.Store.Write(s.Context(), func(tx store.Tx) error { return f(s.Context(), tx) }); err != nil {
		s.Fatalf("Write: %v", err)
	}
}

// read runs f in a reading transaction that must succeed.
func (s *suite) read(f func(ctx context.Context, tx store.Tx) error) {
	s.Helper()
	if err := s.Store.Read(s.Context(), func(tx store.Tx) error { return f(s.Context(), tx) }); err != nil {
		s.Fatalf("Read: %v", err)
	}
}

// same fails unless got equals want.
func (s *suite) same(what string, got, want any) {
	s.Helper()
	if d := cmp.Diff(want, got); d != "" {
		s.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// is fails unless err is target (nil: no error).
func (s *suite) is(what string, err, target error) {
	s.Helper()
	if !errors.Is(err, target) {
		s.Errorf("%s: error %v, want %v", what, err, target)
	}
}

// parallel runs f n times at once and waits.
func parallel(n int, f func(i int)) {
	done := make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			f(i)
		}()
	}
	for range n {
		<-done
	}
}

// addUser inserts a confirmed user.
func (s *suite) addUser(pool, id string, attributes map[string]string) {
	s.Helper()
	s.write(func(ctx context.Context, tx store.Tx) error {
		return tx.Users().InsertUser(ctx, &store.User{
			PoolID: pool, ID: id, Username: "name-" + id, Status: store.Confirmed, Enabled: true, Attributes: attributes,
		})
	})
}

// countUsers counts the users of pool p.
func (s *suite) countUsers() (n int) {
	s.Helper()
	s.read(func(ctx context.Context, tx store.Tx) (err error) {
		n, err = tx.Users().CountUsers(ctx, "p", 1e6)
		return err
	})
	return n
}

func newUser(i int) *store.User {
	return &store.User{PoolID: "p", ID: fmt.Sprintf("u%04d", i), Username: "x", Status: store.Confirmed, Enabled: true}
}
