package adminapi

import (
	"context"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
)

// DestinationNumber is a number that the sandbox sends to once it is verified.
type DestinationNumber struct {
	ID         string     `json:"id"`
	Number     string     `json:"number" doc:"Masked, unless it was asked to be revealed."`
	Status     string     `json:"status" enum:"pending,verified"`
	Codes      int        `json:"codes" doc:"Sent to it within the last 24 hours; five are allowed."`
	LastCodeAt *time.Time `json:"last_code_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
}

// SMSAccount is what SNS and End User Messaging know as the account.
type SMSAccount struct {
	smsaccount.Settings
	Version     int64         `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
	Sandbox     bool          `json:"sandbox" doc:"Only verified destination numbers are sent to." readOnly:"true"`
	PoolInForce string        `json:"pool_in_force,omitempty" readOnly:"true" doc:"The pool whose messages, opt-outs and spend are the account's."`
	Limits      []SpendLimits `json:"limits,omitempty" readOnly:"true" doc:"Those that there are, in whole US dollars a month."`
}

// SpendLimits are what may be spent on a kind of messages in a month.
type SpendLimits struct {
	Kind       string `json:"kind"`
	Enforced   int64  `json:"enforced_dollars"`
	Max        int64  `json:"max_dollars"`
	Overridden bool   `json:"overridden,omitempty"`
}

