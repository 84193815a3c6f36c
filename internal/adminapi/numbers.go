package adminapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
)

// Numbers are what messages come from and may go to: origination identities, registrations, the sandbox with its destination numbers, and the SMS
// account. All but registrations belong to the deployment.
type Numbers struct {
	Originations  *origination.Service
	Registrations *registration.Service
	Sandbox       *sandbox.Service
	Account       *smsaccount.Service
}

// Origination is a sender ID or an origination number.
type Origination origination.Identity

// NewOrigination writes down an identity that there is, or asks for one.
type NewOrigination struct {
	Kind               string            `json:"kind,omitempty" enum:"number,sender_id" doc:"Default number."`
	Value              string            `json:"value,omitempty" maxLength:"64" doc:"The number in E.164 form, a short code's digits, or the sender ID. A number that is requested has none yet."`
	Country            string            `json:"country,omitempty" maxLength:"2" doc:"ISO 3166. A number in E.164 form has its own."`
	Type               string            `json:"type,omitempty" enum:"long_code,toll_free,ten_dlc,short_code,simulator,sender_id"`
	Capabilities       []string          `json:"capabilities,omitempty" maxItems:"8" doc:"SMS, VOICE, MMS. Default SMS."`
	MessageType        string            `json:"message_type,omitempty" enum:"TRANSACTIONAL,PROMOTIONAL"`
	Status             string            `json:"status,omitempty" enum:"active,pending"`
	TwoWay             bool              `json:"two_way,omitempty"`
	SelfManagedOptOuts bool              `json:"self_managed_opt_outs,omitempty"`
	OptOutList         string            `json:"opt_out_list,omitempty" maxLength:"64"`
	International      bool              `json:"international,omitempty" doc:"A number that may send to other countries."`
	Protected          bool              `json:"protected,omitempty" doc:"Not released while it is so."`
	RegistrationID     string            `json:"registration_id,omitempty" maxLength:"256"`
	MonthlyPrice       string            `json:"monthly_price,omitempty" maxLength:"16" doc:"In US dollars."`
	Account            string            `json:"account,omitempty" maxLength:"64" doc:"The provider account that has it."`
	Tags               map[string]string `json:"tags,omitempty"`
	Token              string            `json:"token,omitempty" maxLength:"64" doc:"Makes a request idempotent: the same token gives the same identity."`
}

// OriginationChange is what changes; what is left out stays.
type OriginationChange struct {
	TwoWay             *bool             `json:"two_way,omitempty"`
	SelfManagedOptOuts *bool             `json:"self_managed_opt_outs,omitempty"`
	International      *bool             `json:"international,omitempty"`
	Protected          *bool             `json:"protected,omitempty"`
	OptOutList         *string           `json:"opt_out_list,omitempty" maxLength:"64"`
	RegistrationID     *string           `json:"registration_id,omitempty" maxLength:"256"`
	MonthlyPrice       *string           `json:"monthly_price,omitempty" maxLength:"16"`
	Account            *string           `json:"account,omitempty" maxLength:"64"`
	Status             *string           `json:"status,omitempty" enum:"active,pending"`
	Tags               map[string]string `json:"tags,omitempty"`
	Version            int64             `json:"version,omitempty" doc:"The version that was read; 0: whatever it is."`
}

// OriginationCountry is what a country allows.
type OriginationCountry origination.Country

