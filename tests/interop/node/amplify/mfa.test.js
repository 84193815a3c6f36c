// Amplify v6: second factors.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  confirmSignIn, fetchMFAPreference, setUpTOTP, signIn, signOut, updateMFAPreference, verifyTOTPSetup,
} from 'aws-amplify/auth';
import { configure, resend, tokens } from '../lib/amplify.js';
import { firstOf, next, nextCode, wrong } from '../lib/inbox.js';
import { makePool, makeUser } from '../lib/pools.js';
import { email, password, phone } from '../lib/people.js';
import { totp } from '../lib/totp.js';

const factors = {
  SoftwareTokenMfaConfiguration: { Enabled: true },
  EmailMfaConfiguration: { Message: 'Your code is {####}.', Subject: 'Your code' },
};
const done = { isSignedIn: true, nextStep: { signInStep: 'DONE' } };
const wrongCode = { name: 'CodeMismatchException', message: 'Invalid code or auth state for the user.' };

/** Signs a fresh user in, sets what `prepare` sets, and signs out again. */
async function userOf(pool, prepare = async () => {}) {
  await configure(pool);
  const user = await makeUser(pool, { phone: phone(), email: email() });
  assert.deepEqual(await signIn({ username: user.phone, password }), done);
  const more = await prepare(user);
  await signOut();
  return { ...user, ...more };
}

async function enrolTotp() {
  const { sharedSecret, getSetupUri } = await setUpTOTP();
  assert.match(getSetupUri('Countersign').toString(), /^otpauth:\/\/totp\/Countersign:/);
  await verifyTOTPSetup({ code: totp(sharedSecret, -1) });
  return { secret: sharedSecret };
}

const signInWithPassword = user => signIn({ username: user.phone, password });

