// What a function's author would try to get out, one line of answer each.
const fs = require('fs'), net = require('net'), dgram = require('dgram'), cp = require('child_process'), path = require('path')
const { Worker } = require('worker_threads')
const [database, own, tmp, unixSocket, tcp, udp, server] = process.argv.slice(2)
const [host, port] = tcp.split(':'), [, udpPort] = udp.split(':')

const say = (what, result) => console.log(`${what}=${result}`)
const code = e => e.code || e.message

function sync(what, f) {
  try { f(); say(what, 'ok') } catch (e) { say(what, code(e)) }
}

function connect(what, options) {
  return new Promise(done => {
    const s = net.connect({ timeout: 2000, ...options })
    s.on('connect', () => { say(what, 'ok'); s.destroy(); done() })
    s.on('timeout', () => { say(what, 'timeout'); s.destroy(); done() })
    s.on('error', e => { say(what, code(e)); done() })
  })
}

function event(what, emitter, good) {
  return new Promise(done => {
    emitter.on('error', e => { say(what, code(e)); done() })
    emitter.on(good, () => { say(what, 'ok'); done(); emitter.close && emitter.close() })
  })
}

async function main() {
  sync('password file', () => fs.readFileSync('/etc/passwd'))
  sync('database', () => fs.readFileSync(database))
  sync('list root', () => fs.readdirSync('/'))
  sync('write own folder', () => fs.writeFileSync(path.join(own, 'x'), 'x'))
  sync('write shared temp', () => { const f = '/tmp/hostile-' + process.pid; fs.writeFileSync(f, 'x'); fs.unlinkSync(f) })
  sync('write private temp', () => fs.writeFileSync(path.join(tmp, 'x'), 'x'))
  const big = path.join(tmp, 'big')
  sync('17 MB file', () => fs.writeFileSync(big, Buffer.alloc(17 << 20)))
  const run = (file, args) => { const r = cp.spawnSync(file, args); if (r.error) throw r.error }
  sync('shell', () => run('/bin/sh', ['-c', 'true']))
  sync('node again', () => run(process.execPath, ['-e', '0']))
  let children = 0
  await Promise.all(Array.from({ length: 20 }, () => new Promise(done => {
    let c
    try { c = cp.spawn(process.execPath, ['-v']) } catch { return done() }
    c.on('error', done); c.on('spawn', () => children++); c.on('close', done)
  })))
  say('fork bomb', children)
  sync('signal server', () => process.kill(+server, 0))
  await event('worker thread', new Worker('0', { eval: true }), 'exit')
  await connect('other loopback port', { host, port: +port })
  await connect('metadata', { host: '169.254.169.254', port: 80 })
  await connect('unix socket', { path: unixSocket })
  await new Promise(done => {
    const end = r => { say('udp', r); done() }
    try {
      const s = dgram.createSocket('udp4')
      s.on('error', e => end(code(e)))
      s.on('message', () => { end('ok'); s.close() })
      s.send('ping', +udpPort, '127.0.0.1')
    } catch (e) { end(code(e)) }
  })
  await event('listen', net.createServer().listen(0, '127.0.0.1'), 'listening')
  sync('random and time zone', () => { require('crypto').randomBytes(16); new Date().toLocaleString('en', { timeZone: 'Asia/Tokyo' }) })
  sync('certificates', () => require('tls').createSecureContext())
}
main()
