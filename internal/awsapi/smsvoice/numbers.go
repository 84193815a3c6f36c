package smsvoice

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
)

// numberOperations is the table of origination numbers, and of the tags of identities.
func (f *facade) numberOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpRequestPhoneNumber, f.requestPhoneNumber),
		wire.Op(api.OpDescribePhoneNumbers, f.describePhoneNumbers),
		wire.Op(api.OpUpdatePhoneNumber, f.updatePhoneNumber),
		wire.Op(api.OpReleasePhoneNumber, f.releasePhoneNumber),
		wire.Op(api.OpTagResource, f.tagResource),
		wire.Op(api.OpUntagResource, f.untagResource),
		wire.Op(api.OpListTagsForResource, f.listTags),
	}
}

func (f *facade) requestPhoneNumber(ctx context.Context, in *api.RequestPhoneNumberRequest) (*api.RequestPhoneNumberResult, error) {
	if in.PoolId != nil && *in.PoolId != "" {
		return nil, missing(numberPool, *in.PoolId)
	}
	list, err := f.listName(ctx, in.OptOutListName)
	if err != nil {
		return nil, err
	}
	i, err := f.Originations.Request(ctx, origination.Order{
		Kind: origination.Number, Country: *in.IsoCountryCode, Type: origination.Type(strings.ToLower(*in.NumberType)), Capabilities: in.NumberCapabilities,
		MessageType: *in.MessageType, OptOutList: list, RegistrationID: named(registered, wire.Value(in.RegistrationId)),
		International: wire.Value(in.InternationalSendingEnabled), Protected: wire.Value(in.DeletionProtectionEnabled), Tags: tags(in.Tags),
		Token: wire.Value(in.ClientToken),
	})
	if err != nil {
		return nil, on(err, phoneNumber, "")
	}
	n := f.phoneNumber(ctx, i)
	return &api.RequestPhoneNumberResult{
		PhoneNumberArn: n.PhoneNumberArn, PhoneNumberId: n.PhoneNumberId, PhoneNumber: n.PhoneNumber, Status: n.Status, IsoCountryCode: n.IsoCountryCode,
		MessageType: n.MessageType, NumberCapabilities: n.NumberCapabilities, NumberType: n.NumberType, MonthlyLeasingPrice: n.MonthlyLeasingPrice,
		TwoWayEnabled: n.TwoWayEnabled, SelfManagedOptOutsEnabled: n.SelfManagedOptOutsEnabled, OptOutListName: n.OptOutListName,
		InternationalSendingEnabled: n.InternationalSendingEnabled, DeletionProtectionEnabled: n.DeletionProtectionEnabled, RegistrationId: n.RegistrationId,
		Tags: in.Tags, CreatedTimestamp: n.CreatedTimestamp,
	}, nil
}

// phoneNumber is how a number is described.
func (f *facade) phoneNumber(ctx context.Context, i origination.Identity) api.PhoneNumberInformation {
	n := api.PhoneNumberInformation{
		PhoneNumberArn: f.arn(ctx, phoneNumber+"/"+i.ID), PhoneNumberId: &i.ID, PhoneNumber: &i.Value, Status: new(strings.ToUpper(string(i.Status))),
		IsoCountryCode: &i.Country, MessageType: &i.MessageType, NumberCapabilities: i.Capabilities, NumberType: new(strings.ToUpper(string(i.Type))),
		MonthlyLeasingPrice: &i.MonthlyPrice, TwoWayEnabled: &i.TwoWay, SelfManagedOptOutsEnabled: &i.SelfManagedOptOuts, OptOutListName: &i.OptOutList,
		InternationalSendingEnabled: &i.International, DeletionProtectionEnabled: &i.Protected, CreatedTimestamp: wire.At(i.CreatedAt),
	}
	if i.Registered() {
		n.RegistrationId = &i.RegistrationID
	}
	return n
}

// identity returns the identity of a kind that an id, ARN or value names.
func (f *facade) identity(ctx context.Context, kind origination.Kind, name string) (origination.Identity, error) {
	resource := phoneNumber
	if kind == origination.SenderID {
		resource = senderID
	}
	i, err := f.Originations.Identity(ctx, name)
	if err == nil && i.Kind != kind {
		err = fault.New(fault.ResourceNotFound)
	}
	return i, on(err, resource, named(resource, name))
}

