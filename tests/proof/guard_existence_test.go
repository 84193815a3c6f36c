package proof

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// guardCase is a policy under which every flow is asked about a number that somebody has proven, one that waits for its proof, and one that nobody has.
type guardCase struct {
	name   string
	policy obj
	// block is a key that an operator blocks.
	block string
	// number has a place for three digits; default: of the United States.
	number string
	// why are the reasons of which events must tell, open if the caller is told.
	why  []string
	open bool
	// spent: what is left depends on what was sent, so that later requests differ.
	spent bool
}

func few(hour int) obj { return obj{"hour": hour, "day": -1} }

var guardCases = []guardCase{
	{name: "none"},
	{name: "client", policy: obj{"limits": obj{"client": few(2), "strangers_percent": 100}}, why: []string{"client_rate"}, open: true},
	{name: "pool", policy: obj{"limits": obj{"pool": few(12), "strangers_percent": 100}}, why: []string{"pool_rate"}, open: true},
	{name: "countries", policy: obj{"countries": obj{"deny": []string{"US"}}}, why: []string{"country"}, open: true},
	{name: "line types", policy: obj{"line_types": obj{}}, number: "+49301234%03d", why: []string{"line_type"}, open: true},
	{name: "fictional", policy: obj{"fictional": "enforce"}, number: "+120255501%02d", why: []string{"fictional"}, open: true},
	{name: "denied numbers", policy: obj{"rules": []obj{{"name": "no", "action": "deny", "numbers": []string{"+1"}}}}, why: []string{"denied_rule"}, open: true},
	{name: "denied network", policy: obj{"rules": []obj{{"name": "no", "action": "deny", "networks": []string{"127.0.0.0/8"}}}}, why: []string{"denied_rule"}, open: true},
	{name: "denied purpose", policy: obj{"rules": []obj{{"name": "no", "action": "deny", "purposes": []string{"recovery", "sign_in"}}}}, why: []string{"denied_rule"}, open: true},
	{name: "money", policy: obj{"spend": obj{"day": "0.05", "unpriced": "0.06"}}, why: []string{"spend"}, open: true},
	{name: "strangers' money", policy: obj{"spend": obj{"day": "4.00", "strangers_percent": 1}}, why: []string{"spend"}},
	{name: "number", policy: obj{"limits": obj{"number": few(1), "confirmed_number": few(1), "address": few(14)}}, why: []string{"address_rate", "number_rate"}},
	{name: "number a day", policy: obj{"limits": obj{"number": obj{"hour": -1, "day": 1}, "confirmed_number": obj{"hour": -1, "day": 1}, "address": few(14)}}, why: []string{"address_rate", "number_rate"}},
	{name: "unconfirmed number", policy: obj{"limits": obj{"number": few(1), "address": few(14)}}, why: []string{"address_rate", "number_rate"}},
	{name: "confirmed number", policy: obj{"limits": obj{"confirmed_number": few(1), "address": few(14)}}, why: []string{"address_rate", "number_rate"}},
	{name: "account", policy: obj{"limits": obj{"account": few(1), "address": few(14)}}, why: []string{"account_rate", "address_rate"}},
	{name: "cool-down", policy: obj{"limits": obj{"cool_down_seconds": []int{600}, "address": few(14)}}, why: []string{"address_rate", "cool_down"}},
	{name: "back-off", policy: obj{"limits": obj{"back_off_after": 1, "address": few(14)}}, why: []string{"address_rate", "unanswered"}},
	{name: "address", policy: obj{"limits": obj{"address": few(5)}}, why: []string{"address_rate"}},
	{name: "network", policy: obj{"limits": obj{"network": few(5)}}, why: []string{"address_rate"}},
	{name: "country's quota", policy: obj{"limits": obj{"country": few(1), "address": few(14)}}, why: []string{"country_rate"}, spent: true},
	{name: "range's quota", policy: obj{"limits": obj{"range": few(1), "address": few(14)}}, why: []string{"prefix_rate"}, spent: true},
	{name: "pumping", policy: obj{"pumping": obj{"mode": "enforce"}, "limits": obj{"address": few(12)}}, block: "c:US", why: []string{"pumping"}},
}

