// Amplify v6: sign-in with a password or a code as first factor, tokens, sign-out.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import {
  AdminCreateUserCommand, AdminDisableUserCommand, AdminResetUserPasswordCommand, GetTokensFromRefreshTokenCommand,
  GetUserCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import {
  confirmResetPassword, confirmSignIn, fetchUserAttributes, getCurrentUser, signIn, signOut,
} from 'aws-amplify/auth';
import { configure, forget, refreshToken, resend, tokens } from '../lib/amplify.js';
import { messages, next, nextCode, wrong } from '../lib/inbox.js';
import { admin, app, makePool, makeUser } from '../lib/pools.js';
import { email, otherPassword, password, phone } from '../lib/people.js';

const firstFactors = { Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'SMS_OTP', 'EMAIL_OTP'] } } };
const done = { isSignedIn: true, nextStep: { signInStep: 'DONE' } };
const wrongCode = { name: 'CodeMismatchException', message: 'Invalid code or auth state for the user.' };
let pool;

before(async () => { pool = await makePool({ settings: firstFactors }); });
beforeEach(() => configure(pool));

const newUser = () => makeUser(pool, { phone: phone(), email: email() });

test.describe('with a password', () => {
  test('by SRP, the default', async () => {
    const user = await newUser();
    assert.deepEqual(await signIn({ username: user.phone, password }), done);
    const current = await getCurrentUser();
    const { access, id } = await tokens();
    assert.equal(current.userId, access.sub);
    assert.equal(current.username, user.username);
    assert.equal(access.token_use, 'access');
    assert.equal(access.client_id, pool.clientId);
    assert.equal(access.scope, 'aws.cognito.signin.user.admin');
    assert.equal(id.token_use, 'id');
    assert.equal(id.aud, pool.clientId);
    assert.equal(id['cognito:username'], user.username);
    assert.equal(id.phone_number, user.phone);
    assert.equal(id.phone_number_verified, true);
    assert.ok(id.iss.endsWith(`/${pool.poolId}`), id.iss);
  });

  test('by USER_PASSWORD_AUTH', async () => {
    const user = await newUser();
    assert.deepEqual(await signIn({ username: user.phone, password, options: { authFlowType: 'USER_PASSWORD_AUTH' } }), done);
  });

  for (const authFlowType of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    test(`a wrong password is refused (${authFlowType})`, async () => {
      const user = await newUser();
      await assert.rejects(signIn({ username: user.phone, password: otherPassword, options: { authFlowType } }), {
        name: 'NotAuthorizedException', message: 'Incorrect username or password.',
      });
    });

    test(`an unknown user is named, or hidden, as the client asks (${authFlowType})`, async () => {
      const unknown = { username: phone(), password, options: { authFlowType } };
      await assert.rejects(signIn(unknown), { name: 'UserNotFoundException', message: 'User does not exist.' });
      await configure(await makePool({ client: { PreventUserExistenceErrors: 'ENABLED' } }));
      await assert.rejects(signIn(unknown), {
        name: 'NotAuthorizedException', message: 'Incorrect username or password.',
      });
    });

    test(`a disabled user is refused (${authFlowType})`, async () => {
      const user = await newUser();
      await admin.send(new AdminDisableUserCommand({ UserPoolId: pool.poolId, Username: user.username }));
      await assert.rejects(signIn({ username: user.phone, password, options: { authFlowType } }), {
        name: 'NotAuthorizedException', message: 'User is disabled.',
      });
    });
  }

  test('after an administrator demanded a new one, leads to the reset', async () => {
    const user = await newUser();
    await admin.send(new AdminResetUserPasswordCommand({ UserPoolId: pool.poolId, Username: user.username }));
    assert.deepEqual(await signIn({ username: user.phone, password }), {
      isSignedIn: false, nextStep: { signInStep: 'RESET_PASSWORD' },
    });
    await confirmResetPassword({
      username: user.phone, confirmationCode: await nextCode(user.phone), newPassword: otherPassword,
    });
    assert.deepEqual(await signIn({ username: user.phone, password: otherPassword }), done);
  });
});

