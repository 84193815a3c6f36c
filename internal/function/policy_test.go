package function_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/trigger"
)

const arn = "arn:aws:lambda:us-local-1:000000000000:function:sender"

func permission(sid string, change ...func(*function.Permission)) *function.Permission {
	p := &function.Permission{StatementID: sid, Action: "lambda:InvokeFunction", Principal: trigger.Service}
	for _, f := range change {
		f(p)
	}
	return p
}

// TestPermissionMatrix: who may invoke what, by which statement.
func TestPermissionMatrix(t *testing.T) {
	poolARN := func(p string) string { return caller(p).SourceARN }
	other := caller(poolA)
	other.SourceAccount, other.SourceARN = "111111111111", strings.Replace(other.SourceARN, account, "111111111111", 1)
	sns := caller(poolA)
	sns.Service = "sns.amazonaws.com"
	yes := true
	tests := []struct {
		name      string
		statement *function.Permission
		// allowed: pool A, pool B, A of another account, another service for A
		allowed [4]bool
	}{
		{"no statement", nil, [4]bool{}},
		{"no condition: all pools", permission("s"), [4]bool{true, true, true, false}},
		{"pool A", permission("s", func(p *function.Permission) { p.SourceARN = poolARN(poolA) }), [4]bool{true, false, false, false}},
		{"the account", permission("s", func(p *function.Permission) { p.SourceAccount = account }), [4]bool{true, true, false, false}},
		{"pool A and another account", permission("s", func(p *function.Permission) { p.SourceARN, p.SourceAccount = poolARN(poolA), "111111111111" }), [4]bool{}},
		{"pools by pattern", permission("s", func(p *function.Permission) { p.SourceARN = poolARN("us-local-1_pool?") }), [4]bool{true, true, false, false}},
		{"a star stays in its part", permission("s", func(p *function.Permission) { p.SourceARN = "arn:aws:cognito-idp:*:111111111111:userpool/*" }), [4]bool{false, false, true, false}},
		{"prefix is not enough", permission("s", func(p *function.Permission) { p.SourceARN = poolARN("us-local-1_pool") }), [4]bool{}},
		{"another action", permission("s", func(p *function.Permission) { p.Action = "lambda:GetFunction" }), [4]bool{}},
		{"all actions", permission("s", func(p *function.Permission) { p.Action = "lambda:*" }), [4]bool{true, true, true, false}},
		{"another service", permission("s", func(p *function.Permission) { p.Principal = "sns.amazonaws.com" }), [4]bool{false, false, false, true}},
		{"everybody", permission("s", func(p *function.Permission) { p.Principal = "*" }), [4]bool{true, true, true, true}},
		{"an account", permission("s", func(p *function.Permission) { p.Principal = account }), [4]bool{}},
		{"an organisation", permission("s", func(p *function.Permission) { p.PrincipalOrgID = "o-abcdefghij" }), [4]bool{}},
		{"a token", permission("s", func(p *function.Permission) { p.EventSourceToken = "t" }), [4]bool{}},
		{"function URL", permission("s", func(p *function.Permission) { p.FunctionURLAuthType = "NONE" }), [4]bool{}},
		{"via function URL", permission("s", func(p *function.Permission) { p.InvokedViaFunctionURL = &yes }), [4]bool{}},
	}
	each(t, func(t *testing.T, e *env) {
		e.create(t)
		for _, tt := range tests {
			if tt.statement != nil {
				_, err := e.AddPermission(t.Context(), fn(), tt.statement)
				must(t, err)
			}
			for i, c := range []trigger.Caller{caller(poolA), caller(poolB), other, sns} {
				err := e.Permit(t.Context(), arn, c)
				_, invoked := e.Service.Invoke(t.Context(), arn, c, []byte(`{}`), time.Second)
				if (err == nil) != tt.allowed[i] || (invoked == nil) != tt.allowed[i] {
					t.Errorf("%s, caller %d: Permit %v, Invoke %v; want allowed=%v", tt.name, i, err, invoked, tt.allowed[i])
				}
				if !tt.allowed[i] && (fault.CodeOf(err) != fault.AccessDenied || fault.CodeOf(invoked) != fault.AccessDenied) {
					t.Errorf("%s, caller %d: %v, %v", tt.name, i, err, invoked)
				}
			}
			if tt.statement != nil {
				must(t, e.RemovePermission(t.Context(), fn(), "s", ""))
			}
		}
	})
}

