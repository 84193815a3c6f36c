package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadModel loads the model of a service. Without the reference folder the test fails in CI and is skipped elsewhere: the
// models are no part of the repository.
func loadModel(t *testing.T, service string) (*model, string) {
	t.Helper()
	root, err := repositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	m, err := load(referenceDir(root), services[service])
	if errors.Is(err, errNoReference) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m, root
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	for service := range services {
		t.Run(service, func(t *testing.T) {
			m, root := loadModel(t, service)
			files, err := generate(m)
			if err != nil {
				t.Fatal(err)
			}
			if err := compare(filepath.Join(root, filepath.FromSlash(m.svc.pkg)), files); err != nil {
				t.Error(err)
			}
			for name, src := range files {
				if !strings.HasPrefix(string(src), "// Code generated ") || !strings.Contains(string(src), "DO NOT EDIT.") || !strings.Contains(string(src), m.sha256) {
					t.Errorf("%s: no header", name)
				}
			}
		})
	}
}

// The classes and counts of the contract: 129 operations of the model and 11 of the overlay.
func TestOperations(t *testing.T) {
	m, _ := loadModel(t, "cognito-idp")
	if n := len(m.Operations); n != 140 {
		t.Errorf("%d operations, want 140", n)
	}
	open := 0
	for _, op := range m.Operations {
		if op.auth != "AuthIAM" {
			open++
		}
	}
	if open != 35 {
		t.Errorf("%d operations without a signature, want 35", open)
	}
	for name, want := range map[string]string{
		"SignUp": "AuthNone", "GetClientToken": "AuthNone", "UpdateAuthEventFeedback": "AuthNone", "RevokeToken": "AuthNone", "GetUser": "AuthToken",
		"ForgetDevice": "AuthToken", "ListUserSessions": "AuthToken", "AssociateSoftwareToken": "AuthTokenOrSession",
		"VerifySoftwareToken": "AuthTokenOrSession", "AdminListUserSessions": "AuthIAM", "CreateUserPool": "AuthIAM",
	} {
		if got := m.Operations[name].auth; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Of KMS, Lambda, SNS and End User Messaging, part is served; all operations are known, and all need a signature.
func TestServedOperations(t *testing.T) {
	for service, want := range map[string][2]int{"kms": {37, 54}, "lambda": {24, 85}, "sns": {12, 42}, "sms-voice": {34, 109}} {
		m, _ := loadModel(t, service)
		if len(m.Operations) != want[0] || len(m.known) != want[1] {
			t.Errorf("%s: %d of %d operations, want %v", service, len(m.Operations), len(m.known), want)
		}
		for name, op := range m.known {
			if op.auth != "AuthIAM" {
				t.Errorf("%s: %s has class %s", service, name, op.auth)
			}
		}
	}
}

func TestMissingReferenceSaysWhatToDo(t *testing.T) {
	_, err := load(t.TempDir(), services["cognito-idp"])
	if !errors.Is(err, errNoReference) || !strings.Contains(err.Error(), "COUNTERSIGN_REFERENCE") {
		t.Errorf("got %v", err)
	}
}

func TestStaleOverlayIsRefused(t *testing.T) {
	tests := map[string]struct {
		overlay overlay
		want    string
	}{
		"operation arrived": {overlay{model: model{Operations: map[string]*operation{"SignUp": {}}}}, "has operation SignUp now"},
		"shape arrived":     {overlay{model: model{Shapes: map[string]*shape{"UsernameType": {}}}}, "has shape UsernameType now"},
		"pattern gone":      {overlay{Patterns: map[string]string{"Gone": "x"}}, "no pattern of shape Gone"},
		"shape gone":        {overlay{Sensitive: []string{"Gone"}}, "no shape Gone"},
		"operation gone":    {overlay{Auth: map[string]string{"Gone": "AuthNone"}}, "no operation Gone"},
		"served one gone":   {overlay{Serve: []string{"Gone"}}, "no operation Gone to serve"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := &model{
				Operations: map[string]*operation{"SignUp": {Input: ref{Shape: "SignUpRequest"}}},
				Shapes:     map[string]*shape{"UsernameType": {Type: "string"}, "SignUpRequest": {Type: "structure"}},
			}
			if err := m.apply(&tt.overlay); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnknownPatternSyntaxIsRefused(t *testing.T) {
	m := &model{
		Operations: map[string]*operation{"A": {Input: ref{Shape: "R"}, auth: "AuthNone"}},
		Shapes:     map[string]*shape{"R": {Type: "structure", Members: members{{name: "M", shape: "S"}}}, "S": {Type: "string", Pattern: "(?<!x)"}},
	}
	if _, err := generate(m); err == nil || !strings.Contains(err.Error(), "shape S") {
		t.Errorf("got %v", err)
	}
}

// A member outside the body must not be read from it, and a place that is unknown must not be forgotten.
func TestPlaces(t *testing.T) {
	m := &model{
		Operations: map[string]*operation{"A": {Input: ref{Shape: "R"}, auth: "AuthIAM"}},
		Shapes: map[string]*shape{"S": {Type: "string"}, "R": {Type: "structure", Payload: "P", Members: members{
			{name: "U", shape: "S", location: "uri", wireName: "u"}, {name: "P", shape: "S"}, {name: "B", shape: "S"},
		}}},
		svc: service{rest: true},
	}
	m.known = m.Operations
	files, err := generate(m)
	if err != nil {
		t.Fatal(err)
	}
	types, ops := string(files["types_gen.go"]), string(files["operations_gen.go"])
	for _, want := range []string{"U *string `json:\"-\"`", "P *string `json:\"-\"`", "B *string `json:\"B,omitzero\"`"} {
		if !strings.Contains(types, want) {
			t.Errorf("no %s in %s", want, types)
		}
	}
	for _, want := range []string{`{Member: "U", In: InURI, Name: "u"}`, `{Member: "P", In: InPayload, Name: ""}`} {
		if !strings.Contains(ops, want) {
			t.Errorf("no %s in %s", want, ops)
		}
	}
	m.Shapes["R"].Members[0].location = "headers"
	if _, err := generate(m); err == nil || !strings.Contains(err.Error(), "R.U is in headers") {
		t.Errorf("got %v", err)
	}
}

func TestConstantNames(t *testing.T) {
	for value, want := range map[string]string{
		"SMS_MFA": "SMSMFA", "PASSWORD_VERIFIER": "PasswordVerifier", "phone_number": "PhoneNumber", "ALLOW_USER_SRP_AUTH": "AllowUserSRPAuth",
		"RESEND": "Resend", "aws.cognito": "AwsCognito",
	} {
		if got := constantName(value); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

func TestCompareNamesStaleFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := compare(dir, map[string][]byte{"a.go": []byte("new"), "b.go": nil})
	if err == nil || !strings.Contains(err.Error(), "a.go is stale") || !strings.Contains(err.Error(), "b.go") {
		t.Errorf("got %v", err)
	}
}
