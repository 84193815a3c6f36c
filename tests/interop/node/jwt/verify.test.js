// aws-jwt-verify: what a back end that checks Cognito tokens sees. The library insists on https for the keys,
// so they come from the server's https side, under the local CA.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { InitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider';
import { JwtRsaVerifier, JwtVerifier } from 'aws-jwt-verify';
import { JwtInvalidSignatureError } from 'aws-jwt-verify/error';
import { devPool, httpsEndpoint } from '../lib/env.js';
import { app, makePool, makeUser } from '../lib/pools.js';
import { password, phone } from '../lib/people.js';

const claims = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
let result, user;

before(async () => {
  user = await makeUser(devPool, { phone: phone() });
  const answer = await app.send(new InitiateAuthCommand({
    ClientId: devPool.clientId, AuthFlow: 'USER_PASSWORD_AUTH',
    AuthParameters: { USERNAME: user.phone, PASSWORD: password },
  }));
  result = answer.AuthenticationResult;
});

/** A verifier for our issuer: name it and its keys, all else is the library's own. */
const verifier = (more, Verifier = JwtRsaVerifier) => Verifier.create({
  issuer: claims(result.IdToken).iss,
  jwksUri: `${httpsEndpoint}/${devPool.poolId}/.well-known/jwks.json`,
  ...more,
});

test('an ID token is verified', async () => {
  const payload = await verifier({ audience: devPool.clientId }).verify(result.IdToken);
  assert.equal(payload.token_use, 'id');
  assert.equal(payload['cognito:username'], user.username);
  assert.equal(payload.phone_number, user.phone);
});

test('an access token is verified', async () => {
  const payload = await verifier({
    audience: null,
    customJwtCheck: ({ payload: p }) => {
      assert.equal(p.client_id, devPool.clientId);
      assert.equal(p.token_use, 'access');
    },
  }).verify(result.AccessToken);
  assert.equal(payload.username, user.username);
});

test('the verifier that takes any algorithm agrees', async () => {
  await verifier({ audience: devPool.clientId }, JwtVerifier).verify(result.IdToken);
});

test('the two tokens are signed by different keys', () => {
  const kid = token => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;
  assert.notEqual(kid(result.IdToken), kid(result.AccessToken));
});

test('a token that was tampered with is refused', async () => {
  const [header, , signature] = result.IdToken.split('.');
  const forged = Buffer.from(JSON.stringify({ ...claims(result.IdToken), sub: 'somebody' })).toString('base64url');
  await assert.rejects(verifier({ audience: devPool.clientId }).verify(`${header}.${forged}.${signature}`), JwtInvalidSignatureError);
});

test('a token of one pool is nothing in another', async () => {
  const other = await makePool();
  const they = await makeUser(other, { phone: phone() });
  const { AuthenticationResult } = await app.send(new InitiateAuthCommand({
    ClientId: other.clientId, AuthFlow: 'USER_PASSWORD_AUTH',
    AuthParameters: { USERNAME: they.phone, PASSWORD: password },
  }));
  await assert.rejects(verifier({ audience: other.clientId }).verify(AuthenticationResult.IdToken));
});
