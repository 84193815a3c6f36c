'use strict';
// The Lambda Runtime API over one connection for each slot, which sends one request after another: what HTTP/1.1 asks of a client that knows its
// server, and no more. The http module would do, but reads its prototypes, options and agents anew with each request, where code may change them.
const net = require('node:net');
const p = require('./primordials.cjs');

const prefix = '/2018-06-01/runtime/invocation/';
const headEnd = p.bufferFrom('\r\n\r\n');

// headersOf reads the head of an answer: the members are status and the headers, in lower case.
function headersOf(head) {
  const out = { __proto__: null, status: +p.slice(head, 9, 12) };
  for (let at = p.indexOf(head, '\r\n') + 2; at > 1 && at < head.length;) {
    let end = p.indexOf(head, '\r\n', at);
    if (end < 0) end = head.length;
    const colon = p.indexOf(head, ':', at);
    if (colon > 0 && colon < end) out[p.lower(p.slice(head, at, colon))] = p.trim(p.slice(head, colon + 1, end));
    at = end + 2;
  }
  return out;
}

// connect opens a slot. broken is called when the connection ends: it is the server's end, or ours.
function connect(address, broken) {
  const { hostname: host, port, pathname } = new URL('http://' + address);
  const path = pathname.replace(/\/$/, '') + prefix;
  const slot = { __proto__: null, data: null, want: -1, headers: null, done: null };
  const socket = p.keep(net.connect({ host, port: +port, noDelay: true }));
  p.streamOn(socket, 'data', (chunk) => receive(slot, chunk, broken));
  p.on(socket, 'error', broken);
  p.on(socket, 'close', broken);
  // send sends a request and calls done with the answer's headers and body.
  slot.send = (method, where, body, extra, done) => {
    slot.done = done;
    const head = `${method} ${path}${where} HTTP/1.1\r\nHost: ${host}:${port}\r\n${extra}`;
    p.write(socket, method === 'GET' ? head + '\r\n' : `${head}Content-Type: application/json\r\nContent-Length: ${p.byteLength(body)}\r\n\r\n${body}`);
  };
  return slot;
}

function receive(slot, chunk, broken) {
  slot.data = slot.data ? p.bufferConcat([slot.data, chunk]) : chunk;
  if (slot.want < 0) {
    const end = p.bufferIndexOf(slot.data, headEnd);
    if (end < 0) return;
    slot.headers = headersOf(p.latin1(slot.data, 0, end));
    const size = +slot.headers['content-length'];
    if (!(size >= 0) || !slot.done) return broken();
    slot.want = end + 4 + size;
  }
  if (slot.data.length < slot.want) return;
  if (slot.data.length > slot.want) return broken();
  const { headers, done } = slot;
  const body = p.utf8(slot.data, slot.want - +headers['content-length'], slot.want);
  slot.data = slot.headers = slot.done = null;
  slot.want = -1;
  done(headers, body);
}

module.exports = p.freeze({ __proto__: null, connect });
