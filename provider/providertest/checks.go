package providertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/provider"
)

// The service takes the message: one request, with the reference, as its description has it.
func (c *run) success(t *testing.T) {
	p, s := c.start(t, c.ok().handler(nil))
	if p.Name() == "" || strings.ToLower(p.Name()) != p.Name() {
		t.Errorf("the name is %q", p.Name())
	}
	m := c.message(p)
	r, err := p.Send(t.Context(), m)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	if r.ProviderID != c.s.ProviderID {
		t.Errorf("the id is %q, not %q", r.ProviderID, c.s.ProviderID)
	}
	q := c.one(t, s, m)
	if c.s.Reference != nil && c.s.Reference(q) != m.Reference {
		t.Errorf("the reference is %q, not %q", c.s.Reference(q), m.Reference)
	}
	m.ExpiresAt = time.Time{}
	if _, err := p.Send(t.Context(), m); err != nil {
		t.Errorf("without an end: %v", err)
	}
	if c.s.Spec != "" {
		for _, q := range s.Requests() {
			Conforms(t, c.s.Spec, q)
		}
	}
}

const page = "<!DOCTYPE html><html><body>Welcome</body></html>"

// What is not exactly the success is an error.
func (c *run) shape(t *testing.T) {
	ok := c.ok()
	cases := map[string]Answer{
		"empty":                ok.with(func(a *Answer) { a.Body = "" }),
		"page":                 ok.with(func(a *Answer) { a.Body, a.Header["Content-Type"] = page, "text/html" }),
		"page of a wrong type": ok.with(func(a *Answer) { a.Body = page }),
		"empty object":         ok.with(func(a *Answer) { a.Body = "{}" }),
		"null":                 ok.with(func(a *Answer) { a.Body = "null" }),
		"list":                 ok.with(func(a *Answer) { a.Body = "[]" }),
		"string":               ok.with(func(a *Answer) { a.Body = `"ok"` }),
		"number":               ok.with(func(a *Answer) { a.Body = "0" }),
		"half":                 ok.with(func(a *Answer) { a.Body = a.Body[:(len(a.Body)+1)/2] }),
	}
	if c.s.Empty {
		delete(cases, "empty")
		delete(cases, "empty object")
	}
	if !c.s.AnyType && !c.s.Foreign {
		cases["wrong type"] = ok.with(func(a *Answer) { a.Header["Content-Type"] = "text/html; charset=utf-8" })
	}
	if !c.s.Foreign {
		cases["twice"] = ok.with(func(a *Answer) { a.Body += a.Body })
	}
	for _, status := range []int{200, 201, 202, 203, 206, 300, 400, 401, 404, 500, 503} {
		if status != ok.Status && !slices.Contains(c.s.AlsoOK, status) && (!c.s.Foreign || status > 299) {
			cases["status "+strconv.Itoa(status)] = ok.with(func(a *Answer) { a.Status = status })
		}
	}
	for name, a := range cases {
		t.Run(name, func(t *testing.T) {
			if r, err := c.answered(t, a); err == nil {
				t.Errorf("taken for a success: %+v", r)
			}
		})
	}
}

// Statuses without a body have their common meaning.
func (c *run) statuses(t *testing.T) {
	reasons := map[int]provider.Reason{
		401: provider.AuthFailed, 403: provider.AuthFailed, 402: provider.InsufficientFunds, 408: provider.Temporary, 413: provider.ContentRejected,
		429: provider.RateLimited, 400: provider.BadRequest, 404: provider.BadRequest, 500: provider.Temporary, 502: provider.Temporary, 503: provider.Temporary,
	}
	for status, r := range c.s.Statuses {
		reasons[status] = r
	}
	for status, want := range reasons {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			_, err := c.answered(t, Answer{Status: status, Header: map[string]string{"Retry-After": "7"}})
			if err == nil {
				t.Fatal("taken for a success")
			}
			wantClass := want.Class()
			if k, ok := c.s.StatusClasses[status]; ok {
				wantClass = k
			}
			class, after := provider.ClassOf(err)
			if r := provider.ReasonOf(err); r != want || class != wantClass {
				t.Errorf("%s, %s (%v), not %s, %s", r, class, err, want, wantClass)
			}
			if want == provider.RateLimited && after != 7*time.Second {
				t.Errorf("the service wants 7 s of peace, not %v", after)
			}
		})
	}
	t.Run("504", func(t *testing.T) {
		_, err := c.answered(t, Answer{Status: http.StatusGatewayTimeout})
		if err == nil {
			t.Fatal("taken for a success")
		}
		if class, _ := provider.ClassOf(err); class != provider.ClassAmbiguous && class != provider.ClassRetryable {
			t.Errorf("%s: %v", class, err)
		}
	})
}

