package npm

import (
	"testing"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/module"
)

func TestReal(t *testing.T) {
	b := newBuilder(t, sandbox.Full, nil)
	out := build(t, b, &module.Source{Code: `const odd = require('is-odd@3.0.1'); module.exports = (r, t, c, cb) => cb(null, odd(3))`})
	t.Logf("%+v %d %v", out.Modules, len(out.Artifact), out.Bundled)
	t.Log(load(t, out.Artifact, `console.log(m['is-odd@3.0.1']()(3))`))
	out = build(t, b, &module.Source{Code: `const AWS = require('aws-sdk')`, Dependencies: map[string]string{"aws-sdk": "2.1693.0"}})
	t.Logf("%+v %d %v", out.Modules, len(out.Artifact), out.Bundled)
}
