package cognito

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
)

const (
	// Service is the signing name of user pools.
	Service = "cognito-idp"
	// TargetPrefix is the part of X-Amz-Target before the operation.
	TargetPrefix = "AWSCognitoIdentityProviderService"
	// wireName keeps codes and challenges of this API apart from those of others.
	wireName = "cognito"
)

// Config says what the API stands on.
type Config struct {
	// Authorizer decides on signed calls. Required.
	Authorizer wire.Authorizer
	// ClientIP tells the caller's address. Defaults to wire.RemoteIP.
	ClientIP func(*http.Request) netip.Addr
	// Dev adds hints to errors.
	Dev bool
	// Log gets internal errors. Defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe is called after each answer, if set. It must not block.
	Observe func(context.Context, wire.Event)
	// Operations are further operations beside those of users, pools and app clients.
	Operations []wire.Operation
	// Pages seals pagination tokens; all nodes must share its key. Defaults to a key that lives as long as the process.
	Pages *wire.PageTokens
	// Pools runs the flows. Required.
	Pools *pool.Service
}

// New returns the API's handler, for POST / with X-Amz-Target.
func New(c Config) (*wire.Mux, error) {
	if c.Pages == nil {
		c.Pages = wire.EphemeralPageTokens()
	}
	f := &facade{pools: c.Pools, pages: c.Pages}
	return wire.New(wire.Config{
		Service: Service, TargetPrefix: TargetPrefix, Known: api.Operations, Operations: slices.Concat(f.userOperations(), f.poolOperations(), f.riskOperations(), c.Operations),
		Authorizer: c.Authorizer, Errors: Errors(), ErrorsFor: ErrorsFor(), Dev: c.Dev, Observe: c.Observe, ClientIP: c.ClientIP, Log: c.Log, Now: c.Now,
	})
}

// facade holds what operations on users need.
type facade struct {
	pools *pool.Service
	pages *wire.PageTokens
}

// userOperations is the table of what users do and what administrators do with them.
func (f *facade) userOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpSignUp, f.signUp),
		wire.Op(api.OpConfirmSignUp, f.confirmSignUp),
		wire.Op(api.OpResendConfirmationCode, f.resendConfirmationCode),
		wire.Op(api.OpForgotPassword, f.forgotPassword),
		wire.Op(api.OpConfirmForgotPassword, f.confirmForgotPassword),

		wire.Op(api.OpInitiateAuth, f.initiateAuth),
		wire.Op(api.OpRespondToAuthChallenge, f.respondToAuthChallenge),
		wire.Op(api.OpAdminInitiateAuth, f.adminInitiateAuth),
		wire.Op(api.OpAdminRespondToAuthChallenge, f.adminRespondToAuthChallenge),
		wire.Op(api.OpGetTokensFromRefreshToken, f.getTokensFromRefreshToken),
		wire.Op(api.OpRevokeToken, f.revokeToken),
		wire.Op(api.OpGlobalSignOut, f.globalSignOut),

		wire.Op(api.OpGetUser, f.getUser),
		wire.Op(api.OpGetUserAuthFactors, f.getUserAuthFactors),
		wire.Op(api.OpUpdateUserAttributes, f.updateUserAttributes),
		wire.Op(api.OpDeleteUserAttributes, f.deleteUserAttributes),
		wire.Op(api.OpGetUserAttributeVerificationCode, f.getUserAttributeVerificationCode),
		wire.Op(api.OpVerifyUserAttribute, f.verifyUserAttribute),
		wire.Op(api.OpChangePassword, f.changePassword),
		wire.Op(api.OpDeleteUser, f.deleteUser),
		wire.Op(api.OpSetUserMFAPreference, f.setUserMFAPreference),
		wire.Op(api.OpSetUserSettings, f.setUserSettings),
		wire.Op(api.OpAssociateSoftwareToken, f.associateSoftwareToken),
		wire.Op(api.OpVerifySoftwareToken, f.verifySoftwareToken),

		wire.Op(api.OpAdminCreateUser, f.adminCreateUser),
		wire.Op(api.OpAdminConfirmSignUp, f.adminConfirmSignUp),
		wire.Op(api.OpAdminGetUser, f.adminGetUser),
		wire.Op(api.OpAdminGetUserAuthFactors, f.adminGetUserAuthFactors),
		wire.Op(api.OpAdminDeleteUser, f.adminDeleteUser),
		wire.Op(api.OpAdminUpdateUserAttributes, f.adminUpdateUserAttributes),
		wire.Op(api.OpAdminDeleteUserAttributes, f.adminDeleteUserAttributes),
		wire.Op(api.OpAdminDisableUser, f.adminDisableUser),
		wire.Op(api.OpAdminEnableUser, f.adminEnableUser),
		wire.Op(api.OpAdminResetUserPassword, f.adminResetUserPassword),
		wire.Op(api.OpAdminSetUserPassword, f.adminSetUserPassword),
		wire.Op(api.OpAdminSetUserMFAPreference, f.adminSetUserMFAPreference),
		wire.Op(api.OpAdminSetUserSettings, f.adminSetUserSettings),
		wire.Op(api.OpAdminDeleteSoftwareToken, f.adminDeleteSoftwareToken),
		wire.Op(api.OpAdminUserGlobalSignOut, f.adminUserGlobalSignOut),
		wire.Op(api.OpListUsers, f.listUsers),
	}
}
