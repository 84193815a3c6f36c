// Sign-in by a code alone, with three generations of Auth0's own client, unmodified.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { AuthClient } from '@auth0/auth0-auth-js';
import { AuthenticationClient as Auth4 } from 'auth0-v4';
import legacy from 'auth0-v3';
import { call, makeTenant, refused, verified } from '../lib/auth0.js';
import { messages, nextCode, wrong } from '../lib/inbox.js';
import { email, password, phone } from '../lib/people.js';
import { makeUser } from '../lib/pools.js';

let tenant, client, v4, v3;
before(async () => {
  tenant = await makeTenant({
    settings: { Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'SMS_OTP', 'EMAIL_OTP'] } } },
  });
  client = new AuthClient(tenant.options);
  v4 = new Auth4(tenant.options);
  v3 = new legacy.AuthenticationClient(tenant.options);
});

test('auth0-auth-js: a first code makes the user, the second finds it', async () => {
  const phoneNumber = phone();
  const subjects = [];
  for (let i = 0; i < 2; i++) {
    await client.passwordless.sendSms({ phoneNumber });
    const tokens = await client.getTokenByPasswordlessSms({ phoneNumber, code: await nextCode(phoneNumber), scope: 'openid phone' });
    const claims = await verified(tenant, tokens.idToken, tenant.clientId);
    assert.deepEqual([claims.phone_number, claims.phone_number_verified], [phoneNumber, true]);
    subjects.push(claims.sub);
  }
  assert.equal(subjects[0], subjects[1]);
  assert.match(subjects[0], /^sms\|/);
});

test('auth0 4: passwordless by text', async () => {
  const phone_number = phone();
  await v4.passwordless.sendSMS({ phone_number });
  const code = await nextCode(phone_number);
  const error = await refused(v4.passwordless.loginWithSMS({ phone_number, code: wrong(code) }));
  assert.deepEqual([error.statusCode, error.error, error.error_description],
    [403, 'invalid_grant', 'Wrong phone number or verification code.']);
  const { data } = await v4.passwordless.loginWithSMS({ phone_number, code, scope: 'openid' });
  await verified(tenant, data.id_token, tenant.clientId);
  const spent = await refused(v4.passwordless.loginWithSMS({ phone_number, code }));
  assert.equal(spent.error, 'invalid_grant');
});

test('auth0 4: password, refresh, revoke', async () => {
  const username = email();
  await makeUser(tenant, { email: username });
  const { data } = await v4.oauth.passwordGrant({
    username, password, realm: 'Username-Password-Authentication', scope: 'openid offline_access',
  });
  assert.match((await verified(tenant, data.id_token, tenant.clientId)).sub, /^auth0\|/);
  const { data: fresh } = await v4.oauth.refreshTokenGrant({ refresh_token: data.refresh_token });
  assert.ok(fresh.access_token);
  const refresh_token = fresh.refresh_token ?? data.refresh_token;
  await v4.oauth.revokeRefreshToken({ token: refresh_token });
  const error = await refused(v4.oauth.refreshTokenGrant({ refresh_token }));
  assert.deepEqual([error.statusCode, error.error], [403, 'invalid_grant']);
  const none = await refused(v4.oauth.passwordGrant({ username, password, realm: 'no-such-connection' }));
  assert.equal(none.statusCode >= 400 && none.statusCode < 500, true);
});

test('auth0 3: the same with JSON bodies', async () => {
  const phone_number = phone();
  await v3.passwordless.sendSMS({ phone_number });
  const tokens = await v3.passwordless.signIn({ username: phone_number, otp: await nextCode(phone_number), realm: 'sms', scope: 'openid' });
  await verified(tenant, tokens.id_token, tenant.clientId);
  const username = email();
  await makeUser(tenant, { email: username });
  const more = await v3.passwordGrant({ username, password, scope: 'openid offline_access' });
  await verified(tenant, more.id_token, tenant.clientId);
  const fresh = await v3.refreshToken({ refresh_token: more.refresh_token });
  const profile = await v3.getProfile(fresh.access_token);
  assert.match(profile.sub, /^auth0\|/);
});

test('a start tells nobody who has an account', async () => {
  const [known, unknown] = [phone(), phone()];
  await makeUser(tenant, { phone: known });
  const answers = [];
  for (const phone_number of [known, unknown]) {
    const { status, body } = await call(tenant.domain, 'POST', '/passwordless/start', {
      client_id: tenant.clientId, client_secret: tenant.clientSecret, connection: 'sms', phone_number, send: 'code',
    });
    answers.push([status, Object.keys(body).sort(), body.phone_verified, body.phone_number === phone_number]);
  }
  assert.deepEqual(answers[0], answers[1]);
  assert.equal(answers[0][0], 200);
});

test('a start without a secret, or to no number, sends nothing', async () => {
  const number = phone();
  const start = body => call(tenant.domain, 'POST', '/passwordless/start', { connection: 'sms', ...body });
  const noSecret = await start({ client_id: tenant.clientId, phone_number: number });
  assert.deepEqual([noSecret.status, noSecret.body.error], [401, 'unauthorized']);
  const noNumber = await start({ client_id: tenant.clientId, client_secret: tenant.clientSecret, phone_number: '12345' });
  assert.deepEqual([noNumber.status, noNumber.body.error], [400, 'bad.phone_number']);
  assert.deepEqual(await messages(number), []);
});
