// Package replay drives the detector of package pumping with a recording, on a clock of its own and a store in memory, and counts what an attacker got and
// which people were refused. The nodes of a deployment are so many detectors on one store.
package replay
