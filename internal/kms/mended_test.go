package kms

import (
	"testing"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// A list of what somebody may retire is of one region, and names the keys of that region.
func TestRetirableGrantsOfARegion(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s := newWorld(t, st).node()
		there := boss
		there.Region = "eu-west-1"
		here := s.mustCreate(t, NewKey{})
		far, err := s.Create(t.Context(), there, NewKey{})
		noError(t, err)
		g := NewGrant{Grantee: ann, Retiring: bob, Operations: []string{"Decrypt"}}
		_, _, err = s.CreateGrant(t.Context(), boss, here.ID, g)
		noError(t, err)
		_, _, err = s.CreateGrant(t.Context(), there, far.ID, g)
		noError(t, err)
		for region, arn := range map[string]string{region: here.ARN, "eu-west-1": far.ARN} {
			list, err := s.RetirableGrants(t.Context(), region, bob, "", 10)
			if err != nil || len(list) != 1 || list[0].KeyARN != arn {
				t.Errorf("%s: %+v, %v", region, list, err)
			}
		}
	})
}

// A region's keys are bounded.
func TestKeysAreBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s := newWorld(t, st).node()
		s.c.MaxKeys = 2
		s.mustCreate(t, NewKey{})
		s.mustCreate(t, NewKey{})
		_, err := s.Create(t.Context(), boss, NewKey{})
		wants(t, "a key too many", err, fault.TooMany)
		there := boss
		there.Region = "eu-west-1"
		_, err = s.Create(t.Context(), there, NewKey{})
		noError(t, err)
	})
}

// A grant to the whole account leaves it to the access table who in it may use the key: it lends the key to nobody by itself.
func TestGrantsToTheAccountLendNothing(t *testing.T) {
	s, _ := alone(t)
	k := s.mustCreate(t, NewKey{})
	for _, grantee := range []string{account, rootARN} {
		_, _, err := s.CreateGrant(t.Context(), boss, k.ID, NewGrant{Grantee: grantee, Operations: []string{"Decrypt"}})
		noError(t, err)
	}
	who := Caller{Region: region, ARN: ann}
	if ok, err := s.Granted(t.Context(), who, k.ARN, "Decrypt", nil); ok || err != nil {
		t.Errorf("lent by a grant to the account: %v", err)
	}
	_, _, err := s.CreateGrant(t.Context(), boss, k.ID, NewGrant{Grantee: ann, Operations: []string{"Decrypt"}})
	noError(t, err)
	if ok, err := s.Granted(t.Context(), who, k.ARN, "Decrypt", nil); !ok || err != nil {
		t.Errorf("not lent by a grant to the caller: %v", err)
	}
}
