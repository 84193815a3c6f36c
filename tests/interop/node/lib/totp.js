// An authenticator app: RFC 6238 with SHA-1, six digits and steps of 30 s.
import { createHmac } from 'node:crypto';

function base32(text) {
  let bits = '';
  for (const c of text.replace(/=+$/, '')) {
    const value = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c);
    if (value < 0) throw new Error('the secret is not base32');
    bits += value.toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)));
}

/** The code of a secret, `steps` steps of 30 s from now. A code works once: use the next step for a second sign-in. */
export function totp(secret, steps = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const mac = createHmac('sha1', base32(secret)).update(counter).digest();
  const at = mac[mac.length - 1] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, '0');
}
