package auth0go

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/auth0/go-auth0"
	"github.com/auth0/go-auth0/management"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// status is the HTTP status of an error of the API.
func status(err error) int {
	var e management.Error
	if errors.As(err, &e) {
		return e.Status()
	}
	return 0
}

// client is the SDK with a token of the development client.
func client(t *testing.T) *management.Management {
	t.Helper()
	base := os.Getenv("COUNTERSIGN_URL")
	if base == "" {
		t.Fatal("COUNTERSIGN_URL is not set: see doc.go")
	}
	res, err := http.PostForm(base+"/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"countersign-dev"}, "client_secret": {"countersign-dev-secret"}, "audience": {base + "/api/v2/"},
	})
	check(t, err)
	defer res.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	check(t, json.NewDecoder(res.Body).Decode(&token))
	m, err := management.New(strings.TrimPrefix(base, "http://"), management.WithInsecure(), management.WithStaticToken(token.AccessToken))
	check(t, err)
	return m
}

func TestHooks(t *testing.T) {
	m, ctx := client(t), t.Context()
	h := &management.Hook{
		Name: auth0.String("Go hook"), Script: auth0.String("module.exports = function (recipient, text, context, cb) { cb(); };"),
		TriggerID: auth0.String("send-phone-message"), Dependencies: &map[string]string{},
	}
	check(t, m.Hook.Create(ctx, h))
	id := h.GetID()
	if len(id) != 26 || h.GetEnabled() {
		t.Errorf("%s", h)
	}
	if err := m.Hook.Create(ctx, &management.Hook{Name: h.Name, Script: h.Script, TriggerID: h.TriggerID}); status(err) != http.StatusConflict {
		t.Errorf("a name that is taken: %v", err)
	}
	check(t, m.Hook.CreateSecrets(ctx, id, management.HookSecrets{"A": "1", "B": "2"}))
	check(t, m.Hook.ReplaceSecrets(ctx, id, management.HookSecrets{"B": "3", "C": "4"}))
	secrets, err := m.Hook.Secrets(ctx, id)
	check(t, err)
	if len(secrets) != 2 || secrets["B"] != "_VALUE_NOT_SHOWN_" || secrets["C"] != "_VALUE_NOT_SHOWN_" {
		t.Errorf("%v", secrets)
	}
	check(t, m.Hook.RemoveAllSecrets(ctx, id))
	check(t, m.Hook.Update(ctx, id, &management.Hook{Enabled: auth0.Bool(true)}))
	got, err := m.Hook.Read(ctx, id)
	check(t, err)
	if !got.GetEnabled() || got.GetScript() != h.GetScript() {
		t.Errorf("%s", got)
	}
	list, err := m.Hook.List(ctx, management.PerPage(5))
	check(t, err)
	if list.Total != 1 || len(list.Hooks) != 1 {
		t.Errorf("%v", list)
	}
	check(t, m.Hook.Delete(ctx, id))
	if _, err := m.Hook.Read(ctx, id); status(err) != http.StatusNotFound {
		t.Errorf("a deleted hook: %v", err)
	}
}

