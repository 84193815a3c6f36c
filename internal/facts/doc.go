// Package facts is what user code in Auth0's forms is told: the facts of a message or of a sign-in, in words of our own. Package script makes of
// them what each contract wants (a Hook's context, an Action's event); package pool states them.
//
// Facts travel sealed with a message in the outbox, so they hold what is needed and nothing else, and never the code or the text: those are in
// the message itself.
package facts
