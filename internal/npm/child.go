package npm

import (
	"encoding/json"
	"os"
)

// childMark is the argument that makes the executable a bundler. Typed by hand it does nothing: Child wants an order in its folder.
const childMark = "--countersign-bundler-child"

const (
	orderFile  = "order.json"
	resultFile = "result.json"
)

// IsChild reports whether the arguments (os.Args) are those of a bundler; main then calls Child before anything else.
func IsChild(args []string) bool { return len(args) == 2 && args[1] == childMark }

// Child does what its working folder's order says, and ends the process.
func Child() {
	if err := obey(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

func obey() error {
	folder, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(orderFile)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	res := &result{}
	if o.Parse != "" {
		script, err := os.ReadFile(scriptFile)
		if err != nil {
			return err
		}
		res = parseScript(string(script), o)
	} else if res.Obstacle, err = bundle(folder, o.Bundle, false); err != nil {
		return err
	}
	text, err = json.Marshal(res)
	if err != nil {
		return err
	}
	return os.WriteFile(resultFile, text, 0o666)
}
