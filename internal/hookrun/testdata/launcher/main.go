// Command launcher shuts in the workers of the tests: the tests' own program cannot when it is built with the race detector.
package main

import (
	"os"

	"countersign/internal/hookrun/sandbox"
)

func main() {
	if sandbox.IsChild(os.Args) {
		sandbox.Child()
	}
}
