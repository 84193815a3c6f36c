'use strict';
// The contracts of actions: exports.onExecute… = async (event, api). What an action does to its api is noted and done by the server.
const p = require('./primordials.cjs');
const { command, finish, text, get } = require('./call.cjs');
const { fail, late, settle, isThenable, guarded } = require('./end.cjs');
const { cacheOf } = require('./cache.cjs');

const handlers = p.freeze({
  __proto__: null,
  'send-phone-message': 'onExecuteSendPhoneMessage',
  'custom-phone-provider': 'onExecuteCustomPhoneProvider',
  'post-login': 'onExecutePostLogin',
});
const maxReason = 1024;
const factors = p.freeze({ __proto__: null, phone: true, otp: true, email: true, 'recovery-code': true });
const providers = p.freeze({ __proto__: null, any: true, guardian: true, 'google-authenticator': true, none: true });

// unsupported are methods that the platform has and this server has not: they say so by name, where silence would be taken for success.
function unsupported(api, part, names) {
  for (let i = 0; i < names.length; i++) {
    const name = `api.${part}.${names[i]}`;
    api[names[i]] = () => {
      const e = new p.Error(`${name} is not supported here`);
      e.code = 'not_supported';
      throw e;
    };
  }
  return api;
}

function needText(name, value, what) {
  if (typeof value !== 'string' || value === '') throw new p.TypeError(`${name}: ${what} must be a string`);
  return value;
}

function notification(call, api) {
  const tell = (name) => (reason) => {
    command(call, `notification.${name}`, [text(reason, maxReason)]);
    return api;
  };
  return { drop: tell('drop'), retry: tell('retry') };
}

// challenge asks for one of these factors. The platform passes over factors that a tenant has not; without any other the sign-in would end in nothing.
function challenge(call, api, name, list) {
  const types = [];
  for (let i = 0; i < list.length; i++) {
    const type = get(list[i], 'type');
    if (typeof type === 'string' && factors[type]) types[types.length] = type;
  }
  if (types.length === 0) throw new p.Error(`${name}: none of these factors is supported here (phone, otp, email, recovery-code are)`);
  for (let i = 0; i < types.length; i++) command(call, 'authentication.challengeWith', [types[i]]);
  return api;
}

function listOf(value) {
  const list = [];
  const n = value && typeof value === 'object' ? get(value, 'length') : 0;
  for (let i = 0; i < n && i < 20; i++) list[i] = value[i];
  return list;
}

function postLogin(call, api) {
  const set = (name) => (key, value) => {
    command(call, name, [needText(`api.${name}`, key, 'the name'), value]);
    return api;
  };
  api.access = { deny: (reason) => (command(call, 'access.deny', [text(reason, maxReason)]), api) };
  api.idToken = { setCustomClaim: set('idToken.setCustomClaim') };
  api.accessToken = unsupported({ setCustomClaim: set('accessToken.setCustomClaim') }, 'accessToken', ['addScope', 'removeScope']);
  api.user = { setUserMetadata: set('user.setUserMetadata'), setAppMetadata: set('user.setAppMetadata') };
  api.multifactor = {
    enable(provider, options) {
      if (typeof provider !== 'string' || !providers[provider]) {
        throw new p.Error(`api.multifactor.enable: the provider ${text(provider, 50)} is not supported here (any, guardian, google-authenticator and none are)`);
      }
      const kept = { __proto__: null, allowRememberBrowser: get(options, 'allowRememberBrowser') === true, providers: listOf(get(options, 'providers')) };
      command(call, 'multifactor.enable', [provider, kept]);
      return api;
    },
  };
  api.authentication = unsupported({
    challengeWith(factor, options) {
      const list = listOf(get(options, 'additionalFactors'));
      list[list.length] = factor;
      return challenge(call, api, 'api.authentication.challengeWith', list);
    },
    challengeWithAny: (list) => challenge(call, api, 'api.authentication.challengeWithAny', listOf(list)),
  }, 'authentication', ['enrollWith', 'enrollWithAny', 'recordMethod', 'setPrimaryUser']);
  api.redirect = unsupported({ canRedirect: () => false }, 'redirect', ['sendUserTo', 'encodeToken', 'validateToken']);
  api.rules = { wasExecuted: () => false };
  api.prompt = unsupported({}, 'prompt', ['render']);
  api.session = unsupported({}, 'session', ['revoke', 'setMetadata', 'deleteMetadata', 'evictMetadata', 'setExpiresAt', 'setIdleExpiresAt', 'setCookieMode']);
  api.refreshToken = unsupported({}, 'refreshToken', ['revoke', 'setMetadata', 'deleteMetadata', 'evictMetadata', 'setExpiresAt', 'setIdleExpiresAt']);
  api.samlResponse = unsupported({}, 'samlResponse', ['setAttribute', 'setAudience', 'setDestination', 'setIssuer', 'setRecipient', 'setNameIdentifierFormat',
    'setNameIdentifierProbes', 'setLifetimeInSeconds', 'setSignResponse', 'setRelayState', 'setEncryptionCert', 'setEncryptionPublicKey', 'setCert', 'setKey']);
}

const run = (kind) => (call, module) => {
  const name = handlers[kind];
  const f = get(module.exports, name);
  if (typeof f !== 'function') {
    fail(kind, call, 'HookInvalid', new p.Error(`The script exports no function ${name}: exports.${name} = async (event, api) => { … }`));
    return;
  }
  const body = call.input.body;
  const event = typeof body === 'object' && body !== null ? body : {};
  p.defineProperty(event, 'secrets', {
    __proto__: null, value: guarded(call, call.input.secrets, 'event.secrets'), enumerable: true, configurable: true, writable: true,
  });
  const api = { cache: cacheOf(call) };
  if (kind === 'custom-phone-provider') api.notification = notification(call, api);
  if (kind === 'post-login') postLogin(call, api);
  call.begun = true;
  let returned;
  try {
    returned = p.apply(f, module.exports, [event, api]);
  } catch (e) {
    if (!fail(kind, call, 'Refused', e)) late(call, 'it threw after its end', e);
    return;
  }
  if (!isThenable(returned)) {
    finish(call, '');
    return;
  }
  settle(returned, () => finish(call, ''), (e) => fail(kind, call, 'Refused', e));
};

module.exports = { globals: {}, run };
