package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"countersign/internal/fault"
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// buildPause is when a provider that could not be made is tried again: keys may be back.
	buildPause = 5 * time.Second
	// urlAge is how long a receipt URL is remembered.
	urlAge = time.Minute
)

// live is one version of an account at work on this node.
type live struct {
	s *Service
	// owner is the pool, "" for accounts of the configuration file.
	owner   string
	c       AccountConfig
	spec    account.Spec
	version int64
	updated time.Time
	sealed  []byte
	// secrets are those of the configuration file; nil: they are sealed.
	secrets map[string]secret.String
	// alone: made for one message, and not found by its name.
	alone   bool
	circuit circuit
	gate    *gate

	mu       sync.Mutex
	p        provider.Provider
	fault    error
	faultAt  time.Time
	users    int
	retired  bool
	stop     context.CancelFunc // of its stream
	url      string
	urlKnown time.Time
}

// newLive makes an account without its provider, which is made when it is first used.
func (s *Service) newLive(owner string, c AccountConfig) *live {
	l := &live{s: s, owner: owner, c: c, gate: newGate(c, s.c.Now)}
	l.spec, _ = s.spec(c.Kind)
	return l
}

// serves reports whether the account takes messages of a channel.
func (l *live) serves(channel provider.Channel) bool {
	if len(l.c.Channels) > 0 && !slices.Contains(l.c.Channels, string(channel)) {
		return false
	}
	return slices.Contains(l.spec.Channels, channel)
}

// acquire returns the provider; release must follow unless there is an error.
func (l *live) acquire(ctx context.Context) (provider.Provider, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.p == nil {
		if l.fault != nil && l.s.c.Now().Sub(l.faultAt) < buildPause {
			return nil, l.fault
		}
		p, err := l.build(ctx)
		if err != nil {
			if ctx.Err() == nil { // what became of this caller is nobody else's fault
				l.fault, l.faultAt = err, l.s.c.Now()
			}
			return nil, err
		}
		l.p, l.fault = p, nil
		l.stream()
	}
	l.users++
	return l.p, nil
}

// again is when an account that could not be made may be had: keys and the database come back, wrong settings stay wrong (zero).
func (l *live) again(err error) time.Time {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == fault.InvalidParameter {
		return time.Time{}
	}
	return l.s.c.Now().Add(buildPause)
}

func (l *live) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	l.closeIdle()
}

// retire ends the account when its last send has ended.
func (l *live) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	l.closeIdle()
}

func (l *live) closeIdle() {
	if !l.retired || l.users > 0 || l.p == nil {
		return
	}
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
	if c, ok := l.p.(io.Closer); ok {
		l.s.work.Go(func() {
			if err := c.Close(); err != nil {
				l.s.c.Logger.Warn("a provider was not closed well", "pool", l.owner, "account", l.c.Name, "error", err)
			}
		})
	}
	l.p = nil
}

// build makes the provider.
func (l *live) build(ctx context.Context) (provider.Provider, error) {
	secrets := l.secrets
	if secrets == nil {
		plain, err := l.s.openSecrets(ctx, l.owner, l.c.Name, l.sealed)
		if err != nil {
			return nil, err
		}
		secrets = hidden(plain)
	}
	return l.s.make(l.c, secrets)
}

// make makes a provider of an account. Errors: fault.InvalidParameter.
func (s *Service) make(c AccountConfig, secrets map[string]secret.String) (provider.Provider, error) {
	spec, ok := s.spec(c.Kind)
	if !ok {
		return nil, fault.Invalidf("kind", "There is no kind of account %q.", c.Kind)
	}
	p, err := spec.Make(account.Account{Name: c.Name, Kind: c.Kind, Settings: withFrom(c, spec), Secrets: secrets}, s.c.Deps(c.Kind, c))
	if err != nil {
		return nil, fault.Invalidf("settings", "%s", err).WithErr(err)
	}
	return p, nil
}

// withFrom gives kinds that have a setting "from" the account's, so that it need not be said twice.
func withFrom(c AccountConfig, spec account.Spec) map[string]string {
	known := slices.ContainsFunc(spec.Fields, func(f account.Field) bool { return f.Name == "from" && !f.Secret })
	if c.From == "" || c.Settings["from"] != "" || !known {
		return c.Settings
	}
	out := maps.Clone(c.Settings)
	if out == nil {
		out = map[string]string{}
	}
	out["from"] = c.From
	return out
}