// TestAdvisory_CVE_2026_23511_guards: answers told who exists. Whatever a guard refuses, on both wires, whole sequences of requests get the same answers for a
// number that somebody has proven, for one of somebody who waits for a code, and for one that nobody has; to a wrong code afterwards too, and so does what the
// same network asks about others. Each refusal is an event with its reason.
func TestAdvisory_CVE_2026_23511_guards(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	worlds := n.tenants("confirmed", "unconfirmed", "nobody")
	for _, x := range worlds {
		x.rec = nil
		x.hiding()
	}
	for i, c := range guardCases {
		t.Run(c.name, func(t *testing.T) { n.comparedBy(t, worlds, i, c) })
	}
	n.stop(t)
}

// hiding makes a pool whose people sign up, in and recover by texts, on both wires, and hides who exists.
func (x *tenant) hiding() {
	x.t.Helper()
	x.ok(x.back("UpdateUserPool", obj{"UserPoolId": x.pool, "AutoVerifiedAttributes": []string{"phone_number"}, "SmsConfiguration": smsRole, "MfaConfiguration": "OPTIONAL",
		"Policies": obj{"SignInPolicy": obj{"AllowedFirstAuthFactors": []string{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}}}}))
	x.ok(x.back("UpdateUserPoolClient", obj{"UserPoolId": x.pool, "ClientId": x.client, "ExplicitAuthFlows": allFlows, "PreventUserExistenceErrors": "ENABLED"}))
	x.api("PATCH", "/connections/con_sms", obj{"options": obj{"disable_signup": true}}, 200)
}

func (n *node) comparedBy(t *testing.T, worlds []*tenant, i int, c guardCase) {
	var told [3][]string
	for w, x := range worlds {
		began := time.Now().UTC().Format(time.RFC3339Nano)
		one := *x.caller
		one.t = t
		y := *x
		y.caller = &one
		told[w] = y.story(n, i, c, w)
		if got := n.said(x.pool, "cs_guard_refused&from="+began); len(c.why) > 0 {
			for _, why := range got {
				if !slices.Contains(c.why, why) {
					t.Errorf("%s: an event says %s", []string{"confirmed", "unconfirmed", "nobody"}[w], why)
				}
			}
			if len(got) == 0 && !strings.Contains(c.name, "confirmed number") && !(c.name == "back-off" && w > 0) && !(w == 2 && c.spent) && !(w == 0 && (c.spent || c.name == "pumping" || c.name == "strangers' money")) {
				t.Errorf("%s: nothing was refused", []string{"confirmed", "unconfirmed", "nobody"}[w])
			}
		}
	}
	for step := range told[2] {
		for w, who := range []string{"somebody who has proven it", "somebody who waits for a code"} {
			if told[w][step] != told[2][step] {
				t.Errorf("step %d tells of %s:\n%s\n%s", step+1, who, told[w][step], told[2][step])
			}
		}
	}
	refusals := strings.Count(strings.Join(told[2], "\n"), "LimitExceeded") + strings.Count(strings.Join(told[2], "\n"), "CodeDeliveryFailure") + strings.Count(strings.Join(told[2], "\n"), "InvalidParameter")
	if c.open && refusals == 0 {
		t.Errorf("nobody is told of the refusal:\n%s", strings.Join(told[2], "\n"))
	}
}

