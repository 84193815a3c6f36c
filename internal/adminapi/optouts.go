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
		After  string `query:"after" maxLength:"256"`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	optOutsOutput struct {
		Body struct {
			OptOuts []OptOut `json:"opt_outs"`
			Next    string   `json:"next,omitempty" doc:"Give it as after to get the next page."`
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
	q := optout.Query{PoolID: in.Pool, Sender: in.Sender, After: in.After, Limit: in.Limit}
	if in.Number != "" {
		var err error
		if q.Number, err = numberOf(in.Number); err != nil {
			return nil, err
		}
	}
	rows, next, err := s.Delivery.OptOuts.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &optOutsOutput{}
	out.Body.Next = next
	out.Body.OptOuts = make([]OptOut, 0, len(rows))
	for _, o := range rows {
		out.Body.OptOuts = append(out.Body.OptOuts, OptOut{o.Mask, o.Sender, o.Source, o.Keyword, o.At})
	}
	return out, nil
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
