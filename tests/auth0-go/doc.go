// Package auth0go drives the Management and the Authentication API with Auth0's own SDK for Go, against a running server whose addresses are in
// COUNTERSIGN_URL and COUNTERSIGN_HTTPS_URL, and its authority in COUNTERSIGN_CA: the second API is called by https alone. It is a
// module of its own because that SDK must never be linked into the server. tests/interop (TestGoAuth0) starts a server and runs it:
//
//	countersign dev &
//	cd tests/auth0-go && COUNTERSIGN_URL=http://localhost:7446 COUNTERSIGN_HTTPS_URL=https://localhost:7447 \
//		COUNTERSIGN_CA=$PWD/../../.countersign/ca.pem go test ./...
package auth0go
