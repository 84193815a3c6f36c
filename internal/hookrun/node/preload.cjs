'use strict';
// Without a network of its own, a function's version 2 of aws-sdk would not find the endpoints that AWS_ENDPOINT_URL_<SERVICE> names: it
// predates them. This fills them in where the code names no endpoint itself.
// Bundled modules do not pass through Module._load: who loads them calls point.
const Module = require('node:module');

const includes = Function.prototype.call.bind(String.prototype.includes); // code may change the prototypes

function point(request, loaded) {
  const proto = includes(request, 'aws-sdk') && /(^|[/\\])aws-sdk([/\\]|$)/.test(request) && loaded && loaded.Service && loaded.Service.prototype;
  if (proto && !Object.hasOwn(proto, '__countersign')) {
    Object.defineProperty(proto, '__countersign', { value: true });
    const start = proto.initialize;
    proto.initialize = function (options) {
      const url = process.env[`AWS_ENDPOINT_URL_${String(this.serviceIdentifier || '').toUpperCase()}`];
      const own = options && options.endpoint;
      return start.call(this, url && !own ? Object.assign({}, options, { endpoint: url }) : options);
    };
  }
  return loaded;
}

const load = Module._load;
Module._load = function (request, ...rest) {
  return point(request, load.call(this, request, ...rest));
};
module.exports = point;
