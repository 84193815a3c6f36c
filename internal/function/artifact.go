package function

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"countersign/internal/fault"
	"countersign/internal/runner"
)

// storageHint is for those whose packages no longer fit.
const storageHint = "delete functions and versions that are not needed (their packages go within two hours), or raise functions.storage in the configuration"

// accept checks a package and returns its contents and hash. At most two are checked at once.
func (s *Service) accept(ctx context.Context, data []byte) (contents, string, error) {
	select {
	case s.checks <- struct{}{}:
		defer func() { <-s.checks }()
	case <-ctx.Done():
		return nil, "", &fault.Error{Code: fault.Overloaded, Err: ctx.Err()}
	}
	c, err := checkPackage(data)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(data)
	return c, hex.EncodeToString(sum[:]), nil
}

// Package opens a package by its hash (Info.Artifact). It is read from the store as it is needed. The error is
// fault.ResourceNotFound if it is not there.
func (s *Service) Package(ctx context.Context, hash string) (runner.Package, error) {
	return s.artifacts.Open(ctx, hash)
}
