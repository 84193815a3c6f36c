// Package api holds the types of the SNS API for texts to phones (AWS Query protocol, 2010-03-31): a structure for each input and output, the values of
// the enumerations, validation, and a definition (Op...) of each served operation for package query. The table of operations names those that are not
// served, too: all that concern topics.
//
// All but this file is generated. Every member is nil when absent, so that an absent member differs from false, 0 and "": scalars and structures are
// pointers, lists and maps are nil (and an empty, non-nil list is written as an empty element).
//
//	go generate ./internal/awsapi/sns/api
package api

//go:generate go run countersign/internal/awsapi/gen -service sns
