package cognito

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/password"
	"countersign/internal/pool"
)

// poolDocument is what store.Pool.Wire holds: the settings of a pool as they were set, defaults filled in. pool.Config is derived
// from it, here alone.
type poolDocument struct {
	// Pool has no id, name, dates, counts and ARN: these belong to the row.
	Pool    api.UserPoolType `json:"pool"`
	Factors factorDocument   `json:"factors"`
	// Risk holds what SetRiskConfiguration set, by app client; "" is the pool's own.
	Risk map[string]api.RiskConfigurationType `json:"risk,omitempty"`
	// OwnSender: the pool was made by Countersign itself, whose sender needs no role of another service.
	OwnSender bool `json:"own_sender,omitempty"`
}

// factorDocument is what SetUserPoolMfaConfig sets and DescribeUserPool does not show.
type factorDocument struct {
	// SMS: texts are a second factor, unless MFA is off.
	SMS           bool                            `json:"sms,omitempty"`
	SoftwareToken *api.SoftwareTokenMfaConfigType `json:"software_token,omitzero"`
	Email         *api.EmailMfaConfigType         `json:"email,omitzero"`
	WebAuthn      *api.WebAuthnConfigurationType  `json:"web_authn,omitzero"`
}

const (
	mfaOff      = api.UserPoolMfaOff
	smsRequired = "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
)

// created is the document of a new pool. own is set for pools that Countersign makes for itself.
func created(in *api.CreateUserPoolRequest, own bool) (*poolDocument, error) {
	d := &poolDocument{OwnSender: own}
	copyMembers(&d.Pool, in)
	schema, err := fullSchema(in.Schema)
	if err != nil {
		return nil, err
	}
	d.Pool.SchemaAttributes = schema
	if len(d.Pool.UsernameAttributes) > 0 && len(d.Pool.AliasAttributes) > 0 {
		return nil, fault.Invalidf("UsernameAttributes", "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")
	}
	if d.mode() != mfaOff {
		if !d.hasSender() {
			return nil, needsSMS()
		}
		d.Factors.SMS = true
	}
	return d, d.finish()
}

// updated is the document after UpdateUserPool: what the request leaves out goes back to its default, but for what is fixed at
// creation and what only SetUserPoolMfaConfig sets.
func (d *poolDocument) updated(in *api.UpdateUserPoolRequest) (*poolDocument, error) {
	n := &poolDocument{OwnSender: d.OwnSender, Factors: d.Factors, Risk: d.Risk}
	n.Pool.SchemaAttributes, n.Pool.AliasAttributes = d.Pool.SchemaAttributes, d.Pool.AliasAttributes
	n.Pool.UsernameAttributes, n.Pool.UsernameConfiguration = d.Pool.UsernameAttributes, d.Pool.UsernameConfiguration
	copyMembers(&n.Pool, in)
	other := n.Factors.totp() || n.Factors.Email != nil
	switch {
	case n.mode() == mfaOff || !n.hasSender():
		n.Factors.SMS = false
	case !other:
		n.Factors.SMS = true
	}
	if n.mode() != mfaOff && !n.Factors.SMS && !other {
		return nil, needsSMS()
	}
	return n, n.finish()
}

func needsSMS() error {
	return fault.Invalidf("SmsConfiguration", smsRequired).
		WithHint("Give an SmsConfiguration: any role ARN will do, texts go to the configured sender. Other factors are set by SetUserPoolMfaConfig.")
}

// copyMembers copies the members of a request to those of the same name and type.
func copyMembers(to *api.UserPoolType, request any) {
	copySame(reflect.ValueOf(to).Elem(), reflect.ValueOf(request).Elem())
}

func copySame(to, from reflect.Value) {
	for i := range from.NumField() {
		f := to.FieldByName(from.Type().Field(i).Name)
		if v := from.Field(i); f.IsValid() && f.Type() == v.Type() && !v.IsNil() {
			f.Set(v)
		}
	}
}

// finish checks a document and fills the defaults in.
func (d *poolDocument) finish() error {
	if err := d.check(); err != nil {
		return err
	}
	d.complete()
	_, err := d.config()
	return err
}

func (d *poolDocument) mode() string {
	if d.Pool.MfaConfiguration == nil {
		return mfaOff
	}
	return *d.Pool.MfaConfiguration
}

func (d *poolDocument) hasSender() bool { return d.OwnSender || d.Pool.SmsConfiguration != nil }

func (f *factorDocument) totp() bool {
	return f.SoftwareToken != nil && wire.Value(f.SoftwareToken.Enabled)
}

