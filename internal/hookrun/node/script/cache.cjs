'use strict';
// api.cache: the server keeps the values and hands them in with each call; what the call changes goes back with its answer.
const p = require('./primordials.cjs');
const { quote } = require('./call.cjs');

const maxEntries = 20;
const maxKey = 64;
const maxValue = 4 << 10;
const maxBytes = 8 << 10;
const usualLife = 15 * 60 * 1000;
const maxLife = 24 * 60 * 60 * 1000;

const refused = (code, message) => ({ type: 'error', code, message });

// expiry is when an entry ends, in milliseconds since 1970. Its options are ttl and expires_at, of which the earlier one counts.
function expiry(options) {
  const now = p.now();
  let at = now + usualLife;
  const ttl = options && options.ttl;
  const until = options && options.expires_at;
  if (typeof ttl === 'number' && !p.isNaN(ttl)) at = now + ttl;
  if (typeof until === 'number' && !p.isNaN(until) && (typeof ttl !== 'number' || until < at)) at = until;
  return at > now + maxLife ? now + maxLife : at - (at % 1);
}

// place measures what an entry would need, beside those that are still alive.
function fits(entries, key, value) {
  const now = p.now();
  const names = p.keys(entries);
  let count = 1;
  let bytes = p.byteLength(key) + p.byteLength(value);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name === key || entries[name].expires_at <= now) continue;
    count++;
    bytes += p.byteLength(name) + p.byteLength(entries[name].value);
  }
  if (count > maxEntries) return refused('ItemCountExceeded', `a cache has ${maxEntries} entries at most`);
  if (bytes > maxBytes) return refused('CacheSizeExceeded', `a cache has ${maxBytes} bytes at most`);
  return undefined;
}

function cacheOf(call) {
  const entries = { __proto__: null };
  const given = call.input.cache;
  const names = p.keys(given);
  for (let i = 0; i < names.length; i++) entries[names[i]] = given[names[i]];
  const changed = (key, entry) => {
    if (call.changes.length > 16 * maxBytes) throw new p.RangeError('api.cache: too many changes in one execution');
    const words = entry ? `{"value":${quote(entry.value)},"expires_at":${entry.expires_at}}` : 'null';
    call.changes += (call.changes && ',') + `{"key":${quote(key)},"entry":${words}}`;
  };
  return {
    get(key) {
      const entry = typeof key === 'string' ? entries[key] : undefined;
      return entry && entry.expires_at > p.now() ? { value: entry.value, expires_at: entry.expires_at } : undefined;
    },
    set(key, value, options) {
      if (typeof key !== 'string' || key === '') return refused('InvalidKey', 'a key is a string');
      if (typeof value !== 'string') return refused('InvalidValue', 'a value is a string');
      if (p.byteLength(key) > maxKey) return refused('CacheKeySizeExceeded', `a key has ${maxKey} bytes at most`);
      if (p.byteLength(value) > maxValue) return refused('CacheValueSizeExceeded', `a value has ${maxValue} bytes at most`);
      const entry = { __proto__: null, value, expires_at: expiry(options) };
      if (entry.expires_at <= p.now()) return refused('InvalidExpiry', 'the entry would have ended already');
      const problem = fits(entries, key, value);
      if (problem) return problem;
      changed(key, entry);
      entries[key] = entry;
      return { type: 'success', record: { value, expires_at: entry.expires_at } };
    },
    delete(key) {
      if (typeof key !== 'string' || !(key in entries)) return refused('NotFound', 'there is no entry of that key');
      changed(key, null);
      delete entries[key];
      return { type: 'success' };
    },
  };
}

module.exports = { cacheOf };
