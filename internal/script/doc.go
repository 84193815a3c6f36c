// Package script runs user code in Auth0's forms: the hook send-phone-message, the actions send-phone-message, custom-phone-provider and post-login,
// and rules. It makes a contract's input from facts, has a runner.Runner call the code, and reads what came of it. It keeps nothing but what actions
// put into their caches.
//
// A call's ends:
//
//	asked ── begun ──► answered, refused, threw, rejected, timed out        the adapter's answer: Outcome with all that is known
//	  │        └─────► crashed, or never yielded                            the runner's error: Outcome with what was printed, Begun is true
//	  ├──────► unloadable, invalid, refused by the contract's checks        Outcome, Begun is false
//	  └──────► error: no worker, no place, the caller left
//
// Invariants:
//   - code is called once for a call, and every call ends, at its limit at the latest. A call that times out ends alone: the calls beside it in the
//     process go on, and the process takes no more.
//   - What comes from code's process is foreign: it is bounded, and in words cleaned of secrets, codes and numbers, before anybody sees it.
//   - Code runs with nothing but its input: no secret is in its environment, and scripts never share a process.
//   - A Hook's envelope is what Auth0's own compiler gives (package interop compares them), but where docs/hooks.md says otherwise.
//
// The shape of a package that can be run (module.Build.Artifact, a zip archive):
//
//	script.js        the code, byte for byte
//	modules.cjs      its modules: module.exports = {"name": () => require(…), …}; absent if there are none, or if node_modules is there
//	                 and each name leads to its folder
//	node_modules/    the modules as they are, where they cannot be bundled
//	script.json      {"file":"hook.js","modules":["aws-sdk", …]}
//
// The adapter that calls the code lives with the server (hookrun), not in the package: a newer server runs old packages.
package script
