// Amplify v6: sign-in by the pool's own challenges (CUSTOM_AUTH), with and without the password first.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { confirmSignIn, signIn } from 'aws-amplify/auth';
import { configure, tokens } from '../lib/amplify.js';
import { makeFunction } from '../lib/functions.js';
import { allFlows, makePool, makeUser } from '../lib/pools.js';
import { otherPassword, password, phone } from '../lib/people.js';

// One function is all three triggers. The answer to its question is what the app sent along when it answered, so that the test needs no text.
const questions = async event => {
  const { request, response } = event;
  const results = (request.session ?? []).map(s => `${s.challengeName} ${s.challengeResult}`);
  switch (event.triggerSource) {
    case 'DefineAuthChallenge_Authentication':
      if (results.at(-1) === 'SRP_A true') response.challengeName = 'PASSWORD_VERIFIER';
      else if (results.at(-1) === 'CUSTOM_CHALLENGE true') response.issueTokens = true;
      else if (results.filter(r => r === 'CUSTOM_CHALLENGE false').length === 3) response.failAuthentication = true;
      else response.challengeName = 'CUSTOM_CHALLENGE';
      break;
    case 'CreateAuthChallenge_Authentication':
      response.publicChallengeParameters = { question: 'Which word?', before: results.join(', ') };
      response.privateChallengeParameters = { word: 'mellon' };
      break;
    case 'VerifyAuthChallengeResponse_Authentication':
      response.answerCorrect = request.challengeAnswer === `${request.privateChallengeParameters.word} ${request.clientMetadata?.suffix ?? ''}`.trim();
  }
  return event;
};

const done = { isSignedIn: true, nextStep: { signInStep: 'DONE' } };
let pool, user;

before(async () => {
  const arn = await makeFunction(questions);
  pool = await makePool({
    settings: { LambdaConfig: { DefineAuthChallenge: arn, CreateAuthChallenge: arn, VerifyAuthChallengeResponse: arn } },
    client: { ExplicitAuthFlows: [...allFlows, 'ALLOW_CUSTOM_AUTH'] },
  });
});
beforeEach(async () => {
  await configure(pool);
  user = await makeUser(pool, { phone: phone() });
});

const asked = (nextStep, history) => {
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
  assert.deepEqual(nextStep.additionalInfo, { USERNAME: user.username, question: 'Which word?', before: history });
};

test('CUSTOM_WITHOUT_SRP: wrong, then right', async () => {
  const { isSignedIn, nextStep } = await signIn({ username: user.phone, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
  assert.equal(isSignedIn, false);
  asked(nextStep, '');
  const second = await confirmSignIn({ challengeResponse: 'friend' });
  asked(second.nextStep, 'CUSTOM_CHALLENGE false');
  assert.deepEqual(await confirmSignIn({ challengeResponse: 'mellon' }), done);
  const { access, id } = await tokens();
  assert.equal(access.username, user.username);
  assert.equal(id.phone_number, user.phone);
});

test('CUSTOM_WITHOUT_SRP: what the app sends along is passed on', async () => {
  await signIn({ username: user.phone, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
  assert.deepEqual(await confirmSignIn({ challengeResponse: 'mellon baggins', options: { clientMetadata: { suffix: 'baggins' } } }), done);
});

test('CUSTOM_WITHOUT_SRP: three wrong answers end the sign-in', async () => {
  await signIn({ username: user.phone, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
  await confirmSignIn({ challengeResponse: 'friend' });
  await confirmSignIn({ challengeResponse: 'friend' });
  await assert.rejects(confirmSignIn({ challengeResponse: 'friend' }), { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
});

test('CUSTOM_WITH_SRP: the password comes first', async () => {
  const { nextStep } = await signIn({ username: user.phone, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
  asked(nextStep, 'SRP_A true, PASSWORD_VERIFIER true');
  assert.deepEqual(await confirmSignIn({ challengeResponse: 'mellon' }), done);
  assert.equal((await tokens()).access.username, user.username);
});

test('CUSTOM_WITH_SRP: a wrong password is refused', async () => {
  await assert.rejects(signIn({ username: user.phone, password: otherPassword, options: { authFlowType: 'CUSTOM_WITH_SRP' } }), {
    name: 'NotAuthorizedException', message: 'Incorrect username or password.',
  });
});

test('an unknown user is hidden behind the same question', async () => {
  const arn = await makeFunction(questions);
  await configure(await makePool({
    settings: { LambdaConfig: { DefineAuthChallenge: arn, CreateAuthChallenge: arn, VerifyAuthChallengeResponse: arn } },
    client: { ExplicitAuthFlows: [...allFlows, 'ALLOW_CUSTOM_AUTH'], PreventUserExistenceErrors: 'ENABLED' },
  }));
  const { nextStep } = await signIn({ username: phone(), options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
  assert.equal(nextStep.additionalInfo.question, 'Which word?');
  await assert.rejects(confirmSignIn({ challengeResponse: 'mellon' }), { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
});
