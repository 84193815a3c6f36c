package smsvoice

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
)

// accountOperations is the table of the account: tier, limits, spend, registrations.
func (f *facade) accountOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpDescribeAccountAttributes, f.describeAttributes),
		wire.Op(api.OpDescribeAccountLimits, f.describeLimits),
		wire.Op(api.OpDescribeSpendLimits, f.describeSpendLimits),
		wire.Op(api.OpSetTextMessageSpendLimitOverride, f.setTextLimit),
		wire.Op(api.OpSetVoiceMessageSpendLimitOverride, f.setVoiceLimit),
		wire.Op(api.OpSetMediaMessageSpendLimitOverride, f.setMediaLimit),
		wire.Op(api.OpDeleteTextMessageSpendLimitOverride, f.deleteTextLimit),
		wire.Op(api.OpDeleteVoiceMessageSpendLimitOverride, f.deleteVoiceLimit),
		wire.Op(api.OpDeleteMediaMessageSpendLimitOverride, f.deleteMediaLimit),
		wire.Op(api.OpDescribeRegistrations, f.describeRegistrations),
	}
}

func (f *facade) describeAttributes(ctx context.Context, in *api.DescribeAccountAttributesRequest) (*api.DescribeAccountAttributesResult, error) {
	on, err := f.Sandbox.Enabled(ctx)
	if err != nil {
		return nil, err
	}
	tier := "PRODUCTION"
	if on {
		tier = "SANDBOX"
	}
	all := []api.AccountAttribute{{Name: new("ACCOUNT_TIER"), Value: &tier}}
	page, next, err := cut(f, listing{wire.PageScope{Operation: "DescribeAccountAttributes"}, in.NextToken, in.MaxResults}, all)
	return &api.DescribeAccountAttributesResult{AccountAttributes: page, NextToken: next}, err
}

// maxOptOutLists is how many opt-out lists Amazon's accounts may have, and registrations likewise (End User Messaging user guide, quotas).
const (
	maxOptOutLists   = 25
	maxRegistrations = 100
)

func (f *facade) describeLimits(ctx context.Context, in *api.DescribeAccountLimitsRequest) (*api.DescribeAccountLimitsResult, error) {
	numbers, err := f.all(ctx, origination.Number)
	if err != nil {
		return nil, err
	}
	senders, err := f.all(ctx, origination.SenderID)
	if err != nil {
		return nil, err
	}
	lists, err := f.SMS.OptOutLists(ctx)
	if err != nil {
		return nil, err
	}
	verified, err := f.destinations(ctx, &api.DescribeVerifiedDestinationNumbersRequest{})
	if err != nil {
		return nil, err
	}
	registrations, err := f.registrations(ctx)
	if err != nil {
		return nil, err
	}
	all := []api.AccountLimit{
		limit("PHONE_NUMBERS", len(numbers), origination.MaxIdentities-len(senders)), limit("POOLS", 0, 0), limit("CONFIGURATION_SETS", 0, 0),
		limit("OPT_OUT_LISTS", len(lists), max(maxOptOutLists, len(lists))), limit("SENDER_IDS", len(senders), origination.MaxIdentities-len(numbers)),
		limit("REGISTRATIONS", len(registrations), max(maxRegistrations, len(registrations))), limit("REGISTRATION_ATTACHMENTS", 0, 0),
		limit("VERIFIED_DESTINATION_NUMBERS", len(verified), sandbox.MaxNumbers),
	}
	page, next, err := cut(f, listing{wire.PageScope{Operation: "DescribeAccountLimits"}, in.NextToken, in.MaxResults}, all)
	return &api.DescribeAccountLimitsResult{AccountLimits: page, NextToken: next}, err
}

func limit(name string, used, most int) api.AccountLimit {
	return api.AccountLimit{Name: &name, Used: new(int64(used)), Max: new(int64(most))}
}

func (f *facade) describeSpendLimits(ctx context.Context, in *api.DescribeSpendLimitsRequest) (*api.DescribeSpendLimitsResult, error) {
	limits, err := f.SMS.SpendLimits(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]api.SpendLimit, len(limits))
	for i, l := range limits {
		all[i] = api.SpendLimit{Name: new(strings.ToUpper(string(l.Kind)) + "_MESSAGE_MONTHLY_SPEND_LIMIT"), EnforcedLimit: &l.Enforced, MaxLimit: &l.Max,
			Overridden: &l.Overridden}
	}
	page, next, err := cut(f, listing{wire.PageScope{Operation: "DescribeSpendLimits"}, in.NextToken, in.MaxResults}, all)
	return &api.DescribeSpendLimitsResult{SpendLimits: page, NextToken: next}, err
}

// spend sets or takes away an override, and returns the limit that holds.
func (f *facade) spend(ctx context.Context, kind smsaccount.Spend, dollars *int64) (*int64, error) {
	l, err := f.SMS.SetSpendLimit(ctx, kind, dollars)
	if err != nil {
		return nil, err
	}
	return &l.Enforced, nil
}

func (f *facade) setTextLimit(ctx context.Context, in *api.SetTextMessageSpendLimitOverrideRequest) (*api.SetTextMessageSpendLimitOverrideResult, error) {
	l, err := f.spend(ctx, smsaccount.Text, in.MonthlyLimit)
	return &api.SetTextMessageSpendLimitOverrideResult{MonthlyLimit: l}, err
}

