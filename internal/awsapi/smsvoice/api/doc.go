// Package api holds the types of the End User Messaging SMS API (PinpointSMSVoiceV2, awsJson1_0, 2022-03-31): a structure for each input and output, the
// values of the enumerations, validation, and a definition (Op...) of each served operation for package wire. The table of operations names those that
// are not served, too.
//
// All but this file is generated. Every member is nil when absent, so that an absent member differs from false, 0 and "": scalars and structures are
// pointers, lists and maps are nil (and an empty, non-nil list is written as []).
//
//	go generate ./internal/awsapi/smsvoice/api
package api

//go:generate go run countersign/internal/awsapi/gen -service sms-voice
