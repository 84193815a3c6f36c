// Invented people. Each test takes fresh ones, so that no test depends on what another left behind.
import { randomInt } from 'node:crypto';

// Ten thousand numbers of +1 202 555 are shared by the test processes of one run: each gets a block of 200.
const blocks = 50;
const block = Number(process.env.COUNTERSIGN_BLOCK ?? randomInt(blocks));
let taken = 0;

/** A phone number in E.164 that no other test of this run uses. */
export function phone() {
  if (taken >= 10000 / blocks) throw new Error('this test process has used up its phone numbers');
  return `+1202555${String(block * (10000 / blocks) + taken++).padStart(4, '0')}`;
}

/** An e-mail address that no other test uses. */
export const email = () => `anna.${Date.now().toString(36)}${randomInt(1e9).toString(36)}@example.com`;

/** A username that is neither a phone number nor an e-mail address. */
export const username = () => `anna-${Date.now().toString(36)}${randomInt(1e9).toString(36)}`;

export const password = 'Corr3ct-Horse-Battery!';
export const otherPassword = 'An0ther-Horse-Battery?';
