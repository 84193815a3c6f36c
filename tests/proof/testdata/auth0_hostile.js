// testdata/hostile.js stands before this: its attempts and its ways to eat a machine, as a hook. What is to be done is in the text.
const way = {
  exit: () => process.exit(0),
  abort: () => process.abort(),
  stopped: () => process.kill(process.pid, 'SIGSTOP'),
  silent: () => new Promise(() => {}),
  ticks: async () => { for (;;) await null; },
  regexp: () => /^(a+)+$/.test('a'.repeat(60) + 'b'),
  late: () => { setTimeout(() => { throw new Error('late'); }, 20); return new Promise(() => {}); },
  descriptors: () => { for (let fd = 3; fd < 64; fd++) try { fs.closeSync(fd); } catch {} return new Promise(() => {}); },
  listeners: () => { for (let i = 0; i < 1e6; i++) process.on('exit', () => {}); process.emit('uncaughtException', new Error('emitted')); return 'ok'; },
  recursion: () => { const f = () => f(); f(); },
  wide: () => Buffer.alloc(4 * 1024 ** 3),
  prototypes: () => {
    for (const k of ['then', 'toJSON', 'status', 'statusCode', 'data', 'error', 'secrets', 'body', 'recipient']) Object.prototype[k] = () => { throw new Error('polluted'); };
    Array.prototype[Symbol.iterator] = function* () { yield 'polluted'; };
    JSON.stringify = () => '{"statusCode":200,"status":"success","data":"forged"}';
    Promise.prototype.then = () => { throw new Error('then'); };
    return 'ok';
  },
  ...limits,
};

const tried = async (list) => {
  const out = {};
  for (const attempt of list) {
    const i = attempt.indexOf(' ');
    try { await tries[attempt.slice(0, i)](attempt.slice(i + 1)); out[attempt] = 'ok'; } catch (e) { out[attempt] = String(e?.code ?? e?.name ?? e); }
  }
  return out;
};

// What the process has of others: variables, arguments, open files, modules that are the server's own.
const seen = () => {
  const out = { env: { ...process.env }, argv: [process.argv, process.execArgv, process.title], main: Object.keys(require.cache ?? {}), cwd: process.cwd(), files: [] };
  for (let fd = 0; fd < 256; fd++) try { out.files.push([fd, fs.fstatSync(fd).isFile(), fs.readlinkSync(`/proc/self/fd/${fd}`)]); } catch (e) { if (e.code !== 'EBADF') out.files.push([fd, e.code]); }
  for (const name of ['../../../../bootstrap.cjs', './primordials.cjs', '/proc/self/environ', 'node:inspector', 'node:worker_threads', 'node:cluster']) {
    try { out[name] = typeof require(name); } catch (e) { out[name] = String(e.code ?? e.name); }
  }
  return out;
};

module.exports = async (recipient, text, context, cb) => {
  if (!text.startsWith('{')) {
    const { RECEIVER } = context.webtask.secrets;
    await fetch(RECEIVER, { method: 'POST', body: JSON.stringify({ to: recipient, code: context.code }) });
    return cb(null, { worker });
  }
  const { tries: list, look, does, to } = JSON.parse(text);
  try { cb(null, look ? seen() : list ? { out: await tried(list) } : (await way[does](to)) ?? 'ended'); } catch (e) { cb(e); }
};
