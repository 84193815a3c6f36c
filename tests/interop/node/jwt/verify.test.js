// aws-jwt-verify: what a back end that checks Cognito tokens sees. The library insists on https for the keys,
// so they come from the server's https side, under the local CA.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { InitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider';
import { JwtRsaVerifier, JwtVerifier } from 'aws-jwt-verify';
import { JwtInvalidSignatureError } from 'aws-jwt-verify/error';
import { devPool, httpsEndpoint } from '../lib/env.js';
import { makeFunction } from '../lib/functions.js';
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

test('tokens that a function has changed are verified', async () => {
  const arn = await makeFunction(async event => {
    const claims = { tenant: { id: 7 }, via: event.triggerSource };
    event.response.claimsAndScopeOverrideDetails = {
      idTokenGeneration: { claimsToAddOrOverride: claims, claimsToSuppress: ['phone_number'] },
      accessTokenGeneration: { claimsToAddOrOverride: claims, scopesToAdd: ['orders/read'] },
      groupOverrideDetails: { groupsToOverride: ['staff'] },
    };
    return event;
  });
  const other = await makePool({ settings: { LambdaConfig: { PreTokenGenerationConfig: { LambdaArn: arn, LambdaVersion: 'V2_0' } } } });
  const they = await makeUser(other, { phone: phone() });
  const first = await app.send(new InitiateAuthCommand({
    ClientId: other.clientId, AuthFlow: 'USER_PASSWORD_AUTH',
    AuthParameters: { USERNAME: they.phone, PASSWORD: password },
  }));
  const fresh = await app.send(new InitiateAuthCommand({
    ClientId: other.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: first.AuthenticationResult.RefreshToken },
  }));
  for (const [{ AuthenticationResult: r }, via] of [[first, 'TokenGeneration_Authentication'], [fresh, 'TokenGeneration_RefreshTokens']]) {
    const theirs = JwtRsaVerifier.create({
      issuer: claims(r.IdToken).iss, jwksUri: `${httpsEndpoint}/${other.poolId}/.well-known/jwks.json`, audience: null,
    });
    const [id, access] = [await theirs.verify(r.IdToken), await theirs.verify(r.AccessToken)];
    for (const token of [id, access]) {
      assert.deepEqual(token.tenant, { id: 7 });
      assert.equal(token.via, via);
      assert.deepEqual(token['cognito:groups'], ['staff']);
    }
    assert.equal(id.phone_number, undefined);
    assert.equal(access.scope, 'aws.cognito.signin.user.admin orders/read');
  }
});
