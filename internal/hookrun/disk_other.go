//go:build !linux

package hookrun

func hiddenBytes(int, string) int64 { return 0 }
