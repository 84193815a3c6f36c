package smssender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"countersign/envelope"
	"countersign/internal/kmssdk"
	"countersign/internal/kmssdk/fakekms"
)

func service(k *fakekms.KMS) envelope.KMS { return kmssdk.Service{Client: k.Client("us-east-1")} }

// TestMain is the function itself when a test starts this program as one.
func TestMain(m *testing.M) {
	if os.Getenv("SMSSENDER_TEST_FUNCTION") != "" {
		Start(Handler{Keys: KeysFromEnv(), Send: func(ctx context.Context, m Message) error {
			deadline, ok := ctx.Deadline()
			if !ok || time.Until(deadline) > time.Minute {
				return errors.New("no deadline")
			}
			if m.Trigger == SignUp {
				return errors.New("cannot reach " + m.Phone)
			}
			fmt.Println("sent", m)
			return nil
		}})
	}
	os.Exit(m.Run())
}

// answered is what the function posted to the Runtime API.
type answered struct{ path, body string }

// A program built with Start runs under the Lambda Runtime API: one good event, one that fails.
func TestRuntimeAPI(t *testing.T) {
	k := environment(t, keyARN)
	events := make(chan string, 2)
	for _, file := range []string{"custom-sms-sender-authentication-sms-mfa.json", "custom-sms-sender-signup.json"} {
		e, request := eventOf(t, file)
		request["code"] = sealed(t, k, envelope.AESSigned, poolID, code)
		events <- string(encoded(t, e))
	}
	posted := make(chan answered, 2)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			posted <- answered{strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/invocation/"), string(body)}
			w.WriteHeader(http.StatusAccepted)
			return
		}
		select {
		case e := <-events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(30*time.Second).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:sender")
			_, _ = io.WriteString(w, e)
		case <-r.Context().Done():
		}
	}))
	defer api.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SMSSENDER_TEST_FUNCTION=1", "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	good, bad := <-posted, <-posted
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if good.path != "id/response" || good.body != "null" {
		t.Errorf("%+v", good)
	}
	if bad.path != "id/error" || bad.body != `{"errorMessage":"cannot reach [redacted]","errorType":"SendFailed"}` {
		t.Errorf("%+v", bad)
	}
	if !strings.Contains(log.String(), "sent CustomSMSSender_Authentication of pool us-east-1_AbCdEf123 to +*******0100") {
		t.Errorf("log: %s", log.String())
	}
	if all := log.String() + good.body + bad.body; strings.Contains(all, code) || strings.Contains(all, "5555550100") {
		t.Errorf("code or number in %s", all)
	}
}

// Started by itself it says what it is.
func TestStartOutsideLambda(t *testing.T) {
	environment(t, keyARN)
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SMSSENDER_TEST_FUNCTION=1")
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); !failed || !strings.Contains(string(out), "runs on AWS Lambda or Countersign") {
		t.Fatalf("%v: %s", err, out)
	}
}