// all returns all identities of a kind.
func (f *facade) all(ctx context.Context, kind origination.Kind) ([]origination.Identity, error) {
	list, _, err := f.Originations.List(ctx, origination.Query{Kind: kind, Sort: "created", Limit: origination.MaxIdentities})
	return list, err
}

func (f *facade) describePhoneNumbers(ctx context.Context, in *api.DescribePhoneNumbersRequest) (*api.DescribePhoneNumbersResult, error) {
	var found []origination.Identity
	for _, name := range in.PhoneNumberIds {
		i, err := f.identity(ctx, origination.Number, name)
		if err != nil {
			return nil, err
		}
		found = append(found, i)
	}
	if len(in.PhoneNumberIds) == 0 && wire.Value(in.Owner) != "SHARED" {
		var err error
		if found, err = f.all(ctx, origination.Number); err != nil {
			return nil, err
		}
	}
	conditions := make([]condition, len(in.Filters))
	for n, c := range in.Filters {
		conditions[n] = condition{wire.Value(c.Name), c.Values}
	}
	found = slices.DeleteFunc(found, func(i origination.Identity) bool { return !fits(conditions, numberValues(i)) })
	l := listing{wire.PageScope{Operation: "DescribePhoneNumbers"}, in.NextToken, in.MaxResults}
	page, next, err := cut(f, l, found)
	if err != nil {
		return nil, err
	}
	out := &api.DescribePhoneNumbersResult{PhoneNumbers: make([]api.PhoneNumberInformation, len(page)), NextToken: next}
	for n, i := range page {
		out.PhoneNumbers[n] = f.phoneNumber(ctx, i)
	}
	return out, nil
}

// numberValues returns what filters look at.
func numberValues(i origination.Identity) func(string) []string {
	return func(name string) []string {
		switch name {
		case "status":
			return []string{strings.ToUpper(string(i.Status))}
		case "iso-country-code":
			return []string{i.Country}
		case "message-type":
			return []string{i.MessageType}
		case "number-capability":
			return i.Capabilities
		case "number-type":
			return []string{strings.ToUpper(string(i.Type))}
		case "two-way-enabled":
			return []string{strconv.FormatBool(i.TwoWay)}
		case "self-managed-opt-outs-enabled":
			return []string{strconv.FormatBool(i.SelfManagedOptOuts)}
		case "opt-out-list-name":
			return []string{i.OptOutList}
		case "deletion-protection-enabled":
			return []string{strconv.FormatBool(i.Protected)}
		}
		return nil
	}
}

func (f *facade) updatePhoneNumber(ctx context.Context, in *api.UpdatePhoneNumberRequest) (*api.UpdatePhoneNumberResult, error) {
	i, err := f.identity(ctx, origination.Number, *in.PhoneNumberId)
	if err != nil {
		return nil, err
	}
	if in.TwoWayChannelArn != nil || in.TwoWayChannelRole != nil {
		return nil, fault.Invalidf("TwoWayChannelArn", "Texts from phones are answered here and not handed on to topics: leave TwoWayChannelArn and TwoWayChannelRole out")
	}
	if wire.Value(in.TwoWayEnabled) {
		c, err := f.Originations.CountryOf(ctx, i.Country)
		if err != nil {
			return nil, err
		}
		if c.Listed() && !c.TwoWay {
			return nil, fault.Invalidf("two_way", "Two-way messages are not to be had in %s", c.Name)
		}
	}
	ch := origination.Changes{TwoWay: in.TwoWayEnabled, SelfManagedOptOuts: in.SelfManagedOptOutsEnabled, International: in.InternationalSendingEnabled,
		Protected: in.DeletionProtectionEnabled}
	if in.OptOutListName != nil {
		list, err := f.listName(ctx, in.OptOutListName)
		if err != nil {
			return nil, err
		}
		ch.OptOutList = &list
	}
	if i, err = f.Originations.Change(ctx, i.ID, ch, 0); err != nil {
		return nil, on(err, phoneNumber, i.ID)
	}
	n := f.phoneNumber(ctx, i)
	return &api.UpdatePhoneNumberResult{
		PhoneNumberArn: n.PhoneNumberArn, PhoneNumberId: n.PhoneNumberId, PhoneNumber: n.PhoneNumber, Status: n.Status, IsoCountryCode: n.IsoCountryCode,
		MessageType: n.MessageType, NumberCapabilities: n.NumberCapabilities, NumberType: n.NumberType, MonthlyLeasingPrice: n.MonthlyLeasingPrice,
		TwoWayEnabled: n.TwoWayEnabled, SelfManagedOptOutsEnabled: n.SelfManagedOptOutsEnabled, OptOutListName: n.OptOutListName,
		InternationalSendingEnabled: n.InternationalSendingEnabled, DeletionProtectionEnabled: n.DeletionProtectionEnabled, RegistrationId: n.RegistrationId,
		CreatedTimestamp: n.CreatedTimestamp,
	}, nil
}

