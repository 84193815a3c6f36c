package kms

import (
	"strings"
	"testing"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// statement makes a statement of a key policy.
func statement(effect, principal, action, condition string) string {
	return `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"` + action + `","Resource":"*"` + condition + `}`
}

func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

const (
	toRoot    = `{"AWS":"` + rootARN + `"}`
	toCognito = `{"Service":"cognito-idp.amazonaws.com"}`
)

func TestPolicies(t *testing.T) {
	s, _ := alone(t)
	full := statement("Allow", toRoot, "kms:*", "")
	bobCaller := Caller{Region: region, ARN: bob}
	ec := map[string]string{"app": "x"}
	for name, c := range map[string]struct {
		policy string
		code   fault.Code
	}{
		"default":             {"", ""},
		"another user alone":  {allowPolicy(`"AWS":"`+ann+`"`, ""), fault.AccessDenied},
		"bob alone":           {allowPolicy(`"AWS":"`+bob+`"`, ""), ""},
		"bob is denied":       {policyOf(full, statement("Deny", `{"AWS":"`+bob+`"}`, "kms:Encrypt", "")), fault.AccessDenied},
		"the context":         {policyOf(statement("Allow", toRoot, "kms:*", `,"Condition":{"StringEquals":{"kms:EncryptionContext:app":"x"}}`)), ""},
		"another context":     {policyOf(statement("Allow", toRoot, "kms:*", `,"Condition":{"StringEquals":{"kms:EncryptionContext:app":"y"}}`)), fault.AccessDenied},
		"another action":      {policyOf(statement("Allow", toRoot, "kms:Decrypt", "")), fault.AccessDenied},
		"the principal's ARN": {policyOf(statement("Allow", `"*"`, "kms:*", `,"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/b*"}}`)), ""},
	} {
		k := s.mustCreate(t, NewKey{Policy: c.policy, BypassPolicyCheck: true})
		_, err := s.Encrypt(t.Context(), bobCaller, k.ID, []byte("x"), ec)
		wants(t, name, err, c.code)
		if err != nil && fault.Of(err).Hint == "" {
			t.Errorf("%s: no hint", name)
		}
	}
	k := s.mustCreate(t, NewKey{})
	for name, bad := range map[string]string{"no JSON": "{", "lockout": allowPolicy(`"AWS":"`+ann+`"`, ""), "an unknown element": `{"Statement":{"Foo":1}}`} {
		wants(t, name, s.PutPolicy(t.Context(), boss, k.ID, bad, false), fault.PolicyMalformed)
	}
	text := policyOf(full, statement("Deny", `{"AWS":"`+bob+`"}`, "kms:*", ""))
	noError(t, s.PutPolicy(t.Context(), boss, k.ID, text, false))
	if got, err := s.Policy(t.Context(), boss, k.ID); err != nil || got != text {
		t.Errorf("%s, %v", got, err)
	}
	_, err := s.Policy(t.Context(), bobCaller, k.ID)
	wants(t, "Policy", err, fault.AccessDenied)
	wants(t, "Disable", s.Disable(t.Context(), bobCaller, k.ID), fault.AccessDenied)
	wants(t, "Rotate", s.Rotate(t.Context(), bobCaller, k.ID), fault.AccessDenied)
	wants(t, "CreateAlias", s.CreateAlias(t.Context(), bobCaller, "alias/b", k.ID), fault.AccessDenied)
}

func TestGrants(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s, ctx := newWorld(t, st).node(), t.Context()
		k := s.mustCreate(t, NewKey{Policy: allowPolicy(`"AWS":"`+ann+`"`, ""), BypassPolicyCheck: true})
		owner, user := Caller{Region: region, ARN: ann}, Caller{Region: region, ARN: bob}
		ec := map[string]string{"userpool-id": "us-local-1_a", "more": "x"}
		sealed, err := s.Encrypt(ctx, owner, k.ID, []byte("x"), ec)
		noError(t, err)
		use := func() error { _, err := s.Decrypt(ctx, user, k.ID, sealed.Blob, ec); return err }
		wants(t, "no grant", use(), fault.AccessDenied)
		for name, c := range map[string]struct {
			g    NewGrant
			code fault.Code
		}{
			"Decrypt":        {NewGrant{Grantee: bob, Operations: []string{"Decrypt"}}, ""},
			"Encrypt":        {NewGrant{Grantee: bob, Operations: []string{"Encrypt", "GenerateDataKey"}}, fault.AccessDenied},
			"another":        {NewGrant{Grantee: "arn:aws:iam::000000000000:user/bobby", Operations: []string{"Decrypt"}}, fault.AccessDenied},
			"the account":    {NewGrant{Grantee: rootARN, Operations: []string{"Decrypt"}}, ""},
			"subset":         {NewGrant{Grantee: bob, Operations: []string{"Decrypt"}, ContextSubset: map[string]string{"more": "x"}}, ""},
			"other subset":   {NewGrant{Grantee: bob, Operations: []string{"Decrypt"}, ContextSubset: map[string]string{"more": "y"}}, fault.AccessDenied},
			"missing subset": {NewGrant{Grantee: bob, Operations: []string{"Decrypt"}, ContextSubset: map[string]string{"none": ""}}, fault.AccessDenied},
			"equals":         {NewGrant{Grantee: bob, Operations: []string{"Decrypt"}, ContextEquals: ec}, ""},
			"equals less":    {NewGrant{Grantee: bob, Operations: []string{"Decrypt"}, ContextEquals: map[string]string{"more": "x"}}, fault.AccessDenied},
		} {
			id, _, err := s.CreateGrant(ctx, owner, k.ID, c.g)
			noError(t, err)
			wants(t, name, use(), c.code)
			if ok, err := s.Granted(ctx, user, k.ARN, "Decrypt", ec); err != nil || ok != (c.code == "" && c.g.Grantee != rootARN) {
				t.Errorf("%s: Granted %v, %v", name, ok, err)
			}
			noError(t, s.RevokeGrant(ctx, owner, k.ID, id))
			wants(t, name+" revoked", use(), fault.AccessDenied)
			wants(t, name+" revoked again", s.RevokeGrant(ctx, owner, k.ID, id), fault.ResourceNotFound)
		}
		wants(t, "CreateGrant without permission", func() error {
			_, _, err := s.CreateGrant(ctx, user, k.ID, NewGrant{Grantee: bob, Operations: []string{"Decrypt"}})
			return err
		}(), fault.AccessDenied)
	})
}

