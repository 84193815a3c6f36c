package smsvoice

import (
	"context"
	"slices"
	"strconv"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
)

// senderOperations is the table of sender IDs.
func (f *facade) senderOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpRequestSenderId, f.requestSenderID),
		wire.Op(api.OpDescribeSenderIds, f.describeSenderIDs),
		wire.Op(api.OpUpdateSenderId, f.updateSenderID),
		wire.Op(api.OpReleaseSenderId, f.releaseSenderID),
	}
}

func (f *facade) requestSenderID(ctx context.Context, in *api.RequestSenderIdRequest) (*api.RequestSenderIdResult, error) {
	o := origination.Order{Kind: origination.SenderID, Country: *in.IsoCountryCode, Value: *in.SenderId, Protected: wire.Value(in.DeletionProtectionEnabled),
		Tags: tags(in.Tags), Token: wire.Value(in.ClientToken)}
	if len(in.MessageTypes) > 0 && !slices.Contains(in.MessageTypes, origination.Transactional) {
		o.MessageType = in.MessageTypes[0]
	}
	i, err := f.Originations.Request(ctx, o)
	if err != nil {
		return nil, on(err, senderID, *in.SenderId)
	}
	n := f.sender(ctx, i)
	return &api.RequestSenderIdResult{
		SenderIdArn: n.SenderIdArn, SenderId: n.SenderId, IsoCountryCode: n.IsoCountryCode, MessageTypes: n.MessageTypes,
		MonthlyLeasingPrice: n.MonthlyLeasingPrice, DeletionProtectionEnabled: n.DeletionProtectionEnabled, Registered: n.Registered, Tags: in.Tags,
	}, nil
}

// sender is how a sender ID is described.
func (f *facade) sender(ctx context.Context, i origination.Identity) api.SenderIdInformation {
	n := api.SenderIdInformation{
		SenderIdArn: f.arn(ctx, senderID+"/"+i.Value+"/"+i.Country), SenderId: &i.Value, IsoCountryCode: &i.Country, MessageTypes: []string{i.MessageType},
		MonthlyLeasingPrice: &i.MonthlyPrice, DeletionProtectionEnabled: &i.Protected, Registered: new(i.Registered()),
	}
	if i.Registered() {
		n.RegistrationId = &i.RegistrationID
	}
	return n
}

// senderOf returns the sender ID of a country. An ARN names a country, too, which must be the same.
func (f *facade) senderOf(ctx context.Context, name, country string) (origination.Identity, error) {
	value := named(senderID, name)
	if value == name {
		value = name + "/" + country
	}
	i, err := f.identity(ctx, origination.SenderID, value)
	if err == nil && i.Country != country {
		return i, missing(senderID, value)
	}
	return i, err
}

func (f *facade) describeSenderIDs(ctx context.Context, in *api.DescribeSenderIdsRequest) (*api.DescribeSenderIdsResult, error) {
	var found []origination.Identity
	for _, s := range in.SenderIds {
		i, err := f.senderOf(ctx, wire.Value(s.SenderId), wire.Value(s.IsoCountryCode))
		if err != nil {
			return nil, err
		}
		found = append(found, i)
	}
	if len(in.SenderIds) == 0 && wire.Value(in.Owner) != "SHARED" {
		var err error
		if found, err = f.all(ctx, origination.SenderID); err != nil {
			return nil, err
		}
	}
	conditions := make([]condition, len(in.Filters))
	for n, c := range in.Filters {
		conditions[n] = condition{wire.Value(c.Name), c.Values}
	}
	found = slices.DeleteFunc(found, func(i origination.Identity) bool { return !fits(conditions, senderValues(i)) })
	page, next, err := cut(f, listing{wire.PageScope{Operation: "DescribeSenderIds"}, in.NextToken, in.MaxResults}, found)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSenderIdsResult{SenderIds: make([]api.SenderIdInformation, len(page)), NextToken: next}
	for n, i := range page {
		out.SenderIds[n] = f.sender(ctx, i)
	}
	return out, nil
}

// senderValues returns what filters look at.
func senderValues(i origination.Identity) func(string) []string {
	return func(name string) []string {
		switch name {
		case "sender-id":
			return []string{i.Value}
		case "iso-country-code":
			return []string{i.Country}
		case "message-type":
			return []string{i.MessageType}
		case "deletion-protection-enabled":
			return []string{strconv.FormatBool(i.Protected)}
		case "registered":
			return []string{strconv.FormatBool(i.Registered())}
		}
		return nil
	}
}

func (f *facade) updateSenderID(ctx context.Context, in *api.UpdateSenderIdRequest) (*api.UpdateSenderIdResult, error) {
	i, err := f.senderOf(ctx, *in.SenderId, *in.IsoCountryCode)
	if err != nil {
		return nil, err
	}
	if i, err = f.Originations.Change(ctx, i.ID, origination.Changes{Protected: in.DeletionProtectionEnabled}, 0); err != nil {
		return nil, on(err, senderID, named(senderID, *in.SenderId))
	}
	n := f.sender(ctx, i)
	return &api.UpdateSenderIdResult{
		SenderIdArn: n.SenderIdArn, SenderId: n.SenderId, IsoCountryCode: n.IsoCountryCode, MessageTypes: n.MessageTypes,
		MonthlyLeasingPrice: n.MonthlyLeasingPrice, DeletionProtectionEnabled: n.DeletionProtectionEnabled, Registered: n.Registered,
		RegistrationId: n.RegistrationId,
	}, nil
}

func (f *facade) releaseSenderID(ctx context.Context, in *api.ReleaseSenderIdRequest) (*api.ReleaseSenderIdResult, error) {
	i, err := f.senderOf(ctx, *in.SenderId, *in.IsoCountryCode)
	if err != nil {
		return nil, err
	}
	if i, err = f.Originations.Release(ctx, i.ID); err != nil {
		return nil, on(err, senderID, named(senderID, *in.SenderId))
	}
	n := f.sender(ctx, i)
	return &api.ReleaseSenderIdResult{
		SenderIdArn: n.SenderIdArn, SenderId: n.SenderId, IsoCountryCode: n.IsoCountryCode, MessageTypes: n.MessageTypes,
		MonthlyLeasingPrice: n.MonthlyLeasingPrice, Registered: n.Registered, RegistrationId: n.RegistrationId,
	}, nil
}

// listName returns the name of an opt-out list that a request names by name or ARN, and which must exist; "" for none.
func (f *facade) listName(ctx context.Context, nameOrARN *string) (string, error) {
	if nameOrARN == nil {
		return "", nil
	}
	name := named(optOutList, *nameOrARN)
	lists, err := f.SMS.OptOutLists(ctx, name)
	if err == nil && len(lists) == 0 {
		err = fault.New(fault.ResourceNotFound)
	}
	return name, on(err, optOutList, name)
}
