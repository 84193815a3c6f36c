package senderfunc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

// read is New with the whole environment.
func read(env map[string]string) (*Function, error) {
	return New(func(n string) string { return env[n] }, io.Discard, slices.Sorted(maps.Keys(env))...)
}

// least is what an account of each kind must have.
func least(t *testing.T) map[string]map[string]string {
	return map[string]map[string]string{
		"sns": {}, "aws-sms": {},
		"twilio":      {"ACCOUNT_SID": "AC1", "AUTH_TOKEN": "a token", "FROM": "+12065550100"},
		"vonage":      {"APPLICATION_ID": "0197a1b2-7c3d-4e4f-8a5b-6c7d8e9f0a1b", "PRIVATE_KEY": privateKey(t)},
		"vonage-sms":  {"API_KEY": "abcd1234", "API_SECRET": "a secret"},
		"infobip":     {"API_KEY": "key"},
		"telesign":    {"CUSTOMER_ID": "FFFFFFFF-EEEE-DDDD-1234-AB1234567890", "API_KEY": "c2VjcmV0IGZvciB0ZXN0cyBvbmx5"},
		"sinch":       {"SERVICE_PLAN_ID": "plan", "TOKEN": "token"},
		"messagebird": {"ACCESS_KEY": "key", "FROM": "Acme"},
		"plivo":       {"AUTH_ID": "MAXXXXXXXXXXXXXXXXXX", "AUTH_TOKEN": "token", "FROM": "12065550100"},
		"esendex":     {"USERNAME": "ops@example.com", "PASSWORD": "secret", "ACCOUNT_REFERENCE": "EX0000000"},
		"mitto":       {"API_KEY": "key", "FROM": "Acme"},
		"smpp":        {"HOST": "smpp.example.net", "SYSTEM_ID": "acme", "PASSWORD": "secret"},
		"webhook":     {"URL": "https://sms.example.com", "SECRET": signKey},
	}
}

// What docs/lambda.md says must be set is what must be: nothing less will do, and nothing is left out.
func TestDocumentedKinds(t *testing.T) {
	page, err := os.ReadFile("../../docs/lambda.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| Kind | Service | Must be set |")
	table, _, _ = strings.Cut(table, "\n\n")
	all := least(t)
	if rows := strings.Count(table, "\n") - 1; rows != len(all) {
		t.Errorf("the table has %d kinds, there are %d", rows, len(all))
	}
	for kind, settings := range all {
		_, row, ok := strings.Cut(table, "\n| `"+kind+"` |")
		row, _, _ = strings.Cut(row, "\n")
		if !ok {
			t.Errorf("%s has no row", kind)
		}
		for left := range settings {
			if !strings.Contains(row, "`"+left+"`") {
				t.Errorf("%s: %s is not in the row", kind, left)
			}
			env := map[string]string{"PROVIDERS": "main", "PROVIDER_MAIN_KIND": kind, "AWS_REGION": "eu-west-1"}
			for k, v := range settings {
				if k != left {
					env["PROVIDER_MAIN_"+k] = v
				}
			}
			if _, err := read(env); err == nil || !strings.Contains(err.Error(), "PROVIDER_MAIN_"+left) {
				t.Errorf("%s without %s: %v", kind, left, err)
			}
		}
	}
}

func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// Every kind that sends codes of others can be an account, under its own name or another one; those that make codes cannot.
func TestKinds(t *testing.T) {
	all := least(t)
	for _, spec := range gateway.Specs() {
		settings, ok := all[spec.Kind]
		if ok == slices.Contains(makers, spec.Kind) {
			t.Errorf("%s is in the wrong list", spec.Kind)
		}
		if !slices.Contains(spec.Channels, provider.SMS) {
			t.Errorf("%s sends no texts", spec.Kind)
		}
		for _, f := range spec.Fields {
			if f.Name == "kind" || f.Name == "senders" {
				t.Errorf("%s: the variable of the field %s means something else", spec.Kind, f.Name)
			}
		}
		for _, name := range []string{spec.Kind, "any-name"} {
			env := map[string]string{"PROVIDERS": name, "AWS_REGION": "eu-west-1", prefixOf("any-name") + "KIND": spec.Kind}
			if name == spec.Kind {
				delete(env, prefixOf("any-name")+"KIND")
			}
			for k, v := range settings {
				env[prefixOf(name)+k] = v
			}
			f, err := read(env)
			if !ok {
				if err == nil || !strings.Contains(err.Error(), "make codes of their own") {
					t.Errorf("%s: %v", spec.Kind, err)
				}
				continue
			}
			if err != nil || len(f.accounts) != 1 || f.alone || f.accounts[0].name != name || f.accounts[0].kind != spec.Kind {
				t.Errorf("%s as %s: %v", spec.Kind, name, err)
				continue
			}
			p := f.accounts[0].p
			if f.accounts[0].again != nil {
				if p, err = f.accounts[0].again(); err != nil {
					t.Fatal(err)
				}
				defer p.(io.Closer).Close()
			}
			if _, maker := p.(provider.CodeMaker); maker {
				t.Errorf("%s makes codes", spec.Kind)
			}
		}
	}
}

