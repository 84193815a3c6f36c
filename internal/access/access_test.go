package access

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"countersign/internal/fault"
)

func TestAllow(t *testing.T) {
	const p1, p2, key = "eu-west-1_a", "eu-west-1_b", "1111-2222"
	arn := "arn:aws:kms:eu-west-1:000000000000:key/" + key
	limited := []Grant{
		{Service: Cognito, Actions: []string{"AdminGetUser", "List*"}, Pools: []string{p1}},
		{Service: KMS, Actions: []string{"Decrypt"}, Keys: []string{key}},
	}
	byARN := []Grant{{Service: KMS, Actions: []string{"*"}, Keys: []string{arn}}}
	wide := []Grant{{Service: Cognito, Actions: []string{"*"}, Pools: []string{"*"}}}
	noPools := []Grant{{Service: Cognito, Actions: []string{"*"}}}
	tests := []struct {
		name            string
		grants          []Grant
		service, action string
		on              Resource
		ok              bool
	}{
		{"as granted", limited, Cognito, "AdminGetUser", OnPool(p1), true},
		{"prefix", limited, Cognito, "ListUsers", OnPool(p1), true},
		{"other pool", limited, Cognito, "AdminGetUser", OnPool(p2), false},
		{"other action", limited, Cognito, "AdminDeleteUser", OnPool(p1), false},
		{"action that begins alike", limited, Cognito, "AdminGetUserAuthFactors", OnPool(p1), false},
		{"other service", limited, SNS, "ListTopics", OnPool(p1), false},
		{"case matters", limited, Cognito, "admingetuser", OnPool(p1), false},
		{"a limited grant does not list all pools", limited, Cognito, "ListUserPools", Resource{}, false},
		{"key by id", limited, KMS, "Decrypt", OnKey(key), true},
		{"key by ARN", limited, KMS, "Decrypt", OnKey(arn), true},
		{"grant by ARN, call by id", byARN, KMS, "Decrypt", OnKey(key), true},
		{"other key", limited, KMS, "Decrypt", OnKey("x" + key), false},
		{"key whose id ends alike", byARN, KMS, "Decrypt", OnKey("2222"), false},
		{"key on a pool grant", wide, Cognito, "X", OnKey(key), false},
		{"pool on a key grant", byARN, KMS, "Decrypt", OnPool(p1), false},
		{"all pools", wide, Cognito, "AdminGetUser", OnPool(p2), true},
		{"all pools cover the deployment", wide, Cognito, "CreateUserPool", Resource{}, true},
		{"no pools at all", noPools, Cognito, "AdminGetUser", OnPool(p1), false},
		{"no pools, deployment", noPools, Cognito, "CreateUserPool", Resource{}, false},
		{"all keys do not cover pools", []Grant{{Service: AnyService, Actions: []string{"*"}, Pools: []string{p1}, Keys: []string{"*"}}}, Cognito, "CreateUserPool", Resource{}, false},
		{"all pools do not cover keys", []Grant{{Service: AnyService, Actions: []string{"*"}, Pools: []string{"*"}}}, KMS, "ListKeys", Resource{}, false},
		{"all keys", []Grant{{Service: KMS, Actions: []string{"*"}, Keys: []string{"*"}}}, KMS, "ListKeys", Resource{}, true},
		{"no grants", nil, Cognito, "ListUserPools", Resource{}, false},
		{"owner", Everything(), "anything", "Whatever", OnKey("k"), true},
		{"both named", []Grant{{Service: KMS, Actions: []string{"*"}, Keys: []string{"*"}}}, KMS, "Decrypt", Resource{Pool: p1, Key: key}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Allow(Principal{ID: "CSKTEST", Kind: AWS, Grants: tt.grants}, tt.service, tt.action, tt.on)
			if tt.ok != (err == nil) || err != nil && fault.CodeOf(err) != fault.AccessDenied {
				t.Errorf("error %v, want allowed %v", err, tt.ok)
			}
		})
	}
}

