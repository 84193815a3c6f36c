// @auth0/auth0-auth-js, unmodified: a second factor is enrolled, asked for, proved, recovered and removed.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { AuthClient } from '@auth0/auth0-auth-js';
import { makeTenant, refused, verified } from '../lib/auth0.js';
import { messages, next, nextCode, wrong } from '../lib/inbox.js';
import { email, password, phone } from '../lib/people.js';
import { makeUser } from '../lib/pools.js';
import { totp } from '../lib/totp.js';

let tenant, auth;
before(async () => {
  tenant = await makeTenant({
    factors: ['sms', 'otp', 'recovery-code'], policies: ['all-applications'], messageTypes: ['sms', 'voice'],
  });
  auth = new AuthClient(tenant.options);
});

const signIn = (username, scope = 'openid offline_access', more = {}) => auth.getTokenByPassword({ username, password, scope, ...more });

/** The mfa_token of a sign-in that owes a second factor, and what it asks for. */
async function owed(username, scope) {
  const error = await refused(signIn(username, scope));
  assert.equal(error.cause?.error, 'mfa_required', String(error.cause?.error_description));
  assert.equal(error.cause.error_description, 'Multifactor authentication required');
  assert.equal(error.statusCode, 403);
  return { mfaToken: error.cause.mfa_token, requirements: error.cause.mfa_requirements };
}

const types = list => list.map(({ type }) => type).sort();

/** Enrols a phone with a first sign-in, up to its tokens. */
async function enrolled(channel = 'sms') {
  const [username, number] = [email(), phone()];
  await makeUser(tenant, { email: username });
  const { mfaToken, requirements } = await owed(username);
  assert.equal(requirements.challenge, undefined);
  assert.ok(types(requirements.enroll).includes('phone'));
  const enrolment = await auth.mfa.enrollAuthenticator({
    mfaToken, authenticatorTypes: ['oob'], oobChannels: [channel], phoneNumber: number,
  });
  const message = await next(number, m => m.code);
  const tokens = await auth.mfa.verify({ mfaToken, factorType: 'oob', oobCode: enrolment.oobCode, bindingCode: message.code });
  return { username, number, enrolment, message, tokens };
}

/** A second sign-in of an enrolled user, up to the code. */
async function challenged({ username, number }, options) {
  const { mfaToken, requirements } = await owed(username);
  const challenge = await auth.mfa.challengeAuthenticator({ mfaToken, challengeType: 'oob', ...options });
  return { mfaToken, requirements, challenge, code: await nextCode(number) };
}

test('a first sign-in enrols a phone', async () => {
  const { enrolment, message, tokens } = await enrolled();
  assert.equal(enrolment.authenticatorType, 'oob');
  assert.equal(enrolment.oobChannel, 'sms');
  assert.equal(enrolment.bindingMethod, 'prompt');
  assert.equal(enrolment.recoveryCodes.length, 1);
  assert.match(enrolment.recoveryCodes[0], /^[A-Z0-9]{24}$/);
  assert.match(message.code, /^\d{6}$/);
  assert.equal(message.channel, 'sms');
  const id = await verified(tenant, tokens.idToken, tenant.clientId);
  assert.match(id.sub, /^auth0\|/);
  const access = await verified(tenant, tokens.accessToken, `https://${tenant.domain}/userinfo`);
  assert.equal(access.sub, id.sub);
  assert.ok(tokens.refreshToken);
});

test('the second sign-in asks for the code', async () => {
  const user = await enrolled();
  const { mfaToken, requirements, challenge, code } = await challenged(user);
  assert.equal(requirements.enroll, undefined);
  assert.deepEqual(types(requirements.challenge), ['phone', 'recovery-code']);
  assert.deepEqual([challenge.challengeType, challenge.bindingMethod], ['oob', 'prompt']);
  const tokens = await auth.mfa.verify({ mfaToken, factorType: 'oob', oobCode: challenge.oobCode, bindingCode: code });
  await verified(tenant, tokens.idToken, tenant.clientId);
});

