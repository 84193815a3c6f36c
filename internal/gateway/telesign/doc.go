// Package telesign sends texts (/v1/messaging) and calls (/v1/voice) by TeleSign, with HTTP Basic over TLS.
//
// # Success
//
// 200 with a reference_id and a status.code of success: 290, 291, 292, 203 or 200 for texts; 100, 103 or 105 for calls. Everything else is judged
// by the code (codes.go), else by the HTTP status.
//
// # Receipts
//
// They go to the URL of each message, which must be https on port 443, and are signed: HMAC-SHA256 of the body by the API key. They bear
// neither time nor nonce, so a repeated one says again what it said before. Poll asks for the same, up to twelve hours after the send.
//
// # Units
//
// TeleSign knows no validity period: a text that it holds back arrives after the code has died. It says neither price nor segments.
package telesign
