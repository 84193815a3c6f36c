// Tenants of the Auth0 dialect: each is a pool of its own, at the host that `countersign dev` gives it.
import dns from 'node:dns';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { httpsEndpoint } from './env.js';
import { makePool } from './pools.js';

// Names under localhost are loopback (RFC 6761, section 6.3). Node asks the C library, which does not know it everywhere.
const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, ...rest);

const { port } = new URL(httpsEndpoint);
const managementClient = { client_id: 'countersign-dev', client_secret: 'countersign-dev-secret' };

export const grants = 'http://auth0.com/oauth/grant-type/';

/** Calls an endpoint; what is not 2xx comes back as well. */
export async function call(domain, method, path, body, headers = {}) {
  const res = await fetch(`https://${domain}${path}`, {
    method, headers: { ...(body && { 'content-type': 'application/json' }), ...headers }, body: body && JSON.stringify(body),
  });
  const text = await res.text();
  return { status: res.status, headers: res.headers, body: text && JSON.parse(text) };
}

/** The Management API of a tenant, as its operator calls it. */
async function managementApi(domain) {
  const { body } = await call(domain, 'POST', '/oauth/token', {
    grant_type: 'client_credentials', audience: `https://${domain}/api/v2/`, ...managementClient,
  });
  return async (method, path, data) => {
    const res = await call(domain, method, `/api/v2${path}`, data, { authorization: `Bearer ${body.access_token}` });
    if (res.status >= 300) throw new Error(`${method} ${path}: ${res.status} ${JSON.stringify(res.body)}`);
    return res.body;
  };
}

/** Makes a tenant with a confidential client. `factors` are switched on, `policies` set; the rest is for makePool. */
export async function makeTenant({ factors = [], policies = [], messageTypes, settings, ...pool } = {}) {
  const made = await makePool({
    ...pool, settings: { UsernameAttributes: ['phone_number', 'email'], ...settings }, client: { GenerateSecret: true, ...pool.client },
  });
  const domain = `${made.poolId.split('_')[1].toLowerCase()}.localhost:${port}`;
  const api = await managementApi(domain);
  for (const name of factors) await api('PUT', `/guardian/factors/${name}`, { enabled: true });
  if (messageTypes) await api('PUT', '/guardian/factors/phone/message-types', { message_types: messageTypes });
  if (policies.length) await api('PUT', '/guardian/policies', policies);
  return { ...made, domain, api, options: { domain, clientId: made.clientId, clientSecret: made.clientSecret } };
}

/** Verifies a token's signature, issuer and audience as a relying party does, and returns its claims. */
export async function verified({ domain }, token, audience) {
  const keys = createRemoteJWKSet(new URL(`https://${domain}/.well-known/jwks.json`));
  const { payload } = await jwtVerify(token, keys, { issuer: `https://${domain}/`, audience });
  return payload;
}

/** The error of a call that must fail. */
export async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the call was not refused');
}
