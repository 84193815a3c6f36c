package sandbox

import "strings"

// AddrMark in a value of Spec.Env stands for Process.Addr, which only Start knows: "AWS_LAMBDA_RUNTIME_API=" + AddrMark.
const AddrMark = "{sandbox:addr}"

// withAddr is the environment with AddrMark replaced; it is never nil, so that exec.Cmd does not take the server's environment for it.
func withAddr(env []string, addr string) []string {
	out := make([]string, len(env))
	for i, v := range env {
		out[i] = strings.ReplaceAll(v, AddrMark, addr)
	}
	return out
}

// Plain returns a Launcher that needs no executable and starts plain processes, level None: for development where nothing else can be had.
func Plain() *Launcher {
	return &Launcher{report: Report{Level: None, Missing: []string{"isolation: switched off"}}}
}