test.describe('by choice (USER_AUTH)', () => {
  const start = (user, preferredChallenge, more) =>
    signIn({ username: user.phone, ...more, options: { authFlowType: 'USER_AUTH', preferredChallenge } });

  test('PASSWORD', async () => {
    assert.deepEqual(await start(await newUser(), 'PASSWORD', { password }), done);
  });

  test('PASSWORD_SRP', async () => {
    assert.deepEqual(await start(await newUser(), 'PASSWORD_SRP', { password }), done);
  });

  test('SMS_OTP', async () => {
    const user = await newUser();
    assert.deepEqual(await start(user, 'SMS_OTP'), {
      isSignedIn: false,
      nextStep: {
        signInStep: 'CONFIRM_SIGN_IN_WITH_SMS_CODE',
        codeDeliveryDetails: { deliveryMedium: 'SMS', destination: `+*******${user.phone.slice(-4)}` },
      },
    });
    const text = await next(user.phone);
    assert.match(text.code, /^\d{8}$/);
    assert.equal(text.trigger_source, 'CustomSMSSender_Authentication');
    await assert.rejects(confirmSignIn({ challengeResponse: wrong(text.code) }), wrongCode);
    assert.deepEqual(await confirmSignIn({ challengeResponse: text.code }), done);
  });

  test('EMAIL_OTP', async () => {
    const user = await newUser();
    const { nextStep } = await start(user, 'EMAIL_OTP');
    assert.deepEqual(nextStep, {
      signInStep: 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE',
      codeDeliveryDetails: { deliveryMedium: 'EMAIL', destination: 'a***@e***' },
    });
    const mail = await next(user.email);
    assert.match(mail.code, /^\d{8}$/);
    await assert.rejects(confirmSignIn({ challengeResponse: wrong(mail.code) }), wrongCode);
    assert.deepEqual(await confirmSignIn({ challengeResponse: mail.code }), done);
  });

  test('without a preference the user is asked', async () => {
    const user = await newUser();
    const { nextStep } = await start(user);
    assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
    assert.deepEqual([...nextStep.availableChallenges].sort(), ['EMAIL_OTP', 'PASSWORD', 'PASSWORD_SRP', 'SMS_OTP']);
    assert.deepEqual(await messages(user.phone), [], 'nothing is sent before the choice');
  });

  for (const answer of ['SMS_OTP', 'EMAIL_OTP']) {
    test(`asked, the user chooses ${answer}`, async () => {
      const user = await newUser();
      await start(user);
      const { nextStep } = await confirmSignIn({ challengeResponse: answer });
      assert.match(nextStep.signInStep, /^CONFIRM_SIGN_IN_WITH_(SMS|EMAIL)_CODE$/);
      const code = await nextCode(answer === 'SMS_OTP' ? user.phone : user.email);
      assert.deepEqual(await confirmSignIn({ challengeResponse: code }), done);
    });
  }

  for (const answer of ['PASSWORD', 'PASSWORD_SRP']) {
    test(`asked, the user chooses ${answer}`, async () => {
      await start(await newUser());
      const { nextStep } = await confirmSignIn({ challengeResponse: answer });
      assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_PASSWORD');
      assert.deepEqual(await confirmSignIn({ challengeResponse: password }), done);
    });
  }

  test('a preference that the user cannot meet leads to the choice', async () => {
    const user = await makeUser(pool, { phone: phone() });
    const { nextStep } = await start(user, 'EMAIL_OTP');
    assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
    assert.ok(!nextStep.availableChallenges.includes('EMAIL_OTP'));
  });

  test('an unknown user is hidden behind a challenge that cannot be met', async () => {
    await configure(await makePool({ settings: firstFactors, client: { PreventUserExistenceErrors: 'ENABLED' } }));
    const number = phone();
    const { nextStep } = await start({ phone: number }, 'SMS_OTP');
    assert.deepEqual(nextStep.codeDeliveryDetails, { deliveryMedium: 'SMS', destination: `+*******${number.slice(-4)}` });
    await assert.rejects(confirmSignIn({ challengeResponse: '12345678' }), wrongCode);
    assert.deepEqual(await messages(number), [], 'nothing was sent');
  });

  for (const [factor, where] of [['SMS_OTP', 'phone'], ['EMAIL_OTP', 'email']]) {
    test(`${factor}: another code inside the sign-in`, async () => {
      const user = await newUser();
      const first = await start(user, factor);
      await nextCode(user[where]);
      assert.deepEqual(await confirmSignIn(resend), first, 'the same challenge again');
      assert.deepEqual(await confirmSignIn({ challengeResponse: await nextCode(user[where]) }), done);
      assert.equal((await messages(user[where])).length, 2);
    });
  }
});