test('authenticators are listed, masked', async () => {
  const user = await enrolled();
  const { mfaToken } = await owed(user.username);
  const list = await auth.mfa.listAuthenticators({ mfaToken });
  const sms = list.find(a => a.id.startsWith('sms|'));
  assert.deepEqual([sms.type, sms.authenticatorType, sms.active], ['phone', 'oob', true]);
  assert.equal(sms.name, `XXXXXXXX${user.number.slice(-4)}`);
  assert.equal(list.find(a => a.id.startsWith('voice|')).id, sms.id.replace('sms', 'voice'));
  assert.equal(list.find(a => a.type === 'recovery-code').authenticatorType, 'recovery-code');
});

test('the code comes by a call', async () => {
  const user = await enrolled('voice');
  assert.equal(user.message.channel, 'voice');
  assert.ok(user.message.text.includes([...user.message.code].join('.')), user.message.text);
  const { mfaToken } = await owed(user.username);
  const voice = (await auth.mfa.listAuthenticators({ mfaToken })).find(a => a.id.startsWith('voice|'));
  const challenge = await auth.mfa.challengeAuthenticator({ mfaToken, challengeType: 'oob', authenticatorId: voice.id });
  const message = await next(user.number, m => m.code);
  assert.equal(message.channel, 'voice');
  await auth.mfa.verify({ mfaToken, factorType: 'oob', oobCode: challenge.oobCode, bindingCode: message.code });
});

test('wrong codes and handles have the words that clients compare', async () => {
  const user = await enrolled();
  const { mfaToken, challenge, code } = await challenged(user);
  const { oobCode } = challenge;
  const verify = async options => {
    const error = await refused(auth.mfa.verify({ mfaToken, factorType: 'oob', oobCode, bindingCode: code, ...options }));
    return [error.statusCode, error.cause.error, error.cause.error_description];
  };
  assert.deepEqual(await verify({ bindingCode: wrong(code) }), [403, 'invalid_grant', 'Invalid binding_code.']);
  assert.deepEqual(await verify({ oobCode: 'x' }), [403, 'invalid_grant', 'Malformed oob_code']);
  assert.deepEqual(await verify({ mfaToken: 'x' }), [403, 'invalid_grant', 'Malformed mfa_token']);
  assert.deepEqual(await verify({ bindingCode: '' }), [400, 'invalid_request', 'Missing required parameter: binding_code']);
  assert.deepEqual(await verify({ factorType: 'otp', otp: '123456' }), // this user has no app
    [401, 'unsupported_challenge_type', 'The user does not support any of the requested challenge types.']);
  assert.deepEqual(await verify({ factorType: 'recovery-code', recoveryCode: 'A'.repeat(24) }),
    [403, 'invalid_grant', 'MFA Authorization rejected.']);
  const tokens = await auth.mfa.verify({ mfaToken, factorType: 'oob', oobCode, bindingCode: code });
  assert.ok(tokens.accessToken);
  assert.deepEqual((await verify({}))[1], 'invalid_grant'); // all of it is spent
});

test('a code of one sign-in is nothing in another', async () => {
  const [anna, bert] = [await enrolled(), await enrolled()];
  const one = await challenged(anna);
  const other = await challenged(bert);
  const error = await refused(auth.mfa.verify({
    mfaToken: other.mfaToken, factorType: 'oob', oobCode: one.challenge.oobCode, bindingCode: one.code,
  }));
  assert.equal(error.cause.error, 'invalid_grant');
});

test('a recovery code signs in once, and brings the next one', async () => {
  const user = await enrolled();
  const [recoveryCode] = user.enrolment.recoveryCodes;
  const first = await owed(user.username);
  const tokens = await auth.mfa.verify({ mfaToken: first.mfaToken, factorType: 'recovery-code', recoveryCode });
  assert.match(tokens.recoveryCode, /^[A-Z0-9]{24}$/);
  assert.notEqual(tokens.recoveryCode, recoveryCode);
  const { mfaToken } = await owed(user.username);
  const error = await refused(auth.mfa.verify({ mfaToken, factorType: 'recovery-code', recoveryCode }));
  assert.equal(error.cause.error_description, 'MFA Authorization rejected.');
  await auth.mfa.verify({ mfaToken, factorType: 'recovery-code', recoveryCode: tokens.recoveryCode });
});

