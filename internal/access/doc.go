// Package access decides who may do what, for every wire: signed AWS calls, the management API, the admin API and the
// console ask the same Allow with the same grants.
//
// A Principal carries grants; a grant names a service, actions, and what they may be done to. Nothing is allowed that no
// grant allows, and there are no denials. Action names are those of the wire (AdminCreateUser, read:users, pools.read).
//
//	{"service": "cognito-idp", "actions": ["AdminGetUser", "List*"], "pools": ["eu-west-1_abc"]}
//
// Invariants:
//   - A grant limited to pools or keys does not cover calls that name none (CreateUserPool, ListKeys): these need "*".
//   - Reading is not decrypting. What shows codes, secrets or personal data in clear has an action of its own
//     (DecryptActions), and only the preset owner holds them beside what its purpose needs.
//   - Secrets of credentials are sealed at rest, shown once, and leave this package only through Lookup (a signature
//     cannot be verified otherwise). Management secrets are compared here, in constant time.
//   - A revoked credential is dead at once on the node that revoked it, and elsewhere within the cache's TTL (10 s).
package access
