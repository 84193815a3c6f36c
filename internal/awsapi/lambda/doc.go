// Package lambda is the part of the AWS Lambda API (rest-json, 2015-03-31) that functions need, over package function: each
// operation translates a request to the domain and the answer back.
//
// A request goes route → origin rule → claim of a signature → body → signature and grant → decoding → validation → operation. The
// claim is checked before the body is read, since a body may be 70 MB; few such bodies are at work at once.
//
// Invariants:
//   - an operation runs only for a caller whose signature was verified over the whole body and whose grants cover it, and never for a
//     page of another origin;
//   - an operation sees only inputs that passed the model's validation;
//   - a member of the API that would change how a function runs and that is not served is refused by name, never ignored;
//   - the environment is shown only to callers who may read secrets (access.ReadSecret);
//   - the one unsigned answer is a package, for whoever has its URL: the URL is sealed, names one package and lives ten minutes;
//   - what is no *fault.Error is ServiceException without detail; the cause goes to the log.
package lambda
