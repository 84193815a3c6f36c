// Package sandbox starts one foreign program shut in as well as the machine allows, and ends it for sure.
//
// New finds out, by really doing it once, which layers the machine has (Report). Start then runs a program in them. On Linux the server
// starts its own executable again (the launcher) in new namespaces; that child makes the sockets of its network and passes them
// back, gives up every right, and becomes the program:
//
//	parent                                   child (launcher, then the program)
//	clone, user and group ids mapped    →    loopback up, listeners made
//	                                    ←    listeners passed
//	cgroup, "go"                        →    user id, no-new-privs, Landlock, capabilities, limits, seccomp, execve
//	                                    ←    the control socket closes by itself at execve, or brings the error
//
// The levels are those of Level. On other systems than Linux there is None alone.
//
// Invariants:
//   - The program has no descriptor but stdin (empty) and Spec.Output, no environment but Spec.Env, no capability, and can gain none.
//   - It cannot outlive the server, nor can anything that it started (at None: anything that stayed in its process group).
//   - A layer that Report claims is really in force in every process started at that level: what cannot be had makes Start fail.
//   - Every Process ends by Wait; listeners, descriptors, goroutines and cgroups are given back before Wait returns. Folders are the caller's.
//   - The launcher must call Child first thing in main, before it reads anything. No secrets pass through arguments or the launcher's environment.
package sandbox
