// Package exchange is one HTTP exchange with a service that sends messages: what all gateways have to do in the same way.
//
// Caller.Do makes one request and reads the answer. What it returns:
//
//	nothing was written              an error that is retryable (provider.Temporary)
//	written, no answer               an error that wraps provider.ErrAmbiguous
//	2xx, body too long or cut off    the same: the message may have been sent
//	other status, the same           an Answer with Broken set and no Body
//	anything else                    an Answer; a redirect is one, with its 3xx status
//
// Caller.Refused makes the error of an answer that is no success, with the vendor's own code and sentence.
//
// Invariants: one request for each Do, and no redirect is followed, whatever the client was told; no error holds a URL, the
// destination, the text or the code of the message, or one of Caller.Hide.
package exchange
