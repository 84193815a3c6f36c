package pool

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
)

// Actions of a RiskConfig (API reference, AccountTakeoverActionType).
const (
	RiskNoAction    = "NO_ACTION"
	RiskMFAIfThere  = "MFA_IF_CONFIGURED"
	RiskMFARequired = "MFA_REQUIRED"
	RiskBlock       = "BLOCK"
)

// RiskConfig says what follows when a user signs in from a network where it had no success in the last 30 days. That is the only risk that
// is judged; a user's first sign-in is none.
type RiskConfig struct {
	// Action is one of the actions, or empty for none. MFA_REQUIRED refuses who was not asked for a second factor. MFA_IF_CONFIGURED asks
	// for nothing more: second factors are asked for anyway.
	Action string `json:"action,omitempty"`
	// Notify tells the user, at its verified e-mail address or else its verified number, with the text.
	Notify bool `json:"notify,omitempty"`
	Text   Mail `json:"text"`
	// Skipped networks are no risk; Blocked ones may not sign in. CIDR.
	Skipped []string `json:"skipped,omitempty"`
	Blocked []string `json:"blocked,omitempty"`
}

const (
	// seenAnywhere marks in the place of a network that the user has signed in before. It does not look like a network's hash.
	seenAnywhere     = "*"
	seenAnywhereLife = 10 * 365 * 24 * time.Hour
	// loginTimeForm is Cognito's: Friday, March 19, 2021 02:25 PM UTC.
	loginTimeForm = "Monday, January 02, 2006 03:04 PM MST"
)

var defaultRiskMail = Mail{
	Subject: "New sign-in to your account",
	Body:    "Your account was signed in to from a new place at {login-time} ({device-name}, {ip-address}). If this was not you, change your password now.",
}

// risk is the setting of the client, or else of the pool; nil if there is none.
func (t *tenant) risk() *RiskConfig {
	if len(t.cfg.Risk) == 0 {
		return nil
	}
	if r := t.cfg.Risk[t.clientID()]; r != nil {
		return r
	}
	return t.cfg.Risk[""]
}

func within(list []string, ip netip.Addr) bool {
	for _, s := range list {
		if p, err := netip.ParsePrefix(s); err == nil && p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// refusedForRisk is what a caller of a risky sign-in is told.
func refusedForRisk() error {
	return fault.New(fault.WrongCredentials).WithPublic("Unable to login because of security reasons.")
}

// checkAddress refuses sign-ins from blocked networks.
func (t *tenant) checkAddress(c Caller) error {
	if r := t.risk(); r != nil && c.IP.IsValid() && within(r.Blocked, c.IP) {
		return refusedForRisk()
	}
	return nil
}

// judgeRisk looks at a sign-in that has proved everything: it adds to the step what is to be stored and said, or refuses.
func (s *Service) judgeRisk(ctx context.Context, t *tenant, c Caller, a *account, d signIn, st *step) error {
	r := t.risk()
	if r == nil || a.network == "" {
		return nil
	}
	if a.known || (r.Action == "" && !r.Notify) || within(r.Skipped, c.IP) {
		return nil
	}
	before, err := s.signedInBefore(ctx, a.user)
	if err != nil || !before {
		return err
	}
	refuse := r.Action == RiskBlock || (r.Action == RiskMFARequired && !d.passed(passedMFA))
	var notes []*posted
	if r.Notify {
		if notes, err = s.riskNotice(ctx, t, c, a, r); err != nil {
			return err
		}
	}
	var events []*store.Event
	if len(notes) > 0 || refuse {
		ev, err := s.event(ctx, t, c, eventlog.RiskNotified, a.user, "", map[string]any{"action": r.Action, "notices": len(notes), "refused": refuse})
		if err != nil {
			return err
		}
		events = append(events, ev)
	}
	if !refuse {
		st.notes, st.events = notes, append(st.events, events...)
		return nil
	}
	err = s.write(ctx, func(tx *unit) error {
		if err := s.tell(ctx, tx, notes); err != nil {
			return err
		}
		return tx.append(ctx, events...)
	}, notes...)
	if err != nil {
		return err
	}
	return refusedForRisk()
}

// signedInBefore reports whether the user ever got tokens, as far as is still known.
func (s *Service) signedInBefore(ctx context.Context, u *store.User) (before bool, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if before, err = tx.Users().NetworkSeen(ctx, u.PoolID, u.ID, []byte(seenAnywhere), s.now()); err != nil || before {
			return err
		}
		list, err := tx.Families().ListFamilies(ctx, u.PoolID, u.ID, s.now(), 1)
		before = len(list) > 0
		return err
	})
	return before, err
}