// story is what one world answers to the same sequence of requests.
func (x *tenant) story(n *node, i int, c guardCase, world int) (told []string) {
	t := x.t
	n.guards(x.pool, unlimited(nil))
	format := c.number
	if format == "" {
		format = "+1212466%04d"
	}
	number := func(k int) string { return fmt.Sprintf(format, i*4+k) }
	for k := range 4 {
		switch world {
		case 0:
			x.member(x.pool, number(k), hisSecret)
		case 1:
			x.ok(x.caller.app("SignUp", obj{"ClientId": x.client, "Username": number(k), "Password": hisSecret}))
		}
	}
	db := openBeside(t, n.database)
	for _, table := range []string{"counters", "codes"} { // what was set up was long ago
		_, err := db.Exec(`DELETE FROM ` + table)
		check(t, err)
	}
	check(t, db.Close())
	n.guards(x.pool, unlimited(c.policy))
	if c.block != "" {
		if a := n.manage("POST", "/guards/blocks?pool="+url.QueryEscape(x.pool), obj{"key": c.block}); a.status >= 300 {
			t.Fatalf("block: %d %s", a.status, a.raw)
		}
		defer n.operate("DELETE", "/guards/blocks?pool="+url.QueryEscape(x.pool)+"&key="+url.QueryEscape(c.block))
	}
	from := fmt.Sprintf("127.30.%d.1", i)
	app, other := x.caller.from(from), x.from(from)
	say := func(what string, a answer) { told = append(told, what+" "+form(t, a)) }
	forgot, resend, otp, first := number(0), number(1), number(2), number(3)
	for range 3 {
		say("ForgotPassword", app.app("ForgotPassword", obj{"ClientId": x.client, "Username": forgot}))
	}
	say("ConfirmForgotPassword", app.app("ConfirmForgotPassword", obj{"ClientId": x.client, "Username": forgot, "ConfirmationCode": "000000", "Password": hisSecret + "2"}))
	for range 3 {
		say("ResendConfirmationCode", app.app("ResendConfirmationCode", obj{"ClientId": x.client, "Username": resend}))
	}
	say("ConfirmSignUp", app.app("ConfirmSignUp", obj{"ClientId": x.client, "Username": resend, "ConfirmationCode": "000000"}))
	for range 3 {
		a := app.app("InitiateAuth", obj{"ClientId": x.client, "AuthFlow": "USER_AUTH", "AuthParameters": obj{"USERNAME": otp, "PREFERRED_CHALLENGE": "SMS_OTP"}})
		say("USER_AUTH", a)
		if s := a.str("Session"); s != "" {
			say("SMS_OTP", app.app("RespondToAuthChallenge", obj{"ClientId": x.client, "ChallengeName": "SMS_OTP", "Session": s,
				"ChallengeResponses": obj{"USERNAME": otp, "SMS_OTP_CODE": "000000"}}))
		}
	}
	for range 3 {
		told = append(told, "passwordless "+shape(other.call("POST", x.public+"/passwordless/start", obj{"client_id": x.client, "connection": "sms", "phone_number": first}, "")))
	}
	told = append(told, "otp "+shape(other.grant(codeGrant, obj{"realm": "sms", "username": first, "otp": "000000"})))
	if c.spent || strings.Contains(c.name, "money") {
		return told
	}
	for k := range 4 { // what the same network asks about others
		say("SignUp", app.app("SignUp", obj{"ClientId": x.client, "Username": fmt.Sprintf("+4915123456%02d%d", i, k), "Password": hisSecret}))
	}
	return told
}

// TestGuardCosts: a name that is no number costs an app client as much whether somebody has it or not.
func TestGuardCosts(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	var told []string
	for _, world := range []string{"somebody", "nobody"} {
		pool := c.ok(c.back("CreateUserPool", obj{"PoolName": world, "AliasAttributes": []string{"phone_number"}, "AutoVerifiedAttributes": []string{"phone_number"}, "SmsConfiguration": smsRole})).str("UserPool", "Id")
		client := c.ok(c.back("CreateUserPoolClient", obj{"UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": allFlows, "PreventUserExistenceErrors": "ENABLED"})).str("UserPoolClient", "ClientId")
		if world == "somebody" {
			c.ok(c.back("AdminCreateUser", obj{"UserPoolId": pool, "Username": "alice", "MessageAction": "SUPPRESS",
				"UserAttributes": []obj{{"Name": "phone_number", "Value": "+12124660001"}, {"Name": "phone_number_verified", "Value": "true"}}}))
			c.ok(c.back("AdminSetUserPassword", obj{"UserPoolId": pool, "Username": "alice", "Password": hisSecret, "Permanent": true}))
		}
		n.guards(pool, unlimited(obj{"limits": obj{"client": few(4), "strangers_percent": 100}}))
		one := ""
		for range 3 {
			one += form(t, c.app("ForgotPassword", obj{"ClientId": client, "Username": "alice"})) + "\n"
		}
		for k := range 3 {
			one += form(t, c.app("SignUp", obj{"ClientId": client, "Username": fmt.Sprintf("u%d", k), "Password": hisSecret, "UserAttributes": []obj{{"Name": "phone_number", "Value": fmt.Sprintf("+1212466010%d", k)}}})) + "\n"
		}
		told = append(told, one)
	}
	if told[0] != told[1] || strings.Count(told[0], "LimitExceededException") == 0 {
		t.Errorf("somebody:\n%s\nnobody:\n%s", told[0], told[1])
	}
}

