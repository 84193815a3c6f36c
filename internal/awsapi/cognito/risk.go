package cognito

import (
	"context"
	"net/netip"
	"strings"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

// riskOperations is the table of the operations on risk.
func (f *facade) riskOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpSetRiskConfiguration, f.setRiskConfiguration),
		wire.Op(api.OpDescribeRiskConfiguration, f.describeRiskConfiguration),
	}
}

// maxRiskText bounds the text of a notice, in bytes, so that it still fits a message with its values filled in.
const maxRiskText = 6000

func (f *facade) describeRiskConfiguration(ctx context.Context, in *api.DescribeRiskConfigurationRequest) (*api.DescribeRiskConfigurationResponse, error) {
	p, err := f.pools.GetPool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := f.ownClient(ctx, p.ID, in.ClientId); err != nil {
		return nil, err
	}
	d, err := documentOf(p)
	if err != nil {
		return nil, err
	}
	out, set := d.Risk[wire.Value(in.ClientId)]
	if set {
		out.LastModifiedDate = wire.At(p.UpdatedAt)
	}
	out.UserPoolId, out.ClientId = &p.ID, in.ClientId
	return &api.DescribeRiskConfigurationResponse{RiskConfiguration: &out}, nil
}

// setRiskConfiguration replaces the setting of the pool, or of one app client; without any member it goes away.
func (f *facade) setRiskConfiguration(ctx context.Context, in *api.SetRiskConfigurationRequest) (*api.SetRiskConfigurationResponse, error) {
	if err := f.ownClient(ctx, *in.UserPoolId, in.ClientId); err != nil {
		return nil, err
	}
	set := api.RiskConfigurationType{
		CompromisedCredentialsRiskConfiguration: in.CompromisedCredentialsRiskConfiguration, AccountTakeoverRiskConfiguration: in.AccountTakeoverRiskConfiguration,
		RiskExceptionConfiguration: in.RiskExceptionConfiguration,
	}
	none := set.CompromisedCredentialsRiskConfiguration == nil && set.AccountTakeoverRiskConfiguration == nil && set.RiskExceptionConfiguration == nil
	p, err := f.pools.UpdatePool(ctx, callerOf(ctx, nil), *in.UserPoolId, func(p *pool.Pool) error {
		before, err := documentOf(p)
		if err != nil {
			return err
		}
		d := *before
		d.Risk = map[string]api.RiskConfigurationType{}
		for id, r := range before.Risk {
			d.Risk[id] = r
		}
		if d.Risk[wire.Value(in.ClientId)] = set; none {
			delete(d.Risk, wire.Value(in.ClientId))
		}
		return replace(p, before, &d)
	})
	if err != nil {
		return nil, err
	}
	set.UserPoolId, set.ClientId, set.LastModifiedDate = in.UserPoolId, in.ClientId, wire.At(p.UpdatedAt)
	return &api.SetRiskConfigurationResponse{RiskConfiguration: &set}, nil
}

// ownClient refuses an app client that is not the pool's. The id may be absent.
func (f *facade) ownClient(ctx context.Context, poolID string, clientID *string) error {
	if clientID == nil || *clientID == "" {
		return nil
	}
	_, err := f.pools.GetClient(ctx, poolID, *clientID)
	return err
}

// riskConfig derives what the flows do. Countersign knows one risk, a sign-in from a new network, and takes the action of the highest
// level that is set. What it could not do is refused by name.
func riskConfig(in *api.RiskConfigurationType) (*pool.RiskConfig, error) {
	out := &pool.RiskConfig{}
	if c := in.CompromisedCredentialsRiskConfiguration; c != nil && c.Actions != nil && wire.Value(c.Actions.EventAction) != api.CompromisedCredentialsEventActionNoAction {
		return nil, fault.Invalidf("CompromisedCredentialsRiskConfiguration", "CompromisedCredentialsRiskConfiguration: the action %s is not supported: "+
			"Countersign has no list of compromised passwords.", wire.Value(c.Actions.EventAction))
	}
	if t := in.AccountTakeoverRiskConfiguration; t != nil && t.Actions != nil {
		for _, a := range []*api.AccountTakeoverActionType{t.Actions.LowAction, t.Actions.MediumAction, t.Actions.HighAction} {
			if a != nil {
				out.Action, out.Notify = wire.Value(a.EventAction), wire.Value(a.Notify)
			}
		}
		if err := riskText(t.NotifyConfiguration, out); err != nil {
			return nil, err
		}
	}
	e := in.RiskExceptionConfiguration
	if e == nil {
		return out, nil
	}
	for _, list := range [][]string{e.BlockedIPRangeList, e.SkippedIPRangeList} {
		for _, cidr := range list {
			if _, err := netip.ParsePrefix(cidr); err != nil {
				return nil, fault.Invalidf("RiskExceptionConfiguration", "RiskExceptionConfiguration: %s is not a CIDR range.", cidr)
			}
		}
	}
	out.Blocked, out.Skipped = e.BlockedIPRangeList, e.SkippedIPRangeList
	return out, nil
}

// riskText chooses the mail for the action.
func riskText(n *api.NotifyConfigurationType, out *pool.RiskConfig) error {
	if n == nil {
		if out.Notify {
			return fault.Invalidf("NotifyConfiguration", "NotifyConfiguration is required when an action notifies.")
		}
		return nil
	}
	mail := n.NoActionEmail
	switch out.Action {
	case pool.RiskBlock:
		mail = n.BlockEmail
	case pool.RiskMFAIfThere, pool.RiskMFARequired:
		mail = n.MfaEmail
	}
	if mail == nil {
		return nil
	}
	out.Text = pool.Mail{Subject: wire.Value(mail.Subject), Body: wire.Value(mail.TextBody)}
	if strings.ContainsAny(out.Text.Subject, "\r\n") || len(out.Text.Body) > maxRiskText {
		return fault.Invalidf("NotifyConfiguration", "NotifyConfiguration: a subject has one line, a TextBody at most %d bytes.", maxRiskText)
	}
	return nil
}