test.describe('for a user made by an administrator', () => {
  const invite = async (users, number, attributes = []) => {
    await admin.send(new AdminCreateUserCommand({
      UserPoolId: users.poolId, Username: number,
      UserAttributes: [{ Name: 'phone_number', Value: number }, ...attributes],
    }));
    const text = await next(number);
    assert.equal(text.trigger_source, 'CustomSMSSender_AdminCreateUser');
    return /temporary password is (.+?)\.?$/.exec(text.text)[1];
  };

  test('the temporary password from the text must be replaced', async () => {
    const number = phone();
    const temporary = await invite(pool, number);
    const { nextStep } = await signIn({ username: number, password: temporary });
    assert.deepEqual(nextStep, { signInStep: 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED', missingAttributes: [] });
    await assert.rejects(confirmSignIn({ challengeResponse: 'short' }), { name: 'InvalidPasswordException' });
    assert.deepEqual(await confirmSignIn({ challengeResponse: password }), done);
    await signOut();
    assert.deepEqual(await signIn({ username: number, password }), done);
  });

  test('missing required attributes are asked for', async () => {
    const users = await makePool({ settings: { Schema: [{ Name: 'email', Required: true }] } });
    await configure(users);
    const [number, address] = [phone(), email()];
    const temporary = await invite(users, number);
    const { nextStep } = await signIn({ username: number, password: temporary });
    assert.deepEqual(nextStep.missingAttributes, ['email']);
    const answer = { challengeResponse: password, options: { userAttributes: { email: address } } };
    assert.deepEqual(await confirmSignIn(answer), done);
    assert.equal((await fetchUserAttributes()).email, address);
  });

  test('PASSWORD and PASSWORD_SRP are all that is offered', async () => {
    const number = phone();
    await invite(pool, number);
    const { nextStep } = await signIn({
      username: number, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' },
    });
    assert.deepEqual([...nextStep.availableChallenges].sort(), ['PASSWORD', 'PASSWORD_SRP']);
  });
});

test.describe('tokens', () => {
  const signedIn = async p => {
    await configure(p);
    const user = await makeUser(p, { phone: phone() });
    await signIn({ username: user.phone, password });
    return user;
  };

  test('are refreshed, and keep the session that they come from', async () => {
    await signedIn(pool);
    const [old, kept] = [await tokens(), refreshToken()];
    const fresh = await tokens({ forceRefresh: true });
    assert.notEqual(fresh.access.jti, old.access.jti);
    assert.equal(fresh.access.origin_jti, old.access.origin_jti);
    assert.equal(fresh.access.auth_time, old.access.auth_time);
    assert.equal(fresh.id.origin_jti, fresh.access.origin_jti);
    assert.equal(refreshToken(), kept, 'the refresh token stays');
  });

  test('with rotation, each refresh brings a new refresh token', async () => {
    const rotating = await makePool({
      client: { RefreshTokenRotation: { Feature: 'ENABLED', RetryGracePeriodSeconds: 0 },
        ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH'] },
    });
    await signedIn(rotating);
    const first = refreshToken();
    await tokens({ forceRefresh: true });
    const second = refreshToken();
    assert.notEqual(second, first);
    await assert.rejects(
      app.send(new GetTokensFromRefreshTokenCommand({ ClientId: rotating.clientId, RefreshToken: first })),
      { name: 'RefreshTokenReuseException' });
  });

  test('die with the sign-out of their device', async () => {
    await signedIn(pool);
    const [here, refresh] = [await tokens(), refreshToken()];
    await configure(pool); // signs out
    await assert.rejects(app.send(new GetUserCommand({ AccessToken: here.accessToken })), {
      name: 'NotAuthorizedException', message: 'Access Token has been revoked',
    });
    await assert.rejects(
      app.send(new GetTokensFromRefreshTokenCommand({ ClientId: pool.clientId, RefreshToken: refresh })),
      { name: 'NotAuthorizedException' });
  });

  test('a local sign-out leaves other devices signed in, a global one does not', async () => {
    const user = await signedIn(pool);
    const elsewhere = await tokens();
    const getUser = () => app.send(new GetUserCommand({ AccessToken: elsewhere.accessToken }));
    // A second device: Amplify starts afresh without telling the server.
    const first = refreshToken();
    forget();
    await signIn({ username: user.phone, password });
    assert.notEqual(refreshToken(), first);
    await signOut();
    assert.equal((await getUser()).Username, user.username);
    await signIn({ username: user.phone, password });
    await signOut({ global: true });
    await assert.rejects(getUser(), { name: 'NotAuthorizedException' });
  });
});
