'use strict';
// What the adapter uses of the language and of Node, taken before any user code runs. The code shares the process, and may replace globals and
// prototypes by accident or on purpose: that must not change what the adapter notes of a call, nor to which call. Therefore the adapter
//   - calls nothing by its global name or through a prototype, but what is here;
//   - keeps its notes in strings and in objects without a prototype;
//   - uses no for…of, no spreading and no array patterns, which all go through Array.prototype.
const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter, errorMonitor } = require('node:events');
const fs = require('node:fs');
const { Duplex, Readable } = require('node:stream');
const util = require('node:util');
const v8 = require('node:v8');

const { apply } = Reflect;
const uncurry = (f) => (self, ...args) => apply(f, self, args);

// keep gives an object its methods as its own, so that it does not matter what becomes of the prototypes.
function keep(object) {
  for (let proto = Object.getPrototypeOf(object); proto && proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const name of Object.getOwnPropertyNames(proto)) {
      const { value } = Object.getOwnPropertyDescriptor(proto, name);
      if (name !== 'constructor' && typeof value === 'function' && !Object.hasOwn(object, name)) {
        Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: false });
      }
    }
  }
  return object;
}

module.exports = Object.freeze({
  __proto__: null,
  apply,
  keep,
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
  streamOn: uncurry(Readable.prototype.on), // which lets the data flow
  write: uncurry(Duplex.prototype.write),
  runIn: uncurry(AsyncLocalStorage.prototype.run),
  storeOf: uncurry(AsyncLocalStorage.prototype.getStore),
  byteLength: Buffer.byteLength,
  bufferFrom: Buffer.from,
  bufferConcat: Buffer.concat,
  bufferIndexOf: uncurry(Buffer.prototype.indexOf),
  latin1: uncurry(Buffer.prototype.latin1Slice),
  utf8: uncurry(Buffer.prototype.utf8Slice),
  Date,
  now: Date.now,
  clock: performance.now.bind(performance),
  setTimeout,
  clearTimeout,
  setImmediate,
  nextTick: process.nextTick.bind(process),
  exit: process.reallyExit.bind(process),
  writeSync: fs.writeSync,
  heapStatistics: v8.getHeapStatistics,
  errorMonitor,
});
