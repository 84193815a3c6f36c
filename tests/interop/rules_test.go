package interop

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// tryPassword signs in with a password and returns the answer, whatever it is.
func (a *auth0) tryPassword(email string, want int) answer {
	a.t.Helper()
	return a.anonymous().call("POST", "/oauth/token", map[string]any{
		"grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": "Username-Password-Authentication", "client_id": devClient,
		"username": email, "password": password, "scope": "openid",
	}, want)
}

// TestSecondFactorInSpecificContexts: what the documents call "required for specific contexts using rules", by a rule, by a post-login action and by a
// setting of the client; a rule binds the Cognito wire, too.
func TestSecondFactorInSpecificContexts(t *testing.T) {
	s := newServer(t)
	useServer(t, s)
	api := management(t, s)
	api.call("PUT", "/api/v2/guardian/factors/sms", map[string]any{"enabled": true}, 200)
	api.call("PUT", "/api/v2/guardian/policies", []string{}, 200)
	api.call("PATCH", "/api/v2/tenants/settings", map[string]any{"friendly_name": "Example"}, 200)
	api.templates()
	_, plain := api.user()
	id, careful := api.user()
	api.call("PATCH", "/api/v2/users/"+strings.ReplaceAll(id, "|", "%7C"), map[string]any{"app_metadata": map[string]any{"vip": true}}, 200)
	api.tryPassword(plain, 200)
	api.tryPassword(careful, 200)

	rule := api.call("POST", "/api/v2/rules", map[string]any{"name": "vips prove a phone", "script": `function (user, context, callback) {
  if (user.app_metadata && user.app_metadata.vip) context.multifactor = { provider: 'any', allowRememberBrowser: false };
  callback(null, user, context);
}`}, 201)
	api.tryPassword(plain, 200)
	if got := api.tryPassword(careful, 403); got.text("error") != "mfa_required" || got.text("mfa_requirements.enroll.0.type") != "phone" {
		t.Errorf("under the rule the sign-in answers %s", got.Raw)
	}
	out, err := app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(devClient), AuthParameters: map[string]string{"USERNAME": careful, "PASSWORD": password},
	})
	if err != nil || out.AuthenticationResult != nil || out.ChallengeName == "" {
		t.Errorf("under the rule the Cognito wire answers %+v, %v", out, err)
	}
	enrolAndChallenge(t, api, careful)
	api.call("PATCH", "/api/v2/rules/"+rule.text("id"), map[string]any{"enabled": false}, 200)

	action := api.call("POST", "/api/v2/actions/actions", map[string]any{
		"name": "who may come in", "supported_triggers": []any{map[string]any{"id": "post-login", "version": "v3"}}, "code": `
exports.onExecutePostLogin = async (event, api) => {
  if (event.user.email.startsWith('never')) api.access.deny('Not today.');
  if (event.client.metadata.careful === 'yes') api.multifactor.enable('any');
  api.idToken.setCustomClaim('https://example.com/seen', event.secrets.SEEN);
};`, "secrets": []any{map[string]any{"name": "SEEN", "value": "by-the-action"}}, "deploy": true,
	}, 201)
	api.call("PATCH", "/api/v2/actions/triggers/post-login/bindings", map[string]any{
		"bindings": []any{map[string]any{"ref": map[string]any{"type": "action_id", "value": action.text("id")}, "display_name": "door"}},
	}, 200)
	got := api.tryPassword(plain, 200)
	if claims := claimsOf(t, aws.String(got.text("id_token"))); claims["https://example.com/seen"] != "by-the-action" {
		t.Errorf("the ID token says %v", claims)
	}
	api.call("POST", "/api/v2/users", map[string]any{
		"connection": "Username-Password-Authentication", "email": "never@example.com", "email_verified": true, "password": password,
	}, 201)
	if got := api.tryPassword("never@example.com", 403); !strings.Contains(got.Raw, "Not today.") {
		t.Errorf("a denied sign-in answers %s", got.Raw)
	}
	api.call("PATCH", "/api/v2/clients/"+devClient, map[string]any{"client_metadata": map[string]any{"careful": "yes"}}, 200)
	if got := api.tryPassword(plain, 403); got.text("error") != "mfa_required" {
		t.Errorf("under the action the sign-in answers %s", got.Raw)
	}

	api.call("DELETE", "/api/v2/actions/actions/"+action.text("id")+"?force=true", nil, 204)
	api.tryPassword(plain, 200)
	api.call("PATCH", "/api/v2/clients/"+devClient, map[string]any{"require_mfa": true}, 200)
	if got := api.tryPassword(plain, 403); got.text("error") != "mfa_required" {
		t.Errorf("under the client's setting the sign-in answers %s", got.Raw)
	}
}
