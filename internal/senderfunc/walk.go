package senderfunc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// wholeCall bounds an attempt (as the services' own libraries do), failoverAfter one behind which another account stands: a person waits.
	wholeCall, failoverAfter = 10 * time.Second, 3 * time.Second
	// minAttempt is the least time that makes an attempt worth its beginning: one that is cut off may have sent, and the person gets two texts.
	minAttempt = time.Second
	// reserve is left of the function's time for its answer and its log.
	reserve = 250 * time.Millisecond
	// maxCode and maxFault bound what is shown of a service's code or id and of a fault, in bytes; shortest is from where a value counts as hidden.
	maxCode, maxFault, shortest = 64, 300, 4
	// shortestNumber is how many of the last digits of a number are taken for it.
	shortestNumber = 7
)

// try is one attempt.
type try struct {
	account *sender
	// err is nil if the account took the text.
	err       error
	reason    provider.Reason
	code      string
	ambiguous bool
	// unasked says that the function's time was up before.
	unasked bool
}

// deliver asks one account after the other, with the same code, and returns the name of the one that took the text. Its error has
// provider.ClassPermanent if no later try can help.
func (f *Function) deliver(ctx context.Context, m provider.Message) (string, error) {
	var tries []try
	more, stop := len(f.accounts), false
	for i, a := range f.accounts {
		if stop || more == 0 {
			break
		}
		more--
		limit := share(ctx, min(more, len(f.accounts)-1-i))
		if limit < minAttempt {
			tries = append(tries, try{account: a, unasked: true})
			continue
		}
		t := f.try(ctx, a, m, limit)
		if t.err == nil {
			return a.name, nil
		}
		tries = append(tries, t)
		stop = final(t)
		if t.reason == provider.Unreachable {
			more = min(more, 1) // one other service may know better
		}
	}
	return "", f.refusal(tries, stop)
}

// final reports whether nobody else need be asked: the number is none, its owner wants no texts, or a service said that the text can go nowhere.
func final(t try) bool {
	class, _ := provider.ClassOf(t.err)
	return !t.reason.Elsewhere() || t.reason == provider.BadRequest && class == provider.ClassPermanent
}

// share is the time of an attempt that others follow: all of them fit into what the function has left. If that is too little, the first ones have
// minAttempt, and for the last ones nothing is left.
func share(ctx context.Context, others int) time.Duration {
	limit := wholeCall
	if others > 0 {
		limit = failoverAfter
	}
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end) - reserve
		limit = min(limit, left, max(left/time.Duration(others+1), minAttempt))
	}
	return limit
}

// try makes one attempt and writes its line of log.
func (f *Function) try(ctx context.Context, a *sender, m provider.Message, limit time.Duration) try {
	m.From = a.from
	if s := a.senders[m.Country]; s != "" {
		m.From = s
	}
	m.Reference = uuid.NewString()
	began := f.now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	r, err := f.call(ctx, a, m)
	cut := ctx.Err() != nil
	cancel()
	t := try{account: a, err: err}
	if err != nil {
		if class, _ := provider.ClassOf(err); class == provider.ClassRetryable && cut && isContext(err) {
			// The provider only passed the end of its time on: nobody knows how far it came.
			t.err = fmt.Errorf("%w: no answer within %v", provider.ErrAmbiguous, limit.Round(time.Millisecond))
		}
		t.reason, t.ambiguous = provider.ReasonOf(t.err), errors.Is(t.err, provider.ErrAmbiguous)
		if v, ok := errors.AsType[*provider.VendorError](t.err); ok {
			t.code = show(v.VendorCode, m, maxCode)
		}
	}
	if !f.alone {
		f.note(ctx, t, m, r, f.now().Sub(began))
	}
	return t
}

func isContext(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// call turns a panic into an ambiguous error: the provider may have sent. What it panicked with may be anything, and is not shown.
func (f *Function) call(ctx context.Context, a *sender, m provider.Message) (r provider.Receipt, err error) {
	defer func() {
		if v := recover(); v != nil {
			f.log.Error("a provider panicked", "account", a.name, "kind", a.kind, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: the provider panicked", provider.ErrAmbiguous)
		}
	}()
	p := a.p
	if a.again != nil {
		if p, err = a.again(); err != nil {
			return r, errors.New("the provider cannot be made")
		}
		if c, ok := p.(io.Closer); ok {
			defer c.Close()
		}
	}
	return p.Send(ctx, m)
}

// note writes the line of an attempt.
func (f *Function) note(ctx context.Context, t try, m provider.Message, r provider.Receipt, took time.Duration) {
	level, outcome := slog.LevelInfo, "accepted"
	attrs := []slog.Attr{slog.String("account", t.account.name), slog.String("kind", t.account.kind)}
	if t.err != nil {
		level, outcome = slog.LevelWarn, "failed"
		attrs = append(attrs, slog.String("reason", string(t.reason)), slog.Bool("ambiguous", t.ambiguous))
		if t.code != "" {
			attrs = append(attrs, slog.String("vendor_code", t.code))
		} else {
			attrs = append(attrs, slog.String("error", show(t.err.Error(), m, maxFault)))
		}
	} else {
		attrs = append(attrs, slog.String("provider_id", show(r.ProviderID, m, maxCode)))
	}
	attrs = append(attrs, slog.String("outcome", outcome), slog.Float64("latency_ms", milliseconds(took)),
		slog.String("reference", m.Reference), slog.String("request_id", m.ID))
	f.log.LogAttrs(ctx, level, "attempt", attrs...)
}

// show is what may be seen of a word or sentence that is not ours.
func show(s string, m provider.Message, most int) string {
	hide := []string{m.Text, m.Code, m.To}
	for digits := strings.TrimPrefix(m.To, "+"); len(digits) >= shortestNumber; digits = digits[1:] {
		hide = append(hide, digits)
	}
	for line := range strings.Lines(m.Text) {
		if line = strings.TrimSpace(line); len(line) >= 2*shortest {
			hide = append(hide, line)
		}
	}
	s = secret.Hide(strings.ToValidUTF8(s, "?"), hide, shortest)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// refusal is the error of a text that no account took: each one's reason and the service's own code.
func (f *Function) refusal(tries []try, stop bool) error {
	if f.alone && len(tries) == 1 && tries[0].err != nil {
		return tries[0].err
	}
	var said []string
	permanent := true
	for _, t := range tries {
		s := t.account.name + " (" + t.account.kind + "): "
		if t.unasked {
			permanent = false
			said = append(said, s+"not asked, the function's time was up")
			continue
		}
		s += string(t.reason)
		if t.code != "" {
			s += ", code " + t.code
		}
		if t.ambiguous {
			s += ", it may have sent"
		}
		said = append(said, s)
		class, _ := provider.ClassOf(t.err)
		permanent = permanent && class == provider.ClassPermanent
	}
	err := errors.New("no account took the text: " + strings.Join(said, "; "))
	if stop || permanent {
		return provider.Permanent(err)
	}
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
