// Package sts answers GetCallerIdentity of the Security Token Service: who am I. The AWS tools ask it before they do
// anything else.
//
// The protocol is AWS Query: a form in, XML out (STS API reference, version 2011-06-15). Nothing else of STS exists here.
// Asking needs a valid signature and no grant; pages of other origins are refused.
package sts
