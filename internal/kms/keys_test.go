package kms

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

func TestLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		s, ctx := w.node(), t.Context()
		k := s.mustCreate(t, NewKey{Description: "codes", Tags: []Tag{{"team", "id"}}})
		if k.State != Enabled || k.Usage != EncryptDecrypt || k.Spec != SymmetricDefault || k.Origin != OriginHere || k.Description != "codes" ||
			len(k.MaterialID) != 64 || k.ARN != "arn:aws:kms:us-local-1:000000000000:key/"+k.ID || k.CreatedAt.IsZero() {
			t.Errorf("%+v", k)
		}
		blob := s.mustEncrypt(t, k.ID, "x", nil)
		use := func() error { _, err := s.Decrypt(ctx, boss, "", blob, nil); return err }
		is := func(state string) {
			t.Helper()
			if got, err := s.Describe(ctx, boss, k.ID); err != nil || got.State != state {
				t.Errorf("%+v, %v; want %s", got, err, state)
			}
		}
		noError(t, s.Disable(ctx, boss, k.ID))
		wants(t, "use of a disabled key", use(), fault.KeyDisabled)
		is(Disabled)
		wants(t, "rotation of a disabled key", s.Rotate(ctx, boss, k.ID), fault.KeyDisabled)
		noError(t, s.Enable(ctx, boss, k.ID))
		noError(t, use())
		_, err := s.CancelDeletion(ctx, boss, k.ID)
		wants(t, "CancelDeletion of an enabled key", err, fault.KeyStateInvalid)
		gone, err := s.ScheduleDeletion(ctx, boss, k.ID, 7)
		noError(t, err)
		if gone.State != PendingDeletion || !gone.DeleteAt.Equal(w.clock.now().AddDate(0, 0, 7)) {
			t.Errorf("%+v", gone)
		}
		_, again := s.ScheduleDeletion(ctx, boss, k.ID, 7)
		for what, err := range map[string]error{
			"use": use(), "Enable": s.Enable(ctx, boss, k.ID), "Disable": s.Disable(ctx, boss, k.ID), "again": again, "Tag": s.Tag(ctx, boss, k.ID, nil),
			"alias": s.CreateAlias(ctx, boss, "alias/a", k.ID), "description": s.SetDescription(ctx, boss, k.ID, ""), "Usable": s.Usable(ctx, k.ARN, poolA),
		} {
			wants(t, what+" while the deletion is pending", err, fault.KeyStateInvalid)
		}
		_, err = s.CancelDeletion(ctx, boss, k.ID)
		noError(t, err)
		is(Disabled)
		noError(t, s.Enable(ctx, boss, k.ID))
		noError(t, use())
		_, err = s.ScheduleDeletion(ctx, boss, k.ID, 7)
		noError(t, err)
		w.clock.add(7 * 24 * time.Hour)
		wants(t, "use after the date", use(), fault.CiphertextInvalid)
		_, err = s.Describe(ctx, boss, k.ID)
		wants(t, "Describe after the date", err, fault.ResourceNotFound)
		_, err = s.CancelDeletion(ctx, boss, k.ID)
		wants(t, "CancelDeletion after the date", err, fault.ResourceNotFound)
		noError(t, st.Write(ctx, func(tx store.Tx) error { _, err := tx.Sweep(ctx, w.clock.now(), 10); return err }))
		list, err := s.ListKeys(ctx, region, "", 10)
		if err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	s, _ := alone(t)
	for name, c := range map[string]struct {
		n    NewKey
		code fault.Code
	}{
		"origin":                  {NewKey{Origin: "EXTERNAL"}, fault.UnsupportedOperation},
		"spec":                    {NewKey{Spec: "ECC_SECG_P256K1", Usage: SignVerify}, fault.UnsupportedOperation},
		"HMAC":                    {NewKey{Spec: "HMAC_256", Usage: "GENERATE_VERIFY_MAC"}, fault.UnsupportedOperation},
		"asymmetric encryption":   {NewKey{Spec: RSA2048}, fault.UnsupportedOperation},
		"symmetric signature":     {NewKey{Usage: SignVerify}, fault.InvalidParameter},
		"policy":                  {NewKey{Policy: "{"}, fault.PolicyMalformed},
		"policy that locks out":   {NewKey{Policy: allowPolicy(`"AWS":"111111111111"`, "")}, fault.PolicyMalformed},
		"policy for a user alone": {NewKey{Policy: allowPolicy(`"AWS":"`+ann+`"`, "")}, fault.PolicyMalformed},
	} {
		_, err := s.Create(t.Context(), boss, c.n)
		wants(t, name, err, c.code)
	}
	s.mustCreate(t, NewKey{Policy: allowPolicy(`"AWS":"`+ann+`"`, ""), BypassPolicyCheck: true})
}

