// Package mitto sends texts by Mitto's SMS API (POST /sms), one to a request.
//
// A text was accepted only if the status is 200, the body is JSON, its responseCode is there and 0, and it has an id: Mitto answers 200 to what it
// refuses, too. Everything else is classed by responseCode (codes.go), else by HTTP status.
//
// Units: validity is in minutes, rounded up. Numbers go without a plus. The alphabet is left to Mitto ("auto"); its own default would lose what
// GSM 03.38 does not hold. Senders are a name of 3 to 11 characters or a number of 3 to 14 digits.
//
// Receipts come to the URL of each request, unsigned, by GET or POST, and their form is not published: names are taken in any case from query, form and
// JSON (callback.go). There is nothing to poll. Mitto is told of codes that were typed in (POST /sms/converted).
//
// Mitto takes requests from addresses that it was told of alone: a refused address looks like wrong credentials.
package mitto
