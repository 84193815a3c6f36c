// Package smsaccount is the SMS account that Amazon SNS and End User Messaging know: its settings, its spend limits, its opt-out lists, and the texts
// and calls that are sent through it.
//
// There is one account for the deployment, whatever region a caller names. Its messages, opt-outs and spend are those of the account pool: the one that
// the settings name, else the only pool there is. Sandbox, destination numbers and origination identities are packages of their own (sandbox,
// origination); this package asks them before each send.
//
// What Send looks at, in this order, and the fault that it answers with:
//
//	form and length of the text, sender, type, ceiling   invalid_parameter
//	the sandbox                                          destination_not_verified
//	the origination identity of the country              origination_refused (wraps *origination.Blocker)
//	opt-outs                                             opted_out
//	the message's own ceiling                            price_too_high
//	the spend limit of the month                         spend_limit_reached
//
// Opt-out lists: Default is the pool's opt-outs for all senders and for each of its origination identities (package optout); a list of another name is a
// sender of that name there. A number may be opted in through this API once in thirty days.
//
// Invariants:
//   - a change of settings and its event (cs_sms_account_changed) are one commit; a change that somebody else made meanwhile is never overwritten;
//   - opt-outs are kept as keyed hashes. A number that was opted out through this API is kept sealed besides, so that lists can name it; it goes with
//     its opt-out. Of the others, lists name what is known elsewhere (a user's number, a destination number), and show the rest by their masks;
//   - what this node changed it knows at once, what another node changed after two seconds at most.
package smsaccount