test('an authenticator app', async () => {
  const username = email();
  await makeUser(tenant, { email: username });
  const first = await owed(username);
  const { secret, barcodeUri } = await auth.mfa.enrollAuthenticator({ mfaToken: first.mfaToken, authenticatorTypes: ['otp'] });
  assert.ok(barcodeUri.startsWith('otpauth://totp/') && barcodeUri.includes(secret));
  await auth.mfa.verify({ mfaToken: first.mfaToken, factorType: 'otp', otp: totp(secret) });
  const { mfaToken, requirements } = await owed(username);
  assert.ok(types(requirements.challenge).includes('otp'));
  const challenge = await auth.mfa.challengeAuthenticator({ mfaToken, challengeType: 'otp' });
  assert.deepEqual(challenge, { challengeType: 'otp' });
  const error = await refused(auth.mfa.verify({ mfaToken, factorType: 'otp', otp: wrong(totp(secret, 1)) }));
  assert.equal(error.cause.error_description, 'Invalid otp_code.');
  await auth.mfa.verify({ mfaToken, factorType: 'otp', otp: totp(secret, 1) });
});

test('an enrolled user adds another factor only after a proof', async () => {
  const user = await enrolled();
  const { mfaToken } = await owed(user.username);
  const other = phone();
  const error = await refused(auth.mfa.enrollAuthenticator({
    mfaToken, authenticatorTypes: ['oob'], oobChannels: ['sms'], phoneNumber: other,
  }));
  assert.equal(error.cause.error, 'access_denied');
  assert.deepEqual(await messages(other), []);
});

test('a factor is removed with an access token for the MFA API', async () => {
  const user = await enrolled();
  const error = await refused(signIn(user.username, 'read:authenticators remove:authenticators', { audience: `https://${tenant.domain}/mfa/` }));
  const mfaToken = error.cause.mfa_token;
  const denied = await refused(auth.mfa.deleteAuthenticator({ mfaToken, authenticatorId: 'sms|dev_1' }));
  assert.equal(denied.statusCode >= 400 && denied.statusCode < 500, true); // an mfa_token is not enough
  const challenge = await auth.mfa.challengeAuthenticator({ mfaToken, challengeType: 'oob' });
  const { accessToken } = await auth.mfa.verify({
    mfaToken, factorType: 'oob', oobCode: challenge.oobCode, bindingCode: await nextCode(user.number),
  });
  const list = await auth.mfa.listAuthenticators({ mfaToken: accessToken });
  await auth.mfa.deleteAuthenticator({ mfaToken: accessToken, authenticatorId: list.find(a => a.id.startsWith('sms|')).id });
  const left = await auth.mfa.listAuthenticators({ mfaToken: accessToken });
  assert.deepEqual(left.filter(a => a.type === 'phone'), []);
});

test('tokens are refreshed and revoked', async () => {
  const { tokens } = await enrolled();
  const fresh = await auth.getTokenByRefreshToken({ refreshToken: tokens.refreshToken });
  const claims = await verified(tenant, fresh.accessToken, `https://${tenant.domain}/userinfo`);
  const info = await auth.getUserInfo({ accessToken: fresh.accessToken });
  assert.equal(info.sub, claims.sub);
  await auth.revokeToken({ token: fresh.refreshToken ?? tokens.refreshToken });
  const error = await refused(auth.getTokenByRefreshToken({ refreshToken: fresh.refreshToken ?? tokens.refreshToken }));
  assert.deepEqual([error.statusCode, error.cause.error, error.cause.error_description],
    [403, 'invalid_grant', 'Unknown or invalid refresh token.']);
});

test('a wrong password and an unknown name have one answer', async () => {
  const username = email();
  await makeUser(tenant, { email: username });
  const answers = [];
  for (const credentials of [{ username, password: 'wr0ng-Password!' }, { username: email(), password }]) {
    const error = await refused(auth.getTokenByPassword({ scope: 'openid', ...credentials }));
    answers.push([error.statusCode, error.cause.error, error.cause.error_description]);
  }
  assert.deepEqual(answers[0], [403, 'invalid_grant', 'Wrong email or password.']);
  assert.deepEqual(answers[1], answers[0]);
});
