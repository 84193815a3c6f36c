'use strict';
// What is noted of a call while it runs, and the answer made of it. Every note is JSON text already, so that nobody can change it later.
const { AsyncLocalStorage } = require('node:async_hooks');
const p = require('./primordials.cjs');

const maxWarnings = 20;
const maxCommands = 256;
const maxCommandBytes = 64 << 10;
const maxText = 8 << 10;
const maxAnswer = 64 << 10; // of what a hook gives its callback, and of an error's envelope

// What is kept there can be found among Node's async resources, so it is a token of the call.
const calls = p.keep(new AsyncLocalStorage());
const tokens = new p.WeakMap();
// The calls at hand, a list linked both ways.
const open = { __proto__: null, first: null, count: 0 };

// current is the call that the running code belongs to: undefined for what belongs to none, loading for what the script did before any.
const current = () => {
  const token = p.storeOf(calls);
  return token === undefined || token === loading ? token : p.weakGet(tokens, token);
};
const loading = p.freeze({ __proto__: null, loading: true });
const only = () => (open.count === 1 ? open.first : undefined);

const quote = (text) => p.stringify(text);

// text makes a string of anything, at most limit characters long.
function text(value, limit) {
  let s = '';
  if (typeof value === 'string') s = value;
  else if (value !== undefined && value !== null) {
    try {
      s = p.String(value);
    } catch { /* it has no words */ }
  }
  return s.length > limit ? p.slice(s, 0, limit) : s;
}

// get reads a member of something that may be anything.
function get(value, name) {
  try {
    return value === undefined || value === null ? undefined : value[name];
  } catch {
    return undefined;
  }
}

function begin(id, input, send) {
  const call = {
    __proto__: null, id, input, send, token: p.freeze({ __proto__: null }), done: false, answered: false, begun: false, timer: undefined, console: '', printed: 0, dropped: false, requests: null, lastRequest: null,
    requestCount: 0, warnings: '', warned: 0, commands: '', commandCount: 0, changes: '', cache: undefined, configuration: undefined, returned: false,
    result: '', worn: false, next: open.first, before: null,
  };
  p.weakSet(tokens, call.token, call);
  if (open.first) open.first.before = call;
  open.first = call;
  open.count++;
  return call;
}

function forget(call) {
  if (call.before) call.before.next = call.next;
  else open.first = call.next;
  if (call.next) call.next.before = call.before;
  open.count--;
}

function warn(call, words) {
  if (call.warned >= maxWarnings) return;
  call.warned++;
  call.warnings += (call.warnings && ',') + quote(text(words, 500));
}

// command notes a call of an action's api. Its arguments are JSON from now on.
function command(call, name, args) {
  let list = '';
  for (let i = 0; i < args.length; i++) {
    const one = p.stringify(args[i]);
    list += (i ? ',' : '') + (one === undefined ? 'null' : one);
  }
  if (call.commandCount >= maxCommands || call.commands.length + list.length > maxCommandBytes) {
    throw new p.RangeError(`api.${name}: more than ${maxCommands} calls or ${maxCommandBytes} bytes in one execution`);
  }
  call.commandCount++;
  call.commands += (call.commands && ',') + `{"name":${quote(name)},"args":[${list}]}`;
}

// ownStack is a stack without the adapter's own lines: those above the code's are left out, those below it end it, with Node's between.
function ownStack(stack) {
  if (typeof stack !== 'string') return '';
  let out = '';
  let theirs = false;
  let ours = false;
  for (let at = 0; at < stack.length && out.length < maxText;) {
    let end = p.indexOf(stack, '\n', at);
    if (end < 0) end = stack.length;
    const line = p.slice(stack, at, end - at > maxText ? at + maxText : end);
    at = end + 1;
    if (p.slice(line, 0, 7) !== '    at ') {
      out += (out && '\n') + line;
    } else if (p.indexOf(line, __dirname) >= 0) {
      if (theirs) break;
      ours = true;
    } else if (p.indexOf(line, 'AsyncLocalStorage.run (node:') < 0 && !(ours && p.indexOf(line, 'node:') >= 0)) {
      theirs = true;
      out += '\n' + line;
    }
  }
  return out;
}

