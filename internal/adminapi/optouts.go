package adminapi

import (
	"context"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/optout"
	"countersign/internal/store"
	"countersign/phone"
)

// OptOut is a number that is texted no more.
type OptOut struct {
	Number  string    `json:"number" doc:"Masked."`
	Sender  string    `json:"sender" doc:"The origination identity that was told so; * is all of the pool."`
	Source  string    `json:"source" enum:"inbound,receipt,provider,operator"`
	Keyword string    `json:"keyword,omitempty"`
	At      time.Time `json:"at"`
}

type (
	optOutsInput struct {
		Pool   string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Number string `query:"number" maxLength:"32" doc:"A phone number in E.164 form."`
		Sender string `query:"sender" maxLength:"64"`
		ListQuery
		After string `query:"after" maxLength:"1024" deprecated:"true" doc:"The older name of cursor."`
	}
	optOutsOutput struct {
		Body struct {
			OptOuts []OptOut `json:"opt_outs"`
			Next    string   `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	optOutPutInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body struct {
			Number string `json:"number" maxLength:"32" doc:"A phone number in E.164 form."`
			Sender string `json:"sender,omitempty" maxLength:"64" doc:"Default: all of the pool."`
		}
	}
	optOutLiftInput struct {
		Pool   string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Number string `query:"number" maxLength:"32" required:"true" doc:"A phone number in E.164 form."`
		Sender string `query:"sender" maxLength:"64" doc:"Default: all."`
	}
)

func (s *server) registerOptOuts() {
	register(s, "GET", "/opt-outs", "optouts.read", "Numbers that said STOP",
		func(in *optOutsInput) access.Resource { return onPool(in.Pool) }, s.listOptOuts)
	register(s, "POST", "/opt-outs", "optouts.write", "Text a number no more",
		func(in *optOutPutInput) access.Resource { return onPool(in.Pool) }, s.putOptOut)
	register(s, "DELETE", "/opt-outs", "optouts.write", "Text a number again",
		func(in *optOutLiftInput) access.Resource { return onPool(in.Pool) }, s.liftOptOut)
}

func (s *server) listOptOuts(ctx context.Context, in *optOutsInput) (*optOutsOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, err := optOutList().understand(in.ListQuery, in.After, in.Pool, in.Number, in.Sender)
	if err != nil {
		return nil, err
	}
	q := optout.Query{PoolID: in.Pool, Sender: p.take("sender", in.Sender)}
	if in.Number != "" {
		if q.Number, err = numberOf(in.Number); err != nil {
			return nil, err
		}
	}
	rows, next, err := p.read(func(_, after string, limit int) ([]*store.OptOut, error) {
		q.After, q.Limit = after, limit
		rows, _, err := s.Delivery.OptOuts.List(ctx, q)
		return rows, err
	})
	out := &optOutsOutput{}
	out.Body.Next = next
	out.Body.OptOuts = views(rows, func(o *store.OptOut) OptOut { return OptOut{o.Mask, o.Sender, o.Source, o.Keyword, o.At} })
	return out, err
}

// optOutList: the store keeps opt-outs by the hash of their number, which is the order of nothing that is shown.
func optOutList() listing[*store.OptOut] {
	return listing[*store.OptOut]{name: "opt-outs", natural: []string{""}, key: optout.Place, fields: []field[*store.OptOut]{
		textBy("number", func(o *store.OptOut) string { return o.Mask }), textBy("sender", func(o *store.OptOut) string { return o.Sender }),
		textBy("source", func(o *store.OptOut) string { return o.Source }), textBy("keyword", func(o *store.OptOut) string { return o.Keyword }),
		timeBy("at", func(o *store.OptOut) time.Time { return o.At }),
	}}
}

func numberOf(s string) (phone.Number, error) {
	n, err := phone.Parse(s)
	if err != nil {
		return n, fault.Invalidf("number", "number: not a phone number in E.164 form.").WithHint("a plus, the country code and the number: +14155550100")
	}
	return n, nil
}

func (s *server) putOptOut(ctx context.Context, in *optOutPutInput) (*struct{}, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	n, err := numberOf(in.Body.Number)
	if err != nil {
		return nil, err
	}
	if in.Body.Sender == "" {
		in.Body.Sender = optout.AnySender
	}
	_, err = s.Delivery.OptOuts.Put(ctx, &store.OptOut{PoolID: in.Pool, Sender: in.Body.Sender, Source: optout.Operator}, n)
	return nil, err
}

func (s *server) liftOptOut(ctx context.Context, in *optOutLiftInput) (*struct{}, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	n, err := numberOf(in.Number)
	if err != nil {
		return nil, err
	}
	lifted, err := s.Delivery.OptOuts.Lift(ctx, in.Pool, in.Sender, n, optout.Operator)
	if err == nil && lifted == 0 {
		err = fault.New(fault.ResourceNotFound).WithPublic("The number has not opted out.").WithHint("countersign optout list")
	}
	return nil, err
}
