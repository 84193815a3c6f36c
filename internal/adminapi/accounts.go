package adminapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/gateway/account"
	"countersign/internal/route"
)

// AccountKind describes a kind of account with a provider.
type AccountKind struct {
	Kind     string         `json:"kind"`
	Title    string         `json:"title"`
	Channels []string       `json:"channels"`
	Receipts string         `json:"receipts" doc:"Where receipts come from, and how they are authenticated."`
	Fields   []AccountField `json:"fields"`
}

// AccountField is a setting or secret of a kind.
type AccountField struct {
	Name     string   `json:"name"`
	Help     string   `json:"help"`
	Example  string   `json:"example,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Required bool     `json:"required,omitempty"`
	Values   []string `json:"values,omitempty" doc:"The closed list of what it may be."`
}

// NewAccount creates or replaces an account.
type NewAccount struct {
	Kind             string             `json:"kind" maxLength:"64"`
	Settings         map[string]string  `json:"settings,omitempty"`
	Secrets          map[string]string  `json:"secrets,omitempty" doc:"Write-only. One that is left out stays as it is, an empty one is removed."`
	Channels         []string           `json:"channels,omitempty"`
	From             string             `json:"from,omitempty" maxLength:"64" doc:"Origination identity where neither rule nor message has one."`
	Senders          map[string]string  `json:"senders,omitempty" doc:"Origination identity by ISO 3166 country."`
	PerSecond        float64            `json:"per_second,omitempty" minimum:"0"`
	SenderPerSecond  float64            `json:"sender_per_second,omitempty" minimum:"0"`
	CountryPerSecond map[string]float64 `json:"country_per_second,omitempty"`
	MaxInFlight      int                `json:"max_in_flight,omitempty" minimum:"0"`
	Disabled         bool               `json:"disabled,omitempty"`
	TrustUnsigned    bool               `json:"trust_unsigned,omitempty" doc:"Take reports at their word that nobody signed, where the service can neither sign nor be asked."`
	Version          int64              `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
}

// AccountStatus is how an account does on the node that answers.
type AccountStatus route.Status

