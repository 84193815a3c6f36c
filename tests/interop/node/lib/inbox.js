// The phones and mailboxes of the simulator. Delivery comes after the answer, so a reader waits.
import { endpoint } from './env.js';

async function inbox(query = {}) {
  const res = await fetch(`${endpoint}/simulator/inbox?${new URLSearchParams(query)}`);
  if (!res.ok) throw new Error(`inbox answered ${res.status}: ${await res.text()}`);
  return res.json();
}

/** All messages to a number or address so far, oldest first. */
export const messages = to => inbox({ to });

/** The first message after the one with id `after` that fits `about`; waits until it arrives. */
async function first(what, query, about, after) {
  const end = Date.now() + 5000;
  while (Date.now() < end) {
    for (const m of await inbox({ ...query, ...(after && { after }), wait: '5s' })) {
      after = m.id;
      if (about(m)) return m;
    }
  }
  throw new Error(`waited 5 s for ${what}`);
}

const read = new Map(); // the last message of each recipient that was handed to a test

/**
 * The next message to `to` that no earlier call returned. `about` narrows it down for recipients that also get
 * notices; what does not fit is passed over.
 */
export async function next(to, about = () => true) {
  const m = await first(`a message to ${to}`, { to }, about, read.get(to));
  read.set(to, m.id);
  return m;
}

/** The code in the next message to `to` that holds one. */
export const nextCode = async to => (await next(to, m => m.code)).code;

/** The first message that a pool sent to anybody. */
export const firstOf = ({ poolId }) => first(`a message of ${poolId}`, {}, m => m.pool_id === poolId);

/** A code of the same length that is certainly wrong. */
export const wrong = code => code.replace(/\d$/, d => String((Number(d) + 1) % 10));
