package adminapi

import (
	"cmp"
	"context"
	"errors"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/registration"
)

// Registration is what a registry or carrier was told, and what it said.
type Registration struct {
	registration.Registration
	Shared bool `json:"shared,omitempty" doc:"It holds for all pools."`
}

// RegistrationChange creates or replaces a registration.
type RegistrationChange struct {
	Name       string     `json:"name,omitempty" maxLength:"64" doc:"Default: the one of the path; another one renames it."`
	Country    string     `json:"country" maxLength:"2" doc:"ISO 3166."`
	Kind       string     `json:"kind" enum:"ten_dlc_brand,ten_dlc_campaign,toll_free,short_code,sender_id,dlt_entity,dlt_template,template"`
	Sender     string     `json:"sender,omitempty" maxLength:"64"`
	EntityID   string     `json:"entity_id,omitempty" maxLength:"64"`
	TemplateID string     `json:"template_id,omitempty" maxLength:"64"`
	BrandID    string     `json:"brand_id,omitempty" maxLength:"64"`
	CampaignID string     `json:"campaign_id,omitempty" maxLength:"64"`
	Text       string     `json:"text,omitempty" maxLength:"4096" doc:"The exact text, with {{code}} and the places that were registered. Empty: any text."`
	Variables  []string   `json:"variables,omitempty" maxItems:"16" doc:"What is put into the DLT's places, in their order."`
	Purposes   []string   `json:"purposes,omitempty" maxItems:"16" doc:"sign_in, sign_up, recovery, verify, invite, notice. Default: all."`
	Locale     string     `json:"locale,omitempty" maxLength:"35"`
	Status     string     `json:"status,omitempty" enum:"draft,submitted,approved,rejected,expired" doc:"Default draft."`
	Reason     string     `json:"reason,omitempty" maxLength:"500"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	ParentID   string     `json:"parent_id,omitempty" maxLength:"128" doc:"The id or name of the one above: a campaign's brand, a template's entity."`
	Version    int64      `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
}

// RegistrationSettings are a pool's, or those of all pools.
type RegistrationSettings struct {
	registration.Settings
	Version int64 `json:"version,omitempty" doc:"0 creates; otherwise the version that was read."`
}

// RegistrationCheck asks whether a text may go to a country.
type RegistrationCheck struct {
	Country    string `json:"country" maxLength:"2" doc:"ISO 3166."`
	Purpose    string `json:"purpose,omitempty" enum:"sign_in,sign_up,recovery,verify,invite,notice" doc:"Default sign_in."`
	Locale     string `json:"locale,omitempty" maxLength:"35"`
	Sender     string `json:"sender,omitempty" maxLength:"64"`
	Text       string `json:"text,omitempty" maxLength:"1600" doc:"As it would go out. Default: none is looked at."`
	EntityID   string `json:"entity_id,omitempty" maxLength:"64"`
	TemplateID string `json:"template_id,omitempty" maxLength:"64"`
}

// RegistrationVerdict is what a check found.
type RegistrationVerdict struct {
	Chosen     bool     `json:"chosen" doc:"A registration chooses the text that is rendered."`
	Text       string   `json:"text,omitempty"`
	Sender     string   `json:"sender,omitempty"`
	EntityID   string   `json:"entity_id,omitempty"`
	TemplateID string   `json:"template_id,omitempty"`
	IDs        []string `json:"ids" doc:"The registration and those above it."`
	Blocker    string   `json:"blocker,omitempty" doc:"Why such a text would not be sent."`
	Why        string   `json:"why,omitempty"`
	Hint       string   `json:"hint,omitempty"`
}

type (
	registrationsInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several. The word deployment: what holds for all pools."`
		ListQuery
	}
	registrationInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several. The word deployment: what holds for all pools."`
		Name string `path:"name" maxLength:"128" doc:"The name or id."`
	}
	registrationPutInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several. The word deployment: what holds for all pools."`
		Name string `path:"name" maxLength:"128" doc:"The name or id."`
		Body RegistrationChange
	}
	registrationsOutput struct {
		Body struct {
			Registrations []Registration `json:"registrations"`
			Next          string         `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	registrationOutput        struct{ Body Registration }
	registrationSettingsInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several. The word deployment: what holds for all pools."`
		Body RegistrationSettings
	}
	registrationSettingsOutput struct{ Body RegistrationSettings }
	registrationCheckInput     struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body RegistrationCheck
	}
	registrationCheckOutput struct{ Body RegistrationVerdict }
)

// onPoolOrAll is the resource of a pool's thing, or of one of all pools.
func onPoolOrAll(pool string) access.Resource {
	if pool == deployment {
		return access.Resource{}
	}
	return onPool(pool)
}

