'use strict';
// The Lambda Runtime API client for Node functions: loads _HANDLER from LAMBDA_TASK_ROOT, then asks for one event after another. Scripts (see
// runner.Script) are served by script/main.cjs instead.
const fs = require('node:fs');
const path = require('node:path');
const util = require('node:util');
const { pathToFileURL } = require('node:url');
const { syncBuiltinESMExports } = require('node:module');
const { AsyncLocalStorage } = require('node:async_hooks');

const env = process.env;
const isScript = env.COUNTERSIGN_CONTRACT === 'script';
delete env.COUNTERSIGN_CONTRACT;
const { hostname: host, port, pathname } = new URL('http://' + env.AWS_LAMBDA_RUNTIME_API);
const parallel = Math.max(1, Number(env.COUNTERSIGN_CALLS) || 1);
if (!isScript) delete env.COUNTERSIGN_CALLS;

// Trusts the authority of the hosts that the server answers itself, wherever the code does not choose its authorities. NODE_EXTRA_CA_CERTS does
// the same, but costs every start 20 ms, and is left to the code.
if (env.COUNTERSIGN_CA) {
  const tls = require('node:tls');
  const pem = fs.readFileSync(env.COUNTERSIGN_CA);
  delete env.COUNTERSIGN_CA;
  const make = tls.createSecureContext;
  tls.createSecureContext = (options) => {
    const made = make(options);
    if (!options?.ca) made.context.addCACert(pem);
    return made;
  };
  syncBuiltinESMExports();
}

// Output is written at once, so that it reaches its own call's log, and whoever prints without end waits for the reader.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);

// Hooks, actions and rules have a runtime of their own.
if (isScript) {
  require('./script/main.cjs');
  return;
}

const http = require('node:http');
const agent = new http.Agent({ keepAlive: true, maxSockets: parallel + 2 });
const base = pathname.replace(/\/$/, '') + '/2018-06-01/runtime/';
const { request } = http;
const { parse, stringify } = JSON;
const out = process.stdout.write.bind(process.stdout);

const calls = new AsyncLocalStorage(); // used only where one process has several calls at once
let single = null; // else the call at hand
const current = () => (parallel > 1 ? calls.getStore() : single);

// Lambda's form of a line: time, request id, level, text; line breaks inside are carriage returns there.
function say(level, args) {
  const id = current() ? current().id : 'undefined';
  out(`${new Date().toISOString()}\t${id}\t${level}\t${util.format(...args).replace(/\n/g, '\r')}\n`);
}
for (const [name, level] of [['log', 'INFO'], ['info', 'INFO'], ['debug', 'DEBUG'], ['trace', 'TRACE'], ['warn', 'WARN'], ['error', 'ERROR']]) {
  console[name] = (...args) => say(level, args);
}

