'use strict';
// The contract of rules: function (user, context, callback), with configuration and auth0 beside it.
const p = require('./primordials.cjs');
const { current, loading, command } = require('./call.cjs');
const { fail, answerRule, withCallback, guarded } = require('./end.cjs');

class UnauthorizedError extends Error {
  constructor(message, description) {
    super(message);
    this.name = 'UnauthorizedError';
    this.code = 'unauthorized';
    if (description !== undefined) this.description = description;
  }
}

// ofCall is the call that asks, or an error: these globals mean nothing outside of one.
function ofCall(name) {
  const call = current();
  if (call === undefined || call === loading || call.done) throw new p.Error(`${name} is there only while the rule runs`);
  return call;
}

// update keeps what a rule wants to change of its user, for the end of the sign-in.
const update = (name) => async (id, values) => {
  const call = ofCall(`auth0.users.${name}`);
  const user = call.input.body && call.input.body.user;
  if (!user || id !== call.user) throw new p.Error(`auth0.users.${name} changes the user who signs in, and no other`);
  command(call, `users.${name}`, [values]);
  return user;
};

const globals = { UnauthorizedError, auth0: { users: { updateUserMetadata: update('updateUserMetadata'), updateAppMetadata: update('updateAppMetadata') } } };

// define adds what differs from call to call.
function define() {
  p.defineProperty(globalThis, 'configuration', { __proto__: null, configurable: true, enumerable: true, get: () => ofCall('configuration').configuration });
}

function run(call, module) {
  const { body, secrets } = call.input;
  const f = module.exports;
  if (typeof f !== 'function') {
    fail('rule', call, 'HookInvalid', new p.Error('The script is no function: a rule is function (user, context, callback) { … }'));
    return;
  }
  const user = body && body.user;
  const context = body && body.context;
  call.user = user && user.user_id;
  call.configuration = guarded(call, secrets, 'configuration');
  withCallback('rule', call, f, [user, context], (u, c) => answerRule(call, u === undefined ? user : u, c === undefined ? context : c));
}

module.exports = { globals, define, run };
