// Package function is functions as AWS Lambda has them: packages of code with a configuration, versions, aliases, resource
// policies and credentials, and calls to them. It decides; it speaks no HTTP, knows no SQL and starts no processes: a facade
// decodes the Lambda API, package store keeps the rows, a runner.Runner executes.
//
// What belongs to a function:
//
//	$LATEST     the code and configuration that updates change
//	1, 2, 3 …   published versions, which never change; numbers are never used again
//	alias       a name for a version, or for two of them by weight
//	policies    who may invoke it: one for the function, one for each version and alias. A qualified ARN is judged by the
//	            qualifier's policy alone, as on AWS; $LATEST has the function's.
//
// A call goes reference → target (function, alias, version; kept in memory) → reserved concurrency → runner → outcome.
// Outcomes are counted by Config.Observe and kept, with the end of their output, in a ring in memory (Logs); a failure is an
// event as well, with the function's own words sealed. Calls of a pool's triggers that succeed are no events, since the
// message's timeline has them; Event invocations are.
//
// Event invocations wait in a bounded queue in memory: they do not outlive the process. Close runs what waits; what cannot
// be run in time, and what waits for a retry, is dropped and is an event. As on Lambda a call that failed is repeated twice
// (after one and two minutes), and one that found no worker for up to six hours.
//
// Invariants:
//   - the environment is sealed in the row and open only in memory: it is in no Doc, event, error or kept log;
//   - a target is believed for two seconds at most, and not at all after a change on this node: permissions taken away,
//     deleted functions and their credentials are dead at once here and within two seconds on other nodes;
//   - runner.Code.ID is the function's id with the version and the revision of code and configuration, so that a function
//     made anew under an old name, and a changed one, never meet the workers of what was before;
//   - a package is checked whole before a byte of it is stored, without being unpacked to disk;
//   - a function that is not hosted here is called through Config.Remote or not at all.
package function
