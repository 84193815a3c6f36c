// Package hook is user code in Auth0's forms: hooks, actions with their drafts, versions and bindings, rules and their configuration. It keeps
// and builds them, runs them on request, and makes of them what others call: a delivery.Sender of the code that sends a pool's texts, and the
// judge of its sign-ins. It decides; it speaks no HTTP, knows no SQL and starts no processes: a facade decodes the Management API, package
// store keeps the rows, a module.Builder installs modules, a script.Runner executes.
//
// A hook is saved in one step: its script is built first, and where that fails nothing changes and the built one goes on running. An action
// has a draft, which may be broken, and versions, which never change:
//
//	save ─► pending ─► built ─► deploy: version n, which runs where it is bound
//	           └─────► failed   (the errors say why; a deployed version goes on running)
//
// A build that takes longer than a moment goes on in the background. One that was cut off with its node is begun anew when somebody looks.
//
// Invariants:
//
//   - values of secrets are sealed in the row and open only in memory; nothing returns them;
//   - the code that sends a message is called once it is built, enabled (or deployed and bound), and once for a message: after it has begun, only
//     an action of custom-phone-provider is asked again, and only where it said so itself;
//   - what code says is cleaned of secrets, codes, numbers and addresses before it gets into an event or an error;
//   - a script is believed for two seconds at most, and not at all after a change on this node;
//   - code that keeps crashing is left alone for a while, so that a crash loop does not eat the machine;
//   - a rule or action that fails while it judges a sign-in refuses it.
package hook
