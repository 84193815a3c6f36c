package cognito

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
)

func TestDefaultsOfAClient(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		poolID := c.create(object{})["Id"].(string)
		made := c.createClient(object{"UserPoolId": poolID})
		id, now := made["ClientId"].(string), float64(pooltest.Start.Unix())
		want := object{
			"UserPoolId": poolID, "ClientId": id, "ClientName": "app", "CreationDate": now, "LastModifiedDate": now, "RefreshTokenValidity": 30,
			"TokenValidityUnits": object{}, "ExplicitAuthFlows": []string{"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"},
			"AllowedOAuthFlowsUserPoolClient": false, "PreventUserExistenceErrors": "LEGACY", "EnableTokenRevocation": true,
			"EnablePropagateAdditionalUserContextData": false, "AuthSessionValidity": 3,
		}
		if got := c.describeClient(poolID, id); text(got) != text(want) || text(made) != text(want) {
			t.Errorf("made %s\ngot  %s\nwant %s", text(made), text(got), text(want))
		}
		if events := c.events(poolID, eventlog.ClientChanged); len(events) != 1 || events[0].ClientID != id || !strings.Contains(string(events[0].Data), "AKIADEPLOYER") {
			t.Errorf("the log has %v", events)
		}
	})
}

func TestClientConfigIsDerived(t *testing.T) {
	const day, minute = 24 * time.Hour, time.Minute
	eachControl(t, func(t *testing.T, c *control) {
		poolID := c.create(object{})["Id"].(string)
		for _, row := range []struct {
			in                  object
			flows               string
			access, id, refresh time.Duration
		}{
			{object{}, `["ALLOW_REFRESH_TOKEN_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_CUSTOM_AUTH"]`, time.Hour, time.Hour, 30 * day},
			{object{"AccessTokenValidity": 2, "IdTokenValidity": 3, "RefreshTokenValidity": 3650}, `["ALLOW_REFRESH_TOKEN_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_CUSTOM_AUTH"]`,
				2 * time.Hour, 3 * time.Hour, 3650 * day},
			{object{"AccessTokenValidity": 300, "IdTokenValidity": 5, "RefreshTokenValidity": 60, "ExplicitAuthFlows": []string{"ADMIN_NO_SRP_AUTH"},
				"TokenValidityUnits": object{"AccessToken": "seconds", "IdToken": "minutes", "RefreshToken": "minutes"}},
				`["ALLOW_REFRESH_TOKEN_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_CUSTOM_AUTH","ALLOW_ADMIN_USER_PASSWORD_AUTH"]`, 5 * minute, 5 * minute, time.Hour},
			{object{"RefreshTokenValidity": 0, "TokenValidityUnits": object{"RefreshToken": "minutes"}, "ExplicitAuthFlows": []string{"CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH"}},
				`["ALLOW_REFRESH_TOKEN_AUTH","ALLOW_CUSTOM_AUTH","ALLOW_USER_PASSWORD_AUTH"]`, time.Hour, time.Hour, 30 * day},
			{object{"RefreshTokenRotation": object{"Feature": "ENABLED"}}, `["ALLOW_USER_SRP_AUTH","ALLOW_CUSTOM_AUTH"]`, time.Hour, time.Hour, 30 * day},
		} {
			row.in["UserPoolId"] = poolID
			id := c.createClient(row.in)["ClientId"].(string)
			cl, err := c.Service.GetClient(t.Context(), poolID, id)
			if err != nil {
				t.Fatal(err)
			}
			if g := cl.Config; text(g.Flows) != row.flows || g.AccessTTL != row.access || g.IDTTL != row.id || g.RefreshTTL != row.refresh {
				t.Errorf("%v: %v %v %v %v", row.in, g.Flows, g.AccessTTL, g.IDTTL, g.RefreshTTL)
			}
		}
	})
}

