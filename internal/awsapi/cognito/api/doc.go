// Package api holds the types of the Cognito user pools API: a structure for each input and output, the values of the
// enumerations, validation, and a definition (Op...) of each operation for package wire.
//
// All but this file is generated. Every member is nil when absent, so that an absent member differs from false, 0 and
// "": scalars and structures are pointers, lists and maps are nil (and an empty, non-nil list is written as []).
//
//	go generate ./internal/awsapi/cognito/api
package api

//go:generate go run countersign/internal/awsapi/gen -service cognito-idp
