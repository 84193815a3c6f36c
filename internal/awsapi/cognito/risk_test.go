package cognito

import (
	"strings"
	"testing"
)

// What SetRiskConfiguration sets is what DescribeRiskConfiguration shows, for the pool and for a client, whatever else is updated.
func TestRiskConfiguration(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		client := c.createClient(object{"UserPoolId": id})["ClientId"].(string)
		action := object{"Notify": true, "EventAction": "NO_ACTION"}
		mail := object{"Subject": "New sign-in", "HtmlBody": "<p>From {ip-address}</p>", "TextBody": "From {ip-address}"}
		set := object{
			"CompromisedCredentialsRiskConfiguration": object{"EventFilter": []any{"SIGN_IN"}, "Actions": object{"EventAction": "NO_ACTION"}},
			"AccountTakeoverRiskConfiguration": object{
				"NotifyConfiguration": object{"From": "a@example.com", "SourceArn": "arn:aws:ses:eu-central-1:123456789012:identity/example.com", "NoActionEmail": mail, "MfaEmail": mail, "BlockEmail": mail},
				"Actions":             object{"LowAction": action, "MediumAction": action, "HighAction": object{"Notify": true, "EventAction": "MFA_IF_CONFIGURED"}},
			},
			"RiskExceptionConfiguration": object{"SkippedIPRangeList": []any{"192.0.2.0/24"}, "BlockedIPRangeList": []any{"198.51.100.0/24"}},
		}
		show := func(in object) object {
			out := c.do("DescribeRiskConfiguration", in)["RiskConfiguration"].(object)
			delete(out, "LastModifiedDate")
			return out
		}
		with := func(more object) object {
			out := object{}
			for _, m := range []object{set, more} {
				for k, v := range m {
					out[k] = v
				}
			}
			return out
		}
		c.do("SetRiskConfiguration", with(object{"UserPoolId": id}))
		own := with(object{"UserPoolId": id, "ClientId": client})
		delete(own, "RiskExceptionConfiguration")
		c.do("SetRiskConfiguration", own)
		c.do("UpdateUserPool", object{"UserPoolId": id, "PoolName": "renamed"})
		if got := show(object{"UserPoolId": id}); text(got) != text(with(object{"UserPoolId": id})) {
			t.Errorf("shown %s", text(got))
		}
		if got := show(object{"UserPoolId": id, "ClientId": client}); text(got) != text(own) {
			t.Errorf("shown %s", text(got))
		}
		p, err := c.Service.GetPool(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if r := p.Config.Risk[""]; r == nil || r.Action != "MFA_IF_CONFIGURED" || !r.Notify || r.Text.Body != "From {ip-address}" || len(r.Blocked) != 1 {
			t.Errorf("the flows see %s", text(r))
		}
		c.do("SetRiskConfiguration", object{"UserPoolId": id, "ClientId": client})
		if got := show(object{"UserPoolId": id, "ClientId": client}); len(got) != 2 {
			t.Errorf("after it was removed: %s", text(got))
		}
	})
}

func TestRiskConfigurationRefusals(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		takeover := func(notify object) object {
			in := object{"Actions": object{"HighAction": object{"Notify": true, "EventAction": "NO_ACTION"}}}
			if notify != nil {
				in["NotifyConfiguration"] = notify
			}
			return object{"UserPoolId": id, "AccountTakeoverRiskConfiguration": in}
		}
		source := "arn:aws:ses:eu-central-1:123456789012:identity/example.com"
		for want, in := range map[string]object{
			"InvalidParameterException: CompromisedCredentialsRiskConfiguration: the action BLOCK is not supported: Countersign has no list of compromised passwords.": {
				"UserPoolId": id, "CompromisedCredentialsRiskConfiguration": object{"Actions": object{"EventAction": "BLOCK"}}},
			"InvalidParameterException: NotifyConfiguration is required when an action notifies.": takeover(nil),
			"InvalidParameterException: NotifyConfiguration: a subject has one line, a TextBody at most 6000 bytes.": takeover(object{"SourceArn": source,
				"NoActionEmail": object{"Subject": "x", "TextBody": strings.Repeat("x", 7000)}}),
			"InvalidParameterException: RiskExceptionConfiguration: 192.0.2.1 is not a CIDR range.": {
				"UserPoolId": id, "RiskExceptionConfiguration": object{"SkippedIPRangeList": []any{"192.0.2.1"}}},
			"ResourceNotFoundException: User pool client nobodys does not exist.": {"UserPoolId": id, "ClientId": "nobodys"},
		} {
			c.refused("SetRiskConfiguration", in, want)
		}
		c.refused("DescribeRiskConfiguration", object{"UserPoolId": "us-local-1_nothere"}, "ResourceNotFoundException: User pool us-local-1_nothere does not exist.")
	})
}