func TestClientsAreRefused(t *testing.T) {
	minutes := object{"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "minutes"}
	const tokens = "Invalid range for token validity."
	rows := []struct {
		in   object
		want string
	}{
		{object{"AccessTokenValidity": 25}, tokens},
		{object{"AccessTokenValidity": 4, "TokenValidityUnits": minutes}, tokens},
		{object{"IdTokenValidity": 1441, "TokenValidityUnits": minutes}, tokens},
		{object{"RefreshTokenValidity": 59, "TokenValidityUnits": minutes}, tokens},
		{object{"RefreshTokenValidity": 3651}, tokens},
		{object{"RefreshTokenValidity": 315360000}, tokens},
		{object{"AccessTokenValidity": 200, "RefreshTokenValidity": 90, "TokenValidityUnits": minutes},
			"Access and Id Token expiration times must be less than or equal to refresh token expiration times."},
		{object{"AuthSessionValidity": 16}, "1 validation error detected: Value '16' at 'authSessionValidity' failed to satisfy constraint: " +
			"Member must have value less than or equal to 15"},
		{object{"ExplicitAuthFlows": []string{"ALLOW_USER_SRP_AUTH", "ADMIN_NO_SRP_AUTH"}}, "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names."},
		{object{"RefreshTokenRotation": object{"Feature": "ENABLED"}, "ExplicitAuthFlows": []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}},
			"ALLOW_REFRESH_TOKEN_AUTH cannot be used while refresh token rotation is enabled."},
		{object{"ReadAttributes": []string{"custom:absent"}}, "Invalid read attributes specified while creating a client"},
		{object{"WriteAttributes": []string{"name", "custom:absent"}}, "Invalid write attributes specified while creating a client"},
		{object{"WriteAttributes": []string{"email", "email_verified"}}, "Invalid write attributes specified while creating a client"},
		{object{"WriteAttributes": []string{"name"}}, "Invalid write attributes specified while creating a client"}, // email is required
		{object{"WriteAttributes": []string{"email", "dev:custom:plan"}}, "Invalid write attributes specified while creating a client"},
		{object{"AllowedOAuthFlows": []string{"client_credentials"}}, "InvalidOAuthFlowException: client_credentials flow can not be selected if client does not have a client secret."},
		{object{"AllowedOAuthFlows": []string{"code", "client_credentials"}, "GenerateSecret": true},
			"InvalidOAuthFlowException: client_credentials flow can not be selected along with code flow or implicit flow."},
		{object{"AllowedOAuthFlows": []string{"code"}}, "CallbackUrls can not be empty when code flow or implicit flow is selected"},
		{object{"AllowedOAuthFlowsUserPoolClient": true}, "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."},
		{object{"AllowedOAuthScopes": []string{"openid", "shop/read"}}, "ScopeDoesNotExistException: Invalid scope requested: shop/read"},
		{object{"CallbackURLs": []string{"http://example.com/"}}, "http://example.com/ cannot use the HTTP protocol."},
		{object{"CallbackURLs": []string{"http://localhost.example.com/"}}, "http://localhost.example.com/ cannot use the HTTP protocol."},
		{object{"CallbackURLs": []string{"https://example.com/#here"}}, "https://example.com/#here cannot use fragment"},
		{object{"CallbackURLs": []string{"javascript:alert(1)"}}, "javascript:alert(1) cannot use the javascript scheme."},
		{object{"CallbackURLs": []string{"https:///path"}}, "https:///path is not a valid URL."},
		{object{"LogoutURLs": []string{"example.com"}}, "example.com is not a valid URL."},
		{object{"CallbackURLs": []string{"https://a.example/"}, "DefaultRedirectURI": "https://b.example/"}, "The default redirect URI https://b.example/ is not in the callback URIs list."},
		{object{"EnablePropagateAdditionalUserContextData": true}, "Client Secret is required to set EnablePropagateAdditionalUserContextData as true"},
		{object{"AnalyticsConfiguration": object{"ApplicationId": "a1"}},
			"Invalid analytics configuration given, either <application arn> or <application id, role arn, external id> are valid"},
		{object{"ClientSecret": "short"}, "1 validation error detected: Value at 'clientSecret' failed to satisfy constraint: Member must have length greater than or equal to 24"},
	}
	eachControl(t, func(t *testing.T, c *control) {
		poolID := c.create(object{"Schema": []object{
			{"Name": "email", "Required": true}, {"Name": "plan", "AttributeDataType": "String", "DeveloperOnlyAttribute": true},
		}})["Id"].(string)
		for _, row := range rows {
			row.in["UserPoolId"], row.in["ClientName"] = poolID, "refused"
			want := "InvalidParameterException: " + row.want
			if name, _, _ := strings.Cut(row.want, ": "); strings.HasSuffix(name, "Exception") {
				want = row.want
			}
			c.refused("CreateUserPoolClient", row.in, want)
		}
		c.refused("CreateUserPoolClient", object{"UserPoolId": poolID, "ClientName": "x", "SupportedIdentityProviders": []string{"Google"}},
			"InvalidParameterException: The provider Google does not exist for User Pool "+poolID+".")
		if out := c.do("ListUserPoolClients", object{"UserPoolId": poolID}); len(out["UserPoolClients"].([]any)) != 0 {
			t.Errorf("refused clients are there: %s", text(out))
		}
		for _, u := range []string{"http://localhost:3000/", "http://127.0.0.1:3000", "http://[::1]:3000/in", "myapp://callback", "com.example.app:/in"} {
			c.createClient(object{"UserPoolId": poolID, "CallbackURLs": []string{u}})
		}
		id := c.createClient(object{"UserPoolId": poolID})["ClientId"].(string)
		c.refused("UpdateUserPoolClient", object{"UserPoolId": poolID, "ClientId": id, "WriteAttributes": []string{"name"}},
			"InvalidParameterException: Invalid write attributes specified while updating a client")
	})
}

