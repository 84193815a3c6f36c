package pool

// TenantConfig is what the Auth0 dialect adds to a pool's configuration. Credentials of providers are settings (store.Settings), not here.
type TenantConfig struct {
	// FriendlyName and the addresses are for templates and pages.
	FriendlyName string `json:"friendly_name,omitempty"`
	PictureURL   string `json:"picture_url,omitempty"`
	SupportEmail string `json:"support_email,omitempty"`
	SupportURL   string `json:"support_url,omitempty"`
	HomeURL      string `json:"home_url,omitempty"`
	// Locales are enabled, as BCP 47 tags; the first one is the default. Empty means en.
	Locales []string `json:"locales,omitempty"`
	// Adaptive: a second factor is asked for where the network is new to the user (the policy confidence-score). The policy all-applications is
	// Config.MFA "ON".
	Adaptive bool `json:"adaptive,omitempty"`
	// RecoveryCodes: users get a recovery code with their first factor.
	RecoveryCodes bool `json:"recovery_codes,omitempty"`
	// MessageTypes are the channels of the phone factor, sms and voice; nil means sms.
	MessageTypes []string `json:"message_types,omitzero"`
	// Provider is who sends texts: "auth0" or empty (this server's own route), "twilio", "phone-message-hook". With Consolidated it is the branding
	// phone provider instead: BrandingProvider is "twilio", "custom" (the action custom-phone-provider) or empty (the own route).
	Provider         string `json:"provider,omitempty"`
	Consolidated     bool   `json:"consolidated,omitempty"`
	BrandingProvider string `json:"branding_provider,omitempty"`
	// Enrollment and Verification are the Liquid templates of the phone factor; empty means package message's.
	Enrollment   string `json:"enrollment,omitempty"`
	Verification string `json:"verification,omitempty"`
	// Branding are the templates of the unified phone experience by type (otp_verify, otp_enroll, change_password, blocked_account,
	// password_breach), used with Consolidated.
	Branding map[string]PhoneTemplate `json:"branding,omitempty"`
	// Passwordless is the template of sms codes as first factor; empty means package message's. PasswordlessFrom is its sender.
	Passwordless     string `json:"passwordless,omitempty"`
	PasswordlessFrom string `json:"passwordless_from,omitempty"`
	// PasswordlessSignUpOff: a first passwordless code by text creates no user; PasswordlessEmailSignUpOff: nor does one by e-mail.
	PasswordlessSignUpOff      bool `json:"passwordless_sign_up_off,omitempty"`
	PasswordlessEmailSignUpOff bool `json:"passwordless_email_sign_up_off,omitempty"`
	// SandboxVersion is the Node version that the tenant asked for, kept and given back.
	SandboxVersion string `json:"sandbox_version,omitempty"`
}

// PhoneTemplate is one type's texts in the unified phone experience.
type PhoneTemplate struct {
	Disabled bool   `json:"disabled,omitempty"`
	From     string `json:"from,omitempty"`
	Text     string `json:"text"`
	Voice    string `json:"voice"`
}

// Channels of the phone factor.
const (
	ChannelSMS   = "sms"
	ChannelVoice = "voice"
)
