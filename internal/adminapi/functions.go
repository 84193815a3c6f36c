package adminapi

import (
	"context"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/function"
)

// Functions is what the API shows of user code (*function.Service).
type Functions interface {
	List(ctx context.Context, region, after string, limit int) ([]*function.Info, error)
	Logs(ctx context.Context, ref function.Ref) ([]function.LogEntry, error)
}

// Function is a function; its code and environment are shown by the Lambda API alone.
type Function struct {
	Name       string    `json:"name"`
	ARN        string    `json:"arn"`
	Runtime    string    `json:"runtime"`
	Handler    string    `json:"handler"`
	MemoryMB   int       `json:"memory_mb"`
	Timeout    int       `json:"timeout_seconds"`
	CodeSize   int64     `json:"code_size" doc:"In bytes."`
	CodeSHA256 string    `json:"code_sha256"`
	ModifiedAt time.Time `json:"modified_at"`
}

// FunctionCall is one remembered call, of this node.
type FunctionCall struct {
	At         time.Time `json:"at"`
	RequestID  string    `json:"request_id"`
	Version    string    `json:"version"`
	Mode       string    `json:"mode" enum:"request,event,trigger"`
	Outcome    string    `json:"outcome"`
	ErrorType  string    `json:"error_type,omitempty"`
	Error      string    `json:"error,omitempty"`
	DurationMS float64   `json:"duration_ms"`
	InitMS     float64   `json:"init_ms,omitempty" doc:"Time to start the worker, if this call had to."`
	MemoryMB   int       `json:"memory_mb,omitempty"`
	Log        string    `json:"log" doc:"The end of what the function wrote; digits that could be a number or code are masked."`
}

// Isolation says how well functions are shut in on this node.
type Isolation struct {
	Level   string   `json:"level" enum:"full,strong,weak,none"`
	Missing []string `json:"missing"`
	Node    string   `json:"node" doc:"Version of Node.js, empty if there is none."`
	Notes   []string `json:"notes"`
}

type functionsInput struct {
	Region string `query:"region" maxLength:"64" doc:"The region that the functions were created in. Required."`
	ListQuery
	After string `query:"after" maxLength:"1024" deprecated:"true" doc:"The older name of cursor."`
}

type functionsOutput struct {
	Body struct {
		Functions []Function `json:"functions"`
		Next      string     `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
	}
}

type functionInput struct {
	Region    string `query:"region" maxLength:"64" doc:"Required."`
	Name      string `path:"name" maxLength:"64"`
	Qualifier string `query:"qualifier" maxLength:"128"`
	ListQuery
}

type functionCallsOutput struct {
	Body struct {
		Calls []FunctionCall `json:"calls" doc:"Oldest first."`
		Next  string         `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
	}
}

type isolationOutput struct{ Body Isolation }

func (s *server) registerFunctions() {
	if s.Functions == nil {
		return
	}
	register(s, "GET", "/functions", "functions.read", "List functions by name", nil, s.listFunctions)
	register(s, "GET", "/functions/{name}/calls", "functions.logs", "The last calls of a function on this node, with their logs", nil, s.functionCalls)
	register(s, "GET", "/isolation", "functions.read", "How well functions are shut in on this node", nil, s.isolation)
}

func (s *server) listFunctions(ctx context.Context, in *functionsInput) (*functionsOutput, error) {
	if in.Region == "" {
		return nil, noRegion()
	}
	p, err := functionList().understand(in.ListQuery, in.After, in.Region)
	if err != nil {
		return nil, err
	}
	out := &functionsOutput{}
	out.Body.Functions, out.Body.Next, err = p.read(func(_, after string, limit int) ([]Function, error) {
		rows, err := s.Functions.List(ctx, in.Region, after, limit)
		return views(rows, func(f *function.Info) Function {
			return Function{
				Name: f.Name, ARN: f.ARN, Runtime: f.Settings.Runtime, Handler: f.Settings.Handler, MemoryMB: f.Settings.MemoryMB,
				Timeout: f.Settings.TimeoutSeconds, CodeSize: f.CodeSize, CodeSHA256: f.CodeSHA256, ModifiedAt: f.ModifiedAt,
			}
		}), err
	})
	return out, err
}

func functionList() listing[Function] {
	return listing[Function]{name: "functions", natural: []string{"name"}, limit: 50, key: func(f Function) string { return f.Name }, fields: []field[Function]{
		textBy("name", func(f Function) string { return f.Name }), textBy("runtime", func(f Function) string { return f.Runtime }),
		textBy("handler", func(f Function) string { return f.Handler }), timeBy("modified_at", func(f Function) time.Time { return f.ModifiedAt }),
		numberBy("memory_mb", func(f Function) float64 { return float64(f.MemoryMB) }), numberBy("code_size", func(f Function) float64 { return float64(f.CodeSize) }),
	}}
}

// callList: two calls of one instant differ in their request.
func callList() listing[FunctionCall] {
	return listing[FunctionCall]{
		name: "function-calls", limit: 1000, key: func(c FunctionCall) string { return c.At.UTC().Format(orderedTime) + c.RequestID + c.Outcome },
		fields: []field[FunctionCall]{
			timeBy("at", func(c FunctionCall) time.Time { return c.At }), textBy("request_id", func(c FunctionCall) string { return c.RequestID }),
			textBy("version", func(c FunctionCall) string { return c.Version }), textBy("mode", func(c FunctionCall) string { return c.Mode }),
			textBy("outcome", func(c FunctionCall) string { return c.Outcome }), textBy("error_type", func(c FunctionCall) string { return c.ErrorType }),
			numberBy("duration_ms", func(c FunctionCall) float64 { return c.DurationMS }),
		},
	}
}

func (s *server) functionCalls(ctx context.Context, in *functionInput) (*functionCallsOutput, error) {
	if in.Region == "" {
		return nil, noRegion()
	}
	p, err := callList().understand(in.ListQuery, "", in.Region, in.Name, in.Qualifier)
	if err != nil {
		return nil, err
	}
	list, err := s.Functions.Logs(ctx, function.Ref{Region: in.Region, Name: in.Name, Qualifier: in.Qualifier})
	if err != nil {
		return nil, err
	}
	if caller := access.From(ctx); s.Log != nil && len(list) > 0 {
		s.Log.InfoContext(ctx, "the log of a function was read", "function", in.Name, "by", caller.ID)
	}
	out := &functionCallsOutput{}
	out.Body.Calls, out.Body.Next = p.page(views(list, func(e function.LogEntry) FunctionCall {
		return FunctionCall{
			At: e.At.UTC(), RequestID: e.RequestID, Version: e.Version, Mode: string(e.Mode), Outcome: e.Outcome, ErrorType: e.ErrorType, Error: e.ErrorMessage,
			DurationMS: milliseconds(e.Duration), InitMS: milliseconds(e.Init), MemoryMB: e.MemoryMB, Log: e.Text,
		}
	}))
	return out, nil
}

func (s *server) isolation(ctx context.Context, _ *struct{}) (*isolationOutput, error) {
	return &isolationOutput{s.Isolation(ctx)}, nil
}

// noRegion is said after the caller's grant was looked at, which a required parameter would not wait for.
func noRegion() error {
	return fault.Invalidf("region", "region: name the region that the functions were created in.")
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
