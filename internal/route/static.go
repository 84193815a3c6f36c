package route

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"countersign/internal/gateway/account"
)

// CheckStatic says everything that is wrong with the accounts and the plan of a configuration file, as New does. It calls nobody.
// Errors: fault.InvalidParameter, joined; their fields are paths into the file.
func CheckStatic(st *Static, specs []account.Spec) error {
	s := &Service{specs: map[string]account.Spec{}, c: Config{
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Deps: func(string, AccountConfig) account.Deps {
			return account.Deps{
				Client: &http.Client{Transport: offline{}}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
				Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errOffline },
			}
		},
	}}
	for _, spec := range specs {
		s.specs[spec.Kind] = spec
	}
	return s.takeStatic(st)
}

var errOffline = errors.New("route: settings are checked without a network")

type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) { return nil, errOffline }
