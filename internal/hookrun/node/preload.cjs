'use strict';
// Where a function has no network of its own, this sends every TCP connection of Node to the server, under its rules, as a network of its own would:
// to the address of the Runtime API, whatever the code asked for. Once connected, and before the code hears of it, a request of its own tells the
// server what the connection is for (see hookrun/tunnel.go). Everything in Node connects through this one method: tls, http, http2, fetch.
// It keeps honest code from going astray, and holds no one who goes around it on purpose: that is what the sandbox is for.
const dns = require('node:dns');
const net = require('node:net');
const { EventEmitter } = require('node:events');
const { Duplex, Readable } = require('node:stream');
const { syncBuiltinESMExports } = require('node:module');
const { errno } = require('node:os').constants;

// Taken before the code runs, which may replace globals and prototypes.
const { apply } = Reflect;
const { nextTick } = process;
const { isArray } = Array;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const { byteLength } = Buffer;
const { Error, String } = globalThis;
const uncurry = (f) => (self, ...args) => apply(f, self, args);
const on = uncurry(EventEmitter.prototype.on);
const streamOn = uncurry(Readable.prototype.on);
const write = uncurry(Duplex.prototype.write);
const destroy = uncurry(Duplex.prototype.destroy);
const latin1 = uncurry(Buffer.prototype.latin1Slice);
const slice = uncurry(String.prototype.slice);
const indexOf = uncurry(String.prototype.indexOf);
const lower = uncurry(String.prototype.toLowerCase);
const { Map, Promise } = globalThis;
const mapGet = uncurry(Map.prototype.get);
const mapSet = uncurry(Map.prototype.set);
const localPort = uncurry(getOwnPropertyDescriptor(net.Socket.prototype, 'localPort').get);
const { Socket, _normalizeArgs: normalize } = net;
const { connect } = Socket.prototype;

// A process that the code starts may not know the address any more: it connects to nothing.
const address = process.env.AWS_LAMBDA_RUNTIME_API;
const server = new URL('http://' + (address || '127.0.0.1:9'));
const host = server.hostname;
const port = +server.port;
const path = server.pathname.replace(/\/$/, '') + '/2018-06-01/runtime/tunnel';

// claim tells the server what the connection from a local port is for, and calls done with the code of the error, if there is one.
function claim(from, toPort, toHost, done) {
  const control = new Socket();
  let text = '';
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    destroy(control);
    if (slice(text, 9, 12) === '204') return done('');
    const body = indexOf(text, '\r\n\r\n');
    done((slice(text, 9, 12) === '502' && body > 0 && slice(text, body + 4)) || 'ECONNRESET');
  };
  streamOn(control, 'data', (chunk) => { text += latin1(chunk); });
  on(control, 'end', end);
  on(control, 'error', end);
  on(control, 'close', end);
  apply(connect, control, [{ host, port, noDelay: true }]);
  const body = `${from}\n${toPort}\n${toHost}`;
  write(control, `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${byteLength(body)}\r\n\r\n${body}`);
}

// failure is the error that Node would have met itself.
function failure(code, toPort, toHost) {
  const lookup = code === 'ENOTFOUND' || code === 'EAI_AGAIN';
  const e = new Error(lookup ? `getaddrinfo ${code} ${toHost}` : `connect ${code} ${toHost}:${toPort}`);
  e.errno = code === 'ENOTFOUND' ? -3008 : code === 'EAI_AGAIN' ? -3001 : -errno[code];
  e.code = code;
  e.syscall = lookup ? 'getaddrinfo' : 'connect';
  if (lookup) {
    e.hostname = toHost;
  } else {
    e.address = toHost;
    e.port = toPort;
  }
  return e;
}

