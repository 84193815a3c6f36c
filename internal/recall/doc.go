// Package recall remembers for some seconds what a loader said of a key: settings, registrations, policies, which each message needs and which change
// once a day.
//
// A key is unknown, being read, or known since a time; after Config.Fresh it is read anew when somebody asks. Invariants:
//
//   - What was read before Forget of a key is not returned to who asks after it, even if the reading was still under way. Whoever writes forgets after
//     the commit, even after one that failed, which may have been committed all the same; so what this node writes holds at once, and what another node
//     writes after Fresh at most.
//   - One goroutine at a time reads a key; others that ask wait for what it finds, each no longer than its own context lasts. If the one that reads gives
//     up, the next reads in its place: nobody gets the error of another's context.
//   - Errors are not remembered, and nothing old is returned instead of one: nobody knows what the settings would say.
//   - At most Config.Most keys are kept: keys that are too old go first.
//   - Who finds a fresh value takes no lock.
//
// Values are shared between callers: they must not be changed.
package recall
