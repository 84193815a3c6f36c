package cognito

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/store"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

// withFunctions gives the service functions, of which there is one: that of PreSignUp. set, if not nil, is told of the double.
func withFunctions(t *testing.T, set func(*triggertest.Double)) func(*pool.Options) {
	return func(o *pool.Options) {
		d := triggertest.New(t)
		d.On(trigger.PreSignUp, func(e triggertest.Event) (any, error) { return e, nil })
		o.Triggers = d.Runner()
		if set != nil {
			set(d)
		}
	}
}

// What a pool could not run, or what would not work, is refused by name.
func TestLambdaConfigRefusals(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		sender := func(version string) object { return object{"LambdaArn": aFunction, "LambdaVersion": version} }
		other := triggertest.ARN(trigger.PostConfirmation)
		key2 := strings.Replace(triggertest.Key, "8a3c", "9b4d", 1)
		for want, in := range map[string]object{
			"InboundFederation is not supported: Countersign does not run this trigger.":                                    {"InboundFederation": sender("V1_0")},
			"PreTokenGenerationConfig: version V3_0 is not supported: Countersign issues no tokens for client credentials.": {"PreTokenGenerationConfig": sender("V3_0")},
			"PreTokenGeneration and PreTokenGenerationConfig name different functions.":                                     {"PreTokenGenerationConfig": sender("V2_0"), "PreTokenGeneration": other},
			"KMSKeyID is required when CustomSMSSender or CustomEmailSender is set.":                                        {"CustomSMSSender": sender("V1_0")},
			"PreSignUp: arn:aws:sns:us-local-1:000000000000:something is not the ARN of a function.":                        {"PreSignUp": "arn:aws:sns:us-local-1:000000000000:something"},
			"KMSKeyID: " + aFunction + " is not the ARN of a key.":                                                          {"CustomSMSSender": sender("V1_0"), "KMSKeyID": aFunction},
			"KMSKeyID: the key " + key2 + " does not exist.":                                                                {"CustomSMSSender": sender("V1_0"), "KMSKeyID": key2},
			"PostConfirmation: the function " + other + " does not exist.":                                                  {"PostConfirmation": other},
		} {
			c.refused("CreateUserPool", object{"PoolName": "x", "LambdaConfig": in}, "InvalidParameterException: LambdaConfig."+want)
		}
		for tag, want := range map[string]string{
			"countersign:code-suite":     "0x0378, 0x0478 or 0x0578",
			"countersign:sender-retries": "0, 1 or 2",
		} {
			c.refused("CreateUserPool", object{"PoolName": "x", "UserPoolTags": object{tag: "7"}},
				"InvalidParameterException: UserPoolTags: the value of "+tag+" must be "+want+".")
		}
		id := c.create(object{"LambdaConfig": object{}})["Id"].(string)
		c.refused("UpdateUserPool", object{"UserPoolId": id, "LambdaConfig": object{"PostConfirmation": other}},
			"InvalidParameterException: LambdaConfig.PostConfirmation: the function "+other+" does not exist.")
	}, withFunctions(t, nil))
	eachControl(t, func(t *testing.T, c *control) {
		c.refused("CreateUserPool", object{"PoolName": "x", "LambdaConfig": object{"PreSignUp": aFunction}},
			"InvalidParameterException: LambdaConfig is not supported: this server runs no functions.")
	})
}

// The key is judged when it is set, and a missing permission is told then.
func TestLambdaConfigKeyAndPermission(t *testing.T) {
	var d *triggertest.Double
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		update := object{"UserPoolId": id, "LambdaConfig": object{"CustomSMSSender": object{"LambdaArn": aFunction, "LambdaVersion": "V1_0"}, "KMSKeyID": triggertest.Key}}
		for code, want := range map[fault.Code]string{
			fault.KeyDisabled: "is disabled", fault.KeyStateInvalid: "is pending deletion", fault.KeyUsageWrong: "is not a symmetric encryption key",
			fault.AccessDenied: "may not be used for this user pool",
		} {
			d.Unusable(fault.New(code).WithHint("aws kms ..."))
			c.refused("UpdateUserPool", update, "InvalidParameterException: LambdaConfig.KMSKeyID: the key "+triggertest.Key+" "+want+".")
		}
		d.Unusable(nil)
		d.Deny(fault.New(fault.AccessDenied).WithHint("aws lambda add-permission --function-name PreSignUp"))
		c.do("UpdateUserPool", update)
		all, err := c.Log.List(t.Context(), c.Store, eventlog.Query{PoolID: id, Types: []eventlog.Type{eventlog.PoolChanged}})
		if err != nil || !slices.ContainsFunc(all, func(e *store.Event) bool { return strings.Contains(string(e.Data), "add-permission") }) {
			t.Errorf("%d events, none with the command; %v", len(all), err)
		}
		if got := text(c.describe(id)["LambdaConfig"]); got != text(update["LambdaConfig"]) {
			t.Errorf("shown %s", got)
		}
		if got := c.do("ListUserPools", object{"MaxResults": 9})["UserPools"].([]any)[0].(object)["LambdaConfig"]; text(got) != text(update["LambdaConfig"]) {
			t.Errorf("listed %s", text(got))
		}
	}, withFunctions(t, func(made *triggertest.Double) { d = made }))
}

// The tags reach the flows' configuration.
func TestSenderSettings(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{
			"LambdaConfig": object{"PreTokenGenerationConfig": object{"LambdaArn": aFunction, "LambdaVersion": "V2_0"}},
			"UserPoolTags": object{"countersign:code-suite": "0x0578", "countersign:sender-retries": "2"},
		})["Id"].(string)
		p, err := c.Service.GetPool(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want := trigger.Config{Functions: map[trigger.Name]string{trigger.PreTokenGeneration: aFunction}, TokenVersion: "V2_0", Suite: 0x0578, SenderRetries: 2}
		got, _ := json.Marshal(p.Config.Triggers)
		if wanted, _ := json.Marshal(want); string(got) != string(wanted) {
			t.Errorf("got %s, want %s", got, wanted)
		}
		d := &poolDocument{}
		d.adopt(&p.Config)
		d.complete()
		if cfg, err := d.config(); err != nil || text(cfg.Triggers) != text(want) {
			t.Errorf("adopted %s, %v", text(cfg.Triggers), err)
		}
	}, withFunctions(t, nil))
}
