// npm auth0, the current ManagementClient and that of version 3, unmodified: a tenant's phone factor is configured, hook and actions included.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { ManagementClient, ManagementError } from 'auth0';
import v3 from 'auth0-v3';
import { makeTenant, refused } from '../lib/auth0.js';

const credentials = { clientId: 'countersign-dev', clientSecret: 'countersign-dev-secret' };
const script = 'module.exports = function (recipient, text, context, cb) { cb(null, { to: recipient.length }); };';
const action = name => `exports.${name} = async (event, api) => { console.log(Object.keys(event.secrets).join()); };`;

let tenant, client, old;
before(async () => {
  tenant = await makeTenant({ factors: ['sms'] });
  client = new ManagementClient({ domain: tenant.domain, ...credentials });
  old = new v3.ManagementClient({ domain: tenant.domain, ...credentials });
});

const waitForBuild = async id => {
  for (let i = 0; i < 100; i++) {
    const { status, errors } = await client.actions.get(id);
    if (status === 'built') return;
    assert.notEqual(status, 'failed', JSON.stringify(errors));
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error('the action was not built');
};

test('7: hooks and their secrets', async () => {
  const hook = await client.hooks.create({ name: 'Phone seven', script, triggerId: 'send-phone-message', dependencies: {} });
  assert.match(hook.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.equal(hook.enabled, false);
  const { id } = hook;

  const page = await client.hooks.list({ triggerId: 'send-phone-message' });
  assert.ok(page.data.some(h => h.id === id && h.script === script));
  await client.hooks.secrets.create(id, { API_KEY: 's3cret', REGION: 'eu' });
  assert.deepEqual(await client.hooks.secrets.get(id), { API_KEY: '_VALUE_NOT_SHOWN_', REGION: '_VALUE_NOT_SHOWN_' });
  await client.hooks.secrets.update(id, { REGION: 'us' });
  await client.hooks.secrets.delete(id, ['REGION']);
  assert.deepEqual(Object.keys(await client.hooks.secrets.get(id)), ['API_KEY']);

  assert.equal((await client.hooks.update(id, { enabled: true })).enabled, true);
  assert.deepEqual(await client.hooks.get(id, { fields: 'id,name' }), { id, name: 'Phone seven' });
  const taken = await refused(client.hooks.create({ name: 'Phone seven', script, triggerId: 'send-phone-message' }));
  assert.ok(taken instanceof ManagementError);
  assert.equal(taken.statusCode, 409);
  const broken = await refused(client.hooks.update(id, { script: 'module.exports = function (' }));
  assert.equal(broken.statusCode, 400);
  assert.match(broken.message, /line 1, column/);
  assert.equal((await client.hooks.get(id)).script, script);
  await client.hooks.delete(id);
  assert.equal((await refused(client.hooks.get(id))).statusCode, 404);
});

test('7: actions from draft to version', async () => {
  const made = await client.actions.create({
    name: 'Phone action', supported_triggers: [{ id: 'send-phone-message', version: 'v2' }], code: action('onExecuteSendPhoneMessage'),
    dependencies: [], runtime: 'node22', secrets: [{ name: 'TOKEN', value: 's3cret' }],
  });
  const { id } = made;
  await waitForBuild(id);
  assert.equal((await client.actions.deploy(id)).number, 1);
  const deployed = await client.actions.get(id);
  assert.equal(deployed.all_changes_deployed, true);
  assert.equal(deployed.deployed_version.deployed, true);
  assert.deepEqual(deployed.secrets.map(s => [s.name, s.value]), [['TOKEN', undefined]]);

  await client.actions.triggers.bindings.updateMany('send-phone-message', {
    bindings: [{ ref: { type: 'action_name', value: 'Phone action' }, display_name: 'Texts' }],
  });
  const bound = await client.actions.triggers.bindings.list('send-phone-message');
  assert.deepEqual(bound.data.map(b => [b.display_name, b.action.id]), [['Texts', id]]);

  await client.actions.update(id, { code: action('onExecuteSendPhoneMessage') + '\n// two' });
  await waitForBuild(id);
  await client.actions.deploy(id);
  const versions = (await client.actions.versions.list(id)).data;
  assert.deepEqual(versions.map(v => v.number), [2, 1]);
  await client.actions.versions.deploy(id, versions[1].id, { update_draft: true });
  assert.ok(!(await client.actions.get(id)).code.includes('// two'));

  const event = { message_options: { action: 'enrollment', code: '123456', message_type: 'sms', recipient: '+12025550100', text: 'x' }, request: {}, user: {} };
  const { payload } = await client.actions.test(id, { payload: event });
  assert.equal(payload.success, true, JSON.stringify(payload));
  assert.match(payload.console, /TOKEN/);
  await client.actions.delete(id, { force: true });
  assert.deepEqual((await client.actions.triggers.bindings.list('send-phone-message')).data, []);
  const { triggers } = await client.actions.triggers.list();
  assert.ok(triggers.some(t => t.id === 'custom-phone-provider' && t.version === 'v1' && t.status === 'CURRENT'));
});

test('7: the phone factor', async () => {
  const factors = await client.guardian.factors.list();
  assert.equal(factors.find(f => f.name === 'sms').enabled, true);
  assert.deepEqual(await client.guardian.factors.set('recovery-code', { enabled: true }), { enabled: true });
  const { phone } = client.guardian.factors;
  assert.deepEqual(await phone.setMessageTypes({ message_types: ['sms', 'voice'] }), { message_types: ['sms', 'voice'] });
  assert.deepEqual(await phone.setProvider({ provider: 'phone-message-hook' }), { provider: 'phone-message-hook' });
  assert.deepEqual(await client.guardian.factors.sms.getSelectedProvider(), { provider: 'phone-message-hook' });
  const texts = { enrollment_message: '{{ code }} enrols', verification_message: '{{ code }} signs in' };
  assert.deepEqual(await phone.setTemplates(texts), texts);
  assert.deepEqual(await client.guardian.factors.sms.getTemplates(), texts);
  const bad = await refused(phone.setTemplates({ ...texts, verification_message: '{% if %}' }));
  assert.equal(bad.statusCode, 400);
  assert.match(bad.message, /verification_message/);
  await phone.setTwilioProvider({ from: '+12025550100', sid: 'AC1', auth_token: 's3cret' });
  assert.equal((await phone.getTwilioProvider()).sid, 'AC1');
  assert.deepEqual(await phone.get(), { otp_length: 6, otp_expiration_time: 300 });
  assert.deepEqual(await client.guardian.policies.set(['all-applications']), ['all-applications']);
  assert.deepEqual(await client.guardian.policies.list(), ['all-applications']);
});

test('7: the unified phone experience', async () => {
  const made = await client.branding.phone.providers.create({
    name: 'twilio', configuration: { sid: 'AC1', default_from: '+12025550100', delivery_methods: ['text'] }, credentials: { auth_token: 's3cret' },
  });
  assert.match(made.id, /^pro_/);
  assert.equal(made.credentials, undefined);
  assert.equal((await client.branding.phone.providers.list()).providers.length, 1);
  assert.equal((await client.branding.phone.providers.update(made.id, { disabled: true })).disabled, true);
  await client.branding.phone.providers.delete(made.id);

  const template = await client.branding.phone.templates.create({
    type: 'otp_verify', content: { syntax: 'liquid', from: '+12025550100', body: { text: '{{ code }} at {{ tenant }}', voice: '{{ code }}' } },
  });
  assert.equal((await client.branding.phone.templates.get(template.id)).content.body.text, '{{ code }} at {{ tenant }}');
  assert.equal((await client.branding.phone.templates.update(template.id, { content: { body: { text: '{{ code }}' } } })).content.body.text, '{{ code }}');
  assert.notEqual((await client.branding.phone.templates.reset(template.id, {})).content.body.text, '{{ code }}');
  await client.branding.phone.templates.delete(template.id);
});

test('7: tenant settings', async () => {
  await client.tenants.settings.update({ friendly_name: 'Shop', enabled_locales: ['de', 'en'], support_email: 'help@example.com' });
  const settings = await client.tenants.settings.get();
  assert.deepEqual([settings.friendly_name, settings.enabled_locales], ['Shop', ['de', 'en']]);
});

test('7: a client without the scope is told which', async () => {
  const error = await refused(new ManagementClient({ domain: tenant.domain, token: 'csm_nonsense' }).hooks.list());
  assert.equal(error.statusCode, 401);
});

test('3: hooks, secrets and factors, in JSON', async () => {
  const hook = await old.createHook({ name: 'Phone three', script, triggerId: 'send-phone-message', enabled: true });
  const { id } = hook;
  await old.addHookSecrets({ id }, { API_KEY: 's3cret' });
  await old.updateHookSecrets({ id }, { API_KEY: 'other' });
  assert.deepEqual(await old.getHookSecrets({ id }), { API_KEY: '_VALUE_NOT_SHOWN_' });
  await old.removeHookSecrets({ id }, ['API_KEY']);
  assert.deepEqual((await old.getHooks({ page: 0, per_page: 10, include_totals: true })).hooks.map(h => h.id), [id]);
  assert.equal((await old.updateHook({ id }, { enabled: false })).enabled, false);
  assert.equal((await refused(old.getHook({ id: '01234567890123456789012345' }))).statusCode, 404);
  await old.deleteHook({ id });

  assert.equal((await old.getGuardianFactors()).length, 8);
  await old.updateGuardianFactor({ name: 'sms' }, { enabled: true });
  await old.updateGuardianPhoneFactorSelectedProvider({}, { provider: 'auth0' });
  assert.deepEqual(await old.getGuardianPhoneFactorSelectedProvider(), { provider: 'auth0' });
  await old.updateGuardianPhoneFactorMessageTypes({}, { message_types: ['sms'] });
  await old.updateGuardianPolicies({}, []);
  assert.deepEqual(await old.getGuardianPolicies(), []);
  await old.updateTenantSettings({ friendly_name: 'Three' });
  assert.equal((await old.getTenantSettings()).friendly_name, 'Three');
});

test('3: actions and rules', async () => {
  const made = await old.actions.create({ name: 'Old action', supported_triggers: [{ id: 'post-login', version: 'v3' }], code: action('onExecutePostLogin') });
  await waitForBuild(made.id);
  await old.actions.deploy({ id: made.id });
  assert.equal((await old.actions.get({ id: made.id })).all_changes_deployed, true);
  assert.equal((await old.actions.getAll()).actions.length, 1);
  await old.actions.delete({ id: made.id });
  const rule = await old.createRule({ name: 'mfa', script: 'function (user, context, callback) { callback(null, user, context); }', enabled: false });
  assert.equal((await old.getRule({ id: rule.id })).stage, 'login_success');
  await old.setRulesConfig({ key: 'LIMIT' }, { value: '5' });
  assert.deepEqual(await old.getRulesConfigs(), [{ key: 'LIMIT' }]);
  await old.deleteRulesConfig({ key: 'LIMIT' });
  await old.deleteRule({ id: rule.id });
});
