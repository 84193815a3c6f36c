package smsvoice

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/sandbox"
)

// destinationOperations is the table of the sandbox's destination numbers.
func (f *facade) destinationOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpCreateVerifiedDestinationNumber, f.createDestination),
		wire.Op(api.OpSendDestinationNumberVerificationCode, f.sendCode),
		wire.Op(api.OpVerifyDestinationNumber, f.verifyDestination),
		wire.Op(api.OpDescribeVerifiedDestinationNumbers, f.describeDestinations),
		wire.Op(api.OpDeleteVerifiedDestinationNumber, f.deleteDestination),
	}
}

func (f *facade) createDestination(ctx context.Context, in *api.CreateVerifiedDestinationNumberRequest) (*api.CreateVerifiedDestinationNumberResult, error) {
	if in.RcsAgentId != nil {
		return nil, missing(rcsAgent, *in.RcsAgentId)
	}
	to, err := number("DestinationPhoneNumber", *in.DestinationPhoneNumber)
	if err != nil {
		return nil, err
	}
	n, err := f.Sandbox.Create(ctx, to)
	if err != nil {
		return nil, on(err, destination, "")
	}
	d := f.destination(ctx, n)
	return &api.CreateVerifiedDestinationNumberResult{
		VerifiedDestinationNumberArn: d.VerifiedDestinationNumberArn, VerifiedDestinationNumberId: d.VerifiedDestinationNumberId,
		DestinationPhoneNumber: d.DestinationPhoneNumber, Status: d.Status, Tags: in.Tags, CreatedTimestamp: d.CreatedTimestamp,
	}, nil
}

// destination is how a destination number is described.
func (f *facade) destination(ctx context.Context, n sandbox.Number) api.VerifiedDestinationNumberInformation {
	return api.VerifiedDestinationNumberInformation{
		VerifiedDestinationNumberArn: f.arn(ctx, destination+"/"+n.ID), VerifiedDestinationNumberId: &n.ID, DestinationPhoneNumber: new(n.Number.String()),
		Status: new(strings.ToUpper(string(n.Status))), CreatedTimestamp: wire.At(n.CreatedAt),
	}
}

// destinationID returns the id that a request means, by itself or in an ARN. A number in E.164 form is none.
func destinationID(idOrARN string) (string, error) {
	id := named(destination, idOrARN)
	if !strings.HasPrefix(id, "vdn-") {
		return "", missing(destination, id)
	}
	return id, nil
}

func (f *facade) sendCode(ctx context.Context, in *api.SendDestinationNumberVerificationCodeRequest) (*api.SendDestinationNumberVerificationCodeResult, error) {
	id, err := destinationID(*in.VerifiedDestinationNumberId)
	if err != nil {
		return nil, err
	}
	if in.ConfigurationSetName != nil {
		return nil, missing(configSet, *in.ConfigurationSetName)
	}
	message, err := f.Sandbox.SendCode(ctx, id, sandbox.CodeOptions{
		Voice: *in.VerificationChannel == "VOICE", Language: wire.Value(in.LanguageCode), From: wire.Value(in.OriginationIdentity),
	})
	if err != nil {
		return nil, on(err, destination, id)
	}
	return &api.SendDestinationNumberVerificationCodeResult{MessageId: &message}, nil
}

func (f *facade) verifyDestination(ctx context.Context, in *api.VerifyDestinationNumberRequest) (*api.VerifyDestinationNumberResult, error) {
	id, err := destinationID(*in.VerifiedDestinationNumberId)
	if err != nil {
		return nil, err
	}
	n, err := f.Sandbox.Verify(ctx, id, *in.VerificationCode)
	if err != nil {
		return nil, on(err, destination, id)
	}
	d := f.destination(ctx, n)
	return &api.VerifyDestinationNumberResult{
		VerifiedDestinationNumberArn: d.VerifiedDestinationNumberArn, VerifiedDestinationNumberId: d.VerifiedDestinationNumberId,
		DestinationPhoneNumber: d.DestinationPhoneNumber, Status: d.Status, CreatedTimestamp: d.CreatedTimestamp,
	}, nil
}

func (f *facade) describeDestinations(ctx context.Context, in *api.DescribeVerifiedDestinationNumbersRequest) (
	*api.DescribeVerifiedDestinationNumbersResult, error) {
	if len(in.VerifiedDestinationNumberIds) > 0 && len(in.DestinationPhoneNumbers) > 0 {
		return nil, fault.Invalidf("VerifiedDestinationNumberIds", "VerifiedDestinationNumberIds and DestinationPhoneNumbers cannot be used together")
	}
	found, err := f.destinations(ctx, in)
	if err != nil {
		return nil, err
	}
	conditions := make([]condition, len(in.Filters))
	for n, c := range in.Filters {
		conditions[n] = condition{wire.Value(c.Name), c.Values}
	}
	found = slices.DeleteFunc(found, func(n sandbox.Number) bool {
		return !fits(conditions, func(name string) []string {
			if name == "status" {
				return []string{strings.ToUpper(string(n.Status))}
			}
			return nil
		})
	})
	page, next, err := cut(f, listing{wire.PageScope{Operation: "DescribeVerifiedDestinationNumbers"}, in.NextToken, in.MaxResults}, found)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVerifiedDestinationNumbersResult{VerifiedDestinationNumbers: make([]api.VerifiedDestinationNumberInformation, len(page)), NextToken: next}
	for i, n := range page {
		out.VerifiedDestinationNumbers[i] = f.destination(ctx, n)
	}
	return out, nil
}

// destinations returns those that a request names, or all. The account has few.
func (f *facade) destinations(ctx context.Context, in *api.DescribeVerifiedDestinationNumbersRequest) (found []sandbox.Number, err error) {
	for _, name := range in.VerifiedDestinationNumberIds {
		id, err := destinationID(name)
		if err != nil {
			return nil, err
		}
		n, err := f.Sandbox.Number(ctx, id)
		if err != nil {
			return nil, on(err, destination, id)
		}
		found = append(found, n)
	}
	for _, s := range in.DestinationPhoneNumbers {
		to, err := number("DestinationPhoneNumbers", s)
		if err != nil {
			return nil, err
		}
		n, err := f.Sandbox.Number(ctx, to.String())
		if err != nil {
			return nil, on(err, destination, "")
		}
		found = append(found, n)
	}
	if len(in.VerifiedDestinationNumberIds)+len(in.DestinationPhoneNumbers) > 0 {
		return found, nil
	}
	for after := ""; ; {
		page, next, err := f.Sandbox.Numbers(ctx, sandbox.Query{After: after})
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if after = next; next == "" || len(found) > sandbox.MaxNumbers {
			return found, nil
		}
	}
}

func (f *facade) deleteDestination(ctx context.Context, in *api.DeleteVerifiedDestinationNumberRequest) (*api.DeleteVerifiedDestinationNumberResult, error) {
	id, err := destinationID(*in.VerifiedDestinationNumberId)
	if err != nil {
		return nil, err
	}
	n, err := f.Sandbox.Remove(ctx, id)
	if err != nil {
		return nil, on(err, destination, id)
	}
	d := f.destination(ctx, n)
	return &api.DeleteVerifiedDestinationNumberResult{
		VerifiedDestinationNumberArn: d.VerifiedDestinationNumberArn, VerifiedDestinationNumberId: d.VerifiedDestinationNumberId,
		DestinationPhoneNumber: d.DestinationPhoneNumber, CreatedTimestamp: d.CreatedTimestamp,
	}, nil
}
