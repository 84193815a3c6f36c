package access

import (
	"slices"
	"strings"

	"countersign/internal/fault"
)

// PresetInfo describes a preset, for documentation and the console.
type PresetInfo struct {
	Name, Meaning string
	// Actions are by service, as granted.
	Actions map[string][]string
	// OnKeys says that the preset's KMS actions are limited to keys, all others to pools.
	OnKeys bool
}

// Presets returns the presets:
//
//	app-backend  the server side of an application: signs users in and manages them in its pools
//	sender       a function outside that sends the messages of a pool: decrypts codes, publishes texts
//	deployer     a pipeline: configures pools, clients, hooks, functions, keys, guards and numbers; sees no users and decrypts nothing
//	auditor      reads configuration, users, messages and the log; changes and decrypts nothing
//	owner        everything
func Presets() []PresetInfo {
	return []PresetInfo{
		{"app-backend", "signs users in and manages them", appBackend(), false},
		{"sender", "decrypts codes and sends texts", sender(), true},
		{"deployer", "configures pools, clients, hooks, functions and keys; sees no users", deployer(), true},
		{"auditor", "reads everything, decrypts nothing", auditor(), true},
		{"owner", "everything", map[string][]string{AnyService: {anything}}, true},
	}
}

// Preset returns the grants of a preset, on everything if both lists are empty, else on exactly the pools and keys
// listed: a key for one pool does not decrypt for all others. Services whose calls name neither (SNS, SMS and voice,
// Lambda) are granted as a whole. The error is fault.InvalidParameter for an unknown name.
func Preset(name string, pools, keys []string) ([]Grant, error) {
	i := slices.IndexFunc(Presets(), func(p PresetInfo) bool { return p.Name == name })
	if i < 0 {
		return nil, fault.Invalidf("preset", "Unknown preset %q; there are app-backend, sender, deployer, auditor and owner.", name)
	}
	if len(pools)+len(keys) == 0 {
		pools, keys = []string{anything}, []string{anything}
	}
	var out []Grant
	for service, actions := range Presets()[i].Actions {
		g := Grant{Service: service, Actions: slices.Clone(actions)}
		switch service {
		case KMS:
			g.Keys = slices.Clone(keys)
		case SNS, SMSVoice, Lambda:
			g.Pools = []string{anything}
		case AnyService:
			g.Pools, g.Keys = slices.Clone(pools), slices.Clone(keys)
		default:
			g.Pools = slices.Clone(pools)
		}
		if len(g.Pools)+len(g.Keys) > 0 {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b Grant) int { return strings.Compare(a.Service, b.Service) })
	return out, nil
}

// Everything is the grant of owner.
func Everything() []Grant {
	return []Grant{{Service: AnyService, Actions: []string{anything}, Pools: []string{anything}, Keys: []string{anything}}}
}

func appBackend() map[string][]string {
	return map[string][]string{
		Cognito: {
			"AdminInitiateAuth", "AdminRespondToAuthChallenge", "AdminUserGlobalSignOut",
			"AdminCreateUser", "AdminConfirmSignUp", "AdminGetUser", "AdminGetUserAuthFactors", "AdminUpdateUserAttributes",
			"AdminDeleteUserAttributes", "AdminResetUserPassword", "AdminSetUserPassword", "AdminSetUserMFAPreference",
			"AdminSetUserSettings", "AdminEnableUser", "AdminDisableUser", "AdminDeleteUser", "AdminListUserAuthEvents",
			"AdminListGroupsForUser", "AdminAddUserToGroup", "AdminRemoveUserFromGroup", "ListUsers", "ListUsersInGroup", "ListGroups",
		},
		ManagementAPI: {
			"read:users", "create:users", "update:users", "delete:users", "read:authentication_methods",
			"create:authentication_methods", "update:authentication_methods", "delete:authentication_methods",
			"read:guardian_enrollments", "delete:guardian_enrollments", "create:guardian_enrollment_tickets",
		},
	}
}

func sender() map[string][]string {
	return map[string][]string{
		KMS:      {KMSDecrypt, "DescribeKey"},
		SNS:      {"Publish", "CheckIfPhoneNumberIsOptedOut"},
		SMSVoice: {"SendTextMessage", "SendVoiceMessage"},
	}
}