// hold keeps from a socket that it is connected until the server has taken the connection for what it is.
function hold(socket, toPort, toHost) {
  const emit = socket.emit;
  const own = getOwnPropertyDescriptor(socket, 'emit');
  let state = 'connecting';
  function held(name) {
    if (state === 'claiming' && name === 'ready') return true;
    if (state !== 'connecting' || name !== 'connect') return apply(emit, this, arguments);
    state = 'claiming';
    socket.connecting = true;
    claim(localPort(socket), toPort, toHost, (code) => {
      state = 'open';
      if (socket.emit === held) {
        if (own) defineProperty(socket, 'emit', own);
        else delete socket.emit;
      }
      if (socket.destroyed) return;
      if (code) {
        destroy(socket, failure(code, toPort, toHost));
        return;
      }
      socket.connecting = false;
      socket.emit('connect');
      socket.emit('ready');
    });
    return true;
  }
  defineProperty(socket, 'emit', { __proto__: null, value: held, configurable: true, writable: true, enumerable: false });
}

// What the code looks up itself gets an address that means something here alone, for to connect to an address is not to connect to a name, which is what
// rules are about. The server looks the name up. "localhost" is 127.0.0.1 (RFC 6761, section 6.3).
const maxNames = 4096;
const names = new Map(); // by address
const addresses = new Map(); // by name

function addressOf(name) {
  if (typeof name !== 'string' || name === '' || net.isIP(name)) return undefined;
  const key = lower(name);
  if (key === 'localhost') return '127.0.0.1';
  let found = mapGet(addresses, key);
  if (found === undefined && addresses.size < maxNames) {
    const n = addresses.size + 1;
    found = `127.64.${n >> 8}.${n & 255}`;
    mapSet(addresses, key, found);
    mapSet(names, found, key);
  }
  return found;
}

// answerOf is what a function of dns answers for an address: lookup's own forms, or the list of resolve4.
function answerOf(method, found, options) {
  if (method !== 'lookup') return options && options.ttl ? [{ address: found, ttl: 60 }] : [found];
  return options && options.all ? [{ address: found, family: 4 }] : found;
}

// wrap takes the place of a function of dns that finds IPv4 addresses. Questions for other records, and bad ones, are Node's.
function wrap(object, method, promises) {
  const real = object[method];
  defineProperty(object, method, { configurable: true, enumerable: true, writable: true, value: function (...args) {
    const second = args[1];
    const last = args[args.length - 1];
    const family = method === 'lookup' ? (typeof second === 'number' ? second : second && second.family) : 4;
    const a = method !== 'resolve' || typeof second !== 'string' || second === 'A';
    const found = a && (promises || typeof last === 'function') && family !== 6 && family !== 'IPv6' ? addressOf(args[0]) : undefined;
    if (found === undefined) return apply(real, this, args);
    const answer = answerOf(method, found, second);
    if (promises) return new Promise((resolve) => resolve(method === 'lookup' && !isArray(answer) ? { address: answer, family: 4 } : answer));
    if (method === 'lookup' && !isArray(answer)) nextTick(last, null, answer, 4);
    else nextTick(last, null, answer);
    return {};
  } });
}

for (const [object, promises] of [[dns, false], [dns.Resolver.prototype, false], [dns.promises, true], [dns.promises.Resolver.prototype, true]]) {
  for (const method of ['lookup', 'resolve4', 'resolve']) if (object[method]) wrap(object, method, promises);
}
syncBuiltinESMExports();

Socket.prototype.connect = function (...args) {
  const given = isArray(args[0]) ? args[0] : normalize(args);
  const options = given[0];
  const toPort = +options.port;
  let toHost = String(options.host || 'localhost');
  toHost = mapGet(names, toHost) || toHost;
  if (options.path || !(toPort > 0 && toPort < 65536) || (toHost === host && toPort === port)) return apply(connect, this, args);
  apply(connect, this, [{
    ...options, host, port, lookup: undefined, family: undefined, hints: undefined, localAddress: undefined, localPort: undefined, autoSelectFamily: false,
  }, given[1]]);
  hold(this, toPort, toHost);
  return this;
};
defineProperty(Socket.prototype.connect, 'name', { value: 'connect' });