func TestGrantsRefused(t *testing.T) {
	s, _ := alone(t)
	k, asym := s.mustCreate(t, NewKey{}), s.mustCreate(t, NewKey{Spec: P256, Usage: SignVerify})
	op := []string{"Decrypt"}
	long := map[string]string{"k": strings.Repeat("x", maxConstraint)}
	for name, g := range map[string]NewGrant{
		"no grantee": {Operations: op}, "grantee": {Grantee: "x", Operations: op}, "no operation": {Grantee: bob}, "unknown": {Grantee: bob, Operations: []string{"Destroy"}},
		"grants that grant": {Grantee: bob, Operations: []string{"CreateGrant"}}, "twice": {Grantee: bob, Operations: []string{"Decrypt", "Decrypt"}},
		"of another usage": {Grantee: bob, Operations: []string{"Sign"}}, "both": {Grantee: bob, Operations: op, ContextSubset: long, ContextEquals: long},
		"long": {Grantee: bob, Operations: op, ContextSubset: long}, "source of a user": {Grantee: bob, Operations: op, SourceARN: poolA}, "name": {Grantee: bob, Operations: op, Name: "ä"},
	} {
		_, _, err := s.CreateGrant(t.Context(), boss, k.ID, g)
		wants(t, name, err, fault.InvalidParameter)
	}
	_, _, err := s.CreateGrant(t.Context(), boss, asym.ID, NewGrant{Grantee: bob, Operations: op})
	wants(t, "Decrypt with an asymmetric key", err, fault.InvalidParameter)
}

func TestRetireAndTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s, ctx := newWorld(t, st).node(), t.Context()
		k := s.mustCreate(t, NewKey{Policy: allowPolicy(`"AWS":"`+ann+`"`, ""), BypassPolicyCheck: true})
		owner, user := Caller{Region: region, ARN: ann}, Caller{Region: region, ARN: bob}
		g := NewGrant{Name: "codes", Grantee: "arn:aws:iam::000000000000:user/carl", Retiring: bob, Operations: []string{"Decrypt", "RetireGrant"}}
		id, token, err := s.CreateGrant(ctx, owner, k.ID, g)
		noError(t, err)
		same, _, err := s.CreateGrant(ctx, owner, k.ID, g)
		if err != nil || same != id {
			t.Errorf("a named grant again: %v, %v", same == id, err)
		}
		other, _, err := s.CreateGrant(ctx, owner, k.ID, NewGrant{Grantee: bob, Operations: []string{"Encrypt"}})
		noError(t, err)
		if arn, got, err := s.GrantOf(ctx, token); err != nil || arn != k.ARN || got != id {
			t.Errorf("%s %s %v", arn, got, err)
		}
		for _, bad := range []string{"", "x", token[:len(token)-4], strings.Repeat("A", maxToken+4), token[:20] + "AAAA" + token[24:]} {
			_, _, err := s.GrantOf(ctx, bad)
			wants(t, "a bad token", err, fault.InvalidParameter)
		}
		list, err := s.RetirableGrants(ctx, region, bob, "", 10)
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].KeyARN != k.ARN || list[0].Name != "codes" {
			t.Errorf("%+v, %v", list, err)
		}
		wants(t, "retiring a grant of somebody else", s.RetireGrant(ctx, user, k.ID, other), fault.AccessDenied)
		noError(t, s.RetireGrant(ctx, user, k.ID, id))
		left, err := s.Grants(ctx, k.ARN, "", 10)
		if err != nil || len(left) != 1 || left[0].ID != other {
			t.Errorf("%+v, %v", left, err)
		}
		user.GrantTokens = []string{token}
		_, err = s.Encrypt(ctx, user, k.ID, []byte("x"), nil)
		noError(t, err)
		user.GrantTokens = []string{"x"}
		_, err = s.Encrypt(ctx, user, k.ID, []byte("x"), nil)
		wants(t, "an invalid token", err, fault.InvalidParameter)
	})
}