type (
	ofPoolInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
	}
	accountInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Name string `path:"name" maxLength:"64"`
	}
	accountPutInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Name string `path:"name" maxLength:"64"`
		Body NewAccount
	}
	doorInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Name string `path:"name" maxLength:"64"`
		Body struct {
			OverlapHours *int `json:"overlap_hours,omitempty" minimum:"0" maximum:"720" doc:"How long the URL before stays good. Default 72: services report up to three days late. 0 ends it now."`
		}
	}
	ofPoolListInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		ListQuery
	}
	kindsOutput struct {
		Body struct {
			Kinds []AccountKind `json:"kinds"`
			Next  string        `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	accountsOutput struct {
		Body struct {
			Accounts []route.Account `json:"accounts"`
			Status   []AccountStatus `json:"status" doc:"Of these accounts, on the node that answers."`
			Next     string          `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	accountOutput struct{ Body route.Account }
	checkOutput   struct {
		Body struct {
			Found string `json:"found" doc:"What the service said, in a sentence."`
		}
	}
	doorOutput struct {
		Body struct {
			URL string `json:"url" doc:"Give it to the service. Whoever knows it can report."`
		}
	}
)

func (s *server) registerAccounts() {
	onAccount := func(in *accountInput) access.Resource { return onPool(in.Pool) }
	register(s, "GET", "/account-kinds", "senders.read", "The kinds of accounts with providers, and what each needs",
		func(in *ofPoolListInput) access.Resource { return onPool(in.Pool) }, s.listKinds)
	register(s, "GET", "/accounts", "senders.read", "List a pool's accounts with providers",
		func(in *ofPoolListInput) access.Resource { return onPool(in.Pool) }, s.listAccounts)
	register(s, "GET", "/accounts/{name}", "senders.read", "One account, without its secrets", onAccount, s.getAccount)
	register(s, "PUT", "/accounts/{name}", "senders.write", "Create or replace an account",
		func(in *accountPutInput) access.Resource { return onPool(in.Pool) }, s.putAccount)
	register(s, "DELETE", "/accounts/{name}", "senders.write", "Delete an account that no rule names", onAccount,
		func(ctx context.Context, in *accountInput) (*struct{}, error) {
			a, err := s.account(ctx, &in.Pool, in.Name)
			if err == nil && a.Static {
				err = fault.Invalidf("name", "The account %s stands in the configuration file.", in.Name).WithHint("take it out of the file of sender.file, and start the server anew")
			}
			if err != nil {
				return nil, err
			}
			return nil, s.Delivery.Routes.DeleteAccount(by(ctx), in.Pool, in.Name)
		})
	register(s, "POST", "/accounts/{name}/check", "messages.test", "Test an account's credentials, without a text to anybody", onAccount, s.checkAccount)
	register(s, "GET", "/accounts/{name}/receipt-url", "senders.write", "The URL at which the service is to report", onAccount, s.receiptURL)
	register(s, "POST", "/accounts/{name}/receipt-url", "senders.write", "Make a new URL for reports",
		func(in *doorInput) access.Resource { return onPool(in.Pool) }, s.rotateReceiptURL)
}

func (s *server) listKinds(_ context.Context, in *ofPoolListInput) (*kindsOutput, error) {
	l := listing[AccountKind]{name: "account-kinds", limit: 1000, key: func(k AccountKind) string { return k.Kind }, fields: []field[AccountKind]{
		textBy("kind", func(k AccountKind) string { return k.Kind }), textBy("title", func(k AccountKind) string { return k.Title }),
		textBy("channels", func(k AccountKind) string { return strings.Join(k.Channels, " ") }),
	}}
	p, err := l.understand(in.ListQuery, "")
	if err != nil {
		return nil, err
	}
	out := &kindsOutput{}
	out.Body.Kinds, out.Body.Next = p.page(views(s.Delivery.Kinds, KindOf))
	return out, nil
}

// KindOf describes a kind as the API does.
func KindOf(k account.Spec) AccountKind {
	v := AccountKind{Kind: k.Kind, Title: k.Title, Receipts: k.Receipts, Channels: []string{}, Fields: make([]AccountField, 0, len(k.Fields))}
	for _, c := range k.Channels {
		v.Channels = append(v.Channels, string(c))
	}
	for _, f := range k.Fields {
		v.Fields = append(v.Fields, AccountField(f))
	}
	return v
}

func accountList() listing[route.Account] {
	return listing[route.Account]{name: "accounts", limit: 1000, key: func(a route.Account) string { return fmt.Sprint(a.Static, " ", a.Name) }, fields: []field[route.Account]{
		textBy("name", func(a route.Account) string { return a.Name }), textBy("kind", func(a route.Account) string { return a.Kind }),
		textBy("from", func(a route.Account) string { return a.From }), textBy("channels", func(a route.Account) string { return strings.Join(a.Channels, " ") }),
		flagBy("disabled", func(a route.Account) bool { return a.Disabled }), flagBy("static", func(a route.Account) bool { return a.Static }),
		numberBy("per_second", func(a route.Account) float64 { return a.PerSecond }),
	}}
}

func (s *server) listAccounts(ctx context.Context, in *ofPoolListInput) (*accountsOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, err := accountList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	list, err := s.Delivery.Routes.Accounts(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	static, err := s.Delivery.Routes.Accounts(ctx, "")
	if err != nil {
		return nil, err
	}
	status, err := s.Delivery.Routes.Status(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	out := &accountsOutput{}
	out.Body.Accounts, out.Body.Next = p.page(append(append([]route.Account{}, list...), static...))
	out.Body.Status = []AccountStatus{}
	for _, st := range status {
		if slices.ContainsFunc(out.Body.Accounts, func(a route.Account) bool { return a.Name == st.Account }) {
			out.Body.Status = append(out.Body.Status, AccountStatus(st))
		}
	}
	return out, nil
}

func (s *server) getAccount(ctx context.Context, in *accountInput) (*accountOutput, error) {
	a, err := s.account(ctx, &in.Pool, in.Name)
	return &accountOutput{a}, err
}

func (s *server) putAccount(ctx context.Context, in *accountPutInput) (*accountOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	b := in.Body
	if err := mayLend(ctx, b.Settings); err != nil {
		return nil, err
	}
	if b.Version > 0 {
		if _, err := s.account(ctx, &in.Pool, in.Name); err != nil {
			return nil, err
		}
	}
	a, err := s.Delivery.Routes.PutAccount(by(ctx), in.Pool, route.AccountConfig{
		Name: in.Name, Kind: b.Kind, Settings: b.Settings, Channels: b.Channels, From: b.From, Senders: b.Senders, PerSecond: b.PerSecond,
		SenderPerSecond: b.SenderPerSecond, CountryPerSecond: b.CountryPerSecond, MaxInFlight: b.MaxInFlight, Disabled: b.Disabled,
		TrustUnsigned: b.TrustUnsigned,
	}, b.Secrets, b.Version)
	switch fault.CodeOf(err) {
	case fault.InvalidParameter:
		if _, known := s.kind(b.Kind); known {
			err = fault.Of(err).WithHint("what it may be: countersign provider kinds %s", b.Kind)
		} else {
			err = fault.Of(err).WithHint("the kinds: countersign provider kinds")
		}
	case fault.ResourceExists:
		err = fault.Of(err).WithPublic("There is an account %q already.", in.Name).WithHint("change it: countersign provider set %s; or repeat with its version", in.Name)
	}
	return &accountOutput{a}, err
}

func (s *server) kind(name string) (account.Spec, bool) {
	i := slices.IndexFunc(s.Delivery.Kinds, func(k account.Spec) bool { return k.Kind == name })
	if i < 0 {
		return account.Spec{}, false
	}
	return s.Delivery.Kinds[i], true
}

// mayLend: credentials that the server finds around itself are not a pool's. Only who may change all pools can let an account use them.
func mayLend(ctx context.Context, settings map[string]string) error {
	if settings["credentials"] != "chain" {
		return nil
	}
	return access.Allow(access.From(ctx), access.Admin, "senders.write", access.Resource{})
}

func (s *server) checkAccount(ctx context.Context, in *accountInput) (*checkOutput, error) {
	if _, err := s.account(ctx, &in.Pool, in.Name); err != nil {
		return nil, err
	}
	found, err := s.Delivery.Routes.Check(ctx, in.Pool, in.Name)
	if err != nil {
		return nil, vendorProblem(in.Name, err)
	}
	out := &checkOutput{}
	out.Body.Found = found
	return out, nil
}

func (s *server) receiptURL(ctx context.Context, in *accountInput) (*doorOutput, error) {
	return s.door(ctx, in, func(pool, kind string) (string, error) {
		return s.Delivery.Receipts.URL(ctx, pool, in.Name, kind)
	})
}

// defaultOverlap is how long a replaced URL stays good (providers report up to 72 hours late).
const defaultOverlap = 72 * time.Hour

func (s *server) rotateReceiptURL(ctx context.Context, in *doorInput) (*doorOutput, error) {
	overlap := defaultOverlap
	if in.Body.OverlapHours != nil {
		overlap = time.Duration(*in.Body.OverlapHours) * time.Hour
	}
	at := &accountInput{in.Pool, in.Name}
	return s.door(ctx, at, func(pool, _ string) (string, error) {
		url, err := s.Delivery.Receipts.Rotate(ctx, pool, at.Name, overlap)
		if err == nil {
			s.Delivery.Routes.Forget(pool)
			s.audit(ctx, "receipt URL made anew", "pool", pool, "account", at.Name)
			s.tell(ctx, pool, eventlog.SenderChanged, map[string]any{"what": "receipt URL", "account": at.Name})
		}
		return url, err
	})
}

// door is about the URL of an account. That of an account of the configuration file serves all pools, and is for those who may change all of them.
func (s *server) door(ctx context.Context, in *accountInput, f func(pool, kind string) (string, error)) (*doorOutput, error) {
	a, err := s.account(ctx, &in.Pool, in.Name)
	if err != nil {
		return nil, err
	}
	pool := in.Pool
	if a.Static {
		if err := access.Allow(access.From(ctx), access.Admin, "senders.write", access.Resource{}); err != nil {
			return nil, err
		}
		pool = ""
	}
	url, err := f(pool, a.Kind)
	if err == nil && url == "" {
		err = fault.New(fault.UnsupportedOperation).WithPublic("Services cannot report to this server: it has no base URL that they could reach.").
			WithHint("base_urls of the configuration")
	}
	out := &doorOutput{}
	out.Body.URL = url
	return out, err
}