// poolOrAll brings a pool parameter into the form of the services: empty for all pools.
func (s *server) poolOrAll(ctx context.Context, pool *string) error {
	if *pool == deployment {
		*pool = keyring.Deployment
		return nil
	}
	return s.livePool(ctx, pool)
}

func (s *server) registerRegistrations() {
	register(s, "GET", "/registrations", "registrations.read", "A pool's registrations, and those that hold for all pools",
		func(in *registrationsInput) access.Resource { return onPoolOrAll(in.Pool) }, s.listRegistrations)
	register(s, "GET", "/registrations/{name}", "registrations.read", "One registration",
		func(in *registrationInput) access.Resource { return onPoolOrAll(in.Pool) }, s.getRegistration)
	register(s, "PUT", "/registrations/{name}", "registrations.write", "Create or replace a registration",
		func(in *registrationPutInput) access.Resource { return onPoolOrAll(in.Pool) }, s.putRegistration)
	register(s, "DELETE", "/registrations/{name}", "registrations.write", "Remove a registration under which no other stands",
		func(in *registrationInput) access.Resource { return onPoolOrAll(in.Pool) },
		func(ctx context.Context, in *registrationInput) (*struct{}, error) {
			if err := s.poolOrAll(ctx, &in.Pool); err != nil {
				return nil, err
			}
			return nil, registrationFault(s.Numbers.Registrations.Delete(regBy(ctx), in.Pool, in.Name))
		})
	register(s, "POST", "/registrations/check", "registrations.read", "Which registration a text would go out under, or why it would not be sent",
		func(in *registrationCheckInput) access.Resource { return onPool(in.Pool) }, s.checkRegistration)
	register(s, "GET", "/registration-settings", "registrations.read", "The countries to which nothing is sent without a registration",
		func(in *registrationsOfInput) access.Resource { return onPoolOrAll(in.Pool) }, s.getRegistrationSettings)
	register(s, "PUT", "/registration-settings", "registrations.write", "Replace them",
		func(in *registrationSettingsInput) access.Resource { return onPoolOrAll(in.Pool) }, s.putRegistrationSettings)
	register(s, "DELETE", "/registration-settings", "registrations.write", "Remove them",
		func(in *registrationsOfInput) access.Resource { return onPoolOrAll(in.Pool) },
		func(ctx context.Context, in *registrationsOfInput) (*struct{}, error) {
			if err := s.poolOrAll(ctx, &in.Pool); err != nil {
				return nil, err
			}
			err := s.Numbers.Registrations.DeleteSettings(regBy(ctx), in.Pool)
			if fault.CodeOf(err) == fault.ResourceNotFound {
				err = fault.Of(err).WithPublic("There are no such settings.")
			}
			return nil, err
		})
}

// registrationsOfInput names a pool, or all.
type registrationsOfInput struct {
	Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several. The word deployment: what holds for all pools."`
}

// regBy says in the log who changes a registration.
func regBy(ctx context.Context) context.Context {
	return registration.By(ctx, access.From(ctx).ID)
}

func registrationFault(err error) error {
	switch fault.CodeOf(err) {
	case fault.ResourceNotFound:
		return fault.Of(err).WithPublic("There is no such registration.").WithHint("countersign registration list")
	case fault.InvalidParameter:
		if fault.Of(err).Field == "registration" {
			return fault.Of(err).WithHint("remove what stands under it first: countersign registration list --filter parent_id=ID")
		}
	case fault.ResourceExists:
		return fault.Of(err).WithPublic("There is a registration of this name already.").WithHint("repeat with its version: countersign registration show NAME")
	}
	return err
}

func registrationList() listing[Registration] {
	return listing[Registration]{name: "registrations", key: func(r Registration) string { return r.ID + "/" + r.PoolID }, fields: []field[Registration]{
		textBy("id", func(r Registration) string { return r.ID }), textBy("name", func(r Registration) string { return r.Name }),
		textBy("country", func(r Registration) string { return r.Country }), textBy("kind", func(r Registration) string { return string(r.Kind) }),
		textBy("status", func(r Registration) string { return string(r.Status) }), textBy("sender", func(r Registration) string { return r.Sender }),
		textBy("entity_id", func(r Registration) string { return r.EntityID }), textBy("template_id", func(r Registration) string { return r.TemplateID }),
		textBy("brand_id", func(r Registration) string { return r.BrandID }), textBy("campaign_id", func(r Registration) string { return r.CampaignID }),
		textBy("locale", func(r Registration) string { return r.Locale }), textBy("parent_id", func(r Registration) string { return r.ParentID }),
		flagBy("shared", func(r Registration) bool { return r.Shared }), timeBy("expires_at", func(r Registration) time.Time { return r.ExpiresAt }),
		timeBy("created_at", func(r Registration) time.Time { return r.CreatedAt }), timeBy("updated_at", func(r Registration) time.Time { return r.UpdatedAt }),
	}}
}

