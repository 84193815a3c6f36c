// npm auth0, the current ManagementClient and that of version 3, unmodified: users and their factors, clients and grants, connections, the log.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { ManagementClient } from 'auth0';
import v3 from 'auth0-v3';
import { phone as uniquePhone } from '../lib/people.js';
import { makeTenant, refused } from '../lib/auth0.js';

const credentials = { clientId: 'countersign-dev', clientSecret: 'countersign-dev-secret' };
const connection = 'Username-Password-Authentication';

let tenant, client, old;
before(async () => {
  tenant = await makeTenant({ factors: ['sms', 'otp', 'recovery-code'] });
  client = new ManagementClient({ domain: tenant.domain, ...credentials });
  old = new v3.ManagementClient({ domain: tenant.domain, ...credentials });
});

test('7: users', async () => {
  const phone = uniquePhone();
  const email = `u${phone.slice(1)}@example.com`;
  const made = await client.users.create({ connection, email, email_verified: true, phone_number: phone, password: 'Passw0rd!x', user_metadata: { a: 1 } });
  const id = made.user_id;
  assert.match(id, /^auth0\|/);
  assert.equal((await client.users.get(id)).email, email);
  assert.deepEqual(await client.users.get(id, { fields: 'email' }), { email });
  const changed = await client.users.update(id, { user_metadata: { b: { c: 2 } }, app_metadata: { plan: 'gold' }, blocked: true, nickname: 'jj' });
  assert.deepEqual([changed.user_metadata, changed.app_metadata, changed.blocked, changed.nickname], [{ a: 1, b: { c: 2 } }, { plan: 'gold' }, true, 'jj']);
  assert.deepEqual((await client.users.listUsersByEmail({ email })).map(u => u.user_id), [id]);
  for (const q of [`email:"${email}"`, `phone_number:"${phone}" AND blocked:true`, `user_id:"${id}"`]) {
    const page = await client.users.list({ q, search_engine: 'v3' });
    assert.deepEqual(page.data.map(u => u.user_id), [id], q);
  }
  assert.equal((await refused(client.users.create({ connection, email, password: 'Passw0rd!x' }))).statusCode, 409);
  assert.equal((await refused(client.users.create({ connection: 'google', email }))).statusCode, 400);
  await client.users.revokeAccess(id);
  await client.users.delete(id);
  assert.equal((await refused(client.users.get(id))).statusCode, 404);
});

test('7: factors of users', async () => {
  const { user_id: id } = await client.users.create({ connection, phone_number: uniquePhone(), phone_verified: true, password: 'Passw0rd!x' });
  const number = uniquePhone();
  const { authenticationMethods } = client.users;
  const phone = await authenticationMethods.create(id, { type: 'phone', phone_number: number, preferred_authentication_method: 'sms', name: 'mobile' });
  assert.equal(phone.phone_number, number);
  assert.ok(phone.authentication_methods.some(m => m.type === 'sms' && m.id.startsWith('sms|dev_')));
  assert.deepEqual((await authenticationMethods.list(id)).data.map(m => [m.type, m.confirmed]), [['phone', true]]);
  assert.equal((await authenticationMethods.get(id, phone.id)).name, 'mobile');
  assert.equal((await authenticationMethods.update(id, phone.id, { name: 'work' })).name, 'work');
  assert.equal((await refused(authenticationMethods.create(id, { type: 'phone', phone_number: number }))).statusCode, 409);
  const [enrolment] = await client.users.enrollments.get(id);
  assert.equal(enrolment.phone_number, number);
  assert.equal((await client.guardian.enrollments.get(enrolment.id)).status, 'confirmed');
  const ticket = await refused(client.guardian.enrollments.createTicket({ user_id: id }));
  assert.equal(ticket.statusCode, 409);
  const { ticket_url } = await client.guardian.enrollments.createTicket({ user_id: id, allow_multiple_enrollments: true, factor: 'phone' });
  assert.ok(ticket_url.startsWith(`https://${tenant.domain}/mfa/ticket?ticket=`));
  assert.equal((await fetch(ticket_url)).status, 200);
  await client.guardian.enrollments.delete(enrolment.id);
  await authenticationMethods.set(id, [{ type: 'totp', totp_secret: 'JBSWY3DPEHPK3PXP' }]);
  assert.equal((await client.users.regenerateRecoveryCode(id)).recovery_code.length, 24);
  await client.users.multifactor.invalidateRememberBrowser(id);
  await client.users.multifactor.deleteProvider(id, 'google-authenticator');
  await client.users.authenticators.deleteAll(id);
  await authenticationMethods.deleteAll(id);
  assert.deepEqual((await authenticationMethods.list(id)).data, []);
});

