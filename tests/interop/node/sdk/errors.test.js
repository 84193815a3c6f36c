// AWS SDK for JavaScript v3: every error that can be provoked arrives as its class, with Cognito's own words.
// Applications match on these sentences.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-cognito-identity-provider';
import { endpoint, region } from '../lib/env.js';
import { messages, nextCode, wrong } from '../lib/inbox.js';
import { admin, allFlows, makePool, makeUser } from '../lib/pools.js';
import { email, otherPassword, password, phone, username } from '../lib/people.js';

// The SDK repeats what was throttled; here each call is to be made once.
const app = new sdk.CognitoIdentityProviderClient({ endpoint, region, maxAttempts: 1 });

// Pools by what differs. Each is made once.
const pools = {};
before(async () => {
  pools.phone = await makePool();
  pools.name = await makePool({ settings: { UsernameAttributes: undefined, AutoVerifiedAttributes: [] } });
  pools.alias = await makePool({ settings: { AliasAttributes: ['phone_number', 'email'], AutoVerifiedAttributes: ['email'] } });
  pools.either = await makePool({
    settings: { UsernameAttributes: ['phone_number', 'email'], AutoVerifiedAttributes: [] },
  });
  pools.closed = await makePool({ settings: { AdminCreateUserConfig: { AllowAdminCreateUserOnly: true } } });
  pools.adminOnly = await makePool({
    settings: { AccountRecoverySetting: { RecoveryMechanisms: [{ Name: 'admin_only', Priority: 1 }] } },
  });
  pools.silent = await makePool({ settings: { AutoVerifiedAttributes: [] } });
  pools.strict = await makePool({
    settings: { Policies: { PasswordPolicy: {
      MinimumLength: 8, RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSymbols: true,
    } } },
  });
  pools.mfa = await makePool({ mfa: { MfaConfiguration: 'OPTIONAL', SoftwareTokenMfaConfiguration: { Enabled: true } } });
  pools.secret = await makePool({ client: { GenerateSecret: true } });
  pools.srpOnly = await makePool({ client: { ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] } });
  pools.noRevocation = await makePool({ client: { EnableTokenRevocation: false } });
  pools.required = await makePool({
    settings: { UsernameAttributes: undefined, Schema: [{ Name: 'phone_number', Required: true }] },
  });
});

const of = (pool, more) => ({ ClientId: pool.clientId, ...more });
const send = command => app.send(command);
const signUp = (pool, Username, more) => send(new sdk.SignUpCommand(of(pool, { Username, Password: password, ...more })));
const confirm = (pool, Username, ConfirmationCode) =>
  send(new sdk.ConfirmSignUpCommand(of(pool, { Username, ConfirmationCode })));
const resend = (pool, Username) => send(new sdk.ResendConfirmationCodeCommand(of(pool, { Username })));
const signIn = (pool, USERNAME, PASSWORD = password, more = {}) => send(new sdk.InitiateAuthCommand(
  of(pool, { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD, ...more } })));
const answer = (pool, Session, USERNAME, SMS_MFA_CODE) => send(new sdk.RespondToAuthChallengeCommand(
  of(pool, { ChallengeName: 'SMS_MFA', Session, ChallengeResponses: { USERNAME, SMS_MFA_CODE } })));
const forgot = (pool, Username) => send(new sdk.ForgotPasswordCommand(of(pool, { Username })));
const reset = (pool, Username, ConfirmationCode) => send(new sdk.ConfirmForgotPasswordCommand(
  of(pool, { Username, ConfirmationCode, Password: otherPassword })));
const phoneAttribute = Value => ({ UserAttributes: [{ Name: 'phone_number', Value }] });
const byAdmin = (Command, pool, more) => admin.send(new Command({ UserPoolId: pool.poolId, ...more }));

/** A number that has signed up and holds a code. */
async function pending(pool) {
  const number = phone();
  await signUp(pool, number);
  return [number, await nextCode(number)];
}
const user = async (pool, who = { phone: phone() }) => makeUser(pool, who);
async function signedIn(pool) {
  const u = await user(pool);
  return { ...u, ...(await signIn(pool, u.phone)).AuthenticationResult };
}
/** A user who has given the right password and owes the code of a text. */
async function challenged() {
  const u = await signedIn(pools.mfa);
  await send(new sdk.SetUserMFAPreferenceCommand({ AccessToken: u.AccessToken, SMSMfaSettings: { Enabled: true } }));
  const { Session } = await signIn(pools.mfa, u.phone);
  return { ...u, Session, code: await nextCode(u.phone) };
}
const hash = ({ clientId, clientSecret }, name) => createHmac('sha256', clientSecret).update(name + clientId).digest('base64');
const phoneUser = async () => (await user(pools.phone)).phone;

