package senderfunc

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"countersign/internal/egress"
	"countersign/internal/gateway/webhook"
	"countersign/internal/message"
	"countersign/internal/secret"
	"countersign/smssender"
)

// sendTimeout bounds one request to the webhook.
const sendTimeout = 10 * time.Second

// templates are the environment's variables for texts.
var templates = map[message.Kind]string{
	message.SMSAuthentication: "TEXT_AUTHENTICATION",
	message.SMSVerification:   "TEXT_VERIFICATION",
	message.SMSInvitation:     "TEXT_INVITATION",
}

// New returns the function as the environment describes it, or all that is wrong with it:
//
//   - KEY_ID, AWS_…: see smssender.KeysFromEnv, which reads the process's environment;
//   - WEBHOOK_URL, WEBHOOK_SECRET: where texts go and what signs them. A second secret behind a comma signs, too. Required;
//   - TEXT_AUTHENTICATION, TEXT_VERIFICATION, TEXT_INVITATION: texts with Cognito's placeholders. Default: Cognito's own texts;
//   - REQUIRE_COMMITMENT: "true" refuses codes without key commitment. Default "false", since Cognito's have none.
func New(getenv func(string) string, log io.Writer) (*Function, error) {
	var errs []error
	f := &Function{texts: map[message.Kind]string{}, log: slog.New(slog.NewJSONHandler(log, nil)), now: time.Now}
	f.handler.Keys = smssender.KeysFromEnv()
	switch v := getenv("REQUIRE_COMMITMENT"); v {
	case "", "false":
	case "true":
		f.handler.RequireCommitment = true
	default:
		errs = append(errs, errors.New("REQUIRE_COMMITMENT must be true or false"))
	}
	for kind, name := range templates {
		f.texts[kind] = message.Default(kind)
		if t := getenv(name); t != "" {
			f.texts[kind] = t
			if err := message.Validate(kind, t); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	var err error
	if f.sender, err = newWebhook(getenv("WEBHOOK_URL"), getenv("WEBHOOK_SECRET")); err != nil {
		errs = append(errs, err)
	}
	return f, errors.Join(errs...)
}

// newWebhook returns the webhook. Its host may be anywhere: whoever sets the environment chose it.
func newWebhook(target, secrets string) (*webhook.Provider, error) {
	if target == "" || secrets == "" {
		return nil, errors.New("WEBHOOK_URL and WEBHOOK_SECRET must be set")
	}
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("WEBHOOK_URL is not a URL")
	}
	policy, err := egress.NewPolicy(false, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("WEBHOOK_URL: %w", err)
	}
	c := webhook.Config{URL: target, Client: egress.NewClient(egress.Config{Policy: policy, Timeout: sendTimeout})}
	for s := range strings.SplitSeq(secrets, ",") {
		c.Secrets = append(c.Secrets, secret.New(strings.TrimSpace(s)))
	}
	return webhook.New(c)
}
