package hook

import (
	"context"

	"countersign/internal/fault"
	"countersign/internal/script"
	"countersign/internal/store"
)

// maxOrder bounds the order of a rule.
const maxOrder = 1 << 30

func ruleOf(row *store.Script, d *document) *Rule {
	return &Rule{
		ID: row.ID, Name: row.Name, Script: d.Code, Order: int(row.Position), Enabled: row.Enabled, Modules: d.Modules,
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}

func judgeOrder(order *int) error {
	if order != nil && (*order < 0 || *order > maxOrder) {
		return fault.Invalidf("order", "The order of a rule is a number from 0 to %d.", maxOrder)
	}
	return nil
}

// order gives a rule its place in the transaction that writes it: the one asked for, if it is free, else after all others.
func order(ctx context.Context, tx store.Tx, row *store.Script, asked *int) error {
	rows, err := tx.Scripts().ListScripts(ctx, store.ScriptQuery{PoolID: row.PoolID, Kind: kindRule, Limit: maxList})
	if err != nil {
		return err
	}
	last := int64(0)
	for _, r := range rows {
		if r.ID == row.ID {
			continue
		}
		if last = max(last, r.Position); asked != nil && r.Position == int64(*asked) {
			return fault.New(fault.ResourceExists).WithField("order").WithPublic("A rule with the order %d exists already.", *asked)
		}
	}
	if row.Position = last + 1; asked != nil {
		row.Position = int64(*asked)
	}
	return nil
}

// CreateRule makes a rule. Its modules are those that it requires as "name@version". Errors are those of CreateHook; ResourceExists is of the order, too.
func (s *Service) CreateRule(ctx context.Context, poolID string, in *NewRule) (*Rule, *Built, error) {
	if err := firstOf(judgeHookName(in.Name), judgeCode("script", in.Script), judgeOrder(in.Order)); err != nil {
		return nil, nil, err
	}
	row := &store.Script{ID: newRuleID(), PoolID: poolID, Kind: kindRule, Name: in.Name, Enabled: in.Enabled == nil || *in.Enabled, CreatedAt: s.now()}
	e := &edit{row: row, doc: &document{code: code{Code: in.Script}}}
	if err := s.room(ctx, row, s.c.Limits.Rules); err != nil {
		return nil, nil, err
	}
	report, err := s.rebuild(ctx, e, script.Rule, &code{}, in.Save, &lastBuild{})
	if err != nil {
		return nil, nil, err
	}
	insert := insertRow(row, s.c.Limits.Rules)
	err = s.write(ctx, e, func(ctx context.Context, tx store.Tx) error {
		if err := order(ctx, tx, row, in.Order); err != nil {
			return err
		}
		return insert(ctx, tx)
	})
	if err != nil {
		return nil, nil, stored(err)
	}
	return ruleOf(row, e.doc), report, nil
}

// Rule returns a rule, or fault.ResourceNotFound.
func (s *Service) Rule(ctx context.Context, poolID, id string) (*Rule, error) {
	row, d, err := s.row(ctx, poolID, kindRule, id)
	if err != nil {
		return nil, err
	}
	return ruleOf(row, d), nil
}

// Rules returns a page of rules by order, and how many there are in all.
func (s *Service) Rules(ctx context.Context, poolID string, q RuleQuery) ([]*Rule, int, error) {
	rows, total, err := s.list(ctx, store.ScriptQuery{PoolID: poolID, Kind: kindRule, Enabled: q.Enabled, Skip: q.Skip, Limit: q.Limit})
	if err != nil {
		return nil, 0, err
	}
	out := make([]*Rule, 0, len(rows))
	for _, row := range rows {
		d, err := decode(row)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, ruleOf(row, d))
	}
	return out, total, nil
}

// UpdateRule changes a rule. A script that cannot be built changes nothing.
func (s *Service) UpdateRule(ctx context.Context, poolID, id string, c *RuleChange) (*Rule, *Built, error) {
	errs := []error{judgeOrder(c.Order)}
	if c.Name != nil {
		errs = append(errs, judgeHookName(*c.Name))
	}
	if c.Script != nil {
		errs = append(errs, judgeCode("script", *c.Script))
	}
	if err := firstOf(errs...); err != nil {
		return nil, nil, err
	}
	var report *Built
	var last lastBuild
	e, err := s.change(ctx, poolID, kindRule, id, func(ctx context.Context, e *edit) (err error) {
		before := e.doc.code
		set(&e.row.Name, c.Name)
		set(&e.row.Enabled, c.Enabled)
		set(&e.doc.Code, c.Script)
		if c.Order != nil {
			e.row.Position = int64(*c.Order)
			e.also = append(e.also, func(ctx context.Context, tx store.Tx) error { return order(ctx, tx, e.row, c.Order) })
		}
		report, err = s.rebuild(ctx, e, script.Rule, &before, c.Save, &last)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return ruleOf(e.row, e.doc), report, nil
}

// DeleteRule deletes a rule. An unknown one is fault.ResourceNotFound.
func (s *Service) DeleteRule(ctx context.Context, poolID, id string) error {
	return s.remove(ctx, poolID, kindRule, id)
}
