// Command bench is the load command: it measures what an operation costs the real server, and how fast it answers.
//
//	go run ./tests/bench [--store sqlite,postgres] [--users 1000,100000] [--workload w1,w2,getuser] [--connections 1,16,64]
//
// The server runs as a process of its own (`countersign serve`, with the signed webhook as sender), and so do a bare
// net/http JSON echo under the same load and PostgreSQL. The cost of an operation is what the kernel accounted to those
// processes, user and system time, divided by the operations; what the load generator and the webhook's receiver use is not
// counted. Every cost is also given as a multiple of the echo's in the same run, which takes most of a machine's speed out
// of the figure. Rates and percentiles are rough on a shared machine: generator and receiver compete for the same cores.
//
// Databases are seeded through the store's own packages with one password hash, kept in a temporary folder by schema and
// number of users, and copied for each run, so that a run changes nothing that the next one begins with.
//
// Workloads with functions run user code as pools' triggers do, shut in as --isolation says; what their workers take is counted apart. A
// sender function notes what it was given in its temporary folder, which is read from outside, with the time: it reaches no
// receiver on this machine.
//
// The workload delivery is what a message's way costs: W1 with the webhook alone and with an account and a plan in front, receipts, and "handoff",
// which runs the outbox, a worker and a plan in a process of its own. There alone the moment of the commit is known, from which the hand-off to the
// provider's request is measured; p50 and p99 of handoff and of codes beside notices are that, and their costs are those of a message.
//
//	go run ./tests/bench compare --before COMMIT
//
// measures another commit and this tree in alternating rounds, each with the bench of its own, and prints what benchstat makes of it.
//
// Invariants:
//   - everything listens on, and talks to, the loopback alone;
//   - commits are durable: SQLite with synchronous=FULL as always, PostgreSQL with fsync on (anything else is refused);
//   - an answer other than the expected one is an error, errors are in the report, and more than a few fail the command;
//   - the command ends by itself: each measurement is bounded by --seconds, all of them by --limit.
//
// docs/performance.md has the figures and the aims.
package main