// allowPolicy allows a principal everything; condition is a Condition with its comma, or empty.
func allowPolicy(principal, condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{` + principal + `},"Action":"kms:*","Resource":"*"` + condition + `}]}`
}

func TestReferences(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s, ctx := newWorld(t, st).node(), t.Context()
		k, other := s.mustCreate(t, NewKey{}), s.mustCreate(t, NewKey{})
		noError(t, s.CreateAlias(ctx, boss, "alias/codes", k.ARN))
		for _, name := range []string{k.ID, k.ARN, "alias/codes", "arn:aws:kms:us-local-1:000000000000:alias/codes"} {
			if got, err := s.Resolve(ctx, region, name); err != nil || got.ARN != k.ARN {
				t.Errorf("%s: %v", name, err)
			}
			_, err := s.Resolve(ctx, "eu-west-1", name)
			wants(t, name+" in another region", err, fault.ResourceNotFound)
		}
		for _, name := range []string{
			"", "x", "codes", "alias/none", "alias/", "arn:aws:kms:us-local-1:111111111111:key/" + k.ID, "arn:aws:kms:eu-west-1:000000000000:key/" + k.ID,
			"arn:aws:s3:us-local-1:000000000000:key/" + k.ID, "arn:aws:kms:us-local-1:000000000000:" + k.ID, strings.ToUpper(k.ID), "8f6bb1a2-0000-4000-8000-000000000000",
		} {
			_, err := s.Resolve(ctx, region, name)
			wants(t, name, err, fault.ResourceNotFound)
		}
		err := s.CreateAlias(ctx, boss, "alias/codes", other.ID)
		wants(t, "an alias that is taken", err, fault.ResourceExists)
		noError(t, s.UpdateAlias(ctx, boss, "alias/codes", other.ID))
		if got, err := s.Resolve(ctx, region, "alias/codes"); err != nil || got.ID != other.ID {
			t.Errorf("the moved alias: %v", err)
		}
		list, err := s.ListAliases(ctx, region, other.ID, "", 10)
		noError(t, err)
		if len(list) != 1 || list[0].Name != "alias/codes" || list[0].KeyID != other.ID || list[0].ARN != "arn:aws:kms:us-local-1:000000000000:alias/codes" {
			t.Errorf("%+v", list)
		}
		asym := s.mustCreate(t, NewKey{Spec: P256, Usage: SignVerify})
		wants(t, "an alias to a key of another usage", s.UpdateAlias(ctx, boss, "alias/codes", asym.ID), fault.InvalidParameter)
		noError(t, s.DeleteAlias(ctx, boss, "alias/codes"))
		wants(t, "a deleted alias", s.DeleteAlias(ctx, boss, "alias/codes"), fault.ResourceNotFound)
		keys, err := s.ListKeys(ctx, region, "", 2)
		noError(t, err)
		more, err := s.ListKeys(ctx, region, keys[1].ID, 2)
		if err != nil || len(keys) != 2 || len(more) != 1 {
			t.Errorf("pages of %d and %d keys, %v", len(keys), len(more), err)
		}
	})
}

func TestRotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		s, ctx := w.node(), t.Context()
		k := s.mustCreate(t, NewKey{})
		first := s.mustEncrypt(t, k.ID, "first", nil)
		noError(t, s.Rotate(ctx, boss, k.ID))
		second := s.mustEncrypt(t, k.ID, "second", nil)
		noError(t, s.SetRotation(ctx, boss, k.ID, true, 100))
		due := w.clock.now().AddDate(0, 0, 100)
		if r, err := s.Rotation(ctx, boss, k.ID); err != nil || !r.On || r.Days != 100 || !r.NextAt.Equal(due) {
			t.Errorf("%+v, %v", r, err)
		}
		w.clock.add(100*24*time.Hour - time.Second)
		s.mustDecrypt(t, k.ID, first, "first", nil)
		w.clock.add(time.Second)
		third := s.mustEncrypt(t, k.ID, "third", nil)
		for i, blob := range [][]byte{first, second, third} {
			h, err := parseBlob(blob)
			if err != nil || h.version != uint32(i+1) {
				t.Errorf("version %d, %v; want %d", h.version, err, i+1)
			}
			s.mustDecrypt(t, k.ID, blob, []string{"first", "second", "third"}[i], nil)
			w.node().mustDecrypt(t, k.ID, blob, []string{"first", "second", "third"}[i], nil)
		}
		all, err := s.Rotations(ctx, boss, k.ID)
		noError(t, err)
		if len(all) != 2 || all[0].Kind != OnDemand || all[1].Kind != Automatic || !all[1].At.Equal(due) || all[0].MaterialID == all[1].MaterialID {
			t.Errorf("%+v", all)
		}
		if r, err := s.Rotation(ctx, boss, k.ID); err != nil || !r.NextAt.Equal(due.AddDate(0, 0, 100)) {
			t.Errorf("%+v, %v", r, err)
		}
		noError(t, s.SetRotation(ctx, boss, k.ID, false, 0))
		if r, err := s.Rotation(ctx, boss, k.ID); err != nil || r != (Rotation{}) {
			t.Errorf("%+v, %v", r, err)
		}
		for range maxOnDemand - 1 {
			noError(t, s.Rotate(ctx, boss, k.ID))
		}
		wants(t, "one more rotation", s.Rotate(ctx, boss, k.ID), fault.TooMany)
	})
}

// TestRotationRace: nodes that find a rotation due at once make it once.
func TestRotationRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		s := w.node()
		k := s.mustCreate(t, NewKey{})
		noError(t, s.SetRotation(t.Context(), boss, k.ID, true, 90))
		nodes := []*Service{w.node(), w.node(), w.node(), w.node()}
		for _, n := range nodes {
			n.mustEncrypt(t, k.ID, "warm", nil)
		}
		w.clock.add(91 * 24 * time.Hour)
		blobs := make(chan []byte)
		for i := range 16 {
			go func() { blobs <- nodes[i%len(nodes)].mustEncrypt(t, k.ID, "x", nil) }()
		}
		for range 16 {
			w.node().mustDecrypt(t, k.ID, <-blobs, "x", nil)
		}
		all, err := s.Rotations(t.Context(), boss, k.ID)
		if err != nil || len(all) != 1 {
			t.Errorf("%d rotations, %v", len(all), err)
		}
	})
}

// failing is a store whose commits fail while broken is set.
type failing struct {
	store.Store
	broken bool
}

var errCrash = errors.New("crash")

func (f *failing) Write(ctx context.Context, do func(store.Tx) error) error {
	return f.Store.Write(ctx, func(tx store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		if f.broken {
			return errCrash
		}
		return nil
	})
}

// TestRotationCrash: a rotation that does not commit leaves the key as it was.
func TestRotationCrash(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		f := &failing{Store: st}
		w := newWorld(t, f)
		s := w.node()
		k := s.mustCreate(t, NewKey{})
		noError(t, s.SetRotation(t.Context(), boss, k.ID, true, 90))
		old := s.mustEncrypt(t, k.ID, "old", nil)
		f.broken = true
		if err := s.Rotate(t.Context(), boss, k.ID); !errors.Is(err, errCrash) {
			t.Errorf("Rotate: %v", err)
		}
		w.clock.add(91 * 24 * time.Hour)
		between := s.mustEncrypt(t, k.ID, "between", nil) // due, and not possible: the old material serves
		if h, err := parseBlob(between); err != nil || h.version != 1 {
			t.Errorf("version %d, %v", h.version, err)
		}
		f.broken = false
		next := s.mustEncrypt(t, k.ID, "new", nil)
		if h, err := parseBlob(next); err != nil || h.version != 2 {
			t.Errorf("version %d, %v", h.version, err)
		}
		for _, n := range []*Service{s, w.node()} {
			n.mustDecrypt(t, k.ID, old, "old", nil)
			n.mustDecrypt(t, k.ID, between, "between", nil)
			n.mustDecrypt(t, k.ID, next, "new", nil)
		}
	})
}

// TestNodes: what one node changes, it obeys at once, and others within two seconds.
func TestNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		a, b, ctx := w.node(), w.node(), t.Context()
		k := a.mustCreate(t, NewKey{})
		blob := a.mustEncrypt(t, k.ID, "x", nil)
		b.mustDecrypt(t, k.ID, blob, "x", nil)
		use := func(s *Service, c Caller) error { _, err := s.Decrypt(ctx, c, k.ID, blob, nil); return err }
		noError(t, a.Disable(ctx, boss, k.ID))
		wants(t, "on the node itself", use(a, boss), fault.KeyDisabled)
		wants(t, "on another, at once", use(b, boss), "")
		w.clock.add(time.Second)
		wants(t, "on another, later", use(b, boss), fault.KeyDisabled)
		noError(t, b.Enable(ctx, boss, k.ID))
		noError(t, a.PutPolicy(ctx, boss, k.ID, allowPolicy(`"AWS":"`+ann+`"`, ""), true))
		w.clock.add(time.Second)
		wants(t, "a policy of the other node", use(b, Caller{Region: region, ARN: bob}), fault.AccessDenied)
		annCaller := Caller{Region: region, ARN: ann}
		id, _, err := a.CreateGrant(ctx, annCaller, k.ID, NewGrant{Grantee: bob, Operations: []string{"Decrypt"}})
		noError(t, err)
		w.clock.add(time.Second)
		wants(t, "a grant of the other node", use(b, Caller{Region: region, ARN: bob}), "")
		noError(t, b.RevokeGrant(ctx, annCaller, k.ID, id))
		wants(t, "the grant is revoked", use(b, Caller{Region: region, ARN: bob}), fault.AccessDenied)
	})
}

func TestCacheIsBounded(t *testing.T) {
	s, _ := alone(t)
	k := s.mustCreate(t, NewKey{})
	r, err := s.get(t.Context(), k.ID)
	noError(t, err)
	s.cache.mu.Lock()
	for i := range maxCached {
		s.cache.records[string(rune('a'+i))] = &cached{record: r}
	}
	s.cache.mu.Unlock()
	s.forget(k.ID)
	_, err = s.get(t.Context(), k.ID)
	noError(t, err)
	if n := len(s.cache.records); n > maxCached {
		t.Errorf("%d keys in memory", n)
	}
}

func TestEvents(t *testing.T) {
	s, w := alone(t)
	k := s.mustCreate(t, NewKey{})
	noError(t, s.CreateAlias(t.Context(), boss, "alias/a", k.ID))
	noError(t, s.Disable(t.Context(), boss, k.ID))
	var got []string
	err := w.store.Read(t.Context(), func(tx store.Tx) error {
		events, err := tx.Events().ListEvents(t.Context(), store.EventQuery{Limit: 10})
		for _, e := range events {
			got = append(got, e.Type+" "+string(e.Data))
		}
		return err
	})
	noError(t, err)
	slices.Sort(got)
	if len(got) != 3 || !strings.Contains(got[0], `"alias":"alias/a"`) || !strings.Contains(got[2], "DisableKey") || !strings.Contains(got[1], `"by":"AKIA"`) {
		t.Errorf("%q", got)
	}
}