test('7: clients and their grants', async () => {
  const app = await client.clients.create({
    name: 'Machine', app_type: 'non_interactive', grant_types: ['client_credentials'], client_metadata: { team: 'a' }, callbacks: ['https://app.example.com/cb'],
  });
  const id = app.client_id;
  assert.deepEqual((await client.clients.get(id)).client_metadata, { team: 'a' });
  assert.equal((await client.clients.update(id, { client_metadata: { countersign_require_mfa: 'true' } })).require_mfa, true);
  const secret = (await client.clients.rotateSecret(id)).client_secret;
  assert.notEqual(secret, app.client_secret);
  assert.ok((await client.clients.list({ fields: 'client_id,name' })).data.some(c => c.name === 'Machine'));

  const audience = `https://${tenant.domain}/api/v2/`;
  const grant = await client.clientGrants.create({ client_id: id, audience, scope: ['read:users'] });
  const machine = new ManagementClient({ domain: tenant.domain, clientId: id, clientSecret: secret });
  await machine.users.list({ per_page: 1 });
  assert.equal((await refused(machine.hooks.list())).statusCode, 403);
  await client.clientGrants.update(grant.id, { scope: ['read:users', 'read:logs'] });
  assert.deepEqual((await client.clientGrants.list({ client_id: id })).data.map(g => g.scope), [['read:users', 'read:logs']]);
  await client.clientGrants.delete(grant.id);
  assert.equal((await refused(machine.users.list({ per_page: 1 }))).statusCode, 401);

  const api = await client.resourceServers.create({ identifier: 'https://api.example.com/', name: 'API', scopes: [{ value: 'read:it', description: 'it' }] });
  assert.equal((await client.resourceServers.get(api.id)).identifier, 'https://api.example.com/');
  await client.clientGrants.create({ client_id: id, audience: 'https://api.example.com/', scope: ['read:it'] });
  await client.resourceServers.delete(api.id);
  await client.clients.delete(id);
  assert.deepEqual((await client.clientGrants.list({ client_id: id })).data, []);
});

test('7: connections', async () => {
  const page = await client.connections.list({ strategy: ['sms'] });
  const [sms] = page.data;
  assert.equal(sms.name, 'sms');
  const changed = await client.connections.update(sms.id, { options: { ...sms.options, template: 'Your code is @@password@@', syntax: 'md_with_macros', from: 'Shop' } });
  assert.deepEqual([changed.options.template, changed.options.from], ['Your code is @@password@@', 'Shop']);
  assert.equal((await refused(client.connections.create({ name: 'x', strategy: 'google-oauth2' }))).statusCode, 400);
});

test('7: the log', async () => {
  const { user_id: id } = await client.users.create({ connection, phone_number: uniquePhone(), password: 'Passw0rd!x' });
  const found = (await client.logs.list({ search: `user_id:"${id}" AND type:cs_user_created`, per_page: 10 })).data;
  assert.equal(found.length, 1);
  const [entry] = found;
  assert.deepEqual((await client.logs.get(entry.log_id)).log_id, entry.log_id);
  assert.equal(entry.user_id, id);
  assert.ok(entry.date && entry.description);
  assert.ok((await client.users.logs.list(id)).data.some(e => e.log_id === entry.log_id));
  assert.equal((await refused(client.logs.list({ search: 'nonsense:x' }))).statusCode, 400);
  assert.equal(typeof await client.stats.getActiveUsersCount(), 'number');
  assert.ok((await client.stats.getDaily({ from: '20261101', to: '20261102' })).length === 2);
});

test('3: users, clients and the log', async () => {
  const phone = uniquePhone();
  const made = await old.createUser({ connection, phone_number: phone, password: 'Passw0rd!x' });
  const id = made.user_id;
  assert.equal((await old.getUser({ id })).phone_number, phone);
  await old.updateAppMetadata({ id }, { plan: 'gold' });
  await old.updateUserMetadata({ id }, { a: 1 });
  const user = await old.getUser({ id });
  assert.deepEqual([user.app_metadata, user.user_metadata], [{ plan: 'gold' }, { a: 1 }]);
  assert.ok((await old.getUsers({ q: `phone_number:"${phone}"`, search_engine: 'v3', include_totals: true })).total === 1);
  const { ticket_url } = await old.createGuardianEnrollmentTicket({ user_id: id });
  assert.match(ticket_url, /mfa\/ticket/);
  assert.ok((await old.getLogs({ q: 'type:cs_user_created', per_page: 5 })).length > 0);
  const first = await old.getLogs({ take: 2 });
  assert.equal(first.length, 2);
  const next = await old.getLogs({ from: first[0].log_id, take: 1 });
  assert.equal(next[0].log_id, first[1].log_id);
  assert.ok((await old.getClients({ per_page: 50 })).length > 0);
  assert.equal((await old.getConnections({ strategy: 'sms' })).length, 1);
  await old.deleteUser({ id });
});