func hidden(plain map[string]string) map[string]secret.String {
	out := make(map[string]secret.String, len(plain))
	for k, v := range plain {
		out[k] = secret.New(v)
	}
	return out
}

// openSecrets returns the secrets of a sealed account.
func (s *Service) openSecrets(ctx context.Context, poolID, name string, sealed []byte) (map[string]string, error) {
	secrets := map[string]string{}
	if len(sealed) == 0 {
		return secrets, nil
	}
	plain, err := s.c.Keys.OpenRecord(ctx, poolID, table, accountPrefix+name, column, sealed)
	if err != nil {
		return nil, fmt.Errorf("route: the secrets of an account cannot be opened: %w", err)
	}
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return nil, errors.New("route: the secrets of an account cannot be read")
	}
	return secrets, nil
}

// receiptURL returns where the service is to report, "" if that is unknown.
func (l *live) receiptURL(ctx context.Context) string {
	if l.s.c.ReceiptURL == nil || l.alone {
		return ""
	}
	now := l.s.c.Now()
	l.mu.Lock()
	url, known := l.url, l.urlKnown
	l.mu.Unlock()
	if !known.IsZero() && now.Sub(known) < urlAge {
		return url
	}
	fresh, err := l.s.c.ReceiptURL(ctx, l.owner, l.c.Name, l.c.Kind)
	if err != nil {
		l.s.c.Logger.Warn("an account has no receipt URL for now", "pool", l.owner, "account", l.c.Name, "error", err)
		return url
	}
	l.mu.Lock()
	l.url, l.urlKnown = fresh, now
	l.mu.Unlock()
	return fresh
}

// from is the origination identity of a message, and the one that opt-outs and rates know: where we name none, the service's default as far as the
// settings tell it, and "" where the service chooses among several. The account's own is no more than a default, which a set of senders takes over
// for texts; names of letters are passed over for calls, which need a number.
func (l *live) from(c *Choice, m *provider.Message) (from, known string) {
	call := m.Channel == provider.Voice
	for _, s := range [...]string{c.Senders[m.Country], c.From, l.c.Senders[m.Country], m.From} {
		if s != "" && !(call && isSenderName(s)) {
			return s, knownSender(s)
		}
	}
	if !call && slices.ContainsFunc(l.spec.SenderSets, func(field string) bool { return l.c.Settings[field] != "" }) {
		return "", ""
	}
	if s := l.c.From; s != "" && !(call && isSenderName(s)) {
		return s, knownSender(s)
	}
	return "", knownSender(l.c.Settings["from"])
}

// isSenderName reports whether s is an alphanumeric sender ID.
func isSenderName(s string) bool {
	return len(s) <= maxSenderName && strings.ContainsFunc(s, unicode.IsLetter)
}

// maxSenderName is how long an alphanumeric sender may be (3GPP TS 23.040, 9.1.2.5).
const maxSenderName = 11

// knownSender is "" for what stands for several senders: AWS's pools, and ARNs.
func knownSender(s string) string {
	if strings.HasPrefix(s, "pool-") || strings.HasPrefix(s, "arn:") {
		return ""
	}
	return s
}

// shown is the account as it may be shown.
func (l *live) shown(secrets []string) Account {
	return Account{AccountConfig: l.c, SecretsSet: secrets, Static: l.owner == "", Version: l.version, UpdatedAt: l.updated}
}

// status is how the account does.
func (l *live) status(now time.Time) Status {
	st, _ := l.circuit.look(now)
	st.Account = l.c.Name
	st.InFlight, st.Waiting = l.gate.load()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		st.Fault = faultText(l.fault)
	}
	return st
}

// faultText is what may be said of why a provider cannot be made.
func faultText(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Public != "" {
		return f.Public
	}
	return "its secrets cannot be opened"
}

// note writes an event about the account's circuit.
func (l *live) note(poolID string, ch change, now time.Time) {
	if !ch.opened && !ch.closed {
		return
	}
	l.s.background(func(ctx context.Context) { l.s.writeCircuit(ctx, poolID, l, ch, now) })
}
