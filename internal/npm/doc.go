// Package npm implements module.Builder: it turns a script and the npm modules that it needs into one package that every node runs as it is.
// All of it happens when a script is deployed or tried out; nothing here is needed to run one.
//
// A build goes through these steps, and any of them may end it with a sentence that says what to change:
//
//	script ─► parse ─► specifiers ─► plan ─► resolve ─► check the lock ─► ages ─► install ─► bundle ─► zip
//	          (esbuild)              (names)  (npm)      (here)           (registry) (npm)    (esbuild)
//
// npm and the bundler run as jobs of package hookrun: at the isolation of user code, in a folder of their own, with settings of ours, and with the
// registry as the only host that they can connect to. npm runs inside Node, without child processes: no script of a module is ever run, and no git.
//
// Invariants:
//   - The script is in the package byte for byte.
//   - Nothing is fetched of which the lock does not say: from the configured registry, by https, with a SHA-512.
//   - Versions that a lock names stay while they satisfy what is asked for.
//   - Equal scripts with equal locks give equal bytes.
//   - What the server reads of a job's folder are regular files below it: links are refused, not followed.
//   - One npm at a time; those that wait are bounded.
package npm
