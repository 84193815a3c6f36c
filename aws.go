package countersign

import (
	"context"
	"fmt"
	"slices"

	"countersign/internal/awsapi/cognito"
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
