package providertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"countersign/provider"
	"countersign/provider/providertest"
)

// toy is a small provider; mistake is what it does wrong.
type toy struct{ base, mistake string }

const token = "a-token-of-the-toy"

func (p toy) Name() string { return "toy" }

func (p toy) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	if m.Channel != provider.SMS {
		return provider.Receipt{}, provider.Permanent(errors.New("toy: no such channel"))
	}
	if !m.ExpiresAt.IsZero() && time.Now().After(m.ExpiresAt) && p.mistake != "sends dead codes" {
		return provider.Receipt{}, provider.Permanent(errors.New("toy: the code is dead"))
	}
	if p.mistake == "changes texts" {
		m.Text = strings.TrimRight(m.Text, "0123456789")
	}
	r, err := p.attempt(ctx, m)
	if err != nil && p.mistake == "tries again" {
		return p.attempt(ctx, m)
	}
	return r, err
}

func (p toy) attempt(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	wrote := p.mistake == "always ambiguous"
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote = p.mistake != "never ambiguous" }})
	body, _ := json.Marshal(map[string]string{"to": m.To, "text": m.Text, "ref": m.Reference})
	to := p.base + "/messages"
	if p.mistake == "writes codes into URLs" {
		to += "?code=" + m.Code
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return provider.Receipt{}, err
	}
	req.Header.Set("Authorization", token)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if p.mistake == "follows redirects" {
		client.CheckRedirect = nil
	}
	var raw []byte
	res, err := client.Do(req)
	if err == nil {
		defer res.Body.Close()
		most := int64(64 << 10)
		if p.mistake == "reads everything" {
			most = 1 << 40
		}
		if raw, err = io.ReadAll(io.LimitReader(res.Body, most)); int64(len(raw)) == most {
			err = errors.New("too long")
		}
	}
	switch u, _ := errors.AsType[*url.Error](err); {
	case u != nil && p.mistake != "tells the URL":
		err = u.Err
	}
	if err != nil && wrote {
		return provider.Receipt{}, fmt.Errorf("toy: %w: %w", provider.ErrAmbiguous, err)
	} else if err != nil {
		return provider.Receipt{}, fmt.Errorf("toy: %w", err)
	}
	return p.judge(res, raw)
}

func (p toy) judge(res *http.Response, raw []byte) (provider.Receipt, error) {
	var v struct{ ID, Status, Code, Message string }
	if p.mistake == "trusts the status" && res.StatusCode == http.StatusOK {
		return provider.Receipt{ProviderID: "M1"}, nil
	}
	read := json.Unmarshal(raw, &v) == nil && strings.HasPrefix(res.Header.Get("Content-Type"), "application/json")
	if read && res.StatusCode == http.StatusOK && v.ID != "" && v.Status == "queued" {
		return provider.Receipt{ProviderID: v.ID}, nil
	}
	said := &provider.VendorError{Provider: "toy", VendorCode: fmt.Sprint(res.StatusCode), Text: http.StatusText(res.StatusCode)}
	reason := provider.ReasonOfStatus(res.StatusCode)
	if read && v.Code != "" {
		said.VendorCode, said.Text = v.Code, "refused"
		reason = provider.OptedOut
	}
	if p.mistake == "repeats the service" {
		said.Text = v.Message
	}
	if p.mistake == "does not know opt-outs" && reason == provider.OptedOut {
		reason = provider.Unknown
	}
	var after time.Duration
	if res.Header.Get("Retry-After") == "7" {
		after = 7 * time.Second
	}
	return provider.Receipt{}, provider.Fail(reason, after, said)
}

func suite(mistake string) providertest.Suite {
	return providertest.Suite{
		New:        func(_ *testing.T, base string) provider.Provider { return toy{base, mistake} },
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: {Body: `{"id":"M1","status":"queued"}`}},
		ProviderID: "M1",
		Secrets:    []string{token},
		Text:       func(r providertest.Request) string { text, _ := r.JSON()["text"].(string); return text },
		Reference:  func(r providertest.Request) string { ref, _ := r.JSON()["ref"].(string); return ref },
		Failures: []providertest.Failure{
			{Name: "STOP", Answer: providertest.Answer{Body: `{"id":"M1","status":"failed","code":"21610","message":"STOP by {echo}"}`}, Reason: provider.OptedOut, Code: "21610"},
		},
	}
}

func TestSuite(t *testing.T) { providertest.Run(t, suite("")) }

const mistakeVariable = "PROVIDERTEST_MISTAKE"

// TestMistake is run by TestMistakes in a process of its own: there it must fail.
func TestMistake(t *testing.T) { providertest.Run(t, suite(os.Getenv(mistakeVariable))) }

// Each mistake is found, and said.
func TestMistakes(t *testing.T) {
	for mistake, want := range map[string]string{
		"trusts the status":      "taken for a success",
		"follows redirects":      "taken for a success",
		"tries again":            "2 requests, not one",
		"repeats the service":    `"+12025550123" is in`,
		"tells the URL":          "a URL is in",
		"never ambiguous":        "not ambiguous",
		"always ambiguous":       "nothing was written",
		"sends dead codes":       "a dead code was sent",
		"changes texts":          "arrived, not",
		"does not know opt-outs": "unknown, retryable",
		"writes codes into URLs": "the code is in the URL",
		"reads everything":       "bytes of an answer were read",
	} {
		t.Run(mistake, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMistake$")
			cmd.Env = append(os.Environ(), mistakeVariable+"="+mistake)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte(want)) {
				t.Errorf("%v; %q is not in\n%s", err, want, out)
			}
		})
	}
}
