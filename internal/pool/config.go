package pool

import (
	"encoding/json"
	"slices"
	"time"

	"countersign/internal/password"
	"countersign/internal/trigger"
)

// Config is what the flows need to know of a pool. What else a facade must give back lies in store.Pool.Wire.
type Config struct {
	// UsernameAttributes (phone_number, email): users sign in with these; their username is their sub.
	UsernameAttributes []string `json:"username_attributes,omitempty"`
	// AliasAttributes (phone_number, email, preferred_username): verified values are further sign-in names.
	AliasAttributes []string `json:"alias_attributes,omitempty"`
	// CaseSensitive names and e-mail addresses. Default false.
	CaseSensitive bool `json:"case_sensitive,omitempty"`
	// AutoVerified lists phone_number and email as far as sign-up and changes send codes to them.
	AutoVerified []string `json:"auto_verified,omitempty"`
	// Schema holds every attribute of the pool, standard ones included.
	Schema []SchemaAttribute `json:"schema"`
	// Password is the policy; PasswordHistory the number of remembered passwords, at most 24.
	Password        password.Policy `json:"password"`
	PasswordHistory int             `json:"password_history,omitempty"`
	// TemporaryDays is how long an invitation is good, in days. Zero means 7.
	TemporaryDays int `json:"temporary_days,omitempty"`
	// FirstFactors are the choices of USER_AUTH: PASSWORD, SMS_OTP, EMAIL_OTP. Empty means PASSWORD.
	FirstFactors []string `json:"first_factors,omitempty"`
	// MFA is OFF, OPTIONAL or ON; the three flags say which second factors the pool offers.
	MFA      string `json:"mfa"`
	MFASMS   bool   `json:"mfa_sms,omitempty"`
	MFATOTP  bool   `json:"mfa_totp,omitempty"`
	MFAEmail bool   `json:"mfa_email,omitempty"`
	// Templates of messages; an empty one means the default of package message.
	Templates Templates `json:"templates"`
	// VerifyBeforeUpdate lists phone_number and email if a new value waits for its code.
	VerifyBeforeUpdate []string `json:"verify_before_update,omitempty"`
	// Recovery is the order of contacts for a reset code: verified_phone_number, verified_email, admin_only.
	// Empty means phone, then e-mail, and that a factor may also recover.
	Recovery []string `json:"recovery,omitempty"`
	// AdminCreateOnly forbids SignUp.
	AdminCreateOnly bool `json:"admin_create_only,omitempty"`
	// Protected forbids DeleteUserPool.
	Protected bool `json:"protected,omitempty"`
	// SMSConfigured is set when the pool has an SMS configuration (a role or our own sender).
	SMSConfigured bool `json:"sms_configured,omitempty"`

	// BaseURL is the declared base URL; the issuer is BaseURL + "/" + pool id.
	BaseURL string `json:"base_url"`
	// SeparateAttempts: an unconfirmed sign-up owns nothing; see store.Attempt.
	SeparateAttempts bool `json:"separate_attempts,omitempty"`
	// Strict: every code lives ten minutes at most (OWASP ASVS 5.0, 6.5.5).
	Strict bool `json:"strict,omitempty"`
	// Alg signs tokens: RS256 (default) or ES256.
	Alg string `json:"alg,omitempty"`
	// Triggers are the pool's functions (LambdaConfig); nil: none.
	Triggers *trigger.Config `json:"triggers,omitempty"`
	// Risk says what follows a sign-in from a new network, by app client; "" is for all others.
	Risk map[string]*RiskConfig `json:"risk,omitempty"`
	// OperatorNumber gets the test message in serve mode; empty: an event only.
	OperatorNumber string `json:"operator_number,omitempty"`
	// Texts are settings of the messages themselves, CodeMaker who makes codes in this server's place, TestNumbers numbers with a fixed code; see
	// PutMessageSettings. Nil: none.
	Texts       *TextConfig  `json:"texts,omitempty"`
	CodeMaker   *MakerConfig `json:"code_maker,omitempty"`
	TestNumbers []TestPhone  `json:"test_numbers,omitempty"`
	// Tenant is what the Auth0 dialect adds; nil: nothing of it was set.
	Tenant *TenantConfig `json:"tenant,omitempty"`
}

// SchemaAttribute describes one attribute of the pool.
type SchemaAttribute struct {
	Name string `json:"name"`
	// Type is String, Number, DateTime or Boolean.
	Type     string `json:"type"`
	Required bool   `json:"required,omitempty"`
	Mutable  bool   `json:"mutable,omitempty"`
	// DeveloperOnly attributes (dev:) are for administrators.
	DeveloperOnly bool `json:"developer_only,omitempty"`
	// Min and Max bound the length of a String or the value of a Number; nil: unbounded (2048 bytes at most).
	Min *int64 `json:"min,omitempty"`
	Max *int64 `json:"max,omitempty"`
}

// Templates of a pool. {####} is the code, {username} the sign-in name.
type Templates struct {
	SMSAuth     string `json:"sms_auth,omitempty"`
	SMSVerify   string `json:"sms_verify,omitempty"`
	SMSInvite   string `json:"sms_invite,omitempty"`
	EmailVerify Mail   `json:"email_verify"`
	EmailInvite Mail   `json:"email_invite"`
	EmailMFA    Mail   `json:"email_mfa"`
}

// Mail is an e-mail template.
type Mail struct {
	Subject string `json:"subject,omitempty"`
	Body    string `json:"body,omitempty"`
}

