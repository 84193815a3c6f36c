package cognito

import (
	"net/url"
	"slices"
	"strings"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

// check is what the model cannot say. It sees the settings as they were sent, before defaults.
func (d *clientDocument) check(in clientContext) error {
	c := &d.Client
	for _, err := range []error{
		checkFlows(c), checkAttributeLists(c, in), checkOAuth(c, in), checkURLs(c), checkAnalytics(c.AnalyticsConfiguration),
	} {
		if err != nil {
			return err
		}
	}
	if wire.Value(c.EnablePropagateAdditionalUserContextData) && !in.secret {
		return fault.Invalidf("EnablePropagateAdditionalUserContextData", "Client Secret is required to set EnablePropagateAdditionalUserContextData as true")
	}
	return nil
}

func checkFlows(c *api.UserPoolClientType) error {
	legacy := slices.ContainsFunc(c.ExplicitAuthFlows, func(f string) bool { return !strings.HasPrefix(f, "ALLOW_") })
	modern := slices.ContainsFunc(c.ExplicitAuthFlows, func(f string) bool { return strings.HasPrefix(f, "ALLOW_") })
	switch {
	case legacy && modern:
		return fault.Invalidf("ExplicitAuthFlows", "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names.")
	case rotates(c) && (legacy || slices.ContainsFunc(c.ExplicitAuthFlows, isRefreshFlow)):
		return fault.Invalidf("RefreshTokenRotation", "ALLOW_REFRESH_TOKEN_AUTH cannot be used while refresh token rotation is enabled.").
			WithHint("Take ALLOW_REFRESH_TOKEN_AUTH out of ExplicitAuthFlows; clients refresh with GetTokensFromRefreshToken.")
	}
	return nil
}

// neverWritten are the attributes that no client may write.
var neverWritten = []string{"sub", "email_verified", "phone_number_verified"}

func checkAttributeLists(c *api.UserPoolClientType, in clientContext) error {
	schema := func(name string) *pool.SchemaAttribute {
		i := slices.IndexFunc(in.cfg.Schema, func(s pool.SchemaAttribute) bool { return s.Name == name })
		if i < 0 {
			return nil
		}
		return &in.cfg.Schema[i]
	}
	for _, name := range c.ReadAttributes {
		if schema(name) == nil {
			return fault.Invalidf("ReadAttributes", "Invalid read attributes specified while %s a client", in.verb).WithHint("The pool has no attribute %s.", name)
		}
	}
	bad := fault.Invalidf("WriteAttributes", "Invalid write attributes specified while %s a client", in.verb)
	for _, name := range c.WriteAttributes {
		if s := schema(name); s == nil || slices.Contains(neverWritten, name) || s.DeveloperOnly {
			return bad.WithHint("%s is not an attribute that a client may write.", name)
		}
	}
	if len(c.WriteAttributes) == 0 {
		return nil
	}
	for _, s := range in.cfg.Schema {
		if s.Required && s.Name != "sub" && !slices.Contains(c.WriteAttributes, s.Name) {
			return bad.WithHint("%s is required by the pool and must be among the WriteAttributes.", s.Name)
		}
	}
	return nil
}

// oauthScopes are those that every pool has.
var oauthScopes = []string{"phone", "email", "openid", "profile", "aws.cognito.signin.user.admin"}

func checkOAuth(c *api.UserPoolClientType, in clientContext) error {
	machine := slices.Contains(c.AllowedOAuthFlows, api.OAuthFlowClientCredentials)
	people := slices.Contains(c.AllowedOAuthFlows, api.OAuthFlowCode) || slices.Contains(c.AllowedOAuthFlows, api.OAuthFlowImplicit)
	bad := func(sentence string) error {
		return fault.New(fault.FlowNotSupported).WithField("AllowedOAuthFlows").WithPublic("%s", sentence)
	}
	switch {
	case machine && people:
		return bad("client_credentials flow can not be selected along with code flow or implicit flow.")
	case machine && !in.secret:
		return bad("client_credentials flow can not be selected if client does not have a client secret.")
	case people && len(c.CallbackURLs) == 0:
		return fault.Invalidf("CallbackURLs", "CallbackUrls can not be empty when code flow or implicit flow is selected")
	case wire.Value(c.AllowedOAuthFlowsUserPoolClient) && (len(c.AllowedOAuthFlows) == 0 || len(c.AllowedOAuthScopes) == 0):
		return fault.Invalidf("AllowedOAuthFlows", "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
	}
	for _, scope := range c.AllowedOAuthScopes {
		if !slices.Contains(oauthScopes, scope) {
			return fault.New(fault.ResourceNotFound).WithField(scope).WithHint("Every pool has %s; there are no resource servers.", strings.Join(oauthScopes, ", "))
		}
	}
	for _, provider := range c.SupportedIdentityProviders {
		if provider != "COGNITO" {
			return fault.Invalidf("SupportedIdentityProviders", "The provider %s does not exist for User Pool %s.", provider, in.poolID)
		}
	}
	return nil
}

func checkURLs(c *api.UserPoolClientType) error {
	for _, u := range slices.Concat(c.CallbackURLs, c.LogoutURLs) {
		if err := checkURL(u); err != nil {
			return err
		}
	}
	if d := c.DefaultRedirectURI; d != nil && !slices.Contains(c.CallbackURLs, *d) {
		return fault.Invalidf("DefaultRedirectURI", "The default redirect URI %s is not in the callback URIs list.", *d)
	}
	return nil
}

// checkURL takes https, http to the caller's own machine, and the schemes of apps (developer guide, app client settings).
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme == "" || u.User != nil || (u.Host == "" && (u.Scheme == "https" || u.Scheme == "http")):
		return fault.Invalidf("CallbackURLs", "%s is not a valid URL.", s)
	case strings.Contains(s, "#"):
		return fault.Invalidf("CallbackURLs", "%s cannot use fragment", s)
	case slices.Contains([]string{"javascript", "data", "vbscript", "file", "blob"}, u.Scheme):
		return fault.Invalidf("CallbackURLs", "%s cannot use the %s scheme.", s, u.Scheme)
	case u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
		return fault.Invalidf("CallbackURLs", "%s cannot use the HTTP protocol.", s)
	}
	return nil
}

func checkAnalytics(a *api.AnalyticsConfigurationType) error {
	if a == nil {
		return nil
	}
	byARN := a.ApplicationArn != nil && a.ApplicationId == nil && a.ExternalId == nil
	byID := a.ApplicationArn == nil && a.ApplicationId != nil && a.RoleArn != nil && a.ExternalId != nil
	if !byARN && !byID {
		return fault.Invalidf("AnalyticsConfiguration", "Invalid analytics configuration given, either <application arn> or <application id, role arn, external id> are valid")
	}
	return nil
}
