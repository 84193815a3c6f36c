package account

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

var errOffline = errors.New("account: settings are checked without a network")

// Offline lets settings be checked by making a provider of them: nobody can be called with it.
func Offline() Deps {
	return Deps{
		Client: &http.Client{Transport: offline{}}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errOffline },
	}
}

type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) { return nil, errOffline }
