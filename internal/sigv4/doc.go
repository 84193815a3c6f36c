// Package sigv4 verifies AWS Signature Version 4 on the server's side, in its header form and its presigned (query)
// form, as the AWS documentation "AWS Signature Version 4 for API requests" describes it.
//
// Invariants:
//   - A signature counts only if Host, X-Amz-Date and every other X-Amz- header of the request are among what is signed
//     (X-Amz-Security-Token and X-Amz-User-Agent excepted): the operation cannot be swapped.
//   - The body is always covered. UNSIGNED-PAYLOAD and streaming payloads are refused.
//   - What is parsed is bounded before it is parsed; nothing is looked up or computed for a malformed request.
//   - Signatures are compared in constant time. Secrets and signatures appear in no error.
//
// Errors are *fault.Error with Unauthenticated (nothing to verify), AccessKeyUnknown (from Lookup) or SignatureWrong
// (everything else; Public says what).
package sigv4
