'use strict';
// Loads a package: script.js, the code byte for byte; modules.cjs or node_modules, its modules; script.json. See package script.
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const vm = require('node:vm');

const parameters = ['exports', 'require', 'module', '__filename', '__dirname'];

class MissingModule extends Error {
  constructor(name) {
    super(/^\.{0,2}\//.test(name)
      ? `Cannot find module '${name}': a script has no files beside it`
      : `Cannot find module '${name}': add it to the dependencies (npm modules) of this script`);
    this.code = 'MODULE_NOT_FOUND';
  }
}

// withoutVersion makes "name" of "name@1.2.3", "@scope/name/file" of "@scope/name@1/file".
function withoutVersion(name) {
  const at = name.indexOf('@', 1);
  if (at < 0) return name;
  const slash = name.indexOf('/', at);
  return name.slice(0, at) + (slash < 0 ? '' : name.slice(slash));
}

// modulesOf returns how the script's modules are found: has(name), load(name) and link(name), which is import's.
function modulesOf(root) {
  const real = Module.createRequire(path.join(root, 'script.js'));
  const bundle = path.join(root, 'modules.cjs');
  if (fs.existsSync(bundle)) {
    const map = real(bundle);
    const get = (name) => map[name]();
    return { real, has: (name) => Object.hasOwn(map, name), load: get, link: async (name) => namespaceOf(get(name)) };
  }
  if (!fs.existsSync(path.join(root, 'node_modules'))) return { real, has: () => false };
  const installed = (name) => {
    const parts = withoutVersion(name).split('/');
    const folder = parts.slice(0, parts[0].startsWith('@') ? 2 : 1).join('/');
    return !/^[./]/.test(name) && folder !== '' && fs.existsSync(path.join(root, 'node_modules', folder));
  };
  // A module of Node's own kind, so that import() looks where the package is.
  const linker = new Module(path.join(root, 'script.js'));
  linker.filename = linker.id;
  linker._compile('module.exports = (name) => import(name)', linker.id);
  return { real, has: installed, load: (name) => real(withoutVersion(name)), link: (name) => linker.exports(withoutVersion(name)) };
}

// namespaceOf makes a module of what a bundled one exports: import() gives nothing else. The loader of data: URLs hands the value over.
const handed = [];
Object.defineProperty(globalThis, Symbol.for('countersign.bundled'), { value: (i) => handed[i] });
const made = new Map();

function namespaceOf(value) {
  if (made.has(value)) return made.get(value);
  const names = value !== null && (typeof value === 'object' || typeof value === 'function') ? Object.keys(value).filter((n) => n !== 'default' && n !== '__esModule') : [];
  const main = value && value.__esModule && 'default' in value ? value.default : value;
  handed.push([main, names.map((n) => value[n])]);
  const source = `const [d,v]=globalThis[Symbol.for("countersign.bundled")](${handed.length - 1});export default d;` +
    names.map((n, i) => `const x${i}=v[${i}];export{x${i} as ${JSON.stringify(n)}};`).join('');
  const namespace = import('data:text/javascript,' + encodeURIComponent(source));
  made.set(value, namespace);
  return namespace;
}

function requireOf(modules) {
  const { real } = modules;
  const require = (name) => {
    if (typeof name !== 'string' || name === '') throw new TypeError('require needs the name of a module');
    if (Module.isBuiltin(name)) return real(name);
    if (!modules.has(name)) throw new MissingModule(name);
    return modules.load(name);
  };
  require.resolve = (name) => {
    if (Module.isBuiltin(name) || modules.has(name)) return name;
    throw new MissingModule(name);
  };
  require.cache = real.cache;
  require.main = undefined;
  return require;
}

const importer = (modules) => async (name) => {
  if (Module.isBuiltin(name) || /^(data|node):/.test(name)) return import(name);
  if (!modules.has(name)) throw new MissingModule(name);
  return modules.link(name);
};

// compile makes a function of the text, as Node does of a CommonJS file. The code of a rule is one function expression, which needs something to its
// left to be JavaScript.
function compile(text, options, isRule) {
  if (!isRule) return vm.compileFunction(text, parameters, options);
  const left = 'module.exports = ';
  try {
    return vm.compileFunction(left + text, parameters, { ...options, columnOffset: -left.length });
  } catch (first) {
    try {
      return vm.compileFunction(text, parameters, options);
    } catch (second) {
      throw /^\s*(async\s+)?(function\b|\()/.test(text) ? first : second;
    }
  }
}

// load runs the code once and returns its module: what it exports, and may export later.
function load(root, isRule) {
  const manifest = JSON.parse(fs.readFileSync(path.join(root, 'script.json'), 'utf8'));
  const file = String(manifest.file || 'script.js');
  const text = fs.readFileSync(path.join(root, 'script.js'), 'utf8').replace(/^\uFEFF/, '');
  const modules = modulesOf(root);
  const code = compile(text, { filename: file, importModuleDynamically: importer(modules) }, isRule);
  const module = { exports: {}, id: '.', filename: path.join(root, file), loaded: false, children: [], paths: [] };
  Reflect.apply(code, module.exports, [module.exports, requireOf(modules), module, module.filename, root]);
  module.loaded = true;
  return module;
}

module.exports = { load };
