package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// archRefused are calls that this architecture has besides: none.
func archRefused() []uint32 { return nil }
