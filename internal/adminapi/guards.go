package adminapi

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/pumping"
	"countersign/internal/screen"
	"countersign/internal/store"
)

// Guards are what may refuse a message before it is made.
type Guards struct {
	Screen  *screen.Service
	Pumping *pumping.Detector
}

// GuardSettings are a pool's guards.
type GuardSettings struct {
	Policy  screen.Policy  `json:"policy" doc:"What the pool says. What it leaves out is the default."`
	InForce *screen.Policy `json:"in_force,omitempty" readOnly:"true" doc:"The policy with all defaults."`
	Version int64          `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
}

// GuardLine is what one guard thinks of a message.
type GuardLine screen.Line

// GuardVerdict is what the guards think of a message, without it being sent.
type GuardVerdict struct {
	Refused    string      `json:"refused,omitempty" doc:"The reason; empty: it may be sent."`
	Recorded   []string    `json:"recorded" doc:"Reasons that would refuse it if they were enforced."`
	Open       bool        `json:"open,omitempty" doc:"The caller is told. Otherwise it looks as if the message had been sent wherever existence is hidden."`
	Key        string      `json:"key,omitempty" doc:"What is blocked or full."`
	Evidence   string      `json:"evidence,omitempty"`
	RetryAfter int         `json:"retry_after_seconds,omitempty"`
	Cost       string      `json:"cost,omitempty" doc:"What it would take of the day's money."`
	Lines      []GuardLine `json:"lines" doc:"Each guard, in the order in which they are asked."`
}

// GuardReport is where a pool's guards stand.
type GuardReport struct {
	At        time.Time    `json:"at"`
	Mode      string       `json:"mode"`
	Spend     GuardSpend   `json:"spend"`
	Quotas    []GuardQuota `json:"quotas" doc:"Of the pool, and of the clients, countries and ranges that the answering node has seen lately."`
	Blocks    []GuardBlock `json:"blocks"`
	Countries []GuardCount `json:"countries" doc:"Those with the most untyped codes of the last 24 hours, the worst first."`
	Ranges    []GuardCount `json:"ranges" doc:"The same, of numbers without their last four digits."`
}

// GuardSpend is what today's messages have cost, of what they may.
type GuardSpend struct {
	Day       string `json:"day"`
	Currency  string `json:"currency"`
	Spent     string `json:"spent"`
	Strangers string `json:"strangers" doc:"The part that went to numbers that nobody has proven."`
	Limit     string `json:"limit,omitempty" doc:"Empty: there is none."`
}

// GuardQuota is a quota of the present hour or day.
type GuardQuota screen.QuotaNow

// GuardBlock is a key to which nothing is sent for a while.
type GuardBlock struct {
	Key      string    `json:"key" doc:"c:DE is a country, w: and r: are ranges of numbers, a: and n: the hash of an address or network."`
	Reason   string    `json:"reason"`
	Evidence string    `json:"evidence,omitempty"`
	By       string    `json:"by" enum:"detector,operator"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Refused  int64     `json:"refused" doc:"Messages that it held back."`
}

// GuardCount is what was seen of a key.
type GuardCount struct {
	Key      string `json:"key"`
	Sent     int    `json:"sent"`
	Verified int    `json:"verified" doc:"Codes that were typed in."`
	Untyped  int    `json:"untyped"`
	Refused  int    `json:"refused"`
}

// NewGuardBlock blocks a key, or the key of an address.
type NewGuardBlock struct {
	Key     string     `json:"key,omitempty" maxLength:"128" doc:"c:DE, w:+4915112 (numbers without their last six digits), r:+491511234 (without their last four), or the key of a block or report."`
	Address string     `json:"address,omitempty" maxLength:"64" doc:"In place of a key: an IP address; a network of /24 or /48 blocks all of it."`
	Until   *time.Time `json:"until,omitempty" doc:"Default: in 24 hours."`
	Why     string     `json:"why,omitempty" maxLength:"200"`
}

