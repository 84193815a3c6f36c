'use strict';
// The runtime of scripts: hooks, actions and rules, of which one process takes several calls at once. It asks the Lambda Runtime API for calls, as the
// bootstrap does for functions, and gives each to the contract that _HANDLER names.
const p = require('./primordials.cjs');
const { calls, open, current, loading, only, begin, finish, toError, text, get } = require('./call.cjs');
const { fail, late } = require('./end.cjs');
const { captureConsole, captureRequests, takeEarly, line } = require('./watch.cjs');
const { load } = require('./code.cjs');
const { connect } = require('./api.cjs');

const { env } = process;
const kind = env._HANDLER;
const root = require('node:fs').realpathSync(env.LAMBDA_TASK_ROOT);
const address = env.AWS_LAMBDA_RUNTIME_API;
const memory = Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE) * 1024 * 1024;
const slots = Math.max(1, Number(env.COUNTERSIGN_CALLS) || 1);
// The scripts know no Lambda, and whatever looks for one would be misled.
for (const name of Object.keys(env)) {
  if (/^(AWS_LAMBDA_|LAMBDA_|COUNTERSIGN_|_HANDLER$|_X_AMZN_|AWS_EXECUTION_ENV$)/.test(name)) delete env[name];
}

function broken() {
  line('undefined', 'ERROR', 'the connection to the runtime broke');
  p.exit(1);
}

// full reports whether so much memory is taken that it will soon be too much, which would cost all calls at hand: of the heap, a part of which is for
// young objects alone, or in all. Code that needs much from its start on does not leak.
let served = 0;
function full() {
  if (++served < 32) return false;
  const heap = p.heapStatistics();
  return heap.used_heap_size > 0.5 * heap.heap_size_limit || heap.used_heap_size + heap.external_memory > 0.8 * memory;
}

// take asks for the next call of one slot.
function take(slot) {
  if (ending) return;
  slot.send('GET', 'next', '', '', (headers, payload) => {
    if (headers.status !== 200) p.exit(1);
    serve(slot, headers['lambda-runtime-aws-request-id'], +headers['lambda-runtime-deadline-ms'], p.parse(payload));
  });
}

function serve(slot, id, deadline, input) {
  const call = begin(id, {
    __proto__: null, body: input.body, secrets: input.secrets,
    headers: p.hasOwn(input, 'headers') ? input.headers : {}, cache: p.hasOwn(input, 'cache') ? input.cache : { __proto__: null },
  }, (answer, worn) => slot.send('POST', `${id}/response`, answer, worn ? 'Countersign-Worker: worn\r\n' : full() ? 'Countersign-Worker: full\r\n' : '', () => take(slot)));
  takeEarly(call);
  begun = true;
  if (ending) {
    call.worn = true;
    fail(kind, call, 'HookCrashed', new p.Error(ending)); // it has not begun
    return;
  }
  p.runIn(calls, call.token, () => {
    // A little earlier than the server's own limit: it would end the process, and with it the calls beside.
    const left = deadline - p.now();
    const limit = left - (left > 2500 ? 500 : left / 5);
    call.timer = p.setTimeout(() => expire(call, input.limit), input.limit < limit ? input.limit : limit);
    if (failedLoad) failLoaded(call);
    else contract.run(call, loaded);
  });
}

// expire ends a call that took too long. The process serves the calls at hand and ends: the code of this one may go on meanwhile.
function expire(call, limit) {
  if (call.done) return;
  call.worn = true;
  const answers = kind === 'hook' || kind === 'rule' ? 'the callback was never called' : 'the promise was never settled';
  const hint = call.returned ? ' (the promise that it returned was fulfilled: that is no answer here)' : '';
  const allowed = limit < 1000 ? `${limit} ms` : `${limit / 1000} s`;
  fail(kind, call, 'HookTimeout', new p.Error(`The execution exceeded its allowed time of ${allowed}: ${answers}${hint}`));
}

let contract;
let loaded;
let failedLoad = null;

function failLoaded(call) {
  const { error } = failedLoad;
  if (failedLoad.later) call.worn = true; // another process may have more luck
  if (kind !== 'hook') {
    fail(kind, call, 'HookUnloadable', error);
    return;
  }
  // The platform's words. The error's own become its description, as there.
  const shown = new p.Error('Unable to compile the extensibility code as javascript');
  const made = toError(error);
  const names = p.getOwnPropertyNames(made);
  const define = (name, value) => p.defineProperty(shown, name, { __proto__: null, value, enumerable: true, configurable: true, writable: true });
  for (let i = 0; i < names.length; i++) if (names[i] !== 'message') define(names[i], get(made, names[i]));
  define('error_description', get(made, 'message'));
  fail(kind, call, 'HookUnloadable', made, shown);
}

let begun = false; // the first call is here
let ending = '';

// fatal ends every call at hand, and the process: what nobody caught belongs to none of them, so that its state is unknown. Before the first call it is
// a script that failed to load.
function fatal(what, e) {
  const words = `${what}: ${text(get(toError(e), 'stack'), 4000)}`;
  line('undefined', 'ERROR', words);
  if (!begun) {
    if (!failedLoad) failedLoad = { error: e, later: true };
    return;
  }
  ending = words;
  for (let call = open.first; call; call = call.next) {
    call.worn = true;
    fail(kind, call, 'HookCrashed', new p.Error(words));
  }
  p.setTimeout(() => p.exit(129), open.count > 0 ? 200 : 0);
}

function uncaught(failure, what) {
  return (e) => {
    let call = current();
    if (call === undefined) call = only();
    if (call === undefined || call === loading) fatal(what, e);
    else if (!fail(kind, call, failure, e)) late(call, what, e);
  };
}
process.on('uncaughtException', uncaught('HookThrew', 'an exception that nobody caught'));
process.on('unhandledRejection', uncaught('HookRejected', 'a rejected promise that nobody caught'));

// hide leaves nothing by which the code finds the adapter's modules and connections, and in them other calls.
function hide() {
  for (const name of Object.keys(require.cache)) {
    if (!name.startsWith(__dirname)) continue;
    require.cache[name].children.length = 0;
    delete require.cache[name];
  }
  require.main.children.length = 0;
  process._getActiveHandles = process._getActiveRequests = () => [];
}

captureConsole();
captureRequests();
// The connections are there before the code is, which cannot hold them up.
const connections = [];
for (let i = 0; i < slots; i++) connections.push(connect(address, broken));
p.runIn(calls, loading, () => {
  contract = kind === 'hook' ? require('./hook.cjs') : kind === 'rule' ? require('./rule.cjs') : require('./action.cjs');
  if (kind !== 'hook' && kind !== 'rule') contract = { globals: contract.globals, run: contract.run(kind) };
  for (const name of Object.keys(contract.globals)) {
    Object.defineProperty(globalThis, name, { value: contract.globals[name], configurable: true, writable: true, enumerable: false });
  }
  if (contract.define) contract.define();
  hide();
  try {
    loaded = load(root, kind === 'rule');
  } catch (error) {
    failedLoad = { error };
  }
});
for (let i = 0; i < slots; i++) take(connections[i]);
