package interop

import (
	"net"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// appFrom is app at another address of this machine.
func appFrom(address string) *cip.Client {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return cip.New(cip.Options{
		BaseEndpoint: aws.String(srv.URL), Region: region, Credentials: aws.AnonymousCredentials{}, RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}},
	})
}

// A risk configuration is kept as it was set, and its blocked networks may not sign in.
func TestRiskConfiguration(t *testing.T) {
	p := newPool(t)
	number := newUser(t, p)
	in := &cip.SetRiskConfigurationInput{
		UserPoolId: &p.ID,
		AccountTakeoverRiskConfiguration: &types.AccountTakeoverRiskConfigurationType{
			Actions: &types.AccountTakeoverActionsType{HighAction: &types.AccountTakeoverActionType{Notify: true, EventAction: "NO_ACTION"}},
			NotifyConfiguration: &types.NotifyConfigurationType{
				SourceArn:     aws.String("arn:aws:ses:us-east-1:000000000000:identity/example.com"),
				NoActionEmail: &types.NotifyEmailType{Subject: aws.String("New sign-in"), TextBody: aws.String("From {ip-address}")},
			},
		},
		RiskExceptionConfiguration: &types.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"127.0.0.8/29"}},
	}
	_, err := admin().SetRiskConfiguration(t.Context(), in)
	check(t, err)
	out, err := admin().DescribeRiskConfiguration(t.Context(), &cip.DescribeRiskConfigurationInput{UserPoolId: &p.ID})
	check(t, err)
	for _, diff := range []string{
		cmp.Diff(in.AccountTakeoverRiskConfiguration, out.RiskConfiguration.AccountTakeoverRiskConfiguration, cmpopts.IgnoreUnexported(
			types.AccountTakeoverRiskConfigurationType{}, types.AccountTakeoverActionsType{}, types.AccountTakeoverActionType{}, types.NotifyConfigurationType{}, types.NotifyEmailType{})),
		cmp.Diff(in.RiskExceptionConfiguration, out.RiskConfiguration.RiskExceptionConfiguration, cmpopts.IgnoreUnexported(types.RiskExceptionConfigurationType{})),
	} {
		if diff != "" {
			t.Error(diff)
		}
	}
	signIn := func(from string) error {
		_, err := appFrom(from).InitiateAuth(t.Context(), &cip.InitiateAuthInput{
			ClientId: &p.Client, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": number, "PASSWORD": password},
		})
		return err
	}
	check(t, signIn("127.0.0.1"))
	wantError[*types.NotAuthorizedException](t, signIn("127.0.0.9"), "Unable to login because of security reasons.")
}
