package adminapi

import (
	"context"
	"strings"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/route"
	"countersign/internal/routehealth"
)

// Plan is which accounts carry which messages of a pool.
type Plan struct {
	route.Plan
	Version int64 `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
	Static  bool  `json:"static,omitempty" doc:"From the configuration file; the pool has none of its own."`
}

type (
	planInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body Plan
	}
	planOutput   struct{ Body Plan }
	explainInput struct {
		Pool    string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		To      string `query:"to" maxLength:"32" required:"true" doc:"A phone number in E.164 form."`
		Channel string `query:"channel" enum:"sms,voice" default:"sms"`
		Purpose string `query:"purpose" enum:"sign_in,recovery,sign_up,notice" default:"sign_in"`
		Client  string `query:"client" maxLength:"128"`
		Text    string `query:"text" maxLength:"1600" doc:"Counted for segments and price."`
	}
	explainOutput struct {
		Body struct {
			Steps []route.Step `json:"steps" doc:"The accounts in the order in which they would be asked."`
		}
	}
	healthOutput struct {
		Body struct {
			Lines []HealthLine `json:"lines"`
			Next  string       `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
)

// HealthLine is how many codes of an account are typed in, in a country and network.
type HealthLine struct {
	Account  string               `json:"account"`
	Channel  string               `json:"channel"`
	Country  string               `json:"country"`
	Network  string               `json:"network" doc:"MCC and MNC; * is all of the country."`
	Degraded bool                 `json:"degraded" doc:"Other accounts go first."`
	Evidence routehealth.Evidence `json:"evidence"`
}

func (s *server) registerPlan() {
	onIt := func(in *ofPoolInput) access.Resource { return onPool(in.Pool) }
	register(s, "GET", "/route-plan", "senders.read", "Which accounts carry which messages of a pool", onIt, s.getPlan)
	register(s, "PUT", "/route-plan", "senders.write", "Replace a pool's plan; it holds from the next message on",
		func(in *planInput) access.Resource { return onPool(in.Pool) }, s.putPlan)
	register(s, "DELETE", "/route-plan", "senders.write", "Remove a pool's plan", onIt,
		func(ctx context.Context, in *ofPoolInput) (*struct{}, error) {
			if err := s.livePool(ctx, &in.Pool); err != nil {
				return nil, err
			}
			err := s.Delivery.Routes.DeletePlan(by(ctx), in.Pool)
			if fault.CodeOf(err) == fault.ResourceNotFound {
				err = fault.Of(err).WithPublic("The pool has no plan of its own.")
			}
			return nil, err
		})
	register(s, "GET", "/route-plan/explain", "senders.read", "What would become of a message, without sending it",
		func(in *explainInput) access.Resource { return onPool(in.Pool) }, s.explain)
	register(s, "GET", "/route-health", "senders.read", "How many codes of each account are typed in, by country and network",
		func(in *ofPoolListInput) access.Resource { return onPool(in.Pool) }, s.health)
}

func (s *server) getPlan(ctx context.Context, in *ofPoolInput) (*planOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, version, err := s.Delivery.Routes.Plan(ctx, in.Pool)
	out := Plan{Plan: p, Version: version}
	if err == nil && version == 0 {
		out.Plan, _, err = s.Delivery.Routes.Plan(ctx, "")
		out.Static = err == nil && len(out.Rules) > 0
	}
	if out.Rules == nil {
		out.Rules = []route.Rule{}
	}
	return &planOutput{out}, err
}

func (s *server) putPlan(ctx context.Context, in *planInput) (*planOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	if len(in.Body.Rules) == 0 {
		return nil, fault.Invalidf("rules", "A plan without rules would send nothing.").WithHint("take the plan away: countersign route remove")
	}
	version, err := s.Delivery.Routes.PutPlan(by(ctx), in.Pool, in.Body.Plan, in.Body.Version)
	if fault.CodeOf(err) == fault.InvalidParameter {
		err = fault.Of(err).WithHint("docs/delivery.md lists what a plan holds; its accounts are the pool's own, not those of the configuration file: countersign provider list")
	}
	return &planOutput{Plan{Plan: in.Body.Plan, Version: version}}, err
}

func (s *server) explain(ctx context.Context, in *explainInput) (*explainOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	steps, err := s.Delivery.Routes.Explain(ctx, in.Pool, route.Question{To: in.To, Channel: in.Channel, Purpose: in.Purpose, Client: in.Client, Text: in.Text})
	out := &explainOutput{}
	out.Body.Steps = append([]route.Step{}, steps...)
	return out, err
}

func (s *server) health(ctx context.Context, in *ofPoolListInput) (*healthOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, err := healthList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	out := &healthOutput{}
	out.Body.Lines, out.Body.Next = p.page(views(s.Delivery.Health.Report(in.Pool), func(l routehealth.Line) HealthLine {
		return HealthLine{l.Key.Account, l.Key.Channel, l.Key.Country, l.Key.Network, l.Degraded, l.Evidence}
	}))
	return out, nil
}

func healthList() listing[HealthLine] {
	key := func(l HealthLine) string {
		return strings.Join([]string{l.Account, l.Channel, l.Country, l.Network}, "\x00")
	}
	return listing[HealthLine]{name: "route-health", limit: 1000, key: key, fields: []field[HealthLine]{
		textBy("account", func(l HealthLine) string { return l.Account }), textBy("channel", func(l HealthLine) string { return l.Channel }),
		textBy("country", func(l HealthLine) string { return l.Country }), textBy("network", func(l HealthLine) string { return l.Network }),
		flagBy("degraded", func(l HealthLine) bool { return l.Degraded }),
	}}
}
