//go:build !race

package replay

// some are the recordings that the aims are measured by: all.
const some = "*"
