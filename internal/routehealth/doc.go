// Package routehealth tells from typed codes whether texts arrive. A service that accepts every message and delivers none looks healthy by its
// answers alone; the people who no longer type their codes show it.
//
// For each account, country and learned network of a pool (and for the country as a whole: network "*") it counts what was tried, what was
// typed in and how long that took, by the span of five minutes in which the message was SENT. Counts are kept in memory, added to the store
// every two seconds and read back every ten, so that all nodes judge the same numbers.
//
// A send counts once it had time to be typed in: 2.3 times the mean time to verify (the 90th percentile if times are exponential), 30 seconds
// to 3 minutes. How many of an unfinished span are that old is known from what earlier readings held.
//
// What is compared: the present, over the last one or two spans (rule 5min) and over the last hour (rule 60min), with the baseline: the key's own
// last seven days without the last hour. A key whose baseline is too small takes that of its country and is judged more mildly; without one there
// is no judgement. judge.go holds the constants and their reasons.
//
//	healthy ── 5min, 60min, refused or late ──► degraded ── enough probes typed in again, or a day without an answer ──► healthy
//
// What was sent before an account was found well again is not held against it.
//
// A degraded account goes last in Rank; where it would have been first, one message in twenty still goes to it first, or it could never recover.
// Both changes are events with their evidence. The state is a versioned row of the store that is changed in one transaction with its event, so
// that one node tells of it, and all know. A network's change is told only while its country is not degraded as a whole.
//
// Measured by the simulations of sim_test.go (ratio 0.7, codes typed after 21 seconds on average, ten phases of the span each): a total drop at 50
// messages a minute is noticed after 1m40s to 4m30s, at five a minute after 5m30s to 13m; a halving at 50 a minute after 37 to 41 minutes, at ten
// after 43 to 50; refusals after 30 s to 3 min. After a total drop an account is well again some ten minutes after it works, at 60 messages a minute.
// Forty-two days of honest traffic of 50 keys (0.2 to 60 messages a minute, ratios 0.15 to 0.95, a tenth more or less by the hour of the day and a
// twentieth at random by the hour; 22 million messages) raised no alarm.
//
// What it cannot know: fewer codes are typed too when robots ask for them. Then every account of the country suffers alike and the order stays.
//
// Invariants: nothing here holds a number or names a person; Sent, Failed, Delivered, Undelivered, Verified and Rank never wait for the store; memory is
// bounded (maxKeys, maxPending); Rank changes nothing while no account is degraded, nor if all are. A nil *Monitor counts nothing and keeps every order.
package routehealth
