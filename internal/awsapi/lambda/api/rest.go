package api

import "countersign/internal/awsapi/wire"

// Place is where a member of an input or output lives outside the body's JSON object.
type Place int

const (
	// InURI is a label of the path: {Name} in Route.URI.
	InURI Place = iota + 1
	// InQuery is a query parameter; a list is the repeated parameter.
	InQuery
	// InHeader is a header.
	InHeader
	// InPayload is the whole body, as it is, in place of the JSON object.
	InPayload
	// InStatus is the HTTP status of an answer.
	InStatus
)

// Field places one member.
type Field struct {
	// Member is the field of the structure. Its type is *string, *bool or *int64, []string in queries, []byte for payloads.
	Member string
	In     Place
	// Name is the label, parameter or header; empty for payload and status.
	Name string
}

// Route is what the API model says about one operation.
type Route struct {
	wire.Meta
	// Method and URI are the request's. URI is a path with labels in braces, each one segment of the path, percent-encoded
	// ("/2015-03-31/functions/{FunctionName}").
	Method, URI string
	// Status is the HTTP status of success, unless a member of the output says otherwise.
	Status int
	// Input and Output place the members that are not in the body's object. Members without a place are in the body.
	Input, Output []Field
}

// Def ties a route to the types of its input and output.
type Def[In, Out any] struct{ Route }