func (f *facade) releasePhoneNumber(ctx context.Context, in *api.ReleasePhoneNumberRequest) (*api.ReleasePhoneNumberResult, error) {
	i, err := f.identity(ctx, origination.Number, *in.PhoneNumberId)
	if err != nil {
		return nil, err
	}
	if i, err = f.Originations.Release(ctx, i.ID); err != nil {
		return nil, on(err, phoneNumber, named(phoneNumber, *in.PhoneNumberId))
	}
	n := f.phoneNumber(ctx, i)
	return &api.ReleasePhoneNumberResult{
		PhoneNumberArn: n.PhoneNumberArn, PhoneNumberId: n.PhoneNumberId, PhoneNumber: n.PhoneNumber, Status: new("DELETED"), IsoCountryCode: n.IsoCountryCode,
		MessageType: n.MessageType, NumberCapabilities: n.NumberCapabilities, NumberType: n.NumberType, MonthlyLeasingPrice: n.MonthlyLeasingPrice,
		TwoWayEnabled: n.TwoWayEnabled, SelfManagedOptOutsEnabled: n.SelfManagedOptOutsEnabled, OptOutListName: n.OptOutListName,
		RegistrationId: n.RegistrationId, CreatedTimestamp: n.CreatedTimestamp,
	}, nil
}

// tagged returns the identity whose tags are meant: other resources have none.
func (f *facade) tagged(ctx context.Context, arn string) (origination.Identity, error) {
	kind := origination.Number
	if strings.Contains(arn, ":"+senderID+"/") {
		kind = origination.SenderID
	}
	return f.identity(ctx, kind, arn)
}

func (f *facade) retag(ctx context.Context, arn string, change func(map[string]string)) error {
	i, err := f.tagged(ctx, arn)
	if err != nil {
		return err
	}
	all := maps.Clone(i.Tags)
	if all == nil {
		all = map[string]string{}
	}
	change(all)
	_, err = f.Originations.Change(ctx, i.ID, origination.Changes{Tags: all}, i.Version)
	return on(err, phoneNumber, i.ID)
}

func (f *facade) tagResource(ctx context.Context, in *api.TagResourceRequest) (*api.TagResourceResult, error) {
	return nil, f.retag(ctx, *in.ResourceArn, func(all map[string]string) { maps.Copy(all, tags(in.Tags)) })
}

func (f *facade) untagResource(ctx context.Context, in *api.UntagResourceRequest) (*api.UntagResourceResult, error) {
	return nil, f.retag(ctx, *in.ResourceArn, func(all map[string]string) {
		maps.DeleteFunc(all, func(k, _ string) bool { return slices.Contains(in.TagKeys, k) })
	})
}

func (f *facade) listTags(ctx context.Context, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResult, error) {
	i, err := f.tagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsForResourceResult{ResourceArn: in.ResourceArn, Tags: []api.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(i.Tags)) {
		out.Tags = append(out.Tags, api.Tag{Key: &k, Value: new(i.Tags[k])})
	}
	return out, nil
}
