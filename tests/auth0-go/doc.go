// Package auth0go drives the Management API with Auth0's own SDK for Go, against a running server whose address is in COUNTERSIGN_URL. It is a
// module of its own because that SDK must never be linked into the server. tests/interop (TestGoAuth0) starts a server and runs it:
//
//	countersign dev --ephemeral &
//	cd tests/auth0-go && COUNTERSIGN_URL=http://localhost:7446 go test ./...
package auth0go