test.describe('MFA optional', () => {
  let pool;
  before(async () => { pool = await makePool({ mfa: { MfaConfiguration: 'OPTIONAL', ...factors } }); });

  test('nobody is asked who did not choose it', async () => {
    await userOf(pool, async () => {
      assert.deepEqual(await fetchMFAPreference(), { enabled: undefined, preferred: undefined });
    });
  });

  test('SMS: the code of the text completes the sign-in', async () => {
    const user = await userOf(pool, async () => {
      await updateMFAPreference({ sms: 'PREFERRED' });
      assert.deepEqual(await fetchMFAPreference(), { enabled: ['SMS'], preferred: 'SMS' });
    });
    assert.deepEqual(await signInWithPassword(user), {
      isSignedIn: false,
      nextStep: {
        signInStep: 'CONFIRM_SIGN_IN_WITH_SMS_CODE',
        codeDeliveryDetails: { deliveryMedium: 'SMS', destination: `+*******${user.phone.slice(-4)}` },
      },
    });
    const text = await next(user.phone, m => m.code);
    assert.match(text.code, /^\d{6}$/);
    assert.equal(text.text, `Your code is ${text.code}.`, "the pool's own wording");
    await assert.rejects(confirmSignIn({ challengeResponse: wrong(text.code) }), wrongCode);
    assert.deepEqual(await confirmSignIn({ challengeResponse: text.code }), done);
  });

  test('SMS after USER_PASSWORD_AUTH', async () => {
    const user = await userOf(pool, () => updateMFAPreference({ sms: 'ENABLED' }));
    await signIn({ username: user.phone, password, options: { authFlowType: 'USER_PASSWORD_AUTH' } });
    assert.deepEqual(await confirmSignIn({ challengeResponse: await nextCode(user.phone) }), done);
  });

  test('SMS: another code inside the sign-in, which is no try', async () => {
    const user = await userOf(pool, () => updateMFAPreference({ sms: 'ENABLED' }));
    const first = await signInWithPassword(user);
    await nextCode(user.phone);
    assert.deepEqual(await confirmSignIn(resend), first, 'the same challenge again');
    assert.deepEqual(await confirmSignIn({ challengeResponse: await nextCode(user.phone) }), done);
  });

  test('TOTP, enrolled by token', async () => {
    const user = await userOf(pool, async () => {
      const enrolled = await enrolTotp();
      await updateMFAPreference({ totp: 'PREFERRED' });
      return enrolled;
    });
    assert.deepEqual(await signInWithPassword(user), {
      isSignedIn: false, nextStep: { signInStep: 'CONFIRM_SIGN_IN_WITH_TOTP_CODE' },
    });
    const code = totp(user.secret);
    await assert.rejects(confirmSignIn({ challengeResponse: wrong(code) }), { name: 'CodeMismatchException' });
    assert.deepEqual(await confirmSignIn({ challengeResponse: code }), done);
  });

  test('TOTP: a wrong first code does not enrol', async () => {
    await userOf(pool, async () => {
      const { sharedSecret } = await setUpTOTP();
      await assert.rejects(verifyTOTPSetup({ code: wrong(totp(sharedSecret)) }), { name: 'EnableSoftwareTokenMFAException' });
      await assert.rejects(updateMFAPreference({ totp: 'ENABLED' }), {
        name: 'InvalidParameterException',
        message: 'User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA',
      });
    });
  });

  test('e-mail', async () => {
    const user = await userOf(pool, () => updateMFAPreference({ email: 'PREFERRED' }));
    const { nextStep } = await signInWithPassword(user);
    assert.deepEqual(nextStep, {
      signInStep: 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE',
      codeDeliveryDetails: { deliveryMedium: 'EMAIL', destination: 'a***@e***' },
    });
    assert.deepEqual(await confirmSignIn({ challengeResponse: await nextCode(user.email) }), done);
  });

  test('e-mail: another code inside the sign-in', async () => {
    const user = await userOf(pool, () => updateMFAPreference({ email: 'PREFERRED' }));
    const first = await signInWithPassword(user);
    await nextCode(user.email);
    assert.deepEqual(await confirmSignIn(resend), first);
    assert.deepEqual(await confirmSignIn({ challengeResponse: await nextCode(user.email) }), done);
  });

  for (const choice of ['SMS', 'TOTP', 'EMAIL']) {
    test(`several without a preference: the user chooses ${choice}`, async () => {
      const user = await userOf(pool, async () => {
        const enrolled = await enrolTotp();
        await updateMFAPreference({ sms: 'ENABLED', totp: 'ENABLED', email: 'ENABLED' });
        assert.deepEqual((await fetchMFAPreference()).enabled.sort(), ['EMAIL', 'SMS', 'TOTP']);
        return enrolled;
      });
      const { nextStep } = await signInWithPassword(user);
      assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION');
      assert.deepEqual([...nextStep.allowedMFATypes].sort(), ['EMAIL', 'SMS', 'TOTP']);
      const chosen = await confirmSignIn({ challengeResponse: choice });
      assert.equal(chosen.nextStep.signInStep, `CONFIRM_SIGN_IN_WITH_${choice}_CODE`);
      const code = { SMS: () => nextCode(user.phone), EMAIL: () => nextCode(user.email), TOTP: () => totp(user.secret) };
      assert.deepEqual(await confirmSignIn({ challengeResponse: await code[choice]() }), done);
    });
  }

  test('several with a preference: the preferred one is asked', async () => {
    const user = await userOf(pool, async () => {
      await enrolTotp();
      await updateMFAPreference({ sms: 'PREFERRED', totp: 'ENABLED' });
    });
    assert.equal((await signInWithPassword(user)).nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  });

  test('a factor that is switched off is not asked any more, and the owner is told', async () => {
    const user = await userOf(pool, () => updateMFAPreference({ sms: 'PREFERRED' }));
    await signInWithPassword(user);
    await confirmSignIn({ challengeResponse: await nextCode(user.phone) });
    await updateMFAPreference({ sms: 'DISABLED' });
    assert.deepEqual(await fetchMFAPreference(), { enabled: undefined, preferred: undefined });
    await next(user.phone, m => !m.code);
    await next(user.email, m => !m.code);
    await signOut();
    assert.deepEqual(await signInWithPassword(user), done);
  });

  test('switching one factor leaves the others as they are', async () => {
    await userOf(pool, async () => {
      await enrolTotp();
      await updateMFAPreference({ totp: 'PREFERRED' });
      await updateMFAPreference({ sms: 'ENABLED' });
      const { enabled, preferred } = await fetchMFAPreference();
      assert.deepEqual(enabled.sort(), ['SMS', 'TOTP']);
      assert.equal(preferred, 'TOTP');
    });
  });
});

test.describe('MFA required', () => {
  test('a phone number is enough: its owner gets a text without having chosen', async () => {
    const pool = await makePool({ mfa: { MfaConfiguration: 'ON', ...factors } });
    await configure(pool);
    const user = await makeUser(pool, { phone: phone() });
    assert.equal((await signInWithPassword(user)).nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
    assert.deepEqual(await confirmSignIn({ challengeResponse: await nextCode(user.phone) }), done);
    assert.equal((await tokens()).id.phone_number_verified, true);
  });

  // Without SMS as a factor, a user who has nothing else must set something up to get in.
  const withoutSms = async more => {
    const pool = await makePool({ mfa: { MfaConfiguration: 'ON', SmsMfaConfiguration: undefined, ...more } });
    await configure(pool);
    return makeUser(pool, { phone: phone() });
  };

  test('TOTP is set up inside the sign-in', async () => {
    const user = await withoutSms({ SoftwareTokenMfaConfiguration: { Enabled: true } });
    const { nextStep } = await signInWithPassword(user);
    assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
    const { sharedSecret } = nextStep.totpSetupDetails;
    assert.deepEqual(await confirmSignIn({ challengeResponse: totp(sharedSecret, -1) }), done);
    await signOut();
    assert.equal((await signInWithPassword(user)).nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    assert.deepEqual(await confirmSignIn({ challengeResponse: totp(sharedSecret) }), done);
  });

  test('of several the user chooses TOTP', async () => {
    const user = await withoutSms(factors);
    const { nextStep } = await signInWithPassword(user);
    assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION');
    assert.deepEqual([...nextStep.allowedMFATypes].sort(), ['EMAIL', 'TOTP']);
    const chosen = await confirmSignIn({ challengeResponse: 'TOTP' });
    assert.equal(chosen.nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
    assert.deepEqual(
      await confirmSignIn({ challengeResponse: totp(chosen.nextStep.totpSetupDetails.sharedSecret) }), done);
  });

  test('of several the user chooses e-mail', async () => {
    const [user, address] = [await withoutSms(factors), email()];
    await signInWithPassword(user);
    const chosen = await confirmSignIn({ challengeResponse: 'EMAIL' });
    assert.equal(chosen.nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
    const { nextStep } = await confirmSignIn({ challengeResponse: address });
    assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
    assert.deepEqual(await confirmSignIn({ challengeResponse: await nextCode(address) }), done);
    assert.equal((await tokens()).id.email, address);
  });
});

test('setting up SMS MFA sends the test message, to a reserved number', async () => {
  const sent = await firstOf(await makePool({ mfa: { MfaConfiguration: 'OPTIONAL' } }));
  assert.equal(sent.channel, 'sms');
  assert.equal(sent.code, '', 'nothing to sign in with');
});
