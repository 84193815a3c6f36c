package function_test

import (
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/function"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/store/storetest"
)

// BenchmarkInvoke is what a trigger's call costs here over the runner's own time.
func BenchmarkInvoke(b *testing.B) {
	keys := keyringtest.New(b, poolA)
	s := function.New(function.Config{
		Store: storetest.SQLite(b), Keys: keys, Events: eventlog.New(eventlog.Config{Keys: keys}), Runner: quiet{},
	})
	_, err := s.Create(b.Context(), &function.Create{Region: region, Name: "sender", Settings: settings, Package: pack(b, map[string]string{"index.js": ""})})
	if err == nil {
		_, err = s.AddPermission(b.Context(), fn(), permission("s"))
	}
	if err != nil {
		b.Fatal(err)
	}
	payload := []byte(`{"version":"1","triggerSource":"CustomSMSSender_SignUp"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Invoke(b.Context(), arn, caller(poolA), payload, time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPermit is what a sign-up's look at the permission costs.
func BenchmarkPermit(b *testing.B) {
	keys := keyringtest.New(b, poolA)
	s := function.New(function.Config{Store: storetest.SQLite(b), Keys: keys, Events: eventlog.New(eventlog.Config{Keys: keys})})
	_, err := s.Create(b.Context(), &function.Create{Region: region, Name: "sender", Settings: settings, Package: pack(b, map[string]string{"index.js": ""})})
	if err == nil {
		_, err = s.AddPermission(b.Context(), fn(), permission("s", func(p *function.Permission) { p.SourceARN = caller(poolA).SourceARN }))
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Permit(b.Context(), arn, caller(poolA)); err != nil {
			b.Fatal(err)
		}
	}
}
