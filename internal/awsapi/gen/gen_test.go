package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadModel loads the Cognito model. Without the reference folder the test fails in CI and is skipped elsewhere: the
// models are no part of the repository.
func loadModel(t *testing.T) (*model, string) {
	t.Helper()
	root, err := repositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	m, err := load(referenceDir(root), services["cognito-idp"])
	if errors.Is(err, errNoReference) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m, root
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	m, root := loadModel(t)
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
}

// The classes and counts of the contract: 129 operations of the model and 11 of the overlay.
func TestOperations(t *testing.T) {
	m, _ := loadModel(t)
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
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := &model{
				Operations: map[string]*operation{"SignUp": {Input: ref{"SignUpRequest"}}},
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
		Operations: map[string]*operation{"A": {Input: ref{"R"}, auth: "AuthNone"}},
		Shapes:     map[string]*shape{"R": {Type: "structure", Members: members{{"M", "S"}}}, "S": {Type: "string", Pattern: "(?<!x)"}},
	}
	if _, err := generate(m); err == nil || !strings.Contains(err.Error(), "shape S") {
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
