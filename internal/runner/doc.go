// Package runner is the contract between functions (package function, later hooks and actions) and what executes them (package
// hookrun): code in, one call at a time, an answer out. It knows no Lambda API, no HTTP and no processes.
//
// A call has these ends:
//
//	Result without Error    the code answered
//	Result with Error       the code threw, or its worker broke after the call had begun: see Error.Begun
//	error                   the call never reached the code: ErrBusy, ErrUnavailable, the context's error
//
// Invariants that an implementation keeps:
//   - workers are shared by calls of equal Code.ID alone: no two functions, tenants or versions meet in one process;
//   - a worker sees Code.Env and nothing of the server's environment, files, network or other workers;
//   - a call ends at its deadline, whatever the code does, and a worker that missed one is never used again;
//   - everything is bounded: workers, memory, waiting calls, payloads, answers, output;
//   - a call is given to the code once. Whoever retries decides by Error.Begun.
package runner
