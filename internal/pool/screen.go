package pool

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/message"
	"countersign/internal/otp"
	"countersign/internal/registration"
	"countersign/internal/screen"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// Screener judges a text or call before it is made: by its country, its kind of line, who asks and what it would cost. It is the half of
// *screen.Service that flows need.
type Screener interface {
	Screen(ctx context.Context, a screen.Ask) (screen.Decision, error)
	// Committed is told of a message that was committed, Undo of one that was not.
	Committed(ctx context.Context, poolID string, d screen.Decision)
	Undo(d screen.Decision)
	// Limits are those of a pool's accounts and numbers.
	Limits(ctx context.Context, poolID string) (guard.Limits, error)
}

// judged is what the guard made of a message before the Write.
type judged struct {
	decision screen.Decision
	// refused is why it is held back, where the caller may not learn that.
	refused *fault.Error
	// recorded is what would have refused it if it were enforced.
	recorded []string
	poolID   string
	// event makes the entry of a refusal, which is needed seldom.
	event func(ctx context.Context, kind eventlog.Type, data map[string]any) (*store.Event, error)
	// country is the number's, for the entry; empty: unknown.
	country string
}

// says is what an entry tells of a refusal: where a message would have gone, which limit or block was in its way, and the figures.
func (j *judged) says(why string) map[string]any {
	data := map[string]any{"reason": why}
	if j.country != "" {
		data["country"] = j.country
	}
	if d := j.decision; why == string(d.Refused) && why != "" {
		if d.Key != "" {
			data["key"] = d.LogKey()
		}
		if d.Evidence != "" {
			data["evidence"] = d.Evidence
		}
	}
	return data
}

var screenPurposes = map[guard.Purpose]string{
	guard.SignIn: "sign_in", guard.Custom: "sign_in", guard.Recovery: "recovery", guard.SignUp: "sign_up", guard.Verify: "verify", guard.Notice: "notice",
}

// ask asks the guard about a letter. What is refused for the request alone is an error at once; everything else is refused in the Write, by judged.
func (s *Service) ask(ctx context.Context, t *tenant, c Caller, l letter, pretended bool) (judged, error) {
	j := judged{poolID: t.pool.ID, event: func(ctx context.Context, kind eventlog.Type, data map[string]any) (*store.Event, error) {
		data["purpose"] = screenPurposes[l.counted]
		return s.event(ctx, t, c, kind, l.user, numberIn(l), data)
	}}
	if s.Screener == nil || t.testPhone(&l, s.now()) != nil {
		return j, nil
	}
	ask := screen.Ask{
		PoolID: t.pool.ID, ClientID: t.clientID(), Channel: string(provider.SMS), Purpose: screenPurposes[l.counted], IP: c.IP, Pretended: pretended,
		Operator: l.admin || l.trigger == triggerInvite,
	}
	if c.Admin != "" {
		ask.IP = netip.Addr{} // the backend's, which stands for all of its users
	}
	if l.channel == ChannelVoice {
		ask.Channel = string(provider.Voice)
	}
	to := l.to
	if l.attr == attrEmail {
		// Where existence is hidden, a name that is a number is judged wherever the message goes: a name that nobody has would be.
		if !t.hides() || l.by == nil || !isPhone(l.by.name) {
			return j, nil
		}
		to, ask.Pretended = l.by.name, true
	}
	var err error
	if ask.To, err = phone.Parse(to); err != nil && (to != "" || !pretended) {
		return j, nil // seal says so
	} // a name that nobody has may have no number; it costs the client and the pool what a message to a known one does
	if err == nil {
		j.country = ask.To.Region()
	}
	ask.Typed = l.typed(ask.To)
	ask.Confirmed, ask.Known = l.user != nil && proven(l.user, to), l.by != nil && l.by.known
	if j.decision, err = s.Screener.Screen(ctx, ask); err != nil {
		return j, err
	}
	d := j.decision
	for _, r := range d.Recorded {
		j.recorded = append(j.recorded, string(r))
	}
	switch {
	case d.Refused == "" || l.attr == attrEmail && !d.Open:
		return j, nil
	case d.Open:
		if err := s.guardEvent(ctx, j, eventlog.GuardRefused, string(d.Refused)); err != nil {
			return j, err
		}
		return j, denied(d)
	}
	j.refused = denied(d)
	return j, nil
}