// The kinds that are refused are those whose providers make codes.
func TestMakers(t *testing.T) {
	for kind, a := range map[string]account.Account{
		"twilio-verify": {Settings: map[string]string{"account_sid": "AC1", "service_sid": "VA1"}, Secrets: map[string]secret.String{"auth_token": secret.New("t")}},
		"vonage-verify": {Settings: map[string]string{"api_key": "k", "brand": "Acme"}, Secrets: map[string]secret.String{"api_secret": secret.New("t")}},
	} {
		p, err := specOf(kind).New(a, account.Deps{Client: newClient()})
		if _, maker := p.(provider.CodeMaker); err != nil || !maker {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestEnvironmentRefused(t *testing.T) {
	const hidden = "not-to-be-seen"
	twilio := map[string]string{"PROVIDER_MAIN_KIND": "twilio", "PROVIDER_MAIN_ACCOUNT_SID": "AC1", "PROVIDER_MAIN_AUTH_TOKEN": hidden, "PROVIDER_MAIN_FROM": "Acme"}
	for name, c := range map[string]struct {
		providers string
		env       map[string]string
		want      []string
	}{
		"no list":     {"", map[string]string{"PROVIDER_MAIN_KIND": "twilio"}, []string{"PROVIDER_MAIN_KIND is set, but PROVIDERS is not: set it", "or PROVIDERS"}},
		"no name":     {"main,,Spare", nil, []string{`PROVIDERS: "" is no name`, `PROVIDERS: "Spare" is no name; names are 1 to 32 of a-z`}},
		"twice":       {"main,main", nil, []string{"two accounts have the variables PROVIDER_MAIN_…"}},
		"the same":    {"a-b,a_b", nil, []string{"two accounts have the variables PROVIDER_A_B_…"}},
		"too many":    {"main,webhook,c,d,e,f", nil, []string{"more than 5"}},
		"no kind":     {"main,spare", nil, []string{"PROVIDER_SPARE_KIND is missing; it is one of sns, aws-sms, twilio"}},
		"wrong kind":  {"main", map[string]string{"PROVIDER_MAIN_KIND": "pigeon"}, []string{`PROVIDER_MAIN_KIND: there is no kind "pigeon"; it is one of`}},
		"code maker":  {"main", map[string]string{"PROVIDER_MAIN_KIND": "twilio-verify"}, []string{"PROVIDER_MAIN_KIND: services of kind twilio-verify make codes of their own"}},
		"missing":     {"main", map[string]string{"PROVIDER_MAIN_ACCOUNT_SID": ""}, []string{"PROVIDER_MAIN_ACCOUNT_SID: account_sid is missing: The account's SID."}},
		"provider's":  {"main", map[string]string{"PROVIDER_MAIN_FROM": ""}, []string{"PROVIDER_MAIN_FROM, PROVIDER_MAIN_MESSAGING_SERVICE_SID: from or messaging_service_sid is missing"}},
		"a list":      {"main", map[string]string{"PROVIDER_MAIN_RISK_CHECK": "maybe"}, []string{"PROVIDER_MAIN_RISK_CHECK: risk_check must be one of enable, disable"}},
		"misspelt":    {"main", map[string]string{"PROVIDER_MAIN_REGOIN": "ie1"}, []string{"PROVIDER_MAIN_REGOIN means nothing: no account of PROVIDERS has such a setting; behind PROVIDER_MAIN_ may stand ACCOUNT_SID,"}},
		"nobody's":    {"main", map[string]string{"PROVIDER_SPARE_KIND": "sns"}, []string{"PROVIDER_SPARE_KIND means nothing"}},
		"senders":     {"main", map[string]string{"PROVIDER_MAIN_SENDERS": "GB=Acme, Germany=Acme"}, []string{`PROVIDER_MAIN_SENDERS: " Germany=Acme" is no country with its sender; write GB=Acme,`}},
		"UK":          {"main", map[string]string{"PROVIDER_MAIN_SENDERS": "UK=Acme"}, []string{"PROVIDER_MAIN_SENDERS: the United Kingdom is GB"}},
		"two for GB":  {"main", map[string]string{"PROVIDER_MAIN_SENDERS": "GB=Acme,GB=Other"}, []string{"PROVIDER_MAIN_SENDERS names GB twice"}},
		"idle hook":   {"main", map[string]string{"WEBHOOK_URL": "https://sms.example.com"}, []string{"WEBHOOK_URL is set, but no account of PROVIDERS uses it: add the name webhook"}},
		"half a hook": {"main,webhook", map[string]string{"WEBHOOK_URL": "https://sms.example.com"}, []string{"WEBHOOK_SECRET: secret is missing"}},
		"weak hook":   {"webhook", map[string]string{"PROVIDER_WEBHOOK_URL": "https://sms.example.com", "PROVIDER_WEBHOOK_SECRET": hidden}, []string{"PROVIDER_WEBHOOK_SECRET: a secret has at least 16 bytes"}},
		"3 secrets":   {"webhook", map[string]string{"WEBHOOK_URL": "https://sms.example.com", "WEBHOOK_SECRET": signKey + ",b,c"}, []string{"WEBHOOK_SECRET holds more than two secrets"}},
		"no region":   {"sns", nil, []string{"PROVIDER_SNS_REGION: region is missing"}},
		"all at once": {"main,spare,Bad", map[string]string{"PROVIDER_MAIN_FROM": "", "PROVIDER_SPARE_KIND": "mitto", "PROVIDER_SPARE_X": "1", "REQUIRE_COMMITMENT": "yes"},
			[]string{"PROVIDER_MAIN_FROM", "PROVIDER_SPARE_API_KEY: api_key is missing", "PROVIDER_SPARE_FROM", "PROVIDER_SPARE_X", `"Bad"`, "REQUIRE_COMMITMENT"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{}
			if slices.Contains(strings.Split(c.providers, ","), "main") {
				maps.Copy(env, twilio)
			}
			maps.Copy(env, c.env)
			if c.providers != "" {
				env["PROVIDERS"] = c.providers
			}
			_, err := read(env)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), hidden) {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

// An account at AWS is the function's own role and region, unless something else is said.
func TestRole(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string // in the error
	}{
		"role":           {map[string]string{}, ""},
		"another region": {map[string]string{"PROVIDER_SNS_REGION": "us-west-2"}, ""},
		"keys":           {map[string]string{"PROVIDER_SNS_ACCESS_KEY_ID": "AKIDEXAMPLE", "PROVIDER_SNS_SECRET_ACCESS_KEY": "hidden"}, ""},
		"half a key":     {map[string]string{"PROVIDER_SNS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, "PROVIDER_SNS_SECRET_ACCESS_KEY"},
		"said keys":      {map[string]string{"PROVIDER_SNS_CREDENTIALS": "keys"}, "PROVIDER_SNS_ACCESS_KEY_ID"},
	} {
		c.env["PROVIDERS"], c.env["AWS_REGION"] = "sns", "eu-west-1"
		_, err := read(c.env)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever stands in the environment, New answers, and shows no secret.
func FuzzEnvironment(f *testing.F) {
	f.Add("main,webhook", "twilio", "GB=Acme", "AC1", "+1206")
	f.Add("smpp", "", "UK=1", "a, b", "\x00")
	f.Fuzz(func(t *testing.T, providers, kind, senders, setting, from string) {
		const hidden = "5b1c-hidden-e77a"
		env := map[string]string{"PROVIDERS": providers, "PROVIDER_MAIN_KIND": kind, "PROVIDER_MAIN_SENDERS": senders, "PROVIDER_MAIN_ACCOUNT_SID": setting, "PROVIDER_MAIN_FROM": from}
		for _, spec := range gateway.Specs() {
			for _, field := range spec.Fields {
				if field.Secret {
					env["PROVIDER_MAIN_"+strings.ToUpper(field.Name)] = hidden
				}
			}
		}
		fn, err := read(env)
		if err != nil && strings.Contains(err.Error(), hidden) {
			t.Errorf("a secret is shown: %v", err)
		}
		if err == nil && (len(fn.accounts) == 0 || len(fn.accounts) > maxAccounts) {
			t.Errorf("%d accounts", len(fn.accounts))
		}
	})
}
