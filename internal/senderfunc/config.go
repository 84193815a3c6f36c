package senderfunc

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"countersign/internal/egress"
	"countersign/internal/gateway/account"
	"countersign/internal/message"
	"countersign/smssender"
)

// templates are the environment's variables for texts.
var templates = map[message.Kind]string{
	message.SMSAuthentication: "TEXT_AUTHENTICATION",
	message.SMSVerification:   "TEXT_VERIFICATION",
	message.SMSInvitation:     "TEXT_INVITATION",
}

// New returns the function as the environment describes it, or all that is wrong with it:
//
//   - KEY_ID, AWS_…: see smssender.KeysFromEnv, which reads the process's environment;
//   - PROVIDERS, PROVIDER_…: the accounts that send, see accounts.go;
//   - WEBHOOK_URL, WEBHOOK_SECRET: where texts go and what signs them. A second secret behind a comma signs, too. Required without PROVIDERS;
//   - TEXT_AUTHENTICATION, TEXT_VERIFICATION, TEXT_INVITATION: texts with Cognito's placeholders. Default: Cognito's own texts;
//   - REQUIRE_COMMITMENT: "true" refuses codes without key commitment. Default "false", since Cognito's have none.
//
// names are all variables that there are, so that misspelt ones are found; without them they are not looked for.
func New(getenv func(string) string, log io.Writer, names ...string) (*Function, error) {
	var errs []error
	f := &Function{texts: map[message.Kind]string{}, log: slog.New(slog.NewJSONHandler(log, nil)), now: time.Now, client: newClient()}
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
	dial := (&egress.Dialer{Policy: anywhere()}).DialContext
	e := &environment{getenv: getenv, deps: account.Deps{Client: f.client, Dial: dial, Now: f.now, Log: f.log}, known: map[string]bool{}}
	f.accounts, f.alone = e.accounts(names)
	return f, errors.Join(append(errs, e.errs...)...)
}

// anywhere allows all addresses: each comes from the environment, whose owner chose it, none from an event. In a function on Countersign names
// resolve to addresses that the server gives out (127.64.0.0/10), and the server's own rules hold.
func anywhere() *egress.Policy {
	p, err := egress.NewPolicy(true, "0.0.0.0/0", "::/0")
	if err != nil {
		panic(err) // the list is a constant
	}
	return p
}

func newClient() *http.Client {
	return egress.NewClient(egress.Config{Policy: anywhere(), Timeout: wholeCall, MaxConns: 16})
}