// toError is what the platform makes of what a callback got: an error as it is, anything else in a new one.
function toError(value) {
  try {
    if (value instanceof p.Error) return value;
  } catch { /* a proxy, perhaps */ }
  let message = get(value, 'message');
  if (!message) message = text(value, maxText) || 'Unknown error';
  return new p.Error(message);
}

function statusOf(value) {
  const response = get(value, 'response');
  const all = [get(value, 'statusCode'), get(value, 'status'), get(response, 'status'), get(response, 'statusCode')];
  for (let i = 0; i < all.length; i++) {
    if (typeof all[i] === 'number' && all[i] >= 100 && all[i] <= 999 && all[i] % 1 === 0) return all[i];
  }
  return 0;
}

// failed describes an error for the server. value is what the code gave, error what was made of it.
function failed(failure, error, value) {
  const code = get(value, 'code');
  const cause = text(get(get(error, 'cause'), 'message'), maxText); // fetch says nothing without it
  const message = text(get(error, 'message'), maxText) + (cause && `: ${cause}`);
  return `{"failure":${quote(failure)},"name":${quote(text(get(error, 'name'), 200))},"message":${quote(message)},` +
    `"code":${quote(typeof code === 'string' || typeof code === 'number' ? text(code, 200) : '')},"status":${statusOf(value)},` +
    `"stack":${quote(ownStack(get(error, 'stack')))}}`;
}

// errorEnvelope is the answer of a hook that failed: all that the error has of its own. Where that cannot be written as JSON, or is large, what can
// be said in a word is kept (the platform lost the message then).
function errorEnvelope(call, error, name) {
  const data = { __proto__: null };
  const small = { __proto__: null };
  let left = '';
  const names = p.getOwnPropertyNames(error);
  for (let i = 0; i < names.length; i++) {
    const key = names[i];
    const value = key === 'stack' ? ownStack(get(error, key)) : get(error, key);
    data[key] = value;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') small[key] = typeof value === 'string' ? text(value, maxText) : value;
    else left += (left && ', ') + key;
  }
  if (name) data.name = small.name = name;
  let why = 'it is larger than 64 KiB';
  try {
    const whole = p.stringify({ __proto__: null, status: 'error', data });
    if (whole.length <= maxAnswer) return whole;
  } catch (e) {
    why = text(get(e, 'message'), 200);
    const end = p.indexOf(why, '\n');
    if (end > 0) why = p.slice(why, 0, end);
  }
  warn(call, `the error could not be written as JSON as it is (${why}); left out: ${left}`);
  const status = statusOf(error);
  if (status && !('statusCode' in small) && !('status' in small)) small.statusCode = status;
  return p.stringify({ __proto__: null, status: 'error', data: small });
}

// finish ends a call once; false if it had ended before. It is answered a moment later, so that what follows at once (a second callback) is seen.
function finish(call, result) {
  if (call.done) return false;
  call.done = true;
  call.result = result;
  p.clearTimeout(call.timer);
  p.setImmediate(() => {
    forget(call);
    call.answered = true;
    call.send(answer(call), call.worn);
  });
  return true;
}

function answer(call) {
  let requests = '';
  for (let r = call.requests; r; r = r.next) {
    requests += (requests && ',') + `{"method":${quote(r.method)},"host":${quote(r.host)},"path":${quote(r.path)},"status":${r.status},` +
      `"error":${quote(r.error)},"ms":${(r.ended || p.clock()) - r.began}}`;
  }
  return `{${call.result}"begun":${call.begun},"console":${quote(call.console)},"warnings":[${call.warnings}],"commands":[${call.commands}],` +
    `"cache":[${call.changes}],"requests":[${requests}]}`;
}

module.exports = p.freeze({
  __proto__: null, calls, open, current, loading, only, begin, warn, command, finish, failed, errorEnvelope, toError, ownStack, text, get, quote, maxAnswer,
});
