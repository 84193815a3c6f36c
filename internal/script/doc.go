// Package script runs user code in Auth0's forms: the hook send-phone-message, the actions send-phone-message, custom-phone-provider and post-login,
// and rules. It makes a contract's input from facts, has a runner.Runner call the code, and reads what came of it. It keeps nothing.
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
