// Amplify v6: what a signed-in user changes, recovery, and leaving.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import {
  confirmResetPassword, confirmUserAttribute, deleteUser, deleteUserAttributes, fetchUserAttributes, resetPassword,
  sendUserAttributeVerificationCode, signIn, signOut, updatePassword, updateUserAttribute, updateUserAttributes,
} from 'aws-amplify/auth';
import { configure } from '../lib/amplify.js';
import { messages, next, nextCode, wrong } from '../lib/inbox.js';
import { makePool, makeUser } from '../lib/pools.js';
import { email, otherPassword, password, phone } from '../lib/people.js';

const done = { isSignedIn: true, nextStep: { signInStep: 'DONE' } };
let pool, user;

async function signedIn(p) {
  await configure(p);
  const made = await makeUser(p, { phone: phone(), email: email() });
  assert.deepEqual(await signIn({ username: made.phone, password }), done);
  return made;
}

before(async () => { pool = await makePool({ settings: { AutoVerifiedAttributes: ['phone_number', 'email'] } }); });
beforeEach(async () => { user = await signedIn(pool); });

test.describe('password', () => {
  test('is changed by who knows it, and the owner is told', async () => {
    await updatePassword({ oldPassword: password, newPassword: otherPassword });
    await next(user.phone, m => !m.code);
    await next(user.email, m => !m.code);
    await signOut();
    await assert.rejects(signIn({ username: user.phone, password }), { name: 'NotAuthorizedException' });
    assert.deepEqual(await signIn({ username: user.phone, password: otherPassword }), done);
  });

  test('is not changed by who does not', async () => {
    await assert.rejects(updatePassword({ oldPassword: otherPassword, newPassword: otherPassword }), {
      name: 'NotAuthorizedException', message: 'Incorrect username or password.',
    });
  });

  test('is reset with a code sent to the phone', async () => {
    await signOut();
    const { isPasswordReset, nextStep } = await resetPassword({ username: user.phone });
    assert.equal(isPasswordReset, false);
    assert.deepEqual(nextStep, {
      resetPasswordStep: 'CONFIRM_RESET_PASSWORD_WITH_CODE',
      codeDeliveryDetails: {
        deliveryMedium: 'SMS', attributeName: 'phone_number', destination: `+*******${user.phone.slice(-4)}`,
      },
    });
    const text = await next(user.phone);
    assert.equal(text.trigger_source, 'CustomSMSSender_ForgotPassword');
    const reset = confirmationCode =>
      confirmResetPassword({ username: user.phone, confirmationCode, newPassword: otherPassword });
    await assert.rejects(reset(wrong(text.code)), {
      name: 'CodeMismatchException', message: 'Invalid verification code provided, please try again.',
    });
    await reset(text.code);
    assert.deepEqual(await signIn({ username: user.phone, password: otherPassword }), done);
    await signOut();
    await assert.rejects(reset(text.code), {
      name: 'ExpiredCodeException', message: 'Invalid code provided, please request a code again.',
    });
  });
});

test.describe('attributes', () => {
  test('a plain one is changed at once', async () => {
    assert.deepEqual(await updateUserAttributes({ userAttributes: { name: 'Anna' } }), {
      name: { isUpdated: true, nextStep: { updateAttributeStep: 'DONE' } },
    });
    assert.equal((await fetchUserAttributes()).name, 'Anna');
    await deleteUserAttributes({ userAttributeKeys: ['name'] });
    assert.equal((await fetchUserAttributes()).name, undefined);
  });

  test('a new number counts at once, and is verified by a code sent to it; the old one is told', async () => {
    const number = phone();
    const changed = await updateUserAttribute({ userAttribute: { attributeKey: 'phone_number', value: number } });
    assert.deepEqual(changed, {
      isUpdated: false,
      nextStep: {
        updateAttributeStep: 'CONFIRM_ATTRIBUTE_WITH_CODE',
        codeDeliveryDetails: {
          deliveryMedium: 'SMS', attributeName: 'phone_number', destination: `+*******${number.slice(-4)}`,
        },
      },
    });
    const now = await fetchUserAttributes();
    assert.equal(now.phone_number, number);
    assert.equal(now.phone_number_verified, 'false');
    await next(user.phone, m => !m.code);

    const text = await next(number);
    assert.equal(text.trigger_source, 'CustomSMSSender_UpdateUserAttribute');
    const confirm = confirmationCode => confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode });
    await assert.rejects(confirm(wrong(text.code)), { name: 'CodeMismatchException' });
    await confirm(text.code);
    assert.equal((await fetchUserAttributes()).phone_number_verified, 'true');
    await signOut();
    assert.deepEqual(await signIn({ username: number, password }), done);
    await signOut();
    await assert.rejects(signIn({ username: user.phone, password }), { name: 'UserNotFoundException' });
  });

  test('with verification before update, the old number counts until the new one is verified', async () => {
    const careful = await makePool({
      settings: { UserAttributeUpdateSettings: { AttributesRequireVerificationBeforeUpdate: ['phone_number'] } },
    });
    user = await signedIn(careful);
    const number = phone();
    await updateUserAttributes({ userAttributes: { phone_number: number } });
    const before = await fetchUserAttributes();
    assert.equal(before.phone_number, user.phone);
    assert.equal(before.phone_number_verified, 'true');
    await confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode: await nextCode(number) });
    const after = await fetchUserAttributes();
    assert.equal(after.phone_number, number);
    assert.equal(after.phone_number_verified, 'true');
    await next(user.phone, m => !m.code);
  });

  test('a verification code can be asked for again', async () => {
    const address = email();
    await updateUserAttributes({ userAttributes: { email: address } });
    await nextCode(address);
    assert.deepEqual(await sendUserAttributeVerificationCode({ userAttributeKey: 'email' }), {
      deliveryMedium: 'EMAIL', attributeName: 'email', destination: 'a***@e***',
    });
    await confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: await nextCode(address) });
    assert.equal((await fetchUserAttributes()).email_verified, 'true');
  });

  test("nobody verifies a number by saying so", async () => {
    await assert.rejects(updateUserAttributes({ userAttributes: { phone_number_verified: 'true' } }), {
      name: 'NotAuthorizedException',
    });
  });

  test("another user's sign-in name cannot be taken", async () => {
    const other = await makeUser(pool, { phone: phone() });
    await assert.rejects(updateUserAttributes({ userAttributes: { phone_number: other.phone } }), {
      name: 'AliasExistsException',
    });
    assert.deepEqual(await messages(other.phone), [], 'its owner is not bothered');
  });
});

test('a user leaves', async () => {
  await deleteUser();
  await assert.rejects(signIn({ username: user.phone, password }), { name: 'UserNotFoundException' });
  await makeUser(pool, { phone: user.phone }); // the number is free again
});
