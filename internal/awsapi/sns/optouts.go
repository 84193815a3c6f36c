package sns

import (
	"context"

	"countersign/internal/awsapi/query"
	"countersign/internal/awsapi/sns/api"
	"countersign/internal/fault"
	"countersign/internal/smsaccount"
)

func (f *facade) optOutOperations() []query.Operation {
	return []query.Operation{
		query.Op(api.OpCheckIfPhoneNumberIsOptedOut, f.isOptedOut),
		query.Op(api.OpListPhoneNumbersOptedOut, f.listOptedOut),
		query.Op(api.OpOptInPhoneNumber, f.optIn),
	}
}

func (f *facade) isOptedOut(ctx context.Context, in *api.CheckIfPhoneNumberIsOptedOutInput) (*api.CheckIfPhoneNumberIsOptedOutResponse, error) {
	n, err := numberOf("phoneNumber", in.PhoneNumber)
	if err != nil {
		return nil, err
	}
	out, err := f.account.IsOptedOut(ctx, n)
	if err != nil {
		return nil, err
	}
	return &api.CheckIfPhoneNumberIsOptedOutResponse{IsOptedOut: &out}, nil
}

// optedOutPage is how many numbers a page of ListPhoneNumbersOptedOut has, as Amazon's.
const optedOutPage = 100

func (f *facade) listOptedOut(ctx context.Context, in *api.ListPhoneNumbersOptedOutInput) (*api.ListPhoneNumbersOptedOutResponse, error) {
	after, err := f.cursor(api.OpListPhoneNumbersOptedOut.Name, in.NextToken)
	if err != nil {
		return nil, err
	}
	list, next, err := f.account.OptedOut(ctx, smsaccount.OptOutQuery{After: after, Limit: optedOutPage})
	if err != nil {
		return nil, err
	}
	out := &api.ListPhoneNumbersOptedOutResponse{PhoneNumbers: make([]string, len(list))}
	for i, o := range list {
		out.PhoneNumbers[i] = o.Number
	}
	out.NextToken, err = f.token(api.OpListPhoneNumbersOptedOut.Name, next)
	return out, err
}

// optIn lifts an opt-out. A number that is not opted out is none the less in.
func (f *facade) optIn(ctx context.Context, in *api.OptInPhoneNumberInput) (*api.OptInPhoneNumberResponse, error) {
	n, err := numberOf("phoneNumber", in.PhoneNumber)
	if err != nil {
		return nil, err
	}
	if _, err = f.account.OptIn(ctx, smsaccount.DefaultList, n); absent(err) {
		return nil, nil
	}
	return nil, worded(api.OpOptInPhoneNumber.Name, err, func(*fault.Error) string { return "phoneNumber" })
}
