package adminapi

import (
	"context"

	"countersign/internal/access"
	"countersign/internal/canary"
	"countersign/internal/fault"
)

// Canary is a text to the operator's own phone, sent again and again.
type Canary struct {
	canary.Canary
	Results []canary.Result `json:"results,omitempty" doc:"The last ones, newest first."`
}

type (
	canariesOutput struct {
		Body struct {
			Canaries []Canary `json:"canaries"`
			Next     string   `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	canaryPutInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Name string `path:"name" maxLength:"64"`
		Body struct {
			To            string `json:"to,omitempty" maxLength:"32" doc:"A phone number in E.164 form; it is never given back. Left out in a change, it stays."`
			Account       string `json:"account,omitempty" maxLength:"64" doc:"Tries this account alone. Default: the pool's plan."`
			EverySeconds  int    `json:"every_seconds,omitempty" doc:"The pause between two, at least 300. Default 3600."`
			Expect        string `json:"expect,omitempty" enum:"sent,delivered" doc:"Default delivered."`
			WithinSeconds int    `json:"within_seconds,omitempty" doc:"How long that may take. Default 120."`
			Disabled      bool   `json:"disabled,omitempty"`
		}
	}
)

func (s *server) registerCanaries() {
	register(s, "GET", "/canaries", "senders.read", "List canary texts and how the last ones went",
		func(in *ofPoolListInput) access.Resource { return onPool(in.Pool) }, s.listCanaries)
	register(s, "PUT", "/canaries/{name}", "senders.write", "Create or change a canary text",
		func(in *canaryPutInput) access.Resource { return onPool(in.Pool) }, s.putCanary)
	register(s, "DELETE", "/canaries/{name}", "senders.write", "End a canary text",
		func(in *accountInput) access.Resource { return onPool(in.Pool) },
		func(ctx context.Context, in *accountInput) (*struct{}, error) {
			if err := s.livePool(ctx, &in.Pool); err != nil {
				return nil, err
			}
			_, err := s.Delivery.Canaries.Delete(ctx, in.Pool, in.Name, -1)
			if fault.CodeOf(err) == fault.ResourceNotFound {
				err = fault.Of(err).WithPublic("There is no canary %q.", in.Name).WithHint("countersign canary list")
			}
			return nil, err
		})
}

func canaryList() listing[Canary] {
	return listing[Canary]{name: "canaries", limit: 1000, key: func(c Canary) string { return c.Name }, fields: []field[Canary]{
		textBy("name", func(c Canary) string { return c.Name }), textBy("account", func(c Canary) string { return c.Account }),
		textBy("expect", func(c Canary) string { return c.Expect }), flagBy("disabled", func(c Canary) bool { return c.Disabled }),
		numberBy("every_seconds", func(c Canary) float64 { return float64(c.EverySeconds) }),
	}}
}

func (s *server) listCanaries(ctx context.Context, in *ofPoolListInput) (*canariesOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, err := canaryList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	list, _, err := s.Delivery.Canaries.List(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	results, err := s.Delivery.Canaries.Results(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	out := &canariesOutput{}
	out.Body.Canaries, out.Body.Next = p.page(views(list, func(c canary.Canary) Canary { return Canary{c, results[c.Name]} }))
	return out, nil
}

func (s *server) putCanary(ctx context.Context, in *canaryPutInput) (*struct{}, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	b := in.Body
	if b.Account != "" {
		if _, err := s.account(ctx, &in.Pool, b.Account); err != nil {
			return nil, err
		}
	}
	_, err := s.Delivery.Canaries.Put(ctx, in.Pool, canary.Canary{
		Name: in.Name, To: b.To, Account: b.Account, EverySeconds: b.EverySeconds, Expect: b.Expect, WithinSeconds: b.WithinSeconds, Disabled: b.Disabled,
	}, -1)
	return nil, err
}