type (
	destinationsInput struct {
		ListQuery
		Reveal bool `query:"reveal" doc:"Show the numbers in full; needs the action personal.decrypt."`
	}
	destinationsOutput struct {
		Body struct {
			Numbers []DestinationNumber `json:"destination_numbers"`
			Next    string              `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	destinationInput struct {
		ID     string `path:"id" maxLength:"64" doc:"The id, or the number in E.164 form."`
		Reveal bool   `query:"reveal" doc:"Show the number in full; needs the action personal.decrypt."`
	}
	destinationOneInput struct {
		ID string `path:"id" maxLength:"64" doc:"The id, or the number in E.164 form."`
	}
	destinationNewInput struct {
		Body struct {
			Number   string `json:"number" maxLength:"32" doc:"A phone number in E.164 form."`
			Language string `json:"language,omitempty" maxLength:"16" doc:"Of the text with the code: en-US, de-DE, es-419 ... Default en-US."`
		}
	}
	destinationCodeInput struct {
		ID   string `path:"id" maxLength:"64" doc:"The id, or the number in E.164 form."`
		Body struct {
			Voice    bool   `json:"voice,omitempty" doc:"Call instead of texting."`
			Language string `json:"language,omitempty" maxLength:"16"`
			From     string `json:"from,omitempty" maxLength:"256" doc:"An origination identity."`
		}
	}
	destinationVerifyInput struct {
		ID   string `path:"id" maxLength:"64" doc:"The id, or the number in E.164 form."`
		Body struct {
			Code string `json:"code" minLength:"5" maxLength:"8" doc:"The code that was sent."`
		}
	}
	destinationOutput     struct{ Body DestinationNumber }
	destinationCodeOutput struct {
		Body struct {
			MessageID string `json:"message_id"`
		}
	}
	smsAccountInput  struct{ Body SMSAccount }
	smsAccountOutput struct{ Body SMSAccount }
	sandboxInput     struct {
		Body struct {
			Enabled bool `json:"enabled" doc:"Only verified destination numbers are sent to."`
		}
	}
)

func (s *server) registerSMSAccount() {
	register(s, "GET", "/destination-numbers", "numbers.read", "The numbers that the sandbox knows", nil, s.listDestinations)
	register(s, "POST", "/destination-numbers", "numbers.write", "Add a number to the sandbox and text it a code", nil, s.addDestination)
	register(s, "GET", "/destination-numbers/{id}", "numbers.read", "One destination number", nil, s.getDestination)
	register(s, "POST", "/destination-numbers/{id}/code", "numbers.write", "Send it another code", nil,
		func(ctx context.Context, in *destinationCodeInput) (*destinationCodeOutput, error) {
			out := &destinationCodeOutput{}
			var err error
			out.Body.MessageID, err = s.Numbers.Sandbox.SendCode(ctx, in.ID, sandbox.CodeOptions{Voice: in.Body.Voice, Language: in.Body.Language, From: in.Body.From})
			return out, destinationFault(originationFault(err))
		})
	register(s, "POST", "/destination-numbers/{id}/verify", "numbers.write", "Take the code that it was sent", nil,
		func(ctx context.Context, in *destinationVerifyInput) (*destinationOutput, error) {
			n, err := s.Numbers.Sandbox.Verify(ctx, in.ID, in.Body.Code)
			if err == nil {
				s.audit(ctx, "destination number verified", "id", n.ID)
			}
			return &destinationOutput{destinationView(n, false)}, destinationFault(err)
		})
	register(s, "DELETE", "/destination-numbers/{id}", "numbers.write", "Take a number out of the sandbox", nil,
		func(ctx context.Context, in *destinationOneInput) (*struct{}, error) {
			n, err := s.Numbers.Sandbox.Remove(ctx, in.ID)
			if err == nil {
				s.audit(ctx, "destination number removed", "id", n.ID)
			}
			return nil, destinationFault(err)
		})
	register(s, "GET", "/sms-account", "numbers.read", "The SMS account: pool, sandbox, spend limits, default sender", nil,
		func(ctx context.Context, _ *struct{}) (*smsAccountOutput, error) { return s.smsAccount(ctx) })
	register(s, "PUT", "/sms-account", "numbers.write", "Replace the account's settings", nil, s.putSMSAccount)
	register(s, "PUT", "/sms-account/sandbox", "numbers.write", "Put the account into its sandbox, or take it out", nil,
		func(ctx context.Context, in *sandboxInput) (*smsAccountOutput, error) {
			if err := s.Numbers.Sandbox.SetEnabled(ctx, in.Body.Enabled); err != nil {
				return nil, err
			}
			s.audit(ctx, "sandbox", "on", in.Body.Enabled)
			return s.smsAccount(ctx)
		})
}

// destinationFault says in words what became of a destination number.
func destinationFault(err error) error {
	switch f := fault.Of(err); fault.CodeOf(err) {
	case fault.ResourceNotFound:
		return f.WithPublic("The sandbox does not know this number.").WithHint("countersign sandbox add NUMBER")
	case fault.VerificationComplete:
		return f.WithPublic("The number is verified already.")
	case fault.CodeMismatch:
		return f.WithPublic("This is not the code that was sent.")
	case fault.CodeExpired:
		return f.WithPublic("The code is too old, or was tried too often.").WithHint("another one: countersign sandbox code NUMBER")
	case fault.AttemptLimit:
		return f.WithPublic("A number gets five codes within 24 hours.")
	}
	return err
}

func destinationView(n sandbox.Number, reveal bool) DestinationNumber {
	v := DestinationNumber{
		ID: n.ID, Number: n.Number.Mask(), Status: string(n.Status), Codes: n.Codes, LastCodeAt: moment(n.LastCodeAt), CreatedAt: n.CreatedAt, VerifiedAt: moment(n.VerifiedAt),
	}
	if reveal {
		v.Number = n.Number.String()
	}
	return v
}

// mayReveal asks whether the caller may see numbers in full, and writes down that it did.
func (s *server) mayReveal(ctx context.Context, reveal bool) error {
	if !reveal {
		return nil
	}
	if err := access.Allow(access.From(ctx), access.Admin, access.ReadPersonal, access.Resource{}); err != nil {
		return err
	}
	s.audit(ctx, "destination numbers shown")
	return nil
}

func (s *server) listDestinations(ctx context.Context, in *destinationsInput) (*destinationsOutput, error) {
	if err := s.mayReveal(ctx, in.Reveal); err != nil {
		return nil, err
	}
	l := listing[DestinationNumber]{name: "destination-numbers", key: func(n DestinationNumber) string { return n.ID }, fields: []field[DestinationNumber]{
		textBy("id", func(n DestinationNumber) string { return n.ID }), textBy("number", func(n DestinationNumber) string { return n.Number }),
		textBy("status", func(n DestinationNumber) string { return n.Status }), numberBy("codes", func(n DestinationNumber) float64 { return float64(n.Codes) }),
		timeBy("created_at", func(n DestinationNumber) time.Time { return n.CreatedAt }), timeBy("verified_at", func(n DestinationNumber) time.Time { return maybe(n.VerifiedAt) }),
	}}
	p, err := l.understand(in.ListQuery, "")
	if err != nil {
		return nil, err
	}
	var all []DestinationNumber
	for after := ""; ; {
		page, next, err := s.Numbers.Sandbox.Numbers(ctx, sandbox.Query{After: after, Limit: 100})
		if err != nil {
			return nil, err
		}
		all = append(all, views(page, func(n sandbox.Number) DestinationNumber { return destinationView(n, in.Reveal) })...)
		if after = next; next == "" {
			break
		}
	}
	out := &destinationsOutput{}
	out.Body.Numbers, out.Body.Next = p.page(all)
	return out, nil
}

func (s *server) getDestination(ctx context.Context, in *destinationInput) (*destinationOutput, error) {
	if err := s.mayReveal(ctx, in.Reveal); err != nil {
		return nil, err
	}
	n, err := s.Numbers.Sandbox.Number(ctx, in.ID)
	return &destinationOutput{destinationView(n, in.Reveal)}, destinationFault(err)
}

func (s *server) addDestination(ctx context.Context, in *destinationNewInput) (*destinationOutput, error) {
	to, err := numberOf(in.Body.Number)
	if err != nil {
		return nil, err
	}
	n, err := s.Numbers.Sandbox.Add(ctx, to, in.Body.Language)
	if err == nil {
		s.audit(ctx, "destination number added", "id", n.ID)
	}
	return &destinationOutput{destinationView(n, false)}, destinationFault(originationFault(err))
}

func (s *server) smsAccount(ctx context.Context) (*smsAccountOutput, error) {
	set, err := s.Numbers.Account.Settings(ctx)
	if err != nil {
		return nil, err
	}
	out := SMSAccount{Settings: set, Version: set.Version}
	if out.Sandbox, err = s.Numbers.Sandbox.Enabled(ctx); err != nil {
		return nil, err
	}
	// Where there are several pools and none is named, there is an account all the same; it has no pool yet.
	if out.PoolInForce, err = s.Numbers.Account.Pool(ctx); err != nil && fault.Of(err).Kind() == fault.Internal {
		return nil, err
	}
	limits, err := s.Numbers.Account.SpendLimits(ctx)
	for _, l := range limits {
		if l.Enforced >= smsaccount.NoLimit {
			continue
		}
		out.Limits = append(out.Limits, SpendLimits{string(l.Kind), l.Enforced, l.Max, l.Overridden})
	}
	return &smsAccountOutput{out}, err
}

func (s *server) putSMSAccount(ctx context.Context, in *smsAccountInput) (*smsAccountOutput, error) {
	set := in.Body.Settings
	set.Version = in.Body.Version
	if _, err := s.Numbers.Account.PutSettings(ctx, set); err != nil {
		return nil, err
	}
	s.audit(ctx, "SMS account changed")
	return s.smsAccount(ctx)
}