type (
	guardsInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body GuardSettings
	}
	guardsOutput      struct{ Body GuardSettings }
	guardReportOutput struct{ Body GuardReport }
	guardExplainInput struct {
		Pool      string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		To        string `query:"to" maxLength:"32" required:"true" doc:"A phone number in E.164 form."`
		Channel   string `query:"channel" enum:"sms,voice" default:"sms"`
		Purpose   string `query:"purpose" enum:"sign_in,recovery,sign_up,verify,notice" default:"sign_in"`
		Client    string `query:"client" maxLength:"128"`
		IP        string `query:"ip" maxLength:"64" doc:"The caller's address."`
		Confirmed bool   `query:"confirmed" doc:"The number is proven to belong to the account."`
		Known     bool   `query:"known" doc:"The caller's network had a success of the account lately."`
		Operator  bool   `query:"operator" doc:"An administrator asks."`
		Segments  int    `query:"segments" minimum:"0" maximum:"20"`
	}
	guardExplainOutput struct{ Body GuardVerdict }
	guardBlocksOutput  struct {
		Body struct {
			Blocks []GuardBlock `json:"blocks"`
			Next   string       `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	guardBlockInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body NewGuardBlock
	}
	guardBlockOutput  struct{ Body GuardBlock }
	guardUnblockInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Key  string `query:"key" maxLength:"128" required:"true" doc:"As the list of blocks has it."`
	}
)

func (s *server) registerGuards() {
	onIt := func(in *ofPoolInput) access.Resource { return onPool(in.Pool) }
	register(s, "GET", "/guards", "guards.read", "What a pool's guards allow", onIt, s.getGuards)
	register(s, "PUT", "/guards", "guards.write", "Replace what a pool's guards allow",
		func(in *guardsInput) access.Resource { return onPool(in.Pool) }, s.putGuards)
	register(s, "DELETE", "/guards", "guards.write", "Go back to the defaults", onIt, func(ctx context.Context, in *ofPoolInput) (*struct{}, error) {
		if err := s.livePool(ctx, &in.Pool); err != nil {
			return nil, err
		}
		err := s.Guards.Screen.DeletePolicy(guardBy(ctx), in.Pool)
		if fault.CodeOf(err) == fault.ResourceNotFound {
			err = fault.Of(err).WithPublic("The pool has no guards of its own; the defaults hold.")
		}
		return nil, err
	})
	register(s, "GET", "/guards/report", "guards.read", "Where a pool's guards stand: money, quotas, blocks, untyped codes", onIt, s.guardReport)
	register(s, "GET", "/guards/explain", "guards.read", "What the guards think of a message, without counting or sending it",
		func(in *guardExplainInput) access.Resource { return onPool(in.Pool) }, s.explainGuards)
	register(s, "GET", "/guards/blocks", "guards.read", "What nothing is sent to for a while",
		func(in *ofPoolListInput) access.Resource { return onPool(in.Pool) }, s.listGuardBlocks)
	register(s, "POST", "/guards/blocks", "guards.write", "Block a country, a range of numbers, an address or a network",
		func(in *guardBlockInput) access.Resource { return onPool(in.Pool) }, s.blockKey)
	register(s, "DELETE", "/guards/blocks", "guards.write", "Lift a block, and forgive what was counted",
		func(in *guardUnblockInput) access.Resource { return onPool(in.Pool) }, s.unblockKey)
}

// guardBy says in the log who changes a policy.
func guardBy(ctx context.Context) context.Context { return screen.By(ctx, access.From(ctx).ID) }

// schemaName gives a schema its name: types of guards have plain names in their packages, which other packages use too.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "countersign/internal/screen":
		return "Guard" + name
	case "countersign/internal/pumping":
		return "Pumping" + name
	case "countersign/internal/origination":
		return "Origination" + bare(name)
	case "countersign/internal/route":
		if name == "Plan" { // an operation's has a version
			return "RoutePlan"
		}
	case "countersign/internal/poolfile":
		return "File" + name
	case "countersign/internal/smsaccount":
		return "SMSAccount" + bare(name)
	case "countersign/internal/registration":
		return "Registration" + bare(name)
	}
	return name
}

// bare tells settings from those of an operation, which have a version.
func bare(name string) string {
	if name == "Settings" {
		return "BareSettings"
	}
	return name
}

func (s *server) getGuards(ctx context.Context, in *ofPoolInput) (*guardsOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, version, err := s.Guards.Screen.Policy(ctx, in.Pool)
	full := s.Guards.Screen.Filled(p, version)
	return &guardsOutput{GuardSettings{p, &full, version}}, err
}

func (s *server) putGuards(ctx context.Context, in *guardsInput) (*guardsOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	version, err := s.Guards.Screen.PutPolicy(guardBy(ctx), in.Pool, in.Body.Policy, in.Body.Version)
	if err != nil {
		if fault.CodeOf(err) == fault.InvalidParameter {
			err = fault.Of(err).WithHint("docs/guards.md lists what a policy holds; countersign guard show prints the one in force")
		}
		return nil, err
	}
	full := s.Guards.Screen.Filled(in.Body.Policy, 1)
	return &guardsOutput{GuardSettings{in.Body.Policy, &full, version}}, nil
}

func (s *server) guardReport(ctx context.Context, in *ofPoolInput) (*guardReportOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	r, err := s.Guards.Screen.Report(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	out := GuardReport{
		At: r.At, Mode: string(r.Mode), Quotas: views(r.Quotas, func(q screen.QuotaNow) GuardQuota { return GuardQuota(q) }), Blocks: views(r.Blocks, guardBlockView),
		Countries: views(r.Countries, guardCountView), Ranges: views(r.Ranges, guardCountView),
		Spend: GuardSpend{Day: r.Spend.Day, Currency: r.Spend.Currency, Spent: Amount(r.Spend.Spent), Strangers: Amount(r.Spend.Strangers)},
	}
	if r.Spend.Limit > 0 {
		out.Spend.Limit = Amount(r.Spend.Limit)
	}
	return &guardReportOutput{out}, nil
}

func guardCountView(c store.GuardCount) GuardCount {
	return GuardCount{Key: c.Key, Sent: c.Sent, Verified: c.Verified, Untyped: max(0, c.Sent-c.Verified), Refused: c.Refused}
}

func guardBlockView(b *store.GuardBlock) GuardBlock {
	return GuardBlock{b.Key, b.Reason, b.Evidence, b.By, b.Since, b.Until, b.Refused}
}

func (s *server) explainGuards(ctx context.Context, in *guardExplainInput) (*guardExplainOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	to, err := numberOf(in.To)
	if err != nil {
		return nil, fault.Invalidf("to", "to: not a phone number in E.164 form.").WithHint("a plus, the country code and the number: +14155550100")
	}
	ask := screen.Ask{
		PoolID: in.Pool, ClientID: in.Client, To: to, Channel: in.Channel, Purpose: in.Purpose, Confirmed: in.Confirmed, Known: in.Known,
		Operator: in.Operator, Typed: true, Segments: in.Segments,
	}
	if in.IP != "" {
		if ask.IP, err = netip.ParseAddr(in.IP); err != nil {
			return nil, fault.Invalidf("ip", "ip: not an IP address.")
		}
	}
	d, lines, err := s.Guards.Screen.Explain(ctx, ask)
	if err != nil {
		return nil, err
	}
	v := GuardVerdict{
		Refused: string(d.Refused), Recorded: views(d.Recorded, func(r screen.Reason) string { return string(r) }), Open: d.Open, Key: d.Key, Evidence: d.Evidence,
		RetryAfter: int(d.RetryAfter / time.Second), Lines: views(lines, func(l screen.Line) GuardLine { return GuardLine(l) }),
	}
	if d.Cost > 0 {
		v.Cost = Amount(d.Cost)
	}
	return &guardExplainOutput{v}, nil
}

func guardBlockList() listing[GuardBlock] {
	return listing[GuardBlock]{name: "guard-blocks", key: func(b GuardBlock) string { return b.Key }, fields: []field[GuardBlock]{
		textBy("key", func(b GuardBlock) string { return b.Key }), textBy("reason", func(b GuardBlock) string { return b.Reason }),
		textBy("by", func(b GuardBlock) string { return b.By }), textBy("evidence", func(b GuardBlock) string { return b.Evidence }),
		timeBy("since", func(b GuardBlock) time.Time { return b.Since }), timeBy("until", func(b GuardBlock) time.Time { return b.Until }),
		numberBy("refused", func(b GuardBlock) float64 { return float64(b.Refused) }),
	}}
}

func (s *server) listGuardBlocks(ctx context.Context, in *ofPoolListInput) (*guardBlocksOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, err := guardBlockList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	all, err := s.Guards.Pumping.Blocks(ctx, in.Pool)
	out := &guardBlocksOutput{}
	out.Body.Blocks, out.Body.Next = p.page(views(all, guardBlockView))
	return out, err
}

// usualBlock is how long an operator's block lasts that names no end, longestBlock how long one may.
const (
	usualBlock   = 24 * time.Hour
	longestBlock = 366 * 24 * time.Hour
)

func (s *server) blockKey(ctx context.Context, in *guardBlockInput) (*guardBlockOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	b, now := in.Body, s.Now().UTC()
	if (b.Key == "") == (b.Address == "") {
		return nil, fault.Invalidf("key", "Name either a key or an address.").WithHint("c:DE, r:+491511234 ...; or an IP address")
	}
	if b.Address != "" {
		var err error
		if b.Key, err = s.addressKey(ctx, in.Pool, b.Address); err != nil {
			return nil, err
		}
	}
	until := now.Add(usualBlock)
	if b.Until != nil {
		until = b.Until.UTC()
	}
	if !until.After(now) || until.Sub(now) > longestBlock {
		return nil, fault.Invalidf("until", "until: between now and a year from now.")
	}
	if err := s.Guards.Pumping.Block(ctx, in.Pool, b.Key, until, b.Why); err != nil {
		if fault.CodeOf(err) == fault.InvalidParameter {
			err = fault.Of(err).WithHint("c:DE, w:+4915112, r:+491511234, or a key of countersign guard blocks")
		}
		return nil, err
	}
	s.audit(ctx, "key blocked", "pool", in.Pool, "key", b.Key)
	all, err := s.Guards.Pumping.Blocks(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if x.Key == b.Key {
			return &guardBlockOutput{guardBlockView(x)}, nil
		}
	}
	return &guardBlockOutput{GuardBlock{Key: b.Key, Reason: pumping.Operator, By: "operator", Evidence: b.Why, Since: now, Until: until}}, nil
}

// addressKey is the key of an address, or of the network around it if one is named.
func (s *server) addressKey(ctx context.Context, poolID, text string) (string, error) {
	wide := strings.Contains(text, "/")
	addr, err := netip.ParseAddr(text)
	if wide {
		var p netip.Prefix
		p, err = netip.ParsePrefix(text)
		if addr = p.Addr(); err == nil && p.Bits() != map[bool]int{true: 24, false: 48}[addr.Unmap().Is4()] {
			return "", fault.Invalidf("address", "address: networks are /24, or /48 with IPv6.").WithHint("wider ones are for a rule of the policy: countersign guard set")
		}
	}
	if err != nil {
		return "", fault.Invalidf("address", "address: not an IP address or network.")
	}
	one, network, err := s.Guards.Pumping.AddressKeys(ctx, poolID, addr.Unmap())
	if wide {
		return network, err
	}
	return one, err
}

func (s *server) unblockKey(ctx context.Context, in *guardUnblockInput) (*struct{}, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	err := s.Guards.Pumping.Unblock(ctx, in.Pool, in.Key)
	if fault.CodeOf(err) == fault.ResourceNotFound {
		err = fault.Of(err).WithPublic("This key is not blocked.").WithHint("countersign guard blocks")
	}
	if err == nil {
		s.audit(ctx, "key unblocked", "pool", in.Pool, "key", in.Key)
	}
	return nil, err
}
