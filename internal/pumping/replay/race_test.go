//go:build race

package replay

// some: the race detector makes replaying ten times slower, and a replay is one goroutine. The shortest recordings are enough for it.
const some = "*-small"