// built waits until an action is built, as Terraform does.
func built(ctx context.Context, t *testing.T, m *management.Management, id string) *management.Action {
	t.Helper()
	for range 100 {
		a, err := m.Action.Read(ctx, id)
		check(t, err)
		switch a.GetStatus() {
		case management.ActionStatusBuilt:
			return a
		case management.ActionStatusFailed:
			t.Fatalf("%s", a)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the action was not built")
	return nil
}

func TestActions(t *testing.T) {
	m, ctx := client(t), t.Context()
	a := &management.Action{
		Name: auth0.String("Go action"), SupportedTriggers: []management.ActionTrigger{{ID: auth0.String("send-phone-message"), Version: auth0.String("v2")}},
		Code:    auth0.String("exports.onExecuteSendPhoneMessage = async (event, api) => {};"),
		Secrets: &[]management.ActionSecret{{Name: auth0.String("TOKEN"), Value: auth0.String("s3cret")}}, Runtime: auth0.String("node22"),
	}
	check(t, m.Action.Create(ctx, a))
	id := a.GetID()
	built(ctx, t, m, id)
	v, err := m.Action.Deploy(ctx, id)
	check(t, err)
	if v.Number != 1 {
		t.Errorf("%s", v)
	}
	if a := built(ctx, t, m, id); !a.AllChangesDeployed || !a.DeployedVersion.Deployed || (*a.Secrets)[0].Value != nil {
		t.Errorf("%s", a)
	}
	check(t, m.Action.UpdateBindings(ctx, "send-phone-message", []*management.ActionBinding{{
		Ref: &management.ActionBindingReference{Type: auth0.String(management.ActionBindingReferenceByName), Value: auth0.String("Go action")}, DisplayName: auth0.String("Texts"),
	}}))
	bound, err := m.Action.Bindings(ctx, "send-phone-message")
	check(t, err)
	if bound.Total != 1 || bound.Bindings[0].Action.GetID() != id {
		t.Errorf("%v", bound)
	}
	check(t, m.Action.Update(ctx, id, &management.Action{
		Name: a.Name, SupportedTriggers: a.SupportedTriggers, Code: auth0.String("exports.onExecuteSendPhoneMessage = async () => { throw new Error('no') };"),
	}))
	built(ctx, t, m, id)
	_, err = m.Action.Deploy(ctx, id)
	check(t, err)
	versions, err := m.Action.Versions(ctx, id)
	check(t, err)
	if versions.Total != 2 || versions.Versions[0].Number != 2 {
		t.Errorf("%v", versions)
	}
	_, err = m.Action.DeployVersion(ctx, id, versions.Versions[1].GetID())
	check(t, err)
	check(t, m.Action.Delete(ctx, id, management.Parameter("force", "true")))
	triggers, err := m.Action.Triggers(ctx)
	check(t, err)
	if len(triggers.Triggers) == 0 {
		t.Error("no triggers")
	}
}

func TestFactors(t *testing.T) {
	m, ctx := client(t), t.Context()
	check(t, m.Guardian.MultiFactor.Phone.Enable(ctx, true))
	check(t, m.Guardian.MultiFactor.OTP.Enable(ctx, true))
	list, err := m.Guardian.MultiFactor.List(ctx)
	check(t, err)
	if len(list) != 8 || list[0].GetName() != "sms" || !list[0].GetEnabled() {
		t.Errorf("%v", list)
	}
	check(t, m.Guardian.MultiFactor.Phone.UpdateProvider(ctx, &management.MultiFactorProvider{Provider: auth0.String("phone-message-hook")}))
	p, err := m.Guardian.MultiFactor.Phone.Provider(ctx)
	check(t, err)
	if p.GetProvider() != "phone-message-hook" {
		t.Errorf("%s", p)
	}
	check(t, m.Guardian.MultiFactor.Phone.UpdateMessageTypes(ctx, &management.PhoneMessageTypes{MessageTypes: &[]string{"sms", "voice"}}))
	text := &management.MultiFactorSMSTemplate{EnrollmentMessage: auth0.String("{{ code }} enrols"), VerificationMessage: auth0.String("{{ code }} signs in")}
	check(t, m.Guardian.MultiFactor.SMS.UpdateTemplate(ctx, text))
	got, err := m.Guardian.MultiFactor.SMS.Template(ctx)
	check(t, err)
	if got.GetVerificationMessage() != "{{ code }} signs in" {
		t.Errorf("%s", got)
	}
	text.EnrollmentMessage = auth0.String("no code")
	if err := m.Guardian.MultiFactor.SMS.UpdateTemplate(ctx, text); status(err) != http.StatusBadRequest || !strings.Contains(err.Error(), "enrollment_message") {
		t.Errorf("a template without a code: %v", err)
	}
	check(t, m.Guardian.MultiFactor.SMS.UpdateTwilio(ctx, &management.MultiFactorProviderTwilio{From: auth0.String("+12025550100"), SID: auth0.String("AC1"), AuthToken: auth0.String("s3cret")}))
	twilio, err := m.Guardian.MultiFactor.SMS.Twilio(ctx)
	check(t, err)
	if twilio.GetSID() != "AC1" {
		t.Errorf("%s", twilio)
	}
	check(t, m.Guardian.MultiFactor.UpdatePolicy(ctx, &management.MultiFactorPolicies{"all-applications"}))
	policies, err := m.Guardian.MultiFactor.Policy(ctx)
	check(t, err)
	if len(*policies) != 1 {
		t.Errorf("%v", policies)
	}
	if err := m.Guardian.MultiFactor.DUO.Enable(ctx, true); status(err) != http.StatusBadRequest {
		t.Errorf("a factor that there is not: %v", err)
	}
}

func TestRulesAndTenant(t *testing.T) {
	m, ctx := client(t), t.Context()
	r := &management.Rule{Name: auth0.String("go"), Script: auth0.String("function (user, context, callback) { callback(null, user, context); }"), Enabled: auth0.Bool(false)}
	check(t, m.Rule.Create(ctx, r))
	check(t, m.Rule.Update(ctx, r.GetID(), &management.Rule{Order: auth0.Int(7)}))
	got, err := m.Rule.Read(ctx, r.GetID())
	check(t, err)
	if got.GetOrder() != 7 {
		t.Errorf("%s", got)
	}
	check(t, m.Rule.Delete(ctx, r.GetID()))
	check(t, m.RuleConfig.Upsert(ctx, "LIMIT", &management.RuleConfig{Value: auth0.String("5")}))
	if _, err := m.RuleConfig.Read(ctx, "LIMIT"); err != nil {
		t.Error(err)
	}
	check(t, m.RuleConfig.Delete(ctx, "LIMIT"))

	check(t, m.Tenant.Update(ctx, &management.Tenant{FriendlyName: auth0.String("Go"), EnabledLocales: &[]string{"en", "de"},
		Flags: &management.TenantFlags{DisableManagementAPISMSObfuscation: auth0.Bool(false)}}))
	tenant, err := m.Tenant.Read(ctx)
	check(t, err)
	if tenant.GetFriendlyName() != "Go" || tenant.Flags.GetDisableManagementAPISMSObfuscation() {
		t.Errorf("%s", tenant)
	}
	brute, err := m.AttackProtection.GetBruteForceProtection(ctx)
	check(t, err)
	if brute.GetMaxAttempts() != 10 {
		t.Errorf("%s", brute)
	}
}
