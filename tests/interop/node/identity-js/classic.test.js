// amazon-cognito-identity-js 6: the flows of apps that never moved to Amplify.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { AuthenticationDetails, CognitoUserAttribute } from 'amazon-cognito-identity-js';
import { AdminCreateUserCommand } from '@aws-sdk/client-cognito-identity-provider';
import { devPool } from '../lib/env.js';
import { makeFunction } from '../lib/functions.js';
import { ask, authenticate, call, userOf, userPool } from '../lib/identityjs.js';
import { messages, next, nextCode, wrong } from '../lib/inbox.js';
import { admin, allFlows, makePool, makeUser } from '../lib/pools.js';
import { email, otherPassword, password, phone } from '../lib/people.js';
import { totp } from '../lib/totp.js';

const verified = { settings: { AutoVerifiedAttributes: ['phone_number', 'email'] } };

test.describe('sign-up', () => {
  const pool = userPool(devPool);
  const signUp = (number, attributes = []) =>
    call(done => pool.signUp(number, password, attributes, [], done));

  test('register, confirm, sign in', async () => {
    const number = phone();
    const { user, userConfirmed, codeDeliveryDetails } = await signUp(number);
    assert.equal(userConfirmed, false);
    assert.deepEqual(codeDeliveryDetails, {
      AttributeName: 'phone_number', DeliveryMedium: 'SMS', Destination: `+*******${number.slice(-4)}`,
    });
    const code = await nextCode(number);
    await assert.rejects(call(done => user.confirmRegistration(wrong(code), false, done)), { code: 'CodeMismatchException' });
    assert.equal(await call(done => user.confirmRegistration(code, false, done)), 'SUCCESS');
    assert.equal((await authenticate(user, password)).step, 'DONE');
  });

  test('resend the confirmation code', async () => {
    const number = phone();
    const { user } = await signUp(number);
    await nextCode(number);
    const { CodeDeliveryDetails } = await call(done => user.resendConfirmationCode(done));
    assert.equal(CodeDeliveryDetails.DeliveryMedium, 'SMS');
    const code = await nextCode(number);
    assert.equal(await call(done => user.confirmRegistration(code, false, done)), 'SUCCESS');
  });

  test('an unconfirmed user cannot sign in', async () => {
    const number = phone();
    const { user } = await signUp(number);
    await assert.rejects(authenticate(user, password), { code: 'UserNotConfirmedException', message: 'User is not confirmed.' });
  });
});

