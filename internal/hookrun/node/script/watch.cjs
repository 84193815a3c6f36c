'use strict';
// Notes for each call what its code prints and which requests it sends. Whatever belongs to no call goes to the next one; what a call does after its
// answer goes nowhere.
const channels = require('node:diagnostics_channel');
const p = require('./primordials.cjs');
const { current, loading, text, get } = require('./call.cjs');

const maxConsole = (64 << 10) - 100; // and room for the sentence at its end
const maxRequests = 100;
const early = { __proto__: null, id: 'undefined', console: '', printed: 0, dropped: false, answered: false };

// line writes in the form of the other functions' logs: time, request id, level, text; line breaks inside are carriage returns.
function line(id, level, words) {
  let flat = '';
  for (let at = 0; ;) {
    const end = p.indexOf(words, '\n', at);
    flat += p.slice(words, at, end < 0 ? words.length : end);
    if (end < 0) break;
    flat += '\r';
    at = end + 1;
  }
  try {
    p.writeSync(1, `${p.isoString(new p.Date())}\t${id}\t${level}\t${flat}\n`);
  } catch { /* nobody reads it any more */ }
}

function note(words, level) {
  let to = current();
  if (to === undefined || to === loading) to = early;
  if (to.dropped || to.answered) return;
  const size = p.byteLength(words);
  if (to.printed + size > maxConsole) {
    to.dropped = true;
    words = p.slice(words, 0, maxConsole - to.printed) + '\n[more than 65536 bytes of output: the rest is dropped]\n';
  }
  to.printed += size;
  to.console += words;
  const n = words.length;
  line(to.id, level, n && words[n - 1] === '\n' ? p.slice(words, 0, n - 1) : words);
}

// takeEarly gives a call what was printed before it.
function takeEarly(call) {
  call.console = early.console;
  call.printed = early.printed;
  early.console = '';
  early.printed = 0;
  early.dropped = false;
}

// capture takes the place of a stream's write; console writes there, too.
function capture(stream, level) {
  p.defineProperty(stream, 'write', {
    __proto__: null, configurable: true, writable: true, enumerable: true,
    value: function write(chunk, encoding, callback) {
      if (typeof encoding === 'function') {
        callback = encoding;
        encoding = undefined;
      }
      note(typeof chunk === 'string' ? chunk : p.utf8(p.bufferFrom(chunk)), level);
      if (typeof callback === 'function') p.nextTick(callback);
      return true;
    },
  });
}

function captureConsole() {
  capture(process.stdout, 'INFO');
  capture(process.stderr, 'ERROR');
  // The console keeps the streams that it finds at its first use.
  void console._stdout;
  void console._stderr;
}

const known = new p.WeakMap();

function sent(request, method, host, path) {
  const call = current();
  if (call === undefined || call === loading || call.answered || call.requestCount >= maxRequests) return undefined;
  const query = p.indexOf(path, '?');
  const record = {
    __proto__: null, method: text(method, 20), host: text(host, 255), path: text(query < 0 ? path : p.slice(path, 0, query), 200), status: 0, error: '',
    began: p.clock(), ended: 0, next: null,
  };
  if (call.lastRequest) call.lastRequest.next = record;
  else call.requests = record;
  call.lastRequest = record;
  call.requestCount++;
  p.weakSet(known, request, record);
  return record;
}

function ended(request, status, error) {
  const record = p.weakGet(known, request);
  if (!record || record.ended) return;
  record.ended = p.clock();
  if (typeof status === 'number') record.status = status;
  record.error = status ? '' : text(get(error, 'message') || get(error, 'code') || error, 200);
}

// port is what a Host header names besides the host.
function port(request) {
  let header = '';
  try {
    header = text(request.getHeader('host'), 255);
  } catch { /* not one of Node's */ }
  const at = p.indexOf(header, ':');
  return at > 0 && p.indexOf(header, ']') < 0 ? p.slice(header, at) : '';
}

// captureRequests hears of all requests of node:http and node:https, and of fetch and undici.
function captureRequests() {
  const hear = (name, f) => channels.subscribe(name, (message) => {
    try {
      f(message);
    } catch { /* a request that cannot be described is none of ours to break */ }
  });
  hear('http.client.request.start', ({ request }) => {
    if (!sent(request, request.method, text(request.host, 255) + port(request), text(request.path, 4096))) return;
    p.on(request, p.errorMonitor, (e) => ended(request, 0, e));
    p.on(request, 'close', () => ended(request, 0, 'closed before an answer'));
  });
  // A connection that fails at once was never begun; older versions of Node keep silent about it.
  hear('http.client.request.error', ({ request, error }) => {
    if (!p.weakGet(known, request)) sent(request, request.method, text(request.host, 255) + port(request), text(request.path, 4096));
    ended(request, 0, error);
  });
  hear('http.client.response.finish', ({ request, response }) => ended(request, response.statusCode));
  hear('undici:request:create', ({ request }) => {
    const origin = text(request.origin, 300);
    const at = p.indexOf(origin, '://');
    sent(request, request.method, at < 0 ? origin : p.slice(origin, at + 3), text(request.path, 4096));
  });
  hear('undici:request:headers', ({ request, response }) => ended(request, response.statusCode));
  hear('undici:request:error', ({ request, error }) => ended(request, 0, error));
}

module.exports = p.freeze({ __proto__: null, captureConsole, captureRequests, takeEarly, line });