// typed reports whether the number stands in the request itself.
func (l *letter) typed(to phone.Number) bool {
	switch l.trigger {
	case triggerSignUp, triggerUpdate:
		return true
	}
	if l.by == nil {
		return false
	}
	n, err := phone.Parse(l.by.name)
	return err == nil && n.LineKey() == to.LineKey()
}

func numberIn(l letter) string {
	if l.attr == attrPhone && isPhone(l.to) {
		return l.to
	}
	return ""
}

// denied is a decision as flows return it.
func denied(d screen.Decision) *fault.Error {
	switch d.Refused {
	case screen.Country, screen.LineType, screen.Fictional, screen.DeniedRule:
		return fault.New(fault.DestinationRefused).WithField(attrPhone).WithHint("the guard refuses it: %s %s; countersign guard explain --to NUMBER", d.Refused, d.Evidence)
	}
	e := fault.New(fault.AttemptLimit).WithHint("the guard refuses it: %s %s; countersign guard report", d.Refused, d.Evidence)
	e.RetryAfter = d.RetryAfter
	return e
}

// isRefusal reports whether the guard holds a message back.
func isRefusal(err error) bool {
	code := fault.CodeOf(err)
	return code == fault.AttemptLimit || code == fault.DestinationRefused
}

// guardEvent writes down what the guard thought of a message, apart from what else is committed.
func (s *Service) guardEvent(ctx context.Context, j judged, kind eventlog.Type, why string) error {
	if j.event == nil || !s.mayLog(ctx, j.poolID) { // nobody asked, or too many
		return nil
	}
	ev, err := j.event(ctx, kind, j.says(why))
	if err != nil {
		return err
	}
	if err = s.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) }); err == nil {
		s.Events.Publish(ev)
	}
	return err
}

// count counts a message inside a Write. An error for which isRefusal holds means that it must not be sent. One that was held back before counts like any
// other: else the address's and the number's counters would tell whose it was.
func (s *Service) count(ctx context.Context, tx *unit, p *posted) error {
	send, refused := p.send, p.judged.refused
	if refused == nil {
		send.Recorded = func(r guard.Reason) { tx.recorded = append(tx.recorded, heldBack{p: p, why: string(r)}) }
	}
	err := s.guard.Send(ctx, tx, send)
	switch {
	case refused != nil && (err == nil || isRefusal(err)):
		tx.held = append(tx.held, heldBack{p: p, why: string(p.judged.decision.Refused), costs: err == nil})
		return refused
	case isRefusal(err):
		tx.held = append(tx.held, heldBack{p: p, why: string(guard.ReasonOf(err))})
	case err == nil:
		tx.passed = append(tx.passed, p)
	}
	return err
}

// heldBack is a message that the guard held back, and why.
// costs: nothing else refused it, so once that is committed it costs client and pool what a message costs.
type heldBack struct {
	p     *posted
	why   string
	costs bool
}

// holdBack writes down that a message was held back in silence, and stores what it leaves.
func (p *posted) holdBack(ctx context.Context, tx *unit, refused *store.Event) error {
	if n := len(tx.held); n > 0 {
		refused = withReason(refused, tx.held[n-1])
	}
	if err := tx.append(ctx, refused); err != nil {
		return err
	}
	return p.leave(ctx, tx)
}

// leave stores what a message leaves that was held back in silence: if no code waits for the caller, one that nobody knows, so that a wrong code is answered
// as after a message.
func (p *posted) leave(ctx context.Context, tx *unit) error {
	if p.code == nil {
		return nil
	}
	if p.code.Chain == "" {
		live, err := tx.Codes().LiveCodes(ctx, p.code.PoolID, p.code.SubjectID, p.code.Purpose, "", tx.s.now())
		if err != nil || len(live) > 0 {
			return err
		}
	}
	return tx.Codes().InsertCode(ctx, p.code, otp.Keep)
}

