// Package account is how kinds of accounts with SMS services describe themselves: what an account of a kind needs (Spec, Field), what one is
// (Account) and how a provider is made of it. Each package under internal/gateway that sends has a Spec function; package gateway
// lists them.
//
// Invariants: a Spec is a constant; New has no side effects but those that its provider has later; secrets are in Account.Secrets alone.
package account
