// Package devca is the local certificate authority of dev mode: Amplify and the Auth0 clients insist on https, and no
// public authority signs localhost.
//
// The authority's certificate (ca.pem) and key (ca-key.pem, mode 0600) live in the data folder and are made once; the
// server's certificate is made at each start, in memory, for as long as the names are known.
//
// Invariants:
//   - the authority can sign only for names that no public site has (critical name constraints, RFC 5280, section
//     4.2.1.10): a stolen ca-key.pem is no use against anything but development machines;
//   - a key file that others can read is replaced together with its certificate, never used.
package devca