// OriginationSettings are what the deployment says of origination.
type OriginationSettings struct {
	origination.Settings
	Version int64 `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
}

type (
	listInput struct {
		ListQuery
	}
	originationsOutput struct {
		Body struct {
			Originations []Origination `json:"originations"`
			Next         string        `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	originationInput struct {
		Name string `path:"name" maxLength:"512" doc:"The id, the number, or SENDERID/COUNTRY."`
	}
	originationNewInput    struct{ Body NewOrigination }
	originationChangeInput struct {
		Name string `path:"name" maxLength:"512" doc:"The id, the number, or SENDERID/COUNTRY."`
		Body OriginationChange
	}
	originationOutput          struct{ Body Origination }
	originationCountriesOutput struct {
		Body struct {
			Countries []OriginationCountry `json:"countries"`
			Next      string               `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	originationSettingsInput  struct{ Body OriginationSettings }
	originationSettingsOutput struct{ Body OriginationSettings }
)

func (s *server) registerOriginations() {
	register(s, "GET", "/originations", "numbers.read", "Sender IDs and origination numbers", nil, s.listOriginations)
	register(s, "POST", "/originations", "numbers.write", "Write down a sender ID or number that a carrier has given", nil, s.addOrigination)
	register(s, "POST", "/originations/request", "numbers.write", "Ask for a sender ID, or in dev for a simulated number", nil, s.requestOrigination)
	register(s, "GET", "/originations/countries", "numbers.read", "What each country allows: sender IDs, numbers, two-way; with source and date", nil, s.originationCountries)
	register(s, "GET", "/originations/{name}", "numbers.read", "One sender ID or number", nil, func(ctx context.Context, in *originationInput) (*originationOutput, error) {
		i, err := s.Numbers.Originations.Identity(ctx, in.Name)
		return &originationOutput{Origination(i)}, originationFault(err)
	})
	register(s, "PATCH", "/originations/{name}", "numbers.write", "Change a sender ID or number", nil, s.changeOrigination)
	register(s, "DELETE", "/originations/{name}", "numbers.write", "Release a sender ID or number", nil, func(ctx context.Context, in *originationInput) (*originationOutput, error) {
		i, err := s.Numbers.Originations.Release(ctx, in.Name)
		if err == nil {
			s.audit(ctx, "origination released", "id", i.ID)
		}
		return &originationOutput{Origination(i)}, originationFault(err)
	})
	register(s, "GET", "/origination-settings", "numbers.read", "Which messages need an identity, and corrections of the table of countries", nil,
		func(ctx context.Context, _ *struct{}) (*originationSettingsOutput, error) {
			set, version, err := s.Numbers.Originations.Settings(ctx)
			return &originationSettingsOutput{OriginationSettings{set, version}}, err
		})
	register(s, "PUT", "/origination-settings", "numbers.write", "Replace them", nil, s.putOriginationSettings)
}

// originationFault makes a fault of what the service says, with what to do next.
func originationFault(err error) error {
	if b, ok := errors.AsType[*origination.Blocker](err); ok {
		return fault.New(fault.OriginationRefused).WithPublic("%s", b.Public).WithHint("what the country allows: countersign origination countries --filter country=%s", b.Country).WithErr(b)
	}
	switch fault.CodeOf(err) {
	case fault.ResourceNotFound:
		return fault.Of(err).WithPublic("There is no such sender ID or number.").WithHint("countersign origination list")
	case fault.ResourceExists:
		return fault.Of(err).WithPublic("This sender ID or number is there already.").WithHint("countersign origination list")
	case fault.PoolProtected:
		return fault.Of(err).WithHint("let it be released first: countersign origination set NAME --unprotect")
	}
	return err
}

func originationList() listing[Origination] {
	return listing[Origination]{name: "originations", key: func(i Origination) string { return i.ID }, fields: []field[Origination]{
		textBy("id", func(i Origination) string { return i.ID }), textBy("value", func(i Origination) string { return i.Value }),
		textBy("kind", func(i Origination) string { return string(i.Kind) }), textBy("type", func(i Origination) string { return string(i.Type) }),
		textBy("country", func(i Origination) string { return i.Country }), textBy("status", func(i Origination) string { return string(i.Status) }),
		textBy("message_type", func(i Origination) string { return i.MessageType }), textBy("capabilities", func(i Origination) string { return strings.Join(i.Capabilities, " ") }),
		textBy("account", func(i Origination) string { return i.Account }), textBy("registration_id", func(i Origination) string { return i.RegistrationID }),
		textBy("opt_out_list", func(i Origination) string { return i.OptOutList }), flagBy("two_way", func(i Origination) bool { return i.TwoWay }),
		flagBy("simulated", func(i Origination) bool { return i.Simulated }), flagBy("protected", func(i Origination) bool { return i.Protected }),
		timeBy("created_at", func(i Origination) time.Time { return i.CreatedAt }), timeBy("updated_at", func(i Origination) time.Time { return i.UpdatedAt }),
	}}
}

func (s *server) listOriginations(ctx context.Context, in *listInput) (*originationsOutput, error) {
	p, err := originationList().understand(in.ListQuery, "")
	if err != nil {
		return nil, err
	}
	all, _, err := s.Numbers.Originations.List(ctx, origination.Query{Limit: origination.MaxIdentities})
	out := &originationsOutput{}
	out.Body.Originations, out.Body.Next = p.page(views(all, func(i origination.Identity) Origination { return Origination(i) }))
	return out, err
}

func (s *server) addOrigination(ctx context.Context, in *originationNewInput) (*originationOutput, error) {
	b := in.Body
	i := origination.Identity{
		Kind: kindOf(b), Value: b.Value, Country: b.Country, Type: origination.Type(b.Type), Capabilities: b.Capabilities, MessageType: b.MessageType,
		Status: origination.Status(b.Status), TwoWay: b.TwoWay, SelfManagedOptOuts: b.SelfManagedOptOuts, OptOutList: b.OptOutList,
		International: b.International, Protected: b.Protected, RegistrationID: b.RegistrationID, MonthlyPrice: b.MonthlyPrice, Account: b.Account, Tags: b.Tags,
	}
	if i.Country == "" && i.Kind == origination.Number {
		n, err := numberOf(b.Value)
		if err != nil {
			return nil, fault.Invalidf("country", "country: name it; only a number in E.164 form tells its own.").WithHint("US, GB, IN ...")
		}
		i.Country = n.Region()
	}
	i, err := s.Numbers.Originations.Add(ctx, i)
	if err == nil {
		s.audit(ctx, "origination added", "id", i.ID)
	}
	return &originationOutput{Origination(i)}, originationFault(err)
}

func kindOf(b NewOrigination) origination.Kind {
	if b.Kind == string(origination.SenderID) || b.Type == string(origination.TypeSenderID) {
		return origination.SenderID
	}
	return origination.Number
}

func (s *server) requestOrigination(ctx context.Context, in *originationNewInput) (*originationOutput, error) {
	b := in.Body
	i, err := s.Numbers.Originations.Request(ctx, origination.Order{
		Kind: kindOf(b), Country: b.Country, Value: b.Value, Type: origination.Type(b.Type), Capabilities: b.Capabilities, MessageType: b.MessageType,
		OptOutList: b.OptOutList, RegistrationID: b.RegistrationID, International: b.International, Protected: b.Protected, Tags: b.Tags, Token: b.Token,
	})
	if err == nil {
		s.audit(ctx, "origination requested", "id", i.ID)
	}
	return &originationOutput{Origination(i)}, originationFault(err)
}

func (s *server) changeOrigination(ctx context.Context, in *originationChangeInput) (*originationOutput, error) {
	b := in.Body
	i, err := s.Numbers.Originations.Change(ctx, in.Name, origination.Changes{
		TwoWay: b.TwoWay, SelfManagedOptOuts: b.SelfManagedOptOuts, International: b.International, Protected: b.Protected, OptOutList: b.OptOutList,
		RegistrationID: b.RegistrationID, MonthlyPrice: b.MonthlyPrice, Account: b.Account, Status: (*origination.Status)(b.Status), Tags: b.Tags,
	}, b.Version)
	if err == nil {
		s.audit(ctx, "origination changed", "id", i.ID)
	}
	return &originationOutput{Origination(i)}, originationFault(err)
}

func (s *server) originationCountries(ctx context.Context, in *listInput) (*originationCountriesOutput, error) {
	types := func(c OriginationCountry) string {
		var out []string
		for _, t := range c.Types {
			out = append(out, string(t))
		}
		return strings.Join(out, " ")
	}
	l := listing[OriginationCountry]{name: "countries", limit: 1000, key: func(c OriginationCountry) string { return c.ISO }, fields: []field[OriginationCountry]{
		textBy("country", func(c OriginationCountry) string { return c.ISO }), textBy("name", func(c OriginationCountry) string { return c.Name }),
		textBy("sender_id", func(c OriginationCountry) string { return string(c.SenderID) }), textBy("number_types", types),
		flagBy("two_way", func(c OriginationCountry) bool { return c.TwoWay }), flagBy("identity_required", func(c OriginationCountry) bool { return c.Needed }),
		flagBy("sure", func(c OriginationCountry) bool { return c.Sure }), textBy("read", func(c OriginationCountry) string { return c.Read }),
	}}
	p, err := l.understand(in.ListQuery, "")
	if err != nil {
		return nil, err
	}
	all, err := s.Numbers.Originations.Countries(ctx)
	out := &originationCountriesOutput{}
	out.Body.Countries, out.Body.Next = p.page(views(slices.Clone(all), func(c origination.Country) OriginationCountry { return OriginationCountry(c) }))
	return out, err
}

func (s *server) putOriginationSettings(ctx context.Context, in *originationSettingsInput) (*originationSettingsOutput, error) {
	version, err := s.Numbers.Originations.PutSettings(ctx, in.Body.Settings, in.Body.Version)
	if err != nil {
		return nil, err
	}
	s.audit(ctx, "origination settings replaced", "version", version)
	return &originationSettingsOutput{OriginationSettings{in.Body.Settings, version}}, nil
}
