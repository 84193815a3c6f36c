// Package hookrun executes user code: it implements runner.Runner with one process per worker, which speaks the Lambda Runtime API
// (2018-06-01) with this server. Node functions run under a bootstrap of ours, programs for provided.* run as they are. Hooks, actions and rules
// (runner.Script) run under node/script, which takes several calls at once and answers what package script reads.
//
// A worker's states:
//
//	starting ── first "next" ──► ready ──► at work ──► ready …            one listener per worker tells who calls
//	    │                          │          │
//	    └── init error, timeout ───┴──────────┴──► ended: idle, recycled, forgotten, timed out, crashed, too much output
//
// Package sandbox starts and shuts in the process; here is what the server does for it: the packages on disk (cache), the Runtime API (api),
// who gets a worker (pool), its output (output), and its network (dns, network, local): in the worker's network namespace every
// connection is answered by this process, which looks the name up in its policy and connects, or answers itself. Where there are no namespaces,
// node/preload.cjs brings Node's connections here (tunnel); programs connect directly.
//
// Jobs (job*.go) are programs that run once in the same isolation, each in a folder of its own and with its own list of hosts: what builds packages.
//
// Invariants:
//   - A worker serves one Code.ID and is never reused after a timeout, an overflow or a crash.
//   - A call is handed to code once. A call that no worker took is given to another one.
//   - Memory of all workers together stays within Options.MemoryMB; idle workers of other code make room.
//   - Nothing of the server's environment reaches a worker.
//   - Names resolve inside a worker (below Full: in Node) to addresses that mean nothing elsewhere; the real resolution happens here, at
//     connection, under the rules of package egress.
package hookrun
