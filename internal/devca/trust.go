package devca

import "fmt"

// Step is one way to trust the authority on a machine.
type Step struct {
	// What is trusted afterwards, for people.
	What string
	// Command is a shell command to paste.
	Command string
	// Args is the same for running directly, several commands in order; nil if it can only be pasted.
	Args [][]string
	// Root says that the commands need administrator's rights.
	Root bool
}

// TrustSteps returns the ways to trust the certificate at path on a system (runtime.GOOS), the system's own store first.
func TrustSteps(goos, path, fingerprint string) []Step {
	env := Step{What: "Node.js, in the shell that runs your app", Command: fmt.Sprintf("export NODE_EXTRA_CA_CERTS=%q", path)}
	aws := Step{What: "AWS CLI and Python", Command: fmt.Sprintf("export AWS_CA_BUNDLE=%q", path)}
	switch goos {
	case "darwin":
		return []Step{{
			What: "this Mac's system store (Safari, Chrome, curl)", Root: true,
			Command: fmt.Sprintf("sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain %q", path),
			Args:    [][]string{{"security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", "/Library/Keychains/System.keychain", path}},
		}, env, aws}
	case "windows":
		return []Step{{
			What: "this user's store (Edge, Chrome)", Command: fmt.Sprintf("certutil -user -addstore Root %q", path),
			Args: [][]string{{"certutil", "-user", "-addstore", "Root", path}},
		}, {What: env.What, Command: fmt.Sprintf("set NODE_EXTRA_CA_CERTS=%s", path)}}
	}
	target := "/usr/local/share/ca-certificates/countersign-" + fingerprint + ".crt"
	return []Step{{
		What: "this machine's system store (curl, Go, Python)", Root: true,
		Command: fmt.Sprintf("sudo install -m 0644 %q %s && sudo update-ca-certificates", path, target),
		Args:    [][]string{{"install", "-m", "0644", path, target}, {"update-ca-certificates"}},
	}, {
		What:    "Chrome, Chromium and Edge (package libnss3-tools)",
		Command: fmt.Sprintf(`mkdir -p "$HOME/.pki/nssdb" && certutil -d sql:"$HOME/.pki/nssdb" -A -t C,, -n countersign-%s -i %q`, fingerprint, path),
	}, {
		What: "Firefox", Command: "open about:preferences#privacy, View Certificates, Import, and choose " + path,
	}, env, aws}
}