// The hint is a command that mends it, on each qualifier by itself.
func TestQualifiedPermissionsAndHints(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		_, err := e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "1"})
		must(t, err)
		err = e.Permit(ctx, arn+":live", caller(poolA))
		want(t, err, fault.AccessDenied)
		const command = "aws lambda add-permission --function-name sender --qualifier live --statement-id countersign-us-local-1_poolA " +
			"--action lambda:InvokeFunction --principal cognito-idp.amazonaws.com --source-arn arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_poolA"
		if got := fault.Of(err).Hint; got != command {
			t.Errorf("hint\n%s\nwant\n%s", got, command)
		}
		_, err = e.AddPermission(ctx, fn(), permission("whole"))
		must(t, err)
		must(t, e.Permit(ctx, arn, caller(poolA)))
		must(t, e.Permit(ctx, arn+":$LATEST", caller(poolA)))
		want(t, e.Permit(ctx, arn+":live", caller(poolA)), fault.AccessDenied)
		want(t, e.Permit(ctx, arn+":1", caller(poolA)), fault.AccessDenied)
		shown, err := e.AddPermission(ctx, fn("live"), permission("alias", func(p *function.Permission) { p.SourceARN, p.SourceAccount = caller(poolA).SourceARN, account }))
		must(t, err)
		var got, exp any
		must(t, json.Unmarshal(shown, &got))
		must(t, json.Unmarshal([]byte(`{"Sid":"alias","Effect":"Allow","Principal":{"Service":"cognito-idp.amazonaws.com"},"Action":"lambda:InvokeFunction",
			"Resource":"arn:aws:lambda:us-local-1:000000000000:function:sender:live","Condition":{"StringEquals":{"AWS:SourceAccount":"000000000000"},
			"ArnLike":{"AWS:SourceArn":"arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_poolA"}}}`), &exp))
		if fmt.Sprint(got) != fmt.Sprint(exp) {
			t.Errorf("statement %s", shown)
		}
		must(t, e.Permit(ctx, arn+":live", caller(poolA)))
		want(t, e.Permit(ctx, arn+":1", caller(poolA)), fault.AccessDenied)
		want(t, e.Permit(ctx, arn+":gone", caller(poolA)), fault.ResourceNotFound)
		if err := e.Permit(ctx, strings.Replace(arn, "sender", "none", 1), caller(poolA)); fault.CodeOf(err) != fault.ResourceNotFound ||
			!strings.HasPrefix(fault.Of(err).Hint, "aws lambda create-function --function-name none") {
			t.Errorf("unknown: %v", err)
		}
		want(t, e.Permit(ctx, "sender", caller(poolA)), fault.InvalidParameter)
		must(t, e.DeleteAlias(ctx, fn(), "live"))
		_, err = e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "1"})
		must(t, err)
		want(t, e.Permit(ctx, arn+":live", caller(poolA)), fault.AccessDenied)
	})
}

