// Package infobip sends texts (SMS API v3) and calls (Voice message API, /tts/3) by Infobip.
//
// # Success
//
// 200 with one message whose status is of group 0 (accepted), 1 (pending) or 3 (delivered), with an id. Group 5 (rejected) comes with a 200
// too and is a failure, as is any other group. Status 23 (duplicate message id) is a success: Message.Reference is the message's id at
// Infobip, so an earlier attempt of ours was taken, and Infobip sent one text. Everything else is judged by the status or error code
// (codes.go), else by the HTTP status. Both shapes of errors are read.
//
// # Receipts
//
// They go to the URL of each message; Infobip authenticates them only through its Subscriptions management: by HTTP Basic or by an HMAC of
// the body, whose header is a setting here, since Infobip does not name it. Without either they are evidence alone (Signed), and Poll
// (/sms/3/logs and /tts/3/logs, for 48 hours) confirms them.
//
// # Units
//
// The validity period is in whole seconds. Prices are in the currency that comes with them.
package infobip
