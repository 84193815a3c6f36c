// User pools made by signed calls of the AWS SDK, as a deployment tool would make them.
import {
  AdminCreateUserCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient, CreateUserPoolClientCommand,
  CreateUserPoolCommand, SetUserPoolMfaConfigCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { endpoint, region } from './env.js';
import { otherPassword, password } from './people.js';

/** The SDK with credentials: any key pair does in dev, but admin calls must be signed. */
export const admin = new CognitoIdentityProviderClient({
  endpoint, region, credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
});

/** The SDK as a phone app has it: no credentials at all. */
export const app = new CognitoIdentityProviderClient({ endpoint, region });

export const allFlows = [
  'ALLOW_USER_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_ADMIN_USER_PASSWORD_AUTH',
  'ALLOW_REFRESH_TOKEN_AUTH',
];

const smsRole = { SnsCallerArn: 'arn:aws:iam::000000000000:role/sms', ExternalId: 'countersign' };

/**
 * Makes a pool with a public client. `settings` are members of CreateUserPool, `client` of CreateUserPoolClient,
 * `mfa` of SetUserPoolMfaConfig. By default: phone as username, phone auto-verified, no MFA, every flow.
 */
export async function makePool({ settings = {}, client = {}, mfa } = {}) {
  const { UserPool } = await admin.send(new CreateUserPoolCommand({
    PoolName: 'interop',
    UsernameAttributes: settings.AliasAttributes ? undefined : ['phone_number'],
    AutoVerifiedAttributes: ['phone_number'],
    SmsConfiguration: smsRole,
    ...settings,
  }));
  if (mfa) {
    await admin.send(new SetUserPoolMfaConfigCommand({
      UserPoolId: UserPool.Id,
      SmsMfaConfiguration: { SmsConfiguration: smsRole, SmsAuthenticationMessage: 'Your code is {####}.' },
      ...mfa,
    }));
  }
  const { UserPoolClient } = await admin.send(new CreateUserPoolClientCommand({
    UserPoolId: UserPool.Id, ClientName: 'app', ExplicitAuthFlows: allFlows, ...client,
  }));
  return { poolId: UserPool.Id, clientId: UserPoolClient.ClientId, clientSecret: UserPoolClient.ClientSecret };
}

/** Makes a confirmed user with the usual password and a verified number, without a single text. */
export async function makeUser({ poolId }, { name, phone, email }) {
  const attributes = [];
  if (phone) attributes.push({ Name: 'phone_number', Value: phone }, { Name: 'phone_number_verified', Value: 'true' });
  if (email) attributes.push({ Name: 'email', Value: email }, { Name: 'email_verified', Value: 'true' });
  const { User } = await admin.send(new AdminCreateUserCommand({
    UserPoolId: poolId, Username: name ?? phone ?? email, MessageAction: 'SUPPRESS', UserAttributes: attributes,
    TemporaryPassword: otherPassword,
  }));
  await admin.send(new AdminSetUserPasswordCommand({
    UserPoolId: poolId, Username: User.Username, Password: password, Permanent: true,
  }));
  return { username: User.Username, phone, email };
}
