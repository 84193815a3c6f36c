package hook_test

import (
	"fmt"
	"testing"

	"countersign/internal/fault"
	"countersign/internal/hook"
)

const passes = "function (user, context, callback) { callback(null, user, context); }"

func TestRules(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		a, _, err := e.CreateRule(ctx, poolA, &hook.NewRule{Name: "a", Script: passes})
		want(t, err, "")
		b, _, err := e.CreateRule(ctx, poolA, &hook.NewRule{Name: "b", Script: passes, Enabled: ptr(false)})
		want(t, err, "")
		if a.Order != 1 || !a.Enabled || b.Order != 2 || b.Enabled || len(a.ID) != 20 || a.ID[:4] != "rul_" {
			t.Errorf("%+v %+v", a, b)
		}
		_, _, err = e.CreateRule(ctx, poolA, &hook.NewRule{Name: "c", Script: passes, Order: ptr(2)})
		want(t, err, fault.ResourceExists)
		_, _, err = e.CreateRule(ctx, poolA, &hook.NewRule{Name: "a", Script: passes})
		want(t, err, fault.ResourceExists)
		_, _, err = e.CreateRule(ctx, poolA, &hook.NewRule{Name: "c", Script: passes, Order: ptr(-1)})
		want(t, err, fault.InvalidParameter)
		_, _, err = e.CreateRule(ctx, poolA, &hook.NewRule{Name: "c", Script: "SYNTAX"})
		want(t, err, fault.ScriptInvalid)
		_, _, err = e.UpdateRule(ctx, poolA, a.ID, &hook.RuleChange{Order: ptr(2)})
		want(t, err, fault.ResourceExists)
		_, _, err = e.UpdateRule(ctx, poolA, a.ID, &hook.RuleChange{Order: ptr(7), Enabled: ptr(true), Script: ptr(passes + "//2")})
		want(t, err, "")
		_, _, err = e.UpdateRule(ctx, poolA, a.ID, &hook.RuleChange{Script: ptr("SYNTAX")})
		want(t, err, fault.ScriptInvalid)
		list, n, err := e.Rules(ctx, poolA, hook.RuleQuery{})
		want(t, err, "")
		if n != 2 || list[0].Name != "b" || list[1].Order != 7 || list[1].Script != passes+"//2" {
			t.Errorf("%+v", list)
		}
		if _, n, err := e.Rules(ctx, poolA, hook.RuleQuery{Enabled: ptr(true)}); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		want(t, e.DeleteRule(ctx, poolA, a.ID), "")
		_, err = e.Rule(ctx, poolA, a.ID)
		want(t, err, fault.ResourceNotFound)
		_, err = e.Rule(ctx, poolB, b.ID)
		want(t, err, fault.ResourceNotFound)
		want(t, e.DeleteHook(ctx, poolA, b.ID), fault.ResourceNotFound)
	})
}

func TestRuleConfigs(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		want(t, e.SetRuleConfig(ctx, poolA, "B", "1"), "")
		want(t, e.SetRuleConfig(ctx, poolA, "A", "1"), "")
		want(t, e.SetRuleConfig(ctx, poolA, "A", "2"), "")
		want(t, e.SetRuleConfig(ctx, poolA, "C", hook.Placeholder), "")
		want(t, e.SetRuleConfig(ctx, poolA, "not a name", "2"), fault.InvalidParameter)
		want(t, e.DeleteRuleConfig(ctx, poolA, "nobody"), "")
		list, err := e.RuleConfigs(ctx, poolA)
		want(t, err, "")
		if len(list) != 2 || list[0].Name != "A" || list[1].Name != "B" {
			t.Errorf("%v", list)
		}
		rule, _, err := e.CreateRule(ctx, poolA, &hook.NewRule{Name: "a", Script: passes})
		want(t, err, "")
		var got map[string]string
		e.fake.on(passes, func(in input) (any, *runnerError, error) { got = in.Secrets; return answer{"begun": true}, nil, nil })
		_, err = e.RunRule(ctx, poolA, rule.ID, &hook.Override{})
		if want(t, err, ""); fmt.Sprint(got) != "map[A:2 B:1]" {
			t.Errorf("%v", got)
		}
		_, err = e.Judge(ctx, poolA, login())
		if want(t, err, ""); fmt.Sprint(got) != "map[A:2 B:1]" {
			t.Errorf("%v", got)
		}
		want(t, e.DeleteRuleConfig(ctx, poolA, "A"), "")
		if list, err := e.RuleConfigs(ctx, poolB); err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
	})
}
