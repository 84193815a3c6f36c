// Package gateway lists the kinds of accounts with services that send messages. Each kind is a package of its own below this one, which
// describes itself by an account.Spec and passes the suite of package providertest.
package gateway
