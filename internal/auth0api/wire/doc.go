// Package wire holds what the endpoints of Auth0's dialect share: its error document, request bodies, paging, the choice of fields and a bounded
// rate limiter. It knows no endpoint and no domain.
//
// Invariants:
//   - every code of package fault has a row in the table of errors (a test walks them);
//   - a cause (fault.Error.Err) never reaches an answer;
//   - bodies, lists and tables are bounded.
package wire