/** Calls again and again until an error tells something else than the first one did. */
async function untilOther(call, most = 25) {
  const first = await call().then(() => null, e => e);
  for (let i = 1; i < most; i++) {
    const error = await call().then(() => null, e => e);
    if (error && error.message !== first?.message) throw error;
  }
  throw new Error(`nothing changed in ${most} calls`);
}

const cases = {
  CodeMismatchException: {
    'Invalid verification code provided, please try again.': {
      'sign-up': async () => { const [n, code] = await pending(pools.phone); await confirm(pools.phone, n, wrong(code)); },
      reset: async () => {
        const number = await phoneUser();
        await forgot(pools.phone, number);
        await reset(pools.phone, number, wrong(await nextCode(number)));
      },
      attribute: async () => {
        const u = await signedIn(pools.phone);
        const fresh = phone();
        await send(new sdk.UpdateUserAttributesCommand({ AccessToken: u.AccessToken, ...phoneAttribute(fresh) }));
        await send(new sdk.VerifyUserAttributeCommand({
          AccessToken: u.AccessToken, AttributeName: 'phone_number', Code: wrong(await nextCode(fresh)),
        }));
      },
    },
    'Invalid code or auth state for the user.': {
      challenge: async () => {
        const u = await challenged();
        await answer(pools.mfa, u.Session, u.phone, wrong(u.code));
      },
    },
  },
  ExpiredCodeException: {
    'Invalid code provided, please request a code again.': {
      'none outstanding': async () => reset(pools.phone, await phoneUser(), '123456'),
      'used up': async () => {
        const number = await phoneUser();
        await forgot(pools.phone, number);
        const code = await nextCode(number);
        await reset(pools.phone, number, code);
        await reset(pools.phone, number, code);
      },
    },
  },
  LimitExceededException: {
    'Attempt limit exceeded, please try after some time.': {
      resend: async () => {
        const [number] = await pending(pools.phone);
        await untilOther(() => resend(pools.phone, number));
      },
      forgot: async () => {
        const number = await phoneUser();
        await untilOther(() => forgot(pools.phone, number));
      },
      confirm: async () => {
        const [number, code] = await pending(pools.phone);
        await untilOther(() => confirm(pools.phone, number, wrong(code)));
      },
      'change password': async () => {
        const { AccessToken } = await signedIn(pools.phone);
        await untilOther(() => send(new sdk.ChangePasswordCommand({
          AccessToken, PreviousPassword: password, ProposedPassword: password,
        })));
      },
    },
  },
  NotAuthorizedException: {
    'Incorrect username or password.': {
      'sign-in': async () => signIn(pools.phone, await phoneUser(), otherPassword),
      'change password': async () => send(new sdk.ChangePasswordCommand({
        AccessToken: (await signedIn(pools.phone)).AccessToken, PreviousPassword: otherPassword, ProposedPassword: otherPassword,
      })),
    },
    'Password attempts exceeded': {
      lockout: async () => {
        const number = await phoneUser();
        await untilOther(() => signIn(pools.phone, number, otherPassword));
      },
    },
    'User is disabled.': {
      'sign-in': async () => {
        const u = await user(pools.phone);
        await byAdmin(sdk.AdminDisableUserCommand, pools.phone, { Username: u.username });
        await signIn(pools.phone, u.phone);
      },
    },
    'User cannot be confirmed. Current status is CONFIRMED': {
      twice: async () => {
        const [number, code] = await pending(pools.phone);
        await confirm(pools.phone, number, code);
        await confirm(pools.phone, number, code);
      },
    },
    'Invalid session for the user, session can only be used once.': {
      twice: async () => {
        const u = await challenged();
        await answer(pools.mfa, u.Session, u.phone, u.code);
        await answer(pools.mfa, u.Session, u.phone, u.code);
      },
    },
    'Invalid session for the user.': {
      garbled: async () => answer(pools.mfa, 'x'.repeat(40), phone(), '123456'),
    },
    'Access Token has been revoked': {
      'signed out': async () => {
        const { AccessToken } = await signedIn(pools.phone);
        await send(new sdk.GlobalSignOutCommand({ AccessToken }));
        await send(new sdk.GetUserCommand({ AccessToken }));
      },
    },
    'Invalid Access Token': {
      garbled: () => send(new sdk.GetUserCommand({ AccessToken: 'eyJhbGciOiJSUzI1NiJ9.e30.AAAA' })),
    },
    'Refresh Token has been revoked': {
      revoked: async () => {
        const { RefreshToken } = await signedIn(pools.phone);
        await send(new sdk.RevokeTokenCommand(of(pools.phone, { Token: RefreshToken })));
        await send(new sdk.GetTokensFromRefreshTokenCommand(of(pools.phone, { RefreshToken })));
      },
    },
    'Invalid Refresh Token': {
      garbled: () => send(new sdk.GetTokensFromRefreshTokenCommand(of(pools.phone, { RefreshToken: 'garbled' }))),
    },
    'SignUp is not permitted for this user pool': { 'admin only': () => signUp(pools.closed, phone()) },
    'Contact administrator to reset password.': {
      'admin only': async () => forgot(pools.adminOnly, (await user(pools.adminOnly)).phone),
    },
    'User password cannot be reset in the current state.': {
      invited: async () => {
        const number = phone();
        await byAdmin(sdk.AdminCreateUserCommand, pools.phone, {
          Username: number, MessageAction: 'SUPPRESS',
          UserAttributes: [{ Name: 'phone_number', Value: number }, { Name: 'phone_number_verified', Value: 'true' }],
        });
        await forgot(pools.phone, number);
      },
    },
    'Cannot resend codes. Auto verification not turned on.': {
      'nothing to verify': async () => {
        const number = phone();
        await signUp(pools.silent, number);
        await resend(pools.silent, number);
      },
    },
    'Client <client> is configured with secret but SECRET_HASH was not received': {
      none: () => signUp(pools.secret, phone()),
    },
    'Unable to verify secret hash for client <client>': {
      wrong: () => signUp(pools.secret, phone(), { SecretHash: hash(pools.secret, 'somebody else') }),
    },
  },
  UserNotConfirmedException: {
    'User is not confirmed.': {
      'sign-in': async () => { const [number] = await pending(pools.phone); await signIn(pools.phone, number); },
    },
  },
  PasswordResetRequiredException: {
    'Password reset required for the user': {
      'sign-in': async () => {
        const u = await user(pools.phone);
        await byAdmin(sdk.AdminResetUserPasswordCommand, pools.phone, { Username: u.username });
        await signIn(pools.phone, u.phone);
      },
    },
  },
  UserNotFoundException: {
    'User does not exist.': {
      'sign-in': () => signIn(pools.phone, phone()),
      resend: () => resend(pools.phone, phone()),
      'by admin': () => byAdmin(sdk.AdminGetUserCommand, pools.phone, { Username: phone() }),
    },
    'Username/client id combination not found.': {
      forgot: () => forgot(pools.phone, phone()),
    },
  },
  UsernameExistsException: {
    'User already exists': {
      name: async () => { const name = username(); await signUp(pools.name, name); await signUp(pools.name, name); },
    },
    'An account with the given phone_number already exists.': {
      phone: async () => signUp(pools.phone, await phoneUser()),
    },
    'An account with the given email already exists.': {
      email: async () => { const address = email(); await signUp(pools.either, address); await signUp(pools.either, address); },
    },
  },
  AliasExistsException: {
    'An account with the email already exists.': {
      confirmed: async () => {
        const address = email();
        const with_ = { UserAttributes: [{ Name: 'email', Value: address }] };
        const [first, second] = [username(), username()];
        await signUp(pools.alias, first, with_);
        await confirm(pools.alias, first, await nextCode(address));
        await signUp(pools.alias, second, with_);
        await confirm(pools.alias, second, await nextCode(address));
      },
    },
  },
  InvalidPasswordException: Object.fromEntries(Object.entries({
    'Password not long enough': 'Ab1!',
    'Password must have uppercase characters': 'abcdefg1!',
    'Password must have lowercase characters': 'ABCDEFG1!',
    'Password must have numeric characters': 'Abcdefgh!',
    'Password must have symbol characters': 'Abcdefgh1',
  }).map(([rule, Password]) => [`Password did not conform with policy: ${rule}`, {
    'sign-up': () => signUp(pools.strict, phone(), { Password }),
  }])),
  InvalidParameterException: {
    'Invalid phone number format.': {
      attribute: () => signUp(pools.name, username(), phoneAttribute('202-555-0123')),
    },
    'Username should be either an email or a phone number.': { either: () => signUp(pools.either, username()) },
    'Username should be a phone number.': { phone: () => signUp(pools.phone, username()) },
    'Username cannot be of email format, since user pool is configured for email alias.': {
      alias: () => signUp(pools.alias, email()),
    },
    'Cannot reset password for the user as there is no registered/verified email or phone_number': {
      'nothing verified': async () => forgot(pools.name, (await user(pools.name, { name: username() })).username),
    },
    'User does not have delivery config set to turn on SMS_MFA': {
      preference: async () => {
        const pool = await makePool({ settings: { UsernameAttributes: undefined }, mfa: { MfaConfiguration: 'OPTIONAL' } });
        const u = await user(pool, { name: username() });
        const { AuthenticationResult: { AccessToken } } = await signIn(pool, u.username);
        await send(new sdk.SetUserMFAPreferenceCommand({ AccessToken, SMSMfaSettings: { Enabled: true } }));
      },
    },
    'User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA': {
      preference: async () => send(new sdk.SetUserMFAPreferenceCommand({
        AccessToken: (await signedIn(pools.mfa)).AccessToken, SoftwareTokenMfaSettings: { Enabled: true },
      })),
    },
    'SMS configuration and Auto verification for phone_number are required when MFA is required/optional': {
      'new pool': () => admin.send(new sdk.CreateUserPoolCommand({ PoolName: 'bad', MfaConfiguration: 'OPTIONAL' })),
    },
    'Attributes did not conform to the schema: phone_number: The attribute is required': {
      'sign-up': () => signUp(pools.required, username()),
    },
    'Initiate Auth method not supported': {
      'admin flow': async () => send(new sdk.InitiateAuthCommand(of(pools.phone, {
        AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters: { USERNAME: await phoneUser(), PASSWORD: password },
      }))),
    },
    'Missing required parameter USERNAME': {
      'sign-in': () => send(new sdk.InitiateAuthCommand(of(pools.phone, {
        AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { PASSWORD: password },
      }))),
    },
    'USER_PASSWORD_AUTH flow not enabled for this client': { 'sign-in': () => signIn(pools.srpOnly, phone()) },
  },
  ResourceNotFoundException: {
    'User pool client nosuchclient does not exist.': {
      client: () => signIn({ clientId: 'nosuchclient' }, phone()),
    },
    'User pool us-local-1_nosuchpool does not exist.': {
      pool: () => admin.send(new sdk.DescribeUserPoolCommand({ UserPoolId: 'us-local-1_nosuchpool' })),
    },
  },
};