// riskNotice makes the message; none for a user without a verified contact.
func (s *Service) riskNotice(ctx context.Context, t *tenant, c Caller, a *account, r *RiskConfig) ([]*posted, error) {
	own := verifiedContacts(a.user)
	attr := attrEmail
	if own[attr] == "" {
		attr = attrPhone
	}
	if own[attr] == "" {
		return nil, nil
	}
	ip := ""
	if c.IP.IsValid() {
		ip = c.IP.Unmap().String()
	}
	facts := map[string]string{
		"EVENT_ID": uuid.NewString(), "USER_NAME": a.user.Username, "IP_ADDRESS": ip, "ACCOUNT_TAKE_OVER_ACTION": orNone(r.Action),
		"ONE_CLICK_LINK_VALID": "", "ONE_CLICK_LINK_INVALID": "", "FEEDBACK_TOKEN": "",
		"LOGIN_TIME": s.now().Format(loginTimeForm), "DEVICE_NAME": deviceName(c.UserAgent),
	}
	text := r.Text
	if text.Body == "" {
		text.Body = defaultRiskMail.Body
	}
	if text.Subject == "" {
		text.Subject = defaultRiskMail.Subject
	}
	if attr == attrPhone {
		text = defaultRiskMail // a mail is too long for a text
	}
	c.Metadata = nil
	l := letter{trigger: triggerRisk, attr: attr, to: own[attr], counted: guard.Notice, lane: store.LaneNotice, user: a.user, facts: facts, by: a, life: 24 * time.Hour}
	p, err := s.notice(ctx, t, c, l, fillRisk(text.Subject, facts), fillRisk(text.Body, facts))
	if fault.CodeOf(err) == fault.InvalidParameter { // a text that cannot be sent keeps nobody from signing in
		s.Log.WarnContext(ctx, "a risk notice could not be made", "pool", t.pool.ID, "user", a.user.ID, "attribute", attr, "error", err)
		return nil, nil
	}
	if isRefusal(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []*posted{p}, nil
}

func orNone(action string) string {
	if action == "" {
		return RiskNoAction
	}
	return action
}

// fillRisk fills a text of NotifyConfiguration (developer guide, "Customizing the messages of threat protection"). All values are our own
// words or the user's own name.
func fillRisk(text string, facts map[string]string) string {
	return strings.NewReplacer(
		"{username}", facts["USER_NAME"], "{ip-address}", facts["IP_ADDRESS"], "{login-time}", facts["LOGIN_TIME"], "{device-name}", facts["DEVICE_NAME"],
		"{event-id}", facts["EVENT_ID"], "{city}", "unknown", "{country}", "unknown", "{feedback-token}", "", "{one-click-link-valid}", "", "{one-click-link-invalid}", "",
	).Replace(text)
}

// deviceName says in fixed words which browser and system a User-Agent names: nothing that its sender chose gets into a message.
func deviceName(agent string) string {
	find := func(pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if at := strings.Index(agent, pairs[i]); at >= 0 {
				version, _, _ := strings.Cut(agent[at+len(pairs[i]):], ".")
				if strings.HasSuffix(pairs[i], "/") && version != "" && len(version) <= 4 && !strings.ContainsFunc(version, func(r rune) bool { return !unicode.IsDigit(r) }) {
					return pairs[i+1] + " " + version
				}
				return pairs[i+1]
			}
		}
		return ""
	}
	browser := find("Edg/", "Edge", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari", "okhttp/", "Android app", "aws-sdk", "AWS SDK")
	system := find("Windows", "Windows", "iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "Mac OS X", "macOS", "Linux", "Linux")
	switch {
	case browser == "" && system == "":
		return "unknown device"
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return browser + ", " + system
}
