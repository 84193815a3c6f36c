package cognito

import (
	"context"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
)

func (f *facade) signUp(ctx context.Context, in *api.SignUpRequest) (*api.SignUpResponse, error) {
	out, err := f.pools.SignUp(ctx, callerOf(ctx, in.ClientMetadata), pool.SignUpInput{
		ClientAuth: client(in.ClientId, in.SecretHash), Username: wire.Value(in.Username), Password: wire.Value(in.Password),
		Attributes: attributesOf(in.UserAttributes), ValidationData: attributesOf(in.ValidationData),
	})
	if err != nil {
		return nil, err
	}
	return &api.SignUpResponse{
		UserConfirmed: &out.Confirmed, UserSub: &out.UserSub, CodeDeliveryDetails: deliveryDetails(out.Delivery), Session: optional(out.Session),
	}, nil
}

func (f *facade) confirmSignUp(ctx context.Context, in *api.ConfirmSignUpRequest) (*api.ConfirmSignUpResponse, error) {
	session, err := f.pools.ConfirmSignUp(ctx, callerOf(ctx, in.ClientMetadata), pool.ConfirmSignUpInput{
		ClientAuth: client(in.ClientId, in.SecretHash), Username: wire.Value(in.Username), Code: wire.Value(in.ConfirmationCode),
		ForceAlias: wire.Value(in.ForceAliasCreation), Session: wire.Value(in.Session),
	})
	if err != nil {
		return nil, err
	}
	return &api.ConfirmSignUpResponse{Session: optional(session)}, nil
}

func (f *facade) resendConfirmationCode(ctx context.Context, in *api.ResendConfirmationCodeRequest) (*api.ResendConfirmationCodeResponse, error) {
	d, err := f.pools.ResendSignUp(ctx, callerOf(ctx, in.ClientMetadata), pool.NameInput{
		ClientAuth: client(in.ClientId, in.SecretHash), Username: wire.Value(in.Username),
	})
	if err != nil {
		return nil, err
	}
	return &api.ResendConfirmationCodeResponse{CodeDeliveryDetails: deliveryDetails(d)}, nil
}

func (f *facade) forgotPassword(ctx context.Context, in *api.ForgotPasswordRequest) (*api.ForgotPasswordResponse, error) {
	d, err := f.pools.ForgotPassword(ctx, callerOf(ctx, in.ClientMetadata), pool.NameInput{
		ClientAuth: client(in.ClientId, in.SecretHash), Username: wire.Value(in.Username),
	})
	if err != nil {
		return nil, err
	}
	return &api.ForgotPasswordResponse{CodeDeliveryDetails: deliveryDetails(d)}, nil
}

func (f *facade) confirmForgotPassword(ctx context.Context, in *api.ConfirmForgotPasswordRequest) (*api.ConfirmForgotPasswordResponse, error) {
	return nil, f.pools.ConfirmForgotPassword(ctx, callerOf(ctx, in.ClientMetadata), pool.ConfirmForgotPasswordInput{
		ClientAuth: client(in.ClientId, in.SecretHash), Username: wire.Value(in.Username),
		Code: wire.Value(in.ConfirmationCode), Password: wire.Value(in.Password),
	})
}
