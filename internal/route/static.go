package route

import (
	"log/slog"
	"time"

	"countersign/internal/gateway/account"
)

// CheckStatic says everything that is wrong with the accounts and the plan of a configuration file, as New does. It calls nobody.
// Errors: fault.InvalidParameter, joined; their fields are paths into the file.
func CheckStatic(st *Static, specs []account.Spec) error {
	s := &Service{specs: map[string]account.Spec{}, c: Config{
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), Deps: func(string, AccountConfig) account.Deps { return account.Offline() },
	}}
	for _, spec := range specs {
		s.specs[spec.Kind] = spec
	}
	return s.takeStatic(st)
}