// ClientConfig is what the flows need to know of an app client.
type ClientConfig struct {
	// Flows are ALLOW_ values (ALLOW_USER_SRP_AUTH ...), legacy names already mapped.
	Flows []string `json:"flows"`
	// ReadAttributes and WriteAttributes; nil means all standard attributes (and, for reading, the verified flags).
	ReadAttributes  []string `json:"read_attributes,omitempty"`
	WriteAttributes []string `json:"write_attributes,omitempty"`
	// HideExistence: errors and answers do not tell whether a user exists.
	HideExistence bool `json:"hide_existence,omitempty"`
	// Revocation: tokens carry origin_jti and can be revoked. Default true at creation.
	Revocation bool `json:"revocation"`
	// AuthSession is the life of a challenge, 3 to 15 minutes.
	AuthSession time.Duration `json:"auth_session"`
	AccessTTL   time.Duration `json:"access_ttl"`
	IDTTL       time.Duration `json:"id_ttl"`
	RefreshTTL  time.Duration `json:"refresh_ttl"`
	// Rotation of refresh tokens; Grace is how long the old one stays good (0 to 60 s).
	Rotation bool          `json:"rotation,omitempty"`
	Grace    time.Duration `json:"grace,omitempty"`
	// RequireMFA: this client asks for a second factor even where the pool does not.
	RequireMFA bool `json:"require_mfa,omitempty"`
	// Machine: the client gets management tokens by its secret, which therefore is shown to none but those who hold all that it may do.
	Machine bool `json:"machine,omitempty"`
	// Grants are the OAuth grant types that the client may use on the Auth0 wire ("password", "http://auth0.com/oauth/grant-type/mfa-oob" ...); nil
	// means those that its Flows imply.
	Grants []string `json:"grants,omitempty"`
	// Metadata is client_metadata: strings by name, told to user code.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Audiences are the APIs that the client may ask access tokens for, besides the server's own; Scopes what it may be granted there.
	Audiences []string `json:"audiences,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
}

// DefaultFlows are what a client may use that names none: API reference, CreateUserPoolClient.
func DefaultFlows() []string {
	return []string{"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}
}

// DefaultClientConfig is a client created with a name and nothing else.
func DefaultClientConfig() ClientConfig {
	return ClientConfig{
		Flows: DefaultFlows(), Revocation: true, AuthSession: 3 * time.Minute,
		AccessTTL: time.Hour, IDTTL: time.Hour, RefreshTTL: 30 * 24 * time.Hour,
	}
}

// DefaultConfig is a pool created with a name and nothing else.
func DefaultConfig() Config {
	return Config{
		Schema: StandardSchema(), MFA: "OFF", CaseSensitive: true,
		Password: password.Policy{MinLength: 8, RequireUpper: true, RequireLower: true, RequireNumber: true, RequireSymbol: true},
	}
}

// StandardSchema is the OpenID Connect claims that every pool has, with the limits that DescribeUserPool shows.
func StandardSchema() []SchemaAttribute {
	zero, long, ten := int64(0), int64(2048), int64(10)
	text := func(name string, min, max *int64) SchemaAttribute {
		return SchemaAttribute{Name: name, Type: "String", Mutable: true, Min: min, Max: max}
	}
	one := int64(1)
	s := []SchemaAttribute{{Name: "sub", Type: "String", Required: true, Min: &one, Max: &long}}
	for _, n := range []string{"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "email"} {
		s = append(s, text(n, &zero, &long))
	}
	s = append(s, SchemaAttribute{Name: "email_verified", Type: "Boolean", Mutable: true},
		text("gender", &zero, &long), text("birthdate", &ten, &ten), text("zoneinfo", &zero, &long), text("locale", &zero, &long),
		text("phone_number", &zero, &long), SchemaAttribute{Name: "phone_number_verified", Type: "Boolean", Mutable: true},
		text("address", &zero, &long), SchemaAttribute{Name: "updated_at", Type: "Number", Mutable: true, Min: &zero})
	return s
}

// usesName reports whether users sign in with the attribute in place of a chosen username.
func (c *Config) usesName(attr string) bool { return slices.Contains(c.UsernameAttributes, attr) }

// aliases reports whether a verified value of the attribute is a sign-in name.
func (c *Config) aliases(attr string) bool {
	return slices.Contains(c.AliasAttributes, attr) || c.usesName(attr)
}

func (c *Config) autoVerifies(attr string) bool { return slices.Contains(c.AutoVerified, attr) }

func (c *Config) verifiesBeforeUpdate(attr string) bool {
	return slices.Contains(c.VerifyBeforeUpdate, attr)
}

// attribute returns the schema of a name, nil if the pool has none.
func (c *Config) attribute(name string) *SchemaAttribute {
	for i := range c.Schema {
		if c.Schema[i].Name == name {
			return &c.Schema[i]
		}
	}
	return nil
}

func (c *Config) firstFactor(name string) bool {
	if len(c.FirstFactors) == 0 {
		return name == "PASSWORD"
	}
	return slices.Contains(c.FirstFactors, name)
}

// passwordless reports whether an account needs no password: an OTP first factor is offered.
func (c *Config) passwordless() bool { return c.firstFactor("SMS_OTP") || c.firstFactor("EMAIL_OTP") }

func (c *Config) temporaryLife() time.Duration {
	if c.TemporaryDays <= 0 {
		return 7 * 24 * time.Hour
	}
	return time.Duration(c.TemporaryDays) * 24 * time.Hour
}

func (c *ClientConfig) allows(flow string) bool { return slices.Contains(c.Flows, flow) }

// srp reports whether the client may use a flow that needs a verifier.
func (c *ClientConfig) srp() bool {
	return c.allows("ALLOW_USER_SRP_AUTH") || c.allows("ALLOW_USER_AUTH") || c.allows("ALLOW_CUSTOM_AUTH")
}

func decode[T any](raw json.RawMessage) (T, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}