// TestGuardAttempts: where sign-ups are separate attempts, whatever a guard refuses is answered alike for a name that somebody has and one that nobody has, and costs
// the same.
func TestGuardAttempts(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	for i, g := range []guardCase{
		{name: "none"}, {name: "block", policy: obj{"pumping": obj{"mode": "enforce"}, "limits": obj{"client": few(5), "strangers_percent": 100}}, block: "c:US"},
		{name: "country", policy: obj{"countries": obj{"deny": []string{"US"}}, "limits": obj{"client": few(5), "strangers_percent": 100}}},
		{name: "money", policy: obj{"spend": obj{"day": "4.00", "strangers_percent": 1}, "limits": obj{"client": few(5), "strangers_percent": 100}}},
		{name: "client", policy: obj{"limits": obj{"client": few(5), "strangers_percent": 100}}}, {name: "number", policy: obj{"limits": obj{"number": few(1), "address": few(5)}}},
		{name: "account", policy: obj{"limits": obj{"account": few(1), "address": few(5)}}}, {name: "cool-down", policy: obj{"limits": obj{"cool_down_seconds": []int{600}, "address": few(5)}}},
		{name: "address", policy: obj{"limits": obj{"address": few(2)}}}, {name: "country's quota", policy: obj{"limits": obj{"country": few(1), "client": few(5)}}, spent: true},
	} {
		var told []string
		for _, world := range []string{"somebody", "nobody"} {
			pool := c.ok(c.back("CreateUserPool", obj{"PoolName": world, "UsernameAttributes": []string{"phone_number"}, "AutoVerifiedAttributes": []string{"phone_number"}, "SmsConfiguration": smsRole,
				"UserPoolTags": obj{"countersign:separate-attempts": "true"}, "Policies": obj{"SignInPolicy": obj{"AllowedFirstAuthFactors": []string{"PASSWORD", "SMS_OTP"}}}})).str("UserPool", "Id")
			client := c.ok(c.back("CreateUserPoolClient", obj{"UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": allFlows, "PreventUserExistenceErrors": "ENABLED"})).str("UserPoolClient", "ClientId")
			if world == "somebody" {
				c.member(pool, "+12124660001", hisSecret)
			}
			n.guards(pool, unlimited(g.policy))
			if g.block != "" {
				n.manage("POST", "/guards/blocks?pool="+url.QueryEscape(pool), obj{"key": g.block})
			}
			y, one := c.from(fmt.Sprintf("127.31.%d.1", i)), ""
			say := func(a answer) { one += form(t, a) + "\n" }
			for range 3 {
				say(y.app("SignUp", obj{"ClientId": client, "Username": "+12124660001"}))
			}
			say(y.app("ConfirmSignUp", obj{"ClientId": client, "Username": "+12124660001", "ConfirmationCode": "000000"}))
			for k := range 3 {
				if !g.spent && g.name != "money" {
					say(y.app("SignUp", obj{"ClientId": client, "Username": fmt.Sprintf("+491512345600%d", k)}))
				}
			}
			told = append(told, one)
		}
		if told[0] != told[1] {
			t.Errorf("%s, somebody:\n%s\nnobody:\n%s", g.name, told[0], told[1])
		}
		if strings.Count(told[1], "Exceeded")+strings.Count(told[1], "Delivery") == 0 {
			t.Errorf("%s: %s", g.name, told[1])
		}
	}
}
