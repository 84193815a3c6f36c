// Package envelopego exchanges messages of the AWS Encryption SDK with Amazon's own library for Go, both ways. It is a module of its
// own because that library brings 19 modules and five minutes of compiling with it, and must never be linked into the server.
//
//	cd tests/envelope-go && go test ./...
//
// Not under the race detector: the library's Dafny runtime has a data race.
package envelopego
