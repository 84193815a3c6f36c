'use strict';
// Runs hooks as the platform did, with its own compiler (npm auth0-ext-compilers): each line of the input is {"script", "body", "secrets", "headers"}, each
// line of the output {"envelope"} or, where the compiler answers nothing, {"none": why}.
const Module = require('node:module');
const readline = require('node:readline');
const compilers = require('auth0-ext-compilers');

const patience = 250; // ms
let uncaught = () => {};
process.on('uncaughtException', (e) => uncaught('threw: ' + (e && e.message)));
process.on('unhandledRejection', (e) => uncaught('rejected: ' + (e && e.message)));

// nodejsCompiler is what the platform gave the compilers: a CommonJS module's exports.
function nodejsCompiler(script, callback) {
  let f;
  try {
    const m = new Module('hook.js');
    m.filename = 'hook.js';
    m.paths = [];
    m._compile(script, 'hook.js');
    f = m.exports;
  } catch (e) {
    return callback(e);
  }
  return callback(null, f);
}

const run = ({ script, body, secrets, headers }) => new Promise((resolve) => {
  const timer = setTimeout(() => resolve({ none: 'no answer' }), patience);
  const end = (what) => {
    clearTimeout(timer);
    resolve(what);
  };
  uncaught = (none) => end({ none });
  compilers['send-phone-message']({ nodejsCompiler, script }, (error, webtask) => {
    if (error) return end({ none: 'not compiled: ' + error.message });
    const ctx = { body, secrets, headers, meta: {}, params: {}, query: {}, data: { ...secrets } };
    try {
      webtask(ctx, { method: 'POST', headers }, { writeHead() {}, end: (text) => end({ envelope: JSON.parse(text) }) });
    } catch (e) {
      end({ none: 'threw: ' + (e && e.message) });
    }
  });
});

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + '\n');
  }
})();
