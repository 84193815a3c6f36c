// Command gofunction is a Lambda function in Go, as people write them: the tests run it unchanged.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do, URL string
}

func handle(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "error":
		return nil, errors.New("an error of mine")
	case "panic":
		panic("a panic of mine")
	case "exit":
		os.Exit(4)
	case "sleep":
		time.Sleep(time.Hour)
	case "context":
		c, _ := lambdacontext.FromContext(ctx)
		d, _ := ctx.Deadline()
		return []any{c.AwsRequestID != "", c.InvokedFunctionArn, lambdacontext.FunctionName, time.Until(d) > time.Second}, nil
	case "print":
		fmt.Println("printed")
		return "ok", nil
	case "get":
		return get(e.URL)
	case "env":
		return os.Environ(), nil
	case "large":
		return strings.Repeat("x", 7<<20), nil
	}
	return json.RawMessage(`{"echo":true}`), nil
}

func get(url string) (any, error) {
	res, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return fmt.Sprintf("%d %s", res.StatusCode, body), err
}

func main() { lambda.Start(handle) }