func TestDeniedSaysWhatIsMissing(t *testing.T) {
	err := fault.Of(Allow(Principal{ID: "CSKTEST", Kind: AWS}, Cognito, "AdminGetUser", OnPool("eu-west-1_a")))
	for _, want := range []string{"CSKTEST", "cognito-idp:AdminGetUser", "eu-west-1_a"} {
		if !strings.Contains(err.Public, want) {
			t.Errorf("%q is not in %q", want, err.Public)
		}
	}
	const want = "make a key that may: countersign keys create --name NAME --service cognito-idp --action AdminGetUser " +
		"--pool eu-west-1_a (presets that may: app-backend, auditor, owner)"
	if err.Hint != want {
		t.Errorf("hint %s\nwant %s", err.Hint, want)
	}
	if code := fault.CodeOf(Allow(Principal{}, STS, "GetCallerIdentity", Resource{})); code != fault.Unauthenticated {
		t.Errorf("nobody: %s", code)
	}
}

// Reading is not decrypting: of the presets only owner may see everything, and sender may decrypt codes, its purpose.
func TestPresetsDoNotDecrypt(t *testing.T) {
	may := map[string][]string{"owner": {"*/ReadSecret", "admin/personal.decrypt", "kms/Decrypt", "management/read:client_keys"}, "sender": {"kms/Decrypt"}}
	for _, info := range Presets() {
		grants, err := Preset(info.Name, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := Principal{ID: "x", Kind: AWS, Grants: grants}
		var got []string
		for service, actions := range DecryptActions() {
			for _, a := range actions {
				services := []string{service}
				if service == AnyService {
					services = []string{Cognito, KMS, Lambda, SNS, SMSVoice, ManagementAPI, Admin}
				}
				for _, s := range services {
					if (Allow(p, s, a, OnPool("p")) == nil || Allow(p, s, a, OnKey("k")) == nil) && !slices.Contains(got, service+"/"+a) {
						got = append(got, service+"/"+a)
					}
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, may[info.Name]) {
			t.Errorf("%s may decrypt: %v, want %v", info.Name, got, may[info.Name])
		}
	}
	sly := Principal{ID: "x", Kind: AWS, Grants: []Grant{{Service: "*", Actions: []string{"Read*", "personal*"}, Pools: []string{"*"}}}}
	if Allow(sly, Cognito, ReadSecret, OnPool("p")) == nil || Allow(sly, Admin, ReadPersonal, OnPool("p")) == nil {
		t.Error("a prefix grants what must be granted by name")
	}
}

func TestPresets(t *testing.T) {
	tests := []struct {
		preset, service, action string
		on                      Resource
		ok                      bool
	}{
		{"app-backend", Cognito, "AdminInitiateAuth", OnPool("a"), true},
		{"app-backend", Cognito, "AdminInitiateAuth", OnPool("b"), false},
		{"app-backend", Cognito, "UpdateUserPool", OnPool("a"), false},
		{"app-backend", ManagementAPI, "read:users", OnPool("a"), true},
		{"sender", SNS, "Publish", Resource{}, true},
		{"sender", KMS, "Decrypt", OnKey("k"), true},
		{"sender", KMS, "Decrypt", OnKey("other"), false},
		{"sender", Cognito, "AdminGetUser", OnPool("a"), false},
		{"deployer", Cognito, "UpdateUserPool", OnPool("a"), true},
		{"deployer", Lambda, "CreateFunction", Resource{}, true},
		{"deployer", Cognito, "ListUsers", OnPool("a"), false},
		{"deployer", Cognito, "AdminGetUser", OnPool("a"), false},
		{"auditor", Cognito, "AdminGetUser", OnPool("a"), true},
		{"auditor", Cognito, "DescribeUserPoolClient", OnPool("a"), true},
		{"auditor", Cognito, "AdminUpdateUserAttributes", OnPool("a"), false},
		{"auditor", Cognito, "AdminInitiateAuth", OnPool("a"), false},
		{"auditor", Lambda, "GetFunction", Resource{}, false},
		{"auditor", Admin, "events.read", OnPool("a"), true},
		{"auditor", Admin, "guards.read", OnPool("a"), true},
		{"auditor", Admin, "guards.write", OnPool("a"), false},
		{"auditor", Admin, "numbers.read", Resource{}, false}, // numbers belong to the deployment, the key to one pool
		{"auditor", SMSVoice, "DescribePhoneNumbers", Resource{}, true},
		{"auditor", SMSVoice, "ReleasePhoneNumber", Resource{}, false},
		{"deployer", Admin, "guards.write", OnPool("a"), true},
		{"deployer", Admin, "registrations.write", OnPool("a"), true},
		{"deployer", SMSVoice, "RequestSenderId", Resource{}, true},
		{"deployer", SNS, "VerifySMSSandboxPhoneNumber", Resource{}, true},
		{"deployer", SNS, "Publish", Resource{}, false},
		{"sender", SMSVoice, "SendTextMessage", Resource{}, true},
		{"sender", SMSVoice, "DescribeOptedOutNumbers", Resource{}, false},
	}
	for _, tt := range tests {
		grants, err := Preset(tt.preset, []string{"a"}, []string{"k"})
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckGrants(grants); err != nil {
			t.Errorf("%s: %v", tt.preset, err)
		}
		if ok := Allow(Principal{ID: "x", Kind: AWS, Grants: grants}, tt.service, tt.action, tt.on) == nil; ok != tt.ok {
			t.Errorf("%s, %s:%s on %v: %v, want %v", tt.preset, tt.service, tt.action, tt.on, ok, tt.ok)
		}
	}
	if _, err := Preset("root", nil, nil); fault.CodeOf(err) != fault.InvalidParameter {
		t.Errorf("unknown preset: %v", err)
	}
}

// Nobody passes on what they do not have.
func TestMayGrant(t *testing.T) {
	preset := func(name string, pools, keys []string) []Grant {
		g, err := Preset(name, pools, keys)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	a, k := []string{"a"}, []string{"k"}
	tests := []struct {
		name      string
		has, give []Grant
		ok        bool
	}{
		{"owner gives all", Everything(), Everything(), true},
		{"owner gives a preset", Everything(), preset("sender", nil, nil), true},
		{"the same", preset("deployer", a, k), preset("deployer", a, k), true},
		{"wider in pools", preset("deployer", a, k), preset("deployer", nil, k), true},
		{"wider in pools, no keys", preset("app-backend", a, nil), preset("app-backend", []string{"a", "b"}, nil), false},
		{"all pools", preset("app-backend", a, nil), preset("app-backend", nil, nil), false},
		{"owner of one pool", preset("owner", a, nil), Everything(), false},
		{"owner of one pool gives a key", preset("owner", a, nil), preset("sender", nil, k), false},
		{"owner of all pools gives a key", []Grant{{Service: "*", Actions: []string{"*"}, Pools: []string{"*"}}}, []Grant{{Service: "*", Actions: []string{"*"}, Pools: []string{"*"}, Keys: k}}, false},
		{"auditor gives owner", preset("auditor", nil, nil), Everything(), false},
		{"a prefix gives less", preset("auditor", nil, nil), []Grant{{Service: Cognito, Actions: []string{"ListU*", "ListUsers"}, Pools: a}}, true},
		{"a prefix gives more", []Grant{{Service: Cognito, Actions: []string{"ListU*"}, Pools: a}}, []Grant{{Service: Cognito, Actions: []string{"List*"}, Pools: a}}, false},
	}
	for _, tt := range tests {
		if err := MayGrant(Principal{ID: "x", Kind: Management, Grants: tt.has}, tt.give); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestCheckGrants(t *testing.T) {
	long := strings.Repeat("x", 3000)
	bad := []string{
		`[]`, `[{"service":"s3","actions":["*"]}]`, `[{"service":"kms","actions":[]}]`, `[{"service":"kms","actions":["a*b"]}]`,
		`[{"service":"kms","actions":[""]}]`, `[{"service":"kms","actions":["*"],"keys":["` + long + `"]}]`,
		`[` + strings.TrimSuffix(strings.Repeat(`{"service":"kms","actions":["*"]},`, 33), ",") + `]`,
	}
	for _, s := range bad {
		var g []Grant
		if err := json.Unmarshal([]byte(s), &g); err != nil {
			t.Fatal(err)
		}
		if fault.CodeOf(CheckGrants(g)) != fault.InvalidParameter {
			t.Errorf("%.80s is taken", s)
		}
	}
}

func TestContext(t *testing.T) {
	if !From(t.Context()).IsZero() {
		t.Error("somebody calls")
	}
	if p := From(With(t.Context(), Principal{ID: "a", Kind: Local})); p.ID != "a" {
		t.Errorf("%+v", p)
	}
}

func BenchmarkAllow(b *testing.B) {
	grants, _ := Preset("app-backend", []string{"eu-west-1_a"}, nil)
	p := Principal{ID: "x", Kind: AWS, Grants: grants}
	b.ReportAllocs()
	for b.Loop() {
		if Allow(p, Cognito, "ListUsers", OnPool("eu-west-1_a")) != nil {
			b.Fatal("denied")
		}
	}
}