func (f *facade) setVoiceLimit(ctx context.Context, in *api.SetVoiceMessageSpendLimitOverrideRequest) (*api.SetVoiceMessageSpendLimitOverrideResult, error) {
	l, err := f.spend(ctx, smsaccount.Voice, in.MonthlyLimit)
	return &api.SetVoiceMessageSpendLimitOverrideResult{MonthlyLimit: l}, err
}

func (f *facade) setMediaLimit(ctx context.Context, in *api.SetMediaMessageSpendLimitOverrideRequest) (*api.SetMediaMessageSpendLimitOverrideResult, error) {
	l, err := f.spend(ctx, smsaccount.Media, in.MonthlyLimit)
	return &api.SetMediaMessageSpendLimitOverrideResult{MonthlyLimit: l}, err
}

func (f *facade) deleteTextLimit(ctx context.Context, _ *api.DeleteTextMessageSpendLimitOverrideRequest) (*api.DeleteTextMessageSpendLimitOverrideResult, error) {
	l, err := f.spend(ctx, smsaccount.Text, nil)
	return &api.DeleteTextMessageSpendLimitOverrideResult{MonthlyLimit: l}, err
}

func (f *facade) deleteVoiceLimit(ctx context.Context, _ *api.DeleteVoiceMessageSpendLimitOverrideRequest) (*api.DeleteVoiceMessageSpendLimitOverrideResult, error) {
	l, err := f.spend(ctx, smsaccount.Voice, nil)
	return &api.DeleteVoiceMessageSpendLimitOverrideResult{MonthlyLimit: l}, err
}

func (f *facade) deleteMediaLimit(ctx context.Context, _ *api.DeleteMediaMessageSpendLimitOverrideRequest) (*api.DeleteMediaMessageSpendLimitOverrideResult, error) {
	l, err := f.spend(ctx, smsaccount.Media, nil)
	return &api.DeleteMediaMessageSpendLimitOverrideResult{MonthlyLimit: l}, err
}

// registrations returns those of all pools and of the account pool.
func (f *facade) registrations(ctx context.Context) (all []registration.Registration, err error) {
	if f.Registrations == nil {
		return nil, nil
	}
	pools := []string{""}
	if id, err := f.SMS.Pool(ctx); err == nil && id != "" {
		pools = append(pools, id)
	} else if err != nil && fault.CodeOf(err).Kind() == fault.Internal {
		return nil, err
	}
	for _, pool := range pools {
		for cursor := ""; ; {
			page, next, err := f.Registrations.List(ctx, registration.Query{PoolID: pool, Cursor: cursor, Limit: 200})
			if err != nil {
				return nil, err
			}
			all = append(all, page...)
			if cursor = next; next == "" {
				break
			}
		}
	}
	return all, nil
}

// registrationTypes are Amazon's names of what is registered; other kinds are written in capitals.
var registrationTypes = map[registration.Kind]string{
	registration.TenDLCBrand: "US_TEN_DLC_BRAND_REGISTRATION", registration.TenDLCCampaign: "US_TEN_DLC_CAMPAIGN_REGISTRATION",
	registration.TollFree: "US_TOLL_FREE_REGISTRATION",
}

func registrationType(r registration.Registration) string {
	if t := registrationTypes[r.Kind]; t != "" {
		return t
	}
	if r.Kind == registration.SenderID {
		return r.Country + "_SENDER_ID_REGISTRATION"
	}
	return r.Country + "_" + strings.ToUpper(string(r.Kind)) + "_REGISTRATION"
}

// registrationStatus says ours in Amazon's words.
func registrationStatus(s registration.Status) string {
	switch s {
	case registration.Approved:
		return "COMPLETE"
	case registration.Submitted:
		return "REVIEWING"
	case registration.Rejected:
		return "REQUIRES_UPDATES"
	case registration.Expired:
		return "CLOSED"
	}
	return "CREATED"
}

func (f *facade) describeRegistrations(ctx context.Context, in *api.DescribeRegistrationsRequest) (*api.DescribeRegistrationsResult, error) {
	all, err := f.registrations(ctx)
	if err != nil {
		return nil, err
	}
	if len(in.RegistrationIds) > 0 {
		var found []registration.Registration
		for _, name := range in.RegistrationIds {
			id := named(registered, name)
			at := slices.IndexFunc(all, func(r registration.Registration) bool { return r.ID == id })
			if at < 0 {
				return nil, missing(registered, id)
			}
			found = append(found, all[at])
		}
		all = found
	}
	conditions := make([]condition, len(in.Filters))
	for n, c := range in.Filters {
		conditions[n] = condition{wire.Value(c.Name), c.Values}
	}
	all = slices.DeleteFunc(all, func(r registration.Registration) bool {
		return !fits(conditions, func(name string) []string {
			if name == "registration-type" {
				return []string{registrationType(r)}
			}
			return []string{registrationStatus(r.Status)}
		})
	})
	page, next, err := cut(f, listing{wire.PageScope{Operation: "DescribeRegistrations"}, in.NextToken, in.MaxResults}, all)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeRegistrationsResult{Registrations: make([]api.RegistrationInformation, len(page)), NextToken: next}
	for n, r := range page {
		info := api.RegistrationInformation{
			RegistrationArn: f.arn(ctx, registered+"/"+r.ID), RegistrationId: &r.ID, RegistrationType: new(registrationType(r)),
			RegistrationStatus: new(registrationStatus(r.Status)), CurrentVersionNumber: new(max(r.Version, 1)), CreatedTimestamp: wire.At(r.CreatedAt),
		}
		if r.Status == registration.Approved {
			info.ApprovedVersionNumber = info.CurrentVersionNumber
		}
		out.Registrations[n] = info
	}
	return out, nil
}