test.describe('sign-in', () => {
  let settings, pool, who, user;
  before(async () => {
    settings = await makePool({
      mfa: { MfaConfiguration: 'OPTIONAL', SoftwareTokenMfaConfiguration: { Enabled: true } },
    });
    pool = userPool(settings);
  });
  test.beforeEach(async () => {
    who = await makeUser(settings, { phone: phone(), email: email() });
    user = userOf(pool, who.phone);
  });

  const prefer = (sms, totpSettings) => call(done => user.setUserMfaPreference(sms, totpSettings, done));
  const enrol = async () => {
    const { secret } = await ask(callbacks => user.associateSoftwareToken(callbacks));
    assert.equal((await ask(callbacks => user.verifySoftwareToken(totp(secret, -1), 'phone', callbacks))).value.Status, 'SUCCESS');
    return secret;
  };
  /** Signs in, runs `prepare`, signs out and returns what a second sign-in meets. */
  const again = async prepare => {
    await authenticate(user, password);
    const value = await prepare();
    user.signOut();
    return [await authenticate(user, password), value];
  };
  const sendCode = (code, type) => ask(callbacks => user.sendMFACode(code, callbacks, type));

  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    test(flow, async () => {
      const { step, value } = await authenticate(user, password, flow);
      assert.equal(step, 'DONE');
      assert.equal(value.isValid(), true);
      assert.equal(value.getIdToken().payload.phone_number, who.phone);
      assert.equal(value.getAccessToken().payload.username, who.username);
    });

    test(`${flow}: a wrong password`, async () => {
      await assert.rejects(authenticate(user, otherPassword, flow), {
        code: 'NotAuthorizedException', message: 'Incorrect username or password.',
      });
    });
  }

  test('SMS MFA', async () => {
    const [met] = await again(() => prefer({ Enabled: true, PreferredMfa: true }, null));
    assert.equal(met.step, 'SMS_MFA');
    assert.equal(met.params.CODE_DELIVERY_DELIVERY_MEDIUM, 'SMS');
    assert.equal(met.params.CODE_DELIVERY_DESTINATION, `+*******${who.phone.slice(-4)}`);
    const code = await nextCode(who.phone);
    await assert.rejects(sendCode(wrong(code)), {
      code: 'CodeMismatchException', message: 'Invalid code or auth state for the user.',
    });
    assert.equal((await sendCode(code)).step, 'DONE');
  });

  test('SMS MFA: another code, with a library that keeps its session', async () => {
    await again(() => prefer({ Enabled: true, PreferredMfa: true }, null));
    await nextCode(who.phone);
    // sendMFACode forgets the Session of an answer, so the resend comes as an error after which the old one is good.
    await assert.rejects(
      ask(callbacks => user.sendMFACode('resend', callbacks, 'SMS_MFA', { 'countersign:resend': 'error' })),
      { code: 'CodeMismatchException', message: 'A new code was sent.' });
    assert.equal((await sendCode(await nextCode(who.phone))).step, 'DONE');
    assert.equal((await messages(who.phone)).filter(m => m.code).length, 2);
  });

  test('TOTP', async () => {
    const [met, secret] = await again(async () => {
      const value = await enrol();
      await prefer(null, { Enabled: true, PreferredMfa: true });
      return value;
    });
    assert.equal(met.step, 'SOFTWARE_TOKEN_MFA');
    assert.equal((await sendCode(totp(secret), 'SOFTWARE_TOKEN_MFA')).step, 'DONE');
  });

  for (const choice of ['SMS_MFA', 'SOFTWARE_TOKEN_MFA']) {
    test(`of two factors the user chooses ${choice}`, async () => {
      const [met, secret] = await again(async () => {
        const value = await enrol();
        await prefer({ Enabled: true, PreferredMfa: false }, { Enabled: true, PreferredMfa: false });
        return value;
      });
      assert.equal(met.step, 'SELECT_MFA_TYPE');
      assert.deepEqual(JSON.parse(met.params.MFAS_CAN_CHOOSE).sort(), ['SMS_MFA', 'SOFTWARE_TOKEN_MFA']);
      assert.equal((await ask(callbacks => user.sendMFASelectionAnswer(choice, callbacks))).step, choice);
      const code = choice === 'SMS_MFA' ? await nextCode(who.phone) : totp(secret);
      assert.equal((await sendCode(code, choice)).step, 'DONE');
    });
  }

  test('TOTP is set up inside the sign-in where MFA is required', async () => {
    const required = await makePool({
      mfa: { MfaConfiguration: 'ON', SmsMfaConfiguration: undefined, SoftwareTokenMfaConfiguration: { Enabled: true } },
    });
    who = await makeUser(required, { phone: phone() });
    user = userOf(userPool(required), who.phone);
    const met = await authenticate(user, password);
    assert.equal(met.step, 'MFA_SETUP');
    assert.deepEqual(JSON.parse(met.params.MFAS_CAN_SETUP), ['SOFTWARE_TOKEN_MFA']);
    const { secret } = await ask(callbacks => user.associateSoftwareToken(callbacks));
    assert.equal((await ask(callbacks => user.verifySoftwareToken(totp(secret), 'phone', callbacks))).step, 'DONE');
  });

  test('a temporary password is replaced, with the missing attributes', async () => {
    const required = await makePool({ settings: { Schema: [{ Name: 'email', Required: true }] } });
    const number = phone();
    await admin.send(new AdminCreateUserCommand({
      UserPoolId: required.poolId, Username: number, TemporaryPassword: otherPassword, MessageAction: 'SUPPRESS',
      UserAttributes: [{ Name: 'phone_number', Value: number }],
    }));
    user = userOf(userPool(required), number);
    const met = await authenticate(user, otherPassword);
    assert.equal(met.step, 'NEW_PASSWORD_REQUIRED');
    assert.equal(met.attributes.phone_number, number);
    assert.deepEqual(met.required, ['email']);
    const answered = await ask(callbacks =>
      user.completeNewPasswordChallenge(password, { email: email() }, callbacks));
    assert.equal(answered.step, 'DONE');
  });
});