// TestUsable: which pools may seal their codes under a key.
func TestUsable(t *testing.T) {
	s, _ := alone(t)
	full := statement("Allow", toRoot, "kms:*", "")
	source := func(op, key, value string) string {
		return `,"Condition":{"` + op + `":{"` + key + `":"` + value + `"}}`
	}
	lend := func(g NewGrant) *NewGrant {
		g.Grantee, g.Operations = cognito, []string{"GenerateDataKey"}
		return &g
	}
	const yes, no = fault.Code(""), fault.AccessDenied
	for name, c := range map[string]struct {
		policy string
		grant  *NewGrant
		a, b   fault.Code
	}{
		"default":                     {"", nil, yes, yes},
		"a user alone":                {allowPolicy(`"AWS":"`+ann+`"`, ""), nil, no, no},
		"the service":                 {policyOf(statement("Allow", toCognito, "kms:GenerateDataKey", "")), nil, yes, yes},
		"CreateGrant, as the guide":   {policyOf(statement("Allow", toCognito, "kms:CreateGrant", source("ArnLike", "aws:SourceArn", poolA))), nil, yes, no},
		"another service":             {policyOf(statement("Allow", `{"Service":"lambda.amazonaws.com"}`, "kms:*", "")), nil, no, no},
		"another action":              {policyOf(statement("Allow", toCognito, "kms:Decrypt", "")), nil, no, no},
		"pool A":                      {policyOf(full, statement("Allow", toCognito, "kms:*", source("ArnEquals", "aws:SourceArn", poolA))), nil, yes, no},
		"pool A by its id":            {policyOf(full, statement("Allow", toCognito, "kms:*", source("StringEquals", "kms:EncryptionContext:userpool-id", "us-local-1_a"))), nil, yes, no},
		"another account's pools":     {policyOf(full, statement("Allow", toCognito, "kms:*", source("StringEquals", "aws:SourceAccount", "111111111111"))), nil, no, no},
		"this account's pools":        {policyOf(full, statement("Allow", toCognito, "kms:*", source("StringEquals", "aws:SourceAccount", account))), nil, yes, yes},
		"root, for pool A":            {policyOf(statement("Allow", toRoot, "kms:*", source("ArnEquals", "aws:SourceArn", poolA))), nil, yes, no},
		"a Deny of the service":       {policyOf(full, statement("Deny", toCognito, "kms:*", "")), nil, no, no},
		"a Deny of all but A":         {policyOf(full, statement("Deny", `"*"`, "kms:GenerateDataKey", source("ArnNotEquals", "aws:SourceArn", poolA))), nil, yes, no},
		"a Deny of B":                 {policyOf(full, statement("Deny", toCognito, "kms:GenerateDataKey*", source("ArnEquals", "aws:SourceArn", poolB))), nil, yes, no},
		"a Deny wins over a grant":    {policyOf(full, statement("Deny", toCognito, "kms:*", "")), lend(NewGrant{}), no, no},
		"a grant for A":               {"", lend(NewGrant{SourceARN: poolA}), yes, no},
		"a grant for A by context":    {"", lend(NewGrant{ContextSubset: map[string]string{"userpool-id": "us-local-1_a"}}), yes, no},
		"a grant, and no root":        {allowPolicy(`"AWS":"`+ann+`"`, ""), lend(NewGrant{}), yes, yes},
		"a grant to a user":           {"", &NewGrant{Grantee: bob, Operations: []string{"Decrypt"}}, yes, yes},
		"only by way of Cognito":      {policyOf(statement("Allow", toRoot, "kms:*", source("StringEquals", "kms:ViaService", "cognito-idp.us-local-1.amazonaws.com"))), nil, yes, yes},
		"only by way of another":      {policyOf(statement("Allow", toRoot, "kms:*", source("StringEquals", "kms:ViaService", "s3.us-local-1.amazonaws.com"))), nil, no, no},
		"a policy for A and grant, B": {policyOf(full, statement("Allow", toCognito, "kms:*", source("ArnEquals", "aws:SourceArn", poolA))), lend(NewGrant{SourceARN: poolB}), yes, yes},
	} {
		k := s.mustCreate(t, NewKey{Policy: c.policy, BypassPolicyCheck: true})
		if c.grant != nil {
			// ann or the account grants, whoever may
			_, _, err := s.CreateGrant(t.Context(), boss, k.ID, *c.grant)
			if fault.CodeOf(err) == fault.AccessDenied {
				_, _, err = s.CreateGrant(t.Context(), Caller{Region: region, ARN: ann}, k.ID, *c.grant)
			}
			noError(t, err)
		}
		for pool, code := range map[string]fault.Code{poolA: c.a, poolB: c.b} {
			err := s.Usable(t.Context(), k.ARN, pool)
			wants(t, name+" "+pool, err, code)
			if err != nil && !strings.Contains(fault.Of(err).Hint, "aws kms") {
				t.Errorf("%s: hint %q", name, fault.Of(err).Hint)
			}
			_, _, err = s.Keyring(k.ARN).Generate(t.Context(), map[string]string{"userpool-id": pool[strings.LastIndex(pool, "/")+1:]})
			wants(t, name+" Generate", err, code)
		}
	}
	k := s.mustCreate(t, NewKey{})
	wants(t, "a foreign account's pool", s.Usable(t.Context(), k.ARN, strings.Replace(poolA, account, "111111111111", 1)), fault.AccessDenied)
	for _, arn := range []string{k.ARN[:len(k.ARN)-1], "alias/none", strings.Replace(k.ARN, account, "111111111111", 1)} {
		wants(t, arn, s.Usable(t.Context(), arn, poolA), fault.ResourceNotFound)
	}
	noError(t, s.Disable(t.Context(), boss, k.ID))
	err := s.Usable(t.Context(), k.ARN, poolA)
	wants(t, "disabled", err, fault.KeyDisabled)
	if hint := fault.Of(err).Hint; hint != "aws kms enable-key --key-id "+k.ARN {
		t.Errorf("hint %q", hint)
	}
}

