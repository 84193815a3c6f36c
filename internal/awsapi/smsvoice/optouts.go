package smsvoice

import (
	"context"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/smsaccount"
)

// optOutOperations is the table of opt-out lists.
func (f *facade) optOutOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpCreateOptOutList, f.createOptOutList),
		wire.Op(api.OpDescribeOptOutLists, f.describeOptOutLists),
		wire.Op(api.OpDeleteOptOutList, f.deleteOptOutList),
		wire.Op(api.OpPutOptedOutNumber, f.putOptedOut),
		wire.Op(api.OpDescribeOptedOutNumbers, f.describeOptedOut),
		wire.Op(api.OpDeleteOptedOutNumber, f.deleteOptedOut),
	}
}

func (f *facade) createOptOutList(ctx context.Context, in *api.CreateOptOutListRequest) (*api.CreateOptOutListResult, error) {
	l, err := f.SMS.CreateOptOutList(ctx, *in.OptOutListName)
	if err != nil {
		return nil, on(err, optOutList, *in.OptOutListName)
	}
	return &api.CreateOptOutListResult{OptOutListArn: f.arn(ctx, optOutList+"/"+l.Name), OptOutListName: &l.Name, Tags: in.Tags, CreatedTimestamp: wire.At(l.CreatedAt)}, nil
}

func (f *facade) describeOptOutLists(ctx context.Context, in *api.DescribeOptOutListsRequest) (*api.DescribeOptOutListsResult, error) {
	names := make([]string, len(in.OptOutListNames))
	for i, n := range in.OptOutListNames {
		names[i] = named(optOutList, n)
	}
	var all []smsaccount.OptOutList
	if wire.Value(in.Owner) != "SHARED" || len(names) > 0 {
		var err error
		if all, err = f.SMS.OptOutLists(ctx, names...); err != nil {
			id := ""
			if len(names) == 1 {
				id = names[0]
			}
			return nil, on(err, optOutList, id)
		}
	}
	page, next, err := cut(f, listing{wire.PageScope{Operation: "DescribeOptOutLists"}, in.NextToken, in.MaxResults}, all)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeOptOutListsResult{OptOutLists: make([]api.OptOutListInformation, len(page)), NextToken: next}
	for i, l := range page {
		out.OptOutLists[i] = api.OptOutListInformation{OptOutListArn: f.arn(ctx, optOutList+"/"+l.Name), OptOutListName: &l.Name, CreatedTimestamp: created(l)}
	}
	return out, nil
}

// created is when a list was made, which clients need: the Default one was there before anything.
func created(l smsaccount.OptOutList) *wire.Time {
	if l.CreatedAt.IsZero() {
		return new(wire.Time)
	}
	return wire.At(l.CreatedAt)
}

func (f *facade) deleteOptOutList(ctx context.Context, in *api.DeleteOptOutListRequest) (*api.DeleteOptOutListResult, error) {
	name := named(optOutList, *in.OptOutListName)
	l, err := f.SMS.DeleteOptOutList(ctx, name)
	if err != nil {
		return nil, on(err, optOutList, name)
	}
	return &api.DeleteOptOutListResult{OptOutListArn: f.arn(ctx, optOutList+"/"+l.Name), OptOutListName: &l.Name, CreatedTimestamp: created(l)}, nil
}

// optedOutError says whether it is the list or the number that is not there.
func optedOutError(err error, list string) error {
	if fault.CodeOf(err) == fault.ResourceNotFound && fault.Of(err).Field == "number" {
		return on(err, optedOut, "")
	}
	return on(err, optOutList, list)
}

func (f *facade) putOptedOut(ctx context.Context, in *api.PutOptedOutNumberRequest) (*api.PutOptedOutNumberResult, error) {
	list := named(optOutList, *in.OptOutListName)
	n, err := number("OptedOutNumber", *in.OptedOutNumber)
	if err != nil {
		return nil, err
	}
	o, err := f.SMS.OptOut(ctx, list, n)
	if err != nil {
		return nil, optedOutError(err, list)
	}
	return &api.PutOptedOutNumberResult{OptOutListArn: f.arn(ctx, optOutList+"/"+list), OptOutListName: &list, OptedOutNumber: new(n.String()),
		OptedOutTimestamp: wire.At(o.At), EndUserOptedOut: &o.EndUser}, nil
}

func (f *facade) deleteOptedOut(ctx context.Context, in *api.DeleteOptedOutNumberRequest) (*api.DeleteOptedOutNumberResult, error) {
	list := named(optOutList, *in.OptOutListName)
	n, err := number("OptedOutNumber", *in.OptedOutNumber)
	if err != nil {
		return nil, err
	}
	o, err := f.SMS.OptIn(ctx, list, n)
	if err != nil {
		return nil, optedOutError(err, list)
	}
	return &api.DeleteOptedOutNumberResult{OptOutListArn: f.arn(ctx, optOutList+"/"+list), OptOutListName: &list, OptedOutNumber: new(n.String()),
		OptedOutTimestamp: wire.At(o.At), EndUserOptedOut: &o.EndUser}, nil
}

func (f *facade) describeOptedOut(ctx context.Context, in *api.DescribeOptedOutNumbersRequest) (*api.DescribeOptedOutNumbersResult, error) {
	list := named(optOutList, *in.OptOutListName)
	q := smsaccount.OptOutQuery{List: list, Limit: usualPage}
	for _, c := range in.Filters {
		// Its only name is end-user-opted-out.
		if len(c.Values) != 1 || c.Values[0] != "true" && c.Values[0] != "false" {
			return nil, fault.Invalidf("Filters", "The value of end-user-opted-out must be true or false")
		}
		q.EndUser = new(c.Values[0] == "true")
	}
	out := &api.DescribeOptedOutNumbersResult{OptOutListArn: f.arn(ctx, optOutList+"/"+list), OptOutListName: &list, OptedOutNumbers: []api.OptedOutNumberInformation{}}
	for _, s := range in.OptedOutNumbers {
		n, err := number("OptedOutNumbers", s)
		if err != nil {
			return nil, err
		}
		q.Number = n
		page, _, err := f.SMS.OptedOut(ctx, q)
		if err != nil {
			return nil, optedOutError(err, list)
		}
		if len(page) == 0 {
			return nil, missing(optedOut, "")
		}
		page[0].Number = n.String() // the caller knows it
		out.OptedOutNumbers = append(out.OptedOutNumbers, optedOutNumber(page[0]))
	}
	if len(in.OptedOutNumbers) > 0 {
		return out, nil
	}
	l := listing{wire.PageScope{Operation: "DescribeOptedOutNumbers", Filter: list}, in.NextToken, in.MaxResults}
	var err error
	if q.After, err = f.cursor(l); err != nil {
		return nil, err
	}
	q.Limit = l.size()
	page, next, err := f.SMS.OptedOut(ctx, q)
	if err != nil {
		return nil, optedOutError(err, list)
	}
	for _, o := range page {
		out.OptedOutNumbers = append(out.OptedOutNumbers, optedOutNumber(o))
	}
	out.NextToken, err = f.seal(l, next)
	return out, err
}

func optedOutNumber(o smsaccount.OptedOut) api.OptedOutNumberInformation {
	return api.OptedOutNumberInformation{OptedOutNumber: &o.Number, OptedOutTimestamp: wire.At(o.At), EndUserOptedOut: &o.EndUser}
}
