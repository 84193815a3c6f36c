package adminapi

import (
	"context"
	"net/http"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/function"
)

// oneFunction is all functions of a region.
type oneFunction struct{}

func (oneFunction) List(_ context.Context, region, after string, _ int) ([]*function.Info, error) {
	if region != "us-local-1" || after >= "sms" {
		return nil, nil
	}
	return []*function.Info{{Name: "sms", ARN: "arn:aws:lambda:us-local-1:000000000000:function:sms", CodeSize: 9,
		Settings: function.Settings{Runtime: "nodejs20.x", Handler: "index.handler", MemoryMB: 128, TimeoutSeconds: 3}}}, nil
}

func (oneFunction) Logs(_ context.Context, ref function.Ref) ([]function.LogEntry, error) {
	if ref.Name != "sms" {
		return nil, fault.New(fault.ResourceNotFound)
	}
	return []function.LogEntry{{RequestID: "r", Mode: function.Trigger, Outcome: "thrown", ErrorType: "Error", ErrorMessage: "no route",
		Duration: 12500 * time.Microsecond, Text: "what it wrote"}}, nil
}

func TestFunctions(t *testing.T) {
	x := start(t)
	var list struct {
		Functions []Function
		Next      string
	}
	x.do("owner", "GET", "/functions?region=us-local-1&limit=1", "", &list)
	if len(list.Functions) != 1 || list.Functions[0].Name != "sms" || list.Functions[0].Timeout != 3 || list.Next == "" {
		t.Errorf("functions %+v", list)
	}
	for _, after := range []string{"cursor=" + list.Next, "after=" + list.Next, "after=sms"} {
		x.do("owner", "GET", "/functions?region=us-local-1&limit=1&"+after, "", &list)
		if len(list.Functions) != 0 {
			t.Errorf("%s: after the last one: %+v", after, list)
		}
	}
	var calls struct{ Calls []FunctionCall }
	x.do("owner", "GET", "/functions/sms/calls?region=us-local-1", "", &calls)
	if len(calls.Calls) != 1 || calls.Calls[0].Outcome != "thrown" || calls.Calls[0].DurationMS != 12.5 || calls.Calls[0].Log != "what it wrote" {
		t.Errorf("calls %+v", calls)
	}
	if w := x.do("owner", "GET", "/functions/other/calls?region=us-local-1", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("an unknown function: %d", w.Code)
	}
	if w := x.do("owner", "GET", "/functions", "", nil); w.Code/100 != 4 {
		t.Errorf("no region: %d", w.Code)
	}
	if w := x.do("auditor", "GET", "/functions/sms/calls?region=us-local-1", "", nil); w.Code != http.StatusForbidden {
		t.Errorf("without the grant: %d", w.Code)
	}
	var i Isolation
	x.do("owner", "GET", "/isolation", "", &i)
	if i.Level != "full" || i.Node != "20.1.0" {
		t.Errorf("isolation %+v", i)
	}
}
