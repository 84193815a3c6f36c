package countersign

import (
	"context"
	"fmt"
	"slices"

	"countersign/internal/awsapi/cognito"
	"countersign/internal/awsapi/smsvoice"
	"countersign/internal/awsapi/sns"
	"countersign/internal/awsapi/sts"
	"countersign/internal/awsapi/wire"
	"countersign/internal/front"
	"countersign/internal/keyring"
)

// mountAWS mounts what AWS clients call.
func (s *Server) mountAWS(ctx context.Context) error {
	signed := &wire.Signed{Verifier: s.parts.verifier, Principal: s.parts.principal, Account: DevAccount}
	pages, err := s.pageTokens(ctx)
	if err != nil {
		return err
	}
	pools, err := cognito.New(cognito.Config{
		Authorizer: signed, Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now, Pages: pages, Pools: s.parts.pool,
	})
	if err != nil {
		return fmt.Errorf("cognito: %w", err)
	}
	s.surfaces[front.Cognito] = pools
	if err := s.mountFunctions(signed, pages); err != nil {
		return err
	}
	if s.surfaces[front.SNS], err = sns.New(sns.Config{
		Authorizer: signed, Pages: pages, Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now,
		Account: s.parts.smsAccount, Sandbox: s.parts.sandbox, Originations: s.parts.originations,
	}); err != nil {
		return fmt.Errorf("sns: %w", err)
	}
	if s.surfaces[front.SMSVoice], err = smsvoice.New(smsvoice.Config{
		Authorizer: signed, Account: DevAccount, Pages: pages, Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now,
		SMS: s.parts.smsAccount, Sandbox: s.parts.sandbox, Originations: s.parts.originations, Registrations: s.parts.registrations,
	}); err != nil {
		return fmt.Errorf("sms-voice: %w", err)
	}
	s.surfaces[front.STS] = &sts.Handler{Authorizer: signed, Dev: s.c.Mode == Dev, Log: s.c.Log}
	return nil
}

// pageTokens has the key that all nodes of a deployment derive alike.
func (s *Server) pageTokens(ctx context.Context) (*wire.PageTokens, error) {
	first, err := s.parts.keyring.Lookup(ctx, keyring.Deployment, "page_tokens", "1")
	if err != nil {
		return nil, err
	}
	second, err := s.parts.keyring.Lookup(ctx, keyring.Deployment, "page_tokens", "2")
	if err != nil {
		return nil, err
	}
	return wire.NewPageTokens(slices.Concat(first, second))
}
