package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/hooktry"
	"countersign/internal/module"
	"countersign/internal/script"
	"countersign/internal/simulator"
)

// hookView is the result of hook run, for people and as JSON.
type hookView struct {
	Success  bool             `json:"success"`
	Kind     script.Kind      `json:"kind"`
	Envelope json.RawMessage  `json:"envelope,omitempty"`
	Data     json.RawMessage  `json:"data,omitempty"`
	Error    *hookError       `json:"error,omitempty"`
	Commands []script.Command `json:"commands,omitempty"`
	// NotSent is drop or retry if the code said so.
	NotSent   string              `json:"not_sent,omitempty"`
	Console   string              `json:"console"`
	Requests  []hookRequest       `json:"requests"`
	Messages  []simulator.Message `json:"messages"`
	Warnings  []module.Warning    `json:"warnings"`
	Modules   []module.Module     `json:"modules"`
	Isolation string              `json:"isolation"`
	Simulated bool                `json:"simulated"`
	// BuildMS, StartMS and DurationMS are milliseconds.
	BuildMS    float64 `json:"build_ms"`
	StartMS    float64 `json:"start_ms"`
	DurationMS float64 `json:"duration_ms"`

	file string
}

type hookError struct {
	Failure script.Failure `json:"failure"`
	Name    string         `json:"name,omitempty"`
	Message string         `json:"message"`
	Code    string         `json:"code,omitempty"`
	Status  int            `json:"status,omitempty"`
	Stack   string         `json:"stack,omitempty"`
}

type hookRequest struct {
	script.Request
	DurationMS float64 `json:"duration_ms"`
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func viewOf(c *hookRunCmd, r *hooktry.Result) *hookView {
	o := r.Outcome
	v := &hookView{
		Success: o.Error == nil, Envelope: o.Envelope, Data: o.Data, Commands: o.Commands, Console: o.Console, Messages: r.Messages,
		Warnings: r.Build.Warnings, Modules: r.Build.Modules, Isolation: string(r.Isolation), Simulated: r.Simulated,
		BuildMS: millis(r.BuildTime), StartMS: millis(o.Init), DurationMS: millis(o.Duration), Requests: []hookRequest{}, file: c.File, Kind: r.Kind,
	}
	if e := o.Error; e != nil {
		v.Error = &hookError{e.Failure, e.Name, e.Message, e.Code, e.Status, e.Stack}
	}
	for _, c := range o.Commands { // the last call counts
		if name, ok := strings.CutPrefix(c.Name, "notification."); ok && v.Error == nil {
			v.Success, v.NotSent = false, name
		}
	}
	for _, q := range o.Requests {
		v.Requests = append(v.Requests, hookRequest{q, millis(q.Duration)})
	}
	for _, w := range o.Warnings {
		v.Warnings = append(v.Warnings, module.Warning{Text: w})
	}
	return v
}

func (v *hookView) print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	switch {
	case v.Success:
		row("result", "success %s", string(v.Data))
	case v.Error == nil:
		row("result", "not sent: the code asked for %s", v.NotSent)
	default:
		row("result", "%s: %s", v.Error.Failure, printable(v.Error.Message))
		for _, line := range frames(v.Error.Stack) {
			row("", "%s", printable(line))
		}
	}
	for _, c := range v.Commands {
		args, _ := json.Marshal(c.Args)
		row("api", "%s %s", c.Name, printable(string(args)))
	}
	for _, w := range v.Warnings {
		where := ""
		if w.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d: ", v.file, w.Line, w.Column)
		}
		row("warning", "%s%s", where, printable(w.Text))
	}
	for _, q := range v.Requests {
		end := fmt.Sprint(q.Status)
		if q.Status == 0 {
			end = printable(q.Error)
		}
		row("request", "%s %s%s → %s in %.0f ms", q.Method, q.Host, printable(q.Path), end, q.DurationMS)
	}
	for _, m := range v.Messages {
		row(string(m.Channel), "to %s: %s", m.To, printable(m.Text))
	}
	if v.Console != "" {
		for line := range strings.SplitSeq(strings.TrimRight(v.Console, "\n"), "\n") {
			row("console", "%s", printable(line))
		}
	}
	how := "isolation " + v.Isolation
	if v.Simulated {
		how += ", providers simulated"
	}
	row("time", "%.0f ms, after %.0f ms to start and %.0f ms to build (%s)", v.DurationMS, v.StartMS, v.BuildMS, how)
	return t.Flush()
}

// maxFrames is how many lines of a stack are for people; --json has them all.
const maxFrames = 5

// frames are the first lines of a stack. The folder of the modules is no more than the run's own.
func frames(stack string) (out []string) {
	for line := range strings.SplitSeq(stack, "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "at ") {
			continue
		}
		if len(out) == maxFrames {
			return append(out, "…")
		}
		out = append(out, buildFolder.ReplaceAllString(line, ""))
	}
	return out
}

// buildFolder is where a build lies during a run.
var buildFolder = regexp.MustCompile(`/[^\s()]*/packages/[0-9a-f]{64}/`)
