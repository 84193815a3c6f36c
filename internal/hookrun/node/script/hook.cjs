'use strict';
// The contract of the hook send-phone-message: module.exports = function (recipient, text, context, cb). The checks, their order and their words are
// the platform's, since its error messages are what people search for.
const p = require('./primordials.cjs');
const { fail, answerHook, withCallback, guarded } = require('./end.cjs');

class ExtensibilityUserError extends Error {
  constructor(message) {
    super(message);
    this.name = this.constructor.name;
  }
}

class SendPhoneMessageError extends ExtensibilityUserError {
  constructor(message, friendlyMessage) {
    super(message);
    this.friendlyMessage = friendlyMessage || message;
  }
}

const globals = { ExtensibilityUserError, SendPhoneMessageError };
const isObject = (v) => typeof v === 'object' && v !== null;

// unauthorized tells whether the request lacks the bearer token that the secret auth0-extension-secret asks for.
function unauthorized(headers, secrets) {
  const want = secrets['auth0-extension-secret'];
  if (!want) return false;
  const got = p.trim(typeof headers.authorization === 'string' ? headers.authorization : '');
  return p.lower(p.slice(got, 0, 7)) !== 'bearer ' || p.slice(got, 7) !== want;
}

// wrongMember names the first member of the body that has another form than the contract's, or is empty.
function wrongMember(body) {
  if (!isObject(body)) return 'Body received by extensibility point is not an object';
  const wrong = (name, form) => `Body.${name} received by extensibility point is not ${form || 'a string'}`;
  if (typeof body.recipient !== 'string') return wrong('recipient');
  if (typeof body.text !== 'string') return wrong('text');
  const c = body.context;
  if (!isObject(c)) return wrong('context', 'an object');
  if (c.message_type !== 'sms' && c.message_type !== 'voice') return wrong('context.message_type', '`sms` or `voice`');
  if (c.action !== 'enrollment' && c.action !== 'second-factor-authentication') {
    return wrong('context.action', '`enrollment` or `second-factor-authentication`');
  }
  const strings = ['language', 'code', 'ip', 'user_agent'];
  for (let i = 0; i < strings.length; i++) {
    if (typeof c[strings[i]] !== 'string') return wrong(`context.${strings[i]}`);
  }
  if (c.client !== undefined) {
    if (!isObject(c.client)) return wrong('context.client', 'an object');
    if (typeof c.client.client_id !== 'string') return wrong('context.client.client_id');
    if (typeof c.client.name !== 'string') return wrong('context.client.name');
    if (c.client.client_metadata !== undefined && typeof c.client.client_metadata !== 'object') return wrong('context.client.client_metadata', 'an object');
  }
  if (typeof c.user !== 'object') return wrong('context.user', 'an object');
  return '';
}

function run(call, module) {
  const { body, secrets, headers } = call.input;
  if (unauthorized(headers, secrets)) {
    const error = new p.Error('Unauthorized extensibility point');
    p.defineProperty(error, 'statusCode', { __proto__: null, value: 500, enumerable: true, configurable: true, writable: true });
    fail('hook', call, 'Refused', error);
    return;
  }
  const wrong = wrongMember(body);
  if (wrong) {
    fail('hook', call, 'Refused', new p.Error(wrong));
    return;
  }
  const f = module.exports;
  if (typeof f !== 'function') {
    fail('hook', call, 'HookInvalid', new p.Error('The script exports no function: module.exports must be function (recipient, text, context, cb)'));
    return;
  }
  const webtask = {
    secrets: guarded(call, secrets, 'context.webtask.secrets'), headers, body, meta: {}, params: {}, query: {},
    data: guarded(call, { ...secrets }, 'context.webtask.data'),
  };
  p.defineProperty(body.context, 'webtask', { __proto__: null, value: webtask, enumerable: true, configurable: true, writable: true });
  withCallback('hook', call, f, [body.recipient, body.text, body.context], (value) => answerHook(call, value));
}

module.exports = { globals, run };