func (s *server) listRegistrations(ctx context.Context, in *registrationsInput) (*registrationsOutput, error) {
	if err := s.poolOrAll(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, err := registrationList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	var all []Registration
	pools := []string{in.Pool}
	if in.Pool != keyring.Deployment {
		pools = append(pools, keyring.Deployment)
	}
	for _, pool := range pools {
		for cursor := ""; ; {
			page, next, err := s.Numbers.Registrations.List(ctx, registration.Query{PoolID: pool, Cursor: cursor, Limit: 1000})
			if err != nil {
				return nil, err
			}
			for _, r := range page {
				all = append(all, registrationView(r))
			}
			if cursor = next; next == "" {
				break
			}
		}
	}
	out := &registrationsOutput{}
	out.Body.Registrations, out.Body.Next = p.page(all)
	return out, nil
}

func registrationView(r registration.Registration) Registration {
	return Registration{r, r.PoolID == keyring.Deployment}
}

func (s *server) getRegistration(ctx context.Context, in *registrationInput) (*registrationOutput, error) {
	if err := s.poolOrAll(ctx, &in.Pool); err != nil {
		return nil, err
	}
	r, err := s.Numbers.Registrations.Registration(ctx, in.Pool, in.Name)
	if fault.CodeOf(err) == fault.ResourceNotFound && in.Pool != keyring.Deployment {
		r, err = s.Numbers.Registrations.Registration(ctx, keyring.Deployment, in.Name)
	}
	return &registrationOutput{registrationView(r)}, registrationFault(err)
}

func (s *server) putRegistration(ctx context.Context, in *registrationPutInput) (*registrationOutput, error) {
	if err := s.poolOrAll(ctx, &in.Pool); err != nil {
		return nil, err
	}
	b := in.Body
	r := registration.Registration{
		PoolID: in.Pool, Name: cmp.Or(b.Name, in.Name), Country: b.Country, Kind: registration.Kind(b.Kind), Sender: b.Sender, EntityID: b.EntityID,
		TemplateID: b.TemplateID, BrandID: b.BrandID, CampaignID: b.CampaignID, Text: b.Text, Variables: b.Variables, Purposes: b.Purposes, Locale: b.Locale,
		Status: registration.Status(cmp.Or(b.Status, string(registration.Draft))), Reason: b.Reason, ExpiresAt: maybe(b.ExpiresAt), ParentID: b.ParentID,
		Version: b.Version,
	}
	if b.Version != 0 {
		old, err := s.Numbers.Registrations.Registration(ctx, in.Pool, in.Name)
		if err != nil {
			return nil, registrationFault(err)
		}
		if r.ID = old.ID; b.Name == "" {
			r.Name = old.Name
		}
	}
	r, err := s.Numbers.Registrations.Put(regBy(ctx), r)
	return &registrationOutput{registrationView(r)}, registrationFault(err)
}

func (s *server) checkRegistration(ctx context.Context, in *registrationCheckInput) (*registrationCheckOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	b := in.Body
	purpose := cmp.Or(b.Purpose, registration.SignIn)
	c, chosen, err := s.Numbers.Registrations.Choose(ctx, in.Pool, b.Country, purpose, b.Locale)
	if err != nil {
		return nil, err
	}
	v := RegistrationVerdict{Chosen: chosen, Text: c.Text, Sender: c.Sender, EntityID: c.EntityID, TemplateID: c.TemplateID, IDs: append([]string{}, c.IDs...)}
	err = s.Numbers.Registrations.Check(ctx, in.Pool, registration.Candidate{
		Country: b.Country, Purpose: purpose, Sender: b.Sender, Text: b.Text, EntityID: b.EntityID, TemplateID: b.TemplateID,
	})
	if blocked, ok := errors.AsType[*registration.Blocker](err); ok {
		v.Blocker, v.Why, v.Hint, err = string(blocked.Reason), blocked.Public, blocked.Hint, nil
	}
	return &registrationCheckOutput{v}, err
}

func (s *server) getRegistrationSettings(ctx context.Context, in *registrationsOfInput) (*registrationSettingsOutput, error) {
	if err := s.poolOrAll(ctx, &in.Pool); err != nil {
		return nil, err
	}
	set, version, err := s.Numbers.Registrations.Settings(ctx, in.Pool)
	return &registrationSettingsOutput{RegistrationSettings{set, version}}, err
}

func (s *server) putRegistrationSettings(ctx context.Context, in *registrationSettingsInput) (*registrationSettingsOutput, error) {
	if err := s.poolOrAll(ctx, &in.Pool); err != nil {
		return nil, err
	}
	version, err := s.Numbers.Registrations.PutSettings(regBy(ctx), in.Pool, in.Body.Settings, in.Body.Version)
	return &registrationSettingsOutput{RegistrationSettings{in.Body.Settings, version}}, err
}