// orSet gives *p a value if it has none.
func orSet[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

// complete fills the defaults in, as a fresh pool shows them.
func (d *poolDocument) complete() {
	p := &d.Pool
	orSet(&p.DeletionProtection, api.DeletionProtectionInactive)
	orSet(&p.MfaConfiguration, mfaOff)
	orSet(&p.UserPoolTier, api.UserPoolTierEssentials)
	orSet(&p.LambdaConfig, api.LambdaConfigType{})
	orSet(&p.EmailConfiguration, api.EmailConfigurationType{})
	orSet(&p.EmailConfiguration.EmailSendingAccount, api.EmailSendingAccountCognitoDefault)
	if p.UserPoolTags == nil {
		p.UserPoolTags = map[string]string{}
	}
	orSet(&p.AdminCreateUserConfig, api.AdminCreateUserConfigType{})
	orSet(&p.AdminCreateUserConfig.AllowAdminCreateUserOnly, false)
	d.completePolicies()
	orSet(&p.AdminCreateUserConfig.UnusedAccountValidityDays, *p.Policies.PasswordPolicy.TemporaryPasswordValidityDays)
	d.completeTemplates()
}

func (d *poolDocument) completePolicies() {
	p := &d.Pool
	orSet(&p.Policies, api.UserPoolPolicyType{})
	if p.Policies.PasswordPolicy == nil {
		def := password.DefaultPolicy()
		p.Policies.PasswordPolicy = &api.PasswordPolicyType{
			RequireUppercase: &def.RequireUpper, RequireLowercase: &def.RequireLower, RequireNumbers: &def.RequireNumber, RequireSymbols: &def.RequireSymbol,
		}
	}
	pp := p.Policies.PasswordPolicy
	orSet(&pp.MinimumLength, int64(password.DefaultMinLength))
	orSet(&pp.RequireUppercase, false)
	orSet(&pp.RequireLowercase, false)
	orSet(&pp.RequireNumbers, false)
	orSet(&pp.RequireSymbols, false)
	days := int64(7)
	if v := p.AdminCreateUserConfig.UnusedAccountValidityDays; v != nil {
		days = *v
	}
	orSet(&pp.TemporaryPasswordValidityDays, days)
	orSet(&p.Policies.SignInPolicy, api.SignInPolicyType{})
	if len(p.Policies.SignInPolicy.AllowedFirstAuthFactors) == 0 {
		p.Policies.SignInPolicy.AllowedFirstAuthFactors = []string{api.AuthFactorPassword}
	}
}

// completeTemplates shows a text under its old name and its new one; the new one counts.
func (d *poolDocument) completeTemplates() {
	p := &d.Pool
	orSet(&p.VerificationMessageTemplate, api.VerificationMessageTemplateType{})
	t := p.VerificationMessageTemplate
	orSet(&t.DefaultEmailOption, api.DefaultEmailOptionConfirmWithCode)
	for _, pair := range [][2]**string{
		{&p.SmsVerificationMessage, &t.SmsMessage}, {&p.EmailVerificationMessage, &t.EmailMessage}, {&p.EmailVerificationSubject, &t.EmailSubject},
	} {
		if *pair[0] == nil {
			*pair[0] = *pair[1]
		}
		if *pair[1] == nil {
			*pair[1] = *pair[0]
		}
	}
}

// config derives what the flows need. BaseURL is the caller's to set. The document must be complete.
func (d *poolDocument) config() (pool.Config, error) {
	p, pp := &d.Pool, d.Pool.Policies.PasswordPolicy
	c := pool.Config{
		UsernameAttributes: p.UsernameAttributes, AliasAttributes: p.AliasAttributes, AutoVerified: p.AutoVerifiedAttributes,
		CaseSensitive: p.UsernameConfiguration == nil || wire.Value(p.UsernameConfiguration.CaseSensitive),
		Password: password.Policy{
			MinLength: int(*pp.MinimumLength), RequireUpper: *pp.RequireUppercase, RequireLower: *pp.RequireLowercase,
			RequireNumber: *pp.RequireNumbers, RequireSymbol: *pp.RequireSymbols,
		},
		PasswordHistory: int(wire.Value(pp.PasswordHistorySize)), TemporaryDays: int(*pp.TemporaryPasswordValidityDays),
		FirstFactors: p.Policies.SignInPolicy.AllowedFirstAuthFactors,
		MFA:          d.mode(), MFASMS: d.Factors.SMS, MFATOTP: d.Factors.totp(), MFAEmail: d.Factors.Email != nil,
		Templates:       d.templates(),
		Recovery:        recoveryOrder(p.AccountRecoverySetting),
		AdminCreateOnly: *p.AdminCreateUserConfig.AllowAdminCreateUserOnly,
		Protected:       *p.DeletionProtection == api.DeletionProtectionActive,
		SMSConfigured:   d.hasSender(),
	}
	if c.MFA == mfaOff {
		c.MFASMS, c.MFATOTP, c.MFAEmail = false, false, false
	}
	if s := p.UserAttributeUpdateSettings; s != nil {
		c.VerifyBeforeUpdate = s.AttributesRequireVerificationBeforeUpdate
	}
	var err error
	if c.Schema, err = schemaConfig(p.SchemaAttributes); err != nil {
		return c, err
	}
	own, err := ownSettingsOf(p.UserPoolTags)
	if err != nil {
		return c, err
	}
	if c.Triggers, err = triggersOf(p.LambdaConfig); err != nil {
		return c, err
	}
	if c.Triggers != nil {
		c.Triggers.Suite, c.Triggers.SenderRetries = own.codeSuite, own.senderRetries
	}
	c.SeparateAttempts, c.Strict, c.Alg, c.OperatorNumber = own.separateAttempts, own.strict, own.algorithm, own.operatorNumber
	for id, r := range d.Risk {
		if c.Risk == nil {
			c.Risk = map[string]*pool.RiskConfig{}
		}
		if c.Risk[id], err = riskConfig(&r); err != nil {
			return c, err
		}
	}
	if len(own.requireMFA) > 0 && c.MFA == mfaOff {
		return c, fault.Invalidf("UserPoolTags", "UserPoolTags: %s needs MfaConfiguration OPTIONAL or ON.", tagRequireMFA)
	}
	return c, nil
}

func (d *poolDocument) templates() pool.Templates {
	p, t := &d.Pool, d.Pool.VerificationMessageTemplate
	out := pool.Templates{
		SMSAuth: wire.Value(p.SmsAuthenticationMessage), SMSVerify: wire.Value(t.SmsMessage),
		EmailVerify: pool.Mail{Subject: wire.Value(t.EmailSubject), Body: wire.Value(t.EmailMessage)},
	}
	if m := p.AdminCreateUserConfig.InviteMessageTemplate; m != nil {
		out.SMSInvite = wire.Value(m.SMSMessage)
		out.EmailInvite = pool.Mail{Subject: wire.Value(m.EmailSubject), Body: wire.Value(m.EmailMessage)}
	}
	if m := d.Factors.Email; m != nil {
		out.EmailMFA = pool.Mail{Subject: wire.Value(m.Subject), Body: wire.Value(m.Message)}
	}
	return out
}

func recoveryOrder(s *api.AccountRecoverySettingType) []string {
	if s == nil {
		return nil
	}
	list := slices.Clone(s.RecoveryMechanisms)
	slices.SortStableFunc(list, func(a, b api.RecoveryOptionType) int { return int(wire.Value(a.Priority) - wire.Value(b.Priority)) })
	var out []string
	for _, m := range list {
		out = append(out, wire.Value(m.Name))
	}
	return out
}

// put writes the document and what is derived from it into a pool.
func (d *poolDocument) put(p *pool.Pool) error {
	cfg, err := d.config()
	if err != nil {
		return err
	}
	keepOthers(&cfg, &p.Config)
	p.Config = cfg
	if p.Wire, err = json.Marshal(d); err != nil {
		return fault.Internalf("pool %s: %w", p.ID, err)
	}
	p.Change.KeptOnly = d.keptOnly()
	return nil
}

// keepOthers keeps what no member of Cognito's says: other surfaces set it.
func keepOthers(cfg, own *pool.Config) {
	cfg.BaseURL, cfg.Tenant = own.BaseURL, own.Tenant
	cfg.Texts, cfg.CodeMaker, cfg.TestNumbers = own.Texts, own.CodeMaker, own.TestNumbers
}

// documentOf reads a pool's document. Where the flows' configuration says something else (another API made or changed the pool),
// the configuration is right and the document follows.
func documentOf(p *pool.Pool) (*poolDocument, error) {
	d := &poolDocument{}
	if len(p.Wire) > 0 {
		if err := json.Unmarshal(p.Wire, d); err != nil {
			return nil, fault.Internalf("pool %s: %w", p.ID, err)
		}
	}
	d.complete()
	cfg, err := d.config()
	keepOthers(&cfg, &p.Config)
	if err != nil || !sameJSON(cfg, p.Config) {
		own := p.Config // the document must not change with the pool
		d.adopt(&own)
		d.complete()
	}
	return d, nil
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
