package cognito

import (
	"slices"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/message"
)

// check is what the model cannot say. It sees the settings as they were sent, before defaults.
func (d *poolDocument) check() error {
	p := &d.Pool
	for _, err := range []error{
		d.checkTriggers(), d.checkTemplates(), checkRecovery(p.AccountRecoverySetting), checkFirstFactors(p.Policies),
		checkTemporaryDays(p), checkSMS(p.SmsConfiguration),
	} {
		if err != nil {
			return err
		}
	}
	if s := p.UserAttributeUpdateSettings; s != nil {
		for _, a := range s.AttributesRequireVerificationBeforeUpdate {
			if !slices.Contains(p.AutoVerifiedAttributes, a) {
				return fault.Invalidf("UserAttributeUpdateSettings", "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes")
			}
		}
	}
	return nil
}

func (d *poolDocument) checkTemplates() error {
	p := &d.Pool
	list := []struct {
		member string
		kind   message.Kind
		text   *string
	}{
		{"SmsAuthenticationMessage", message.SMSAuthentication, p.SmsAuthenticationMessage},
		{"SmsVerificationMessage", message.SMSVerification, p.SmsVerificationMessage},
		{"EmailVerificationMessage", message.EmailVerification, p.EmailVerificationMessage},
		{"EmailVerificationSubject", message.EmailSubject, p.EmailVerificationSubject},
	}
	add := func(member string, kind message.Kind, text *string) {
		list = append(list, struct {
			member string
			kind   message.Kind
			text   *string
		}{member, kind, text})
	}
	if t := p.VerificationMessageTemplate; t != nil {
		if wire.Value(t.DefaultEmailOption) == api.DefaultEmailOptionConfirmWithLink {
			return fault.Invalidf("VerificationMessageTemplate", "VerificationMessageTemplate.DefaultEmailOption CONFIRM_WITH_LINK is not supported: "+
				"Countersign confirms by code.")
		}
		add("VerificationMessageTemplate.SmsMessage", message.SMSVerification, t.SmsMessage)
		add("VerificationMessageTemplate.EmailMessage", message.EmailVerification, t.EmailMessage)
		add("VerificationMessageTemplate.EmailSubject", message.EmailSubject, t.EmailSubject)
		add("VerificationMessageTemplate.EmailMessageByLink", message.EmailVerificationLink, t.EmailMessageByLink)
		add("VerificationMessageTemplate.EmailSubjectByLink", message.EmailSubject, t.EmailSubjectByLink)
	}
	if c := p.AdminCreateUserConfig; c != nil && c.InviteMessageTemplate != nil {
		t := c.InviteMessageTemplate
		add("InviteMessageTemplate.SMSMessage", message.SMSInvitation, t.SMSMessage)
		add("InviteMessageTemplate.EmailMessage", message.EmailInvitation, t.EmailMessage)
		add("InviteMessageTemplate.EmailSubject", message.EmailSubject, t.EmailSubject)
	}
	if m := d.Factors.Email; m != nil {
		add("EmailMfaConfiguration.Message", message.EmailMFA, m.Message)
		add("EmailMfaConfiguration.Subject", message.EmailSubject, m.Subject)
	}
	for _, t := range list {
		if t.text == nil {
			continue
		}
		if err := message.Validate(t.kind, *t.text); err != nil {
			return fault.Invalidf(t.member, "%s: %s", t.member, fault.Of(err).Public)
		}
	}
	return nil
}

func checkRecovery(s *api.AccountRecoverySettingType) error {
	if s == nil {
		return nil
	}
	names, priorities := map[string]bool{}, map[int64]bool{}
	for _, m := range s.RecoveryMechanisms {
		name, priority := wire.Value(m.Name), wire.Value(m.Priority)
		if names[name] || priorities[priority] {
			return fault.Invalidf("AccountRecoverySetting", "Account Recovery Setting cannot have duplicate priorities or recovery mechanisms.")
		}
		names[name], priorities[priority] = true, true
	}
	if names[api.RecoveryOptionNameAdminOnly] && len(names) > 1 {
		return fault.Invalidf("AccountRecoverySetting", "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.")
	}
	return nil
}

func checkFirstFactors(p *api.UserPoolPolicyType) error {
	if p != nil && p.SignInPolicy != nil && slices.Contains(p.SignInPolicy.AllowedFirstAuthFactors, api.AuthFactorSoftwareToken) {
		return fault.Invalidf("SignInPolicy", "AllowedFirstAuthFactors: SOFTWARE_TOKEN is not a first factor.")
	}
	return nil
}

// checkTemporaryDays: two members say how long an invitation is good. What DescribeUserPool shows may be sent back.
func checkTemporaryDays(p *api.UserPoolType) error {
	if p.AdminCreateUserConfig == nil || p.Policies == nil || p.Policies.PasswordPolicy == nil {
		return nil
	}
	old, now := p.AdminCreateUserConfig.UnusedAccountValidityDays, p.Policies.PasswordPolicy.TemporaryPasswordValidityDays
	if old != nil && now != nil && *old != *now {
		return fault.Invalidf("AdminCreateUserConfig", "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
	}
	return nil
}

func checkSMS(c *api.SmsConfigurationType) error {
	switch {
	case c == nil:
		return nil
	case c.EumsSms != nil && wire.Value(c.SnsCallerArn) != "":
		return fault.Invalidf("SmsConfiguration", "SmsConfiguration takes either SnsCallerArn or EumsSms, not both.")
	case c.EumsSms == nil && wire.Value(c.SnsCallerArn) == "":
		return fault.Invalidf("SmsConfiguration", "SmsConfiguration needs a SnsCallerArn or EumsSms.")
	}
	return nil
}

// keptOnly names settings that are kept and shown and change nothing here. docs/pool-settings.md says of each what happens instead.
func (d *poolDocument) keptOnly() []string {
	p := &d.Pool
	var out []string
	add := func(name string, set bool) {
		if set {
			out = append(out, name)
		}
	}
	add("DeviceConfiguration", p.DeviceConfiguration != nil)
	add("UserPoolAddOns", p.UserPoolAddOns != nil && wire.Value(p.UserPoolAddOns.AdvancedSecurityMode) != api.AdvancedSecurityModeOff)
	add("KeyConfiguration", p.KeyConfiguration != nil && wire.Value(p.KeyConfiguration.KeyType) == api.EncryptionKeyCustomerManagedKey)
	add("IssuerConfiguration", p.IssuerConfiguration != nil && wire.Value(p.IssuerConfiguration.Type) == api.IssuerUpdated)
	add("EmailConfiguration", p.EmailConfiguration != nil && wire.Value(p.EmailConfiguration.EmailSendingAccount) == api.EmailSendingAccountDeveloper)
	add("WebAuthnConfiguration", d.Factors.WebAuthn != nil)
	add("WEB_AUTHN", p.Policies != nil && p.Policies.SignInPolicy != nil && slices.Contains(p.Policies.SignInPolicy.AllowedFirstAuthFactors, api.AuthFactorWebAuthn))
	return out
}