test.describe('signed in', () => {
  let settings, who, user;
  before(async () => { settings = await makePool(verified); });
  test.beforeEach(async () => {
    who = await makeUser(settings, { phone: phone(), email: email() });
    user = userOf(userPool(settings), who.phone);
    await authenticate(user, password);
  });

  test('the session is refreshed', async () => {
    const old = user.getSignInUserSession();
    const fresh = await call(done => user.refreshSession(old.getRefreshToken(), done));
    assert.notEqual(fresh.getAccessToken().getJwtToken(), old.getAccessToken().getJwtToken());
    assert.equal(fresh.getRefreshToken().getToken(), old.getRefreshToken().getToken());
  });

  test('the user data', async () => {
    const data = await call(done => user.getUserData(done, { bypassCache: true }));
    assert.equal(data.Username, who.username);
    assert.ok(data.UserAttributes.some(a => a.Name === 'phone_number' && a.Value === who.phone));
    const attributes = await call(done => user.getUserAttributes(done));
    assert.ok(attributes.some(a => a.getName() === 'email_verified' && a.getValue() === 'true'));
  });

  test('the password is changed', async () => {
    await assert.rejects(call(done => user.changePassword(otherPassword, otherPassword, done)), {
      code: 'NotAuthorizedException',
    });
    assert.equal(await call(done => user.changePassword(password, otherPassword, done)), 'SUCCESS');
    user.signOut();
    assert.equal((await authenticate(user, otherPassword)).step, 'DONE');
  });

  test('the number is changed and verified', async () => {
    const number = phone();
    const change = new CognitoUserAttribute({ Name: 'phone_number', Value: number });
    assert.equal(await call(done => user.updateAttributes([change], done)), 'SUCCESS');
    await nextCode(number);
    const asked = await ask(callbacks => user.getAttributeVerificationCode('phone_number', callbacks));
    assert.equal(asked.data.CodeDeliveryDetails.DeliveryMedium, 'SMS');
    const text = await next(number);
    assert.equal(text.trigger_source, 'CustomSMSSender_VerifyUserAttribute');
    const verify = code => ask(callbacks => user.verifyAttribute('phone_number', code, callbacks));
    await assert.rejects(verify(wrong(text.code)), { code: 'CodeMismatchException' });
    assert.equal((await verify(text.code)).value, 'SUCCESS');
  });

  test('an attribute is deleted', async () => {
    await call(done => user.updateAttributes([new CognitoUserAttribute({ Name: 'name', Value: 'Anna' })], done));
    assert.equal(await call(done => user.deleteAttributes(['name'], done)), 'SUCCESS');
    const attributes = await call(done => user.getUserAttributes(done));
    assert.ok(!attributes.some(a => a.getName() === 'name'));
  });

  test('a forgotten password is reset', async () => {
    const asked = await ask(callbacks => user.forgotPassword(callbacks));
    assert.equal(asked.data.CodeDeliveryDetails.Destination, `+*******${who.phone.slice(-4)}`);
    const code = await nextCode(who.phone);
    const reset = value => ask(callbacks => user.confirmPassword(value, otherPassword, callbacks));
    await assert.rejects(reset(wrong(code)), { code: 'CodeMismatchException' });
    assert.equal((await reset(code)).value, 'SUCCESS');
    user.signOut();
    assert.equal((await authenticate(user, otherPassword)).step, 'DONE');
  });

  test('signing out revokes the refresh token', async () => {
    const token = user.getSignInUserSession().getRefreshToken();
    await call(done => user.signOut(done));
    await assert.rejects(call(done => user.refreshSession(token, done)), { code: 'NotAuthorizedException' });
  });

  test('signing out everywhere ends the other sessions', async () => {
    const elsewhere = userOf(userPool(settings), who.phone);
    await authenticate(elsewhere, password);
    assert.equal((await ask(callbacks => user.globalSignOut(callbacks))).value, 'SUCCESS');
    await assert.rejects(call(done => elsewhere.getUserAttributes(done)), {
      code: 'NotAuthorizedException', message: 'Access Token has been revoked',
    });
  });

  test('the user leaves', async () => {
    assert.equal(await call(done => user.deleteUser(done)), 'SUCCESS');
    await assert.rejects(authenticate(userOf(userPool(settings), who.phone), password), { code: 'UserNotFoundException' });
  });
});

test.describe("the pool's own challenges (CUSTOM_AUTH)", () => {
  let settings, user;
  before(async () => {
    const arn = await makeFunction(async event => {
      const { request, response } = event;
      const last = request.session?.at(-1) ?? {};
      if (event.triggerSource === 'VerifyAuthChallengeResponse_Authentication') response.answerCorrect = request.challengeAnswer === 'mellon';
      else if (event.triggerSource === 'CreateAuthChallenge_Authentication') response.publicChallengeParameters = { question: 'Which word?' };
      else if (last.challengeName === 'SRP_A') response.challengeName = 'PASSWORD_VERIFIER';
      else if (last.challengeName === 'CUSTOM_CHALLENGE' && last.challengeResult) response.issueTokens = true;
      else response.challengeName = 'CUSTOM_CHALLENGE';
      return event;
    });
    settings = await makePool({
      settings: { LambdaConfig: { DefineAuthChallenge: arn, CreateAuthChallenge: arn, VerifyAuthChallengeResponse: arn } },
      client: { ExplicitAuthFlows: [...allFlows, 'ALLOW_CUSTOM_AUTH'] },
    });
  });
  test.beforeEach(async () => {
    const who = await makeUser(settings, { phone: phone() });
    user = userOf(userPool(settings), who.phone);
  });
  const answer = text => ask(callbacks => user.sendCustomChallengeAnswer(text, callbacks));

  test('alone', async () => {
    user.setAuthenticationFlowType('CUSTOM_AUTH');
    const details = new AuthenticationDetails({ Username: user.getUsername() });
    const { step, params } = await ask(callbacks => user.initiateAuth(details, callbacks));
    assert.equal(step, 'CUSTOM_CHALLENGE');
    assert.equal(params.question, 'Which word?');
    assert.equal((await answer('friend')).step, 'CUSTOM_CHALLENGE');
    assert.equal((await answer('mellon')).step, 'DONE');
  });

  test('after the password', async () => {
    assert.equal((await authenticate(user, password, 'CUSTOM_AUTH')).step, 'CUSTOM_CHALLENGE');
    assert.equal((await answer('mellon')).step, 'DONE');
  });
});