// TestFunctions: a function opens the codes of the pools that call it, and does nothing else.
func TestFunctions(t *testing.T) {
	s, _ := alone(t)
	k := s.mustCreate(t, NewKey{})
	ctx := t.Context()
	fn := Caller{Region: region, Function: "arn:fn", ARN: "arn:aws:sts::000000000000:assumed-role/fn/fn"}
	other := Caller{Region: region, Function: "arn:other"}
	a, b := map[string]string{"userpool-id": "us-local-1_a"}, map[string]string{"userpool-id": "us-local-1_b"}
	for name, c := range map[string]struct {
		who  Caller
		ec   map[string]string
		code fault.Code
	}{
		"its pool": {fn, a, ""}, "another pool": {fn, b, fault.AccessDenied}, "no pool": {fn, nil, fault.AccessDenied}, "another function": {other, a, fault.AccessDenied},
		"a strange pool": {fn, map[string]string{"userpool-id": "x y"}, fault.AccessDenied},
	} {
		blob := s.mustEncrypt(t, k.ID, "123456", c.ec)
		for _, key := range []string{k.ARN, ""} {
			_, err := s.Decrypt(ctx, c.who, key, blob, c.ec)
			wants(t, name, err, c.code)
		}
	}
	blob := s.mustEncrypt(t, k.ID, "123456", b)
	_, err := s.Decrypt(ctx, fn, k.ARN, blob, a)
	wants(t, "a lie about the pool", err, fault.CiphertextInvalid)
	_, encrypt := s.Encrypt(ctx, fn, k.ID, []byte("x"), a)
	_, _, generate := s.GenerateDataKey(ctx, fn, k.ID, 32, a)
	_, _, reEncrypt := s.ReEncrypt(ctx, fn, k.ID, k.ID, blob, b, a)
	_, describe := s.Describe(ctx, fn, k.ID)
	_, create := s.Create(ctx, fn, NewKey{})
	_, _, grant := s.CreateGrant(ctx, fn, k.ID, NewGrant{Grantee: bob, Operations: []string{"Decrypt"}})
	for name, err := range map[string]error{
		"Encrypt": encrypt, "GenerateDataKey": generate, "ReEncrypt": reEncrypt, "DescribeKey": describe, "CreateKey": create, "CreateGrant": grant,
		"DisableKey": s.Disable(ctx, fn, k.ID), "RetireGrant": s.RetireGrant(ctx, fn, k.ID, "x"), "CreateAlias": s.CreateAlias(ctx, fn, "alias/f", k.ID),
	} {
		wants(t, name, err, fault.AccessDenied)
	}
	if ok, err := s.Granted(ctx, fn, k.ARN, "Decrypt", a); ok || err != nil {
		t.Errorf("Granted %v, %v", ok, err)
	}
	noError(t, s.PutPolicy(ctx, boss, k.ID, policyOf(statement("Allow", toRoot, "kms:*", ""), statement("Deny", `"*"`, "kms:Decrypt", "")), false))
	_, err = s.Decrypt(ctx, fn, k.ARN, s.mustEncrypt(t, k.ID, "x", a), a)
	wants(t, "a Deny", err, fault.AccessDenied)
}
