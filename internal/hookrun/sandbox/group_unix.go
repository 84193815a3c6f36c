//go:build unix

package sandbox

import (
	"os"
	"runtime"
	"syscall"
)

// killGroup ends all processes of the group that pid leads.
func killGroup(pid int) {
	syscall.Kill(-pid, syscall.SIGKILL)
}

// maxRSS is the peak in bytes; getrusage(2) counts kibibytes but on Darwin bytes.
func maxRSS(state *os.ProcessState) int64 {
	ru, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(ru.Maxrss)
	}
	return int64(ru.Maxrss) << 10
}
