package storetest

import (
	"context"
	"errors"

	"countersign/internal/store"
)

// drop makes an error of a method's two results.
func drop[T any](_ T, err error) error { return err }

// testReadOnly calls every method that writes.
func testReadOnly(s *suite) {
	u, key := newUser(1), store.CounterKey{PoolID: "p", Subject: "s", Purpose: "c"}
	calls := map[string]func(ctx context.Context, tx store.Tx) error{
		"InsertPool": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Pools().InsertPool(ctx, &store.Pool{ID: "p"}))
		},
		"UpdatePool": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Pools().UpdatePool(ctx, &store.Pool{ID: "p"}))
		},
		"DeletePool": func(ctx context.Context, tx store.Tx) error { return drop(tx.Pools().DeletePool(ctx, "p", start)) },
		"InsertClient": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Pools().InsertClient(ctx, &store.Client{}))
		},
		"UpdateClient": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Pools().UpdateClient(ctx, &store.Client{}))
		},
		"DeleteClient": func(ctx context.Context, tx store.Tx) error { return drop(tx.Pools().DeleteClient(ctx, "p", "c")) },
		"InsertUser":   func(ctx context.Context, tx store.Tx) error { return tx.Users().InsertUser(ctx, u) },
		"UpdateUser":   func(ctx context.Context, tx store.Tx) error { return drop(tx.Users().UpdateUser(ctx, u)) },
		"DeleteUser":   func(ctx context.Context, tx store.Tx) error { return drop(tx.Users().DeleteUser(ctx, "p", "u")) },
		"ClaimAlias":   func(ctx context.Context, tx store.Tx) error { return drop(tx.Users().ClaimAlias(ctx, "p", "k", "u")) },
		"ReleaseAlias": func(ctx context.Context, tx store.Tx) error { return tx.Users().ReleaseAlias(ctx, "p", "k", "u") },
		"InsertAttempt": func(ctx context.Context, tx store.Tx) error {
			return tx.Users().InsertAttempt(ctx, &store.Attempt{ID: "a"}, 1)
		},
		"DeleteAttempts": func(ctx context.Context, tx store.Tx) error { return tx.Users().DeleteAttempts(ctx, "p", "k") },
		"SeeNetwork": func(ctx context.Context, tx store.Tx) error {
			return tx.Users().SeeNetwork(ctx, "p", "u", []byte{1}, start)
		},
		"ForgetNetworks": func(ctx context.Context, tx store.Tx) error { return tx.Users().ForgetNetworks(ctx, "p", "u") },
		"InsertCode": func(ctx context.Context, tx store.Tx) error {
			return tx.Codes().InsertCode(ctx, &store.Code{ID: "c"}, 3)
		},
		"CodeSent":    func(ctx context.Context, tx store.Tx) error { return tx.Codes().CodeSent(ctx, "c") },
		"ConsumeCode": func(ctx context.Context, tx store.Tx) error { return drop(tx.Codes().ConsumeCode(ctx, "c")) },
		"DeleteCodes": func(ctx context.Context, tx store.Tx) error { return tx.Codes().DeleteCodes(ctx, "p", "s", "") },
		"InsertChallenge": func(ctx context.Context, tx store.Tx) error {
			return tx.Challenges().InsertChallenge(ctx, &store.Challenge{})
		},
		"UseChallenge": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Challenges().UseChallenge(ctx, "c", start))
		},
		"AddTry": func(ctx context.Context, tx store.Tx) error { return drop(tx.Challenges().AddTry(ctx, "c")) },
		"EndChallenges": func(ctx context.Context, tx store.Tx) error {
			return tx.Challenges().EndChallenges(ctx, "p", "u", start)
		},
		"Spend": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Challenges().Spend(ctx, []byte{1}, start))
		},
		"LockCounter": func(ctx context.Context, tx store.Tx) error { return drop(tx.Counters().LockCounter(ctx, key)) },
		"SaveCounter": func(ctx context.Context, tx store.Tx) error {
			return tx.Counters().SaveCounter(ctx, key, store.Counter{}, start)
		},
		"BumpCounter": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Counters().BumpCounter(ctx, key, start, 1))
		},
		"TakeCounter": func(ctx context.Context, tx store.Tx) error {
			_, _, err := tx.Counters().TakeCounter(ctx, key, store.Taking{Now: start, Window: 1, DayEnds: start})
			return err
		},
		"ResetCounters": func(ctx context.Context, tx store.Tx) error { return tx.Counters().ResetCounters(ctx, "p", "s", "c") },
		"InsertFamily":  func(ctx context.Context, tx store.Tx) error { return tx.Families().InsertFamily(ctx, &store.Family{}) },
		"UpdateFamily": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Families().UpdateFamily(ctx, &store.Family{}))
		},
		"RevokeFamilies": func(ctx context.Context, tx store.Tx) error {
			return tx.Families().RevokeFamilies(ctx, "p", "u", "", start)
		},
		"SetMethods": func(ctx context.Context, tx store.Tx) error {
			return tx.Families().SetMethods(ctx, "p", "u", "j", "mfa")
		},
		"Enqueue": func(ctx context.Context, tx store.Tx) error { return tx.Outbox().Enqueue(ctx, &store.Message{}) },
		"Claim": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Outbox().Claim(ctx, "o", start, start, 1))
		},
		"ExpireDue": func(ctx context.Context, tx store.Tx) error { return drop(tx.Outbox().ExpireDue(ctx, start, 1)) },
		"Settle":    func(ctx context.Context, tx store.Tx) error { return drop(tx.Outbox().Settle(ctx, &store.Message{})) },
		"Release":   func(ctx context.Context, tx store.Tx) error { return tx.Outbox().Release(ctx, "o", start) },
		"AddAttempt": func(ctx context.Context, tx store.Tx) error {
			return tx.Outbox().AddAttempt(ctx, &store.DeliveryAttempt{})
		},
		"AddReceipt": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Outbox().AddReceipt(ctx, &store.Receipt{}))
		},
		"Advance": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Outbox().Advance(ctx, &store.Message{}, store.Sent))
		},
		"CodeTyped": func(ctx context.Context, tx store.Tx) error { return drop(tx.Outbox().CodeTyped(ctx, "c", start)) },
		"DuePolls": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Outbox().DuePolls(ctx, start, start, 1))
		},
		"PutOptOut": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.OptOuts().PutOptOut(ctx, &store.OptOut{}))
		},
		"DeleteOptOut": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.OptOuts().DeleteOptOut(ctx, "p", "", []byte{1}))
		},
		"AddRouteCounts": func(ctx context.Context, tx store.Tx) error {
			return tx.Routes().AddRouteCounts(ctx, []store.RouteCount{{PoolID: "p"}})
		},
		"PruneRouteCounts": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Routes().PruneRouteCounts(ctx, start, 1))
		},
		"LearnNetwork": func(ctx context.Context, tx store.Tx) error {
			return tx.Routes().LearnNetwork(ctx, "+49", "26201", start)
		},
		"PutDoor": func(ctx context.Context, tx store.Tx) error {
			return tx.Routes().PutDoor(ctx, &store.Door{Hash: []byte{1}})
		},
		"AddGuardCounts": func(ctx context.Context, tx store.Tx) error {
			return tx.Guards().AddGuardCounts(ctx, []store.GuardCount{{PoolID: "p"}})
		},
		"PruneGuardCounts": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Guards().PruneGuardCounts(ctx, start, 1))
		},
		"PutGuardBlock": func(ctx context.Context, tx store.Tx) error {
			return tx.Guards().PutGuardBlock(ctx, &store.GuardBlock{})
		},
		"CountGuardBlock": func(ctx context.Context, tx store.Tx) error {
			return tx.Guards().CountGuardBlock(ctx, "p", "k", 1, start)
		},
		"EndGuardBlock": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Guards().EndGuardBlock(ctx, "p", "k"))
		},
		"TakeQuota": func(ctx context.Context, tx store.Tx) error {
			_, _, err := tx.Guards().TakeQuota(ctx, store.QuotaKey{}, 1, 1, start)
			return err
		},
		"GiveQuota": func(ctx context.Context, tx store.Tx) error {
			return tx.Guards().GiveQuota(ctx, store.QuotaKey{}, 1)
		},
		"AddQuota": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Guards().AddQuota(ctx, store.QuotaKey{}, 1, start))
		},
		"PutRecord": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Records().PutRecord(ctx, &store.Record{}))
		},
		"DeleteRecord": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Records().DeleteRecord(ctx, "k", "p", "r"))
		},
		"DeleteRecords": func(ctx context.Context, tx store.Tx) error { return drop(tx.Records().DeleteRecords(ctx, "k", "p")) },
		"EndDoors":      func(ctx context.Context, tx store.Tx) error { return tx.Routes().EndDoors(ctx, "p", "a", nil, start) },
		"Append":        func(ctx context.Context, tx store.Tx) error { return tx.Events().Append(ctx, &store.Event{}) },
		"Prune":         func(ctx context.Context, tx store.Tx) error { return drop(tx.Events().Prune(ctx, start, 1)) },
		"AddKey":        func(ctx context.Context, tx store.Tx) error { return drop(tx.Keys().AddKey(ctx, &store.WrappedKey{})) },
		"RewrapKey":     func(ctx context.Context, tx store.Tx) error { return tx.Keys().RewrapKey(ctx, &store.WrappedKey{}) },
		"AddSigningKey": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Keys().AddSigningKey(ctx, &store.SigningKey{}))
		},
		"UpdateSigningKey": func(ctx context.Context, tx store.Tx) error {
			return tx.Keys().UpdateSigningKey(ctx, &store.SigningKey{})
		},
		"DeleteSigningKey": func(ctx context.Context, tx store.Tx) error { return tx.Keys().DeleteSigningKey(ctx, "p", "k") },
		"InsertAccessKey": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Access().InsertAccessKey(ctx, &store.AccessKey{}))
		},
		"RevokeAccessKey": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Access().RevokeAccessKey(ctx, "a", start))
		},
		"ResealAccessKey": func(ctx context.Context, tx store.Tx) error { return tx.Access().ResealAccessKey(ctx, "a", nil) },
		"InsertKMSKey":    func(ctx context.Context, tx store.Tx) error { return tx.KMS().InsertKMSKey(ctx, &store.KMSKey{}) },
		"UpdateKMSKey": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.KMS().UpdateKMSKey(ctx, &store.KMSKey{}))
		},
		"DeleteKMSKeys": func(ctx context.Context, tx store.Tx) error { return drop(tx.KMS().DeleteKMSKeys(ctx, start, 1)) },
		"InsertKMSAlias": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.KMS().InsertKMSAlias(ctx, &store.KMSAlias{}))
		},
		"MoveKMSAlias": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.KMS().MoveKMSAlias(ctx, &store.KMSAlias{}))
		},
		"DeleteKMSAlias": func(ctx context.Context, tx store.Tx) error { return drop(tx.KMS().DeleteKMSAlias(ctx, "r", "a")) },
		"InsertKMSGrant": func(ctx context.Context, tx store.Tx) error {
			return tx.KMS().InsertKMSGrant(ctx, &store.KMSGrant{})
		},
		"DeleteKMSGrant": func(ctx context.Context, tx store.Tx) error { return drop(tx.KMS().DeleteKMSGrant(ctx, "k", "g")) },
		"InsertFunction": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Functions().InsertFunction(ctx, &store.Function{}))
		},
		"UpdateFunction": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Functions().UpdateFunction(ctx, &store.Function{}))
		},
		"DeleteFunction": func(ctx context.Context, tx store.Tx) error { return drop(tx.Functions().DeleteFunction(ctx, "f")) },
		"InsertFunctionVersion": func(ctx context.Context, tx store.Tx) error {
			return tx.Functions().InsertFunctionVersion(ctx, &store.FunctionVersion{})
		},
		"DeleteFunctionVersion": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Functions().DeleteFunctionVersion(ctx, "f", 1))
		},
		"InsertFunctionAlias": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Functions().InsertFunctionAlias(ctx, &store.FunctionAlias{}))
		},
		"UpdateFunctionAlias": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Functions().UpdateFunctionAlias(ctx, &store.FunctionAlias{}))
		},
		"DeleteFunctionAlias": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Functions().DeleteFunctionAlias(ctx, "f", "a"))
		},
		"PutArtifactChunk": func(ctx context.Context, tx store.Tx) error {
			return tx.Artifacts().PutArtifactChunk(ctx, "h", 0, nil, start)
		},
		"TouchArtifact": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Artifacts().TouchArtifact(ctx, "h", start))
		},
		"CompleteArtifact": func(ctx context.Context, tx store.Tx) error {
			return tx.Artifacts().CompleteArtifact(ctx, &store.Artifact{})
		},
		"SweepArtifacts": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Artifacts().SweepArtifacts(ctx, start, 1))
		},
		"InsertScript": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Scripts().InsertScript(ctx, &store.Script{}))
		},
		"UpdateScript": func(ctx context.Context, tx store.Tx) error {
			_, _, err := tx.Scripts().UpdateScript(ctx, &store.Script{})
			return err
		},
		"EnableOnly":   func(ctx context.Context, tx store.Tx) error { return tx.Scripts().EnableOnly(ctx, "p", "s", start) },
		"DeleteScript": func(ctx context.Context, tx store.Tx) error { return drop(tx.Scripts().DeleteScript(ctx, "p", "s")) },
		"InsertScriptVersion": func(ctx context.Context, tx store.Tx) error {
			return tx.Scripts().InsertScriptVersion(ctx, &store.ScriptVersion{})
		},
		"DeleteScriptVersion": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Scripts().DeleteScriptVersion(ctx, "s", "v"))
		},
		"PutSetting": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Settings().PutSetting(ctx, &store.Setting{}))
		},
		"DeleteSetting": func(ctx context.Context, tx store.Tx) error {
			return drop(tx.Settings().DeleteSetting(ctx, "p", "n"))
		},
		"PurgePool":  func(ctx context.Context, tx store.Tx) error { return drop(tx.Pools().PurgePool(ctx, 1)) },
		"Sweep":      func(ctx context.Context, tx store.Tx) error { return drop(tx.Sweep(ctx, start, 1)) },
		"RaiseEpoch": func(ctx context.Context, tx store.Tx) error { return drop(tx.RaiseEpoch(ctx, start)) },
	}
	for name, call := range calls {
		err := s.Store.Read(s.Context(), func(tx store.Tx) error { return call(s.Context(), tx) })
		if !errors.Is(err, store.ErrReadOnly) {
			s.Errorf("%s inside Read: %v", name, err)
		}
	}
}
