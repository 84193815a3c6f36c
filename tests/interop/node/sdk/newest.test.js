// AWS SDK for JavaScript v3: operations that only this SDK knows so far.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AdminDeleteSoftwareTokenCommand, AdminGetUserAuthFactorsCommand, AssociateSoftwareTokenCommand, GetUserCommand,
  InitiateAuthCommand, SetUserMFAPreferenceCommand, VerifySoftwareTokenCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { admin, app, makePool, makeUser } from '../lib/pools.js';
import { password, phone } from '../lib/people.js';
import { totp } from '../lib/totp.js';

test("an administrator sees a user's factors, and removes an authenticator app that was lost", async () => {
  const pool = await makePool({
    mfa: { MfaConfiguration: 'OPTIONAL', SoftwareTokenMfaConfiguration: { Enabled: true } },
  });
  const user = await makeUser(pool, { phone: phone() });
  const signIn = () => app.send(new InitiateAuthCommand({
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.phone, PASSWORD: password },
  }));
  const { AuthenticationResult: { AccessToken } } = await signIn();
  const { SecretCode } = await app.send(new AssociateSoftwareTokenCommand({ AccessToken }));
  await app.send(new VerifySoftwareTokenCommand({ AccessToken, UserCode: totp(SecretCode) }));
  await app.send(new SetUserMFAPreferenceCommand({
    AccessToken, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true },
  }));
  assert.equal((await signIn()).ChallengeName, 'SOFTWARE_TOKEN_MFA');

  const who = { UserPoolId: pool.poolId, Username: user.phone };
  const factors = await admin.send(new AdminGetUserAuthFactorsCommand(who));
  assert.equal(factors.PreferredMfaSetting, 'SOFTWARE_TOKEN_MFA');
  assert.deepEqual(factors.UserMFASettingList, ['SOFTWARE_TOKEN_MFA']);
  assert.ok(factors.ConfiguredUserAuthFactors.includes('PASSWORD'));

  await admin.send(new AdminDeleteSoftwareTokenCommand(who));
  assert.ok((await signIn()).AuthenticationResult, 'the app is not asked for any more');
  const me = await app.send(new GetUserCommand({ AccessToken: (await signIn()).AuthenticationResult.AccessToken }));
  assert.equal(me.UserMFASettingList, undefined);
});
