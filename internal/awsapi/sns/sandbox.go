package sns

import (
	"context"
	"strings"

	"countersign/internal/awsapi/query"
	"countersign/internal/awsapi/sns/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
	"countersign/internal/sandbox"
)

func (f *facade) sandboxOperations() []query.Operation {
	return []query.Operation{
		query.Op(api.OpGetSMSSandboxAccountStatus, f.sandboxStatus),
		query.Op(api.OpCreateSMSSandboxPhoneNumber, f.createNumber),
		query.Op(api.OpVerifySMSSandboxPhoneNumber, f.verifyNumber),
		query.Op(api.OpDeleteSMSSandboxPhoneNumber, f.deleteNumber),
		query.Op(api.OpListSMSSandboxPhoneNumbers, f.listNumbers),
		query.Op(api.OpListOriginationNumbers, f.listOriginations),
	}
}

func (f *facade) sandboxStatus(ctx context.Context, _ *api.GetSMSSandboxAccountStatusInput) (*api.GetSMSSandboxAccountStatusResult, error) {
	on, err := f.sandbox.Enabled(ctx)
	if err != nil {
		return nil, err
	}
	return &api.GetSMSSandboxAccountStatusResult{IsInSandbox: &on}, nil
}

// createNumber adds a destination number and texts it a code. For a number that is there and pending it sends another code.
func (f *facade) createNumber(ctx context.Context, in *api.CreateSMSSandboxPhoneNumberInput) (*api.CreateSMSSandboxPhoneNumberResult, error) {
	n, err := numberOf("PhoneNumber", in.PhoneNumber)
	if err != nil {
		return nil, err
	}
	_, err = f.sandbox.Add(ctx, n, wire.Value(in.LanguageCode))
	return nil, worded(api.OpCreateSMSSandboxPhoneNumber.Name, err, phoneNumber)
}

func (f *facade) verifyNumber(ctx context.Context, in *api.VerifySMSSandboxPhoneNumberInput) (*api.VerifySMSSandboxPhoneNumberResult, error) {
	n, err := numberOf("PhoneNumber", in.PhoneNumber)
	if err != nil {
		return nil, err
	}
	_, err = f.sandbox.Verify(ctx, n.String(), *in.OneTimePassword)
	return nil, worded(api.OpVerifySMSSandboxPhoneNumber.Name, err, phoneNumber)
}

func (f *facade) deleteNumber(ctx context.Context, in *api.DeleteSMSSandboxPhoneNumberInput) (*api.DeleteSMSSandboxPhoneNumberResult, error) {
	n, err := numberOf("PhoneNumber", in.PhoneNumber)
	if err != nil {
		return nil, err
	}
	_, err = f.sandbox.Remove(ctx, n.String())
	return nil, worded(api.OpDeleteSMSSandboxPhoneNumber.Name, err, phoneNumber)
}

func phoneNumber(*fault.Error) string { return "PhoneNumber" }

// Sizes of pages, unless a request says otherwise: Amazon's bounds.
const (
	numbersPage      = 100
	originationsPage = 30
)

func size(max *int64, usual int) int {
	if max == nil {
		return usual
	}
	return int(*max) // within the model's bounds: Validate has seen to it
}

func (f *facade) listNumbers(ctx context.Context, in *api.ListSMSSandboxPhoneNumbersInput) (*api.ListSMSSandboxPhoneNumbersResult, error) {
	after, err := f.cursor(api.OpListSMSSandboxPhoneNumbers.Name, in.NextToken)
	if err != nil {
		return nil, err
	}
	list, next, err := f.sandbox.Numbers(ctx, sandbox.Query{After: after, Limit: size(in.MaxResults, numbersPage)})
	if err != nil {
		return nil, err
	}
	out := &api.ListSMSSandboxPhoneNumbersResult{PhoneNumbers: make([]api.SMSSandboxPhoneNumber, len(list))}
	for i, n := range list {
		number, status := n.Number.String(), api.SMSSandboxPhoneNumberVerificationStatusPending
		if n.Status == sandbox.Verified {
			status = api.SMSSandboxPhoneNumberVerificationStatusVerified
		}
		out.PhoneNumbers[i] = api.SMSSandboxPhoneNumber{PhoneNumber: &number, Status: &status}
	}
	out.NextToken, err = f.token(api.OpListSMSSandboxPhoneNumbers.Name, next)
	return out, err
}

// listOriginations lists the numbers; sender IDs are no origination numbers.
func (f *facade) listOriginations(ctx context.Context, in *api.ListOriginationNumbersRequest) (*api.ListOriginationNumbersResult, error) {
	after, err := f.cursor(api.OpListOriginationNumbers.Name, in.NextToken)
	if err != nil {
		return nil, err
	}
	list, next, err := f.originations.List(ctx, origination.Query{Kind: origination.Number, After: after, Limit: size(in.MaxResults, originationsPage)})
	if err != nil {
		return nil, err
	}
	out := &api.ListOriginationNumbersResult{PhoneNumbers: make([]api.PhoneNumberInformation, len(list))}
	for i := range list {
		out.PhoneNumbers[i] = information(&list[i])
	}
	out.NextToken, err = f.token(api.OpListOriginationNumbers.Name, next)
	return out, err
}

func information(i *origination.Identity) api.PhoneNumberInformation {
	route := api.RouteTransactional
	if i.MessageType == origination.Promotional {
		route = api.RoutePromotional
	}
	status := strings.ToUpper(string(i.Status))
	return api.PhoneNumberInformation{
		CreatedAt: wire.At(i.CreatedAt), PhoneNumber: &i.Value, Status: &status, Iso2CountryCode: &i.Country, RouteType: &route,
		NumberCapabilities: i.Capabilities,
	}
}
