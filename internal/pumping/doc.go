// Package pumping finds SMS pumping: codes that somebody asks for because a network pays for each text, and that nobody types in.
//
// Each message with a code to an unconfirmed number counts by several keys: its range of ten thousand numbers (r), the caller's address in this country
// (a:hash:DE) and anywhere (a), its range of a million (w), the network around the address (n), its country (c), all countries of which nothing is known
// yet (c:*), and its app client (k, for reports alone). Counts are kept by the five minutes in which a message was asked for, within the last ten minutes
// by five seconds; they are added to the store every second and read back every two, so that all nodes judge the same numbers.
//
// For each key it reckons how much likelier an attack (four of a hundred codes typed in) explains what was seen than people do (the country's own
// conversion of the last week). A code that is typed in speaks for people, one that is not speaks for an attack the more the older it is: nothing after five
// seconds, nearly all after three minutes. People who ask again count once. Where an attack becomes 5000 times likelier (Settings.Odds), and the floors and
// ratios of Settings are passed, the key is blocked, narrow ones first; what led to it is then taken out of the wider keys around it.
//
//	open ── evidence ──► blocked ── no attempt for 12 h, typed in after all, or lifted by hand ──► open
//
// Evidence comes late: a thousand codes can be asked for before the first could be typed in. So the codes that wait to be typed in are bounded, to a
// few where nothing was typed in lately, and to as many more as were typed in within the hour.
//
// What protects people: ranges, addresses and networks are not blamed while the whole country's codes stay untyped, unless there is much more traffic
// than usual (an outage of a route is no attack); a country in which people have typed codes in is never blocked as a whole; whoever asks from an address
// whose people type codes in passes blocks of ranges, as long as that goes well; every block lets one message a day through; codes that are typed in
// late lift it.
//
// Invariants: nothing here holds a number or names a person (addresses are keyed hashes, numbers are remembered for a day as hashes that no other process
// could make, to know who asks again); Sent, Refused and Verified never wait for the store; memory is bounded (maxSeries, maxNumbers, maxPending);
// what a node did it knows at once, what others did after at most three seconds. docs/guards.md has the figures of the simulations.
package pumping

//go:generate go run ./trace/maketraces
