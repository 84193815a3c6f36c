// Package smpp sends texts to a message centre over SMPP 3.4 ("Short Message Peer to Peer Protocol Specification v3.4", whose sections are
// named in brackets), and hears what became of them and what people write back.
//
// From the bottom up: PDU, Decode and ReadFrame are the codec; Texts turns a text into the parts that a centre takes, DecodeText and Assembler turn
// parts back; session is one bound connection; keeper holds a session and makes it anew; Provider is the account.
//
//	nothing ── first Send, Run or Check ──▶ connecting ── bound ──▶ up ── lost ──▶ pause (1 s to 60 s, jittered) ──▶ connecting
//	                                             └── refused ──▶ pause; sends meanwhile get the refusal at once
//
//	a submit:  queued ── taken by the writer ──▶ written ── answer ──▶ accepted or refused
//	              └── deadline, lost: Temporary        └── response timer, deadline, lost: ErrAmbiguous
//
// Invariants:
//   - what is not accepted by a submit_sm_resp with status 0 was not sent; what was handed to the connection without an answer is ambiguous;
//   - no more submits than the window are unanswered, whether or not somebody still waits for them;
//   - the reader never waits for the writer: answers go through a bounded queue, and a peer that does not read them is dropped;
//   - every length, list and queue is bounded; a PDU that cannot be read ends the connection only if the next one cannot be found;
//   - password, texts and numbers are in no error and no log.
package smpp
