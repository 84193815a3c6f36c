// Package guides holds phone senders ready to use: for each of the providers that Auth0 wrote a guide for, the code of a hook, of an action
// send-phone-message and of an action custom-phone-provider, with the secrets that it asks for.
//
// They are our own, made from what the providers' APIs say. They need no modules, send texts and calls where the provider does both, count
// as success nothing but the provider's own success, and name what is missing.
//
// A guide is one function, send(message, secrets), in js/; the form of the contract stands before it, what all share behind it. The
// result is one file that stands by itself, for people to copy and change.
package guides
