'use strict';
// What the adapter uses of the language and of Node, taken before any user code runs. The code shares the process, and may replace globals and
// prototypes by accident or on purpose: that must not change what the adapter notes of a call, nor to which call. Therefore the adapter
//   - calls nothing by its global name or through a prototype, but what is here;
//   - keeps its notes in strings and in objects without a prototype;
//   - uses no for…of, no spreading and no array patterns, which all go through Array.prototype.
const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter, errorMonitor } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { Readable } = require('node:stream');
const util = require('node:util');

const { apply } = Reflect;
const uncurry = (f) => (self, ...args) => apply(f, self, args);

module.exports = Object.freeze({
  __proto__: null,
  apply,
  uncurry,
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  Proxy,
  WeakMap,
  String,
  isNaN: Number.isNaN,
  isError: util.types.isNativeError,
  parse: JSON.parse,
  stringify: JSON.stringify,
  defineProperty: Object.defineProperty,
  freeze: Object.freeze,
  keys: Object.keys,
  getOwnPropertyNames: Object.getOwnPropertyNames,
  hasOwn: Object.hasOwn,
  indexOf: uncurry(String.prototype.indexOf),
  slice: uncurry(String.prototype.slice),
  trim: uncurry(String.prototype.trim),
  lower: uncurry(String.prototype.toLowerCase),
  isoString: uncurry(Date.prototype.toISOString),
  weakGet: uncurry(WeakMap.prototype.get),
  weakSet: uncurry(WeakMap.prototype.set),
  on: uncurry(EventEmitter.prototype.on),
  onStream: uncurry(Readable.prototype.on), // which lets the data flow
  setEncoding: uncurry(Readable.prototype.setEncoding),
  endRequest: uncurry(http.ClientRequest.prototype.end),
  runIn: uncurry(AsyncLocalStorage.prototype.run),
  storeOf: uncurry(AsyncLocalStorage.prototype.getStore),
  byteLength: Buffer.byteLength,
  bufferFrom: Buffer.from,
  bufferText: uncurry(Buffer.prototype.toString),
  isBuffer: Buffer.isBuffer,
  Date,
  now: Date.now,
  clock: performance.now.bind(performance),
  setTimeout,
  clearTimeout,
  setImmediate,
  nextTick: process.nextTick.bind(process),
  exit: process.reallyExit.bind(process),
  writeSync: fs.writeSync,
  request: http.request,
  errorMonitor,
});
