package cognito

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
)

var update = flag.Bool("update", false, "write docs/cognito-operations.md anew")

// The page that says which operations are done is the operation table, printed. With -update it is written.
func TestOperationsPage(t *testing.T) {
	f := &facade{}
	done := map[string]bool{}
	for _, op := range slices.Concat(f.userOperations(), f.poolOperations(), f.riskOperations()) {
		done[op.Name] = true
	}
	want := wire.OperationsMarkdown("Amazon Cognito user pools: operations", api.Operations, func(name string) bool { return done[name] })
	page := filepath.Join("..", "..", "..", "docs", "cognito-operations.md")
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/cognito-operations.md is stale: run go test ./internal/awsapi/cognito -run TestOperationsPage -update")
	}
}

// What phone and SMS authentication needs is there, whole.
func TestMustOperations(t *testing.T) {
	must := []string{
		"AdminConfirmSignUp", "AdminCreateUser", "AdminDeleteUser", "AdminDeleteUserAttributes", "AdminDisableUser", "AdminEnableUser", "AdminGetUser",
		"AdminInitiateAuth", "AdminResetUserPassword", "AdminRespondToAuthChallenge", "AdminSetUserMFAPreference", "AdminSetUserPassword",
		"AdminUpdateUserAttributes", "AdminUserGlobalSignOut", "ChangePassword", "ConfirmForgotPassword", "ConfirmSignUp", "CreateUserPool",
		"CreateUserPoolClient", "DeleteUser", "DeleteUserAttributes", "DeleteUserPool", "DeleteUserPoolClient", "DescribeUserPool",
		"DescribeUserPoolClient", "ForgotPassword", "GetTokensFromRefreshToken", "GetUser", "GetUserAttributeVerificationCode", "GetUserAuthFactors",
		"GetUserPoolMfaConfig", "GlobalSignOut", "InitiateAuth", "ListUserPoolClients", "ListUserPools", "ListUsers", "ResendConfirmationCode",
		"RespondToAuthChallenge", "RevokeToken", "SetUserMFAPreference", "SetUserPoolMfaConfig", "SignUp", "UpdateUserAttributes", "UpdateUserPool",
		"UpdateUserPoolClient", "VerifyUserAttribute", "AssociateSoftwareToken", "VerifySoftwareToken",
	}
	f := &facade{}
	done := map[string]bool{}
	for _, op := range append(f.userOperations(), f.poolOperations()...) {
		done[op.Name] = true
	}
	for _, name := range must {
		if !done[name] {
			t.Errorf("%s is not implemented", name)
		}
	}
}
