// Amplify v6: sign-up by phone, in every form that its documentation shows.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import * as auth from 'aws-amplify/auth';
import { configure, tokens } from '../lib/amplify.js';
import { devPool } from '../lib/env.js';
import { messages, next, nextCode, wrong } from '../lib/inbox.js';
import { makePool } from '../lib/pools.js';
import { email, otherPassword, password, phone, username } from '../lib/people.js';

const { signUp, confirmSignUp, resendSignUpCode, signIn, fetchUserAttributes } = auth;

beforeEach(() => configure(devPool));

// Amplify swallows an autoSignIn that comes less than 300 ms after the last one, and then never settles its promise.
const autoSignIn = async () => {
  await new Promise(resolve => setTimeout(resolve, 350));
  return auth.autoSignIn();
};

test('a phone number signs up, gets a code by text and confirms', async () => {
  const number = phone();
  const signedUp = await signUp({ username: number, password });
  assert.equal(signedUp.isSignUpComplete, false);
  assert.match(signedUp.userId, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  assert.deepEqual(signedUp.nextStep, {
    signUpStep: 'CONFIRM_SIGN_UP',
    codeDeliveryDetails: {
      deliveryMedium: 'SMS', attributeName: 'phone_number', destination: `+*******${number.slice(-4)}`,
    },
  });

  const text = await next(number);
  assert.match(text.code, /^\d{6}$/);
  assert.ok(text.text.includes(text.code), 'the text shows the code');
  assert.equal(text.channel, 'sms');
  assert.equal(text.trigger_source, 'CustomSMSSender_SignUp');

  const confirmed = await confirmSignUp({ username: number, confirmationCode: text.code });
  assert.deepEqual(confirmed, { isSignUpComplete: true, nextStep: { signUpStep: 'DONE' } });

  assert.equal((await signIn({ username: number, password })).isSignedIn, true);
  const attributes = await fetchUserAttributes();
  assert.equal(attributes.phone_number, number);
  assert.equal(attributes.phone_number_verified, 'true');
  assert.equal(attributes.sub, signedUp.userId);
});

test('autoSignIn: true signs in by SRP after the confirmation', async () => {
  const number = phone();
  await signUp({ username: number, password, options: { autoSignIn: true } });
  const { nextStep } = await confirmSignUp({ username: number, confirmationCode: await nextCode(number) });
  assert.equal(nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
  assert.equal((await autoSignIn()).isSignedIn, true);
  assert.equal((await messages(number)).length, 1, 'one text in all');
});

test('autoSignIn by USER_AUTH spends the session of the confirmation, without another code', async () => {
  const number = phone();
  await signUp({ username: number, password, options: { autoSignIn: { authFlowType: 'USER_AUTH' } } });
  const { nextStep } = await confirmSignUp({ username: number, confirmationCode: await nextCode(number) });
  assert.equal(nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
  assert.deepEqual(await autoSignIn(), { isSignedIn: true, nextStep: { signInStep: 'DONE' } });
  assert.equal((await tokens()).id.phone_number, number);
  assert.equal((await messages(number)).length, 1, 'one text in all');
});

test('another code can be asked for', async () => {
  const number = phone();
  await signUp({ username: number, password });
  await nextCode(number);
  const details = await resendSignUpCode({ username: number });
  assert.deepEqual(details, {
    deliveryMedium: 'SMS', attributeName: 'phone_number', destination: `+*******${number.slice(-4)}`,
  });
  const second = await next(number);
  assert.equal(second.trigger_source, 'CustomSMSSender_ResendCode');
  const { isSignUpComplete } = await confirmSignUp({ username: number, confirmationCode: second.code });
  assert.equal(isSignUpComplete, true);
});

test('a wrong code is refused and the right one still works', async () => {
  const number = phone();
  await signUp({ username: number, password });
  const code = await nextCode(number);
  await assert.rejects(confirmSignUp({ username: number, confirmationCode: wrong(code) }), {
    name: 'CodeMismatchException', message: 'Invalid verification code provided, please try again.',
  });
  assert.equal((await confirmSignUp({ username: number, confirmationCode: code })).isSignUpComplete, true);
});

test('a code works once', async () => {
  const number = phone();
  await signUp({ username: number, password });
  const code = await nextCode(number);
  await confirmSignUp({ username: number, confirmationCode: code });
  await assert.rejects(confirmSignUp({ username: number, confirmationCode: code }), {
    name: 'NotAuthorizedException', message: 'User cannot be confirmed. Current status is CONFIRMED',
  });
});

test('a number that is taken is refused by name', async () => {
  const number = phone();
  await signUp({ username: number, password });
  await assert.rejects(signUp({ username: number, password: otherPassword }), {
    name: 'UsernameExistsException', message: 'An account with the given phone_number already exists.',
  });
});

test('what is no phone number or e-mail address is refused', async () => {
  await assert.rejects(signUp({ username: username(), password }), {
    name: 'InvalidParameterException', message: 'Username should be either an email or a phone number.',
  });
});

test('a weak password is refused with the rule that it breaks', async () => {
  await assert.rejects(signUp({ username: phone(), password: 'Ab1!' }), {
    name: 'InvalidPasswordException', message: 'Password did not conform with policy: Password not long enough',
  });
});

test('an unconfirmed user with the right password is sent to the confirmation', async () => {
  const number = phone();
  await signUp({ username: number, password });
  assert.deepEqual(await signIn({ username: number, password }), {
    isSignedIn: false, nextStep: { signInStep: 'CONFIRM_SIGN_UP' },
  });
  await assert.rejects(signIn({ username: number, password: otherPassword }), { name: 'NotAuthorizedException' });
});

test('without a password, where the pool offers a code as first factor', async () => {
  const pool = await makePool({
    settings: { Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'SMS_OTP'] } } },
  });
  await configure(pool);
  const number = phone();
  await signUp({ username: number, options: { autoSignIn: { authFlowType: 'USER_AUTH' } } });
  await confirmSignUp({ username: number, confirmationCode: await nextCode(number) });
  assert.equal((await autoSignIn()).isSignedIn, true);
});

