// Package api holds the types of the Lambda API (rest-json, 2015-03-31): a structure for each input and output, the
// values of the enumerations, validation, and a definition (Op...) of each served operation with its route.
//
// All but this file and rest.go is generated. Every member is nil when absent, so that an absent member differs from
// false, 0 and "": scalars and structures are pointers, lists and maps are nil (and an empty, non-nil list is written as
// []). Members that live in the path, the query, a header or the status, or that are the whole body, are no members of the
// body's JSON object: their tag is "-", and the route's fields say where they are.
//
//	go generate ./internal/awsapi/lambda/api
package api

//go:generate go run countersign/internal/awsapi/gen -service lambda
