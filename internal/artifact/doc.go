// Package artifact keeps packages of code in the store and opens them again: those of functions, hooks, actions and rules alike.
//
// A package is named by its SHA-256 and kept once. It is written in chunks, each in a transaction of its own with a pause after it, so that a
// large one does not hold up the commits beside it, and read in chunks as it is needed. Who keeps one names it in a row soon after: what no row
// names is swept within the hour.
package artifact
