package poolfile

import (
	"time"

	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/route"
	"countersign/internal/screen"
	"countersign/internal/smsaccount"
)

// Version is the form of documents that this package knows.
const Version = 1

// Document is a configuration. A nil part is one that the document does not speak of.
type Document struct {
	// Version is the form of the document; required.
	Version int `json:"version" doc:"The form of the document: 1."`
	// Pool is the user pool. Without it the other parts are about the only pool there is.
	Pool *Pool `json:"pool,omitzero"`
	// Clients are the pool's app clients.
	Clients []Client `json:"clients,omitzero"`
	// Messages are the pool's settings of messages beyond their templates.
	Messages *Messages `json:"messages,omitzero"`
	// Accounts with providers, and Plan, which names them.
	Accounts []Account `json:"accounts,omitzero"`
	Plan     *Plan     `json:"plan,omitzero"`
	// Rates is a rate card as CSV: account,country,channel,price,currency,from.
	Rates *string `json:"rates,omitzero" maxLength:"1048576" doc:"The rate card as CSV."`
	// Canaries are texts to operators' own phones.
	Canaries []Canary `json:"canaries,omitzero"`
	// Guards are what the pool says of its guards.
	Guards *screen.Policy `json:"guards,omitzero"`
	// Registrations of the pool, and the countries that need one.
	Registrations        []Registration         `json:"registrations,omitzero"`
	RegistrationSettings *registration.Settings `json:"registration_settings,omitzero"`
	// Deployment is what belongs to no pool.
	Deployment *Deployment `json:"deployment,omitzero"`
}

// Pool is a user pool.
type Pool struct {
	// ID is "<region>_<letters and digits>"; Name is for people.
	ID   string `json:"id" maxLength:"55"`
	Name string `json:"name,omitempty" maxLength:"128"`
	// OwnSender: texts need no SmsConfiguration, this server's own sender has them.
	OwnSender bool `json:"own_sender,omitempty" doc:"Texts go through this server; no SmsConfiguration is needed."`
	// Settings are spelled as CreateUserPool, UpdateUserPool, SetUserPoolMfaConfig and SetRiskConfiguration have them.
	Settings map[string]any `json:"settings,omitempty" doc:"As CreateUserPool and SetUserPoolMfaConfig spell them."`
}

// Client is an app client.
type Client struct {
	ID   string `json:"id" maxLength:"128"`
	Name string `json:"name,omitempty" maxLength:"128"`
	// Secret is a reference or a value; empty for public clients. A new client whose reference nobody filled in gets a new secret.
	Secret string `json:"secret,omitempty" maxLength:"256"`
	// Settings are spelled as CreateUserPoolClient has them.
	Settings map[string]any `json:"settings,omitempty" doc:"As CreateUserPoolClient spells them."`
}

// Messages are what a pool says of its messages beyond their templates. Test numbers are left out: they end by themselves.
type Messages struct {
	Transliterate bool `json:"transliterate,omitempty"`
	Tail          bool `json:"tail,omitempty"`
	// Clients are the tails by app client; "" is for all others.
	Clients map[string]ClientTail `json:"clients,omitempty"`
	Help    string                `json:"help,omitempty" maxLength:"320"`
	// Locales are templates by language tag.
	Locales map[string]Templates `json:"locales,omitempty"`
	// CodeMaker makes the codes in this server's place.
	CodeMaker *CodeMaker `json:"code_maker,omitzero"`
}

// ClientTail is what texts of one app client end with.
type ClientTail struct {
	OriginHost  string `json:"origin_host,omitempty" maxLength:"253"`
	AndroidHash string `json:"android_hash,omitempty" maxLength:"64"`
}

// Templates of a locale. {####} is the code, {username} the sign-in name.
type Templates struct {
	SMSAuth     string `json:"sms_auth,omitempty"`
	SMSVerify   string `json:"sms_verify,omitempty"`
	SMSInvite   string `json:"sms_invite,omitempty"`
	EmailVerify Mail   `json:"email_verify,omitzero"`
	EmailInvite Mail   `json:"email_invite,omitzero"`
	EmailMFA    Mail   `json:"email_mfa,omitzero"`
}

// Mail is a template of an e-mail.
type Mail struct {
	Subject string `json:"subject,omitempty"`
	Body    string `json:"body,omitempty"`
}

// CodeMaker is an account whose service makes codes.
type CodeMaker struct {
	Account  string   `json:"account" maxLength:"64"`
	Purposes []string `json:"purposes,omitempty"`
}