for (const [name, sentences] of Object.entries(cases)) {
  test.describe(name, () => {
    for (const [sentence, ways] of Object.entries(sentences)) {
      for (const [way, provoke] of Object.entries(ways)) {
        test(`${sentence} (${way})`, async () => {
          const error = await provoke().then(() => assert.fail('the call succeeded'), e => e);
          assert.ok(error instanceof sdk[name], `not a ${name}: ${error.name}: ${error.message}`);
          assert.equal(error.message.replaceAll(pools.secret.clientId, '<client>'), sentence);
          assert.equal(error.$fault, 'client');
          assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
        });
      }
    }
  });
}

test.describe('errors without a fixed sentence', () => {
  const rejects = (name, call) => assert.rejects(call, error => error instanceof sdk[name] && error.message !== '');

  test('UnsupportedTokenTypeException: revoking an access token', async () => {
    const { AccessToken } = await signedIn(pools.phone);
    await rejects('UnsupportedTokenTypeException', send(new sdk.RevokeTokenCommand(of(pools.phone, { Token: AccessToken }))));
  });

  test('UnsupportedOperationException: revocation is off', async () => {
    const { RefreshToken } = await signedIn(pools.noRevocation);
    await rejects('UnsupportedOperationException', send(new sdk.RevokeTokenCommand(of(pools.noRevocation, { Token: RefreshToken }))));
  });

  test('UnauthorizedException: revoking with a wrong secret', async () => {
    const u = await user(pools.secret);
    const { AuthenticationResult } = await signIn(pools.secret, u.phone, password, { SECRET_HASH: hash(pools.secret, u.phone) });
    await rejects('UnauthorizedException', send(new sdk.RevokeTokenCommand(of(pools.secret, {
      Token: AuthenticationResult.RefreshToken, ClientSecret: 'x'.repeat(30),
    }))));
  });

  test('UnsupportedUserStateException: inviting a confirmed user again', async () => {
    const u = await user(pools.phone);
    await rejects('UnsupportedUserStateException', byAdmin(sdk.AdminCreateUserCommand, pools.phone, {
      Username: u.phone, MessageAction: 'RESEND',
    }));
  });

  test('InvalidParameterException: a flow may not be named in old and new spelling at once', () =>
    rejects('InvalidParameterException', byAdmin(sdk.CreateUserPoolClientCommand, pools.phone, {
      ClientName: 'mixed', ExplicitAuthFlows: [...allFlows, 'USER_PASSWORD_AUTH'],
    })));
});

test('a throttled call is repeated by the SDK, costs one attempt and sends nothing', async () => {
  const [number] = await pending(pools.phone);
  await assert.rejects(untilOther(() => resend(pools.phone, number)), { name: 'LimitExceededException' });
  const sent = (await messages(number)).length;
  const patient = new sdk.CognitoIdentityProviderClient({ endpoint, region });
  await assert.rejects(patient.send(new sdk.ResendConfirmationCodeCommand(of(pools.phone, { Username: number }))), error =>
    error instanceof sdk.LimitExceededException && error.$metadata.attempts === 3);
  assert.equal((await messages(number)).length, sent);
});
