//go:build !unix

package sandbox

import (
	"os"
	"syscall"
)

func killGroup(int) {}

func maxRSS(*os.ProcessState) int64 { return 0 }

func plainAttr() *syscall.SysProcAttr { return nil }