// Each refusal has its reason, its class and the service's code.
func (c *run) failures(t *testing.T) {
	for _, f := range c.s.Failures {
		if f.Channel != c.channel && (f.Channel != "" || c.channel != c.s.Channels[0]) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			_, err := c.answered(t, f.Answer)
			if err == nil {
				t.Fatal("taken for a success")
			}
			want := f.Class
			if want == "" {
				want = f.Reason.Class()
			}
			class, after := provider.ClassOf(err)
			if r := provider.ReasonOf(err); r != f.Reason || class != want {
				t.Errorf("%s, %s (%v), not %s, %s", r, class, err, f.Reason, want)
			}
			if f.After != 0 && after != f.After {
				t.Errorf("left alone for %v, not %v", after, f.After)
			}
			v, ok := errors.AsType[*provider.VendorError](err)
			if !ok || v.Provider == "" || v.VendorCode == "" {
				t.Fatalf("no words of the vendor's in %v", err)
			}
			if f.Code != "" && v.VendorCode != f.Code {
				t.Errorf("the vendor's code is %q, not %q", v.VendorCode, f.Code)
			}
		})
	}
}

// Nothing leaves that must not.
func (c *run) notSent(t *testing.T) {
	p, s := c.start(t, c.ok().handler(nil))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	cases := map[string]struct {
		ctx    context.Context
		change func(*provider.Message)
	}{
		"an e-mail": {t.Context(), func(m *provider.Message) { m.Channel = provider.Email }},
		"canceled":  {canceled, func(*provider.Message) {}},
	}
	if c.message(p).Code != "" {
		cases["a dead code"] = struct {
			ctx    context.Context
			change func(*provider.Message)
		}{t.Context(), func(m *provider.Message) { m.ExpiresAt = time.Now().Add(-time.Second) }}
	}
	for name, n := range cases {
		m := c.message(p)
		n.change(&m)
		_, err := p.Send(n.ctx, m)
		if err == nil {
			t.Fatalf("%s was sent", name)
		}
		if class, _ := provider.ClassOf(err); class == provider.ClassAmbiguous {
			t.Errorf("%s: ambiguous, but nothing was written: %v", name, err)
		}
		c.private(t, err.Error(), m)
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Many at once are sent once each.
func (c *run) concurrent(t *testing.T) {
	const n = 16
	p, s := c.start(t, c.ok().handler(nil))
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for i := range n {
		m := c.message(p)
		m.ID = fmt.Sprintf("0199a1b2-7c3d-7e4f-8a5b-%012d", i)
		m.IdempotencyKey, m.Reference = m.ID, fmt.Sprintf("%032d", i)
		wg.Go(func() {
			_, err := p.Send(t.Context(), m)
			errs <- err
		})
	}
	wg.Wait()
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := len(s.Requests()); got != n {
		t.Errorf("%d requests for %d messages", got, n)
	}
}

// one asserts that there was one request, and returns it.
func (c *run) one(t *testing.T, s *Service, m provider.Message) Request {
	t.Helper()
	all := s.Requests()
	if len(all) != 1 {
		t.Fatalf("%d requests, not one", len(all))
	}
	if u := all[0].URL.String(); strings.Contains(u, m.Code) && m.Code != "" {
		t.Errorf("the code is in the URL, which servers write into logs: %s", all[0].URL.Path)
	}
	return all[0]
}

// private asserts that a text for people names nobody and no secret.
func (c *run) private(t *testing.T, text string, m provider.Message) {
	t.Helper()
	hidden := append([]string{To, To[1:], To[5:], Code, strings.Join(strings.Split(Code, ""), ", "), m.Text}, c.s.Secrets...)
	if m.Text != "" {
		hidden = append(hidden, "Your Example code")
	}
	for _, s := range hidden {
		if s != "" && strings.Contains(text, s) {
			t.Errorf("%q is in %q", s, text)
		}
	}
}
