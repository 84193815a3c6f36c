package smssender

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"countersign/envelope"
)

// Handler is a custom sender.
type Handler struct {
	// Keys opens codes: KeysFromEnv, or any other keyring. Required.
	Keys envelope.Keyring
	// Send tells the user. It is called once for each event that is good, with a context that ends with the function's time. An error
	// is the function's: Lambda logs it and calls again later. Required.
	Send func(ctx context.Context, m Message) error
	// RequireCommitment refuses codes of suites without key commitment. Cognito's own have none, so this is for pools of Countersign
	// with code_suite 0x0578 or 0x0478. Default: accept.
	RequireCommitment bool
}

// Error types as they appear in the function's log (errorType).
const (
	invalidEvent   = "InvalidEvent"
	undecipherable = "CodeNotDecrypted"
	sendFailed     = "SendFailed"
	sendPanicked   = "SendPanicked"
)

// Start runs the handler under the Lambda Runtime API and does not return. It ends the program with a sentence on standard error if
// something is missing.
func Start(h Handler) {
	if err := h.Check(); err != nil {
		fmt.Fprintln(os.Stderr, "smssender:", err)
		os.Exit(1)
	}
	lambda.Start(h)
}

// Check reports what is missing before the first event, as Start does: fields, the environment of KeysFromEnv, the Lambda Runtime API.
func (h Handler) Check() error {
	var errs []error
	if h.Keys == nil || h.Send == nil {
		errs = append(errs, errors.New("a Handler needs Keys and Send"))
	}
	if k, ok := h.Keys.(interface{ ready() error }); ok {
		errs = append(errs, k.ready())
	}
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		errs = append(errs, errors.New("this is a Lambda function: it runs on AWS Lambda or Countersign, not by itself"))
	}
	return errors.Join(errs...)
}

// Invoke implements lambda.Handler: it handles one event as Cognito sends it and returns JSON null. Errors are of aws-lambda-go's
// type messages.InvokeResponse_Error and hold neither code nor destination.
func (h Handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	m, sealed, err := read(event)
	if err != nil {
		return nil, failed(invalidEvent, err.Error())
	}
	if sealed != "" {
		if m.Code, err = h.open(ctx, m, sealed); err != nil {
			return nil, failed(undecipherable, m.clean(err.Error()))
		}
	}
	if err := h.send(ctx, m); err != nil {
		return nil, err
	}
	return []byte("null"), nil
}

// open decrypts the code of a message.
func (h Handler) open(ctx context.Context, m Message, sealed string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", errors.New("the code is not base64")
	}
	d := envelope.Decrypter{Keyring: h.Keys, Expect: envelope.Context{"userpool-id": m.PoolID}, RequireCommitment: h.RequireCommitment}
	plaintext, _, err := d.Decrypt(ctx, raw)
	if err != nil {
		return "", explain(err)
	}
	if m.Trigger == AdminCreateUser {
		return html.UnescapeString(string(plaintext)), nil
	}
	return string(plaintext), nil
}

// explain says what to do about the two faults that settings cause.
func explain(err error) error {
	switch {
	case errors.Is(err, envelope.ErrContext):
		return errors.New("the code was encrypted for another user pool")
	case errors.Is(err, envelope.ErrNoKey):
		return fmt.Errorf("%w; KEY_ID must be the ARN of the pool's key, and the function's role must allow kms:Decrypt with it", err)
	}
	return err
}

// send calls Send. What it returns, or panics with, may quote the message: it is cleaned.
func (h Handler) send(ctx context.Context, m Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = failed(sendPanicked, m.clean(fmt.Sprint(r)))
		}
	}()
	if err := h.Send(ctx, m); err != nil {
		return failed(sendFailed, m.clean(err.Error()))
	}
	return nil
}

func failed(kind, text string) error {
	return messages.InvokeResponse_Error{Type: kind, Message: text}
}

// clean takes code and destination out of a text, in the forms in which URLs and JSON carry them.
func (m Message) clean(text string) string {
	var pairs []string
	for _, s := range []string{m.Code, m.Email, m.Phone, strings.TrimPrefix(m.Phone, "+")} {
		if s == "" {
			continue
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s)} {
			pairs = append(pairs, form, "[redacted]")
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

var _ lambda.Handler = Handler{}