func deployer() map[string][]string {
	return map[string][]string{
		Cognito: {
			"CreateUserPool", "UpdateUserPool", "DescribeUserPool", "DeleteUserPool", "ListUserPools", "SetUserPoolMfaConfig",
			"GetUserPoolMfaConfig", "AddCustomAttributes", "CreateUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient",
			"DescribeUserPoolClient", "ListUserPoolClients", "AddUserPoolClientSecret", "DeleteUserPoolClientSecret",
			"ListUserPoolClientSecrets", "CreateGroup", "UpdateGroup", "GetGroup", "ListGroups", "TagResource", "UntagResource",
			"ListTagsForResource", "CreateUserPoolDomain", "DescribeUserPoolDomain", "UpdateUserPoolDomain",
			"GetUICustomization", "SetUICustomization", "DescribeRiskConfiguration", "SetRiskConfiguration",
			"GetLogDeliveryConfiguration", "SetLogDeliveryConfiguration",
		},
		KMS: {
			"CreateKey", "DescribeKey", "ListKeys", "CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases", "CreateGrant",
			"ListGrants", "RevokeGrant", "RetireGrant", "GetKeyPolicy", "PutKeyPolicy", "EnableKey", "DisableKey",
			"EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "UpdateKeyDescription", "TagResource",
			"UntagResource", "ListResourceTags",
		},
		Lambda: {
			"CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "DeleteFunction",
			"GetFunction", "GetFunctionConfiguration", "ListFunctions", "ListVersionsByFunction", "CreateAlias", "UpdateAlias",
			"DeleteAlias", "GetAlias", "ListAliases", "AddPermission", "RemovePermission", "GetPolicy", "Invoke",
			"PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency", "PutFunctionEventInvokeConfig",
			"GetFunctionEventInvokeConfig", "TagResource", "UntagResource", "ListTags",
		},
		SNS: {
			"GetSMSAttributes", "SetSMSAttributes", "GetSMSSandboxAccountStatus", "ListOriginationNumbers", "CreateSMSSandboxPhoneNumber",
			"VerifySMSSandboxPhoneNumber", "DeleteSMSSandboxPhoneNumber", "ListSMSSandboxPhoneNumbers", "CheckIfPhoneNumberIsOptedOut", "OptInPhoneNumber",
		},
		SMSVoice: {
			"RequestPhoneNumber", "UpdatePhoneNumber", "ReleasePhoneNumber", "DescribePhoneNumbers", "RequestSenderId", "UpdateSenderId", "ReleaseSenderId",
			"DescribeSenderIds", "DescribeAccountAttributes", "DescribeAccountLimits", "DescribeSpendLimits", "SetTextMessageSpendLimitOverride",
			"DeleteTextMessageSpendLimitOverride", "SetVoiceMessageSpendLimitOverride", "DeleteVoiceMessageSpendLimitOverride",
			"SetMediaMessageSpendLimitOverride", "DeleteMediaMessageSpendLimitOverride", "CreateVerifiedDestinationNumber",
			"SendDestinationNumberVerificationCode", "VerifyDestinationNumber", "DeleteVerifiedDestinationNumber", "DescribeVerifiedDestinationNumbers",
			"CreateOptOutList", "DeleteOptOutList", "DescribeOptOutLists", "PutOptedOutNumber", "DeleteOptedOutNumber", "DescribeRegistrations",
			"TagResource", "UntagResource", "ListTagsForResource",
		},
		ManagementAPI: {
			"read:hooks", "create:hooks", "update:hooks", "delete:hooks", "read:actions", "create:actions", "update:actions",
			"delete:actions", "read:guardian_factors", "update:guardian_factors", "read:mfa_policies", "update:mfa_policies",
			"read:phone_providers", "create:phone_providers", "update:phone_providers", "delete:phone_providers",
			"read:phone_templates", "create:phone_templates", "update:phone_templates", "delete:phone_templates",
			"read:clients", "create:clients", "update:clients", "delete:clients", "read:tenant_settings", "update:tenant_settings",
			"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants", "update:client_keys",
			"read:connections", "create:connections", "update:connections", "delete:connections",
			"read:resource_servers", "create:resource_servers", "update:resource_servers", "delete:resource_servers",
			"read:rules", "create:rules", "update:rules", "delete:rules", "read:rules_configs", "update:rules_configs", "delete:rules_configs",
			"read:branding", "update:branding", "read:prompts", "update:prompts", "read:attack_protection", "update:attack_protection",
			// what there is not here, and a tenant's export asks for all the same
			"read:connection_profiles", "read:custom_domains", "read:email_provider", "read:email_templates", "read:event_streams", "read:flows",
			"read:flows_vault_connections", "read:forms", "read:log_streams", "read:network_acls", "read:organizations", "read:rate_limit_policies",
			"read:roles", "read:self_service_profiles", "read:token_exchange_profiles", "read:user_attribute_profiles",
		},
		Admin: {
			"pools.read", "pools.write", "clients.read", "clients.write", "hooks.read", "hooks.write", "senders.read",
			"senders.write", "templates.read", "templates.write", "keys.read", "messages.test", "status.read", "functions.read", "optouts.read", "optouts.write",
			"guards.read", "guards.write", "numbers.read", "numbers.write", "registrations.read", "registrations.write",
		},
	}
}

func auditor() map[string][]string {
	return map[string][]string{
		Cognito: {
			"AdminGetUser", "AdminGetUserAuthFactors", "AdminList*", "Describe*", "GetUserPoolMfaConfig", "GetGroup",
			"GetUICustomization", "GetLogDeliveryConfiguration", "List*",
		},
		KMS:      {"DescribeKey", "ListKeys", "ListAliases", "ListGrants", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags"},
		Lambda:   {"GetFunctionConfiguration", "GetPolicy", "GetAlias", "GetFunctionConcurrency", "List*"},
		SNS:      {"Get*", "List*", "CheckIfPhoneNumberIsOptedOut"},
		SMSVoice: {"Describe*", "List*"},
		ManagementAPI: {
			"read:users", "read:logs", "read:logs_users", "read:hooks", "read:actions", "read:clients", "read:guardian_factors",
			"read:guardian_enrollments", "read:authentication_methods", "read:mfa_policies", "read:phone_providers",
			"read:phone_templates", "read:tenant_settings", "read:client_grants", "read:connections", "read:rules", "read:rules_configs", "read:branding",
			"read:prompts", "read:attack_protection", "read:stats", "read:resource_servers",
		},
		Admin: {
			"pools.read", "clients.read", "users.read", "messages.read", "events.read", "hooks.read", "senders.read",
			"templates.read", "keys.read", "access.read", "status.read", "functions.read", "optouts.read",
			"guards.read", "numbers.read", "registrations.read",
		},
	}
}