// Account is an account with a provider.
type Account struct {
	route.AccountConfig
	// Secrets are references or values. One that is not there stays as it is, an empty one is removed.
	Secrets map[string]string `json:"secrets,omitempty" doc:"References like ${NAME}, or values. One that is left out stays as it is, an empty one is removed."`
}

// Plan is the pool's route plan.
type Plan = route.Plan

// Canary is a text that is sent again and again. Zero values are those of package canary.
type Canary struct {
	Name string `json:"name" maxLength:"64"`
	// To is a phone in E.164 form or a reference; a server never gives it back.
	To            string `json:"to,omitempty" maxLength:"128"`
	Account       string `json:"account,omitempty" maxLength:"64"`
	EverySeconds  int    `json:"every_seconds,omitempty"`
	Expect        string `json:"expect,omitempty"`
	WithinSeconds int    `json:"within_seconds,omitempty"`
	Disabled      bool   `json:"disabled,omitempty"`
}

// Registration is a registration; Parent is the name of the one above it. Status defaults to draft.
type Registration struct {
	Name       string              `json:"name" maxLength:"64"`
	Country    string              `json:"country" maxLength:"2"`
	Kind       registration.Kind   `json:"kind"`
	Parent     string              `json:"parent,omitempty" maxLength:"128"`
	Sender     string              `json:"sender,omitempty" maxLength:"64"`
	EntityID   string              `json:"entity_id,omitempty" maxLength:"64"`
	TemplateID string              `json:"template_id,omitempty" maxLength:"64"`
	BrandID    string              `json:"brand_id,omitempty" maxLength:"64"`
	CampaignID string              `json:"campaign_id,omitempty" maxLength:"64"`
	Text       string              `json:"text,omitempty" maxLength:"4096"`
	Variables  []string            `json:"variables,omitempty" maxItems:"16"`
	Purposes   []string            `json:"purposes,omitempty" maxItems:"16"`
	Locale     string              `json:"locale,omitempty" maxLength:"35"`
	Status     registration.Status `json:"status,omitempty"`
	Reason     string              `json:"reason,omitempty" maxLength:"500"`
	ExpiresAt  time.Time           `json:"expires_at,omitzero"`
}

// Deployment is what all pools share.
type Deployment struct {
	// Sandbox: only verified destination numbers are sent to. Its numbers are not configuration.
	Sandbox *bool `json:"sandbox,omitzero"`
	// SMSAccount are the settings of what SNS and End User Messaging know as the account.
	SMSAccount *smsaccount.Settings `json:"sms_account,omitzero"`
	// Originations are sender IDs and numbers; simulated ones are left out.
	Originations        []Origination         `json:"originations,omitzero"`
	OriginationSettings *origination.Settings `json:"origination_settings,omitzero"`
	// Registrations that hold for all pools.
	Registrations        []Registration         `json:"registrations,omitzero"`
	RegistrationSettings *registration.Settings `json:"registration_settings,omitzero"`
}

// Origination is a sender ID or number. Zero values are those of package origination: active, TRANSACTIONAL, SMS, the list Default, 0.00.
type Origination struct {
	Value   string `json:"value" maxLength:"64"`
	Country string `json:"country" maxLength:"2"`
	// Type is sender_id, or the kind of number.
	Type               origination.Type   `json:"type"`
	Capabilities       []string           `json:"capabilities,omitempty" maxItems:"3"`
	MessageType        string             `json:"message_type,omitempty"`
	Status             origination.Status `json:"status,omitempty"`
	TwoWay             bool               `json:"two_way,omitempty"`
	OptOutList         string             `json:"opt_out_list,omitempty" maxLength:"64"`
	SelfManagedOptOuts bool               `json:"self_managed_opt_outs,omitempty"`
	International      bool               `json:"international,omitempty"`
	Protected          bool               `json:"protected,omitempty"`
	// Registration is a registration's name.
	Registration string            `json:"registration,omitempty" maxLength:"128"`
	MonthlyPrice string            `json:"monthly_price,omitempty" maxLength:"16"`
	Account      string            `json:"account,omitempty" maxLength:"64"`
	Tags         map[string]string `json:"tags,omitempty"`
}

// Key is what an origination is known by.
func (o Origination) Key() string { return o.Value + "/" + o.Country }

// AboutPool reports whether a document speaks of a pool, and not of the deployment alone.
func (d *Document) AboutPool() bool {
	rest := *d
	rest.Deployment = nil
	return d.Deployment == nil || !rest.none()
}

func (d *Document) none() bool {
	return d.Pool == nil && d.Clients == nil && d.Messages == nil && d.Accounts == nil && d.Plan == nil && d.Rates == nil && d.Canaries == nil &&
		d.Guards == nil && d.Registrations == nil && d.RegistrationSettings == nil
}
