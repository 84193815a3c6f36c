package cognito

import (
	"fmt"
	"strconv"
	"strings"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/pool"
)

// adopt makes the document say what the flows' configuration says: config in reverse.
func (d *poolDocument) adopt(c *pool.Config) {
	p := &d.Pool
	p.UsernameAttributes, p.AliasAttributes, p.AutoVerifiedAttributes = c.UsernameAttributes, c.AliasAttributes, c.AutoVerified
	p.UsernameConfiguration = &api.UsernameConfigurationType{CaseSensitive: &c.CaseSensitive}
	p.SchemaAttributes = schemaWire(c.Schema)
	days := int64(c.TemporaryDays)
	if days == 0 {
		days = 7
	}
	p.Policies = &api.UserPoolPolicyType{
		PasswordPolicy: &api.PasswordPolicyType{
			MinimumLength: new(int64(c.Password.MinLength)), RequireUppercase: &c.Password.RequireUpper, RequireLowercase: &c.Password.RequireLower,
			RequireNumbers: &c.Password.RequireNumber, RequireSymbols: &c.Password.RequireSymbol, TemporaryPasswordValidityDays: &days,
		},
		SignInPolicy: &api.SignInPolicyType{AllowedFirstAuthFactors: c.FirstFactors},
	}
	if c.PasswordHistory > 0 {
		p.Policies.PasswordPolicy.PasswordHistorySize = new(int64(c.PasswordHistory))
	}
	p.UserAttributeUpdateSettings, p.AccountRecoverySetting = nil, nil
	if len(c.VerifyBeforeUpdate) > 0 {
		p.UserAttributeUpdateSettings = &api.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: c.VerifyBeforeUpdate}
	}
	if len(c.Recovery) > 0 {
		p.AccountRecoverySetting = &api.AccountRecoverySettingType{}
	}
	for i, name := range c.Recovery {
		p.AccountRecoverySetting.RecoveryMechanisms = append(p.AccountRecoverySetting.RecoveryMechanisms,
			api.RecoveryOptionType{Name: &name, Priority: new(int64(i + 1))})
	}
	protection := api.DeletionProtectionInactive
	if c.Protected {
		protection = api.DeletionProtectionActive
	}
	p.DeletionProtection = &protection
	p.AdminCreateUserConfig = &api.AdminCreateUserConfigType{AllowAdminCreateUserOnly: &c.AdminCreateOnly}
	d.adoptTemplates(&c.Templates)
	d.adoptFactors(c)
	d.adoptTriggers(c.Triggers)
	d.adoptTags(c)
}

func (d *poolDocument) adoptTemplates(t *pool.Templates) {
	p := &d.Pool
	p.SmsAuthenticationMessage = optional(t.SMSAuth)
	p.SmsVerificationMessage, p.EmailVerificationMessage, p.EmailVerificationSubject = nil, nil, nil
	p.VerificationMessageTemplate = &api.VerificationMessageTemplateType{
		SmsMessage: optional(t.SMSVerify), EmailMessage: optional(t.EmailVerify.Body), EmailSubject: optional(t.EmailVerify.Subject),
	}
	if t.SMSInvite != "" || t.EmailInvite != (pool.Mail{}) {
		p.AdminCreateUserConfig.InviteMessageTemplate = &api.MessageTemplateType{
			SMSMessage: optional(t.SMSInvite), EmailMessage: optional(t.EmailInvite.Body), EmailSubject: optional(t.EmailInvite.Subject),
		}
	}
}

func (d *poolDocument) adoptFactors(c *pool.Config) {
	d.OwnSender = c.SMSConfigured && d.Pool.SmsConfiguration == nil
	if !c.SMSConfigured {
		d.Pool.SmsConfiguration = nil
	}
	d.Pool.MfaConfiguration = &c.MFA
	if c.MFA == "" {
		d.Pool.MfaConfiguration = nil
	}
	d.Factors.SMS, d.Factors.SoftwareToken, d.Factors.Email = c.MFASMS, nil, nil
	if c.MFATOTP {
		d.Factors.SoftwareToken = &api.SoftwareTokenMfaConfigType{Enabled: new(true)}
	}
	if c.MFAEmail {
		d.Factors.Email = &api.EmailMfaConfigType{Message: optional(c.Templates.EmailMFA.Body), Subject: optional(c.Templates.EmailMFA.Subject)}
	}
}

// adoptTags keeps the tags that are not settings, and those of app clients, which are not in the pool's configuration.
func (d *poolDocument) adoptTags(c *pool.Config) {
	tags := map[string]string{}
	for k, v := range d.Pool.UserPoolTags {
		if !strings.HasPrefix(k, tagPrefix) || strings.HasPrefix(k, tagRequireMFA) {
			tags[k] = v
		}
	}
	if c.SeparateAttempts {
		tags[tagSeparateAttempts] = "true"
	}
	if c.Strict {
		tags[tagStrict] = "true"
	}
	if c.Alg != "" {
		tags[tagAlgorithm] = c.Alg
	}
	if c.OperatorNumber != "" {
		tags[tagOperatorNumber] = c.OperatorNumber
	}
	if t := c.Triggers; t != nil && t.Suite != 0 {
		tags[tagCodeSuite] = fmt.Sprintf("0x%04x", t.Suite)
	}
	if t := c.Triggers; t != nil && t.SenderRetries != 0 {
		tags[tagSenderRetries] = strconv.Itoa(t.SenderRetries)
	}
	d.Pool.UserPoolTags = tags
}
