// Package providertest is the suite that every provider.Provider over HTTP must pass, and a check of requests against the descriptions of
// their APIs that services publish.
//
// A gateway's test fills in a Suite: how the provider is made, what the service answers when all is well, and how it answers each failure,
// and calls Run. The suite plays the service by a scripted server and asserts what package provider promises:
//
//   - success only on the exact shape of success, an error for everything else (other statuses, HTML, empty, cut off, endless, redirects);
//   - the reason and class of each failure, with the service's code;
//   - ambiguous only if the request was written; never more than one request; the deadline is kept; nothing is sent after ExpiresAt;
//   - texts arrive as they are: origin-bound last lines, Android hashes, the extension characters of GSM 03.38, emoji;
//   - errors without numbers, texts, codes and credentials, even where the service repeats them.
//
// Conforms checks a recorded request against an OpenAPI description or an AWS model. These files are not part of this repository:
// COUNTERSIGN_REFERENCE names the folder that holds specs/sms and specs/aws (default: ../shared beside the repository).
package providertest