function api(method, where, body, headers) {
  return new Promise((resolve, reject) => {
    const req = request({ host, port, agent, method, path: base + where, headers }, (res) => {
      const parts = [];
      res.on('data', (d) => parts.push(d));
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts).toString() }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
}

function describe(e) {
  if (util.types.isNativeError(e) || e instanceof Error) {
    return { errorType: String(e.name), errorMessage: String(e.message), trace: String(e.stack).split('\n') };
  }
  return { errorType: typeof e, errorMessage: typeof e === 'object' ? util.inspect(e) : String(e), trace: [] };
}

function report(where, error) {
  const type = error.errorType.replace(/[^\x21-\x7e]/g, '?').slice(0, 200) || 'Error';
  return api('POST', where, stringify(error), { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': type });
}

class Refused extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

// The nearest package.json at or below the package's root decides what .js means.
function isModule(file, root) {
  if (!file.endsWith('.js')) return file.endsWith('.mjs');
  for (let dir = path.dirname(file); dir.startsWith(root); dir = path.dirname(dir)) {
    try {
      return parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')).type === 'module';
    } catch (e) {
      if (e.code !== 'ENOENT') return false;
    }
  }
  return false;
}

async function load(root, handler) {
  const dir = path.dirname(handler);
  const match = /^([^.]*)\.(.+)$/.exec(path.basename(handler));
  if (!match || handler.split('/').includes('..')) throw new Refused('Runtime.MalformedHandlerName', 'Bad handler');
  const stem = path.join(root, dir, match[1]);
  const file = [stem + '.js', stem + '.mjs', stem + '.cjs'].find((f) => fs.existsSync(f));
  let mod;
  try {
    if (file && isModule(file, root)) mod = await import(pathToFileURL(file));
    else mod = require(file || stem);
  } catch (e) {
    if (e instanceof SyntaxError) throw Object.assign(new Refused('Runtime.UserCodeSyntaxError', String(e)), { stack: e.stack });
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) throw Object.assign(new Refused('Runtime.ImportModuleError', String(e)), { stack: e.stack });
    throw e;
  }
  const find = (m) => match[2].split('.').reduce((o, k) => (o === undefined || o === null ? undefined : o[k]), m);
  const f = find(mod) === undefined && mod.default ? find(mod.default) : find(mod);
  if (f === undefined) throw new Refused('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof f !== 'function') throw new Refused('Runtime.HandlerNotFound', `${handler} is not a function`);
  return f;
}

const plain = (v) => v !== Object(v) || Array.isArray(v) || [Object.prototype, null].includes(Object.getPrototypeOf(v));

// Runs the handler once; resolves with its answer, however it gives it.
function answer(handler, event, call) {
  return new Promise((resolve, reject) => {
    let promised = false;
    let settled = false;
    const settle = (error, value) => {
      if (settled) return;
      settled = true;
      process.removeListener('beforeExit', drained);
      if (error !== undefined && error !== null) reject(error);
      else resolve(value);
    };
    // A callback's answer waits until nothing is left to do, unless the code says otherwise; code that ends without any answer answers null.
    let later = null;
    function drained() {
      if (later) settle(later[0], later[1]);
      else if (promised) settle(new Refused('Runtime.NodeJsExit', 'The handler returned a promise that was never settled'));
      else settle(null, null);
    }
    process.on('beforeExit', drained);
    const callback = (error, value) => {
      if (settled || later) return;
      if (context.callbackWaitsForEmptyEventLoop && parallel === 1) later = [error, value];
      else settle(error, value);
    };
    const context = {
      callbackWaitsForEmptyEventLoop: true,
      functionName: env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
      invokedFunctionArn: call.arn,
      awsRequestId: call.id,
      clientContext: call.client,
      identity: undefined,
      getRemainingTimeInMillis: () => call.deadline - Date.now(),
      succeed: (value) => settle(null, value),
      fail: (error) => settle(error === undefined || error === null ? 'handled' : error),
      done: (error, value) => settle(error, value),
    };
    try {
      const value = handler(event, context, callback);
      if (value && typeof value.then === 'function') {
        promised = true;
        value.then((v) => settle(null, v), (e) => settle(e === undefined || e === null ? String(e) : e));
      } else if (value !== undefined && handler.length < 3 && plain(value)) {
        settle(null, value);
      }
    } catch (e) {
      settle(e === undefined || e === null ? String(e) : e);
    }
  });
}

const open = new Set();

async function one(handler) {
  const next = await api('GET', 'invocation/next');
  if (next.status !== 200) process.exit(1);
  const h = next.headers;
  const call = { id: h['lambda-runtime-aws-request-id'], arn: h['lambda-runtime-invoked-function-arn'], deadline: Number(h['lambda-runtime-deadline-ms']) };
  if (h['lambda-runtime-client-context']) {
    try {
      call.client = parse(h['lambda-runtime-client-context']);
    } catch { /* not JSON: not passed on */ }
  }
  env._X_AMZN_TRACE_ID = h['lambda-runtime-trace-id'] || '';
  const where = `invocation/${call.id}/`;
  const run = async () => {
    open.add(call);
    let body;
    try {
      const value = await answer(handler, parse(next.body), call);
      try {
        body = stringify(value === undefined ? null : value);
      } catch (e) {
        throw new Error(`Unable to stringify response body: ${e && e.message}`);
      }
      if (body === undefined) body = 'null';
    } catch (e) {
      const error = describe(e);
      say('ERROR', ['Invoke Error \t' + stringify({ errorType: error.errorType, errorMessage: error.errorMessage, stack: error.trace })]);
      open.delete(call);
      await report(where + 'error', error);
      return;
    }
    open.delete(call);
    await api('POST', where + 'response', body, { 'Content-Type': 'application/json' });
  };
  if (parallel > 1) return calls.run(call, run);
  single = call;
  await run();
}

// What nobody caught ends every call at hand, and the process: its state is unknown.
function fatal(name, e, code) {
  const error = describe(e);
  if (name === 'Runtime.UnhandledPromiseRejection') Object.assign(error, { errorType: name, errorMessage: e instanceof Error ? String(e) : error.errorMessage });
  say('ERROR', [`${name} \t` + stringify({ errorType: error.errorType, errorMessage: error.errorMessage, stack: error.trace })]);
  const posts = started ? [...open].map((c) => report(`invocation/${c.id}/error`, error)) : [report('init/error', error)];
  Promise.allSettled(posts).then(() => process.exit(code));
}
let started = false;
process.on('uncaughtException', (e) => fatal('Runtime.UncaughtException', e, 129));
process.on('unhandledRejection', (e) => fatal('Runtime.UnhandledPromiseRejection', e, 128));

(async () => {
  let handler;
  try {
    handler = await load(fs.realpathSync(env.LAMBDA_TASK_ROOT), env._HANDLER);
  } catch (e) {
    const error = describe(e);
    say('ERROR', ['Uncaught Exception \t' + stringify({ errorType: error.errorType, errorMessage: error.errorMessage, stack: error.trace })]);
    await report('init/error', error);
    process.exit(1);
  }
  started = true;
  const loop = async () => {
    for (;;) await one(handler);
  };
  for (let i = 0; i < parallel; i++) {
    loop().catch((e) => {
      out(`the connection to the runtime broke: ${e && e.message}\n`);
      process.exit(1);
    });
  }
})();