// withReason adds why to an event of a refusal that was made before anybody knew.
func withReason(e *store.Event, h heldBack) *store.Event {
	data := map[string]any{}
	if len(e.Data) > 0 && json.Unmarshal(e.Data, &data) != nil || h.why == "" {
		return e
	}
	maps.Copy(data, h.p.judged.says(h.why))
	out := *e
	if raw, err := json.Marshal(data); err == nil {
		out.Data = raw
	}
	return &out
}

// afterRefusal writes down what the guard held back in a transaction that is gone: its error says it to the caller, and the event to the operator.
func (s *Service) afterRefusal(ctx context.Context, u *unit, err error) error {
	if u == nil || !isRefusal(err) {
		return err
	}
	for _, h := range u.held {
		if lost := s.guardEvent(ctx, h.p.judged, eventlog.GuardRefused, h.why); lost != nil {
			return lost
		}
	}
	return err
}

// decided tells the guard what became of the messages of a transaction, and writes down what it would have refused.
func (s *Service) decided(ctx context.Context, u *unit, committed bool) {
	if s.Screener == nil {
		return
	}
	for _, p := range u.passed {
		p.settled = true
		for _, why := range p.judged.recorded {
			u.recorded = append(u.recorded, heldBack{p: p, why: why})
		}
		if committed {
			s.Screener.Committed(ctx, p.send.PoolID, p.judged.decision)
		} else {
			s.Screener.Undo(p.judged.decision)
		}
	}
	for _, h := range u.held {
		h.p.settled = true
		if h.costs && committed {
			s.Screener.Committed(ctx, h.p.send.PoolID, h.p.judged.decision)
		} else {
			s.Screener.Undo(h.p.judged.decision)
		}
	}
	if s.Dev || !committed { // in dev every number of a tutorial would be an entry; the message's own decision says it
		return
	}
	for _, h := range u.recorded {
		if err := s.guardEvent(ctx, h.p.judged, eventlog.GuardRecorded, h.why); err != nil {
			s.Log.WarnContext(ctx, "what a guard recorded is not in the log", "reason", h.why, "error", err)
		}
	}
}

// limited sets the limits of the pool's accounts and the wider network of the caller.
func (s *Service) limited(ctx context.Context, t *tenant, c Caller, send *guard.Send) error {
	if s.Screener == nil {
		return nil
	}
	l, err := s.Screener.Limits(ctx, t.pool.ID)
	if send.Limits = &l; err != nil || send.Network == "" {
		return err
	}
	if net, ok := guard.NetOf(c.IP); ok {
		send.Net, err = s.lookup(ctx, t.pool.ID, "network", net.String())
	}
	return err
}

// unmade drops the messages of which the guard was not told what became of them.
func (s *Service) unmade(made []*posted) {
	for _, p := range made {
		if p != nil && !p.settled {
			s.drop(p.judged)
		}
	}
}

// drop tells the guard that no message came of a decision.
func (s *Service) drop(j judged) {
	if s.Screener != nil {
		s.Screener.Undo(j.decision)
	}
}

// registered is the text that a country has registered for a purpose, if the pool has one there.
func (s *Service) registered(ctx context.Context, t *tenant, l *letter, code string) (text string, choice registration.Choice, ok bool, err error) {
	if s.Registered == nil || l.attr != attrPhone || l.channel == ChannelVoice {
		return "", choice, false, nil
	}
	n, err := phone.Parse(l.to)
	if err != nil {
		return "", choice, false, nil
	}
	choice, ok, err = s.Registered(ctx, t.pool.ID, n.Region(), screenPurposes[l.counted], l.language)
	if err != nil || !ok || choice.Text == "" {
		return "", choice, false, err
	}
	if text, err = message.Render(choice.Text, message.Values{Code: code}); err != nil {
		return "", choice, false, fault.Internalf("registration %v: %w", choice.IDs, err)
	}
	return text, choice, true, nil
}