func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		_, _, err := e.Policy(ctx, fn())
		want(t, err, fault.ResourceNotFound)
		want(t, e.RemovePermission(ctx, fn(), "x", ""), fault.ResourceNotFound)
		_, err = e.AddPermission(ctx, fn("9"), permission("x"))
		want(t, err, fault.ResourceNotFound)
		_, err = e.AddPermission(ctx, fn(), permission("x"))
		must(t, err)
		_, err = e.AddPermission(ctx, fn(), permission("x"))
		want(t, err, fault.ResourceExists)
		shown, revision, err := e.Policy(ctx, fn())
		must(t, err)
		if !json.Valid(shown) || !strings.Contains(string(shown), `"Version":"2012-10-17"`) || revision == "" {
			t.Errorf("%s, %q", shown, revision)
		}
		_, err = e.AddPermission(ctx, fn(), permission("y", func(p *function.Permission) { p.Revision = "stale" }))
		want(t, err, fault.ConcurrentModification)
		_, err = e.AddPermission(ctx, fn(), permission("y", func(p *function.Permission) { p.Revision = revision }))
		must(t, err)
		want(t, e.RemovePermission(ctx, fn(), "y", revision), fault.ConcurrentModification)
		must(t, e.RemovePermission(ctx, fn(), "y", ""))
		for i, bad := range []*function.Permission{
			permission("a b"), permission("s", func(p *function.Permission) { p.Action = "sns:Publish" }), permission("s", func(p *function.Permission) { p.Principal = "nobody" }),
			permission("s", func(p *function.Permission) { p.SourceARN = "userpool" }), permission("s", func(p *function.Permission) { p.SourceAccount = "1" }),
			permission("s", func(p *function.Permission) { p.PrincipalOrgID = "x" }), permission("s", func(p *function.Permission) { p.FunctionURLAuthType = "x" }),
		} {
			if _, err := e.AddPermission(ctx, fn(), bad); fault.CodeOf(err) != fault.InvalidParameter {
				t.Errorf("bad statement %d: %v", i, err)
			}
		}
		for i := 0; ; i++ {
			_, err := e.AddPermission(ctx, fn(), permission(fmt.Sprint("s", i), func(p *function.Permission) { p.SourceARN = caller(poolA).SourceARN + strings.Repeat("*", 1500) }))
			if fault.CodeOf(err) == fault.PayloadTooLarge {
				if shown, _, _ := e.Policy(ctx, fn()); len(shown) < 15<<10 || len(shown) > 20<<10 {
					t.Errorf("refused at %d bytes", len(shown))
				}
				break
			}
			must(t, err)
		}
	})
}

// A permission that is taken away counts at once on this node, and within two seconds on another one; neither asks the
// database for each call meanwhile.
func TestPermissionsAreRemembered(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		_, err := e.AddPermission(ctx, fn(), permission("s"))
		must(t, err)
		node := function.New(e.config)
		must(t, node.Permit(ctx, arn, caller(poolA)))
		must(t, e.Permit(ctx, arn, caller(poolA)))
		before := e.store.reads.Load()
		for range 100 {
			must(t, e.Permit(ctx, arn, caller(poolA)))
			_, err := e.Service.Invoke(ctx, arn, caller(poolA), []byte(`{}`), time.Second)
			must(t, err)
		}
		if n := e.store.reads.Load() - before; n != 0 {
			t.Errorf("200 warm calls cost %d reads", n)
		}
		must(t, e.RemovePermission(ctx, fn(), "s", ""))
		want(t, e.Permit(ctx, arn, caller(poolA)), fault.AccessDenied)
		must(t, node.Permit(ctx, arn, caller(poolA)))
		e.clock.add(2 * time.Second)
		want(t, node.Permit(ctx, arn, caller(poolA)), fault.AccessDenied)
		must(t, e.Delete(ctx, fn()))
		want(t, e.Permit(ctx, arn, caller(poolA)), fault.ResourceNotFound)
		e.create(t)
		want(t, e.Permit(ctx, arn, caller(poolA)), fault.AccessDenied)
	})
}

// Between one and two seconds of age a target still serves while it is read anew, once, whoever asks.
func TestTargetsAreReadAnewInTheBackground(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		node := function.New(e.config)
		want(t, node.Permit(ctx, arn, caller(poolA)), fault.AccessDenied)
		_, err := e.AddPermission(ctx, fn(), permission("s"))
		must(t, err)
		e.clock.add(1500 * time.Millisecond)
		before := e.store.reads.Load()
		want(t, node.Permit(ctx, arn, caller(poolA)), fault.AccessDenied)
		eventually(t, func() bool { return node.Permit(ctx, arn, caller(poolA)) == nil })
		if n := e.store.reads.Load() - before; n != 1 {
			t.Errorf("%d reads", n)
		}
	})
}
