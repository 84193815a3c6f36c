// Package policy reads and judges policy documents of AWS (IAM JSON policy elements reference), as far as the resource
// policies of keys and functions need them.
//
// What it knows: Version, Id, Statement with Sid, Effect, Principal (AWS, Service, *), Action or NotAction, Resource, and
// Condition with the operators for strings, ARNs, Bool and Null. All else (NotPrincipal, NotResource, Federated, numbers,
// dates, addresses, sets, policy variables) is refused by name: an element that is read over could turn a refusal into a
// permission.
//
// Invariants:
//   - an explicit Deny wins over every Allow, and what no statement speaks of is None;
//   - a document that names a key of an object twice is refused, since readers differ in which of the two counts;
//   - Parse(p.Marshal()) is p again.
package policy
