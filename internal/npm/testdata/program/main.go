// Command program is what the tests start: the launcher of sandboxes, and the bundler.
package main

import (
	"os"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/npm"
)

func main() {
	if sandbox.IsChild(os.Args) {
		sandbox.Child()
	}
	if npm.IsChild(os.Args) {
		npm.Child()
	}
}
