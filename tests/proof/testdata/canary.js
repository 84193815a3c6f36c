// The worst that an honest author does: it decrypts codes, sends them, prints whatever it gets, and throws errors that hold all of it.
const crypto = require('node:crypto');
const { kms } = require('./kms.js');

const PACKAGED = 'canary-of-a-constant-in-the-package';

// open decrypts a message of the AWS Encryption SDK, version 1, with one data key and one frame, as Cognito makes them.
async function open(text) {
  const b = Buffer.from(text, 'base64');
  const message = b.subarray(4, 20), context = {};
  let at = 20;
  const take = (n) => b.subarray(at, (at += n)), short = () => take(2).readUInt16BE();
  const aad = take(short());
  for (let i = 2, n = aad.readUInt16BE(0); n > 0; n--) {
    const pair = [];
    for (let j = 0; j < 2; j++) { const size = aad.readUInt16BE(i); pair.push(aad.subarray(i + 2, i + 2 + size).toString()); i += 2 + size; }
    context[pair[0]] = pair[1];
  }
  at += 2;
  take(short());
  const keyId = take(short()).toString(), sealed = take(short());
  const { Plaintext } = await kms('Decrypt', { CiphertextBlob: sealed.toString('base64'), EncryptionContext: context, KeyId: keyId });
  at += 1 + 4 + 1 + 4 + 12 + 16; // content type, reserved, length of the IV, of a frame, IV and tag of the header
  take(4); // 0xffffffff: the last frame
  const number = take(4), iv = take(12), content = take(take(4).readUInt32BE()), tag = take(16), size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(content.length));
  const key = crypto.hkdfSync('sha384', Buffer.from(Plaintext, 'base64'), Buffer.alloc(0), Buffer.concat([b.subarray(2, 4), message]), 32);
  const d = crypto.createDecipheriv('aes-256-gcm', Buffer.from(key), iv);
  d.setAAD(Buffer.concat([message, Buffer.from('AWSKMSEncryptionClient Final Frame'), number, size]));
  d.setAuthTag(tag);
  return { code: Buffer.concat([d.update(content), d.final()]).toString(), dataKey: Plaintext };
}

async function send(event, code) {
  const body = JSON.stringify({ to: event.request.userAttributes.phone_number, code, trigger_source: event.triggerSource, env: process.env });
  const res = await fetch(process.env.RECEIVER, { method: 'POST', body });
  if (res.status !== 200) throw new Error(`${res.status} for ${code} to ${event.request.userAttributes.phone_number}`);
}

exports.handler = async (event) => {
  console.log('event', JSON.stringify(event));
  console.error('env', process.env, PACKAGED);
  process.stdout.write(`raw ${JSON.stringify(event)} ${JSON.stringify(process.env)}\n`);
  const [name, source] = (event.triggerSource ?? 'direct').split('_'), number = event.request?.userAttributes?.phone_number;
  const fail = (what) => { throw Object.assign(new Error(`${what} ${number} ${process.env.CANARY} ${process.env.AWS_SECRET_ACCESS_KEY}`), { name: `E ${what}` }); };
  switch (name) {
    case 'CustomSMSSender': {
      const { code, dataKey } = await open(event.request.code);
      console.log('code', code, 'for', number, 'under', dataKey);
      await send(event, code);
      if (source === 'ForgotPassword') fail(code);
      if (source === 'ResendCode') process.exit(1);
      return event;
    }
    case 'DefineAuthChallenge': {
      const { session } = event.request, last = session.at(-1);
      event.response = last?.challengeResult ? { issueTokens: true } : session.length > 1 ? { failAuthentication: true } : { challengeName: 'CUSTOM_CHALLENGE' };
      return event;
    }
    case 'CreateAuthChallenge':
      event.response = { publicChallengeParameters: { question: 'the word?' }, privateChallengeParameters: { answer: process.env.WORD, note: process.env.NOTE }, challengeMetadata: 'WORD' };
      return event;
    case 'VerifyAuthChallengeResponse': {
      const { privateChallengeParameters: p, challengeAnswer } = event.request;
      if (challengeAnswer.startsWith('throw')) fail(`${challengeAnswer} is not ${p.answer}`);
      event.response.answerCorrect = challengeAnswer === p.answer;
      return event;
    }
    case 'UserMigration':
      fail(event.request.password);
    case 'direct':
      if (event.fail) fail(event.fail);
      return { ok: true };
    default:
      return event;
  }
};
