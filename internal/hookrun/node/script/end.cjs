'use strict';
// How a call ends, in each contract: with an envelope for hooks, with data for rules, with nothing but its commands for actions.
const p = require('./primordials.cjs');
const { finish, failed, errorEnvelope, toError, warn, get, text, quote, maxAnswer } = require('./call.cjs');

const maxData = 256 << 10; // what a rule hands on

// fail ends a call with a failure of ours. What the code itself said (Refused) keeps its own name in the envelope.
// shown, if given, is the error of the envelope.
function fail(kind, call, failure, value, shown) {
  if (call.done) return false;
  const error = toError(value);
  const envelope = kind === 'hook' ? `"envelope":${errorEnvelope(call, shown || error, failure === 'Refused' ? '' : failure)},` : '';
  return finish(call, `${envelope}"error":${failed(failure, error, value)},`);
}

// late says of a call that has ended what came after.
function late(call, what, value) {
  if (!call.done) return;
  warn(call, `${what}: ${text(get(toError(value), 'message'), 300)}`);
}

// answerHook ends a hook's call with what it gave its callback.
function answerHook(call, value) {
  let envelope;
  try {
    envelope = p.stringify({ __proto__: null, statusCode: 200, headers: { __proto__: null }, status: 'success', data: value });
  } catch {
    fail('hook', call, 'Refused', new p.Error('Error when JSON serializing the result of the extension point'));
    return;
  }
  if (envelope.length > maxAnswer) {
    warn(call, `the callback's result was left out: ${envelope.length} characters are more than ${maxAnswer}`);
    envelope = '{"statusCode":200,"headers":{},"status":"success"}';
  }
  finish(call, `"envelope":${envelope},`);
}

// answerRule ends a rule's call with the user and context that go to the next one.
function answerRule(call, user, context) {
  let data;
  try {
    const first = p.stringify(user);
    const second = p.stringify(context);
    data = `{"user":${first === undefined ? 'null' : first},"context":${second === undefined ? 'null' : second}}`;
  } catch (e) {
    fail('rule', call, 'HookThrew', new p.Error(`the user and context cannot be written as JSON: ${text(get(e, 'message'), 300)}`));
    return;
  }
  if (data.length > maxData) {
    fail('rule', call, 'HookCrashed', new p.Error(`the user and context have ${data.length} characters, more than ${maxData}`));
    return;
  }
  finish(call, `"data":${data},`);
}

// settle follows what the code returned, if it is a promise.
async function settle(value, kept, broken) {
  try {
    await value;
  } catch (e) {
    broken(e);
    return;
  }
  kept();
}

function isThenable(value) {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && typeof get(value, 'then') === 'function';
}

// withCallback runs code that answers by a callback, which it must call once.
function withCallback(kind, call, f, args, answered) {
  let answers = 0;
  args[args.length] = function callback(error, first, second) {
    if (answers++ > 0) {
      if (answers === 2) warn(call, 'the callback was called a second time; the first call counts');
      return;
    }
    if (call.done) return;
    if (error) fail(kind, call, 'Refused', error);
    else answered(first, second);
  };
  call.begun = true;
  let returned;
  try {
    returned = p.apply(f, undefined, args);
  } catch (e) {
    if (!fail(kind, call, 'HookThrew', e)) late(call, 'it threw after its callback', e);
    return;
  }
  if (!isThenable(returned)) return;
  settle(returned, () => { call.returned = true; }, (e) => {
    if (!fail(kind, call, 'HookRejected', e)) late(call, 'its promise was rejected after its callback', e);
  });
}

// guarded are secrets that warn when code asks for one that is not there: a mistyped name is the commonest mistake, and says nothing otherwise.
function guarded(call, values, what) {
  const asked = { __proto__: null };
  return new p.Proxy(values, {
    __proto__: null,
    get(target, name) {
      if (typeof name === 'string' && !(name in target) && name !== 'toJSON' && name !== 'then' && !(name in asked)) {
        asked[name] = true;
        if (!call.done) warn(call, `${what}.${text(name, 128)} was read, but is not set`);
      }
      return target[name];
    },
  });
}

module.exports = p.freeze({ __proto__: null, fail, late, answerHook, answerRule, settle, isThenable, withCallback, guarded, quote });