test('a required attribute must be given (e-mail beside phone sign-up)', async () => {
  const pool = await makePool({ settings: { Schema: [{ Name: 'email', Required: true }] } });
  await configure(pool);
  const number = phone();
  await assert.rejects(signUp({ username: number, password }), {
    name: 'InvalidParameterException', message: /email: The attribute is required/,
  });
  const { nextStep } = await signUp({ username: number, password, options: { userAttributes: { email: email() } } });
  assert.equal(nextStep.codeDeliveryDetails.deliveryMedium, 'SMS');
});

test('a phone number as verification method of a chosen username', async () => {
  const pool = await makePool({
    settings: { UsernameAttributes: undefined, Schema: [{ Name: 'phone_number', Required: true }] },
  });
  await configure(pool);
  const [name, number] = [username(), phone()];
  await assert.rejects(signUp({ username: name, password }), {
    name: 'InvalidParameterException', message: /phone_number: The attribute is required/,
  });
  await signUp({ username: name, password, options: { userAttributes: { phone_number: number } } });
  await confirmSignUp({ username: name, confirmationCode: await nextCode(number) });
  assert.equal((await signIn({ username: name, password })).isSignedIn, true);
  assert.equal((await fetchUserAttributes()).phone_number_verified, 'true');
});

test('an e-mail address as username gets its code by mail', async () => {
  const pool = await makePool({ settings: { UsernameAttributes: ['email'], AutoVerifiedAttributes: ['email'] } });
  await configure(pool);
  const address = email();
  const { nextStep } = await signUp({ username: address, password });
  assert.deepEqual(nextStep.codeDeliveryDetails, {
    deliveryMedium: 'EMAIL', attributeName: 'email', destination: 'a***@e***',
  });
  assert.equal((await confirmSignUp({ username: address, confirmationCode: await nextCode(address) })).isSignUpComplete, true);
});

test.describe('a phone number as alias', () => {
  let pool;
  before(async () => { pool = await makePool({ settings: { AliasAttributes: ['phone_number'] } }); });

  const signUpWith = async (name, number) => {
    await configure(pool);
    await signUp({ username: name, password, options: { userAttributes: { phone_number: number } } });
    return nextCode(number);
  };

  test('signs in once it is verified', async () => {
    const [name, number] = [username(), phone()];
    await confirmSignUp({ username: name, confirmationCode: await signUpWith(name, number) });
    assert.equal((await signIn({ username: number, password })).isSignedIn, true);
    assert.equal((await tokens()).access.username, name);
  });

  test('belongs to the one who verified it, unless the move is forced', async () => {
    const [first, second, number] = [username(), username(), phone()];
    await confirmSignUp({ username: first, confirmationCode: await signUpWith(first, number) });
    const confirmationCode = await signUpWith(second, number);
    await assert.rejects(confirmSignUp({ username: second, confirmationCode }), {
      name: 'AliasExistsException', message: 'An account with the phone_number already exists.',
    });
    await confirmSignUp({ username: second, confirmationCode, options: { forceAliasCreation: true } });
    await signIn({ username: number, password });
    assert.equal((await tokens()).access.username, second);
  });

  test('a username may not look like one', async () => {
    await configure(pool);
    await assert.rejects(signUp({ username: phone(), password }), {
      name: 'InvalidParameterException',
      message: 'Username cannot be of phone number format, since user pool is configured for phone number alias.',
    });
  });
});