func TestClientsComeAndGo(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		poolID, other := c.create(object{})["Id"].(string), c.create(object{})["Id"].(string)
		id := c.createClient(object{"UserPoolId": poolID, "ClientSecret": "abcdefghijklmnopqrstuvwxyz_+", "AuthSessionValidity": 10})["ClientId"].(string)
		gone := "ResourceNotFoundException: User pool client " + id + " does not exist."
		for _, op := range []string{"DescribeUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient"} {
			c.refused(op, object{"UserPoolId": other, "ClientId": id}, gone)
		}
		if got := c.describeClient(poolID, id)["ClientSecret"]; got != "abcdefghijklmnopqrstuvwxyz_+" {
			t.Errorf("the secret is %v", got)
		}
		out := c.do("UpdateUserPoolClient", object{"UserPoolId": poolID, "ClientId": id, "ClientName": "renamed"})["UserPoolClient"].(object)
		if out["ClientName"] != "renamed" || out["AuthSessionValidity"] != 3.0 {
			t.Errorf("after an update: %s", text(out))
		}
		c.createClient(object{"UserPoolId": poolID})
		page := c.do("ListUserPoolClients", object{"UserPoolId": poolID, "MaxResults": 1})
		next := c.do("ListUserPoolClients", object{"UserPoolId": poolID, "MaxResults": 1, "NextToken": page["NextToken"]})
		if len(page["UserPoolClients"].([]any)) != 1 || len(next["UserPoolClients"].([]any)) != 1 || next["NextToken"] != nil {
			t.Errorf("pages %s %s", text(page), text(next))
		}
		if out := c.do("DeleteUserPoolClient", object{"UserPoolId": poolID, "ClientId": id}); len(out) != 0 {
			t.Errorf("the answer is %v", out)
		}
		c.refused("DeleteUserPoolClient", object{"UserPoolId": poolID, "ClientId": id}, gone)
		c.refused("InitiateAuth", object{"ClientId": id, "AuthFlow": "USER_SRP_AUTH"}, gone)
	})
}

// TestAnUpdateKeepsWhatOtherWiresSet: the Management API's settings of a client survive UpdateUserPoolClient, and this wire's survive the other's.
func TestAnUpdateKeepsWhatOtherWiresSet(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		poolID := c.create(object{})["Id"].(string)
		id := c.createClient(object{"UserPoolId": poolID, "AccessTokenValidity": 5, "TokenValidityUnits": object{"AccessToken": "minutes"}})["ClientId"].(string)
		before := c.describeClient(poolID, id)
		_, err := c.Service.UpdateClient(t.Context(), pool.Caller{}, poolID, id, func(cl *pool.Client) error {
			cl.Config.Grants, cl.Config.Metadata, cl.Config.Audiences = []string{"password"}, map[string]string{"a": "b"}, []string{"https://api"}
			cl.Wire = json.RawMessage(strings.Replace(string(cl.Wire), "{", `{"auth0":{"callbacks":["x:/y"]},`, 1))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.describeClient(poolID, id); text(got["TokenValidityUnits"]) != text(before["TokenValidityUnits"]) {
			t.Errorf("units %v became %v", before["TokenValidityUnits"], got["TokenValidityUnits"])
		}
		c.do("UpdateUserPoolClient", object{"UserPoolId": poolID, "ClientId": id, "ClientName": "new"})
		cl, err := c.Service.GetClient(t.Context(), poolID, id)
		if err != nil {
			t.Fatal(err)
		}
		if g := cl.Config; cl.Name != "new" || text(g.Grants) != `["password"]` || g.Metadata["a"] != "b" || len(g.Audiences) != 1 || !strings.Contains(string(cl.Wire), `"callbacks":["x:/y"]`) {
			t.Errorf("%s: %+v %s", cl.Name, g, cl.Wire)
		}
	})
}

// TestSecretsOfMachinesStayWithTheirGrants: who may read secrets of app clients does not thereby get what a machine client may do elsewhere.
func TestSecretsOfMachinesStayWithTheirGrants(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		poolID := c.create(object{})["Id"].(string)
		id := c.createClient(object{"UserPoolId": poolID, "GenerateSecret": true})["ClientId"].(string)
		if c.describeClient(poolID, id)["ClientSecret"] == nil {
			t.Fatal("the secret of an app client is hidden from an administrator")
		}
		_, err := c.Service.UpdateClient(t.Context(), pool.Caller{}, poolID, id, func(cl *pool.Client) error {
			cl.Config.Machine = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		c.do("UpdateUserPoolClient", object{"UserPoolId": poolID, "ClientId": id})
		if got := c.describeClient(poolID, id)["ClientSecret"]; got != nil {
			t.Errorf("the secret of a machine client is %v", got)
		}
	})
}
